#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/bytes.hpp"
#include "common/chunk_list.hpp"
#include "common/hash.hpp"
#include "common/page_stream.hpp"
#include "common/result.hpp"
#include "node/blobs/blob_file.hpp"

namespace millrace::node {

/// Names a blob: `file_id` of its length and its region root (docs/protocol/trees.md).
using BlobId = FixedBytes<32, struct BlobIdTag>;

/// Blobs that a store holds, whole or arriving: some 200 bytes of memory each.
inline constexpr std::size_t kBlobsMax = std::size_t{1} << 20U;
/// A blob counts whole disk blocks, so that a quota's worth of tiny ones does not fill the disk.
inline constexpr std::uint64_t kBlobBlockBytes = 4096;
/// What blobs leave free on their disk: the ledger beside them must go on.
inline constexpr std::uint64_t kDiskSlackBytes = 64ULL << 20U;

/// Chunks `[first, first + count)` of a blob.
struct ChunkSpan {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    friend bool operator==(const ChunkSpan&, const ChunkSpan&) = default;
};
BOOST_DESCRIBE_STRUCT(ChunkSpan, (), (first, count))

/// Files by the hash of their content. What lies under a blob's name is whole, was verified and is
/// on the disk; what is on its way lies in `folder/incoming`.
///
/// A blob comes in one of two ways. `begin` takes bytes whose id is not known before their end and
/// forgets them when they stop. `announce` takes the list of chunks first, so that each chunk is
/// verified as it comes, chunks that other blobs have are copied here instead of sent, and what has
/// arrived outlives a broken connection and a restart.
///
/// The quota is hard and reserved before the first byte. Blobs that nobody holds or pins, and
/// announced ones that nobody is sending, make room, the longest unused first; nothing goes when
/// all of it would not be enough.
///
/// Thread-safe. Owns `folder`.
class BlobStore {
  public:
    /// Free bytes of the disk under a path; a port for tests.
    using DiskFree = std::function<std::uint64_t(const std::filesystem::path&)>;
    [[nodiscard]] static Result<std::unique_ptr<BlobStore>> open(
        std::filesystem::path folder, std::uint64_t quota_bytes,
        DiskFree disk_free = free_disk_bytes);
    BlobStore(const BlobStore&) = delete;
    BlobStore& operator=(const BlobStore&) = delete;
    ~BlobStore();

    struct Found {
        std::filesystem::path path;
        std::uint64_t size = 0;
    };
    /// Where the blob lies, whole and verified when it was stored; its last use becomes now.
    [[nodiscard]] std::optional<Found> find(const BlobId& id);
    /// The same once its bytes were looked at: after a start, and whenever the file was written to
    /// since. What is damaged is removed, with a line in the log, and can be sent anew. For what
    /// must not be wrong: results that stake answers for. Fails where the disk cannot be read.
    /// Cost: hashes the blob the first time, and holds no lock meanwhile.
    [[nodiscard]] Result<std::optional<Found>> find_sound(const BlobId& id);
    /// Whole content of a small blob; none when absent or above `size_max`.
    [[nodiscard]] Result<std::optional<Bytes>> read(const BlobId& id, std::uint64_t size_max);
    /// The chunks of a blob that is here; none otherwise.
    [[nodiscard]] Result<std::optional<ChunkList>> chunks(const BlobId& id);

    /// An upload of exactly `size` bytes. Destroyed before `finish`, it leaves nothing.
    class Upload {
      public:
        Upload(BlobStore& store, BlobFile file, std::uint64_t size);
        ~Upload();
        Upload(const Upload&) = delete;
        Upload& operator=(const Upload&) = delete;
        [[nodiscard]] Status<> write(ByteView piece);
        /// Durable under its id on return.
        [[nodiscard]] Result<BlobId> finish();

      private:
        BlobStore& store_;
        BlobFile file_;
        std::uint64_t size_;
        PageTreeHasher hasher_;
        bool is_finished_ = false;
    };
    /// Reserves the room, evicting where it must; refuses with `kBlobStoreFull` before anything
    /// moves.
    [[nodiscard]] Result<std::unique_ptr<Upload>> begin(std::uint64_t size);
    /// Whether an upload of `size` bytes would find room now; nothing moves. Refuses:
    /// `kBlobStoreFull`.
    [[nodiscard]] Status<> check_room(std::uint64_t size) const;
    /// Stores bytes that are in memory already.
    [[nodiscard]] Result<BlobId> put(ByteView content);

    /// How far a blob has come.
    struct Announced {
        BlobId id;
        bool is_here = false;
        /// Chunks that were not looked for on this machine yet: announce again.
        std::uint32_t unlooked = 0;
        /// What is not here, ascending.
        std::vector<ChunkSpan> missing;
    };
    /// Reserves room for a blob and takes what other blobs have of it, a bounded part a call; a
    /// second call goes on. Refuses: `kBlobBadList`, `kBlobStoreFull`.
    [[nodiscard]] Result<Announced> announce(const ChunkList& list);

    /// A stretch of an announced blob. What was verified stays when it is destroyed early.
    class Part;
    /// `offset` begins a chunk; `offset + size` ends one, or the blob. Refuses: `kBlobUnknown`,
    /// `kBlobBadRange`.
    [[nodiscard]] Result<std::unique_ptr<Part>> part(const BlobId& id, std::uint64_t offset,
                                                     std::uint64_t size);

    struct State {
        bool is_here = false;
        /// Announced, and not whole yet.
        bool is_arriving = false;
        /// Never evicted: needed or pinned.
        bool is_held = false;
        std::uint64_t size = 0;
        std::vector<ChunkSpan> missing;
    };
    /// What is known of a blob; nothing changes by asking.
    [[nodiscard]] State state(const BlobId& id) const;
    /// Places in the list of those chunks that no blob here has.
    [[nodiscard]] std::vector<std::uint32_t> missing(std::span<const Hash> chunks) const;

    /// These, whether they are here or yet to come, are never evicted, and no others: replaces the
    /// set of the last call. It is the caller's memory and is given again after a start. Where the
    /// set is not complete, nothing at all is evicted until the next call: what has no room is
    /// refused.
    void hold(std::set<BlobId> blobs, bool is_complete = true);
    /// Adds to the set until the next call of `hold`.
    void hold_also(const std::vector<BlobId>& blobs);
    /// The same as `hold` for what people asked to keep.
    void pin(std::set<BlobId> blobs, bool is_complete = true);

    /// The node ends: whoever hashes a file, which may take as long as reading gigabytes does,
    /// gives up with `kBlobStopping`, and nothing is said of the blob. From any thread.
    void stop() { is_stopping_ = true; }

    struct Usage {
        std::uint64_t bytes = 0;
        std::uint64_t quota_bytes = 0;
        std::uint64_t blobs = 0;
    };
    [[nodiscard]] Usage usage() const;

  private:
    /// Says that a file is still the one that was looked at.
    struct Stamp {
        std::uint64_t inode = 0;
        std::int64_t changed_s = 0;
        std::int64_t changed_ns = 0;
        friend bool operator==(const Stamp&, const Stamp&) = default;
    };
    struct Entry {
        std::uint64_t size = 0;
        std::uint64_t last_use = 0;
        /// The file whose bytes were found to be the blob's.
        std::optional<Stamp> sound;
    };
    struct Arrival;
    using ArrivalPtr = std::shared_ptr<Arrival>;
    /// Where a chunk's bytes lie.
    struct Spot {
        BlobId blob;
        std::uint32_t chunk = 0;
    };
    struct FirstBytes {
        std::size_t operator()(const Hash& hash) const noexcept;
    };

    BlobStore(std::filesystem::path folder, std::uint64_t quota_bytes, DiskFree disk_free);
    /// The chunks of a file as it lies on the disk.
    [[nodiscard]] Result<ChunkList> hash_file(const std::filesystem::path& path,
                                              std::uint64_t size) const;
    [[nodiscard]] Status<> load();
    [[nodiscard]] Status<> load_blobs();
    [[nodiscard]] Status<> load_arrivals();
    [[nodiscard]] std::filesystem::path path_of(const BlobId& id) const;
    [[nodiscard]] std::filesystem::path list_path_of(const BlobId& id) const;
    [[nodiscard]] std::filesystem::path part_path_of(const BlobId& id) const;
    [[nodiscard]] std::filesystem::path plan_path_of(const BlobId& id) const;
    [[nodiscard]] static std::optional<Stamp> stamp_of(const std::filesystem::path& path);
    [[nodiscard]] std::optional<ChunkList> read_list(const std::filesystem::path& path,
                                                     const BlobId& id) const;
    /// Moves a synced file to the blob's name and counts it in.
    [[nodiscard]] Status<> adopt(const BlobFile& file, const BlobId& id, const ChunkList& list);

    using Lock = std::unique_lock<std::mutex>;
    // With mutex_ held:
    [[nodiscard]] bool fits_quota(std::uint64_t charge, std::uint64_t freed,
                                  std::size_t gone) const;
    /// What gives way to so much, the longest unused first; refuses where all would not be enough.
    [[nodiscard]] Result<std::vector<BlobId>> victims_for(std::uint64_t charge) const;
    /// Gives the lock back while files are deleted, a part at a time: a big upload may cost a
    /// million small files, and everybody else reads meanwhile.
    [[nodiscard]] Status<> reserve(Lock& lock, std::uint64_t charge);
    /// Forgets a blob, so that its files can be deleted without the lock.
    struct Leaving {
        BlobId id;
        bool was_arriving = false;
    };
    [[nodiscard]] std::optional<Leaving> drop(const BlobId& id);
    /// Waits until the files of a blob that makes room are gone: the next of its name are others.
    void wait_until_gone(Lock& lock, const BlobId& id);
    [[nodiscard]] bool is_kept(const BlobId& id) const;
    void touch(const BlobId& id, std::uint64_t& last_use);
    void evict(const BlobId& id);
    void index(const BlobId& id, const ChunkList& list);
    void unindex(const BlobId& id);

    void remove_files(const Leaving& blob) const;

    // arrival.cpp:
    [[nodiscard]] Result<ArrivalPtr> arrival_of(const BlobId& id, const ChunkList& list);
    void look(const BlobId& id, Arrival& arrival);
    [[nodiscard]] bool find_locally(const BlobId& id, Arrival& arrival, std::uint32_t chunk,
                                    Bytes& buffer);
    [[nodiscard]] bool copy_chunk(const Arrival& arrival, std::uint32_t chunk, const Spot& spot,
                                  Bytes& buffer);
    [[nodiscard]] Status<> complete_if_whole(const BlobId& id, Arrival& arrival);

    std::filesystem::path folder_;
    std::uint64_t quota_bytes_;
    DiskFree disk_free_;
    std::atomic<bool> is_stopping_{false};
    mutable std::mutex mutex_;
    // Guarded by mutex_, as all below.
    std::map<BlobId, Entry> entries_;
    std::map<BlobId, ArrivalPtr> arrivals_;
    std::map<std::uint64_t, BlobId> by_use_;
    std::unordered_multimap<Hash, Spot, FirstBytes> spots_;
    /// Their files are being deleted.
    std::set<BlobId> leaving_;
    std::condition_variable gone_;
    std::set<BlobId> held_;
    std::set<BlobId> pinned_;
    bool is_held_complete_ = true;
    bool is_pinned_complete_ = true;
    std::uint64_t used_bytes_ = 0;
    std::uint64_t clock_ = 0;
    std::uint64_t uploads_ = 0;
};

}  // namespace millrace::node
