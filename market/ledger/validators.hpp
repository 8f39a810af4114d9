#pragma once

#include "market/ledger/ledger.hpp"
#include "market/ledger/providers.hpp"

/// Validators and the sets that vote. A set is fixed two epochs ahead: that of epoch e is made of
/// the stakes at the end of e−2 and never changes, so that everybody knows it before it votes, and
/// its leaders' seed is drawn after it was fixed.
/// Source: docs/protocol/validators.md.
namespace millrace::market {

enum class ValidatorStanding : std::uint8_t {
    good = 1,
    /// Was absent; comes back by `validator_unjail`.
    jailed = 2,
    /// Signed conflicting votes: out for good.
    expelled = 3,
};
BOOST_DESCRIBE_ENUM(ValidatorStanding, good, jailed, expelled)

/// Stake on its way out.
struct ValidatorUnbonding {
    Amount amount;
    ActiveTime ready;
    /// The last epoch in whose set it may count. Until that set can no longer be accused, the
    /// stake stays where a slash finds it.
    Epoch last_epoch;
    friend bool operator==(const ValidatorUnbonding&, const ValidatorUnbonding&) = default;
};
BOOST_DESCRIBE_STRUCT(ValidatorUnbonding, (), (amount, ready, last_epoch))

struct Validator {
    ValidatorId owner;
    Address operator_account;
    /// Gets tips and issuance.
    Address payout_account;
    Ed25519Key vote_key;
    VrfKey vrf_key;
    Ed25519Key peer_key;
    /// All stake that is not unbonding.
    Amount stake;
    BoundedVector<ValidatorUnbonding, kUnbondingsMax> unbonding;
    ValidatorStanding standing = ValidatorStanding::good;
    /// Not before this may it leave jail.
    ActiveTime jailed_until;
    /// Stake in the key of its row among the candidates; none when it has no row.
    std::optional<Amount> rank;
    friend bool operator==(const Validator&, const Validator&) = default;
};
BOOST_DESCRIBE_STRUCT(Validator, (),
                      (owner, operator_account, payout_account, vote_key, vrf_key, peer_key, stake,
                       unbonding, standing, jailed_until, rank))

/// A validator as it votes in one epoch: with the keys and the stake it had when the set was made.
struct SetMember {
    ValidatorId owner;
    Ed25519Key vote_key;
    VrfKey vrf_key;
    Ed25519Key peer_key;
    std::uint64_t weight = 0;
    friend bool operator==(const SetMember&, const SetMember&) = default;
};
BOOST_DESCRIBE_STRUCT(SetMember, (), (owner, vote_key, vrf_key, peer_key, weight))

/// The voters of one epoch, in the order of their indices: by stake, then by owner.
struct EpochSet {
    /// Names with the chain what these voters sign (`vote_domain`).
    std::uint32_t recovery = 0;
    /// When its epoch ended; none before. The evidence window runs from here.
    std::optional<ActiveTime> ended;
    BoundedVector<SetMember, kValidatorsMax> members;
    friend bool operator==(const EpochSet&, const EpochSet&) = default;
};
BOOST_DESCRIBE_STRUCT(EpochSet, (), (recovery, ended, members))

/// When each member of the running set last showed a sign of life, by index.
struct Attendance {
    BoundedVector<ActiveTime, kValidatorsMax> last;
    friend bool operator==(const Attendance&, const Attendance&) = default;
};
BOOST_DESCRIBE_STRUCT(Attendance, (), (last))

/// Weight is whole milli-credits of stake: sums stay far below 2^60, whatever the supply.
inline constexpr std::uint64_t kWeightUnit = kNanoPerCredit / 1'000;

[[nodiscard]] inline Key validator_key(const ValidatorId& id) {
    return Key(Table::validator).add(id);
}
/// Candidates of the next set, the largest stake first.
[[nodiscard]] inline Key validator_rank_key(Amount stake, const ValidatorId& id) {
    return Key(Table::validator_rank).add_number(UINT64_MAX - stake.value).add(id);
}
[[nodiscard]] inline Key epoch_set_key(Epoch epoch) {
    return Key(Table::epoch_set).add_number(epoch.value);
}
[[nodiscard]] inline Key attendance_key() {
    return Key(Table::attendance);
}
/// The owner who registered a vote key; kept for ever, so that a key serves once.
[[nodiscard]] inline Key vote_key_key(const Ed25519Key& key) {
    return Key(Table::vote_key).add(key);
}
/// A validator was punished for its votes of this epoch.
[[nodiscard]] inline Key punished_key(Epoch epoch, const ValidatorId& id) {
    return Key(Table::punished).add_number(epoch.value).add(id);
}
/// The newest version that a validator's blocks of this epoch signalled.
[[nodiscard]] inline Key version_signal_key(std::uint16_t index) {
    return Key(Table::version_signal).add_number(index);
}

[[nodiscard]] std::optional<Validator> find_validator(const Ledger& ledger, const ValidatorId& id);
/// Stores a validator and derives its row among the candidates again.
void save_validator(Ledger& ledger, Validator& validator);
/// Whether it may stand in a set.
[[nodiscard]] bool is_candidate(const Params& params, const Validator& validator);
/// Whether any other validator than this one may stand in a set.
[[nodiscard]] bool has_other_candidate(const Ledger& ledger, const ValidatorId& id);

/// The set of an epoch: the running one, the next one, and past ones as long as they can be accused
/// (the last one always). None for any other.
[[nodiscard]] std::optional<EpochSet> find_epoch_set(const StateReader& state, Epoch epoch);
/// The members of the running epoch's set.
[[nodiscard]] std::vector<SetMember> load_validators(const StateReader& state);
[[nodiscard]] Uint128 weight_of(std::span<const SetMember> members);
[[nodiscard]] SetMember member_of(const Validator& validator);
/// The candidates with the largest stakes, at most `validators_max`.
[[nodiscard]] std::vector<SetMember> elect_members(const StateReader& state, const Params& params);
/// Whether votes of this set may still be accused.
[[nodiscard]] bool is_accusable(const EpochSet& set, const Params& params, ActiveTime now);

}  // namespace millrace::market
