#include <doctest/doctest.h>

#include "market/block/epoch.hpp"
#include "market/block/fees.hpp"
#include "tests/support/market_world.hpp"

namespace millrace::market {
namespace {

std::vector<Address> owners_of(const World& w, Epoch epoch) {
    std::vector<Address> out;
    const auto set = find_epoch_set(w.state, epoch);
    REQUIRE(set.has_value());
    for (const SetMember& member : set->members) out.push_back(member.owner);
    return out;
}

bool stands_in(World& w, std::uint64_t epoch, const std::string& name) {
    const auto owners = owners_of(w, Epoch{epoch});
    return std::find(owners.begin(), owners.end(), w.address(name)) != owners.end();
}

const std::vector<std::string> kFour{"validator", "v1", "v2", "v3"};

Subject finalize_at(std::uint64_t view, std::uint8_t block = 0) {
    BlockHash hash;
    hash.bytes[0] = block;
    return Subject::finalize(View{view}, {View{view - 1}, hash});
}

}  // namespace

TEST_SUITE("market/validators") {
    TEST_CASE("a set is made two epochs ahead, of the largest stakes, and never changes") {
        Params params = Params::dev();
        params.validators.validators_max = 3;
        World w(params);
        for (const char* name : {"alice", "bob", "carol"})
            w.must(name, w.validator_registration(
                             name, credits(name == std::string("bob") ? 3'000 : 2'000)));
        CHECK(owners_of(w, Epoch{0}).size() == 1);
        CHECK(owners_of(w, Epoch{1}).size() == 1);
        CHECK(!find_epoch_set(w.state, Epoch{2}).has_value());
        w.end_epoch();
        const auto next = owners_of(w, Epoch{2});
        REQUIRE(next.size() == 3);
        CHECK(next[0] == w.address("bob"));
        // Equal stakes stand in the order of their owners; the founder has no place any more.
        CHECK(next[1] == std::min(w.address("alice"), w.address("carol")));
        CHECK(next[2] == std::max(w.address("alice"), w.address("carol")));
        CHECK(find_epoch_set(w.state, Epoch{2})->members[0].weight == 3'000'000);
        CHECK(owners_of(w, Epoch{1}) == std::vector{w.address("validator")});
        // What happens to stakes now is for the set after.
        w.must("bob", ValidatorUnstake{w.address("bob"), credits(3'000)});
        w.end_epoch();
        CHECK(w.chain_state().epoch == Epoch{2});
        CHECK(owners_of(w, Epoch{2}) == next);
        CHECK(!stands_in(w, 3, "bob"));
        CHECK(stands_in(w, 3, "validator"));
        // The new members propose; the founder is no proposer here.
        for (const char* name : {"alice", "bob", "carol"}) {
            w.let_propose(name);
            w.block(100);
            CHECK(load_validators(w.state)[w.head().proposer].owner == w.address(name));
        }
        BlockInput input = w.next_input(100);
        input.proposer = 3;
        CHECK(apply_block(w.state, w.map, input).error() == BlockFault::proposer_unknown);
        // Another member's proof is not the proposer's.
        input.proposer = static_cast<std::uint16_t>((w.head().proposer + 1) % 3);
        CHECK(apply_block(w.state, w.map, input).error() == BlockFault::beacon_invalid);
    }

    TEST_CASE("new keys vote from the epoch after the next on, and old ones can still be accused") {
        World w;
        const ValidatorId id = w.address("validator");
        const Ed25519Key old_key = w.validator("validator").vote_key;
        w.must("validator", ValidatorKeys{id, w.make_keys("validator", " anew"), {}, {}});
        const Ed25519Key new_key = w.validator("validator").vote_key;
        CHECK(new_key != old_key);
        w.end_epoch();
        CHECK(find_epoch_set(w.state, Epoch{1})->members[0].vote_key == old_key);
        CHECK(find_epoch_set(w.state, Epoch{2})->members[0].vote_key == new_key);
        w.end_epoch();
        w.block(100);
        CHECK(w.head().epoch == Epoch{2});
        const EvidenceVotes evidence{{w.vote_of(Epoch{1}, 0, Subject::nullify(View{3})),
                                      w.vote_of(Epoch{1}, 0, finalize_at(3))}};
        w.must("bob", evidence);
        CHECK(w.validator("validator").standing == ValidatorStanding::expelled);
        // It was the last one: who votes goes on, for a chain without voters takes in no others.
        w.end_epoch();
        w.end_epoch();
        CHECK(owners_of(w, w.chain_state().epoch) == std::vector{id});
        w.must("alice", w.validator_registration("alice", credits(1'000)));
        w.end_epoch();
        w.end_epoch();
        CHECK(owners_of(w, w.chain_state().epoch) == std::vector{w.address("alice")});
    }

    TEST_CASE("unbonding stake waits for its time and for the last set that it stood behind") {
        Params params = Params::dev();
        params.stake.unbonding_ms = 1'000;
        params.stake.evidence_window_ms = 1'000;
        World w(params);
        const ValidatorId id = w.address("alice");
        w.must("alice", w.validator_registration("alice", credits(2'000)));
        w.end_epoch();
        w.must("alice", ValidatorUnstake{id, credits(2'000)});
        CHECK(w.validator("alice").unbonding.front().last_epoch == Epoch{2});
        w.end_epoch();
        // Its time is over, but it votes in the running epoch.
        CHECK(stands_in(w, 2, "alice"));
        CHECK(w.send("bob", ValidatorWithdraw{id}) == Refusal::nothing_to_withdraw);
        w.end_epoch();
        CHECK(!stands_in(w, 3, "alice"));
        CHECK(w.send("bob", ValidatorWithdraw{id}) == Refusal::nothing_to_withdraw);
        w.block(1'000);
        const Amount before = w.balance("alice");
        w.must("bob", ValidatorWithdraw{id});
        CHECK(minus(w.balance("alice"), before) == credits(2'000));
        // It may come back with the minimum.
        w.must("bob", ValidatorStake{id, credits(1'000)});
        w.end_epoch();
        CHECK(stands_in(w, w.chain_state().epoch.value + 1, "alice"));
    }

    TEST_CASE("evidence takes the stake that stood behind the votes, half of it is burnt") {
        Params params = Params::dev();
        params.validators.double_vote_slash_bp = 5'000;
        World w(params, true, kFour);
        w.let_propose("validator");
        const ValidatorId id = w.address("v1");
        w.must("bob", ValidatorStake{id, credits(1'000)});
        w.must("v1", ValidatorUnstake{id, credits(600)});
        const std::uint16_t v1 = *w.index_of("v1");
        const EvidenceVotes evidence{{w.vote_of(Epoch{0}, v1, finalize_at(3, 1)),
                                      w.vote_of(Epoch{0}, v1, finalize_at(3, 2))}};
        const Amount before = w.balance("carol");
        const Amount burnt = w.chain_state().burnt;
        // It has the reserved room of a block, at the capped fee.
        const CheckedTx tx = w.checked(w.sign("carol", w.next_tx("carol", evidence)));
        CHECK(charge_of(w.state, w.chain_state(), w.params(), tx).reserved);
        w.must("carol", evidence);
        const Amount fee{tx.weight() * 10};
        CHECK(w.validator("v1").stake == credits(700));
        CHECK(w.validator("v1").unbonding.front().amount == credits(300));
        CHECK(w.balance("carol") == minus(plus(before, credits(500)), fee));
        CHECK(w.chain_state().burnt == plus(plus(burnt, credits(500)), fee));
        CHECK(!charge_of(w.state, w.chain_state(), w.params(), tx).reserved);
        // Out for good, though it votes in the sets that are made.
        CHECK(w.validator("v1").standing == ValidatorStanding::expelled);
        w.end_epoch();
        CHECK(stands_in(w, 1, "v1"));
        CHECK(!stands_in(w, 2, "v1"));
        // What is left is its own, in time.
        w.must("v1", ValidatorUnstake{id, credits(700)});
        // Another epoch is another offence; the stake that left before is not behind it.
        const std::uint16_t again = *w.index_of("v1");
        const Amount kept = w.validator("v1").unbonding.front().amount;
        w.must("carol", EvidenceVotes{{w.vote_of(Epoch{1}, again, Subject::nullify(View{3})),
                                       w.vote_of(Epoch{1}, again, finalize_at(3))}});
        CHECK(w.validator("v1").unbonding[0].amount == Amount{kept.value / 2});
        CHECK(w.validator("v1").unbonding[1].amount == credits(350));
        // What was punished is forgotten with its set.
        CHECK(w.state.get(punished_key(Epoch{0}, id)).has_value());
        for (int i = 0; i < 4; ++i) w.end_epoch();
        CHECK(!w.state.get(punished_key(Epoch{0}, id)).has_value());
        CHECK(!find_epoch_set(w.state, Epoch{0}).has_value());
        CHECK(w.chain_state().oldest_set > Epoch{1});
    }

    TEST_CASE("who is never heard goes to jail, one vote of any kind keeps it out") {
        Params params = Params::dev();
        params.validators.absence_ms = 20'000;
        World w(params, true, kFour);
        w.let_propose("validator");
        const Epoch epoch = w.chain_state().epoch;
        w.wait(15'000, 3'000);
        // v1 nullified, v2 finalized; v3 is silent.
        BlockInput input = w.next_input(3'000);
        const std::uint64_t view = input.view.value;
        input.votes = {w.vote_of(epoch, *w.index_of("v1"), Subject::nullify(View{view - 1})),
                       w.vote_of(epoch, *w.index_of("v2"), finalize_at(view - 2))};
        std::sort(input.votes.begin(), input.votes.end(),
                  [](const Vote& a, const Vote& b) { return a.signer < b.signer; });
        const auto out = apply_block(w.state, w.map, input);
        REQUIRE(out.has_value());
        CHECK(out->header.votes_root == votes_root(input.votes));
        CHECK(check_block(w.state, w.map, out->header, {}, input.votes).has_value());
        CHECK(check_block(w.state, w.map, out->header, {}, {}).error() ==
              BlockFault::header_mismatch);
        w.accept(*out);
        w.end_epoch();
        CHECK(w.validator("v1").standing == ValidatorStanding::good);
        CHECK(w.validator("v2").standing == ValidatorStanding::good);
        CHECK(w.validator("v3").standing == ValidatorStanding::jailed);
        CHECK(w.validator("v3").stake == credits(1'000));
        CHECK(!stands_in(w, 2, "v3"));
        CHECK(stands_in(w, 1, "v3"));
        // Each epoch's bound holds anew; the proposer is never absent.
        for (int i = 0; i < 4; ++i) w.end_epoch();
        CHECK(owners_of(w, w.chain_state().epoch).size() <= 2);
        CHECK(stands_in(w, w.chain_state().epoch.value, "validator"));
    }

    TEST_CASE("a single validator is never jailed, however long its chain stood still") {
        Params params = Params::dev();
        params.validators.absence_ms = 1'000;
        World w(params);
        for (int i = 0; i < 3; ++i) w.end_epoch();
        CHECK(w.validator("validator").standing == ValidatorStanding::good);
    }

    TEST_CASE("votes that a block need not show make it invalid") {
        Params params = Params::dev();
        params.validators.absence_ms = 16'000;
        World w(params, true, kFour);
        w.let_propose("validator");
        const Epoch epoch = w.chain_state().epoch;
        const std::uint16_t self = *w.index_of("validator");
        std::vector<std::uint16_t> others;
        for (std::uint16_t i = 0; i < 4; ++i)
            if (i != self) others.push_back(i);
        const auto is_good = [&](const BlockInput& base, std::vector<Vote> votes) {
            BlockInput input = base;
            input.votes.assign(votes.begin(), votes.end());
            const auto out = apply_block(w.state, w.map, input);
            if (!out.has_value()) CHECK(out.error() == BlockFault::votes_invalid);
            return out.has_value();
        };
        for (int i = 0; i < 70; ++i) w.block(50);
        const BlockInput input = w.next_input(100);
        const std::uint64_t view = input.view.value;
        const auto vote = [&](std::uint16_t signer, std::uint64_t at) {
            return w.vote_of(epoch, signer, Subject::nullify(View{at}));
        };
        const Vote a = vote(others[0], view - 1);
        const Vote b = vote(others[1], view - kLateViews);
        CHECK(is_good(input, {a, b}));
        CHECK(!is_good(input, {b, a}));
        CHECK(!is_good(input, {a, a}));
        CHECK(!is_good(input, {vote(self, view - 1)}));
        CHECK(!is_good(input, {vote(others[0], view)}));
        CHECK(!is_good(input, {vote(others[0], view - kLateViews - 1)}));
        CHECK(
            !is_good(input, {w.vote_of(next(epoch), others[0], Subject::nullify(View{view - 1}))}));
        Vote forged = a;
        forged.signature.bytes[3] ^= 1;
        CHECK(!is_good(input, {forged}));
        Vote nobody = a;
        nobody.signer = ValidatorIndex{4};
        CHECK(!is_good(input, {nobody}));
        // Heard a moment ago: nothing to show.
        BlockInput first = input;
        first.votes = {a};
        w.accept(*apply_block(w.state, w.map, first));
        const BlockInput second = w.next_input(100);
        CHECK(!is_good(second, {vote(others[0], second.view.value - 1)}));
        CHECK(is_good(second, {vote(others[1], second.view.value - 1)}));
        // The leader's choice out of what it heard is what a block may carry.
        Vote foreign = b;
        foreign.signature = forged.signature;
        const std::vector<Vote> known{vote(others[2], second.view.value - 1), foreign,
                                      vote(others[1], second.view.value - 2), a,
                                      vote(self, second.view.value - 1)};
        BlockInput chosen = second;
        chosen.votes = choose_votes(w.state, second, known);
        REQUIRE(chosen.votes.size() == 2);
        CHECK(apply_block(w.state, w.map, chosen).has_value());
        CHECK(w.load_last(others[0]) > w.load_last(others[1]));
    }

    TEST_CASE("issuance goes by weight to the payout accounts of those who were there") {
        Params params = Params::dev();
        params.money.issuance_per_epoch = Amount{1'000'001};
        params.validators.absence_ms = 20'000;
        World w(params, true, {"validator", "v1"});
        w.let_propose("validator");
        w.must("validator", ValidatorStake{w.address("validator"), credits(2'000)});
        w.must("validator", ValidatorKeys{w.address("validator"), {}, {}, w.address("dave")});
        const Amount dave = w.balance("dave");
        const Amount owner = w.balance("validator");
        const Amount issued = w.chain_state().issued;
        const Amount v1 = w.balance("v1");
        w.end_epoch();
        // v1 was never heard: its half is not made. Half and half, rounded down, as the set has it.
        CHECK(minus(w.balance("dave"), dave) == Amount{500'000});
        CHECK(w.balance("validator") == owner);
        CHECK(w.balance("v1") == v1);
        CHECK(minus(w.chain_state().issued, issued) == Amount{500'000});
        // A single absent half is above the bound of jail.
        CHECK(w.validator("v1").standing == ValidatorStanding::good);
        w.end_epoch();
        w.end_epoch();
        // Now the set has three quarters and a quarter; the quarter went to jail meanwhile.
        CHECK(w.validator("v1").standing == ValidatorStanding::jailed);
        CHECK(minus(w.chain_state().issued, issued) == Amount{500'000 + 500'000 + 750'000});
    }

    TEST_CASE("a genesis document names its validators once, each with the minimum") {
        World w(Params::dev(), true, kFour);
        const auto fault = [&](auto change) {
            Genesis genesis = w.genesis();
            change(genesis);
            const auto out = check_genesis(genesis);
            REQUIRE(!out.has_value());
            return out.error();
        };
        CHECK(fault([](Genesis& g) { g.validators[1].owner = g.validators[0].owner; }) ==
              GenesisFault::validator_owner_repeated);
        CHECK(fault([](Genesis& g) { g.validators[1].stake = credits(999); }) ==
              GenesisFault::validator_stake_below_min);
        CHECK(fault([](Genesis& g) { g.params.validators.validators_max = 3; }) ==
              GenesisFault::too_many_validators);
        CHECK(fault([](Genesis& g) { g.validators[2].peer_key = g.validators[2].vote_key; }) ==
              GenesisFault::validator_key_invalid);
        CHECK(fault([](Genesis& g) { g.params.validators.jail_weight_max_bp = 3'334; }) ==
              GenesisFault::params_invalid);
    }

    TEST_CASE("a module signed by the last epoch's set is judged by that set") {
        World w;
        const ModulePublish old = w.publication();
        w.must("alice", w.validator_registration("alice", credits(50'000)));
        w.end_epoch();
        const ModulePublish of_first = w.publication("other");
        w.end_epoch();
        REQUIRE(w.chain_state().epoch == Epoch{2});
        REQUIRE(load_validators(w.state).size() == 2);
        // In epoch 2 the founder's weight is no quorum; for a statement of epoch 1 it is all.
        CHECK(w.send("bob", of_first) == Refusal::none);
        CHECK(w.send("bob", old) == Refusal::module_epoch_wrong);
        CHECK(w.send("bob", w.publication("third")) != Refusal::none);
    }
}

}  // namespace millrace::market
