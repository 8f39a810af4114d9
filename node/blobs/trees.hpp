#pragma once

#include <compare>
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

/// Results that a provider keeps at a time: one every 0.6 s for a week. About a KiB of memory each,
/// with their blobs.
inline constexpr std::size_t kOwnResultsMax = std::size_t{1} << 20U;

/// Trees of files by their root: the list of blobs that a tree travels in (docs/protocol/files.md).
/// The blobs themselves lie in the blob store; a manifest needs no trust, as the root checks it.
///
/// What was sent here has one bound; the oldest of it that nobody holds is deleted when there is
/// too much. What the tasks of this node's provider left has another: nobody who sends lists of
/// trees can take the room of results for which stake answers. Thread-safe.
class TreeStore {
  public:
    /// Most bytes of what was sent; each file counts a disk block at least, so that this bounds
    /// their number too.
    static constexpr std::uint64_t kBytesMax = 512ULL << 20U;
    static constexpr std::uint64_t kFileBytesMin = 4096;
    /// Most bytes of what the provider's tasks left: two files a result.
    static constexpr std::uint64_t kOwnBytesMax = kOwnResultsMax * 2 * kFileBytesMin;
    struct Bounds {
        std::uint64_t sent_bytes = kBytesMax;
        std::uint64_t own_bytes = kOwnBytesMax;
    };

    [[nodiscard]] static Result<std::unique_ptr<TreeStore>> open(std::filesystem::path folder,
                                                                 BlobStore& blobs,
                                                                 const Bounds& bounds);
    [[nodiscard]] static Result<std::unique_ptr<TreeStore>> open(std::filesystem::path folder,
                                                                 BlobStore& blobs) {
        return open(std::move(folder), blobs, Bounds{});
    }
    TreeStore(const TreeStore&) = delete;
    TreeStore& operator=(const TreeStore&) = delete;

    /// Keeps a manifest all of whose blobs are in the store; gives its root. The error names a
    /// missing blob. Refuses with `kBlobStoreFull`.
    [[nodiscard]] Result<TreeRoot> put(const vm::TreeManifest& manifest);
    /// The same for what a task of this node's provider left, and the ends of its standard output
    /// and error. Never refused for want of room: `has_own_room` was asked before it was run.
    [[nodiscard]] Result<TreeRoot> put_output(const vm::TreeManifest& manifest);
    [[nodiscard]] Status<> put_tails(const vm::Tails& tails);
    /// Whether so many more results find room.
    [[nodiscard]] bool has_own_room(std::size_t results);
    /// The manifest of a tree that is here whole; none otherwise.
    [[nodiscard]] Result<std::optional<vm::TreeManifest>> find(const TreeRoot& root);
    /// By the hash that a claim holds.
    [[nodiscard]] Result<std::optional<vm::Tails>> find_tails(const Hash& hash);
    /// The blobs of a tree whose manifest is here, whether they are or not; none otherwise. Fails
    /// where the disk cannot be read: then nobody knows what the tree needs.
    [[nodiscard]] Result<std::vector<BlobId>> blobs_of(const TreeRoot& root);
    /// What is never deleted: lists of what tasks read, and what the provider's tasks left.
    /// Replaces the sets of the last call. Where they are not complete, nothing is deleted until
    /// the next call.
    void hold(const std::set<TreeRoot>& read, const std::set<TreeRoot>& left,
              const std::set<Hash>& tails, bool is_complete = true);
    /// Adds one result to the sets until the next call of `hold`.
    void hold_also(const TreeRoot& left, const Hash& tails);
    /// The same as `hold` for what people asked to keep.
    void pin(const std::set<TreeRoot>& trees, const std::set<Hash>& tails, bool is_complete = true);

  private:
    /// A file, as it is kept in memory by the million.
    struct Name {
        Hash hash;
        bool is_tails = false;
        friend auto operator<=>(const Name&, const Name&) = default;
    };
    using Names = std::set<Name>;
    struct Entry {
        std::uint64_t bytes = 0;
        std::uint64_t written = 0;
    };
    enum class Origin : std::uint8_t { sent, own };

    TreeStore(std::filesystem::path folder, BlobStore& blobs, const Bounds& bounds)
        : folder_(std::move(folder)), blobs_(blobs), bounds_(bounds) {}
    static Name tree_name(const TreeRoot& root);
    static Name tails_name(const Hash& hash);
    static std::optional<Name> name_of(const std::filesystem::path& file);
    [[nodiscard]] std::filesystem::path path_of(const Name& name) const;
    [[nodiscard]] Status<> load();
    [[nodiscard]] Result<TreeRoot> put_from(const vm::TreeManifest& manifest, Origin origin);
    /// Writes one file; what is sent, after the oldest that nobody holds have made room for it.
    [[nodiscard]] Status<> write(const Name& name, ByteView raw, Origin origin);
    void note(const Name& name, std::uint64_t bytes);
    [[nodiscard]] bool make_room(std::uint64_t bytes);
    void add_own(const Name& name);

    std::filesystem::path folder_;
    BlobStore& blobs_;
    Bounds bounds_;
    std::mutex mutex_;
    // Guarded by mutex_, as all below.
    std::map<Name, Entry> files_;
    std::map<std::uint64_t, Name> by_age_;
    Names read_;
    Names own_;
    Names pinned_;
    bool is_held_complete_ = true;
    bool is_pinned_complete_ = true;
    std::uint64_t bytes_ = 0;
    /// Of `own_`, as far as they are here.
    std::uint64_t own_bytes_ = 0;
    std::uint64_t writes_ = 0;
};

/// The blob of one region of a tree.
[[nodiscard]] BlobId blob_of(const vm::TreeRegion& region);

}  // namespace millrace::node
