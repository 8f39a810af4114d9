#include "common/chunk_list.hpp"

#include <vector>

namespace millrace {

std::optional<Hash> region_root(const ChunkList& list) {
    if (list.length > (std::uint64_t{kTreePageSize} << kRegionLevels) ||
        list.chunks.size() != chunk_count(list.length))
        return std::nullopt;
    std::vector<Subtree> parts;
    parts.reserve(list.chunks.size());
    for (std::size_t i = 0; i < list.chunks.size(); ++i)
        parts.push_back(Subtree{kChunkLevels, i, list.chunks[i]});
    return join_subtrees(kRegionLevels, parts);
}

std::optional<Hash> blob_id(const ChunkList& list) {
    const auto root = region_root(list);
    if (!root) return std::nullopt;
    return file_id(list.length, *root);
}

ChunkList chunk_list_of(const PageTreeHasher& hasher) {
    ChunkList out;
    out.length = hasher.length();
    out.chunks.reserve(hasher.chunk_roots().size());
    for (const Subtree& chunk : hasher.chunk_roots()) out.chunks.push_back(chunk.root);
    return out;
}

}  // namespace millrace
