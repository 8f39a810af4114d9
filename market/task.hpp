#pragma once

#include "market/job_spec.hpp"
#include "vm/wasi/arguments.hpp"

/// From a job's specification to what its tasks see. Provider and referee both start from here, so
/// that they cannot differ about a task's initial state.
namespace millrace::market {

/// What every program sees as its own name, `argv[0]`: a module has none on chain.
inline constexpr const char* kProgramName = "main.wasm";

/// The arguments page's content of one task.
/// Source: docs/protocol/transactions.md, "What a task sees".
[[nodiscard]] vm::TaskArguments task_arguments(const JobId& job, const JobSpec& spec,
                                               WallTime posted, std::uint32_t task);

}  // namespace millrace::market
