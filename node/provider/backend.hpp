#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>

#include "common/result.hpp"
#include "market/query.hpp"
#include "node/blobs/store.hpp"
#include "vm/machine/claim.hpp"

namespace millrace::node {

/// One task to be run: everything that its initial state follows from.
struct TaskOrder {
    JobId job;
    market::JobSpec spec;
    WallTime posted;
    std::uint32_t task = 0;
    /// The module's blob, here and pinned.
    BlobId module;
    /// Wall time after which the result can no longer be of use; the run is killed then.
    std::chrono::milliseconds time_left{0};
};

/// Hears on the running thread, now and then, of the gas used so far and of the ends of standard
/// output and error.
using ProgressListener = std::function<void(Gas, vm::Tails)>;

/// Where tasks run: this machine, later a cluster. Called from the provider's pool, several at
/// once.
class Backend {
  public:
    virtual ~Backend() = default;
    /// Runs one task to its end, with its output and tails stored as blobs before it returns. An
    /// error is a fault of this machine, never a result: a trap or a bad exit is a claim like any
    /// other. Gives up soon after `is_cancelled` turns true, and when the order's time is over;
    /// nothing of the run goes on after it has returned.
    [[nodiscard]] virtual Result<market::Claim> run(const TaskOrder& order,
                                                    const std::atomic<bool>& is_cancelled,
                                                    const ProgressListener& progress) = 0;
    /// Makes sure that module and input are on this machine.
    [[nodiscard]] virtual Status<> prepare(const market::JobSpec& spec, const BlobId& module) = 0;
    /// Whether what a lot's tasks leave would find room now. Asked before a lease is started: work
    /// whose result cannot be kept costs the lease.
    [[nodiscard]] virtual Status<> check_room(const market::JobSpec& spec) = 0;
};

}  // namespace millrace::node
