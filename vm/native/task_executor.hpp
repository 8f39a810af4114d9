#pragma once

#include <functional>

#include "vm/native/worker_protocol.hpp"

namespace millrace::vm {

/// Runs one task in this process: what `millrace-worker` does between its two frames. Reads the
/// module and inputs that the job names, writes the output where the job says.
/// `tell` gets the events on the way; when it returns false the run stops at the next boundary or
/// write and comes back as a refusal.
[[nodiscard]] Result<WorkerDone, WorkerRefused> execute_task(
    const WorkerJob& job, const std::function<bool(const WorkerEvent&)>& tell);

}  // namespace millrace::vm
