#include "consensus/epoch.hpp"

#include "consensus/detail/mutation.hpp"

namespace millrace::consensus {

bool is_reproposal(const ParentBlock& parent, const Proposal& proposal) {
    return proposal.block == parent.hash;
}

Status<LinkRefusal> check_link(const ParentBlock& parent, const BlockFacts& block, Epoch epoch,
                               View view, std::uint64_t spacing_min_ms) {
    if (block.epoch != epoch) return Err{LinkRefusal::wrong_epoch};
    if (parent.last_of_epoch && !MILLRACE_MUTANT(boundary_gets_a_child))
        return Err{LinkRefusal::epoch_is_over};
    if (block.hash == parent.hash) return Err{LinkRefusal::not_a_boundary};
    if (block.view != view) return Err{LinkRefusal::wrong_view};
    if (block.parent != parent.hash) return Err{LinkRefusal::wrong_parent};
    if (block.height != next(parent.height)) return Err{LinkRefusal::wrong_height};
    if (block.timestamp.value < parent.timestamp.value ||
        block.timestamp.value - parent.timestamp.value < spacing_min_ms)
        return Err{LinkRefusal::too_soon};
    return Ok{};
}

}  // namespace millrace::consensus
