#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "market/query.hpp"
#include "vm/machine/claim.hpp"
#include "wallet/client.hpp"

/// What has become of a job, for people and programs. Pure.
namespace millrace::wallet {

/// Nothing of the job can change any more by itself.
[[nodiscard]] bool has_ended(const market::JobView& job);
/// Tasks that will not move on: settled, failed or disputed.
[[nodiscard]] std::uint32_t ended_tasks(const market::JobView& job);
/// One word for where the job is: "waiting", "running", "checking", "done".
[[nodiscard]] std::string_view phase_of(const market::JobView& job);

/// One row of `job_progress`: how far a task is that runs on the node right now.
struct RunningTask {
    std::uint32_t task = 0;
    LeaseId lease;
    /// Some seconds old; 0 until there is something to tell.
    Gas gas_used;
    Gas gas_limit;
    vm::Tails tail;
};
BOOST_DESCRIBE_STRUCT(RunningTask, (), (task, lease, gas_used, gas_limit, tail))
/// Each task once, by index: of its leases the one that is furthest.
[[nodiscard]] std::vector<RunningTask> furthest(std::vector<RunningTask> rows);
/// Share of its gas that a task has used, 0 to 100. It may end well before 100.
[[nodiscard]] std::uint64_t gas_percent(const RunningTask& row);

/// "3 open, 4 running, 1 checking, 56 settled": states that occur, in the order of a task's life.
/// Of running tasks that tell it, the share of gas: "2 running (task 3: 40% of its gas)".
[[nodiscard]] std::string progress_detail(const market::JobView& job,
                                          std::span<const RunningTask> running = {});

/// One task's end; its result is that of the first claim, as all claims of a settled task agree.
struct TaskOutcome {
    std::uint32_t task = 0;
    market::TaskState state = market::TaskState::open;
    std::optional<market::TaskResult> result;
};
BOOST_DESCRIBE_STRUCT(TaskOutcome, (), (task, state, result))
[[nodiscard]] TaskOutcome outcome_of(const market::TaskView& task);
/// "exit 0", "exit 3", "trap: unreachable in function 12", "out of gas", "failed", "open".
[[nodiscard]] std::string outcome_text(const TaskOutcome& outcome);
/// Settled, and the program ended with exit code 0.
[[nodiscard]] bool is_success(const TaskOutcome& outcome);

struct JobSummary {
    JobId job;
    market::JobState state = market::JobState::open;
    std::uint32_t tasks = 0;
    std::uint32_t succeeded = 0;
    /// Settled and paid, with another exit code than 0.
    std::uint32_t exited_nonzero = 0;
    std::uint32_t trapped = 0;
    std::uint32_t out_of_gas = 0;
    std::uint32_t failed = 0;
    std::uint32_t disputed = 0;
    std::uint32_t unfinished = 0;
    /// Of settled tasks.
    Gas gas;
    Gas gas_max;
    /// Clearing prices of the leases that were looked at; none when none was.
    std::optional<Price> price_low;
    std::optional<Price> price_high;
    Amount paid;
    Amount refunded;
    /// Paid divided by settled tasks, rounded up.
    Amount paid_per_task;
    /// The block in which the last of it was done and paid; none while it goes on, and when the
    /// node keeps no history of it.
    std::optional<Height> closed;
};
BOOST_DESCRIBE_STRUCT(JobSummary, (),
                      (job, state, tasks, succeeded, exited_nonzero, trapped, out_of_gas, failed,
                       disputed, unfinished, gas, gas_max, price_low, price_high, paid, refunded,
                       paid_per_task, closed))
[[nodiscard]] JobSummary summarise(const market::JobView& job, std::span<const TaskOutcome> tasks,
                                   std::span<const Price> prices);
[[nodiscard]] std::string summary_text(const JobSummary& summary);
/// Why the job is no success, with the first tasks that are not; none when all succeeded.
[[nodiscard]] std::optional<Failure> failure_of(const JobSummary& summary,
                                                std::span<const TaskOutcome> tasks);

}  // namespace millrace::wallet
