#include "market/rules/evidence.hpp"

#include "market/ledger/validators.hpp"
#include "market/rules/rules.hpp"

namespace millrace::market {

namespace {

constexpr std::uint64_t kBasisPoints = 10'000;

Amount part_of(Amount whole, std::uint32_t basis_points) {
    return Amount{static_cast<std::uint64_t>(Uint128{whole.value} * basis_points / kBasisPoints)};
}

/// Takes a part of all stake that stood behind the votes of this epoch.
Amount slash(Validator& v, Epoch epoch, std::uint32_t basis_points) {
    Amount taken = part_of(v.stake, basis_points);
    v.stake = minus(v.stake, taken);
    for (ValidatorUnbonding& u : v.unbonding) {
        // What had left the sets before these votes is not at risk for them.
        if (u.last_epoch < epoch) continue;
        const Amount part = part_of(u.amount, basis_points);
        u.amount = minus(u.amount, part);
        taken = plus(taken, part);
    }
    return taken;
}

}  // namespace

Refusal check_evidence(const StateReader& state, const ChainState& chain, const Params& params,
                       const Evidence& evidence) {
    const Vote& a = evidence.first;
    const Vote& b = evidence.second;
    if (a.epoch != b.epoch || a.signer != b.signer || !proves_fault(a.subject, b.subject))
        return Refusal::evidence_shows_nothing;
    // One fault has one encoding.
    if (b.subject < a.subject) return Refusal::evidence_unordered;
    const auto set = find_epoch_set(state, a.epoch);
    if (!set) return Refusal::evidence_epoch_unknown;
    if (!is_accusable(*set, params, chain.active_time)) return Refusal::evidence_too_late;
    if (a.signer.value >= set->members.size()) return Refusal::evidence_signer_unknown;
    const SetMember& member = set->members[a.signer.value];
    if (state.get(punished_key(a.epoch, member.owner))) return Refusal::evidence_known;
    const ChainId domain = vote_domain(chain.chain, set->recovery);
    for (const Vote* vote : {&a, &b})
        if (!verify(member.vote_key, signed_bytes(domain, vote->epoch, vote->subject),
                    vote->signature))
            return Refusal::evidence_signature_invalid;
    return Refusal::none;
}

Refusal check(const Ledger& ledger, const Actor& /*actor*/, const EvidenceVotes& body) {
    return check_evidence(ledger.state, ledger.chain, ledger.params, body.evidence);
}

void apply(Ledger& ledger, const Actor& actor, const EvidenceVotes& body) {
    const Vote& vote = body.evidence.first;
    const EpochSet set = *find_epoch_set(ledger.state, vote.epoch);
    Validator v = *find_validator(ledger, set.members[vote.signer.value].owner);
    const Amount taken = slash(v, vote.epoch, ledger.params.validators.double_vote_slash_bp);
    // At least half is burnt, so that a culprit who accuses itself saves little.
    const Amount burnt = part_of(taken, ledger.params.disputes.slash_burnt_bp);
    burn(ledger, burnt);
    credit(ledger, actor.account, minus(taken, burnt));
    v.standing = ValidatorStanding::expelled;
    save_validator(ledger, v);
    store(ledger.state, punished_key(vote.epoch, v.owner), ledger.now());
}

}  // namespace millrace::market
