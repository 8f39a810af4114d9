#pragma once

#include "common/hash.hpp"
#include "consensus/types.hpp"

namespace millrace::consensus {

/// Seed of an epoch's leader schedule: H("mill/epochseed", beacon of the finalized boundary of
/// e−2 ‖ epoch).
using LeaderSeed = FixedBytes<32, struct LeaderSeedTag>;

/// The leader of a view: the owner of the point H("mill/leader", seed ‖ view) mod W, read as 128
/// bits little-endian, among the weights laid end to end. W < 2^60, so the bias is below 2^-68.
/// Everybody knows the schedule; nobody can bend it after the boundary of e−2.
[[nodiscard]] ValidatorIndex elect_leader(const ValidatorSet& validators, const LeaderSeed& seed,
                                          View view);

}  // namespace millrace::consensus
