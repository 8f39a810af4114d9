#include "common/page_proof.hpp"

#include <algorithm>
#include <bit>

#include "common/assert.hpp"
#include "common/codec.hpp"
#include "common/detail/flags.hpp"
#include "common/page_stream.hpp"
#include "common/sparse_page_tree.hpp"

namespace millrace {
namespace {

/// Siblings that a checked set of pages has in a tree of `height` levels above them. The first page
/// has one a level; each further page shares the way down to where it leaves its neighbour's, and
/// there the two are each other's sibling.
std::uint64_t sibling_count(std::span<const std::uint64_t> pages, unsigned height) {
    std::uint64_t count = height;
    for (std::size_t i = 1; i < pages.size(); ++i) {
        const auto parting = static_cast<unsigned>(std::bit_width(pages[i - 1] ^ pages[i])) - 1;
        count += parting;
        count -= 1;
    }
    return count;
}

std::size_t left_part(std::span<const std::uint64_t> pages, unsigned height) {
    const auto middle = std::partition_point(pages.begin(), pages.end(), [&](std::uint64_t page) {
        return ((page >> (height - 1)) & 1U) == 0;
    });
    return static_cast<std::size_t>(middle - pages.begin());
}

/// The walk of a checked proof. Its counts are right, so it cannot run out of flags or hashes.
class RootFold {
  public:
    RootFold(const PageProof& proof, unsigned leaf_level)
        : proof_(proof), leaf_level_(leaf_level) {}

    // Depth of recursion: the height of the tree, at most 52.
    Hash fold(std::span<const std::uint64_t> pages, std::span<const Hash> leaves, unsigned height) {
        if (height == 0) return leaves[0];
        const std::size_t left = left_part(pages, height);
        if (left == pages.size()) {
            const Hash own = fold(pages, leaves, height - 1);
            return node_hash(own, next_sibling(height - 1));
        }
        if (left == 0) {
            const Hash sibling = next_sibling(height - 1);
            return node_hash(sibling, fold(pages, leaves, height - 1));
        }
        const Hash left_root = fold(pages.first(left), leaves.first(left), height - 1);
        const Hash right_root = fold(pages.subspan(left), leaves.subspan(left), height - 1);
        return node_hash(left_root, right_root);
    }
    [[nodiscard]] bool zero_sent() const { return zero_sent_; }

  private:
    Hash next_sibling(unsigned height) {
        const Hash& zero = zero_subtree(leaf_level_ + height);
        if (!detail::flag_at(proof_.flags, flag_++)) return zero;
        const Hash& sent = proof_.siblings[hash_++];
        zero_sent_ = zero_sent_ || sent == zero;
        return sent;
    }

    const PageProof& proof_;
    unsigned leaf_level_;
    std::uint64_t flag_ = 0;
    std::size_t hash_ = 0;
    bool zero_sent_ = false;
};

/// The same walk over the prover's tree.
class ProofBuilder {
  public:
    ProofBuilder(const SparsePageTree& tree, unsigned leaf_level)
        : tree_(tree), leaf_level_(leaf_level) {}

    // `index` is the node's place at `height` levels above the leaves.
    void walk(std::span<const std::uint64_t> pages, std::uint64_t index, unsigned height) {
        if (height == 0) return;
        const std::size_t left = left_part(pages, height);
        if (left != 0) walk(pages.first(left), 2 * index, height - 1);
        if (left == 0) add_sibling(2 * index, height - 1);
        if (left == pages.size()) add_sibling(2 * index + 1, height - 1);
        if (left != pages.size()) walk(pages.subspan(left), 2 * index + 1, height - 1);
    }
    std::optional<PageProof> take() && {
        if (opaque_) return std::nullopt;
        return std::move(proof_);
    }
    PageProof& proof() { return proof_; }

  private:
    void add_sibling(std::uint64_t index, unsigned height) {
        const unsigned level = leaf_level_ + height;
        const std::optional<Hash> root = tree_.subtree(level, index);
        opaque_ = opaque_ || !root;
        const bool sent = root && *root != zero_subtree(level);
        detail::push_flag(proof_.flags, flag_count_, sent);
        if (sent) proof_.siblings.push_back(*root);
        ++flag_count_;
    }

    const SparsePageTree& tree_;
    unsigned leaf_level_;
    PageProof proof_;
    std::uint64_t flag_count_ = 0;
    bool opaque_ = false;
};

Status<PageProofError> check_pages(std::span<const std::uint64_t> pages, unsigned height) {
    if (pages.empty()) return Err{PageProofError::no_pages};
    if (pages.size() > kWitnessPagesMax) return Err{PageProofError::too_many_pages};
    for (std::size_t i = 1; i < pages.size(); ++i)
        if (pages[i - 1] >= pages[i]) return Err{PageProofError::pages_not_ascending};
    if ((pages.back() >> height) != 0) return Err{PageProofError::page_out_of_range};
    return Ok{};
}

}  // namespace

Status<PageProofError> check_page_proof(const PageProof& proof, ProofShape shape) {
    if (shape.levels > kPageTreeLevels || shape.leaf_level > shape.levels)
        return Err{PageProofError::bad_level};
    const unsigned height = shape.levels - shape.leaf_level;
    MILLRACE_CHECK(check_pages(proof.pages, height));
    const std::uint64_t siblings = sibling_count(proof.pages, height);
    if (proof.flags.size() != (siblings + 7) / 8) return Err{PageProofError::flags_size_differs};
    const std::optional<std::uint64_t> sent = detail::count_flags(proof.flags, siblings);
    if (!sent) return Err{PageProofError::spare_bit_set};
    if (proof.siblings.size() != *sent) return Err{PageProofError::sibling_count_differs};
    return Ok{};
}

Result<Hash, PageProofError> proven_root(const PageProof& proof, std::span<const Hash> leaves,
                                         ProofShape shape) {
    MILLRACE_CHECK(check_page_proof(proof, shape));
    if (leaves.size() != proof.pages.size()) return Err{PageProofError::leaf_count_differs};
    RootFold walk(proof, shape.leaf_level);
    const Hash root = walk.fold(proof.pages, leaves, shape.levels - shape.leaf_level);
    if (walk.zero_sent()) return Err{PageProofError::zero_sibling_sent};
    return root;
}

std::optional<PageProof> make_page_proof(const SparsePageTree& tree,
                                         std::span<const std::uint64_t> pages,
                                         unsigned leaf_level) {
    MILLRACE_ASSERT(leaf_level <= tree.levels());
    const unsigned height = tree.levels() - leaf_level;
    MILLRACE_ASSERT(check_pages(pages, height).has_value());
    ProofBuilder builder(tree, leaf_level);
    builder.proof().pages.assign(pages.begin(), pages.end());
    builder.walk(pages, 0, height);
    return std::move(builder).take();
}

Status<PageProofError> verify_chunk(const Hash& root, std::uint64_t blob_length,
                                    std::uint64_t chunk_index, ByteView bytes, ByteView proof,
                                    unsigned chunk_level) {
    constexpr std::uint64_t kRegionBytes = std::uint64_t{kTreePageSize} << kRegionLevels;
    if (chunk_level > kRegionLevels || blob_length > kRegionBytes)
        return Err{PageProofError::bad_level};
    const std::uint64_t chunk_size = std::uint64_t{kTreePageSize} << chunk_level;
    if (chunk_index >= (blob_length + chunk_size - 1) / chunk_size)
        return Err{PageProofError::page_out_of_range};
    if (bytes.size() != std::min(chunk_size, blob_length - chunk_index * chunk_size))
        return Err{PageProofError::bad_chunk_length};
    const auto decoded = decode<PageProof>(proof);
    if (!decoded) return Err{PageProofError::malformed};
    if (decoded->pages.size() != 1 || decoded->pages[0] != chunk_index)
        return Err{PageProofError::page_out_of_range};
    // The cheap checks come first: a chunk is a megabyte of hashing.
    const ProofShape shape{kRegionLevels, chunk_level};
    MILLRACE_CHECK(check_page_proof(*decoded, shape));
    PageTreeHasher hasher(chunk_level);
    const bool fits = hasher.push(bytes);
    MILLRACE_ASSERT(fits);
    const Hash leaf = hasher.finish();
    MILLRACE_TRY(const Hash got, proven_root(*decoded, {&leaf, 1}, shape));
    if (got != root) return Err{PageProofError::root_differs};
    return Ok{};
}

}  // namespace millrace
