#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/support/auction_books.hpp"

using namespace millrace;
using namespace millrace::market;
using namespace millrace::market::testing;

namespace {

Clearing run(const Book& book, std::uint64_t s = 1) {
    return clear(book, seed(s), kNoLimits);
}
const ClassResult& only(const Clearing& clearing) {
    REQUIRE(clearing.classes.size() == 1);
    return clearing.classes[0];
}
AskOrder with(AskOrder a, const Capability& capability) {
    a.capability = capability;
    return a;
}
BidOrder needing(BidOrder b, const Requirement& requirement) {
    b.requirement = requirement;
    return b;
}
constexpr Capability kBig{1, 0, 0, 0, 0, 0};
constexpr Requirement kNeedsBig{1, 0, 0, 0, 0, 0};

}  // namespace

TEST_SUITE("market/auction/clear") {
    TEST_CASE("one bid and one ask trade at the ask, or not at all") {
        for (std::uint64_t limit = 1; limit <= 9; ++limit) {
            CAPTURE(limit);
            Book b = book({bid(1, limit, 1)}, {ask(1, {{5, 2}})});
            b.fee_bp = 1'000;  // a' = ceil(5 / 0.9) = 6
            const Clearing out = run(b);
            REQUIRE(out.takes.size() == (limit >= 6 ? 1 : 0));
            if (limit >= 6) CHECK(out.takes[0].price == Price{6});
        }
    }
    TEST_CASE("an empty book clears to nothing") {
        const Clearing out = run(Book{});
        CHECK(out == Clearing{});
        CHECK(run(book({bid(1, 5, 1)}, {})).grants.empty());
        CHECK(run(book({}, {ask(1, {{5, 2}})})).grants.empty());
    }
    TEST_CASE("the price of single lots is the last sold ask, or the first seasoned bid left out") {
        const std::vector<AskOrder> asks{ask(1, {{2, 1}}), ask(2, {{4, 1}}), ask(3, {{6, 1}})};
        struct Row {
            std::string name;
            std::vector<BidOrder> bids;
            std::uint64_t price, l, u, f;
        };
        const std::vector<Row> rows{
            {"last sold ask", {bid(1, 20, 1), bid(2, 15, 1)}, 4, 4, 6, 0},
            {"the first seasoned bid left out",
             {bid(1, 20, 1), bid(2, 15, 1), seasoned(bid(3, 5, 1))},
             5,
             4,
             6,
             5},
            {"a fresh one below moves nothing",
             {bid(1, 20, 1), bid(2, 15, 1), bid(3, 5, 1)},
             4,
             4,
             6,
             0},
            {"a fresh rival moves nothing",
             {bid(1, 20, 1), bid(2, 15, 1), bid(3, 14, 1), bid(4, 12, 1)},
             6,
             6,
             14,
             0},
            {"a seasoned rival does",
             {bid(1, 20, 1), bid(2, 15, 1), bid(3, 14, 1), seasoned(bid(4, 12, 1))},
             12,
             6,
             14,
             12},
            {"no further than the lowest taker",
             {bid(1, 20, 1), bid(2, 15, 1), bid(3, 14, 1), seasoned(bid(4, 14, 1))},
             14,
             6,
             14,
             14},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            Book b = book(row.bids, asks);
            // Where limits tie the seed decides who is left out; take one that leaves out bid 4.
            std::uint64_t s = 1;
            while (row.bids.size() == 4 && lots_taken(run(b, s), 4) > 0) ++s;
            const Clearing out = run(b, s);
            CHECK(only(out).price.value == row.price);
            CHECK(only(out).lowest.value == row.l);
            CHECK(only(out).highest.value == row.u);
            CHECK(only(out).rival.value == row.f);
            for (const Take& t : out.takes) CHECK(t.price == only(out).price);
        }
    }
    TEST_CASE("a rival needs a sixteenth of what was sold") {
        std::vector<BidOrder> bids{bid(1, 50, 33)};
        const std::vector<AskOrder> asks{ask(1, {{2, 33}})};
        for (std::uint64_t n = 2; n <= 4; ++n) bids.push_back(seasoned(bid(n, 40 - n, 1)));
        CHECK(only(run(book(bids, asks))).rival == Price{36});  // the third lot of ceil(33/16) = 3
        bids.pop_back();
        CHECK(only(run(book(bids, asks))).rival == Price{0});
        CHECK(only(run(book(bids, asks))).price == Price{2});
    }
    TEST_CASE("a rival counts only if it got nothing for lack of capacity") {
        const auto price = [](const BidOrder& rival) {
            return only(run(book({bid(1, 50, 2), rival}, {ask(1, {{2, 2}}), ask(2, {{30, 2}})})))
                .price.value;
        };
        CHECK(price(seasoned(bid(2, 20, 1))) == 20);
        BidOrder other = seasoned(bid(2, 20, 3));
        other.min_first_fill = 3;
        CHECK(price(other) == 2);  // min_fill
        other = seasoned(bid(2, 35, 1));
        other.list_kind = ListKind::deny;
        other.list = {account(2)};
        CHECK(price(other) == 2);  // denied: the second ask would have filled it
        other = seasoned(bid(2, 20, 1));
        other.cancelling = true;
        CHECK(price(other) == 2);
        other = seasoned(bid(2, 20, 1));
        other.previous->limit = Price{7};
        CHECK(price(other) == 7);  // the lower of then and now
        other.previous->lots = 0;
        CHECK(price(other) == 2);
    }
    TEST_CASE("the least capable machine that will do goes first at equal prices") {
        const Book b = book({bid(1, 9, 1), needing(bid(2, 8, 1), kNeedsBig)},
                            {with(ask(1, {{5, 1}}), kBig), ask(2, {{5, 1}})});
        const Clearing out = run(b);
        CHECK(lots_taken(out, 1) == 1);
        CHECK(lots_taken(out, 2) == 1);
        CHECK(out.takes[0].provider == account(2));
    }
    TEST_CASE("a dearer class lifts the one that its takers could also use, up to U") {
        // Bid 1 could use both and takes the plain one at 2; bid 2 needs the big one at 9.
        const std::vector<AskOrder> asks{with(ask(1, {{9, 1}, {12, 2}}), kBig), ask(2, {{2, 1}})};
        Clearing out = run(book({bid(1, 20, 2), needing(bid(2, 10, 1), kNeedsBig)}, asks));
        // Bid 1 takes 2 in plain, then 9 in big: a taker of big that could use plain.
        REQUIRE(out.classes.size() == 2);
        CHECK(out.classes[1].price == Price{9});
        CHECK(out.classes[0].lowest == Price{2});
        CHECK(out.classes[0].highest == Price{20});
        CHECK(out.classes[0].price == Price{9});
        // With a second plain slot unsold at 3, U holds it there.
        out = run(book({needing(bid(2, 10, 1), kNeedsBig), bid(1, 20, 1)},
                       {asks[0], ask(2, {{2, 1}, {3, 2}})}));
        CHECK(out.classes[0].price == Price{2});
    }
    TEST_CASE("a denied head is looked past and the lot behind it is out of line") {
        BidOrder picky = bid(1, 20, 1);
        picky.list_kind = ListKind::deny;
        picky.list = {account(1)};
        const Clearing out =
            run(book({picky, bid(2, 10, 1)}, {ask(1, {{2, 1}}), ask(2, {{7, 1}})}));
        REQUIRE(out.takes.size() == 2);
        CHECK(out.takes[0].kind == TakeKind::out_of_line);
        CHECK(out.takes[0].price == Price{7});
        CHECK(out.takes[1].kind == TakeKind::in_line);
        CHECK(out.takes[1].price == Price{2});
        CHECK(only(out).lowest == Price{2});
    }
    TEST_CASE("an allow list goes straight to whom it names, however many stand before") {
        std::vector<AskOrder> asks;
        for (std::uint64_t i = 0; i < 200; ++i) asks.push_back(ask(i, {{1 + i, 2}}));
        BidOrder choosy = bid(1, 1'000, 2);
        choosy.list_kind = ListKind::allow;
        choosy.list = {account(150), account(190)};
        const Clearing out = run(book({choosy}, asks));
        CHECK(lots_sold(out, 150) == 2);
        // A deny list that long would need looking past, which ends after 64 steps.
        BidOrder barred = bid(1, 1'000, 2);
        for (std::uint64_t i = 0; i < 65; ++i) asks[i].deny = {barred.owner};
        CHECK(run(book({barred}, asks)).grants.empty());
        asks[0].deny.clear();
        CHECK(lots_sold(run(book({barred}, asks)), 0) == 2);
        barred.chunks[0].count = 3;
        CHECK(run(book({barred}, asks)).grants.size() == 3);
    }
    TEST_CASE("a provider gets no more than the cap over the job's life") {
        BidOrder b = bid(1, 20, 10);
        b.spread_cap = 3;
        b.held = {{account(1), 2}};
        const Clearing out = run(book({b}, {ask(1, {{2, 8}}), ask(2, {{3, 8}}), ask(3, {{4, 2}})}));
        CHECK(lots_sold(out, 1) == 1);
        CHECK(lots_sold(out, 2) == 3);
        CHECK(lots_sold(out, 3) == 2);
    }
    TEST_CASE("nobody trades with itself, with a provider that failed it, or beyond a size") {
        struct Row {
            std::string name;
            BidOrder b;
            AskOrder a;
        };
        std::vector<Row> rows(6, Row{"", bid(1, 20, 1), ask(1, {{2, 2}})});
        rows[0].name = "same owner";
        rows[0].b.owner = rows[0].a.owner = account(77);
        rows[1].name = "the provider's own job";
        rows[1].b.owner = account(1);
        rows[1].a.owner = account(78);
        rows[2].name = "failed before";
        rows[2].b.excluded = {account(1)};
        rows[3].name = "denied by the ask";
        rows[3].a.deny = {rows[3].b.owner};
        rows[4].name = "gas";
        rows[4].b.task_gas = Gas{rows[4].a.task_gas_max.value + 1};
        rows[5].name = "bytes";
        rows[5].b.task_bytes = rows[5].a.task_bytes_max + 1;
        for (const Row& row : rows) {
            CAPTURE(row.name);
            CHECK(run(book({row.b}, {row.a})).grants.empty());
            AskOrder roomy = ask(2, {{9, 2}});
            roomy.task_gas_max = Gas{~0ULL};
            roomy.task_bytes_max = ~0ULL;
            CHECK(run(book({row.b}, {row.a, roomy})).grants.size() == 1);
        }
    }
    TEST_CASE("stake covers what a provider takes, over all jobs of the clearing") {
        BidOrder first = bid(1, 20, 9);
        first.lot_value = Amount{100};
        first.stake_factor = 15'000;  // 150 a lot
        BidOrder second = bid(2, 10, 9);
        second.lot_value = Amount{20};
        second.stake_factor = 10'000;  // 20 a lot
        AskOrder a = ask(1, {{2, 40}});
        a.free_stake = Amount{500};
        Book b = book({first, second}, {a});
        b.reserve = Amount{10};
        const Clearing out = run(b);
        CHECK(lots_taken(out, 1) == 3);  // floor(500 / 160)
        CHECK(lots_taken(out, 2) == 0);  // 20 left, 30 needed
        b.reserve = Amount{0};
        CHECK(lots_taken(run(b), 1) == 3);  // floor(500 / 150)
        CHECK(lots_taken(run(b), 2) == 2);  // 50 left, 20 each
    }
    TEST_CASE("a bid below its minimum first fill gives everything back") {
        BidOrder big = bid(1, 20, 5);
        big.min_first_fill = 4;
        const std::vector<AskOrder> asks{ask(1, {{2, 2}}), ask(2, {{5, 1}})};
        const Clearing out = run(book({big, bid(2, 10, 3)}, asks));
        CHECK(out.min_fill == std::vector<JobId>{job(1)});
        CHECK(lots_taken(out, 1) == 0);
        CHECK(lots_taken(out, 2) == 3);
        // Without it the book clears the same.
        CHECK(run(book({bid(2, 10, 3)}, asks)).takes == out.takes);
        big.min_first_fill = 3;
        CHECK(lots_taken(run(book({big}, asks)), 1) == 3);
    }
    TEST_CASE("sitting out, notice and expiry keep an order out of the clearing") {
        for (const Standing standing : {Standing::not_yet_eligible, Standing::min_fill,
                                        Standing::no_capable_ask, Standing::expired}) {
            BidOrder b = bid(1, 20, 1);
            b.standing = standing;
            CHECK(run(book({b}, {ask(1, {{2, 2}})})).grants.empty());
            AskOrder a = ask(1, {{2, 2}});
            a.standing = standing;
            CHECK(run(book({bid(1, 20, 1)}, {a})).grants.empty());
        }
    }
    TEST_CASE("a bid that no class could do is marked") {
        const Clearing out =
            run(book({needing(bid(1, 20, 1), kNeedsBig), bid(2, 19, 1)}, {ask(1, {{30, 2}})}));
        CHECK(out.incapable == std::vector<JobId>{job(1)});
        BidOrder huge = bid(3, 20, 1);
        huge.task_gas = Gas{1ULL << 50U};
        CHECK(run(book({huge}, {ask(1, {{2, 2}})})).incapable == std::vector<JobId>{job(3)});
        AskOrder busy = with(ask(2, {{2, 2}}), kBig);
        busy.uncommitted = 2;  // capable, only busy
        CHECK(run(book({needing(bid(1, 20, 1), kNeedsBig)}, {busy})).incapable.empty());
    }
    TEST_CASE("more than 256 classes: those with the most free stake are in the clearing") {
        std::vector<AskOrder> asks;
        for (std::uint64_t i = 0; i < 300; ++i) {
            asks.push_back(ask(i, {{5, 2}}));
            asks.back().capability.features = static_cast<std::uint32_t>(i);
            asks.back().free_stake = Amount{1'000 + (i * 7) % 300};
        }
        const Clearing out = run(book({bid(1, 9, 2'000)}, asks));
        CHECK(out.classes.size() == kClassesMax);
        std::vector<std::uint64_t> stakes;
        for (const ClassResult& c : out.classes) stakes.push_back(c.free_stake.value);
        CHECK(*std::min_element(stakes.begin(), stakes.end()) == 1'000 + 300 - kClassesMax);
        CHECK(out.grants.size() == 2 * kClassesMax);
        CHECK(out.incapable.empty());
    }
    TEST_CASE("the first replica of each chunk is drawn by stake, whatever the price") {
        // Two cheap accounts with little stake, ten dear ones with much.
        std::vector<AskOrder> asks{ask(1, {{1, 40}}), ask(2, {{1, 40}})};
        for (std::uint64_t i = 3; i <= 12; ++i) asks.push_back(ask(i, {{9, 40}}));
        asks[0].free_stake = asks[1].free_stake = Amount{1'000'000};
        BidOrder b = bid(1, 20, 0);
        b.replicas = 2;
        b.chunks.push_back({0, 20, 2, {}});
        const Clearing out = run(book({b}, asks));
        REQUIRE(out.grants.size() == 40);
        std::size_t drawn_cheap = 0;
        std::size_t drawn = 0;
        for (const Take& t : out.takes) {
            if (t.kind != TakeKind::drawn) continue;
            ++drawn;
            drawn_cheap += t.provider < account(3) ? 1U : 0U;
        }
        CHECK(drawn == 20);
        CHECK(drawn_cheap <= 1);  // 2 in 10,000 a draw
        std::set<std::pair<std::uint32_t, AccountId>> pairs;
        for (const Grant& g : out.grants) pairs.emplace(g.chunk, g.provider);
        CHECK(pairs.size() == 40);
    }
    TEST_CASE("a drawn lot costs max(p, a') but never above its own limit") {
        // The replicated bid is the lower; its draw takes the only cheap step before the other
        // fills.
        BidOrder low = bid(1, 10, 0);
        low.replicas = 2;
        low.chunks.push_back({0, 1, 2, {}});
        AskOrder dear = ask(2, {{50, 1}});
        const Clearing out = run(book({low, bid(2, 100, 1)}, {ask(1, {{9, 1}}), dear}));
        REQUIRE(out.takes.size() == 2);
        CHECK(out.takes[0].kind == TakeKind::drawn);
        CHECK(only(out).price == Price{50});
        CHECK(out.takes[0].price == Price{10});
        CHECK(out.takes[1].price == Price{50});
    }
    TEST_CASE("with replicas the minimum first fill counts chunks begun") {
        BidOrder b = bid(1, 20, 0);
        b.replicas = 2;
        b.chunks.push_back({0, 3, 2, {}});
        b.min_first_fill = 3;
        const Clearing out = run(book({b, bid(2, 5, 2)}, {ask(1, {{2, 2}})}));
        CHECK(out.min_fill == std::vector<JobId>{job(1)});
        CHECK(lots_taken(out, 2) == 2);
        CHECK(run(book({b}, {ask(1, {{2, 3}})})).grants.size() == 3);
    }
    TEST_CASE("a chunk whose holders are known is never given to them again") {
        BidOrder b = bid(1, 20, 0);
        b.replicas = 3;
        b.chunks.push_back({0, 2, 1, {account(1), account(2)}});
        b.chunks.push_back({5, 1, 2, {account(3)}});
        const Clearing out = run(book({b}, {ask(1, {{1, 8}}), ask(2, {{2, 8}}), ask(3, {{3, 8}})}));
        std::vector<std::pair<std::uint32_t, AccountId>> got;
        for (const Grant& g : out.grants) got.emplace_back(g.chunk, g.provider);
        CHECK(got == std::vector<std::pair<std::uint32_t, AccountId>>{
                         {0, account(3)}, {1, account(3)}, {5, account(1)}, {5, account(2)}});
    }
    TEST_CASE("chunks go to providers in an order that the seed draws, one run each") {
        const Book b =
            book({bid(1, 20, 9)}, {ask(1, {{1, 3}}), ask(2, {{2, 3}}), ask(3, {{3, 3}})});
        std::set<std::vector<AccountId>> orders;
        for (std::uint64_t s = 0; s < 60; ++s) {
            const Clearing out = run(b, s);
            REQUIRE(out.grants.size() == 9);
            std::vector<AccountId> order;
            for (std::uint32_t i = 0; i < 9; ++i) {
                REQUIRE(out.grants[i].chunk == i);
                if (i % 3 == 0) order.push_back(out.grants[i].provider);
                REQUIRE(out.grants[i].provider == order.back());
            }
            orders.insert(order);
        }
        CHECK(orders.size() == 6);
    }
    TEST_CASE("the clearing stops at its leases, and the rest waits in order") {
        const Book b = book({bid(1, 20, 3), bid(2, 19, 3), bid(3, 18, 3)}, {ask(1, {{1, 20}})});
        const Clearing out = clear(b, seed(1), {4, 1'000'000});
        CHECK(out.end == WalkEnd::leases);
        CHECK(out.walked == 1);
        CHECK(lots_taken(out, 1) == 3);
        CHECK(lots_taken(out, 2) == 1);
        CHECK(lots_taken(out, 3) == 0);
        CHECK(clear(b, seed(1), {9, 1'000'000}).end == WalkEnd::complete);
    }
    TEST_CASE("a minimum first fill cut short by the leases waits and does not sit out") {
        BidOrder b = bid(1, 20, 6);
        b.min_first_fill = 6;
        const Clearing out = clear(book({b}, {ask(1, {{1, 20}})}), seed(1), {5, 1'000'000});
        CHECK(out.end == WalkEnd::leases);
        CHECK(out.grants.empty());
        CHECK(out.min_fill.empty());
    }
    TEST_CASE("the clearing stops at its work budget, at any budget") {
        Rng rng(9);
        BookShape shape;
        shape.bids = shape.asks = 40;
        const Book b = random_book(rng, shape);
        std::size_t last = 0;
        for (std::uint64_t budget = 0; budget < 40'000; budget += 250) {
            CAPTURE(budget);
            const Clearing out = clear(b, seed(1), {4'096, budget});
            CHECK(out.work.draw + out.work.fill <= budget);
            CHECK(out.work.draw <= budget / 2);
            if (out.end == WalkEnd::complete) last = out.grants.size();
        }
        CHECK(last > 0);
        CHECK(last == clear(b, seed(1), {}).grants.size());
    }
    TEST_CASE("a class reports what it offered, sold and could not serve") {
        const Clearing out =
            run(book({bid(1, 20, 5), bid(2, 3, 4)}, {ask(1, {{2, 3}}), ask(2, {{4, 4}})}));
        CHECK(only(out).offered == 7);
        CHECK(only(out).sold == 5);
        CHECK(only(out).unmet == 4);
        CHECK(only(out).free_stake == Amount{2'000'000'000});
    }
    TEST_CASE("prices, stakes and lots at their limits") {
        BidOrder b = bid(1, kPriceBound - 1, kLotsPerJobMax);
        b.lot_value = Amount{~0ULL};
        b.stake_factor = kStakeFactorMax;
        AskOrder a = ask(1, {});
        for (std::uint64_t i = 0; i < 4; ++i)
            a.steps.push_back({Price{kPriceBound - 5 + i}, kSlotsPerStepMax});
        a.free_stake = Amount{~0ULL};
        Book limit = book({b}, {a});
        CHECK(run(limit).grants.empty());  // no stake covers that
        limit.bids[0].stake_factor = 1;
        limit.bids[0].lot_value = Amount{10'000};
        const Clearing out = run(limit);
        CHECK(out.grants.size() == kLotsPerJobMax);
        CHECK(only(out).price == Price{kPriceBound - 5});
        limit.fee_bp = 9'999;
        CHECK(run(limit).grants.empty());
        limit.fee_bp = 0;
        limit.reserve = Amount{~0ULL};
        limit.asks[0].free_stake = Amount{~0ULL};
        CHECK(run(limit).grants.empty());  // the reserve and one nano-credit more
        limit.bids[0].stake_factor = 0;
        CHECK(run(limit).grants.size() == 1);
    }
}
