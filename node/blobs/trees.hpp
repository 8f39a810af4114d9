#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/blobs/store.hpp"
#include "vm/machine/claim.hpp"
#include "vm/wasi/tree.hpp"

namespace millrace::node {

/// Trees of files by their root: the list of blobs that a tree travels in (docs/protocol/files.md).
/// The blobs themselves lie in the blob store; a manifest needs no trust, as the root checks it.
/// The oldest of those that nobody holds are deleted when there are too many. Thread-safe.
class TreeStore {
  public:
    /// Most bytes of manifests and tails together; each counts a disk block at least, so that this
    /// bounds their number too.
    static constexpr std::uint64_t kBytesMax = 512ULL << 20U;
    static constexpr std::uint64_t kFileBytesMin = 4096;

    [[nodiscard]] static Result<std::unique_ptr<TreeStore>> open(
        std::filesystem::path folder, BlobStore& blobs, std::uint64_t bytes_max = kBytesMax);
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
    /// The blobs of a tree whose manifest is here, whether they are or not; none otherwise. Fails
    /// where the disk cannot be read: then nobody knows what the tree needs.
    [[nodiscard]] Result<std::vector<BlobId>> blobs_of(const TreeRoot& root);
    /// Manifests and tails that are never deleted; replaces the sets of the last call. Where they
    /// are not complete, nothing is deleted until the next call.
    void hold(const std::set<TreeRoot>& trees, const std::set<Hash>& tails,
              bool is_complete = true);
    /// Adds one result to the sets until the next call of `hold`.
    void hold_also(const TreeRoot& tree, const Hash& tails);
    /// The same as `hold` for what people asked to keep.
    void pin(const std::set<TreeRoot>& trees, const std::set<Hash>& tails, bool is_complete = true);

  private:
    TreeStore(std::filesystem::path folder, BlobStore& blobs, std::uint64_t bytes_max)
        : folder_(std::move(folder)), blobs_(blobs), bytes_max_(bytes_max) {}
    [[nodiscard]] Status<> load();
    /// Writes one file, after the oldest that nobody holds have made room for it.
    [[nodiscard]] Status<> write(const std::string& name, ByteView raw);
    void note(const std::string& name, std::uint64_t bytes);
    [[nodiscard]] bool make_room(std::uint64_t bytes);

    struct Entry {
        std::uint64_t bytes = 0;
        std::uint64_t written = 0;
    };
    std::filesystem::path folder_;
    BlobStore& blobs_;
    std::uint64_t bytes_max_;
    std::mutex mutex_;
    // Guarded by mutex_, as all below.
    std::map<std::string, Entry> files_;
    std::map<std::uint64_t, std::string> by_age_;
    std::set<std::string> held_;
    std::set<std::string> pinned_;
    bool is_held_complete_ = true;
    bool is_pinned_complete_ = true;
    std::uint64_t bytes_ = 0;
    std::uint64_t writes_ = 0;
};

/// The blob of one region of a tree.
[[nodiscard]] BlobId blob_of(const vm::TreeRegion& region);

}  // namespace millrace::node
