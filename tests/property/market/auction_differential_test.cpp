#include <doctest/doctest.h>

#include "tests/support/auction_books.hpp"
#include "tests/support/auction_reference.hpp"

using namespace millrace;
using namespace millrace::market;
using namespace millrace::market::testing;

namespace {

using Row = std::tuple<JobId, AccountId, std::uint8_t, TakeKind, std::uint64_t, std::uint64_t>;

std::vector<Row> rows_of(const Clearing& clearing) {
    std::vector<Row> out;
    for (const Take& t : clearing.takes)
        out.emplace_back(t.bid, t.provider, t.step, t.kind, t.lots, t.price.value);
    return out;
}
std::vector<Row> rows_of(const SlowAuction& slow) {
    std::vector<Row> out;
    for (const SlowTake& t : slow.takes)
        out.emplace_back(t.bid->id, slow.steps[t.step].ask->provider, slow.steps[t.step].index,
                         t.kind, t.lots, t.price);
    return out;
}

/// What the random books brought about, so that a generator gone dull fails the test.
struct Seen {
    std::uint64_t in_line = 0, out_of_line = 0, drawn = 0, min_fill = 0, rivals = 0, linked = 0,
                  above_price = 0;
    void count(const Clearing& clearing) {
        for (const Take& t : clearing.takes) {
            in_line += t.kind == TakeKind::in_line ? 1U : 0U;
            out_of_line += t.kind == TakeKind::out_of_line ? 1U : 0U;
            drawn += t.kind == TakeKind::drawn ? 1U : 0U;
            for (const ClassResult& c : clearing.classes)
                above_price += c.class_id == t.class_id && t.price > c.price ? 1U : 0U;
        }
        min_fill += clearing.min_fill.size();
        for (const ClassResult& c : clearing.classes) {
            const Price alone = std::max(c.lowest, std::min(c.highest, c.rival));
            rivals += alone > c.lowest ? 1U : 0U;
            linked += c.price > alone ? 1U : 0U;
        }
    }
};

Clearing check_against_reference(const Book& book, const Hash& seed) {
    const Clearing fast = clear(book, seed, kNoLimits);
    const SlowAuction slow(book, seed);
    REQUIRE(rows_of(fast) == rows_of(slow));
    for (const ClassResult& c : fast.classes) {
        const auto key = std::tuple(rank_of(capability_of(c.class_id)), c.class_id.value);
        const auto at = slow.classes.find(key);
        REQUIRE((c.sold > 0) == (at != slow.classes.end()));
        if (c.sold == 0) continue;
        REQUIRE(c.sold == at->second.q);
        REQUIRE(c.lowest.value == at->second.l);
        REQUIRE(c.highest.value == at->second.u);
        REQUIRE(c.rival.value == at->second.f);
        REQUIRE(c.price.value == at->second.p);
    }
    REQUIRE(std::set<JobId>(fast.min_fill.begin(), fast.min_fill.end()) == slow.min_fill);
    for (const BidOrder& b : book.bids) {
        std::multiset<std::tuple<std::uint32_t, AccountId, std::uint64_t>> grants;
        for (const Grant& g : fast.grants)
            if (g.bid == b.id) grants.emplace(g.chunk, g.provider, g.price.value);
        REQUIRE(grants == slow.grants(b));
    }
    return fast;
}

Seen run_books(std::uint64_t first_seed, int count, const BookShape& shape) {
    Seen seen;
    for (std::uint64_t s = first_seed; s < first_seed + static_cast<std::uint64_t>(count); ++s) {
        CAPTURE(s);
        Rng rng(s);
        const Book book = random_book(rng, shape);
        for (const BidOrder& b : book.bids) REQUIRE(!fault_of(b));
        for (const AskOrder& a : book.asks) REQUIRE(!fault_of(a));
        seen.count(check_against_reference(book, seed(rng.next())));
    }
    return seen;
}

}  // namespace

TEST_SUITE("market/auction") {
    TEST_CASE("random books with everything clear like the slow reference") {
        const Seen seen = run_books(1, 3'000, {});
        CHECK(seen.in_line > 5'000);
        CHECK(seen.out_of_line > 500);
        CHECK(seen.drawn > 500);
        CHECK(seen.min_fill > 300);
        CHECK(seen.rivals > 100);
        CHECK(seen.linked > 100);
        CHECK(seen.above_price > 100);
    }
    TEST_CASE("random books without replicas clear like the slow reference") {
        BookShape shape;
        shape.replicas = false;
        shape.bids = 12;
        shape.asks = 10;
        CHECK(run_books(100'000, 1'000, shape).in_line > 100);
    }
    TEST_CASE("books of replicas in one class clear like the slow reference") {
        BookShape shape;
        shape.classes = shape.lists = shape.standing = false;
        shape.bids = 6;
        shape.asks = 12;
        shape.price_max = 40;
        CHECK(run_books(200'000, 1'000, shape).drawn > 100);
    }
    TEST_CASE("books with prices apart clear like the slow reference") {
        BookShape shape;
        shape.price_max = 1'000'000;
        shape.bids = 20;
        shape.asks = 20;
        CHECK(run_books(300'000, 200, shape).in_line > 100);
    }
    TEST_CASE("a head that is not for the bid is looked past 64 times and no more") {
        for (std::uint64_t s = 1; s <= 20; ++s) {
            CAPTURE(s);
            Rng rng(s);
            std::vector<AskOrder> asks;
            for (std::uint64_t i = 0; i < 140; ++i) {
                asks.push_back(ask(i, {{rng.between(1, 9), 2}}));
                if (rng.below(140) < 100 - s) asks.back().deny.push_back(account(1'000'001));
            }
            const Clearing fast =
                check_against_reference(book({bid(1, 9, 200), bid(2, 8, 60)}, asks), seed(s));
            CHECK(lots_taken(fast, 2) > 0);
        }
    }
}
