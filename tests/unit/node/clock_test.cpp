#include <doctest/doctest.h>

#include "node/chain/clock_watch.hpp"
#include "tests/support/node_world.hpp"

namespace millrace::node {
namespace {

using test::FakeClock;
using test::NodeWithEngine;

constexpr std::uint64_t kMinuteMs = 60'000;
constexpr std::uint64_t kHourMs = 60 * kMinuteMs;
constexpr std::uint64_t kDayMs = 24 * kHourMs;
constexpr std::uint64_t kYearMs = 365 * kDayMs;

struct Fixture {
    test::TempDir folder;
    market::World world;
    FakeClock clock{world.genesis().time};

    std::unique_ptr<NodeWithEngine> open(bool is_gap_accepted = false) {
        return std::make_unique<NodeWithEngine>(folder.path(), world.genesis(), clock,
                                                is_gap_accepted);
    }
    std::unique_ptr<NodeWithEngine> run_to(std::uint64_t height) {
        auto node = open();
        REQUIRE(node->engine.start().has_value());
        node->run_to_height(height);
        return node;
    }
    /// The payment of a wallet, whose expiry follows the chain's clock where that is ahead.
    market::SignedTx payment(const NodeWithEngine& node) {
        market::Tx tx =
            world.next_tx("alice", market::Transfer{world.address("bob"), market::credits(1), {}});
        ++world.person("alice").next[0];
        tx.expiry = WallTime{std::max(clock.now().wall, node.head().time).value + 10 * kMinuteMs};
        return world.sign("alice", tx);
    }
};

/// Lets the engine look at the clock again and again while it moves on, without regard to heights.
void pass(NodeWithEngine& node, FakeClock& clock, std::uint64_t ms, std::uint64_t step_ms) {
    for (std::uint64_t gone = 0; gone < ms; gone += step_ms) {
        clock.advance(step_ms);
        node.engine.notify_work();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

/// Once the engine's thread has read a clock that went back.
bool comes_to_wait(const NodeWithEngine& node) {
    for (int i = 0; i < 10'000 && !node.engine.is_waiting_for_clock(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return node.engine.is_waiting_for_clock();
}

}  // namespace

TEST_SUITE("node/clock") {
    TEST_CASE("agreement's time follows the monotonic clock and stands still behind the chain") {
        FakeClock clock(WallTime{kYearMs});
        ClockWatch watch(clock);
        const WallTime newest{kYearMs};
        const std::uint64_t begin = watch.read(newest).monotonic_ms;
        clock.advance(1'000);
        CHECK(watch.read(newest).monotonic_ms == begin + 1'000);
        CHECK_FALSE(watch.take_change());
        clock.set_wall_back(kHourMs);
        (void)watch.read(newest);
        CHECK(watch.is_waiting());
        CHECK(watch.take_change());
        clock.advance(kHourMs - 10'000);
        CHECK(watch.read(newest).monotonic_ms == begin + 1'000);
        CHECK(watch.is_waiting());
        CHECK_FALSE(watch.take_change());
        clock.advance(10'000);
        CHECK(watch.read(newest).monotonic_ms == begin + 1'000);
        CHECK_FALSE(watch.is_waiting());
        CHECK(watch.take_change());
        clock.advance(7);
        CHECK(watch.read(newest).monotonic_ms == begin + 1'007);
        CHECK_FALSE(watch.fault().has_value());
    }

    TEST_CASE("which steps are noted, and which stop the node") {
        struct Row {
            const char* name;
            std::uint64_t forward_ms;
            std::uint64_t newest_ahead_ms;
            bool is_noted;
            bool is_fault;
        };
        const Row rows[] = {
            {"what a loaded machine does", kClockStepMs, 0, false, false},
            {"a little more", kClockStepMs + 1, 0, true, false},
            {"an hour", kHourMs, 0, true, false},
            {"a day", kClockForwardMaxMs, 0, true, false},
            {"more than a day", kClockForwardMaxMs + 1, 0, true, true},
            {"a year", kYearMs, 0, true, true},
            {"a clock without a battery comes right", 56 * kYearMs, 56 * kYearMs, true, false},
            {"and goes too far", 58 * kYearMs, 56 * kYearMs, true, true},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            FakeClock clock(WallTime{kDayMs});
            ClockWatch watch(clock);
            const WallTime newest{kDayMs + row.newest_ahead_ms};
            (void)watch.read(newest);
            (void)watch.take_change();
            clock.set_wall_forward(row.forward_ms);
            (void)watch.read(newest);
            CHECK(watch.take_change() == row.is_noted);
            CHECK(watch.fault().has_value() == row.is_fault);
            (void)watch.read(newest);
            CHECK(watch.fault().has_value() == row.is_fault);
        }
    }

    TEST_CASE("a span is told in its two largest units") {
        CHECK(spoken_span(0) == "0 s");
        CHECK(spoken_span(59'499) == "59 s");
        CHECK(spoken_span(kHourMs - 20) == "1 h 0 min");
        CHECK(spoken_span(61'000) == "1 min 1 s");
        CHECK(spoken_span(kHourMs + kMinuteMs) == "1 h 1 min");
        CHECK(spoken_span(kDayMs + 5 * kHourMs) == "1 d 5 h");
        CHECK(spoken_span(2 * kYearMs) == "730 d 0 h");
    }

    TEST_CASE("a clock that goes back is waited for, and nothing is voted away meanwhile") {
        for (const std::uint64_t back : {kMinuteMs, kHourMs, 9 * kDayMs}) {
            CAPTURE(back);
            Fixture f;
            const auto node = f.run_to(4);
            f.clock.set_wall_back(back);
            node->engine.notify_work();
            pass(*node, f.clock, 50, 5);
            CHECK(comes_to_wait(*node));
            const std::uint64_t height = node->head().height.value;
            const std::size_t log = node->log().size();
            // 9 days of views that time out are more than agreement lives through.
            pass(*node, f.clock, back - back / 20, back / 400);
            CHECK(node->engine.is_waiting_for_clock());
            CHECK(node->head().height.value == height);
            CHECK(node->log().size() <= log + 4);
            node->run_to_height(height + 5, std::min(back / 400, kMinuteMs));
            CHECK_FALSE(node->is_dead);
            CHECK_FALSE(node->engine.is_waiting_for_clock());
        }
    }

    TEST_CASE("a clock that was wrong and comes right before the wait is over is seen at once") {
        Fixture f;
        const auto node = f.run_to(4);
        f.clock.set_wall_back(kHourMs);
        pass(*node, f.clock, 50, 5);
        CHECK(comes_to_wait(*node));
        const std::uint64_t height = node->head().height.value;
        f.clock.set_wall_forward(kHourMs);
        const std::uint64_t before = f.clock.now().wall.value;
        node->run_to_height(height + 3);
        CHECK(f.clock.now().wall.value < before + kMinuteMs);
    }

    TEST_CASE("a clock that went back between two starts is waited for") {
        Fixture f;
        std::uint64_t height = 0;
        {
            const auto node = f.run_to(4);
            node->engine.stop();
            height = node->head().height.value;
        }
        f.clock.set_wall_back(kHourMs);
        const auto node = f.open();
        REQUIRE(node->engine.start().has_value());
        pass(*node, f.clock, kHourMs - kMinuteMs, kMinuteMs / 4);
        CHECK(node->engine.is_waiting_for_clock());
        CHECK(node->head().height.value == height);
        node->run_to_height(height + 3);
        CHECK_FALSE(node->is_dead);
    }

    TEST_CASE("an hour forward is taken, and after the way back the chain waits for that hour") {
        Fixture f;
        const auto node = f.run_to(4);
        f.clock.set_wall_forward(kHourMs);
        node->run_to_height(node->head().height.value + 4);
        CHECK_FALSE(node->is_dead);
        f.clock.set_wall_back(kHourMs);
        pass(*node, f.clock, 50, 5);
        CHECK(node->engine.is_waiting_for_clock());
        const std::uint64_t height = node->head().height.value;
        const auto sent = node->intake.submit(f.payment(*node));
        REQUIRE(sent.has_value());
        node->run_until([&] { return (*BlockStore(*node->db).place_of(*sent)).has_value(); },
                        kMinuteMs / 4);
        CHECK(node->head().height.value > height);
        CHECK_FALSE(node->is_dead);
    }

    TEST_CASE("a year forward stops the node, and no block carries that time") {
        Fixture f;
        std::uint64_t height = 0;
        const WallTime right = f.clock.now().wall;
        {
            const auto node = f.run_to(4);
            f.clock.set_wall_forward(kYearMs);
            node->run_until([&] { return node->is_dead.load(); });
            CHECK(node->death.find("went forward by 365 d") != std::string::npos);
            CHECK(node->head().time.value < right.value + kHourMs);
            height = node->head().height.value;
        }
        {
            const auto node = f.open();
            REQUIRE(node->engine.start().has_value());
            node->run_until([&] { return node->is_dead.load(); });
            CHECK(node->death.find("--accept-clock-gap") != std::string::npos);
            CHECK(node->head().height.value == height);
        }
        SUBCASE("set right, it goes on") {
            f.clock.set_wall_back(kYearMs);
            const auto node = f.open();
            REQUIRE(node->engine.start().has_value());
            node->run_to_height(height + 3);
            CHECK_FALSE(node->is_dead);
            CHECK(node->head().time.value < right.value + kDayMs);
        }
        SUBCASE("where the operator says that the year has passed, it goes on") {
            const auto node = f.open(true);
            REQUIRE(node->engine.start().has_value());
            node->run_to_height(height + 3);
            CHECK_FALSE(node->is_dead);
            CHECK(node->head().time.value > right.value + kYearMs);
        }
    }
}

}  // namespace millrace::node
