#include "tests/unit/market/refusal_ladder.hpp"

namespace millrace::market::refusals {

void validators() {
    World w;
    const ValidatorRegister good = w.validator_registration("alice", credits(1'000));
    ValidatorRegister bad = good;
    bad.keys.vote_key = {};
    bad.stake = Amount{1};
    bad.operator_account = nobody();
    const ValidatorKeySet taken = w.make_keys("alice", "");
    Ladder(w, "validator", bad)
        .rung(Refusal::validator_keys_invalid,
              [&](auto& b) {
                  b.keys.vote_key = taken.peer_key;
                  b.keys.peer_key = taken.peer_key;
              })
        .rung(Refusal::validator_keys_invalid,
              [&](auto& b) {
                  b.keys = taken;
                  b.keys.vrf_key = {};
              })
        .rung(Refusal::validator_keys_invalid, [&](auto& b) { b.keys = taken; })
        .rung(Refusal::validator_stake_below_min, [](auto& b) { b.stake = credits(10'000'000); })
        .rung(Refusal::validator_exists, kNoMend)
        .as("alice")
        .rung(Refusal::vote_key_taken, [&](auto& b) { b.keys = w.make_keys("bob", " of alice"); })
        .rung(Refusal::account_unknown, [&](auto& b) { b.operator_account = w.address("bob"); })
        .rung(Refusal::balance_too_low, [](auto& b) { b.stake = credits(1'000); })
        .rung(Refusal::key_proof_invalid,
              [&](auto& b) { b.keys.vote_proof = good.keys.vote_proof; })
        .rung(Refusal::key_proof_invalid,
              [&](auto& b) { b.keys.peer_proof = good.keys.peer_proof; })
        .top();

    const ValidatorId id = w.address("alice");
    Ladder(w, "stranger", ValidatorStake{nobody(), Amount{}})
        .rung(Refusal::amount_zero, [](auto& b) { b.amount = Amount{UINT64_MAX}; })
        .rung(Refusal::validator_unknown, [&](auto& b) { b.validator = id; })
        .rung(Refusal::balance_too_low, kNoMend)
        .as("bob")
        .rung(Refusal::balance_too_low, [](auto& b) { b.amount = credits(500); })
        .top();
    Ladder(w, "bob", ValidatorUnstake{nobody(), Amount{}})
        .rung(Refusal::amount_zero, [](auto& b) { b.amount = credits(1'501); })
        .rung(Refusal::validator_unknown, [&](auto& b) { b.validator = id; })
        .rung(Refusal::not_validators_owner, kNoMend)
        .as("alice")
        .rung(Refusal::validator_stake_too_low, [](auto& b) { b.amount = credits(501); })
        .rung(Refusal::validator_stake_left_below_min, [](auto& b) { b.amount = credits(1); })
        .top();
    for (std::size_t i = 1; i < kUnbondingsMax; ++i)
        w.must("alice", ValidatorUnstake{id, credits(1)});
    Ladder(w, "alice", ValidatorUnstake{id, credits(1)}).expect(Refusal::unbonding_full);
    Ladder(w, "bob", ValidatorWithdraw{nobody()})
        .rung(Refusal::validator_unknown, [&](auto& b) { b.validator = id; })
        .rung(Refusal::nothing_to_withdraw, [&] { w.wait(200'000, 3'000); })
        .top();
    CHECK(w.validator("alice").unbonding.empty());

    ValidatorKeys none{nobody(), std::nullopt, std::nullopt, std::nullopt};
    Ladder(w, "bob", none)
        .rung(Refusal::nothing_to_change,
              [&](auto& b) {
                  b.keys = taken;
                  b.keys->peer_key = {};
                  b.operator_account = nobody();
              })
        .rung(Refusal::validator_keys_invalid, [&](auto& b) { b.keys = taken; })
        .rung(Refusal::validator_unknown, [&](auto& b) { b.validator = id; })
        .rung(Refusal::not_validators_owner, kNoMend)
        .as("alice")
        .rung(Refusal::account_unknown, [&](auto& b) { b.operator_account = w.address("bob"); })
        .rung(Refusal::vote_key_taken, [&](auto& b) { b.keys = w.make_keys("bob", " two"); })
        .rung(Refusal::key_proof_invalid, [&](auto& b) { b.keys = w.make_keys("alice", " two"); })
        .top();
    // A key serves once, also for its first owner; the one in use may be said again.
    Ladder(w, "alice", ValidatorKeys{id, w.make_keys("alice", " of alice"), {}, {}})
        .expect(Refusal::vote_key_taken);
    Ladder(w, "alice", ValidatorKeys{id, w.make_keys("alice", " two"), {}, {}})
        .expect(Refusal::none);
    Ladder(w, "alice", ValidatorUnstake{id, w.validator("alice").stake}).top();
    Ladder(w, "bob", ValidatorStake{id, credits(999)}).expect(Refusal::validator_stake_below_min);
    const Amount all = w.validator("validator").stake;
    Ladder(w, "validator", ValidatorUnstake{w.address("validator"), all})
        .expect(Refusal::last_validator);
}

void evidence_and_jail() {
    Params params = Params::dev();
    params.validators.absence_ms = 20'000;
    params.validators.jail_ms = 40'000;
    World w(params, true, {"validator", "v1", "v2", "v3"});
    w.let_propose("validator");
    const Epoch epoch = w.chain_state().epoch;
    const std::uint16_t v1 = *w.index_of("v1");
    const Proposal block{View{1}, BlockHash{}};
    const Vote nullify = w.vote_of(epoch, v1, Subject::nullify(View{3}));
    const Vote finalize = w.vote_of(epoch, v1, Subject::finalize(View{3}, block));
    const Vote notarize = w.vote_of(epoch, v1, Subject::notarize(View{3}, block));
    Vote strange = finalize;
    strange.epoch = Epoch{9};
    Vote beyond = nullify;
    beyond.epoch = Epoch{9};
    Ladder(w, "bob", EvidenceVotes{{strange, nullify}})
        .rung(Refusal::evidence_shows_nothing, [&](auto& b) { b.evidence = {notarize, nullify}; })
        .rung(Refusal::evidence_shows_nothing, [&](auto& b) { b.evidence = {nullify, nullify}; })
        .rung(Refusal::evidence_shows_nothing, [&](auto& b) { b.evidence = {strange, beyond}; })
        .rung(Refusal::evidence_unordered, [&](auto& b) { b.evidence = {beyond, strange}; })
        .rung(Refusal::evidence_epoch_unknown,
              [&](auto& b) {
                  b.evidence = {nullify, finalize};
                  b.evidence.first.signer = b.evidence.second.signer = ValidatorIndex{4};
              })
        .rung(Refusal::evidence_signer_unknown,
              [&](auto& b) {
                  b.evidence = {nullify, finalize};
                  b.evidence.first.signature.bytes[0] ^= 1;
              })
        .rung(Refusal::evidence_signature_invalid,
              [&](auto& b) {
                  b.evidence = {nullify, finalize};
                  b.evidence.second.signature = notarize.signature;
              })
        .rung(Refusal::evidence_signature_invalid,
              [&](auto& b) { b.evidence = {nullify, finalize}; })
        .top();
    Ladder(w, "carol", EvidenceVotes{{nullify, finalize}}).expect(Refusal::evidence_known);
    const std::uint16_t v2 = *w.index_of("v2");
    const EvidenceVotes late{{w.vote_of(epoch, v2, Subject::nullify(View{3})),
                              w.vote_of(epoch, v2, Subject::finalize(View{3}, block))}};
    Ladder(w, "bob", ValidatorStake{w.address("v1"), credits(1)})
        .expect(Refusal::validator_expelled);

    // v2 and v3 say nothing for an epoch: one of them is jailed, a third of the weight at most.
    w.end_epoch();
    const bool is_v2 = w.validator("v2").standing == ValidatorStanding::jailed;
    const std::string jailed = is_v2 ? "v2" : "v3";
    CHECK(w.validator(jailed).standing == ValidatorStanding::jailed);
    CHECK(w.validator(is_v2 ? "v3" : "v2").standing == ValidatorStanding::good);
    Ladder(w, "bob", ValidatorUnjail{nobody()})
        .rung(Refusal::validator_unknown, [&](auto& b) { b.validator = w.address("v1"); })
        .rung(Refusal::not_validators_owner_or_operator, kNoMend)
        .as("v1")
        .rung(Refusal::validator_expelled, [&](auto& b) { b.validator = w.address(jailed); })
        .as(jailed)
        .rung(Refusal::jail_not_over, [&] { w.wait(42'000, 3'000); })
        .top();
    Ladder(w, jailed, ValidatorUnjail{w.address(jailed)}).expect(Refusal::validator_not_jailed);
    // The set of that epoch is kept until the window is over, and then for no accusation.
    Params short_window = params;
    short_window.stake.evidence_window_ms = 1;
    World x(short_window, true, {"validator", "v1", "v2", "v3"});
    x.let_propose("validator");
    const std::uint16_t culprit = *x.index_of("v2");
    const EvidenceVotes stale{{x.vote_of(Epoch{0}, culprit, Subject::nullify(View{3})),
                               x.vote_of(Epoch{0}, culprit, Subject::finalize(View{3}, block))}};
    x.end_epoch();
    Ladder(x, "bob", stale).expect(Refusal::none);
    x.block(100);
    Ladder(x, "bob", stale).expect(Refusal::evidence_too_late);
    // Nobody is punished for another chain's votes.
    Ladder(x, "bob", late).expect(Refusal::evidence_too_late);
}

}  // namespace millrace::market::refusals
