#pragma once

#include <array>

#include "common/auth_map.hpp"

namespace millrace::detail {

/// Six levels of the tree below one node, opened. Slot 1 is that node itself and not stored here;
/// the children of slot `s` are `2s` and `2s + 1`, so slots 2 to 127 are the 126 nodes.
///
/// ```
/// byte 0       format version, 1
/// byte 1..32   kinds, two bits a slot from slot 2 on, lowest bits first; 4 spare bits are zero
///              0 terminator, or nothing because the parent is no inner node; 1 inner; 2 leaf
/// then         slot by slot: inner 32 bytes hash, leaf 32 bytes path and 32 bytes value hash
/// ```
struct MapPage {
    static constexpr unsigned kSlots = 2U << kMapPageLevels;  // 128
    static constexpr std::uint8_t kVersion = 1;
    static constexpr std::size_t kKindBytes = 32;

    std::array<MapNode, kSlots> slots;

    [[nodiscard]] Bytes encode() const;
    /// Refuses what no update would have written: an unknown version or kind, spare bits, another
    /// length, a child of no inner node, an inner node above fewer than two entries, a leaf that
    /// does not belong there. Hashes are checked by whoever walks.
    [[nodiscard]] static std::optional<MapPage> decode(const MapPageId& id, ByteView raw);
};

/// What two children with fewer than two entries below them amount to; none when there are more,
/// and an inner node stands above them.
[[nodiscard]] std::optional<MapNode> settled_join(const MapNode& left, const MapNode& right);

/// The node that stands above two children: inner only when two entries or more lie below.
[[nodiscard]] MapNode join_map_nodes(const MapNode& left, const MapNode& right) noexcept;

/// Reads the page below an inner node of depth `6 × id.depth`.
[[nodiscard]] Result<MapPage, MapCorruption> load_map_page(const MapPageStore& store,
                                                           const MapPageId& id);

/// Checks that two children are those of the inner node.
[[nodiscard]] Status<MapCorruption> check_children(const MapInner& parent, const MapNode& left,
                                                   const MapNode& right);

/// The number of entries that a top node allows: none, one, or more.
[[nodiscard]] Status<MapCorruption> check_count(const MapRoot& root);

}  // namespace millrace::detail
