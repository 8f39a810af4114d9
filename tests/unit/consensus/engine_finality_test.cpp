#include "tests/unit/consensus/engine_bench.hpp"

namespace millrace::consensus {

TEST_SUITE("consensus/simplex") {
    TEST_CASE("the boundary block is proposed again, and nothing else, until it is final") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock body = bench.block(1, {}, 1);
        const Proposal proposal{View{0}, bench.hash(body)};
        bench.propose(body, 0);
        bench.checked(body, Verdict::valid, true);
        bench.votes_of_others(Subject::notarize(View{1}, proposal));
        REQUIRE(bench.engine->current_view() == View{2});
        std::uint64_t view = 2;
        // Views of others pass by nullification, until one of our own comes.
        for (; bench.leader(view) != bench.config.self->value; ++view) {
            const SimBlock child = bench.block(view, bench.hash(body), 2);
            if (view == 2) {
                bench.propose(child, 1);
                CHECK(bench.votes_sent(Subject::notarize(View{2}, {View{1}, bench.hash(child)})) ==
                      0);
            }
            bench.votes_of_others(Subject::nullify(View{view}));
        }
        const Proposal again{View{1}, bench.hash(body)};
        CHECK(bench.all<BuildBlock>().empty());
        REQUIRE(bench.votes_sent(Subject::notarize(View{view}, again)) == 1);
        bench.votes_of_others(Subject::notarize(View{view}, again));
        bench.votes_of_others(Subject::finalize(View{view}, again));
        REQUIRE(bench.all<EpochEnded>().size() == 1);
        CHECK(bench.all<EpochEnded>()[0].boundary == bench.hash(body));
        CHECK(bench.engine->is_closed());
        // The closed engine helps who is behind, and votes no more.
        bench.effects.clear();
        const std::uint16_t behind = bench.leader(1);
        bench.wait(5'000);
        bench.receive(behind, bench.vote(behind, Subject::nullify(View{view})));
        REQUIRE(bench.sent<Certificate>().size() == 1);
        CHECK(bench.sent<Certificate>()[0].subject.kind == VoteKind::finalize);
        CHECK(bench.all<Sign>().empty());
    }

    TEST_CASE("a leader that was silent while a quorum was heard is not waited for") {
        Bench bench;
        bench.follow_for(2);
        bench.start();
        bench.now_ms += bench.config.timing.skip_ms + 1'000;
        const std::uint16_t absent = bench.leader(2);
        std::size_t heard = 0;
        for (std::uint16_t i = 0; i < 4; ++i) {
            if (i == absent || i == bench.config.self->value) continue;
            bench.receive(i, bench.vote(i, Subject::nullify(View{1})));
            ++heard;
        }
        REQUIRE(heard == 2);
        CHECK(bench.engine->current_view() == View{2});
        CHECK(bench.votes_sent(Subject::nullify(View{2})) == 1);
    }

    TEST_CASE("two conflicting finalizations stop the engine and are laid open") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        bench.agree_on(1, {}, 0, 1);
        BlockHash other;
        other.bytes[0] = 9;
        const Subject subject = Subject::finalize(View{1}, {View{0}, other});
        bench.effects.clear();
        bench.receive(bench.leader(1), bench.certificate(subject, {0, 1, 2, 3}));
        REQUIRE(bench.all<Halt>().size() == 1);
        CHECK(bench.all<Halt>()[0].reason == HaltReason::conflicting_finality);
        CHECK(bench.all<FoundEvidence>().size() >= 3);
        CHECK(bench.sent<Certificate>().size() >= 2);
        bench.effects.clear();
        bench.wait(60'000);
        CHECK(bench.all<Sign>().empty());
    }

    TEST_CASE("a leader that repeats its vote is alive, one whose votes others repeat is not") {
        for (const bool by_itself : {true, false}) {
            CAPTURE(by_itself);
            Bench bench;
            bench.follow_for(2);
            bench.start();
            const std::uint16_t leader = bench.leader(2);
            std::vector<std::uint16_t> others;
            for (std::uint16_t i = 0; i < 4; ++i) {
                if (i != leader && i != bench.config.self->value) others.push_back(i);
            }
            const Vote nullify = bench.vote(leader, Subject::nullify(View{1}));
            bench.receive(leader, nullify);
            bench.wait(bench.config.timing.skip_ms + 1'000);
            // The others are heard, and complete the quorum of view 1.
            for (const std::uint16_t i : others)
                bench.receive(i, bench.vote(i, Subject::nullify(View{2})));
            bench.receive(by_itself ? leader : others[0], nullify);
            bench.receive(others[0], bench.vote(others[0], Subject::nullify(View{1})));
            REQUIRE(bench.engine->current_view() >= View{2});
            CHECK(bench.engine->votes().contains(Subject::nullify(View{2})) == !by_itself);
        }
    }

    TEST_CASE("a final block above one that is not ours stops the engine when it is fetched") {
        // At the height of the own final block: the child says it; below: the block itself.
        for (const std::uint64_t height : {2U, 4U}) {
            CAPTURE(height);
            Bench bench;
            bench.follow_for(3);
            bench.start();
            const BlockHash first = bench.agree_on(1, {}, 0, 1);
            bench.votes_of_others(Subject::nullify(View{2}));
            bench.agree_on(3, first, 1, 2);
            REQUIRE(bench.engine->finalized().view == View{3});
            const SimBlock other = bench.block(2, {}, height - 1, 5);
            const SimBlock above = bench.block(9, bench.hash(other), height + 1, 5);
            const std::uint16_t from = bench.leader(1);
            const Subject subject = Subject::finalize(View{9}, {View{2}, bench.hash(above)});
            bench.receive(from, bench.certificate(subject, {0, 1, 2, 3}));
            for (const SimBlock* body : {&above, &other})
                bench.receive(from,
                              BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(*body))});
            REQUIRE(bench.all<Halt>().size() == 1);
            CHECK(bench.all<Halt>()[0].reason == HaltReason::conflicting_finality);
        }
    }

    TEST_CASE("a closed engine still finds evidence, and a second final boundary block stops it") {
        BlockHash other;
        other.bytes[0] = 9;
        for (const std::uint64_t view : {1U, 2U}) {
            CAPTURE(view);
            Bench bench;
            bench.follow_for(1);
            bench.start();
            const BlockHash boundary = bench.agree_on(1, {}, 0, 1, true);
            REQUIRE(bench.engine->is_closed());
            bench.effects.clear();
            const std::size_t log_size = bench.log.size();
            const std::uint16_t from = bench.leader(1);
            // The same block once more is what others may have agreed on: nothing is wrong.
            const Subject again = Subject::finalize(View{3}, {View{1}, boundary});
            bench.receive(from, bench.certificate(again, {0, 1, 2, 3}));
            CHECK(bench.all<Halt>().empty());
            bench.receive(from, bench.vote(from, Subject::finalize(View{1}, {View{0}, other})));
            CHECK(bench.all<FoundEvidence>().size() >= 1);
            for (const FoundEvidence& found : bench.all<FoundEvidence>())
                CHECK(found.evidence.first.signer.value == from);
            bench.effects.clear();
            const Subject subject = Subject::finalize(View{view}, {View{0}, other});
            bench.receive(from, bench.certificate(subject, {0, 1, 2, 3}));
            REQUIRE(bench.all<Halt>().size() == 1);
            CHECK(bench.all<Halt>()[0].reason == HaltReason::conflicting_finality);
            CHECK(bench.sent<Certificate>().size() >= 2);
            // It is no longer its log, and no longer its turn to vote.
            CHECK(bench.log.size() == log_size);
            CHECK(bench.all<Sign>().empty());
        }
    }

    TEST_CASE("a finalization far ahead asks for sync") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock far = bench.block(900, {}, 800);
        const Subject subject = Subject::finalize(View{900}, {View{899}, bench.hash(far)});
        const std::uint16_t from = bench.leader(1);
        bench.receive(from, bench.certificate(subject, {0, 1, 2, 3}));
        bench.receive(from, BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(far))});
        CHECK(bench.all<FellBehind>().size() == 1);
    }

    TEST_CASE("a validator that was away for more views than may pass without a block syncs") {
        const std::uint64_t far_view = 2 * kUnfinalizedViewsMax;
        for (const bool entry_first : {false, true}) {
            CAPTURE(entry_first);
            Bench bench;
            bench.follow_for(1);
            bench.start();
            const SimBlock far = bench.block(far_view, {}, far_view - 5);
            const Proposal proposal{View{far_view - 1}, bench.hash(far)};
            const std::uint16_t from = bench.leader(1);
            const Subject entry = Subject::nullify(View{far_view + 1});
            if (entry_first) {
                bench.receive(from, bench.certificate(entry, {0, 1, 2, 3}));
                CHECK(bench.engine->current_view() == View{1});
                const auto asked = bench.sent<CertificateRequest>();
                REQUIRE(asked.size() == 1);
                CHECK(asked[0].kind == VoteKind::finalize);
                CHECK(asked[0].view == View{1});
            }
            const Subject subject = Subject::finalize(View{far_view}, proposal);
            bench.receive(from, bench.certificate(subject, {0, 1, 2, 3}));
            bench.receive(from, BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(far))});
            CHECK(bench.all<Halt>().empty());
            CHECK(bench.all<FellBehind>().size() == 1);
            CHECK(bench.engine->current_view() == View{far_view + (entry_first ? 2 : 1)});
        }
    }

    TEST_CASE("a validator that went through too many views without a block stops") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        for (const std::uint64_t left : {kUnfinalizedViewsMax - 1, kUnfinalizedViewsMax}) {
            CHECK(bench.all<Halt>().empty());
            const Subject entry = Subject::nullify(View{left});
            bench.receive(1, bench.certificate(entry, {0, 1, 2, 3}));
        }
        REQUIRE(bench.all<Halt>().size() == 1);
        CHECK(bench.all<Halt>()[0].reason == HaltReason::too_many_views);
    }

    TEST_CASE("a peer behind is sent the finalization before the entry above it") {
        Bench bench;
        bench.follow_for(3);
        bench.start();
        const BlockHash first = bench.agree_on(1, {}, 0, 1);
        bench.votes_of_others(Subject::nullify(View{2}));
        bench.votes_of_others(Subject::nullify(View{3}));
        bench.wait(1'000);
        bench.effects.clear();
        const std::uint16_t behind = bench.leader(2);
        bench.receive(behind, bench.vote(behind, Subject::nullify(View{2})));
        REQUIRE(bench.sent<Certificate>().size() == 2);
        CHECK(bench.sent<Certificate>()[0].subject == Subject::finalize(View{1}, {View{0}, first}));
        CHECK(bench.sent<Certificate>()[1].subject == Subject::nullify(View{3}));
    }
}

}  // namespace millrace::consensus
