#include "consensus/beacon.hpp"

namespace millrace::consensus {

Hash beacon_input(const ChainId& chain, const Beacon& parent) {
    return Hasher("mill/beacon-in").update(chain).update(parent).finish();
}

Beacon beacon_from(const VrfOutput& output) {
    return hash_as<Beacon>(hash_bytes("mill/beacon", output.view()));
}

std::optional<Beacon> check_beacon(const ChainId& chain, const Beacon& parent,
                                   const VrfKey& proposer, const VrfProof& proof,
                                   const VrfVerifier& verifier) {
    const Hash input = beacon_input(chain, parent);
    const auto output = verifier.verify(proposer, input.view(), proof);
    if (!output) return std::nullopt;
    return beacon_from(*output);
}

Beacon genesis_beacon(const ChainId& chain) {
    return hash_as<Beacon>(hash_bytes("mill/beacon-0", chain.view()));
}

LeaderSeed leader_seed(const Beacon& boundary, Epoch epoch) {
    return hash_as<LeaderSeed>(
        Hasher("mill/epochseed").update(boundary).update_u64(epoch.value).finish());
}

}  // namespace millrace::consensus
