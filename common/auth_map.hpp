#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "common/bytes.hpp"
#include "common/fork.hpp"
#include "common/hash.hpp"
#include "common/result.hpp"

/// The authenticated key-value map under the ledger's state root: a binary Merkle-Patricia tree
/// over hashed keys. Its root is a function of the entries alone, never of the order in which they
/// came and went, so two nodes with the same state agree, and a snapshot proves itself by being
/// rebuilt.
///
/// ```
/// path        H("mill/key", key)                     256 bits, first bit: top bit of byte 0
/// terminator  32 zero bytes                          no entry below
/// leaf        H("mill/leaf", path | value hash)      one entry below, at the highest such place
/// inner       H("mill/inner", left | right)          two entries or more
/// root        H("mill/map", version | count | top)   what a header holds
/// ```
/// This file holds no values: whoever uses it keeps them beside the pages and hashes them with
/// `map_value_hash`. Everything here is pure; storage enters by the port `MapPageStore`, writes
/// leave as a returned batch. Source: docs/protocol/trees.md; why so:
/// docs/decisions/0004-authenticated-map.md.
namespace millrace {

/// Version of the tree's rules; hashed into each root.
inline constexpr std::uint64_t kMapVersion = 1;
/// Longest key in bytes.
inline constexpr std::size_t kMapKeySizeMax = 256;
/// Bits of a path: the deepest place of a leaf.
inline constexpr unsigned kMapDepthMax = 256;
/// Levels of the tree that one stored page holds.
inline constexpr unsigned kMapPageLevels = 6;

/// Where a key lies in the tree.
using MapPath = FixedBytes<32, struct MapPathTag>;

/// The path of a key of at most `kMapKeySizeMax` bytes (asserted).
[[nodiscard]] MapPath map_path(ByteView key) noexcept;
/// What a leaf says of its value, which may have any length.
[[nodiscard]] Hash map_value_hash(ByteView value) noexcept;
/// Bit `depth` of a path: which child the way goes to from a node of that depth.
[[nodiscard]] constexpr bool path_bit(const MapPath& path, unsigned depth) {
    return ((unsigned{path.bytes[depth / 8]} >> (7 - depth % 8)) & 1U) != 0;
}

/// Nothing below.
struct MapTerminator {
    static constexpr const char* kName = "terminator";
    friend bool operator==(const MapTerminator&, const MapTerminator&) = default;
};
BOOST_DESCRIBE_STRUCT(MapTerminator, (), ())
/// Two entries or more below.
struct MapInner {
    static constexpr const char* kName = "inner";
    Hash hash;
    friend bool operator==(const MapInner&, const MapInner&) = default;
};
BOOST_DESCRIBE_STRUCT(MapInner, (), (hash))
/// One entry.
struct MapLeaf {
    static constexpr const char* kName = "leaf";
    MapPath path;
    Hash value_hash;
    friend bool operator==(const MapLeaf&, const MapLeaf&) = default;
};
BOOST_DESCRIBE_STRUCT(MapLeaf, (), (path, value_hash))

using MapNode = std::variant<MapTerminator, MapInner, MapLeaf>;
/// The hash by which a parent knows a node.
[[nodiscard]] Hash map_node_hash(const MapNode& node) noexcept;
[[nodiscard]] Hash map_inner_hash(const Hash& left, const Hash& right) noexcept;

/// All that the owner of a map keeps outside of its pages, and all that is needed to check them.
/// The default is the empty map.
struct MapRoot {
    static constexpr const char* kName = "map_root";
    std::uint64_t entry_count = 0;
    MapNode top;

    /// The hash that a block's header holds. It commits to the number of entries, so that a proof
    /// cannot be moved to a tree of another size, and to the version of the rules.
    [[nodiscard]] Hash hash() const noexcept;
    friend bool operator==(const MapRoot&, const MapRoot&) = default;
};
BOOST_DESCRIBE_STRUCT(MapRoot, (), (entry_count, top))

/// Names a stored page: the first `6 × depth` bits of the paths below it, the rest zero. It exists
/// when two entries or more share that prefix.
struct MapPageId {
    std::uint8_t depth = 0;
    MapPath prefix;

    /// The page with this number of whole six-bit steps on the way to `path`.
    [[nodiscard]] static MapPageId on_way_to(const MapPath& path, unsigned depth);
    /// A database key: the depth in one byte, then the bytes that hold the prefix; 1 to 33 bytes.
    [[nodiscard]] Bytes key() const;
    friend auto operator<=>(const MapPageId&, const MapPageId&) = default;
};

/// Where pages are kept. `get` answers the newest bytes stored under an id, or none. An
/// implementation that cannot read must not answer "none": it stops the process.
class MapPageStore {
  public:
    virtual ~MapPageStore() = default;
    [[nodiscard]] virtual std::optional<Bytes> get(const MapPageId& id) const = 0;

  protected:
    // Copied only as part of an implementation, so that none is sliced.
    MapPageStore() = default;
    MapPageStore(const MapPageStore&) = default;
    MapPageStore& operator=(const MapPageStore&) = default;
};

/// Pages to put (bytes) and to delete (none), in the order of ids.
using MapPageWrites = std::map<MapPageId, std::optional<Bytes>>;

/// Adds later writes to earlier ones; for pages in both, the later count.
void merge_writes(MapPageWrites& earlier, const MapPageWrites& later);

/// Pages of a speculative block over those of its parent, which may be such a layer itself.
/// Both outlive this.
class MapOverlay final : public MapPageStore {
  public:
    MapOverlay(const MapPageStore& below, const MapPageWrites& writes)
        : below_(below), writes_(writes) {}
    [[nodiscard]] std::optional<Bytes> get(const MapPageId& id) const override;

  private:
    const MapPageStore& below_;
    const MapPageWrites& writes_;
};

/// The stored pages are not those that the root commits to: lost, damaged or stale. Never an
/// answer about a key; the node stops and recovers.
enum class MapCorruption : std::uint8_t {
    page_missing = 1,       ///< a page that must exist is not there
    page_malformed = 2,     ///< its bytes are not a canonical page of that place
    page_hash_differs = 3,  ///< two children do not hash to what their parent says
    count_differs = 4,      ///< the number of entries does not fit the tree
};
BOOST_DESCRIBE_ENUM(MapCorruption, page_missing, page_malformed, page_hash_differs, count_differs)

/// One entry to set, or (without a value hash) to remove; removing what is not there is no change.
struct MapChange {
    MapPath path;
    std::optional<Hash> value_hash;
};

/// Puts the changes of a block into the order that `update_map` takes. Each path once (asserted).
[[nodiscard]] std::vector<MapChange> sorted_changes(std::vector<MapChange> changes);

struct MapUpdate {
    MapRoot root;
    MapPageWrites writes;
};

/// Applies a batch, sorted by path, each path once (asserted). Reads only the pages on the ways to
/// the changes and checks each node there against its parent. Equal to the same changes one by one,
/// and to a tree built anew from the resulting entries.
/// Cost: about two inner hashes for each node on the union of the ways.
[[nodiscard]] Result<MapUpdate, MapCorruption> update_map(const MapPageStore& store,
                                                          const MapRoot& root,
                                                          std::span<const MapChange> changes);
/// The same, with large batches in parts; the store is then read by several threads.
[[nodiscard]] Result<MapUpdate, MapCorruption> update_map(const MapPageStore& store,
                                                          const MapRoot& root,
                                                          std::span<const MapChange> changes,
                                                          Fork& fork);

/// The value hash stored under a path, or none; checked against the root on the way.
[[nodiscard]] Result<std::optional<Hash>, MapCorruption> find_in_map(const MapPageStore& store,
                                                                     const MapRoot& root,
                                                                     const MapPath& path);

/// The root of a map with these entries, without pages: for genesis and for checking a snapshot.
/// Sorted by path, each once (asserted).
[[nodiscard]] MapRoot build_map_root(std::span<const MapLeaf> entries);

}  // namespace millrace
