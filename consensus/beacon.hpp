#pragma once

#include "common/hash.hpp"
#include "common/vrf.hpp"
#include "consensus/leader.hpp"
#include "consensus/types.hpp"

/// The chain of randomness: each block carries its proposer's VRF proof over the parent's beacon
/// only, so a proposer can publish one value or none, and cannot choose among several by reordering
/// transactions or trying timestamps. A re-proposed boundary block keeps its first proposer's.
/// Source: docs/protocol/consensus.md, "Beacon".
namespace millrace::consensus {

/// 32 unpredictable bytes per block, for the market and for later leader schedules.
using Beacon = FixedBytes<32, struct AgreementBeaconTag>;

/// Port: the check of a VRF proof, common/vrf.hpp in the node.
class VrfVerifier {
  public:
    virtual ~VrfVerifier() = default;
    [[nodiscard]] virtual std::optional<VrfOutput> verify(const VrfKey& key, ByteView alpha,
                                                          const VrfProof& proof) const = 0;
};

/// What the proposer of a child of this beacon feeds its VRF.
[[nodiscard]] Hash beacon_input(const ChainId& chain, const Beacon& parent);
/// The beacon that follows from a VRF output.
[[nodiscard]] Beacon beacon_from(const VrfOutput& output);
/// The beacon of a block, if its proposer's proof is good; none makes the block invalid.
[[nodiscard]] std::optional<Beacon> check_beacon(const ChainId& chain, const Beacon& parent,
                                                 const VrfKey& proposer, const VrfProof& proof,
                                                 const VrfVerifier& verifier);
/// The first beacon, from the genesis document alone.
[[nodiscard]] Beacon genesis_beacon(const ChainId& chain);
/// The leader seed of `epoch` out of the beacon at the finalized boundary of `epoch` − 2 (of
/// genesis for the first two).
[[nodiscard]] LeaderSeed leader_seed(const Beacon& boundary, Epoch epoch);

}  // namespace millrace::consensus
