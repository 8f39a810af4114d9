#include <doctest/doctest.h>

#include <functional>
#include <set>

#include "market/rules/rules.hpp"
#include "tests/support/market_world.hpp"

/// Every refusal in order of precedence. A ladder starts with a transaction that breaks all rules
/// of its family; each rung names the rule that must be found, then mends it, until none is left.
namespace millrace::market {
namespace {

std::set<Refusal>& seen() {
    static std::set<Refusal> all;
    return all;
}

template <class Body>
class Ladder {
  public:
    Ladder(World& world, std::string actor, Body body)
        : world_(world), actor_(std::move(actor)), body_(std::move(body)) {}

    /// The first broken rule is `expected`; `mend` repairs it in the body or in the world.
    template <class Mend>
    Ladder& rung(Refusal expected, Mend mend) {
        expect(expected);
        if constexpr (std::is_invocable_v<Mend, Body&>)
            mend(body_);
        else
            mend();
        return *this;
    }
    Ladder& as(std::string actor) {
        actor_ = std::move(actor);
        return *this;
    }
    /// No rule is broken any more: it is applied in a block.
    void top() {
        expect(Refusal::none);
        CHECK(world_.send(actor_, body_) == Refusal::none);
    }
    void expect(Refusal expected) {
        Overlay overlay(world_.state);
        const Ledger ledger(overlay);
        const Refusal found =
            check(ledger, {world_.address(actor_), {0, world_.person(actor_).next[0]}}, body_);
        CAPTURE(std::string(Body::kName));
        CAPTURE(std::string(enum_name(found)));
        CAPTURE(std::string(enum_name(expected)));
        CHECK(found == expected);
        seen().insert(found);
    }

  private:
    World& world_;
    std::string actor_;
    Body body_;
};
template <class Body>
Ladder(World&, const char*, Body) -> Ladder<Body>;

const auto kNoMend = [] {};
Address nobody() {
    return make_person("nobody at all").address;
}

// ---- envelope ------------------------------------------------------------------------------

void expect_check(World& w, const SignedTx& tx, std::optional<Refusal> expected) {
    const auto out = check_tx(tx, w.chain(), w.params());
    const Refusal found = out.has_value() ? Refusal::none : out.error();
    CAPTURE(std::string(enum_name(found)));
    CHECK(found == expected.value_or(Refusal::none));
    seen().insert(found);
}

void envelope_without_state() {
    Params params = Params::dev();
    params.time.tx_bytes_max = 2'000;
    World w(params);
    Tx tx = w.next_tx("alice", LeaseReveal{});
    std::get<LeaseReveal>(tx.body).claims.resize(20);
    tx.chain = {};
    tx.nonce.lane = kNonceLanes;
    tx.tip = Amount{1};
    SignedTx s{tx, {}};
    expect_check(w, s, Refusal::wrong_chain);
    s.tx.chain = w.chain();
    expect_check(w, s, Refusal::tx_too_large);
    std::get<LeaseReveal>(s.tx.body).claims.resize(1);
    expect_check(w, s, Refusal::lane_unknown);
    s.tx.nonce.lane = 3;
    // Whether a tip is good depends on who sends the move.
    expect_check(w, s, Refusal::signature_invalid);
    s = w.sign("bob", s.tx);
    expect_check(w, s, Refusal::signature_invalid);
    expect_check(w, w.sign("alice", s.tx), std::nullopt);
}

void envelope_with_state() {
    World w;
    w.must("alice", Transfer{w.address("bob"), Amount{5}, {}});
    const WallTime now{w.head().time.value + 100};
    Tx tx = w.next_tx("stranger", Transfer{w.address("bob"), Amount{1}, {}});
    const auto expect = [&](const std::string& from, Refusal expected) {
        tx.sender = w.person(from).key;
        const auto out = check_envelope(w.state, w.checked(w.sign(from, tx)), now);
        const Refusal found = out.has_value() ? Refusal::none : out.error();
        CAPTURE(std::string(enum_name(found)));
        CHECK(found == expected);
        seen().insert(found);
    };
    tx.nonce = {0, 7};
    tx.fee_max = {};
    tx.expiry = now;
    expect("stranger", Refusal::expired);
    tx.expiry = WallTime{now.value + w.params().time.tx_expiry_max_wall_ms + 1};
    expect("stranger", Refusal::expiry_too_far);
    tx.expiry = WallTime{now.value + 1};
    expect("stranger", Refusal::sender_unknown);
    w.must("bob", Transfer{w.address("stranger"), w.params().fees.existential_deposit, {}});
    tx.expiry = WallTime{now.value + 1'000};
    expect("stranger", Refusal::nonce_too_high);
    tx.nonce.sequence = 0;
    expect("alice", Refusal::nonce_too_low);
    expect("stranger", Refusal::fee_max_too_low);
    tx.fee_max = credits(1);
    expect("stranger", Refusal::fee_unaffordable);
    w.must("bob", Transfer{w.address("stranger"), credits(1), {}});
    expect("stranger", Refusal::none);
}

/// What the reserve has prepaid carries no tip; a stranger who relays a reveal pays and may tip.
void tips_on_moves() {
    World w;
    w.must("bob", w.publication());
    w.must("alice", w.registration("alice"));
    w.must("bob", JobPost{w.job_spec(1)});
    const LeaseView l = w.await_leases("alice", 1).front();
    w.must("alice", LeaseStart{l.id});
    const LeaseReveal reveal = w.make_reveal(l, Gas{5});
    w.must("alice", w.make_commit(reveal, w.address("alice")));
    const auto expect = [&](const std::string& from, Refusal expected) {
        Tx tx = w.next_tx(from, reveal);
        tx.tip = Amount{7};
        const auto out = check_envelope(w.state, w.checked(w.sign(from, tx)),
                                        WallTime{w.head().time.value + 100});
        const Refusal found = out.has_value() ? Refusal::none : out.error();
        CHECK(found == expected);
        seen().insert(found);
    };
    expect("alice", Refusal::tip_on_move);
    expect("dave", Refusal::none);
    const Amount proposer = w.balance("validator");
    Tx tx = w.next_tx("dave", reveal);
    tx.tip = Amount{7};
    BlockInput input = w.next_input(100);
    input.transactions = {w.checked(w.sign("dave", tx))};
    const auto out = apply_block(w.state, w.map, input);
    REQUIRE(out.has_value());
    w.accept(*out);
    CHECK(w.balance("validator").value - proposer.value == 7);
    CHECK(lease_view(w.state, l.id)->lease.state == LeaseState::revealed);
}

// ---- accounts ------------------------------------------------------------------------------

void transfers() {
    World w;
    Ladder(w, "alice", Transfer{nobody(), Amount{}, {}})
        .rung(Refusal::amount_zero, [](Transfer& b) { b.amount = credits(1'000'000); })
        .rung(Refusal::balance_too_low, [](Transfer& b) { b.amount = Amount{999'999}; })
        .rung(Refusal::receiver_below_deposit, [](Transfer& b) { b.amount = Amount{1'000'000}; })
        .top();
    // All but the deposit may go, not a nano-credit more.
    const Amount all = w.balance("bob");
    const Amount most{all.value - w.params().fees.existential_deposit.value};
    Ladder(w, "bob", Transfer{w.address("alice"), Amount{most.value + 1}, {}})
        .rung(Refusal::balance_too_low, [&](Transfer& b) { b.amount = most; })
        .expect(Refusal::none);
}

void faucet() {
    World none(Params::dev(), false);
    Ladder(none, "alice", Faucet{nobody(), credits(1)}).expect(Refusal::faucet_disabled);
    World w;
    Ladder(w, "stranger", Faucet{nobody(), Amount{}})
        .rung(Refusal::amount_zero,
              [&](Faucet& b) { b.amount = Amount{w.params().money.faucet_max.value + 1}; })
        .rung(Refusal::faucet_above_max, [](Faucet& b) { b.amount = Amount{1}; })
        .rung(Refusal::receiver_below_deposit, [](Faucet& b) { b.amount = credits(5); })
        .top();
    CHECK(account_view(w.state, nobody())->balance == credits(5));
}

// ---- providers -----------------------------------------------------------------------------

void registration() {
    Params params = Params::dev();
    params.auction.asks_max = 1;
    World w(params);
    w.must("alice", w.registration("alice"));
    const ProviderRegister good = w.registration("bob");
    ProviderRegister bad = good;
    bad.vrf_key = {};
    bad.endpoint.clear();
    bad.ask.steps.clear();
    bad.ask.machine.memory_tier = kMemoryTiers;
    bad.ask.task_gas_max = {};
    bad.ask.deny = {w.address("bob"), w.address("bob")};
    bad.stake = Amount{1};
    bad.operator_account = nobody();
    Ladder(w, "alice", bad)
        .rung(Refusal::vrf_key_invalid, [&](auto& b) { b.vrf_key = good.vrf_key; })
        .rung(Refusal::endpoint_invalid, [&](auto& b) { b.endpoint = good.endpoint; })
        .rung(Refusal::ask_steps_invalid,
              [](auto& b) { b.ask.steps = {{Price{7}, 1}, {Price{7}, 1}}; })
        .rung(Refusal::ask_steps_invalid, [](auto& b) { b.ask.steps = {{Price{7}, 0}}; })
        .rung(Refusal::ask_steps_invalid, [](auto& b) { b.ask.steps = {{Price{kPriceBound}, 1}}; })
        .rung(Refusal::ask_steps_invalid, [](auto& b) { b.ask.steps = {{Price{7}, 60'000}}; })
        .rung(Refusal::ask_machine_invalid, [](auto& b) { b.ask.machine.memory_tier = 0; })
        .rung(Refusal::ask_slots_above_max, [](auto& b) { b.ask.steps = {{Price{7}, 1}}; })
        .rung(Refusal::ask_deny_unsorted, [](auto& b) { b.ask.deny.clear(); })
        .rung(Refusal::ask_limits_zero, [](auto& b) { b.ask.task_gas_max = Gas{1}; })
        .rung(Refusal::stake_below_min, [](auto& b) { b.stake = credits(10'000'000); })
        .rung(Refusal::provider_exists, kNoMend)
        .as("bob")
        .rung(Refusal::account_unknown, [&](auto& b) { b.operator_account = w.address("bob"); })
        .rung(Refusal::balance_too_low, [](auto& b) { b.stake = credits(10); })
        .rung(Refusal::asks_full, [&] { w.must("alice", ProviderPause{w.address("alice")}); })
        .top();
    Ladder(w, "alice", ProviderResume{w.address("alice")}).expect(Refusal::asks_full);
}

void provider_changes() {
    World w;
    ProviderRegister body = w.registration("alice");
    body.operator_account = w.address("bob");
    w.must("alice", body);
    const ProviderId id = w.address("alice");

    Ladder(w, "carol", ProviderUpdate{nobody(), Endpoint{}, std::nullopt, VrfKey{}})
        .rung(Refusal::vrf_key_invalid, [&](auto& b) { b.vrf_key.reset(); })
        .rung(Refusal::endpoint_invalid, [](auto& b) { b.endpoint.reset(); })
        .rung(Refusal::nothing_to_change, [](auto& b) { b.encryption_key.emplace(); })
        .rung(Refusal::provider_unknown, [&](auto& b) { b.provider = id; })
        .rung(Refusal::not_owner_or_operator, kNoMend)
        .as("bob")
        .top();
    Ask bad = body.ask;
    bad.steps.clear();
    Ladder(w, "carol", ProviderAsk{nobody(), bad})
        .rung(Refusal::ask_steps_invalid, [&](auto& b) { b.ask = body.ask; })
        .rung(Refusal::provider_unknown, [&](auto& b) { b.provider = id; })
        .rung(Refusal::not_owner_or_operator, kNoMend)
        .as("bob")
        .top();
    Ladder(w, "carol", ProviderResume{nobody()})
        .rung(Refusal::provider_unknown, [&](auto& b) { b.provider = id; })
        .rung(Refusal::not_owner_or_operator, kNoMend)
        .as("bob")
        .expect(Refusal::not_paused);
    Ladder(w, "carol", ProviderPause{nobody()})
        .rung(Refusal::provider_unknown, [&](auto& b) { b.provider = id; })
        .rung(Refusal::not_owner_or_operator, kNoMend)
        .as("bob")
        .top();
    Ladder(w, "bob", ProviderPause{id}).expect(Refusal::already_paused);
    Ladder(w, "bob", ProviderResume{id}).top();
    Ladder(w, "bob", ProviderKeys{nobody(), std::nullopt, std::nullopt})
        .rung(Refusal::nothing_to_change, [](auto& b) { b.payout_account = nobody(); })
        .rung(Refusal::provider_unknown, [&](auto& b) { b.provider = id; })
        .rung(Refusal::not_owner, kNoMend)
        .as("alice")
        .rung(Refusal::account_unknown, [&](auto& b) { b.payout_account = w.address("carol"); })
        .top();
}

void stakes() {
    World w;
    w.must("alice", w.registration("alice"));
    const ProviderId id = w.address("alice");
    Ladder(w, "bob", ProviderStake{nobody(), Amount{}})
        .rung(Refusal::amount_zero, [](auto& b) { b.amount = credits(1'000'000); })
        .rung(Refusal::provider_unknown, [&](auto& b) { b.provider = id; })
        .rung(Refusal::balance_too_low, [](auto& b) { b.amount = credits(100); })
        .top();
    Ladder(w, "bob", ProviderUnstake{nobody(), Amount{}})
        .rung(Refusal::amount_zero, [](auto& b) { b.amount = credits(1'101); })
        .rung(Refusal::provider_unknown, [&](auto& b) { b.provider = id; })
        .rung(Refusal::not_owner, kNoMend)
        .as("alice")
        .rung(Refusal::stake_not_free, [](auto& b) { b.amount = credits(1'095); })
        .rung(Refusal::stake_left_below_min, [](auto& b) { b.amount = credits(1); })
        .top();
    for (std::size_t i = 1; i < kUnbondingsMax; ++i)
        w.must("alice", ProviderUnstake{id, credits(1)});
    Ladder(w, "alice", ProviderUnstake{id, credits(1)}).expect(Refusal::unbonding_full);
    Ladder(w, "bob", ProviderWithdraw{nobody()})
        .rung(Refusal::provider_unknown, [&](auto& b) { b.provider = id; })
        .rung(Refusal::nothing_to_withdraw, [&] { w.wait(w.params().stake.unbonding_ms, 3'000); })
        .top();
    CHECK(provider_view(w.state, id)->provider.unbonding.empty());
    // Taking all of it leaves the market; coming back needs the minimum again.
    w.must("alice", ProviderUnstake{id, provider_view(w.state, id)->provider.stake});
    Ladder(w, "alice", ProviderResume{id}).expect(Refusal::stake_below_min);
}

// ---- validators and evidence ---------------------------------------------------------------

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

// ---- modules -------------------------------------------------------------------------------

void modules() {
    World w;
    const ModulePublish good = w.publication();
    ModulePublish bad = good;
    bad.statement.chain = {};
    bad.statement.protocol_version = 9;
    bad.statement.size = 0;
    bad.life_ms = 0;
    bad.statement.epoch = Epoch{7};
    bad.signatures = {{3, {}}};
    w.must("bob", w.publication("other"));
    bad.statement.image = w.image("other");
    Ladder(w, "stranger", bad)
        .rung(Refusal::module_chain_wrong, [&](auto& b) { b.statement.chain = w.chain(); })
        .rung(Refusal::module_version_wrong, [](auto& b) { b.statement.protocol_version = 1; })
        .rung(Refusal::module_size_invalid,
              [&](auto& b) { b.statement.size = w.params().modules.module_size_max + 1; })
        .rung(Refusal::module_size_invalid,
              [&](auto& b) { b.statement.size = good.statement.size; })
        .rung(Refusal::module_life_invalid,
              [&](auto& b) { b.life_ms = w.params().modules.module_life_max_ms + 1; })
        .rung(Refusal::module_life_invalid, [&](auto& b) { b.life_ms = good.life_ms; })
        .rung(Refusal::module_epoch_wrong, [](auto& b) { b.statement.epoch = Epoch{0}; })
        .rung(Refusal::module_exists, [&](auto& b) { b.statement.image = w.image(); })
        .rung(Refusal::balance_too_low, kNoMend)
        .as("bob")
        .rung(Refusal::module_signers_invalid, [](auto& b) { b.signatures = {{0, {}}, {0, {}}}; })
        .rung(Refusal::module_signers_invalid, [](auto& b) { b.signatures.clear(); })
        .rung(Refusal::module_quorum_missing, [](auto& b) { b.signatures = {{0, {}}}; })
        .rung(Refusal::module_signature_invalid, [&](auto& b) { b.signatures = good.signatures; })
        .top();
    Ladder(w, "stranger", ModuleRenew{w.image("none"), 0})
        .rung(Refusal::module_unknown, [&](auto& b) { b.image = w.image(); })
        .rung(Refusal::module_life_invalid,
              [&](auto& b) { b.life_ms = w.params().modules.module_life_max_ms; })
        // A sum that wraps round to a short life: free of charge, it would end the module.
        .rung(Refusal::module_life_invalid, [](auto& b) { b.life_ms = UINT64_MAX - 999; })
        .rung(Refusal::module_life_invalid, [](auto& b) { b.life_ms = 86'400'000; })
        .rung(Refusal::balance_too_low, kNoMend)
        .as("carol")
        .top();
}

// ---- jobs ----------------------------------------------------------------------------------

void posting() {
    Params params = Params::dev();
    params.auction.bids_max = 1;
    World w(params);
    const JobSpec good = w.job_spec(4);
    JobSpec bad = good;
    bad.replicas = 0;
    bad.tasks = 0;
    bad.task_gas = {};
    bad.tasks_per_lot = 0;
    bad.limit = {};
    bad.requirement.memory_tier = kMemoryTiers;
    bad.first_fill = 9;
    bad.list = {nobody()};
    bad.audit_rate_bp = 1;
    bad.attempts = 0;
    bad.window_ms = 0;
    bad.life_ms = 0;
    bad.retention_ms = params.jobs.retention_max_ms + 1;
    bad.output_bytes_max = kOutputBytesMax + 1;
    bad.arguments = {Argument(std::string(kArgumentBytesMax, 'x'))};
    const auto fix = [](auto change) { return [change](JobPost& b) { change(b.spec); }; };
    Ladder(w, "stranger", JobPost{bad})
        .rung(Refusal::replicas_out_of_range, fix([](auto& s) { s.replicas = 9; }))
        .rung(Refusal::replicas_out_of_range, fix([](auto& s) { s.replicas = 1; }))
        .rung(Refusal::tasks_out_of_range, fix([](auto& s) {
                  s.tasks = 40'000;
                  s.replicas = 2;
              }))
        .rung(Refusal::tasks_out_of_range, fix([](auto& s) {
                  s.tasks = 4;
                  s.replicas = 1;
              }))
        .rung(Refusal::task_gas_out_of_range,
              fix([&](auto& s) { s.task_gas = Gas{params.jobs.lot_gas_max + 1}; }))
        .rung(Refusal::task_gas_out_of_range, fix([&](auto& s) { s.task_gas = good.task_gas; }))
        .rung(Refusal::tasks_per_lot_out_of_range, fix([](auto& s) { s.tasks_per_lot = 61; }))
        .rung(Refusal::tasks_per_lot_out_of_range, fix([](auto& s) { s.tasks_per_lot = 1; }))
        .rung(Refusal::limit_out_of_range, fix([](auto& s) { s.limit = Price{kPriceBound}; }))
        .rung(Refusal::limit_out_of_range, fix([](auto& s) { s.limit = Price{1}; }))
        .rung(Refusal::requirement_invalid, fix([](auto& s) { s.requirement.memory_tier = 0; }))
        .rung(Refusal::first_fill_out_of_range, fix([](auto& s) { s.first_fill = 0; }))
        .rung(Refusal::list_invalid, fix([](auto& s) {
                  s.list_kind = ListKind::deny;
                  s.list.push_back(s.list.front());
              }))
        .rung(Refusal::list_invalid, fix([](auto& s) {
                  s.list.pop_back();
                  s.list_kind = ListKind::allow;
                  s.replicas = 2;
              }))
        // Two replicas, one provider: no chunk could ever be begun and finished.
        .rung(Refusal::list_invalid, fix([](auto& s) {
                  s.replicas = 1;
                  s.list_kind = ListKind::deny;
                  s.tasks = 257;
                  s.spread = 1;
              }))
        .rung(Refusal::spread_too_small, fix([](auto& s) {
                  s.tasks = 4;
                  s.spread = 0;
              }))
        .rung(Refusal::audits_not_active, fix([](auto& s) { s.audit_rate_bp = 0; }))
        .rung(Refusal::attempts_out_of_range, fix([](auto& s) { s.attempts = 9; }))
        .rung(Refusal::attempts_out_of_range, fix([](auto& s) { s.attempts = 1; }))
        .rung(Refusal::window_too_short, fix([](auto& s) { s.window_ms = 399; }))
        .rung(Refusal::window_too_short,
              fix([&](auto& s) { s.window_ms = params.jobs.window_max_ms + 1; }))
        .rung(Refusal::window_too_long, fix([](auto& s) { s.window_ms = 400; }))
        .rung(Refusal::life_out_of_range,
              fix([&](auto& s) { s.life_ms = shortest_life_ms(params) - 1; }))
        .rung(Refusal::life_out_of_range,
              fix([&](auto& s) { s.life_ms = params.jobs.job_life_max_ms + 1; }))
        .rung(Refusal::life_out_of_range,
              fix([&](auto& s) { s.life_ms = params.jobs.job_life_max_ms; }))
        .rung(Refusal::retention_too_long, fix([](auto& s) { s.retention_ms = 86'400'000; }))
        .rung(Refusal::data_too_large, fix([](auto& s) {
                  s.output_bytes_max = kOutputBytesMax;
                  s.input = JobInput{{}, kOutputBytesMax + 1};
              }))
        .rung(Refusal::data_too_large, fix([](auto& s) {
                  s.input.reset();
                  s.stdin_blob = JobStdin{{}, kOutputBytesMax + 1};
              }))
        .rung(Refusal::data_too_large, fix([](auto& s) { s.stdin_blob.reset(); }))
        .rung(Refusal::arguments_too_large, fix([](auto& s) { s.arguments.clear(); }))
        .rung(Refusal::module_unknown,
              [&] {
                  ModulePublish p = w.publication();
                  p.life_ms = longest_need_ms(params, good) + 1'000;
                  p.statement.features = 5;
                  p = w.signed_again(p);
                  w.must("bob", p);
              })
        // It lives for as long as the lots are on offer, but not to the end of the last lease.
        .rung(Refusal::module_ends_too_early,
              fix([&](auto& s) { s.life_ms = good.life_ms + 2'000; }))
        .rung(Refusal::module_ends_too_early, fix([&](auto& s) { s.life_ms = good.life_ms; }))
        .rung(Refusal::features_missing, fix([](auto& s) { s.requirement.features = 4; }))
        .rung(Refusal::features_missing, fix([](auto& s) { s.requirement.features = 7; }))
        .rung(Refusal::lot_below_fees, fix([](auto& s) {
                  s.limit = Price{kPriceBound - 1};
                  s.task_gas = Gas{60'000'000'000};
                  s.window_ms = 1'200;
                  s.life_ms = 10'000;
                  s.tasks = 65'536;
                  s.retention_ms = 0;
              }))
        .rung(Refusal::balance_too_low, fix([&](auto& s) {
                  s = good;
                  s.requirement.features = 5;
              }))
        .rung(Refusal::balance_too_low, kNoMend)
        .as("alice")
        .top();
    // The only place is taken by a bid that paid nothing for it: one that pays more gets it.
    JobSpec second = good;
    second.requirement.features = 5;
    second.admission = Amount{0};
    Ladder(w, "carol", JobPost{second})
        .rung(Refusal::book_full, fix([](auto& s) { s.admission = Amount{1}; }))
        .top();
    CHECK(w.chain_state().bids == 1);
}

void absurd_escrow() {
    Params params = Params::dev();
    params.jobs.retention_price_per_mib_day = credits(1);
    World w(params);
    w.must("bob", w.publication());
    JobSpec spec = w.job_spec(65'536);
    spec.limit = Price{kPriceBound - 1};
    spec.task_gas = Gas{60'000'000'000};
    spec.window_ms = 1'200;
    spec.retention_ms = w.params().jobs.retention_max_ms;
    spec.output_bytes_max = kOutputBytesMax;
    Ladder(w, "alice", JobPost{spec}).expect(Refusal::total_too_large);
}

void job_changes() {
    World w;
    w.must("bob", w.publication());
    const JobId id = w.next_job("alice");
    w.must("alice", JobPost{w.job_spec(4)});
    Ladder(w, "stranger", JobTopup{{}, Amount{}})
        .rung(Refusal::amount_zero, [](auto& b) { b.amount = credits(1); })
        .rung(Refusal::job_unknown, [&](auto& b) { b.job = id; })
        .rung(Refusal::balance_too_low, kNoMend)
        .as("carol")
        .top();
    CHECK(job_view(w.state, id)->job.spare == credits(1));
    Ladder(w, "carol", JobRaise{{}, Price{kPriceBound}})
        .rung(Refusal::limit_out_of_range, [](auto& b) { b.limit = Price{20'000'000}; })
        .rung(Refusal::job_unknown, [&](auto& b) { b.job = id; })
        .rung(Refusal::not_buyer, kNoMend)
        .as("alice")
        .rung(Refusal::limit_not_higher, [](auto& b) { b.limit = Price{kPriceBound - 1}; })
        .expect(Refusal::none);
    JobSpec dear = w.job_spec(60'000);
    const JobId dear_id = w.next_job("bob");
    w.must("bob", JobPost{dear});
    Ladder(w, "bob", JobRaise{dear_id, Price{kPriceBound - 1}})
        .rung(Refusal::balance_too_low, [](auto& b) { b.limit = Price{20'000'001}; })
        .top();
    // The raise drew on the spare credit first.
    w.must("alice", JobRaise{id, Price{30'000'000}});
    CHECK(job_view(w.state, id)->job.spare.value == kNanoPerCredit - 4 * 10'000'000);
    Ladder(w, "carol", JobCancel{})
        .rung(Refusal::job_unknown, [&](auto& b) { b.job = id; })
        .rung(Refusal::not_buyer, kNoMend)
        .as("alice")
        .rung(Refusal::bid_too_young, [&] { w.wait(1'500); })
        .top();
    Ladder(w, "alice", JobCancel{id}).expect(Refusal::job_not_open);
    Ladder(w, "alice", JobTopup{id, Amount{1}}).expect(Refusal::job_not_open);
    Ladder(w, "alice", JobRaise{id, Price{40'000'000}}).expect(Refusal::job_not_open);
}

// ---- leases --------------------------------------------------------------------------------

void leases() {
    World w;
    w.must("alice", w.registration("alice", 10'000'000, 1));
    w.must("bob", w.publication());
    w.must("bob", JobPost{w.job_spec(2)});
    const auto pair = w.await_leases("alice", 2);
    const auto head = pair[0].lease.waiting ? pair[1] : pair[0];
    const auto tail = pair[0].lease.waiting ? pair[0] : pair[1];

    Ladder(w, "carol", LeaseReportInput{})
        .rung(Refusal::lease_unknown, [&](auto& b) { b.lease = tail.id; })
        .rung(Refusal::not_provider, kNoMend)
        .as("alice")
        .rung(Refusal::lease_waits, [&](auto& b) { b.lease = head.id; })
        .expect(Refusal::no_input);
    Ladder(w, "carol", LeaseStart{})
        .rung(Refusal::lease_unknown, [&](auto& b) { b.lease = tail.id; })
        .rung(Refusal::not_provider, kNoMend)
        .as("alice")
        .rung(Refusal::lease_waits, [&](auto& b) { b.lease = head.id; })
        .expect(Refusal::none);
    LeaseReveal reveal = w.make_reveal(head, Gas{5});
    const LeaseCommit commit = w.make_commit(reveal, w.address("alice"));
    Ladder(w, "carol", LeaseCommit{{}, commit.commitment})
        .rung(Refusal::lease_unknown, [&](auto& b) { b.lease = head.id; })
        .rung(Refusal::not_provider, kNoMend)
        .as("alice")
        .rung(Refusal::lease_not_started, [&] { w.must("alice", LeaseStart{head.id}); })
        .expect(Refusal::none);
    Ladder(w, "alice", LeaseReturn{head.id}).expect(Refusal::lease_not_matched);
    LeaseReveal bad = reveal;
    bad.lease = {};
    bad.claims.front().task = 9;
    bad.claims.front().gas = Gas{1'000'000'001};
    bad.salt = {};
    const auto claim = [](auto change) {
        return [change](LeaseReveal& b) { change(b.claims.front()); };
    };
    Ladder(w, "carol", bad)
        .rung(Refusal::lease_unknown, [&](auto& b) { b.lease = head.id; })
        .rung(Refusal::lease_not_committed, [&] { w.must("alice", commit); })
        .rung(Refusal::claims_wrong_tasks, [](auto& b) { b.claims.clear(); })
        .rung(Refusal::claims_wrong_tasks,
              [&](auto& b) {
                  b.claims = reveal.claims;
                  b.claims.front().gas = Gas{1'000'000'001};
              })
        .rung(Refusal::claim_out_of_range, claim([](Claim& c) {
                  c.gas = Gas{5};
                  c.boundary_count = 0;
              }))
        .rung(Refusal::claim_out_of_range, claim([](Claim& c) {
                  c.boundary_count = 2;
                  c.trap_function = 1;
              }))
        .rung(Refusal::claim_out_of_range, claim([](Claim& c) {
                  c.trap_function = 0;
                  c.end = ClaimEnd::out_of_gas;
              }))
        .rung(Refusal::claim_out_of_range, claim([](Claim& c) { c.end = ClaimEnd::exited; }))
        .rung(Refusal::commitment_mismatch, [&](auto& b) { b.salt = reveal.salt; })
        // Anyone may relay a reveal.
        .top();
    Ladder(w, "alice", LeaseReturn{tail.id}).top();
}

void lease_deadlines() {
    World w;
    w.must("alice", w.registration("alice", 10'000'000, 3));
    w.must("bob", w.publication());
    w.must("bob", JobPost{w.job_spec(3)});
    const auto all = w.await_leases("alice", 3);
    w.must("alice", LeaseStart{all[1].id});
    w.must("alice", LeaseStart{all[2].id});
    LeaseReveal reveal = w.make_reveal(all[2], Gas{5});
    w.must("alice", w.make_commit(reveal, w.address("alice")));
    // At a deadline the rule already says no, whether or not a sweep has come by.
    const auto expect_at = [&](const LeaseId& id, auto body, Refusal expected) {
        Overlay overlay(w.state);
        Ledger ledger(overlay);
        ledger.chain.active_time = *find_lease(ledger, id)->deadline;
        const Refusal found = check(ledger, {w.address("alice"), {}}, body);
        CHECK(found == expected);
        seen().insert(found);
        ledger.chain.active_time.value -= 1;
        CHECK(check(ledger, {w.address("alice"), {}}, body) == Refusal::none);
    };
    expect_at(all[0].id, LeaseStart{all[0].id}, Refusal::start_deadline_passed);
    expect_at(all[1].id, w.make_commit(w.make_reveal(all[1], Gas{5}), w.address("alice")),
              Refusal::commit_deadline_passed);
    expect_at(all[2].id, reveal, Refusal::reveal_deadline_passed);

    const ActiveTime due = *lease_view(w.state, all[0].id)->lease.deadline;
    Ladder(w, "carol", LockRelease{DueKind::lease_start, due, Hash{}, 0})
        .rung(Refusal::nothing_due, [&](auto& b) { b.subject = Hash{all[0].id.bytes}; })
        .expect(Refusal::not_due);
}

void shut_reveals() {
    World w;
    w.must("alice", w.registration("alice"));
    w.must("carol", w.registration("carol"));
    w.must("bob", w.publication());
    JobSpec spec = w.job_spec(1);
    spec.replicas = 2;
    w.must("bob", JobPost{spec});
    const auto a = w.await_leases("alice", 1).front();
    const auto c = w.await_leases("carol", 1).front();
    w.must("alice", LeaseStart{a.id});
    const LeaseReveal reveal = w.make_reveal(a, Gas{5});
    w.must("alice", w.make_commit(reveal, w.address("alice")));
    const auto finish_carol = [&] {
        w.must("carol", LeaseStart{c.id});
        w.must("carol", w.make_commit(w.make_reveal(c, Gas{5}), w.address("carol")));
    };
    Ladder(w, "alice", reveal).rung(Refusal::reveal_not_open, finish_carol).top();
}

}  // namespace

TEST_SUITE("market/refusals") {
    TEST_CASE("each family refuses in its order of precedence, and every refusal has its row") {
        envelope_without_state();
        envelope_with_state();
        tips_on_moves();
        transfers();
        faucet();
        registration();
        provider_changes();
        stakes();
        validators();
        evidence_and_jail();
        modules();
        posting();
        absurd_escrow();
        job_changes();
        leases();
        lease_deadlines();
        shut_reveals();
        boost::mp11::mp_for_each<refusal_detail::Rows>([](auto row) {
            CAPTURE(std::string(row.name));
            CHECK(seen().contains(row.value));
            CHECK(!sentence(row.value).empty());
        });
    }

    TEST_CASE("a refused transaction pays its fee and uses its nonce; nothing else changes") {
        World w;
        const Amount before = w.balance("alice");
        CHECK(w.send("alice", JobCancel{}) == Refusal::job_unknown);
        const auto view = account_view(w.state, w.address("alice"));
        CHECK(view->balance < before);
        REQUIRE(view->lanes.size() == 1);
        CHECK(view->lanes.front() == Lane{0, 1});
        CHECK(w.chain_state().burnt == Amount{before.value - view->balance.value});
    }
}

}  // namespace millrace::market
