#include "tests/unit/consensus/engine_bench.hpp"

namespace millrace::consensus {

TEST_SUITE("consensus/simplex") {
    TEST_CASE("questions are answered with what was asked, or with finality") {
        Bench bench;
        bench.follow_for(3);
        bench.start();
        const BlockHash first = bench.agree_on(1, {}, 0, 1);
        bench.votes_of_others(Subject::nullify(View{2}));
        bench.effects.clear();
        const std::uint16_t from = bench.leader(1);
        bench.receive(from, CertificateRequest{Epoch{0}, View{2}, VoteKind::nullify});
        REQUIRE(bench.sent<Certificate>().size() == 1);
        CHECK(bench.sent<Certificate>()[0].subject == Subject::nullify(View{2}));
        bench.receive(from, CertificateRequest{Epoch{0}, View{2}, VoteKind::notarize});
        CHECK(bench.sent<Certificate>().size() == 1);
        bench.receive(from, CertificateRequest{Epoch{0}, View{1}, VoteKind::nullify});
        REQUIRE(bench.sent<Certificate>().size() == 2);
        CHECK(bench.sent<Certificate>()[1].subject == Subject::finalize(View{1}, {View{0}, first}));
        bench.receive(from, BlockRequest{Epoch{0}, first});
        CHECK(bench.sent<BlockResponse>().size() == 1);
        bench.feed(FinalizedDurably{first});
        bench.receive(from, BlockRequest{Epoch{0}, first});
        CHECK(bench.all<ServeBlock>().size() == 1);
    }

    TEST_CASE("votes for far views are not kept, and unasked blocks neither (bounds)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const std::size_t rounds = bench.engine->sizes().rounds;
        for (std::uint64_t view = 3; view < 300; ++view)
            bench.receive(1, bench.vote(1, Subject::nullify(View{view})));
        CHECK(bench.engine->sizes().rounds == rounds);
        for (std::uint64_t salt = 0; salt < 300; ++salt) {
            bench.receive(1, BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(
                                                         encode(bench.block(1, {}, 1, salt)))});
        }
        CHECK(bench.engine->sizes().blocks == 0);
    }

    TEST_CASE("a block that no chain can hold at its view is not kept, and costs the view") {
        for (const bool asked_for : {false, true}) {
            CAPTURE(asked_for);
            for (int kind = 0; kind < 4; ++kind) {
                CAPTURE(kind);
                Bench bench;
                bench.follow_for(1);
                bench.start();
                SimBlock body = bench.block(1, {}, 1);
                if (kind == 0) body.height = Height{std::uint64_t{1} << 63U};
                if (kind == 1) body.height = Height{2};
                if (kind == 2) body.epoch = Epoch{1};
                if (kind == 3) body.view = View{2};
                const std::uint16_t from = bench.leader(1);
                const Subject subject = Subject::notarize(View{1}, {View{0}, bench.hash(body)});
                const BoundedBytes<kBlockBytesMax> bytes(encode(body));
                const Vote vote = bench.vote(from, subject);
                if (asked_for) {
                    bench.receive(from, vote);
                    REQUIRE(bench.sent<BlockRequest>().size() == 1);
                    bench.receive(from, BlockResponse{Epoch{0}, bytes});
                } else {
                    bench.receive(from, ProposalMessage{vote, bytes});
                }
                CHECK(bench.engine->sizes().blocks == 0);
                CHECK(bench.votes_sent(Subject::nullify(View{1})) == 1);
                CHECK(bench.sent<BlockRequest>().size() == (asked_for ? 1 : 0));
            }
        }
    }

    TEST_CASE("blocks of passed views that nobody here voted for are let go") {
        Bench bench;
        bench.follow_for(5);
        bench.start();
        for (std::uint64_t view = 1; view <= 4; ++view) {
            bench.wait(5'000);
            REQUIRE(bench.votes_sent(Subject::nullify(View{view})) == 1);
            bench.propose(bench.block(view, {}, 1), 0);
            bench.votes_of_others(Subject::nullify(View{view}));
        }
        CHECK(bench.engine->sizes().blocks == 4);
        bench.agree_on(5, {}, 0, 1);
        REQUIRE(bench.engine->finalized().view == View{5});
        CHECK(bench.engine->sizes().blocks == 1);
    }

    TEST_CASE("junk does not drive out what is being fetched because it is final") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        // The memory full of blocks that a chain could hold, with hashes above those of the chain.
        const std::uint64_t views = bench.fill_with_junk(1);
        const auto low = [&](SimBlock body) {
            while (bench.hash(body).bytes[0] >= 0x40) ++body.salt;
            return body;
        };
        const SimBlock first = low(bench.block(views - 3, {}, 1));
        const SimBlock second = low(bench.block(views - 2, bench.hash(first), 2));
        const SimBlock third = low(bench.block(views - 1, bench.hash(second), 3));
        const Proposal proposal{View{views - 2}, bench.hash(third)};
        const std::uint16_t from = bench.leader(1);
        bench.receive(from,
                      bench.certificate(Subject::finalize(third.view, proposal), {0, 1, 2, 3}));
        for (const SimBlock* body : {&third, &second, &first}) {
            REQUIRE(bench.sent<BlockRequest>().back().block == bench.hash(*body));
            bench.receive(from,
                          BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(*body))});
        }
        REQUIRE(bench.all<Finalize>().size() == 1);
        CHECK(bench.all<Finalize>()[0].blocks.size() == 3);
    }

    TEST_CASE("a certified block that was let go can be built on") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        // Nullified here before the others notarize it: executed, and not in the log.
        bench.wait(5'000);
        SimBlock body = bench.block(1, {}, 1);
        while (bench.hash(body).bytes[0] >= 0x40) ++body.salt;
        bench.propose(body, 0);
        bench.votes_of_others(Subject::notarize(View{1}, {View{0}, bench.hash(body)}));
        bench.checked(body, Verdict::valid);
        REQUIRE(bench.engine->current_view() == View{2});
        std::uint64_t view = bench.fill_with_junk(2);
        view = bench.view_led(false, view);
        for (std::uint64_t skipped = bench.engine->current_view().value; skipped < view; ++skipped)
            bench.receive(1, bench.certificate(Subject::nullify(View{skipped}), {0, 1, 2, 3}));
        bench.effects.clear();
        bench.now_ms += 60;
        bench.propose(bench.block(view, bench.hash(body), 2), 1);
        CHECK(bench.all<CheckBlock>().size() == 1);
    }

    TEST_CASE("a block that was let go before the vote is asked for, and is in the log with it") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        std::uint64_t view = bench.fill_with_junk(1);
        const auto self = bench.config.self->value;
        for (; bench.leader(view) == self || bench.leader(view + 1) == self ||
               bench.leader(view + 2) == self;
             ++view)
            bench.receive(1, bench.certificate(Subject::nullify(View{view}), {0, 1, 2, 3}));
        const SimBlock first = bench.block(view, {}, 1);
        bench.propose(first, 0);
        bench.checked(first, Verdict::valid);
        bench.votes_of_others(Subject::notarize(View{view}, {View{0}, bench.hash(first)}));
        REQUIRE(bench.engine->current_view() == View{view + 1});
        // The highest, and the lowest by hash: nothing goes before it.
        bench.now_ms += 60;
        SimBlock second = bench.block(view + 1, bench.hash(first), 2);
        while (bench.hash(second).bytes[0] >= 2) ++second.salt;
        bench.propose(second, view);
        REQUIRE(bench.all<CheckBlock>().back().block->facts.hash == bench.hash(second));
        bench.propose(bench.block(view + 2, {}, 1), 0);
        const std::size_t log_before = bench.log.size();
        bench.effects.clear();
        bench.checked(second, Verdict::valid);
        CHECK(bench.log.size() == log_before);
        REQUIRE(bench.sent<BlockRequest>().size() == 1);
        CHECK(bench.sent<BlockRequest>()[0].block == bench.hash(second));
        bench.receive(bench.leader(view + 1),
                      BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(second))});
        CHECK(bench.votes_sent(
                  Subject::notarize(View{view + 1}, {View{view}, bench.hash(second)})) == 1);
        REQUIRE(bench.log.size() == log_before + 2);
        CHECK(std::holds_alternative<BlockRecord>(bench.log[log_before]));
        CHECK(std::holds_alternative<VoteRecord>(bench.log[log_before + 1]));
    }
}

}  // namespace millrace::consensus
