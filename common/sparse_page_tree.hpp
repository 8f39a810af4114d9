#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/page_tree.hpp"

namespace millrace {

/// The hashes of a sparse page tree, kept so that a batch of changed pages costs its own paths
/// only. A radix tree without the nodes that have one child: each page that is not zero costs 40
/// bytes for its leaf and 40 for the branch above it, plus a quarter of spare room, however
/// scattered they are.
///
/// A part may also be known by its root alone: a mounted input, the constant half of an image. It
/// is then one entry of a higher level, and nothing inside it can be changed or proven until it is
/// replaced by its pages.
///
/// The root depends on the contents only, never on the order of updates.
class SparsePageTree {
  public:
    /// An all-zero tree of `levels` levels, at most 52.
    explicit SparsePageTree(unsigned levels = kPageTreeLevels);

    /// Sets the given pages and subtrees. They are sorted by place and do not overlap. A part
    /// replaces all that was at or below its place; one whose root is that of a zero subtree
    /// clears it. None may lie strictly inside an entry known by its root alone (asserted).
    /// Cost: for n dense pages about n node hashes, in addition to the pages' own.
    void update(std::span<const Subtree> parts);

    [[nodiscard]] const Hash& root() const noexcept { return root_; }
    [[nodiscard]] unsigned levels() const noexcept { return levels_; }
    /// The root of any aligned subtree; none when it lies strictly inside an entry known by its
    /// root alone.
    [[nodiscard]] std::optional<Hash> subtree(unsigned level, std::uint64_t index) const;
    /// Pages and mounted subtrees held.
    [[nodiscard]] std::size_t entry_count() const noexcept {
        return leaves_.size() - free_leaves_.size();
    }
    /// Bytes of memory held.
    [[nodiscard]] std::size_t memory_size() const noexcept;
    /// All entries in order of place.
    [[nodiscard]] std::vector<Subtree> entries() const;

  private:
    /// What a child link says: nothing there, a leaf or a branch, and which.
    struct Ref {
        std::uint32_t raw = 0;
        friend bool operator==(Ref, Ref) = default;
    };
    struct Leaf {
        Hash root;
        std::uint64_t level_index = 0;  // level in the top 6 bits, index below
    };
    struct Branch {
        Hash root;
        std::uint64_t links = 0;  // level (6 bits), left (29 bits), right (29 bits)
    };
    static_assert(sizeof(Leaf) == 40 && sizeof(Branch) == 40);

    [[nodiscard]] static bool is_leaf(Ref ref) { return (ref.raw & 1U) != 0; }
    [[nodiscard]] static bool is_none(Ref ref) { return ref.raw == 0; }
    [[nodiscard]] static std::size_t slot(Ref ref) { return (ref.raw >> 1U) - 1; }
    [[nodiscard]] unsigned level_of(Ref ref) const;
    [[nodiscard]] Ref left_of(Ref branch) const;
    [[nodiscard]] Ref right_of(Ref branch) const;
    [[nodiscard]] std::uint64_t first_page_of(Ref ref) const;
    [[nodiscard]] Hash root_at(Ref ref, unsigned level) const;

    Ref make_leaf(const Subtree& part);
    Ref make_branch(unsigned level, Ref left, Ref right);
    void write_branch(Ref branch, unsigned level, Ref left, Ref right);
    void free_node(Ref ref);
    void free_below(Ref ref);
    Ref apply(Ref node, unsigned level, std::span<const Subtree> parts);

    unsigned levels_;
    Hash root_;
    Ref top_;
    std::vector<Leaf> leaves_;
    std::vector<Branch> branches_;
    std::vector<std::uint32_t> free_leaves_;
    std::vector<std::uint32_t> free_branches_;
};

}  // namespace millrace
