#pragma once

#include <filesystem>
#include <span>

#include "vm/machine/claim.hpp"
#include "wallet/job_results.hpp"
#include "wallet/trees.hpp"

/// A job's outputs into a folder.
namespace millrace::wallet {

struct FetchOptions {
    std::filesystem::path output;
    /// All tasks' trees laid over one another, instead of a folder for each.
    bool flat = false;
    /// Replace files that are there.
    bool overwrite = false;
};

struct FetchReport {
    std::string folder;
    std::uint32_t tasks = 0;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(FetchReport, (), (folder, tasks, files, bytes))

/// Where one task's output goes: the folder itself for a job of one task or when flat, else
/// `task-00000` in it.
[[nodiscard]] std::filesystem::path task_folder(const FetchOptions& options, std::uint32_t tasks,
                                                std::uint32_t task);

/// Refuses folders that are not empty and names that are no folder, unless files may be replaced;
/// what was paid for can be put there afterwards.
[[nodiscard]] Try<Ok> check_free(const FetchOptions& options, std::uint32_t tasks);

/// Ends of a task's standard output and error as the claim's hash has them; none where the node
/// does not keep them.
[[nodiscard]] Try<std::optional<vm::Tails>> fetch_tails(Context& context,
                                                        const TaskOutcome& outcome);

/// Fetches the output trees of the settled tasks, each verified against the root in its claim,
/// and writes them out, with what each wrote to its streams as `task-00000.stdout` and `.stderr`
/// beside them when there are several tasks. They come from any of the nodes that the context
/// names; a fetch that was broken off goes on when it is tried again. Refuses, before anything is
/// written, folders that are not empty and, when flat, two tasks that write the same file.
[[nodiscard]] Try<FetchReport> fetch_outputs(Context& context, const FetchOptions& options,
                                             std::uint32_t tasks,
                                             std::span<const TaskOutcome> outcomes);

}  // namespace millrace::wallet
