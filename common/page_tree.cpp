#include "common/page_tree.hpp"

#include <algorithm>
#include <array>

#include "common/assert.hpp"
#include "common/page_stream.hpp"

namespace millrace {
namespace {

using ZeroTable = std::array<Hash, kPageTreeLevels + 1>;

bool is_zero(ByteView raw) noexcept {
    // Equal to itself shifted by one byte and beginning with zero: memcmp at full speed, no buffer.
    return raw[0] == 0 && std::memcmp(raw.data(), raw.data() + 1, raw.size() - 1) == 0;
}

ZeroTable make_zero_table() noexcept {
    ZeroTable table;
    const std::array<std::uint8_t, kTreePageSize> zeros{};
    table[0] = hash_bytes("mill/page", zeros);
    for (std::size_t level = 1; level < table.size(); ++level)
        table.at(level) = node_hash(table.at(level - 1), table.at(level - 1));
    return table;
}

// Depth of recursion: at most the number of levels, 52, whatever the input.
Hash join(unsigned level, std::span<const Subtree> parts) noexcept {
    if (parts.empty()) return zero_subtree(level);
    if (parts.size() == 1)
        return lift_subtree(parts[0].root, parts[0].level, parts[0].index, level);
    const auto middle = std::partition_point(parts.begin(), parts.end(), [&](const Subtree& part) {
        return ((part.first_page() >> (level - 1)) & 1U) == 0;
    });
    const auto left_count = static_cast<std::size_t>(middle - parts.begin());
    const Hash left = join(level - 1, parts.first(left_count));
    const Hash right = join(level - 1, parts.subspan(left_count));
    return node_hash(left, right);
}

}  // namespace

Hash page_hash(ByteView page) noexcept {
    MILLRACE_ASSERT(page.size() == kTreePageSize);
    if (is_zero(page)) return zero_subtree(0);
    return hash_bytes("mill/page", page);
}

Hash padded_page_hash(ByteView start) noexcept {
    if (start.size() == kTreePageSize) return page_hash(start);
    MILLRACE_ASSERT(start.size() < kTreePageSize);
    std::array<std::uint8_t, kTreePageSize> page{};
    std::copy(start.begin(), start.end(), page.begin());
    return page_hash(page);
}

Hash node_hash(const Hash& left, const Hash& right) noexcept {
    std::array<std::uint8_t, 2 * Hash::kSize> both{};
    std::memcpy(both.data(), left.bytes.data(), Hash::kSize);
    std::memcpy(both.data() + Hash::kSize, right.bytes.data(), Hash::kSize);
    return hash_bytes("mill/node", both);
}

const Hash& zero_subtree(unsigned level) noexcept {
    static const ZeroTable table = make_zero_table();
    return table.at(level);
}

Hash lift_subtree(Hash root, unsigned from, std::uint64_t index, unsigned to) noexcept {
    for (unsigned level = from; level < to; ++level, index >>= 1U) {
        const Hash& zero = zero_subtree(level);
        // Above a zero subtree the answer is known, and sparse trees are full of them.
        if (root == zero)
            root = zero_subtree(level + 1);
        else
            root = (index & 1U) == 0 ? node_hash(root, zero) : node_hash(zero, root);
    }
    return root;
}

Hash join_subtrees(unsigned levels, std::span<const Subtree> parts) noexcept {
    MILLRACE_ASSERT(levels <= kPageTreeLevels);
    std::uint64_t free_from = 0;
    for (const Subtree& part : parts) {
        MILLRACE_ASSERT(part.level <= levels && (part.index >> (levels - part.level)) == 0);
        MILLRACE_ASSERT(part.first_page() >= free_from);
        free_from = part.end_page();
    }
    return join(levels, parts);
}

Hash region_root(ByteView content) noexcept {
    PageTreeHasher hasher;
    const bool fits = hasher.push(content);
    MILLRACE_ASSERT(fits);
    return hasher.finish();
}

Hash file_id(std::uint64_t length, const Hash& region) noexcept {
    return Hasher("mill/file").update_u64(length).update(region).finish();
}

}  // namespace millrace
