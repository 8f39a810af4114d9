#include "common/sparse_page_tree.hpp"

#include <algorithm>
#include <utility>

#include "common/assert.hpp"

namespace millrace {
namespace {

constexpr unsigned kRefBits = 29;
constexpr std::uint64_t kRefMask = (std::uint64_t{1} << kRefBits) - 1;
/// 2^28 entries are 1 TiB of pages, far above any memory limit of a job.
constexpr std::size_t kSlotsMax = (std::size_t{1} << (kRefBits - 1)) - 2;
constexpr unsigned kIndexBits = 58;
constexpr std::uint64_t kIndexMask = (std::uint64_t{1} << kIndexBits) - 1;

/// A free slot, or a new one; the vector grows by a quarter, since doubling would waste as much as
/// the hashes take.
template <class T>
std::uint32_t take_slot(std::vector<T>& nodes, std::vector<std::uint32_t>& free) {
    if (!free.empty()) {
        const std::uint32_t slot = free.back();
        free.pop_back();
        return slot;
    }
    MILLRACE_ASSERT(nodes.size() < kSlotsMax);
    if (nodes.size() == nodes.capacity()) nodes.reserve(nodes.size() + nodes.size() / 4 + 16);
    nodes.emplace_back();
    return static_cast<std::uint32_t>(nodes.size() - 1);
}

}  // namespace

SparsePageTree::SparsePageTree(unsigned levels) : levels_(levels), root_(zero_subtree(levels)) {}

unsigned SparsePageTree::level_of(Ref ref) const {
    const std::uint64_t packed =
        is_leaf(ref) ? leaves_[slot(ref)].level_index : branches_[slot(ref)].links;
    return static_cast<unsigned>(packed >> kIndexBits);
}

SparsePageTree::Ref SparsePageTree::left_of(Ref branch) const {
    return Ref{static_cast<std::uint32_t>((branches_[slot(branch)].links >> kRefBits) & kRefMask)};
}

SparsePageTree::Ref SparsePageTree::right_of(Ref branch) const {
    return Ref{static_cast<std::uint32_t>(branches_[slot(branch)].links & kRefMask)};
}

std::uint64_t SparsePageTree::first_page_of(Ref ref) const {
    while (!is_leaf(ref)) ref = left_of(ref);
    return (leaves_[slot(ref)].level_index & kIndexMask) << level_of(ref);
}

// The node's root as seen `level` levels up: all between is zero on the other side.
Hash SparsePageTree::root_at(Ref ref, unsigned level) const {
    if (is_none(ref)) return zero_subtree(level);
    const Hash& own = is_leaf(ref) ? leaves_[slot(ref)].root : branches_[slot(ref)].root;
    const unsigned from = level_of(ref);
    if (from == level) return own;
    return lift_subtree(own, from, first_page_of(ref) >> from, level);
}

SparsePageTree::Ref SparsePageTree::make_leaf(const Subtree& part) {
    const std::uint32_t at = take_slot(leaves_, free_leaves_);
    leaves_[at] = {part.root, (std::uint64_t{part.level} << kIndexBits) | part.index};
    return Ref{((at + 1) << 1U) | 1U};
}

SparsePageTree::Ref SparsePageTree::make_branch(unsigned level, Ref left, Ref right) {
    const std::uint32_t at = take_slot(branches_, free_branches_);
    const Ref branch{(at + 1) << 1U};
    write_branch(branch, level, left, right);
    return branch;
}

void SparsePageTree::write_branch(Ref branch, unsigned level, Ref left, Ref right) {
    const Hash left_root = root_at(left, level - 1);
    const Hash right_root = root_at(right, level - 1);
    branches_[slot(branch)] = {
        node_hash(left_root, right_root),
        (std::uint64_t{level} << kIndexBits) | (std::uint64_t{left.raw} << kRefBits) | right.raw};
}

void SparsePageTree::free_node(Ref ref) {
    (is_leaf(ref) ? free_leaves_ : free_branches_).push_back(static_cast<std::uint32_t>(slot(ref)));
}

// Depth of recursion: a branch's level falls at each step, so at most 52.
void SparsePageTree::free_below(Ref ref) {
    if (is_none(ref)) return;
    if (!is_leaf(ref)) {
        free_below(left_of(ref));
        free_below(right_of(ref));
    }
    free_node(ref);
}

// Answers the node that stands for the subtree of height `level` after the changes; `node` stood
// for it before and may itself be lower, where all around it is zero. Recursion is at most 52 deep.
SparsePageTree::Ref SparsePageTree::apply(Ref node, unsigned level,
                                          std::span<const Subtree> parts) {
    if (parts.empty()) return node;
    if (parts.size() == 1) {
        const Subtree& part = parts[0];
        const bool clears = part.root == zero_subtree(part.level);
        if (part.level == level) {
            free_below(node);
            return clears ? Ref{} : make_leaf(part);
        }
        if (is_none(node)) return clears ? Ref{} : make_leaf(part);
    }
    const auto bit = [&](std::uint64_t page) { return (page >> (level - 1)) & 1U; };
    const auto middle = std::partition_point(
        parts.begin(), parts.end(), [&](const Subtree& part) { return !bit(part.first_page()); });
    const auto left_count = static_cast<std::size_t>(middle - parts.begin());

    Ref left;
    Ref right;
    const bool own_branch = !is_none(node) && !is_leaf(node) && level_of(node) == level;
    if (own_branch) {
        left = left_of(node);
        right = right_of(node);
    } else if (!is_none(node)) {
        // A leaf of this level here would mean a change inside a part known by its root alone.
        MILLRACE_ASSERT(level_of(node) < level);
        (bit(first_page_of(node)) ? right : left) = node;
    }
    left = apply(left, level - 1, parts.first(left_count));
    right = apply(right, level - 1, parts.subspan(left_count));
    if (!is_none(left) && !is_none(right)) {
        if (!own_branch) return make_branch(level, left, right);
        write_branch(node, level, left, right);
        return node;
    }
    if (own_branch) free_node(node);
    return is_none(left) ? right : left;
}

void SparsePageTree::update(std::span<const Subtree> parts) {
    std::uint64_t free_from = 0;
    for (const Subtree& part : parts) {
        MILLRACE_ASSERT(part.level <= levels_ && (part.index >> (levels_ - part.level)) == 0);
        MILLRACE_ASSERT(part.first_page() >= free_from);
        free_from = part.end_page();
    }
    top_ = apply(top_, levels_, parts);
    root_ = root_at(top_, levels_);
}

std::optional<Hash> SparsePageTree::subtree(unsigned level, std::uint64_t index) const {
    MILLRACE_ASSERT(level <= levels_ && (index >> (levels_ - level)) == 0);
    const std::uint64_t page = index << level;
    Ref node = top_;
    while (!is_none(node) && level_of(node) > level) {
        const unsigned at = level_of(node);
        // A node off the way is elsewhere below a larger zero space.
        if ((first_page_of(node) >> at) != (page >> at)) return zero_subtree(level);
        if (is_leaf(node)) return std::nullopt;
        node = ((page >> (at - 1)) & 1U) != 0 ? right_of(node) : left_of(node);
    }
    if (is_none(node) || (first_page_of(node) >> level) != index) return zero_subtree(level);
    return root_at(node, level);
}

std::size_t SparsePageTree::memory_size() const noexcept {
    return leaves_.capacity() * sizeof(Leaf) + branches_.capacity() * sizeof(Branch) +
           (free_leaves_.capacity() + free_branches_.capacity()) * sizeof(std::uint32_t);
}

std::vector<Subtree> SparsePageTree::entries() const {
    std::vector<Subtree> out;
    out.reserve(entry_count());
    std::vector<Ref> pending;  // at most one a level
    if (!is_none(top_)) pending.push_back(top_);
    while (!pending.empty()) {
        const Ref ref = pending.back();
        pending.pop_back();
        if (is_leaf(ref)) {
            const Leaf& leaf = leaves_[slot(ref)];
            out.push_back({level_of(ref), leaf.level_index & kIndexMask, leaf.root});
        } else {
            pending.push_back(right_of(ref));
            pending.push_back(left_of(ref));
        }
    }
    return out;
}

}  // namespace millrace
