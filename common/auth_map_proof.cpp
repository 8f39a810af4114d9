#include "common/auth_map_proof.hpp"

#include <memory>

#include "common/assert.hpp"
#include "common/codec.hpp"
#include "common/detail/auth_map_page.hpp"
#include "common/detail/flags.hpp"

namespace millrace {
namespace {

using detail::flag_at;
using detail::MapPage;

bool share_way(const MapPath& a, const MapPath& b, unsigned depth) {
    for (unsigned i = 0; i < depth; ++i)
        if (path_bit(a, i) != path_bit(b, i)) return false;
    return true;
}

Status<MapProofError> check_shape(const MapProof& proof) {
    if (proof.depth > kMapDepthMax) return Err{MapProofError::too_deep};
    if (proof.flags.size() != (proof.depth + 7U) / 8) return Err{MapProofError::flags_size_differs};
    const std::optional<std::uint64_t> sent = detail::count_flags(proof.flags, proof.depth);
    if (!sent) return Err{MapProofError::spare_bit_set};
    if (proof.siblings.size() != *sent) return Err{MapProofError::sibling_count_differs};
    for (const Hash& sibling : proof.siblings)
        if (sibling == Hash{}) return Err{MapProofError::terminator_sent};
    // Below an inner node lie two entries: whatever ends the way has something beside it.
    if (proof.depth != 0 && !flag_at(proof.flags, proof.depth - 1U))
        return Err{MapProofError::not_highest};
    return Ok{};
}

Result<MapNode, MapProofError> end_node(const MapPath& path, const std::optional<Hash>& value_hash,
                                        const MapProof& proof) {
    const bool shows_presence = std::holds_alternative<MapEndsInKey>(proof.end);
    if (shows_presence != value_hash.has_value()) return Err{MapProofError::wrong_end};
    if (shows_presence) return MapNode{MapLeaf{path, *value_hash}};
    const auto* other = std::get_if<MapLeaf>(&proof.end);
    if (other == nullptr) return MapNode{};
    if (other->path == path || !share_way(other->path, path, proof.depth))
        return Err{MapProofError::leaf_elsewhere};
    return MapNode{*other};
}

Status<MapProofError> verify(const Hash& root, ByteView key, const std::optional<Hash>& value_hash,
                             ByteView raw) {
    if (key.size() > kMapKeySizeMax) return Err{MapProofError::key_too_long};
    const auto proof = decode<MapProof>(raw);
    if (!proof) return Err{MapProofError::malformed};
    MILLRACE_TRY(const Hash got, proven_map_root(map_path(key), value_hash, *proof));
    if (got != root) return Err{MapProofError::root_differs};
    return Ok{};
}

}  // namespace

Result<MapProof, MapCorruption> prove_in_map(const MapPageStore& store, const MapRoot& root,
                                             const MapPath& path) {
    MILLRACE_CHECK(detail::check_count(root));
    MapProof proof;
    proof.entry_count = root.entry_count;
    MapNode node = root.top;
    const auto page = std::make_unique<MapPage>();
    std::size_t slot = 1;
    unsigned depth = 0;
    for (; std::holds_alternative<MapInner>(node); ++depth) {
        if (depth % kMapPageLevels == 0) {
            MILLRACE_TRY(*page, detail::load_map_page(
                                    store, MapPageId::on_way_to(path, depth / kMapPageLevels)));
            slot = 1;
        }
        const MapNode& left = page->slots.at(2 * slot);
        const MapNode& right = page->slots.at(2 * slot + 1);
        MILLRACE_CHECK(detail::check_children(std::get<MapInner>(node), left, right));
        const bool goes_right = path_bit(path, depth);
        const MapNode& sibling = goes_right ? left : right;
        const bool sent = !std::holds_alternative<MapTerminator>(sibling);
        detail::push_flag(proof.flags, depth, sent);
        if (sent) proof.siblings.push_back(map_node_hash(sibling));
        slot = 2 * slot + (goes_right ? 1 : 0);
        node = goes_right ? right : left;
    }
    proof.depth = static_cast<std::uint16_t>(depth);
    const auto* leaf = std::get_if<MapLeaf>(&node);
    if (leaf == nullptr)
        proof.end = MapTerminator{};
    else if (leaf->path != path)
        proof.end = *leaf;
    return proof;
}

Result<Hash, MapProofError> proven_map_root(const MapPath& path,
                                            const std::optional<Hash>& value_hash,
                                            const MapProof& proof) {
    MILLRACE_CHECK(check_shape(proof));
    MILLRACE_TRY(const MapNode end, end_node(path, value_hash, proof));
    Hash hash = map_node_hash(end);
    std::size_t unused = proof.siblings.size();
    for (unsigned depth = proof.depth; depth-- > 0;) {
        const Hash sibling = flag_at(proof.flags, depth) ? proof.siblings[--unused] : Hash{};
        hash =
            path_bit(path, depth) ? map_inner_hash(sibling, hash) : map_inner_hash(hash, sibling);
    }
    // Only the hash of the top node matters here, whatever kind it is.
    return MapRoot{proof.entry_count, MapInner{hash}}.hash();
}

Status<MapProofError> verify_presence(const Hash& root, ByteView key, ByteView value,
                                      ByteView proof) {
    return verify(root, key, map_value_hash(value), proof);
}

Status<MapProofError> verify_absence(const Hash& root, ByteView key, ByteView proof) {
    return verify(root, key, std::nullopt, proof);
}

}  // namespace millrace
