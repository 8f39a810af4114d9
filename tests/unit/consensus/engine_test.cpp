#include "tests/unit/consensus/engine_bench.hpp"

namespace millrace::consensus {

TEST_SUITE("consensus/simplex") {
    TEST_CASE("a proposal is executed, notarized, finalized, and final") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock body = bench.block(1, {}, 1);
        const Proposal proposal{View{0}, bench.hash(body)};
        bench.propose(body, 0);
        REQUIRE(bench.all<CheckBlock>().size() == 1);
        CHECK(bench.votes_sent(Subject::notarize(View{1}, proposal)) == 0);
        bench.checked(body, Verdict::valid);
        CHECK(bench.votes_sent(Subject::notarize(View{1}, proposal)) == 1);
        CHECK(bench.engine->current_view() == View{1});
        bench.votes_of_others(Subject::notarize(View{1}, proposal), 2);
        CHECK(bench.engine->current_view() == View{2});
        CHECK(bench.votes_sent(Subject::finalize(View{1}, proposal)) == 1);
        CHECK(bench.all<Finalize>().empty());
        bench.votes_of_others(Subject::finalize(View{1}, proposal));
        REQUIRE(bench.all<Finalize>().size() == 1);
        const Finalize final = bench.all<Finalize>()[0];
        REQUIRE(final.blocks.size() == 1);
        CHECK(final.blocks[0]->facts.hash == bench.hash(body));
        CHECK(check_certificate(final.certificate, bench.config.chain, Epoch{0},
                                *bench.config.validators, bench.verifier)
                  .has_value());
    }

    TEST_CASE("a leader is told the newest vote of each validator that it has heard") {
        Bench bench(7);
        bench.start();
        const std::uint64_t own = bench.view_led(true, 4);
        // Nobody agrees on anything; one validator is never heard, another only in the first view.
        const auto self = bench.config.self->value;
        const auto silent = static_cast<std::uint16_t>((self + 1) % 7);
        const auto lost = static_cast<std::uint16_t>((self + 2) % 7);
        bench.receive(lost, bench.vote(lost, Subject::nullify(View{1})));
        for (std::uint64_t view = 1; view < own; ++view) {
            for (std::uint16_t i = 0; i < 7; ++i)
                if (i != self && i != silent && i != lost)
                    bench.receive(i, bench.vote(i, Subject::nullify(View{view})));
            // After a time-out of its own this validator completes the quorum.
            for (int i = 0; i < 100 && bench.engine->current_view() == View{view}; ++i)
                bench.wait(1'000);
        }
        REQUIRE(bench.engine->current_view() == View{own});
        bench.wait(1'000);
        REQUIRE(!bench.all<BuildBlock>().empty());
        const BuildBlock ask = bench.all<BuildBlock>().back();
        REQUIRE(ask.view == View{own});
        std::map<std::uint16_t, View> heard;
        for (const Vote& vote : ask.votes) {
            CHECK(vote == bench.vote(vote.signer.value, vote.subject));
            CHECK(heard.emplace(vote.signer.value, vote.subject.view).second);
        }
        CHECK(!heard.contains(silent));
        CHECK(heard.at(lost) == View{1});
        for (std::uint16_t i = 0; i < 7; ++i)
            if (i != silent && i != lost) CHECK(heard.at(i) == View{own - 1});
    }

    TEST_CASE("a single validator needs nobody and no timer") {
        Bench bench(1);
        bench.start();
        for (std::uint64_t height = 1; height <= 5; ++height) {
            const auto asked = bench.all<BuildBlock>();
            REQUIRE(asked.size() == height);
            const BuildBlock ask = asked.back();
            bench.now_ms += 50;
            const SimBlock body =
                bench.block(ask.view.value, ask.parent.hash, ask.parent.height.value + 1);
            bench.feed(BlockBuilt{ask.view, encode(body), false});
            bench.wait(50);
            CHECK(bench.engine->finalized().block.height == Height{height});
            bench.feed(FinalizedDurably{bench.hash(body)});
        }
    }

    TEST_CASE("nothing is signed before its record is durable") {
        Bench bench;
        bench.follow_for(1);
        bench.disk_works = false;
        bench.start();
        bench.propose(bench.block(1, {}, 1), 0);
        bench.checked(bench.block(1, {}, 1), Verdict::valid);
        // The log's beginning, then the vote.
        REQUIRE(bench.all<Persist>().size() == 2);
        CHECK(bench.all<Sign>().empty());
        bench.feed(Persisted{bench.all<Persist>()[1].id});
        CHECK(bench.all<Sign>().size() == 1);
        // The block is in the same write as the vote for it.
        CHECK(std::holds_alternative<BlockRecord>(bench.all<Persist>()[1].records[0]));
    }

    TEST_CASE("a second proposal of one view neither kills nor convinces (1)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock first = bench.block(1, {}, 1, 1);
        const SimBlock second = bench.block(1, {}, 1, 2);
        bench.propose(first, 0);
        bench.propose(second, 0);
        bench.checked(first, Verdict::valid);
        CHECK(bench.votes_sent(Subject::notarize(View{1}, {View{0}, bench.hash(first)})) == 1);
        CHECK(bench.votes_sent(Subject::notarize(View{1}, {View{0}, bench.hash(second)})) == 0);
        CHECK(bench.all<FoundEvidence>().size() == 1);
        // The quorum takes the second: go on with it, but finalize nothing of an equivocator.
        const Proposal proposal{View{0}, bench.hash(second)};
        bench.votes_of_others(Subject::notarize(View{1}, proposal));
        REQUIRE(bench.sent<BlockRequest>().size() == 1);
        bench.receive(1, BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(second))});
        bench.checked(second, Verdict::valid);
        CHECK(bench.engine->current_view() == View{2});
        CHECK(bench.votes_sent(Subject::finalize(View{1}, proposal)) == 0);
    }

    TEST_CASE("one vote received twice is no evidence (2)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const Vote vote = bench.vote(bench.leader(1), Subject::nullify(View{1}));
        bench.receive(bench.leader(1), vote);
        bench.receive(bench.leader(1), vote);
        CHECK(bench.all<FoundEvidence>().empty());
    }

    TEST_CASE("own votes of the log count again and go out again, the same bytes (3)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        bench.wait(5'000);
        const Subject nullify = Subject::nullify(View{1});
        REQUIRE(bench.votes_sent(nullify) == 1);
        const Vote before = bench.sent<Vote>()[0];
        bench.restart();
        REQUIRE(bench.votes_sent(nullify) == 1);
        CHECK(bench.sent<Vote>()[0] == before);
        // Two others make the quorum of three only if the own vote counts.
        bench.votes_of_others(nullify, 2);
        CHECK(bench.engine->current_view() == View{2});
        // And the retry is armed after the restart.
        bench.restart();
        CHECK(bench.engine->current_view() == View{2});
    }

    TEST_CASE("a notarization after the own nullify is certified all the same (4)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        bench.wait(5'000);
        const SimBlock body = bench.block(1, {}, 1);
        const Proposal proposal{View{0}, bench.hash(body)};
        bench.propose(body, 0);
        CHECK(bench.all<CheckBlock>().empty());
        bench.votes_of_others(Subject::notarize(View{1}, proposal));
        REQUIRE(bench.all<CheckBlock>().size() == 1);
        CHECK(bench.all<CheckBlock>()[0].certified);
        bench.checked(body, Verdict::valid);
        CHECK(bench.engine->current_view() == View{2});
        CHECK(bench.votes_sent(Subject::notarize(View{1}, proposal)) == 0);
        CHECK(bench.votes_sent(Subject::finalize(View{1}, proposal)) == 0);
    }

    TEST_CASE("no nullify after finalize, no finalize after nullify, also over a restart (5, 6)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock body = bench.block(1, {}, 1);
        const Proposal proposal{View{0}, bench.hash(body)};
        bench.propose(body, 0);
        bench.checked(body, Verdict::valid);
        bench.votes_of_others(Subject::notarize(View{1}, proposal));
        REQUIRE(bench.votes_sent(Subject::finalize(View{1}, proposal)) == 1);
        bench.restart();
        bench.wait(60'000);
        CHECK(bench.votes_sent(Subject::nullify(View{1})) == 0);
        CHECK(bench.votes_sent(Subject::finalize(View{1}, proposal)) == 1);
    }

    TEST_CASE("one nullify per view, whatever triggers it (7)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock body = bench.block(1, {}, 1);
        bench.propose(body, 0);
        bench.checked(body, Verdict::invalid);
        bench.receive(bench.leader(1), bench.vote(bench.leader(1), Subject::nullify(View{1})));
        bench.wait(5'000);
        std::size_t records = 0;
        for (const Record& record : bench.log)
            records += std::holds_alternative<VoteRecord>(record) ? 1U : 0U;
        CHECK(records == 1);
    }

    TEST_CASE("a leader builds once, and after a restart does not build again (8)") {
        Bench bench;
        bench.lead_first();
        bench.start();
        REQUIRE(bench.all<BuildBlock>().size() == 1);
        const SimBlock body = bench.block(1, {}, 1);
        bench.feed(BlockBuilt{View{1}, encode(body), false});
        bench.feed(BlockBuilt{View{1}, encode(bench.block(1, {}, 1, 9)), false});
        CHECK(bench.sent<ProposalMessage>().size() == 1);
        bench.restart();
        CHECK(bench.all<BuildBlock>().empty());
        REQUIRE(bench.sent<ProposalMessage>().size() == 1);
        CHECK(bench.sent<ProposalMessage>()[0].block == encode(body));
    }

    TEST_CASE("a verdict on one block is none on another (9)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock body = bench.block(1, {}, 1);
        bench.propose(body, 0);
        bench.checked(bench.block(1, {}, 1, 5), Verdict::valid);
        CHECK(bench.votes_sent(Subject::notarize(View{1}, {View{0}, bench.hash(body)})) == 0);
    }

    TEST_CASE("a finalization that arrives whole is acted on, its blocks are fetched (12)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock first = bench.block(1, {}, 1);
        bench.now_ms += 60;
        const SimBlock second = bench.block(2, bench.hash(first), 2);
        const Subject subject = Subject::finalize(View{2}, {View{1}, bench.hash(second)});
        const std::uint16_t other = bench.config.self->value == 0 ? 1 : 0;
        bench.receive(other, bench.certificate(subject, {0, 1, 2, 3}));
        CHECK(bench.engine->current_view() == View{3});
        for (const SimBlock& body : {second, first}) {
            REQUIRE(bench.sent<BlockRequest>().back().block == bench.hash(body));
            bench.receive(other,
                          BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(body))});
        }
        REQUIRE(bench.all<Finalize>().size() == 1);
        const auto blocks = bench.all<Finalize>()[0].blocks;
        REQUIRE(blocks.size() == 2);
        CHECK(blocks[0]->facts.hash == bench.hash(first));
        CHECK(blocks[1]->facts.hash == bench.hash(second));
    }

    TEST_CASE("a signer out of range costs its sender and nothing else (17)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        Vote vote = bench.vote(1, Subject::nullify(View{1}));
        for (const std::uint16_t signer : std::array<std::uint16_t, 3>{4, 240, 65535}) {
            vote.signer = ValidatorIndex{signer};
            const std::size_t before = bench.all<Blame>().size();
            bench.receive(bench.leader(1), vote);
            CHECK(bench.all<Blame>().size() == before + 1);
        }
    }

    TEST_CASE("an early block is held until it is due, then voted for") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        SimBlock body = bench.block(1, {}, 1);
        body.timestamp.value += bench.config.timing.early_max_ms + 30;
        bench.propose(body, 0);
        CHECK(bench.all<CheckBlock>().empty());
        REQUIRE_FALSE(bench.all<SetTimer>().empty());
        CHECK(bench.all<SetTimer>().back().at_ms == bench.now_ms + 30);
        bench.wait(30);
        CHECK(bench.all<CheckBlock>().size() == 1);
        CHECK(bench.votes_sent(Subject::nullify(View{1})) == 0);
    }

    TEST_CASE("a pending verdict costs nothing, an invalid one the view") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock body = bench.block(1, {}, 1);
        bench.propose(body, 0);
        bench.checked(body, Verdict::pending);
        CHECK(bench.votes_sent(Subject::nullify(View{1})) == 0);
        bench.checked(body, Verdict::invalid);
        CHECK(bench.votes_sent(Subject::nullify(View{1})) == 1);
    }

    TEST_CASE("a proposal over a skipped view waits for the nullification") {
        Bench bench;
        bench.follow_for(2);
        bench.start();
        // View 1 is left by a nullification that we have: then view 2 on the floor is justified.
        bench.votes_of_others(Subject::nullify(View{1}));
        const SimBlock body = bench.block(2, {}, 1);
        bench.propose(body, 0);
        CHECK(bench.all<CheckBlock>().size() == 1);

        Bench lacking;
        lacking.config.seed = bench.config.seed;
        lacking.config.self = bench.config.self;
        lacking.start();
        // View 1 is left by a notarization: a proposal that skips it is not voted for, but asked
        // about, the leader first.
        lacking.agree_on(1, {}, 0, 1);
        lacking.effects.clear();
        Bench& l = lacking;
        CHECK(l.engine->current_view() == View{2});
        const SimBlock skipping = l.block(2, {}, 1, 3);
        l.propose(skipping, 0);
        CHECK(l.all<CheckBlock>().empty());
        CHECK(l.votes_sent(Subject::notarize(View{2}, {View{0}, l.hash(skipping)})) == 0);
    }

    TEST_CASE("time-outs grow by half from the last finalization, up to the cap") {
        Bench bench;
        bench.follow_for(1);
        bench.config.may_vote = true;
        bench.start();
        std::vector<std::uint64_t> waits;
        for (std::uint64_t view = 1; view <= 24; ++view) {
            std::uint64_t waited = 0;
            const bool leads = bench.leader(view) == bench.config.self->value;
            while (!bench.engine->votes().contains(Subject::nullify(View{view})) &&
                   waited < 200'000) {
                bench.wait(10);
                waited += 10;
            }
            bench.effects.clear();
            if (!leads) waits.push_back(waited);
            bench.votes_of_others(Subject::nullify(View{view}));
            REQUIRE(bench.engine->current_view() == View{view + 1});
        }
        CHECK(waits.front() >= 200);
        CHECK(waits.front() <= 220);
        CHECK(std::is_sorted(waits.begin(), waits.end()));
        CHECK(waits.back() <= 60'010);
        CHECK(waits.back() >= 59'990);
    }

    TEST_CASE("after a nullify the vote and the entry certificate go out again and again") {
        Bench bench;
        bench.follow_for(2);
        bench.start();
        bench.votes_of_others(Subject::nullify(View{1}));
        bench.wait(1'000);
        REQUIRE(bench.votes_sent(Subject::nullify(View{2})) == 1);
        bench.effects.clear();
        bench.wait(1'100);
        CHECK(bench.votes_sent(Subject::nullify(View{2})) == 1);
        REQUIRE(bench.sent<Certificate>().size() == 1);
        CHECK(bench.sent<Certificate>()[0].subject == Subject::nullify(View{1}));
    }

    TEST_CASE("a leader without work waits for the idle pace, with work for the least spacing") {
        Bench bench;
        bench.lead_first();
        bench.config.floor.block.timestamp = WallTime{kWall + bench.now_ms};
        bench.start();
        bench.feed(WorkWaiting{false});
        bench.wait(60);
        CHECK(bench.all<BuildBlock>().empty());
        bench.feed(WorkWaiting{true});
        CHECK(bench.all<BuildBlock>().size() == 1);

        Bench idle;
        idle.lead_first();
        idle.config.floor.block.timestamp = WallTime{kWall + idle.now_ms};
        idle.start();
        idle.feed(WorkWaiting{false});
        idle.wait(199);
        CHECK(idle.all<BuildBlock>().empty());
        idle.wait(1);
        CHECK(idle.all<BuildBlock>().size() == 1);
    }

    TEST_CASE("an application that cannot build gives its view away at once") {
        Bench bench;
        bench.lead_first();
        bench.start();
        bench.feed(BuildDeclined{View{1}});
        CHECK(bench.votes_sent(Subject::nullify(View{1})) == 1);
    }
}

}  // namespace millrace::consensus
