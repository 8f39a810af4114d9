#include "node/chain/workers.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace millrace::node {

namespace {

void wait_for(const std::atomic<bool>& flag) {
    for (int i = 0; i < 10'000 && !flag; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    REQUIRE(flag);
}

/// The sum of a range, halved down to single numbers: forks in forks.
void add_up(Workers& workers, int from, int to, std::atomic<int>& sum) {
    if (to - from == 1) {
        sum += from;
        return;
    }
    const int middle = from + (to - from) / 2;
    workers.both([&, from] { add_up(workers, from, middle, sum); },
                 [&, to] { add_up(workers, middle, to, sum); });
}

}  // namespace

TEST_SUITE("node/workers") {
    TEST_CASE("every part of nested work is done once, on any number of threads") {
        for (const std::size_t threads : {0U, 1U, 3U}) {
            Workers workers(threads);
            CHECK(workers.threads() == threads);
            for (int round = 0; round < 20; ++round) {
                std::atomic<int> sum = 0;
                add_up(workers, 0, 200, sum);
                CHECK(sum == 199 * 200 / 2);
            }
        }
    }

    TEST_CASE("what no thread has begun is taken back undone") {
        Workers workers(1);
        std::atomic<bool> runs = false;
        std::atomic<bool> may_end = false;
        std::atomic<bool> second = false;
        const Workers::Ticket busy = workers.give([&] {
            runs = true;
            wait_for(may_end);
        });
        wait_for(runs);
        const Workers::Ticket late = workers.give([&] { second = true; });
        CHECK_FALSE(workers.take_back(late));
        may_end = true;
        CHECK(workers.take_back(busy));
        CHECK_FALSE(second);
        Workers none(0);
        CHECK_FALSE(none.take_back(none.give([&] { second = true; })));
        CHECK_FALSE(second);
    }

    TEST_CASE("two pieces run at once where there is a thread") {
        Workers workers(1);
        std::atomic<bool> here = false;
        std::atomic<bool> there = false;
        // Each ends only once the other has begun.
        workers.both(
            [&] {
                here = true;
                wait_for(there);
            },
            [&] {
                there = true;
                wait_for(here);
            });
    }
}

}  // namespace millrace::node
