#pragma once

#include <optional>
#include <span>
#include <vector>

#include "common/hash.hpp"
#include "market/ids.hpp"

/// Roots of lists (transactions, receipts, claims): a binary Merkle tree over the items' hashes,
/// with the count hashed beside the root, so that no list passes for a longer or shorter one.
/// An odd node at the end of a level moves up unchanged. Source: docs/protocol/block.md, "Lists".
namespace millrace::market {

/// No list of the protocol is longer; bounds a proof to 20 siblings.
inline constexpr std::size_t kListItemsMax = 1U << 20U;

[[nodiscard]] ListRoot list_root(const HashDomain& domain, std::span<const Hash> leaves);

/// The siblings of one leaf, lowest first.
[[nodiscard]] std::vector<Hash> list_proof(std::span<const Hash> leaves, std::size_t index);

/// Whether `leaf` stands at `index` of the list of `count` items with this root.
[[nodiscard]] bool check_list_proof(const HashDomain& domain, const ListRoot& root,
                                    std::uint64_t count, std::uint64_t index, const Hash& leaf,
                                    std::span<const Hash> siblings);

}  // namespace millrace::market
