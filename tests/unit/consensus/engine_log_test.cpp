#include "tests/unit/consensus/engine_bench.hpp"

namespace millrace::consensus {

TEST_SUITE("consensus/simplex") {
    TEST_CASE("a validator that lost its table observes (19)") {
        Bench bench;
        bench.follow_for(1);
        bench.config.may_vote = false;
        bench.start();
        bench.agree_on(1, {}, 0, 1);
        bench.wait(60'000);
        CHECK(bench.all<Sign>().empty());
        CHECK(bench.engine->finalized().block.height == Height{1});
    }

    TEST_CASE("a log that may stand in the place of a lost one makes an observer") {
        struct Row {
            const char* name;
            std::size_t validators;
            std::uint64_t height;
            std::uint64_t began;
            std::optional<TableRecord> held;
            bool may_vote;
        };
        const WallTime since{kWall + 5'000};
        const Row rows[] = {
            {"before the first block there is nothing to lose", 4, 0, 0, {}, true},
            {"behind it there may be", 4, 9, kWall - 10, {}, false},
            {"one validator contradicts nobody", 1, 9, kWall - 10, {}, true},
            {"whole in this epoch", 4, 9, kWall, TableRecord{Epoch{3}, since}, true},
            {"whole in another", 4, 9, kWall, TableRecord{Epoch{2}, since}, false},
            {"begun in this epoch", 4, 9, kWall + 4'999, TableRecord{{}, since}, false},
            {"begun before it", 4, 9, kWall + 5'000, TableRecord{{}, since}, true},
            {"its beginning is not known", 4, 9, 0, TableRecord{{}, since}, false},
            {"there from the start", 4, 9, 0, TableRecord{{}, WallTime{0}}, true},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            Bench bench(row.validators);
            bench.config.epoch = Epoch{3};
            bench.config.began = WallTime{row.began};
            bench.config.floor.block.height = Height{row.height};
            if (row.held) bench.log.push_back(*row.held);
            bench.start();
            CHECK(bench.engine->may_vote() == row.may_vote);
            bench.wait(60'000);
            CHECK(bench.all<Sign>().empty() != row.may_vote);
            // What a log says of itself is said once, and outlives its rewriting.
            const auto count = [](const std::vector<Record>& log) {
                return std::count_if(log.begin(), log.end(), [](const Record& record) {
                    return std::holds_alternative<TableRecord>(record);
                });
            };
            CHECK(count(bench.log) == 1);
            CHECK(count(bench.engine->snapshot_records()) == 1);
            CHECK(std::holds_alternative<TableRecord>(bench.log.front()));
            bench.restart();
            CHECK(bench.engine->may_vote() == row.may_vote);
            CHECK(count(bench.log) == 1);
        }
    }

    TEST_CASE("a log begun with the chain is trusted ever after, a later one from its time on") {
        for (const bool is_late : {false, true}) {
            CAPTURE(is_late);
            Bench bench;
            bench.config.floor.block.timestamp = WallTime{kWall};
            bench.now_ms = is_late ? kGenesisFreshMs : kGenesisFreshMs - 1;
            bench.start();
            REQUIRE(std::holds_alternative<TableRecord>(bench.log.at(0)));
            const auto& held = std::get<TableRecord>(bench.log.at(0));
            CHECK(held.whole == Epoch{0});
            CHECK(held.since.value == (is_late ? kWall + bench.now_ms + 1'000 : 0));
        }
    }

    TEST_CASE("a log begun by a clock that is behind the chain begins with the chain's time") {
        for (const std::uint64_t ahead_ms : {std::uint64_t{5'000}, 2 * kGenesisFreshMs}) {
            for (const bool is_first : {false, true}) {
                CAPTURE(ahead_ms);
                CAPTURE(is_first);
                Bench bench;
                const WallTime newest{kWall + ahead_ms};
                bench.config.floor.block.timestamp = newest;
                if (!is_first) bench.config.floor.block.height = Height{9};
                bench.start();
                const auto& held = std::get<TableRecord>(bench.log.at(0));
                CHECK(held.since.value == newest.value + 2 * bench.config.timing.early_max_ms);
            }
        }
    }

    TEST_CASE("a log that contradicts itself takes the vote away") {
        Bench bench;
        bench.follow_for(1);
        BlockHash other;
        other.bytes[0] = 1;
        bench.log = {VoteRecord{Epoch{0}, Subject::notarize(View{1}, {})},
                     VoteRecord{Epoch{0}, Subject::notarize(View{1}, {View{0}, other})}};
        bench.start();
        bench.wait(60'000);
        CHECK(bench.all<Sign>().empty());
    }

    TEST_CASE("records of another epoch are not read") {
        Bench bench;
        bench.follow_for(1);
        bench.log = {VoteRecord{Epoch{7}, Subject::nullify(View{1})},
                     FloorRecord{Epoch{7}, View{50}}};
        bench.start();
        CHECK(bench.engine->votes().subjects().empty());
        CHECK(bench.engine->votes().floor() == View{1});
    }

    TEST_CASE("the application can be ahead of the log, and the log ahead of the application") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const BlockHash first = bench.agree_on(1, {}, 0, 1);
        const Certificate final = bench.all<Finalize>()[0].certificate;
        // Ahead is the log: the block is final again, out of it alone.
        bench.restart();
        REQUIRE(bench.all<Finalize>().size() == 1);
        CHECK(bench.all<Finalize>()[0].blocks[0]->facts.hash == first);
        // Ahead is the application: it gives its floor.
        bench.log.clear();
        bench.config.floor = {
            {first, Height{1}, WallTime{kWall + bench.now_ms}, false}, View{1}, final};
        bench.restart();
        CHECK(bench.engine->current_view() == View{2});
        CHECK_FALSE(bench.engine->votes().check(Subject::nullify(View{1})).has_value());
    }

    TEST_CASE("the compacted log restarts the same engine") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const BlockHash first = bench.agree_on(1, {}, 0, 1);
        bench.feed(FinalizedDurably{first});
        bench.wait(10'000);
        const View view = bench.engine->current_view();
        const auto votes = bench.engine->votes().subjects();
        REQUIRE_FALSE(votes.empty());
        bench.log = bench.engine->snapshot_records();
        bench.config.floor = bench.engine->finalized();
        bench.restart();
        CHECK(bench.engine->current_view() == view);
        CHECK(bench.engine->votes().subjects() == votes);
        CHECK(bench.engine->votes().floor() == View{2});
    }
}

}  // namespace millrace::consensus
