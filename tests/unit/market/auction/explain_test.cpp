#include "market/auction/explain.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "tests/support/auction_books.hpp"

using namespace millrace;
using namespace millrace::market;
using namespace millrace::market::testing;

namespace {

Explanation why_bid(const Book& made, std::uint64_t n, const ClearingLimits& limits = kNoLimits) {
    const Clearing out = clear(made, seed(1), limits);
    const auto answer = Explainer(made, seed(1), out).bid(job(n));
    REQUIRE(answer.has_value());
    return *answer;
}
Explanation why_ask(const Book& made, std::uint64_t n, const ClearingLimits& limits = kNoLimits) {
    const Clearing out = clear(made, seed(1), limits);
    const auto answer = Explainer(made, seed(1), out).ask(account(n));
    REQUIRE(answer.has_value());
    return *answer;
}

struct Row {
    std::string name;
    std::optional<Reason> reason;
    std::uint64_t by;
    std::optional<Demand> demand;
    std::function<void(BidOrder&, std::vector<BidOrder>&, std::vector<AskOrder>&)> set_up;
};

}  // namespace

TEST_SUITE("market/auction/explain") {
    TEST_CASE("every reason of a bid") {
        using Bids = std::vector<BidOrder>;
        using Asks = std::vector<AskOrder>;
        const std::vector<Row> rows{
            {"it traded", {}, 0, {}, [](BidOrder&, Bids&, Asks&) {}},
            {"below the ask",
             Reason::below_price,
             3,
             {},
             [](BidOrder& b, Bids&, Asks&) { b.limit = Price{2}; }},
            {"outbid",
             Reason::below_price,
             11,
             {},
             [](BidOrder&, Bids& others, Asks&) { others.push_back(bid(2, 20, 2)); }},
            {"outbid, but a dearer ask is nearer",
             Reason::below_price,
             2,
             {},
             [](BidOrder&, Bids& others, Asks& asks) {
                 others.push_back(bid(2, 20, 2));
                 asks.push_back(ask(2, {{12, 1}}));
             }},
            {"no capable ask, by memory", Reason::no_capable_ask, 0, Demand::memory_tier,
             [](BidOrder& b, Bids&, Asks& asks) {
                 asks.push_back(ask(2, {{1, 1}}));
                 asks[1].capability.stake_tier = 1;
                 b.requirement.memory_tier = 1;
                 b.requirement.stake_tier = 1;
             }},
            {"no capable ask, by size", Reason::no_capable_ask, 0, Demand::task_size,
             [](BidOrder& b, Bids&, Asks&) { b.task_bytes = ~0ULL; }},
            {"no ask at all",
             Reason::no_capable_ask,
             0,
             {},
             [](BidOrder&, Bids&, Asks& asks) { asks.clear(); }},
            {"all busy",
             Reason::all_busy,
             0,
             {},
             [](BidOrder&, Bids&, Asks& asks) { asks[0].uncommitted = 9; }},
            {"capped",
             Reason::capped,
             0,
             {},
             [](BidOrder& b, Bids&, Asks&) {
                 b.spread_cap = 1;
                 b.held = {{account(1), 1}};
             }},
            {"denied by the bid",
             Reason::denied,
             0,
             {},
             [](BidOrder& b, Bids&, Asks&) {
                 b.list_kind = ListKind::deny;
                 b.list = {account(1)};
             }},
            {"not on its allow list",
             Reason::denied,
             0,
             {},
             [](BidOrder& b, Bids&, Asks&) {
                 b.list_kind = ListKind::allow;
                 b.list = {account(7)};
             }},
            {"denied by the ask",
             Reason::denied,
             0,
             {},
             [](BidOrder& b, Bids&, Asks& asks) { asks[0].deny = {b.owner}; }},
            {"failed provider",
             Reason::denied,
             0,
             {},
             [](BidOrder& b, Bids&, Asks&) { b.excluded = {account(1)}; }},
            {"below its minimum",
             Reason::min_fill,
             0,
             {},
             [](BidOrder& b, Bids&, Asks&) {
                 b.chunks[0].count = 5;
                 b.min_first_fill = 3;
             }},
            {"sits out",
             Reason::min_fill,
             0,
             {},
             [](BidOrder& b, Bids&, Asks&) { b.standing = Standing::min_fill; }},
            {"sits out for want of capability", Reason::no_capable_ask, 0, Demand::memory_tier,
             [](BidOrder& b, Bids&, Asks&) {
                 b.standing = Standing::no_capable_ask;
                 b.requirement.memory_tier = 1;
             }},
            {"not yet",
             Reason::not_yet_eligible,
             0,
             {},
             [](BidOrder& b, Bids&, Asks&) { b.standing = Standing::not_yet_eligible; }},
            {"stake",
             Reason::stake,
             0,
             {},
             [](BidOrder& b, Bids&, Asks& asks) {
                 b.lot_value = Amount{9};
                 b.stake_factor = 10'000;
                 asks[0].free_stake = Amount{8};
             }},
            {"self", Reason::self, 0, {}, [](BidOrder& b, Bids&, Asks&) { b.owner = account(1); }},
            {"expired",
             Reason::expired,
             0,
             {},
             [](BidOrder& b, Bids&, Asks&) { b.standing = Standing::expired; }},
            {"the most frequent exclusion",
             Reason::self,
             0,
             {},
             [](BidOrder& b, Bids&, Asks& asks) {
                 asks.push_back(ask(2, {{1, 1}}));
                 asks.push_back(ask(3, {{1, 1}}));
                 asks[0].deny = {b.owner};
                 asks[1].owner = asks[2].owner = b.owner;
             }},
            {"every replica's chunk is with the only provider",
             Reason::capped,
             0,
             {},
             [](BidOrder& b, Bids&, Asks&) {
                 b.replicas = 2;
                 b.chunks[0].holders = {account(1)};
             }},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            BidOrder b = bid(1, 10, 1);
            std::vector<BidOrder> others;
            std::vector<AskOrder> asks{ask(1, {{5, 2}})};
            row.set_up(b, others, asks);
            REQUIRE(!fault_of(b));
            others.push_back(b);
            const Explanation why = why_bid(book(others, asks), 1);
            CHECK(why.reason == row.reason);
            CHECK(why.by.value == row.by);
            CHECK(why.demand == row.demand);
            CHECK(why.filled + why.left == lots_of(b));
        }
    }
    TEST_CASE("a bid that the bounds of a clearing leave waiting") {
        const Book made = book({bid(1, 20, 4), bid(2, 10, 1)}, {ask(1, {{5, 20}})});
        const Explanation first = why_bid(made, 1, {2, 1'000});
        CHECK(first.reason == Reason::work_limit);
        CHECK(first.filled == 2);
        CHECK(why_bid(made, 2, {2, 1'000}).reason == Reason::work_limit);
        CHECK(why_bid(made, 1, {4'096, 3}).reason == Reason::work_limit);
    }
    TEST_CASE("orders of a class beyond the 256") {
        std::vector<AskOrder> asks;
        for (std::uint64_t i = 0; i < 257; ++i) {
            asks.push_back(ask(i, {{5, 2}}));
            asks.back().capability.features =
                1U << (i % 8) | (i >= 8 ? static_cast<std::uint32_t>(i) << 8U : 0);
        }
        asks[256].capability.features = 1U << 31U;
        asks[256].free_stake = Amount{1};
        BidOrder b = bid(1, 10, 1);
        b.requirement.features = 1U << 31U;
        const Book made = book({b, bid(2, 6, 1)}, asks);
        CHECK(why_bid(made, 1).reason == Reason::class_limit);
        CHECK(why_ask(made, 256).reason == Reason::class_limit);
        CHECK(clear(made, seed(1), kNoLimits).incapable.empty());
    }
    TEST_CASE("every reason of an ask") {
        using Bids = std::vector<BidOrder>;
        const auto none = [](AskOrder&, Bids&) {};
        struct AskRow {
            std::string name;
            std::optional<Reason> reason;
            std::uint64_t by;
            std::optional<Demand> demand;
            std::function<void(AskOrder&, Bids&)> set_up;
        };
        const std::vector<AskRow> rows{
            {"it sold", {}, 0, {}, none},
            {"too dear",
             Reason::below_price,
             40,
             {},
             [](AskOrder& a, Bids&) { a.steps[0].price = Price{50}; }},
            {"undercut by the ask that sold",
             Reason::below_price,
             2,
             {},
             [](AskOrder& a, Bids& bids) {
                 a.steps[0].price = Price{5};
                 bids[0].chunks[0].count = 1;
             }},
            {"no job for it", Reason::no_capable_ask, 0, Demand::tee,
             [](AskOrder&, Bids& bids) { bids[0].requirement.tees = 2; }},
            {"no job at all",
             Reason::no_capable_ask,
             0,
             {},
             [](AskOrder&, Bids& bids) { bids.clear(); }},
            {"its slots are busy",
             Reason::all_busy,
             0,
             {},
             [](AskOrder& a, Bids&) { a.uncommitted = 9; }},
            {"denied",
             Reason::denied,
             0,
             {},
             [](AskOrder& a, Bids& bids) { a.deny = {bids[0].owner}; }},
            {"self", Reason::self, 0, {}, [](AskOrder& a, Bids& bids) { a.owner = bids[0].owner; }},
            {"capped",
             Reason::capped,
             0,
             {},
             [](AskOrder&, Bids& bids) {
                 bids[0].spread_cap = 2;
                 bids[0].held = {{account(1), 2}};
             }},
            {"stake",
             Reason::stake,
             0,
             {},
             [](AskOrder& a, Bids& bids) {
                 a.free_stake = Amount{1};
                 bids[0].lot_value = Amount{4};
                 bids[0].stake_factor = 10'000;
             }},
            {"under notice",
             Reason::not_yet_eligible,
             0,
             {},
             [](AskOrder& a, Bids&) { a.standing = Standing::not_yet_eligible; }},
        };
        for (const AskRow& row : rows) {
            CAPTURE(row.name);
            AskOrder a = ask(1, {{3, 2}});
            std::vector<BidOrder> bids{bid(1, 10, 9)};
            row.set_up(a, bids);
            const Explanation why = why_ask(book(bids, {a, ask(9, {{4, 1}})}), 1);
            CHECK(why.reason == row.reason);
            CHECK(why.by.value == row.by);
            CHECK(why.demand == row.demand);
        }
        CHECK(why_ask(book({bid(1, 20, 4)}, {ask(1, {{5, 20}})}), 1, {2, 1'000}).reason ==
              Reason::work_limit);
    }
    TEST_CASE("an order that is not in the book has no explanation") {
        const Book made = book({bid(1, 20, 4)}, {ask(1, {{5, 20}})});
        const Clearing out = clear(made, seed(1), kNoLimits);
        const Explainer explainer(made, seed(1), out);
        CHECK(!explainer.bid(job(2)));
        CHECK(!explainer.ask(account(2)));
    }
}
