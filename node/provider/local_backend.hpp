#pragma once

#include <filesystem>

#include "node/blobs/trees.hpp"
#include "node/provider/backend.hpp"
#include "vm/native/worker_client.hpp"

namespace millrace::node {

/// What the owner of this machine gives to tasks.
struct LocalLimits {
    /// For all tasks that run at once, bytes; shared by what their jobs ask for.
    std::uint64_t memory_bytes = std::uint64_t{4} << 30;
    std::filesystem::path worker = vm::default_worker_program();
};

/// Runs tasks on this machine, each in a `millrace-worker` of its own, one core each.
class LocalBackend final : public Backend {
  public:
    /// `scratch` is emptied at start and holds outputs on their way into the store.
    LocalBackend(BlobStore& blobs, TreeStore& trees, std::filesystem::path scratch,
                 LocalLimits limits);

    /// Refuses beside what the port says: a task that the owner's memory has no room for, now or at
    /// all.
    [[nodiscard]] Result<market::Claim> run(const TaskOrder& order,
                                            const std::atomic<bool>& is_cancelled,
                                            const ProgressListener& progress) override;
    [[nodiscard]] Status<> prepare(const market::JobSpec& spec, const BlobId& module) override;
    /// Room for one task's largest output, and for the lists and tails of all.
    [[nodiscard]] Status<> check_room(const market::JobSpec& spec) override;

  private:
    [[nodiscard]] static Result<std::filesystem::path> check_stdin(
        const market::JobStdin& wanted, const std::optional<BlobStore::Found>& found);
    [[nodiscard]] Result<vm::WorkerJob> worker_job(const TaskOrder& order,
                                                   const std::filesystem::path& output) const;
    [[nodiscard]] Status<> keep_output(const vm::WorkerDone& done,
                                       const std::filesystem::path& output,
                                       const std::atomic<bool>& is_cancelled);
    BlobStore& blobs_;
    TreeStore& trees_;
    /// Takes `bytes` of the owner's memory; false when that is not free.
    [[nodiscard]] bool take_memory(std::uint64_t bytes);

    std::filesystem::path scratch_;
    LocalLimits limits_;
    std::atomic<std::uint64_t> memory_taken_{0};
    std::atomic<std::uint64_t> runs_{0};
};

}  // namespace millrace::node
