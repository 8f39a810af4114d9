#include "common/auth_map.hpp"

#include <algorithm>
#include <memory>

#include "common/assert.hpp"
#include "common/detail/auth_map_page.hpp"

namespace millrace {

using detail::MapPage;

namespace {

bool is_inner(const MapNode& node) {
    return std::holds_alternative<MapInner>(node);
}

template <class Entry>
std::size_t left_part(std::span<const Entry> entries, unsigned depth) {
    const auto middle =
        std::partition_point(entries.begin(), entries.end(),
                             [&](const Entry& entry) { return !path_bit(entry.path, depth); });
    return static_cast<std::size_t>(middle - entries.begin());
}

template <class Entry>
void assert_ascending(std::span<const Entry> entries) {
    for (std::size_t i = 1; i < entries.size(); ++i)
        MILLRACE_ASSERT(entries[i - 1].path < entries[i].path);
}

/// Down to here the two halves of a batch may go at once: eight parts are enough for the cores that
/// one block's execution has.
constexpr unsigned kForkDepth = 3;
/// A batch below this takes less than a thread's waking.
constexpr std::size_t kForkChanges = 256;

/// One batch on its way down and up the tree.
class Updater {
  public:
    Updater(const MapPageStore& store, Fork& fork) : store_(store), fork_(fork) {}

    /// The node that stands at `depth` after the changes, all of which lie below it. Its children
    /// are slots of `page` unless the depth starts a page of its own. Recursion is at most 256
    /// deep, the length of a path, with at most 43 pages open.
    Result<MapNode, MapCorruption> apply(const MapNode& node, unsigned depth, MapPage* page,
                                         std::size_t slot, std::span<const MapChange> changes) {
        if (changes.empty()) return node;
        if (!is_inner(node)) {
            if (auto few = settle(node, changes)) return *std::move(few);
        }
        if (depth % kMapPageLevels != 0) return apply_below(node, depth, *page, slot, changes);

        const MapPageId id = MapPageId::on_way_to(changes.front().path, depth / kMapPageLevels);
        const auto own = std::make_unique<MapPage>();
        if (is_inner(node)) {
            MILLRACE_TRY(*own, detail::load_map_page(store_, id));
        }
        MILLRACE_TRY(MapNode after, apply_below(node, depth, *own, 1, changes));
        if (!is_inner(after)) {
            if (is_inner(node)) writes_[id] = std::nullopt;
        } else if (after != node) {
            writes_[id] = own->encode();
        }
        return after;
    }

    [[nodiscard]] std::uint64_t added() const { return added_; }
    [[nodiscard]] std::uint64_t removed() const { return removed_; }
    [[nodiscard]] MapPageWrites take_writes() && { return std::move(writes_); }

  private:
    Result<MapNode, MapCorruption> apply_below(const MapNode& node, unsigned depth, MapPage& page,
                                               std::size_t slot,
                                               std::span<const MapChange> changes) {
        // Two distinct paths part before their end, so no inner node is as deep as this.
        MILLRACE_ASSERT(depth < kMapDepthMax);
        MapNode& left = page.slots.at(2 * slot);
        MapNode& right = page.slots.at(2 * slot + 1);
        if (const auto* inner = std::get_if<MapInner>(&node)) {
            MILLRACE_CHECK(detail::check_children(*inner, left, right));
        } else if (const auto* leaf = std::get_if<MapLeaf>(&node)) {
            // The leaf gives way: it moves down to where it is alone again.
            (path_bit(leaf->path, depth) ? right : left) = *leaf;
        }
        const std::size_t split = left_part(changes, depth);
        Result<MapNode, MapCorruption> left_done = MapNode{};
        Result<MapNode, MapCorruption> right_done = MapNode{};
        const auto go_left = [&](Updater& updater) {
            left_done = updater.apply(left, depth + 1, &page, 2 * slot, changes.first(split));
        };
        const auto go_right = [&](Updater& updater) {
            right_done =
                updater.apply(right, depth + 1, &page, 2 * slot + 1, changes.subspan(split));
        };
        if (depth < kForkDepth && changes.size() >= kForkChanges) {
            // The two ways meet in no slot and no page.
            Updater other(store_, fork_);
            fork_.both([&] { go_left(*this); }, [&] { go_right(other); });
            take_over(std::move(other));
        } else {
            go_left(*this);
            if (left_done.has_value()) go_right(*this);
        }
        MILLRACE_TRY(const MapNode left_after, left_done);
        MILLRACE_TRY(const MapNode right_after, right_done);
        MapNode after = detail::join_map_nodes(left_after, right_after);
        // Below no inner node there is nothing: what is left of two children moves up.
        left = is_inner(after) ? left_after : MapNode{};
        right = is_inner(after) ? right_after : MapNode{};
        return after;
    }

    /// The outcome where at most one entry was and at most one is left; none when there are more.
    std::optional<MapNode> settle(const MapNode& node, std::span<const MapChange> changes) {
        const auto* before = std::get_if<MapLeaf>(&node);
        bool touched = false;
        const MapChange* left = nullptr;
        for (const MapChange& change : changes) {
            if (before != nullptr && change.path == before->path) touched = true;
            if (!change.value_hash) continue;
            if (left != nullptr) return std::nullopt;
            left = &change;
        }
        if (before != nullptr && !touched) {
            if (left != nullptr) return std::nullopt;
            return node;
        }
        if (before != nullptr) ++removed_;
        if (left == nullptr) return MapNode{};
        ++added_;
        return MapLeaf{left->path, *left->value_hash};
    }

    void take_over(Updater&& other) {
        writes_.merge(other.writes_);
        added_ += other.added_;
        removed_ += other.removed_;
    }

    const MapPageStore& store_;
    Fork& fork_;
    MapPageWrites writes_;
    std::uint64_t added_ = 0;
    std::uint64_t removed_ = 0;
};

// Recursion is at most 256 deep, the length of a path.
MapNode build(std::span<const MapLeaf> entries, unsigned depth) {
    if (entries.empty()) return MapTerminator{};
    if (entries.size() == 1) return entries[0];
    const std::size_t split = left_part(entries, depth);
    const MapNode left = build(entries.first(split), depth + 1);
    const MapNode right = build(entries.subspan(split), depth + 1);
    return detail::join_map_nodes(left, right);
}

}  // namespace

MapPath map_path(ByteView key) noexcept {
    MILLRACE_ASSERT(key.size() <= kMapKeySizeMax);
    return hash_as<MapPath>(hash_bytes("mill/key", key));
}

Hash map_value_hash(ByteView value) noexcept {
    return hash_bytes("mill/value", value);
}

Hash map_inner_hash(const Hash& left, const Hash& right) noexcept {
    std::array<std::uint8_t, 2 * Hash::kSize> both{};
    std::memcpy(both.data(), left.bytes.data(), Hash::kSize);
    std::memcpy(both.data() + Hash::kSize, right.bytes.data(), Hash::kSize);
    return hash_bytes("mill/inner", both);
}

Hash map_node_hash(const MapNode& node) noexcept {
    if (const auto* inner = std::get_if<MapInner>(&node)) return inner->hash;
    const auto* leaf = std::get_if<MapLeaf>(&node);
    if (leaf == nullptr) return Hash{};
    return Hasher("mill/leaf").update(leaf->path).update(leaf->value_hash).finish();
}

Hash MapRoot::hash() const noexcept {
    return Hasher("mill/map")
        .update_u64(kMapVersion)
        .update_u64(entry_count)
        .update(map_node_hash(top))
        .finish();
}

MapPageId MapPageId::on_way_to(const MapPath& path, unsigned depth) {
    MapPageId id;
    id.depth = static_cast<std::uint8_t>(depth);
    const unsigned bits = depth * kMapPageLevels;
    const unsigned whole = bits / 8;
    MILLRACE_ASSERT(bits < kMapDepthMax);
    std::memcpy(id.prefix.bytes.data(), path.bytes.data(), whole);
    const unsigned kept = 0xff00U >> (bits % 8);
    id.prefix.bytes.at(whole) = static_cast<std::uint8_t>(path.bytes.at(whole) & kept);
    return id;
}

Bytes MapPageId::key() const {
    const std::size_t size = (std::size_t{depth} * kMapPageLevels + 7) / 8;
    Bytes out(1 + size);
    out[0] = depth;
    std::copy_n(prefix.bytes.begin(), size, out.begin() + 1);
    return out;
}

void merge_writes(MapPageWrites& earlier, const MapPageWrites& later) {
    for (const auto& [id, page] : later) earlier.insert_or_assign(id, page);
}

std::optional<Bytes> MapOverlay::get(const MapPageId& id) const {
    const auto found = writes_.find(id);
    return found == writes_.end() ? below_.get(id) : found->second;
}

std::vector<MapChange> sorted_changes(std::vector<MapChange> changes) {
    std::sort(changes.begin(), changes.end(),
              [](const MapChange& a, const MapChange& b) { return a.path < b.path; });
    assert_ascending(std::span<const MapChange>(changes));
    return changes;
}

Result<MapUpdate, MapCorruption> update_map(const MapPageStore& store, const MapRoot& root,
                                            std::span<const MapChange> changes) {
    NoFork fork;
    return update_map(store, root, changes, fork);
}

Result<MapUpdate, MapCorruption> update_map(const MapPageStore& store, const MapRoot& root,
                                            std::span<const MapChange> changes, Fork& fork) {
    assert_ascending(changes);
    MILLRACE_CHECK(detail::check_count(root));
    Updater updater(store, fork);
    MILLRACE_TRY(const MapNode top, updater.apply(root.top, 0, nullptr, 1, changes));
    if (updater.removed() > root.entry_count) return Err{MapCorruption::count_differs};
    MapUpdate out;
    out.root.entry_count = root.entry_count - updater.removed() + updater.added();
    out.root.top = top;
    MILLRACE_CHECK(detail::check_count(out.root));
    out.writes = std::move(updater).take_writes();
    return out;
}

Result<std::optional<Hash>, MapCorruption> find_in_map(const MapPageStore& store,
                                                       const MapRoot& root, const MapPath& path) {
    MILLRACE_CHECK(detail::check_count(root));
    MapNode node = root.top;
    const auto page = std::make_unique<MapPage>();
    std::size_t slot = 1;
    for (unsigned depth = 0; is_inner(node); ++depth) {
        if (depth % kMapPageLevels == 0) {
            MILLRACE_TRY(*page, detail::load_map_page(
                                    store, MapPageId::on_way_to(path, depth / kMapPageLevels)));
            slot = 1;
        }
        const MapNode& left = page->slots.at(2 * slot);
        const MapNode& right = page->slots.at(2 * slot + 1);
        MILLRACE_CHECK(detail::check_children(std::get<MapInner>(node), left, right));
        const bool goes_right = path_bit(path, depth);
        slot = 2 * slot + (goes_right ? 1 : 0);
        node = goes_right ? right : left;
    }
    const auto* leaf = std::get_if<MapLeaf>(&node);
    if (leaf == nullptr || leaf->path != path) return std::optional<Hash>{};
    return std::optional<Hash>{leaf->value_hash};
}

MapRoot build_map_root(std::span<const MapLeaf> entries) {
    assert_ascending(entries);
    return {entries.size(), build(entries, 0)};
}

}  // namespace millrace
