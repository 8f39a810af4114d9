#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <variant>

#include "common/auth_map.hpp"
#include "common/bounded.hpp"

namespace millrace {

/// The way ends in the leaf of the key that was asked for: the verifier has all of it.
struct MapEndsInKey {
    static constexpr const char* kName = "key";
    friend bool operator==(const MapEndsInKey&, const MapEndsInKey&) = default;
};
BOOST_DESCRIBE_STRUCT(MapEndsInKey, (), ())

/// Shows that a key has a value in the map, or that it has none.
///
/// From the root down, bit `i` of `flags` (lowest bit of the first byte first) speaks of the node
/// beside the way at depth `i + 1`: 1 when its hash is the next of `siblings`, 0 when it is a
/// terminator. The way ends after `depth` steps in the key's own leaf (presence), or in a
/// terminator or the leaf of another key (absence). Exactly one encoding fits a key and a map.
struct MapProof {
    static constexpr const char* kName = "map_proof";
    std::uint64_t entry_count = 0;
    std::uint16_t depth = 0;
    BoundedBytes<kMapDepthMax / 8> flags;
    BoundedVector<Hash, kMapDepthMax> siblings;
    std::variant<MapEndsInKey, MapTerminator, MapLeaf> end;

    friend bool operator==(const MapProof&, const MapProof&) = default;
};
BOOST_DESCRIBE_STRUCT(MapProof, (), (entry_count, depth, flags, siblings, end))

enum class MapProofError : std::uint8_t {
    malformed = 1,              ///< the bytes do not decode
    key_too_long = 2,           ///< above `kMapKeySizeMax`
    too_deep = 3,               ///< above `kMapDepthMax`
    flags_size_differs = 4,     ///< not one bit a level
    spare_bit_set = 5,          ///< a bit after the last level
    sibling_count_differs = 6,  ///< not one hash for each flag set
    terminator_sent = 7,        ///< a hash where a cleared flag says the same
    not_highest = 8,            ///< the end has a terminator beside it, so it stood higher
    wrong_end = 9,              ///< shows absence where presence was asked, or the reverse
    leaf_elsewhere = 10,        ///< the other leaf does not lie on the key's way, or is the key's
    root_differs = 11,          ///< sound, but of another map, key or value
};
BOOST_DESCRIBE_ENUM(MapProofError, malformed, key_too_long, too_deep, flags_size_differs,
                    spare_bit_set, sibling_count_differs, terminator_sent, not_highest, wrong_end,
                    leaf_elsewhere, root_differs)

/// The proof for a path: of presence when it is in the map, else of absence.
[[nodiscard]] Result<MapProof, MapCorruption> prove_in_map(const MapPageStore& store,
                                                           const MapRoot& root,
                                                           const MapPath& path);

/// The root hash that follows from a proof: that `path` has `value_hash`, or without one, that it
/// is absent. Trusts nothing in the proof; equality with a known root is the caller's to test.
[[nodiscard]] Result<Hash, MapProofError> proven_map_root(const MapPath& path,
                                                          const std::optional<Hash>& value_hash,
                                                          const MapProof& proof);

/// Checks that the map with this root hash holds `value` under `key`. `proof` is an encoded
/// `MapProof` and may come from anyone.
[[nodiscard]] Status<MapProofError> verify_presence(const Hash& root, ByteView key, ByteView value,
                                                    ByteView proof);
/// Checks that the map with this root hash holds nothing under `key`.
[[nodiscard]] Status<MapProofError> verify_absence(const Hash& root, ByteView key, ByteView proof);

}  // namespace millrace
