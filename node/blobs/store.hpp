#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>

#include "common/bytes.hpp"
#include "common/hash.hpp"
#include "common/page_stream.hpp"
#include "common/result.hpp"

namespace millrace::node {

/// Names a blob: `file_id` of its length and its region root (docs/protocol/trees.md).
using BlobId = FixedBytes<32, struct BlobIdTag>;

/// Error codes of the store.
inline constexpr int kBlobStoreIo = 20;
inline constexpr int kBlobStoreFull = 21;
inline constexpr int kBlobWrongSize = 22;

/// Files by the hash of their content, each written once: streamed to a temporary file while its
/// tree is hashed, synced, then renamed to its name, so that what is there is whole. A hard quota
/// is reserved before the first byte is taken; blobs that nobody holds make room for new ones, the
/// longest unused first.
///
/// Thread-safe. Owns `folder`; what an interrupted run left in `folder/incoming` is removed at
/// open.
class BlobStore {
  public:
    [[nodiscard]] static Result<std::unique_ptr<BlobStore>> open(std::filesystem::path folder,
                                                                 std::uint64_t quota_bytes);
    BlobStore(const BlobStore&) = delete;
    BlobStore& operator=(const BlobStore&) = delete;
    ~BlobStore();

    struct Found {
        std::filesystem::path path;
        std::uint64_t size = 0;
    };
    /// Where the blob lies, whole and verified when it was stored; its last use becomes now.
    [[nodiscard]] std::optional<Found> find(const BlobId& id);

    /// An upload of exactly `size` bytes. Destroyed before `finish`, it leaves nothing.
    class Upload {
      public:
        Upload(BlobStore& store, std::filesystem::path path, int fd, std::uint64_t size);
        ~Upload();
        Upload(const Upload&) = delete;
        Upload& operator=(const Upload&) = delete;
        [[nodiscard]] Status<> write(ByteView piece);
        /// Durable under its id on return.
        [[nodiscard]] Result<BlobId> finish();

      private:
        BlobStore& store_;
        std::filesystem::path path_;
        int fd_;
        std::uint64_t size_;
        PageTreeHasher hasher_;
        bool is_finished_ = false;
    };
    /// Reserves the room, evicting where it must; refuses with `kBlobStoreFull` before anything
    /// moves.
    [[nodiscard]] Result<std::unique_ptr<Upload>> begin(std::uint64_t size);
    /// Stores bytes that are in memory already.
    [[nodiscard]] Result<BlobId> put(ByteView content);
    /// Whole content of a small blob; none when absent or above `size_max`.
    [[nodiscard]] Result<std::optional<Bytes>> read(const BlobId& id, std::uint64_t size_max);

    /// These, whether they are here or yet to come, are never evicted, and no others: replaces the
    /// set of the last call. It is the caller's memory and is given again after a start.
    void hold(std::set<BlobId> blobs);

    struct Usage {
        std::uint64_t bytes = 0;
        std::uint64_t quota_bytes = 0;
        std::uint64_t blobs = 0;
    };
    [[nodiscard]] Usage usage() const;

  private:
    struct Entry {
        std::uint64_t size = 0;
        std::uint64_t last_use = 0;
    };
    BlobStore(std::filesystem::path folder, std::uint64_t quota_bytes);
    [[nodiscard]] Status<> load();
    [[nodiscard]] std::filesystem::path path_of(const BlobId& id) const;
    [[nodiscard]] Status<> reserve(std::uint64_t size);
    void release(std::uint64_t size);

    std::filesystem::path folder_;
    std::uint64_t quota_bytes_;
    mutable std::mutex mutex_;
    // Guarded by mutex_, as all below.
    std::map<BlobId, Entry> entries_;
    std::set<BlobId> held_;
    std::uint64_t used_bytes_ = 0;
    std::uint64_t clock_ = 0;
    std::uint64_t uploads_ = 0;
};

}  // namespace millrace::node
