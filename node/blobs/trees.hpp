#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>

#include "node/blobs/store.hpp"
#include "vm/machine/claim.hpp"
#include "vm/wasi/tree.hpp"

namespace millrace::node {

/// Trees of files by their root: the list of blobs that a tree travels in (docs/protocol/files.md).
/// The blobs themselves lie in the blob store; a manifest needs no trust, as the root checks it.
/// Thread-safe.
class TreeStore {
  public:
    [[nodiscard]] static Result<std::unique_ptr<TreeStore>> open(std::filesystem::path folder,
                                                                 BlobStore& blobs);
    TreeStore(const TreeStore&) = delete;
    TreeStore& operator=(const TreeStore&) = delete;

    /// Keeps a manifest all of whose blobs are in the store; gives its root. The error names a
    /// missing blob.
    [[nodiscard]] Result<TreeRoot> put(const vm::TreeManifest& manifest);
    /// The manifest of a tree that is here whole; none otherwise.
    [[nodiscard]] Result<std::optional<vm::TreeManifest>> find(const TreeRoot& root);
    /// The ends of a task's standard output and error, by the hash that its claim holds.
    [[nodiscard]] Status<> put_tails(const vm::Tails& tails);
    [[nodiscard]] Result<std::optional<vm::Tails>> find_tails(const Hash& hash);
    /// Pins and unpins all blobs of a tree that is here.
    void pin(const TreeRoot& root);
    void unpin(const TreeRoot& root);

  private:
    TreeStore(std::filesystem::path folder, BlobStore& blobs)
        : folder_(std::move(folder)), blobs_(blobs) {}
    [[nodiscard]] std::filesystem::path path_of(const TreeRoot& root) const;
    [[nodiscard]] Status<> write(const std::filesystem::path& path, ByteView raw);
    std::filesystem::path folder_;
    BlobStore& blobs_;
    std::mutex mutex_;
};

/// The blob of one region of a tree.
[[nodiscard]] BlobId blob_of(const vm::TreeRegion& region);

}  // namespace millrace::node
