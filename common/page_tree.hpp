#pragma once

#include <cstdint>
#include <span>

#include "common/bytes.hpp"
#include "common/hash.hpp"

/// One Merkle tree for files, blobs and machine states: 4 KiB pages over an address space of 2^64
/// bytes, so 2^52 pages and 52 levels above them. What is not there is zero.
///
/// ```
/// level 52   root of the whole space
///   ...
/// level 20   root of a region of 2^32 bytes
///   ...
/// level 1    H("mill/node", left 32 | right 32)
/// level 0    H("mill/page", 4096 bytes)
/// ```
/// The node `(level, index)` covers the pages `[index << level, (index + 1) << level)`. A subtree
/// does not depend on where it lies, so a file system mounts by its root alone. The height is
/// always known from what the root is a root of; it is never taken from a peer. Source:
/// docs/protocol/trees.md.
namespace millrace {

inline constexpr std::size_t kTreePageSize = 4096;
/// Levels above the pages of the whole 2^64-byte space.
inline constexpr unsigned kPageTreeLevels = 52;
/// Levels of a region of 2^32 bytes: one file, one blob, one linear memory.
inline constexpr unsigned kRegionLevels = 20;

/// The root of an aligned subtree and its place: the pages `[index << level, (index + 1) << level)`
/// counted from the start of the tree it belongs to. Level 0 is a single page's leaf.
struct Subtree {
    unsigned level = 0;
    std::uint64_t index = 0;
    Hash root;

    [[nodiscard]] constexpr std::uint64_t first_page() const { return index << level; }
    [[nodiscard]] constexpr std::uint64_t end_page() const { return (index + 1) << level; }
    friend bool operator==(const Subtree&, const Subtree&) = default;
};

/// The leaf of one page of exactly 4096 bytes. An all-zero page costs a comparison only.
[[nodiscard]] Hash page_hash(ByteView page) noexcept;
/// The leaf of a page whose last bytes are missing: they are zero. At most 4096 bytes.
[[nodiscard]] Hash padded_page_hash(ByteView start) noexcept;
/// The node above two nodes of the same level.
[[nodiscard]] Hash node_hash(const Hash& left, const Hash& right) noexcept;
/// The root of 2^level zero pages, level 0 to 52.
[[nodiscard]] const Hash& zero_subtree(unsigned level) noexcept;

/// Root of the tree of `levels` levels that holds these subtrees and is zero elsewhere. They are
/// sorted by place, do not overlap and lie within the tree (asserted); their levels may differ, so
/// a state's root follows from an image's root, two pages and an input's root without their bytes.
/// Cost: O(n × levels) node hashes at worst, one a subtree where they are dense.
[[nodiscard]] Hash join_subtrees(unsigned levels, std::span<const Subtree> parts) noexcept;

/// The root that a subtree has `to - from` levels higher when all around it is zero; `index` is its
/// place at level `from`.
[[nodiscard]] Hash lift_subtree(Hash root, unsigned from, std::uint64_t index,
                                unsigned to) noexcept;

/// Root of one region (20 levels) that begins with these bytes; at most 2^32 of them (asserted).
[[nodiscard]] Hash region_root(ByteView content) noexcept;
/// Names a file: its region's root does not say how long it is, so the length is hashed with it.
[[nodiscard]] Hash file_id(std::uint64_t length, const Hash& region) noexcept;

}  // namespace millrace
