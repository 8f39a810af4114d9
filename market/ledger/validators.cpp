#include "market/ledger/validators.hpp"

namespace millrace::market {

namespace {
/// Rows of sets say all in their key.
const Bytes kPresent{1};
}  // namespace

std::optional<Validator> find_validator(const Ledger& ledger, const ValidatorId& id) {
    return load<Validator>(ledger.state, validator_key(id));
}

bool is_candidate(const Params& params, const Validator& validator) {
    return validator.standing == ValidatorStanding::good &&
           validator.stake >= params.validators.validator_stake_min;
}

void save_validator(Ledger& ledger, Validator& v) {
    std::optional<Amount> rank;
    if (is_candidate(ledger.params, v)) rank = v.stake;
    if (rank != v.rank) {
        if (v.rank) ledger.state.erase(validator_rank_key(*v.rank, v.owner));
        if (rank) ledger.state.put(validator_rank_key(*rank, v.owner).bytes(), kPresent);
        v.rank = rank;
    }
    store(ledger.state, validator_key(v.owner), v);
}

bool has_other_candidate(const Ledger& ledger, const ValidatorId& id) {
    for (const StateEntry& entry : ledger.state.scan(Key(Table::validator_rank), {}, 2))
        if (id_in_key<ValidatorId>(entry.key, 9) != id) return true;
    return false;
}

std::optional<EpochSet> find_epoch_set(const StateReader& state, Epoch epoch) {
    return load<EpochSet>(state, epoch_set_key(epoch));
}

std::vector<SetMember> load_validators(const StateReader& state) {
    auto set = find_epoch_set(state, load_chain(state).epoch);
    MILLRACE_ASSERT(set.has_value());
    return std::move(set->members);
}

Uint128 weight_of(std::span<const SetMember> members) {
    Uint128 sum = 0;
    for (const SetMember& member : members) sum += member.weight;
    return sum;
}

SetMember member_of(const Validator& v) {
    return {v.owner, v.vote_key, v.vrf_key, v.peer_key, v.stake.value / kWeightUnit};
}

std::vector<SetMember> elect_members(const StateReader& state, const Params& params) {
    std::vector<SetMember> out;
    const std::size_t most = params.validators.validators_max;
    for (const StateEntry& entry : state.scan(Key(Table::validator_rank), {}, most)) {
        const auto v = load<Validator>(state, validator_key(id_in_key<ValidatorId>(entry.key, 9)));
        MILLRACE_ASSERT(v.has_value());
        out.push_back(member_of(*v));
    }
    return out;
}

bool is_accusable(const EpochSet& set, const Params& params, ActiveTime now) {
    return !set.ended || now.value - set.ended->value <= params.stake.evidence_window_ms;
}

}  // namespace millrace::market
