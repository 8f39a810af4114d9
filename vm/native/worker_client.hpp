#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>

#include "vm/native/worker_protocol.hpp"

/// Runs tasks in processes of their own, so that whatever a program or a bug of ours does there
/// ends as a failed task, never as a failed node.
namespace millrace::vm {

/// Address space that a worker needs whatever its task: the reservations of linear memory and stack
/// (about 5 GiB), program and libraries, the lowered module, pages of inputs that have been read.
inline constexpr std::uint64_t kWorkerReservations = std::uint64_t{8} << 30;

struct WorkerSetup {
    std::filesystem::path program;  ///< `millrace-worker`, beside the program that starts it
    /// Wall time after which the worker is killed.
    std::chrono::milliseconds deadline{std::chrono::hours{24}};
    std::uint64_t cpu_seconds = 86'400;
    /// Address space beyond twice the job's memory limit.
    std::uint64_t address_space_extra = kWorkerReservations + (std::uint64_t{4} << 30);
};

/// Why there is no result. A task that trapped or ran out of gas does have one.
struct WorkerFailure {
    enum class Kind : std::uint8_t {
        not_started = 1,  ///< the process could not be made
        refused = 2,      ///< it said so itself
        crashed = 3,      ///< it ended without a word, or broke the protocol
        deadline = 4,     ///< it was killed at its deadline
        stopped = 5,      ///< `stop` was set
    };
    Kind kind = Kind::crashed;
    WorkerBlame blame = WorkerBlame::machine;
    std::string sentence;
};

/// Progress and streams on the way; called on the thread that waits.
using WorkerObserver = std::function<void(const WorkerEvent&)>;

/// Starts a worker, hands it the job, and waits for its end, at most until the deadline or until
/// `stop` is set (seen within 100 ms). The process is gone when this returns. Blocking: call it
/// from a thread that may wait. Safe to call from several threads.
[[nodiscard]] Result<WorkerDone, WorkerFailure> run_in_worker(const WorkerSetup& setup,
                                                              const WorkerJob& job,
                                                              const WorkerObserver& observer,
                                                              const std::atomic<bool>& stop);

/// `millrace-worker` beside the running program.
[[nodiscard]] std::filesystem::path default_worker_program();

}  // namespace millrace::vm
