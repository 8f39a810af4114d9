#include "market/ledger/validators.hpp"
#include "market/rules/rules.hpp"

namespace millrace::market {

namespace {

bool is_owner_or_operator(const Actor& actor, const Validator& v) {
    return actor.account == v.owner || actor.account == v.operator_account;
}

/// Keys that can be used, each for one purpose.
bool keys_are_usable(const ValidatorKeySet& keys) {
    return is_valid_key(keys.vote_key) && is_valid_key(keys.vrf_key) &&
           is_valid_key(keys.peer_key) && keys.vote_key != keys.peer_key;
}

/// The owner holds the keys it names: else one could register a stranger's vote key and have the
/// stranger's votes count, or be punished, twice.
bool proofs_are_good(const Ledger& ledger, const ValidatorId& owner, const ValidatorKeySet& keys) {
    const Hash statement = validator_keys_hash(ledger.chain.chain, owner, keys);
    return verify(keys.vote_key, statement.view(), keys.vote_proof) &&
           verify(keys.peer_key, statement.view(), keys.peer_proof);
}

bool is_taken(const Ledger& ledger, const Ed25519Key& vote_key) {
    return ledger.state.get(vote_key_key(vote_key)).has_value();
}

void take_keys(Ledger& ledger, Validator& v, const ValidatorKeySet& keys) {
    v.vote_key = keys.vote_key;
    v.vrf_key = keys.vrf_key;
    v.peer_key = keys.peer_key;
    store(ledger.state, vote_key_key(keys.vote_key), v.owner);
}

}  // namespace

// ---- register ------------------------------------------------------------------------------

Refusal check(const Ledger& ledger, const Actor& actor, const ValidatorRegister& body) {
    if (!keys_are_usable(body.keys)) return Refusal::validator_keys_invalid;
    if (body.stake < ledger.params.validators.validator_stake_min)
        return Refusal::validator_stake_below_min;
    if (find_validator(ledger, actor.account)) return Refusal::validator_exists;
    if (is_taken(ledger, body.keys.vote_key)) return Refusal::vote_key_taken;
    if (!account_exists(ledger, body.operator_account) ||
        !account_exists(ledger, body.payout_account))
        return Refusal::account_unknown;
    if (spendable(ledger, actor.account) < body.stake) return Refusal::balance_too_low;
    if (!proofs_are_good(ledger, actor.account, body.keys)) return Refusal::key_proof_invalid;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& actor, const ValidatorRegister& body) {
    debit(ledger, actor.account, body.stake);
    Validator v;
    v.owner = actor.account;
    v.operator_account = body.operator_account;
    v.payout_account = body.payout_account;
    v.stake = body.stake;
    take_keys(ledger, v, body.keys);
    save_validator(ledger, v);
}

// ---- stake ---------------------------------------------------------------------------------

Refusal check(const Ledger& ledger, const Actor& actor, const ValidatorStake& body) {
    if (body.amount == Amount{}) return Refusal::amount_zero;
    const auto v = find_validator(ledger, body.validator);
    if (!v) return Refusal::validator_unknown;
    if (v->standing == ValidatorStanding::expelled) return Refusal::validator_expelled;
    // Before the sum, which only money that exists cannot overflow.
    if (spendable(ledger, actor.account) < body.amount) return Refusal::balance_too_low;
    if (plus(v->stake, body.amount) < ledger.params.validators.validator_stake_min)
        return Refusal::validator_stake_below_min;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& actor, const ValidatorStake& body) {
    debit(ledger, actor.account, body.amount);
    Validator v = *find_validator(ledger, body.validator);
    v.stake = plus(v.stake, body.amount);
    save_validator(ledger, v);
}

Refusal check(const Ledger& ledger, const Actor& actor, const ValidatorUnstake& body) {
    if (body.amount == Amount{}) return Refusal::amount_zero;
    const auto v = find_validator(ledger, body.validator);
    if (!v) return Refusal::validator_unknown;
    if (actor.account != v->owner) return Refusal::not_validators_owner;
    if (v->stake < body.amount) return Refusal::validator_stake_too_low;
    const Amount left = minus(v->stake, body.amount);
    if (left != Amount{} && left < ledger.params.validators.validator_stake_min)
        return Refusal::validator_stake_left_below_min;
    if (v->unbonding.size() >= kUnbondingsMax) return Refusal::unbonding_full;
    // A chain that nobody votes for stands still for ever, with all that it owes.
    if (left == Amount{} && v->rank && !has_other_candidate(ledger, v->owner))
        return Refusal::last_validator;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const ValidatorUnstake& body) {
    Validator v = *find_validator(ledger, body.validator);
    v.stake = minus(v.stake, body.amount);
    // The sets of this epoch and the next are made; the one after leaves it out.
    v.unbonding.push_back(
        {body.amount, ledger.in(ledger.params.stake.unbonding_ms), next(ledger.chain.epoch)});
    save_validator(ledger, v);
}

namespace {
bool is_ready(const Ledger& ledger, const ValidatorUnbonding& u) {
    if (u.ready > ledger.now()) return false;
    const auto set = find_epoch_set(ledger.state, u.last_epoch);
    return !set || !is_accusable(*set, ledger.params, ledger.now());
}
}  // namespace

Refusal check(const Ledger& ledger, const Actor& /*actor*/, const ValidatorWithdraw& body) {
    const auto v = find_validator(ledger, body.validator);
    if (!v) return Refusal::validator_unknown;
    if (v->unbonding.empty() || !is_ready(ledger, v->unbonding.front()))
        return Refusal::nothing_to_withdraw;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const ValidatorWithdraw& body) {
    Validator v = *find_validator(ledger, body.validator);
    while (!v.unbonding.empty() && is_ready(ledger, v.unbonding.front())) {
        credit(ledger, v.owner, v.unbonding.front().amount);
        v.unbonding.erase(v.unbonding.begin());
    }
    save_validator(ledger, v);
}

// ---- keys, jail ----------------------------------------------------------------------------

Refusal check(const Ledger& ledger, const Actor& actor, const ValidatorKeys& body) {
    if (!body.keys && !body.operator_account && !body.payout_account)
        return Refusal::nothing_to_change;
    if (body.keys && !keys_are_usable(*body.keys)) return Refusal::validator_keys_invalid;
    const auto v = find_validator(ledger, body.validator);
    if (!v) return Refusal::validator_unknown;
    // Not the operator: whoever has the vote key can have the stake slashed.
    if (actor.account != v->owner) return Refusal::not_validators_owner;
    if ((body.operator_account && !account_exists(ledger, *body.operator_account)) ||
        (body.payout_account && !account_exists(ledger, *body.payout_account)))
        return Refusal::account_unknown;
    if (!body.keys) return Refusal::none;
    if (body.keys->vote_key != v->vote_key && is_taken(ledger, body.keys->vote_key))
        return Refusal::vote_key_taken;
    if (!proofs_are_good(ledger, v->owner, *body.keys)) return Refusal::key_proof_invalid;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const ValidatorKeys& body) {
    Validator v = *find_validator(ledger, body.validator);
    if (body.operator_account) v.operator_account = *body.operator_account;
    if (body.payout_account) v.payout_account = *body.payout_account;
    if (body.keys) take_keys(ledger, v, *body.keys);
    save_validator(ledger, v);
}

Refusal check(const Ledger& ledger, const Actor& actor, const ValidatorUnjail& body) {
    const auto v = find_validator(ledger, body.validator);
    if (!v) return Refusal::validator_unknown;
    if (!is_owner_or_operator(actor, *v)) return Refusal::not_validators_owner_or_operator;
    if (v->standing == ValidatorStanding::expelled) return Refusal::validator_expelled;
    if (v->standing != ValidatorStanding::jailed) return Refusal::validator_not_jailed;
    if (v->jailed_until > ledger.now()) return Refusal::jail_not_over;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const ValidatorUnjail& body) {
    Validator v = *find_validator(ledger, body.validator);
    v.standing = ValidatorStanding::good;
    save_validator(ledger, v);
}

}  // namespace millrace::market
