#pragma once

#include <filesystem>

#include "node/blobs/trees.hpp"
#include "node/provider/backend.hpp"
#include "vm/native/worker_client.hpp"

namespace millrace::node {

/// Runs tasks on this machine, each in a `millrace-worker` of its own.
class LocalBackend final : public Backend {
  public:
    /// `scratch` is emptied at start and holds outputs on their way into the store.
    LocalBackend(BlobStore& blobs, TreeStore& trees, std::filesystem::path scratch);

    [[nodiscard]] Result<market::Claim> run(const TaskOrder& order,
                                            const std::atomic<bool>& is_cancelled) override;
    [[nodiscard]] Status<> prepare(const market::JobSpec& spec, const BlobId& module) override;

  private:
    [[nodiscard]] Result<std::filesystem::path> find_stdin(const market::JobStdin& wanted) const;
    [[nodiscard]] Result<vm::WorkerJob> worker_job(const TaskOrder& order,
                                                   const std::filesystem::path& output) const;
    [[nodiscard]] Status<> keep_output(const vm::WorkerDone& done,
                                       const std::filesystem::path& output);
    BlobStore& blobs_;
    TreeStore& trees_;
    std::filesystem::path scratch_;
    std::atomic<std::uint64_t> runs_{0};
};

}  // namespace millrace::node
