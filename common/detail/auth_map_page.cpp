#include "common/detail/auth_map_page.hpp"

#include <bit>

namespace millrace::detail {
namespace {

constexpr std::size_t kHeaderSize = 1 + MapPage::kKindBytes;
constexpr std::uint8_t kKindTerminator = 0;
constexpr std::uint8_t kKindInner = 1;
constexpr std::uint8_t kKindLeaf = 2;

unsigned slot_depth(unsigned slot) {
    return static_cast<unsigned>(std::bit_width(slot)) - 1;
}

/// The way from the page's top to the slot is written in the slot's own bits, below the leading
/// one.
bool belongs(const MapPageId& id, unsigned slot, const MapPath& path) {
    const unsigned start = id.depth * kMapPageLevels;
    if (MapPageId::on_way_to(path, id.depth) != id) return false;
    const unsigned depth = slot_depth(slot);
    for (unsigned i = 0; i < depth; ++i)
        if (path_bit(path, start + i) != (((slot >> (depth - 1 - i)) & 1U) != 0)) return false;
    return true;
}

bool may_be_inner(const MapPageId& id, unsigned slot) {
    return id.depth * kMapPageLevels + slot_depth(slot) < kMapDepthMax;
}

bool is_inner(const MapNode& node) {
    return std::holds_alternative<MapInner>(node);
}

std::uint8_t kind_at(ByteView raw, unsigned slot) {
    const unsigned bit = 2 * (slot - 2);
    const unsigned byte = raw[1 + bit / 8];
    return static_cast<std::uint8_t>((byte >> (bit % 8)) & 3U);
}

template <class Fixed>
void take(ByteView& raw, Fixed& out) {
    std::memcpy(out.bytes.data(), raw.data(), Fixed::kSize);
    raw = raw.subspan(Fixed::kSize);
}

/// Every inner node above two entries or more, as far as this page can tell.
bool inner_nodes_are_full(const MapPage& page) {
    for (std::size_t slot = 1; slot < MapPage::kSlots / 2; ++slot) {
        if (slot != 1 && !is_inner(page.slots.at(slot))) continue;
        if (settled_join(page.slots.at(2 * slot), page.slots.at(2 * slot + 1))) return false;
    }
    return true;
}

}  // namespace

Bytes MapPage::encode() const {
    Bytes out(kHeaderSize, 0);
    out[0] = kVersion;
    for (unsigned slot = 2; slot < kSlots; ++slot) {
        const MapNode& node = slots[slot];
        const unsigned bit = 2 * (slot - 2);
        const auto kind = static_cast<unsigned>(node.index());
        out[1 + bit / 8] = static_cast<std::uint8_t>(out[1 + bit / 8] | (kind << (bit % 8)));
        if (const auto* inner = std::get_if<MapInner>(&node)) {
            out.insert(out.end(), inner->hash.bytes.begin(), inner->hash.bytes.end());
        } else if (const auto* leaf = std::get_if<MapLeaf>(&node)) {
            out.insert(out.end(), leaf->path.bytes.begin(), leaf->path.bytes.end());
            out.insert(out.end(), leaf->value_hash.bytes.begin(), leaf->value_hash.bytes.end());
        }
    }
    return out;
}

std::optional<MapPage> MapPage::decode(const MapPageId& id, ByteView raw) {
    if (raw.size() < kHeaderSize || raw[0] != kVersion) return std::nullopt;
    // 126 slots of two bits leave the last four bits of the last byte.
    if (raw[kHeaderSize - 1] > 0x0f) return std::nullopt;
    std::optional<MapPage> page(std::in_place);
    ByteView rest = raw.subspan(kHeaderSize);
    for (unsigned slot = 2; slot < kSlots; ++slot) {
        const std::uint8_t kind = kind_at(raw, slot);
        if (kind == kKindTerminator) continue;
        if (slot >= 4 && !is_inner(page->slots.at(slot / 2))) return std::nullopt;
        if (kind == kKindInner) {
            if (rest.size() < Hash::kSize || !may_be_inner(id, slot)) return std::nullopt;
            take(rest, page->slots.at(slot).emplace<MapInner>().hash);
        } else if (kind == kKindLeaf) {
            if (rest.size() < 2 * Hash::kSize) return std::nullopt;
            MapLeaf& leaf = page->slots.at(slot).emplace<MapLeaf>();
            take(rest, leaf.path);
            take(rest, leaf.value_hash);
            if (!belongs(id, slot, leaf.path)) return std::nullopt;
        } else {
            return std::nullopt;
        }
    }
    if (!rest.empty() || !inner_nodes_are_full(*page)) return std::nullopt;
    return page;
}

std::optional<MapNode> settled_join(const MapNode& left, const MapNode& right) {
    const bool left_empty = std::holds_alternative<MapTerminator>(left);
    const bool right_empty = std::holds_alternative<MapTerminator>(right);
    if (left_empty && !is_inner(right)) return right;
    if (right_empty && !is_inner(left)) return left;
    return std::nullopt;
}

MapNode join_map_nodes(const MapNode& left, const MapNode& right) noexcept {
    if (auto single = settled_join(left, right)) return *std::move(single);
    return MapInner{map_inner_hash(map_node_hash(left), map_node_hash(right))};
}

Result<MapPage, MapCorruption> load_map_page(const MapPageStore& store, const MapPageId& id) {
    const std::optional<Bytes> raw = store.get(id);
    if (!raw) return Err{MapCorruption::page_missing};
    std::optional<MapPage> page = MapPage::decode(id, *raw);
    if (!page) return Err{MapCorruption::page_malformed};
    return *std::move(page);
}

Status<MapCorruption> check_children(const MapInner& parent, const MapNode& left,
                                     const MapNode& right) {
    if (map_inner_hash(map_node_hash(left), map_node_hash(right)) != parent.hash)
        return Err{MapCorruption::page_hash_differs};
    return Ok{};
}

Status<MapCorruption> check_count(const MapRoot& root) {
    const bool fits = std::holds_alternative<MapTerminator>(root.top) ? root.entry_count == 0
                      : std::holds_alternative<MapLeaf>(root.top)     ? root.entry_count == 1
                                                                      : root.entry_count >= 2;
    if (!fits) return Err{MapCorruption::count_differs};
    return Ok{};
}

}  // namespace millrace::detail
