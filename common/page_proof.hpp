#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <span>

#include "common/bounded.hpp"
#include "common/page_tree.hpp"
#include "common/result.hpp"

namespace millrace {

class SparsePageTree;

/// Pages of one proof: 1 MiB of contents, the most that fits into a transaction.
inline constexpr std::size_t kWitnessPagesMax = 256;
/// A page has at most one sibling a level.
inline constexpr std::size_t kWitnessSiblingsMax = kWitnessPagesMax * kPageTreeLevels;

enum class PageProofError : std::uint8_t {
    no_pages = 1,               ///< the set of pages is empty
    too_many_pages = 2,         ///< above `kWitnessPagesMax`
    pages_not_ascending = 3,    ///< not sorted, or one twice
    page_out_of_range = 4,      ///< beyond the tree
    leaf_count_differs = 5,     ///< not one leaf for each page
    flags_size_differs = 6,     ///< not one bit for each sibling
    spare_bit_set = 7,          ///< a bit after the last sibling
    sibling_count_differs = 8,  ///< not one hash for each flag set
    zero_sibling_sent = 9,      ///< a hash where a cleared flag says the same
    malformed = 10,             ///< the bytes do not decode
    root_differs = 11,          ///< sound, but of another tree
    bad_level = 12,             ///< the caller's levels make no tree
    bad_chunk_length = 13,      ///< a chunk of another length than asked for
};
BOOST_DESCRIBE_ENUM(PageProofError, no_pages, too_many_pages, pages_not_ascending,
                    page_out_of_range, leaf_count_differs, flags_size_differs, spare_bit_set,
                    sibling_count_differs, zero_sibling_sent, malformed, root_differs, bad_level,
                    bad_chunk_length)

/// What a set of pages needs beside its contents to make the root: one proof for all of them, no
/// hash twice, none that is known.
///
/// Walk the tree from the root, left before right, into every node that has a page of the set
/// below it. Where a node has pages on one side only, the other child is a sibling; in the order
/// of the walk each has one bit of `flags` (lowest bit of the first byte first): 1 when its hash is
/// in `siblings`, 0 when it is the zero subtree. Exactly one encoding fits a set of pages and a
/// state, so no bit of a proof can be changed.
///
/// The same proof with other leaves gives the root after those pages are replaced. "Page" means
/// subtree of a fixed level where chunks are proven. The height of the tree and that level come
/// from the verifier, never from the proof.
struct PageProof {
    static constexpr const char* kName = "page_proof";
    BoundedVector<std::uint64_t, kWitnessPagesMax> pages;
    BoundedBytes<(kWitnessSiblingsMax + 7) / 8> flags;
    BoundedVector<Hash, kWitnessSiblingsMax> siblings;

    friend bool operator==(const PageProof&, const PageProof&) = default;
};
BOOST_DESCRIBE_STRUCT(PageProof, (), (pages, flags, siblings))

/// Which tree a proof is of: its height, and the level of what is proven (0: pages).
struct ProofShape {
    unsigned levels = kPageTreeLevels;
    unsigned leaf_level = 0;
};

/// The root that follows from these leaves, one for each of `proof.pages`. Everything is checked:
/// counts before use, order, range, no spare bit, no unused hash. Equality with a known root is
/// the caller's to test. Cost: at most pages × levels node hashes.
[[nodiscard]] Result<Hash, PageProofError> proven_root(const PageProof& proof,
                                                       std::span<const Hash> leaves,
                                                       ProofShape shape = {});

/// Checks everything but the leaves, without hashing.
[[nodiscard]] Status<PageProofError> check_page_proof(const PageProof& proof,
                                                      ProofShape shape = {});

/// The proof of these pages (sorted, each once, 1 to `kWitnessPagesMax`: asserted). None when the
/// proof needs a hash from inside a part that the tree knows by its root alone.
[[nodiscard]] std::optional<PageProof> make_page_proof(const SparsePageTree& tree,
                                                       std::span<const std::uint64_t> pages,
                                                       unsigned leaf_level = 0);

/// Checks one chunk of a blob in transit: `bytes` are those of chunk `chunk_index` (2^chunk_level
/// pages; shorter only at the blob's end, by `blob_length`) and hash to the region root `root`.
/// `proof` is the encoded `PageProof` of that one subtree.
[[nodiscard]] Status<PageProofError> verify_chunk(const Hash& root, std::uint64_t blob_length,
                                                  std::uint64_t chunk_index, ByteView bytes,
                                                  ByteView proof, unsigned chunk_level);

}  // namespace millrace
