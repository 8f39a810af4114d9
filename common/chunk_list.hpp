#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>

#include "common/bounded.hpp"
#include "common/page_stream.hpp"

namespace millrace {

/// Chunks of the largest blob, 2^32 bytes.
inline constexpr std::size_t kChunksMax = std::size_t{1} << (kRegionLevels - kChunkLevels);

/// A blob by the roots of its chunks of 1 MiB, in order, the last padded with zeroes. It needs no
/// trust: the blob's id follows from it, so whoever knows the id checks the list, and whoever has
/// the list checks each chunk as it comes. Source: docs/protocol/trees.md, "Chunk lists".
struct ChunkList {
    static constexpr const char* kName = "chunk_list";
    std::uint64_t length = 0;
    BoundedVector<Hash, kChunksMax> chunks;
    friend bool operator==(const ChunkList&, const ChunkList&) = default;
};
BOOST_DESCRIBE_STRUCT(ChunkList, (), (length, chunks))

/// Chunks of a blob of that many bytes; none are of an empty one.
[[nodiscard]] constexpr std::uint64_t chunk_count(std::uint64_t length) {
    return (length + kChunkSize - 1) / kChunkSize;
}
/// Bytes of chunk `index` of a blob: `kChunkSize` but for the last. `index` is below the count.
[[nodiscard]] constexpr std::uint64_t chunk_length(std::uint64_t length, std::uint64_t index) {
    const std::uint64_t left = length - index * kChunkSize;
    return left < kChunkSize ? left : kChunkSize;
}

/// The root of the blob's region. None when the number of chunks does not fit the length, or the
/// length is above 2^32. Cost: one hash a chunk.
[[nodiscard]] std::optional<Hash> region_root(const ChunkList& list);
/// The id of the blob, `file_id` of length and region root; none as above.
[[nodiscard]] std::optional<Hash> blob_id(const ChunkList& list);

/// The list of a hasher that was made with `kRegionLevels` and `kChunkLevels` and is finished.
[[nodiscard]] ChunkList chunk_list_of(const PageTreeHasher& hasher);

}  // namespace millrace
