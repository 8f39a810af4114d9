#pragma once

#include "consensus/messages.hpp"

/// How a block may follow another inside one epoch, and how an epoch ends: once its last block is
/// notarized, leaders propose that same block again, and nothing else, until it is final. So the
/// next epoch starts from a final block, and no block is ever lost between two validator sets.
namespace millrace::consensus {

/// What stands under a proposal.
struct ParentBlock {
    BlockHash hash;
    Height height;
    WallTime timestamp;
    /// It ends the epoch, so only itself may follow.
    bool last_of_epoch = false;
    friend bool operator==(const ParentBlock&, const ParentBlock&) = default;
};

enum class LinkRefusal : std::uint8_t {
    wrong_epoch = 1,
    epoch_is_over = 2,
    not_a_boundary = 3,
    wrong_view = 4,
    wrong_parent = 5,
    wrong_height = 6,
    too_soon = 7,
};
BOOST_DESCRIBE_ENUM(LinkRefusal, wrong_epoch, epoch_is_over, not_a_boundary, wrong_view,
                    wrong_parent, wrong_height, too_soon)

/// Whether this proposal says again what its parent is.
[[nodiscard]] bool is_reproposal(const ParentBlock& parent, const Proposal& proposal);
/// Checks a new block (not a re-proposal) in its place; `spacing_min_ms` is the rule's least
/// distance of timestamps. Refuses in the order of `LinkRefusal`.
[[nodiscard]] Status<LinkRefusal> check_link(const ParentBlock& parent, const BlockFacts& block,
                                             Epoch epoch, View view, std::uint64_t spacing_min_ms);

}  // namespace millrace::consensus
