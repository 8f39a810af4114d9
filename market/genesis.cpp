#include "market/genesis.hpp"

#include <set>

namespace millrace::market {

namespace {
/// Leaves as much room again for what is issued later.
constexpr std::uint64_t kSupplyMax = 1ULL << 62U;
}  // namespace

Status<GenesisFault> check_genesis(const Genesis& genesis) {
    if (!check_params(genesis.params).has_value()) return Err{GenesisFault::params_invalid};
    if (genesis.validators.empty()) return Err{GenesisFault::no_validator};
    if (genesis.validators.size() > genesis.params.validators.validators_max)
        return Err{GenesisFault::too_many_validators};
    std::set<Ed25519Key> vote_keys;
    std::set<Address> owners;
    std::uint64_t supply = 0;
    for (const GenesisValidator& v : genesis.validators) {
        if (!is_valid_key(v.vote_key) || !is_valid_key(v.vrf_key) || !is_valid_key(v.peer_key) ||
            v.vote_key == v.peer_key)
            return Err{GenesisFault::validator_key_invalid};
        if (!vote_keys.insert(v.vote_key).second) return Err{GenesisFault::validator_key_repeated};
        if (!owners.insert(v.owner).second) return Err{GenesisFault::validator_owner_repeated};
        if (v.stake < genesis.params.validators.validator_stake_min)
            return Err{GenesisFault::validator_stake_below_min};
        if (__builtin_add_overflow(supply, v.stake.value, &supply))
            return Err{GenesisFault::supply_overflow};
    }
    const Address* last = nullptr;
    for (const GenesisAllocation& a : genesis.allocations) {
        if (last != nullptr && !(*last < a.account)) return Err{GenesisFault::allocations_unsorted};
        last = &a.account;
        if (a.amount < genesis.params.fees.existential_deposit)
            return Err{GenesisFault::allocation_below_deposit};
        if (__builtin_add_overflow(supply, a.amount.value, &supply))
            return Err{GenesisFault::supply_overflow};
    }
    if (supply > kSupplyMax) return Err{GenesisFault::supply_overflow};
    if (genesis.faucet && genesis.network == Network::main)
        return Err{GenesisFault::faucet_on_main_network};
    return Ok{};
}

ChainId chain_id_of(const Genesis& genesis) {
    return hash_as<ChainId>(hash_bytes("mill/genesis", encode(genesis)));
}

}  // namespace millrace::market
