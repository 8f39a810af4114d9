#pragma once

#include <boost/describe.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <vector>

#include "common/units.hpp"
#include "vm/machine/claim.hpp"

namespace millrace::node {

/// How far one running task of this provider is. What the RPC's `job_progress` answers.
struct TaskProgress {
    std::uint32_t task = 0;
    LeaseId lease;
    /// At the last boundary: some seconds old in a long task.
    Gas gas_used;
    Gas gas_limit;
    /// The last 4,096 bytes, or all, of standard output and error at that boundary.
    vm::Tails tail;
    friend bool operator==(const TaskProgress&, const TaskProgress&) = default;
};
BOOST_DESCRIBE_STRUCT(TaskProgress, (), (task, lease, gas_used, gas_limit, tail))

/// The tasks that run on this machine right now. The provider's pool writes, the RPC reads; safe
/// from any thread. Bounded by the pool: a row a running task, gone when the task ends, in whatever
/// way. Nothing here is on chain or proven: it is what this machine says of itself.
class ProgressTable {
  public:
    /// A row for as long as it lives; the task's thread owns it. The table outlives it.
    class Running {
      public:
        Running(ProgressTable& table, const JobId& job, const LeaseId& lease, std::uint32_t task,
                Gas gas_limit);
        ~Running();
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;
        /// Takes the place of what was told before.
        void tell(Gas gas_used, vm::Tails tail);

      private:
        ProgressTable& table_;
        std::tuple<JobId, LeaseId, std::uint32_t> key_;
    };

    /// The running tasks of a job, by lease and index; empty where none runs here.
    [[nodiscard]] std::vector<TaskProgress> of_job(const JobId& job) const;
    /// One task: of several leases the one that is furthest. None when it does not run here.
    [[nodiscard]] std::optional<TaskProgress> of_task(const JobId& job, std::uint32_t task) const;

    /// Tasks that run here now.
    [[nodiscard]] std::size_t size() const;

  private:
    using Key = std::tuple<JobId, LeaseId, std::uint32_t>;
    mutable std::mutex mutex_;
    /// Guarded by mutex_.
    std::map<Key, TaskProgress> rows_;
};

}  // namespace millrace::node
