#pragma once

#include "common/json.hpp"
#include "common/network.hpp"
#include "market/params.hpp"
#include "market/transaction.hpp"

/// The document that a chain begins with. Its hash is the chain's id, which every signature commits
/// to. Source: docs/protocol/block.md, "Genesis".
namespace millrace::market {

/// A founding member of the validator set.
struct GenesisValidator {
    /// Owner of the stake, and operator and payout account until it names others.
    Address owner;
    Ed25519Key vote_key;
    VrfKey vrf_key;
    Ed25519Key peer_key;
    Amount stake;
    friend bool operator==(const GenesisValidator&, const GenesisValidator&) = default;
};
BOOST_DESCRIBE_STRUCT(GenesisValidator, (), (owner, vote_key, vrf_key, peer_key, stake))

struct GenesisAllocation {
    Address account;
    Amount amount;
    friend bool operator==(const GenesisAllocation&, const GenesisAllocation&) = default;
};
BOOST_DESCRIBE_STRUCT(GenesisAllocation, (), (account, amount))

inline constexpr std::size_t kAllocationsMax = 4'096;
inline constexpr std::size_t kChainNameMax = 32;

struct Genesis {
    BoundedString<kChainNameMax> name;
    Network network = Network::test;
    std::uint16_t protocol_version = 1;
    WallTime time;
    Params params;
    /// Ascending by account.
    BoundedVector<GenesisAllocation, kAllocationsMax> allocations;
    BoundedVector<GenesisValidator, kValidatorsMax> validators;
    /// Whether the faucet makes money on request: for development chains only.
    bool faucet = false;
    friend bool operator==(const Genesis&, const Genesis&) = default;
};
BOOST_DESCRIBE_STRUCT(Genesis, (),
                      (name, network, protocol_version, time, params, allocations, validators,
                       faucet))

enum class GenesisFault : std::uint8_t {
    params_invalid = 1,
    no_validator = 2,
    validator_key_invalid = 3,
    validator_key_repeated = 4,
    validator_stake_below_min = 5,
    allocations_unsorted = 6,
    allocation_below_deposit = 7,
    supply_overflow = 8,
    faucet_on_main_network = 9,
    validator_owner_repeated = 10,
    too_many_validators = 11,
};
BOOST_DESCRIBE_ENUM(GenesisFault, params_invalid, no_validator, validator_key_invalid,
                    validator_key_repeated, validator_stake_below_min, allocations_unsorted,
                    allocation_below_deposit, supply_overflow, faucet_on_main_network,
                    validator_owner_repeated, too_many_validators)

/// The first rule that the document breaks.
[[nodiscard]] Status<GenesisFault> check_genesis(const Genesis& genesis);

/// H("mill/genesis", encoding).
[[nodiscard]] ChainId chain_id_of(const Genesis& genesis);

}  // namespace millrace::market
