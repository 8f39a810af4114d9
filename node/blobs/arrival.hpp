#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "node/blobs/store.hpp"

/// Announced blobs on their way. Private to node/blobs, but for `Part`, which the RPC feeds.
namespace millrace::node {

/// Bytes after which the disk is told to begin writing, so that the sync at the end is short.
inline constexpr std::uint64_t kWriteBackBytes = 32ULL << 20U;

/// Bytes that a blob of this size counts against the quota.
[[nodiscard]] std::uint64_t blob_charge(std::uint64_t size);

struct BlobStore::Arrival {
    Arrival(ChunkList blob, std::filesystem::path part)
        : list(std::move(blob)), path(std::move(part)), chunks(list.chunks.size()) {
        missing = static_cast<std::uint32_t>(chunks.size());
    }
    /// One more user; the first opens the file. Announced blobs that nobody is sending hold no
    /// descriptor: else whoever announces a thousand of them would take them all.
    [[nodiscard]] Status<> enter() {
        if (users == 0) {
            MILLRACE_TRY(file, BlobFile::open(path, true));
        }
        ++users;
        return Ok{};
    }
    void leave() {
        if (--users == 0) file = BlobFile();
    }

    enum class Chunk : std::uint8_t { missing, being_written, here };

    const ChunkList list;
    const std::filesystem::path path;
    /// Open while there are users, who need no lock for it.
    BlobFile file;
    // Guarded by the store's mutex, as all below.
    std::vector<Chunk> chunks;
    std::uint32_t missing = 0;
    /// Who writes to it now; while there is one it stays.
    std::uint32_t users = 0;
    /// The file has bytes of an earlier run whose worth is not known.
    bool has_old_bytes = false;
    /// Somebody looks for chunks on this machine, from `unlooked_from` on.
    bool is_looked_for = false;
    std::uint32_t unlooked_from = 0;
    bool is_completing = false;
    std::uint64_t last_use = 0;
};

class BlobStore::Part {
  public:
    Part(BlobStore& store, const BlobId& id, ArrivalPtr arrival, std::uint64_t offset,
         std::uint64_t size);
    ~Part();
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

    /// Takes the next bytes. Each chunk is verified at its end: `kBlobWrongBytes` names the first
    /// that is not as announced. Chunks that have come meanwhile are skipped; `kBlobBusy` when
    /// somebody else sends the same one.
    [[nodiscard]] Status<> write(ByteView piece);
    /// After the last byte: chunks of the blob that are still missing; 0 when it is here, durable.
    [[nodiscard]] Result<std::uint32_t> finish();

  private:
    [[nodiscard]] Status<> begin_chunk();
    [[nodiscard]] Status<> end_chunk();
    [[nodiscard]] std::uint32_t chunk() const {
        return static_cast<std::uint32_t>(at_ / kChunkSize);
    }

    BlobStore& store_;
    BlobId id_;
    ArrivalPtr arrival_;
    std::uint64_t at_;
    std::uint64_t end_;
    /// The chunk under way: its hash so far, its bytes left, and whether its bytes are wanted.
    std::optional<PageTreeHasher> hasher_;
    std::uint64_t chunk_left_ = 0;
    bool is_skipped_ = false;
};

}  // namespace millrace::node
