#include "tests/unit/market/refusal_ladder.hpp"

namespace millrace::market::refusals {

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
        .rung(Refusal::balance_too_low,
              [](auto& b) {
                  b.stake = credits(10);
                  b.admission = Amount{~std::uint64_t{0}};
              })
        .rung(Refusal::balance_too_low, [](auto& b) { b.admission = Amount{0}; })
        .rung(Refusal::asks_full, [](auto& b) { b.admission = Amount{1}; })
        .top();
    Ladder(w, "alice", ProviderResume{w.address("alice"), credits(1'000'000'000)})
        .rung(Refusal::balance_too_low, [](auto& b) { b.admission = Amount{1}; })
        .rung(Refusal::asks_full, [](auto& b) { b.admission = Amount{2}; })
        .top();
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

}  // namespace millrace::market::refusals
