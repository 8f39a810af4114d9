#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "market/auction/explain.hpp"
#include "market/auction/quote.hpp"
#include "tests/support/auction_books.hpp"

/// The properties of docs/protocol/auction.md, "What holds", on random and on enumerated books.

using namespace millrace;
using namespace millrace::market;
using namespace millrace::market::testing;

namespace {

using Key = std::pair<JobId, AccountId>;

const BidOrder& bid_of(const Book& book, const JobId& id) {
    return *std::find_if(book.bids.begin(), book.bids.end(),
                         [&](const auto& b) { return b.id == id; });
}
const AskOrder& ask_of(const Book& book, const AccountId& id) {
    return *std::find_if(book.asks.begin(), book.asks.end(),
                         [&](const auto& a) { return a.provider == id; });
}
const ClassResult& class_result(const Clearing& clearing, const ClassId& id) {
    return *std::find_if(clearing.classes.begin(), clearing.classes.end(),
                         [&](const auto& c) { return c.class_id == id; });
}

template <class List>
void shuffle(Rng& rng, List& list) {
    for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[rng.below(i)]);
}

void for_books(std::uint64_t count, const BookShape& shape,
               const std::function<void(Rng&, const Book&, const Hash&)>& check) {
    for (std::uint64_t s = 1; s <= count; ++s) {
        CAPTURE(s);
        Rng rng(s);
        const Book made = random_book(rng, shape);
        check(rng, made, seed(rng.next()));
    }
}

/// Every price within the rights of both sides, every count within its bound.
void check_sound(const Book& book, const Clearing& out) {
    std::map<JobId, std::uint64_t> filled;
    std::map<Key, std::uint64_t> shares;
    std::map<std::pair<AccountId, std::uint8_t>, std::uint64_t> of_step;
    for (const Take& t : out.takes) {
        const BidOrder& b = bid_of(book, t.bid);
        const AskOrder& a = ask_of(book, t.provider);
        const ClassResult& c = class_result(out, t.class_id);
        const Price gross = grossed_up(a.steps[t.step].price, book.fee_bp);
        REQUIRE(gross <= t.price);
        REQUIRE(t.price <= b.limit);
        REQUIRE(is_compatible(a.capability, b.requirement));
        REQUIRE(class_of(a.capability) == t.class_id);
        if (t.kind == TakeKind::in_line) REQUIRE(t.price == c.price);
        if (t.kind == TakeKind::out_of_line) REQUIRE(t.price == std::max(c.price, gross));
        // The provider nets its ask after the fee, for any amount of gas.
        for (const std::uint64_t gas : {1ULL, 999'999'999ULL, 60'000'000'000ULL}) {
            const std::uint64_t pay = pay_for(Gas{gas}, t.price)->value;
            const std::uint64_t net = pay - pay * book.fee_bp / 10'000;
            REQUIRE(Uint128{net} * 1'000'000'000 >= Uint128{gas} * a.steps[t.step].price.value);
        }
        filled[t.bid] += t.lots;
        shares[{t.bid, t.provider}] += t.lots;
        of_step[{t.provider, t.step}] += t.lots;
    }
    for (const auto& [id, lots] : filled) REQUIRE(lots <= lots_of(bid_of(book, id)));
    for (const auto& [key, lots] : shares) {
        const BidOrder& b = bid_of(book, key.first);
        std::uint64_t had = 0;
        for (const LotsHeld& h : b.held) had += h.provider == key.second ? h.lots : 0;
        if (b.spread_cap != 0) REQUIRE(had + lots <= b.spread_cap);
    }
    for (const AskOrder& a : book.asks) {
        std::uint64_t sold = 0;
        std::uint64_t all = 0;
        for (std::uint8_t s = 0; s < a.steps.size(); ++s) {
            REQUIRE(of_step[{a.provider, s}] <= 2 * a.steps[s].slots);
            sold += of_step[{a.provider, s}];
            all += 2 * a.steps[s].slots;
        }
        REQUIRE(sold + a.uncommitted <= std::max<std::uint64_t>(all, a.uncommitted));
        Uint128 locked = 0;
        for (const auto& [key, lots] : shares)
            if (key.second == a.provider) {
                const BidOrder& b = bid_of(book, key.first);
                locked +=
                    (stake_at_risk(b.lot_value, b.stake_factor)->value + book.reserve.value) * lots;
            }
        REQUIRE(locked <= a.free_stake.value);
    }
    for (const ClassResult& c : out.classes) {
        REQUIRE(c.sold <= c.offered);
        REQUIRE(c.lowest <= c.price);
        REQUIRE(c.price <= c.highest);
    }
}

/// One grant a lot, no provider twice in a chunk, no chunk beyond its need.
void check_grants(const Book& book, const Clearing& out) {
    std::map<std::tuple<JobId, AccountId, std::uint64_t>, std::int64_t> balance;
    for (const Take& t : out.takes) balance[{t.bid, t.provider, t.price.value}] += t.lots;
    std::map<std::pair<JobId, std::uint32_t>, std::set<AccountId>> in_chunk;
    std::uint64_t drawn = 0;
    for (const Take& t : out.takes) drawn += t.kind == TakeKind::drawn ? t.lots : 0;
    for (const Grant& g : out.grants) {
        // The drawn one is the first of its chunk: without it, none of the others is made.
        if (g.drawn) REQUIRE(!in_chunk.contains({g.bid, g.chunk}));
        drawn -= g.drawn ? 1 : 0;
        --balance[{g.bid, g.provider, g.price.value}];
        REQUIRE(in_chunk[{g.bid, g.chunk}].insert(g.provider).second);
    }
    REQUIRE(drawn == 0);
    for (const auto& [key, rest] : balance) REQUIRE(rest == 0);
    for (const auto& [key, providers] : in_chunk) {
        const BidOrder& b = bid_of(book, key.first);
        const auto run = std::find_if(b.chunks.begin(), b.chunks.end(), [&](const ChunkRun& r) {
            return key.second >= r.first && key.second < r.first + r.count;
        });
        REQUIRE(run != b.chunks.end());
        REQUIRE(providers.size() <= run->need);
        for (const AccountId& holder : run->holders) REQUIRE(!providers.contains(holder));
    }
}

BookShape plain() {
    BookShape shape;
    shape.classes = shape.lists = shape.caps = shape.min_fill = false;
    shape.stake = shape.replicas = shape.standing = false;
    return shape;
}

/// The most that the gains from trade of single lots can be, over all matchings.
std::uint64_t best_welfare(const Book& book, std::size_t b, std::vector<std::uint32_t>& left) {
    if (b == book.bids.size()) return 0;
    std::uint64_t best = best_welfare(book, b + 1, left);
    for (std::size_t a = 0; a < book.asks.size(); ++a) {
        const std::uint64_t cost = grossed_up(book.asks[a].steps[0].price, book.fee_bp).value;
        const BidOrder& bid = book.bids[b];
        if (left[a] == 0 || cost > bid.limit.value) continue;
        if (!is_compatible(book.asks[a].capability, bid.requirement)) continue;
        --left[a];
        best = std::max(best, bid.limit.value - cost + best_welfare(book, b + 1, left));
        ++left[a];
    }
    return best;
}

/// What bid `n` pays with this limit, or none when it gets nothing.
std::optional<std::uint64_t> pays(Book book, std::uint64_t n, std::uint64_t limit, const Hash& s) {
    for (BidOrder& b : book.bids)
        if (b.id == job(n)) b.limit = Price{limit};
    canonicalise(book);
    for (const Take& t : clear(book, s, kNoLimits).takes)
        if (t.bid == job(n)) return t.price.value;
    return std::nullopt;
}

}  // namespace

TEST_SUITE("market/auction/properties") {
    TEST_CASE("1: the order of orders does not matter, byte for byte") {
        for_books(400, {}, [](Rng& rng, const Book& made, const Hash& s) {
            const Bytes expected = encode(clear(made, s, {}));
            for (int i = 0; i < 4; ++i) {
                Book other = made;
                shuffle(rng, other.bids);
                shuffle(rng, other.asks);
                canonicalise(other);
                REQUIRE(encode(clear(other, s, {})) == expected);
            }
            const auto again = decode<Book>(encode(made));
            REQUIRE(again.has_value());
            REQUIRE(encode(clear(*again, s, {})) == expected);
            REQUIRE(decode<Clearing>(expected).has_value());
        });
    }
    TEST_CASE("2 and 9: prices, caps, stakes, chunks and fills keep their bounds") {
        std::uint64_t takes = 0;
        for_books(2'000, {}, [&](Rng&, const Book& made, const Hash& s) {
            const Clearing out = clear(made, s, kNoLimits);
            check_sound(made, out);
            check_grants(made, out);
            takes += out.takes.size();
        });
        BookShape large;
        large.bids = large.asks = 40;
        large.lots_max = 12;
        for_books(100, large, [&](Rng& rng, const Book& made, const Hash& s) {
            const ClearingLimits limits{static_cast<std::uint32_t>(rng.between(1, 200)),
                                        rng.below(60'000)};
            const Clearing out = clear(made, s, limits);
            check_sound(made, out);
            check_grants(made, out);
            REQUIRE(out.grants.size() <= limits.leases_per_clearing);
            REQUIRE(out.work.draw + out.work.fill <= limits.work_budget);
            takes += out.takes.size();
        });
        CHECK(takes > 5'000);
    }
    TEST_CASE("3: what buyers pay is what providers and the fee get, lot by lot") {
        for_books(500, {}, [](Rng& rng, const Book& made, const Hash& s) {
            const Clearing out = clear(made, s, kNoLimits);
            std::map<JobId, std::uint64_t> paid;
            std::uint64_t from_buyers = 0;
            std::uint64_t to_providers = 0;
            std::uint64_t fees = 0;
            const Gas gas{rng.between(1, 60'000'000'000)};
            for (const Take& t : out.takes) from_buyers += t.lots * pay_for(gas, t.price)->value;
            for (const Grant& g : out.grants) {
                const std::uint64_t pay = pay_for(gas, g.price)->value;
                fees += pay * made.fee_bp / 10'000;
                to_providers += pay - pay * made.fee_bp / 10'000;
                paid[g.bid] += pay;
            }
            REQUIRE(from_buyers == to_providers + fees);
            // Never above the escrow of those lots.
            for (const auto& [id, sum] : paid) {
                std::uint64_t lots = 0;
                for (const Grant& g : out.grants) lots += g.bid == id ? 1U : 0U;
                REQUIRE(sum <= lots * pay_for(gas, bid_of(made, id).limit)->value);
            }
        });
    }
    TEST_CASE("4: one bid and one ask trade iff compatible and b covers a', at a'") {
        for (std::uint64_t a = 1; a <= 12; ++a)
            for (std::uint64_t b = 1; b <= 14; ++b)
                for (std::uint32_t fee = 0; fee <= 2'000; fee += 500)
                    for (const bool able : {true, false}) {
                        Book made = book({bid(1, b, 1)}, {ask(1, {{a, 2}})});
                        made.fee_bp = fee;
                        made.bids[0].requirement.memory_tier = able ? 0 : 1;
                        const Clearing out = clear(made, seed(a * b), kNoLimits);
                        const Price gross = grossed_up(Price{a}, fee);
                        REQUIRE(out.grants.size() == (able && gross.value <= b ? 1 : 0));
                        if (!out.grants.empty()) REQUIRE(out.grants[0].price == gross);
                    }
    }
    TEST_CASE("4: orders that fit nobody change nothing") {
        for_books(300, {}, [](Rng& rng, const Book& made, const Hash& s) {
            const Clearing before = clear(made, s, kNoLimits);
            Book more = made;
            BidOrder odd = seasoned(bid(9'999, rng.between(1, 30), 3));
            odd.requirement.features = 1U << 20U;
            more.bids.push_back(odd);
            canonicalise(more);
            const Clearing after = clear(more, s, kNoLimits);
            REQUIRE(after.takes == before.takes);
            REQUIRE(after.grants == before.grants);
            REQUIRE(after.classes == before.classes);
        });
    }
    TEST_CASE("5: nobody with lots left faces a step that it could have had") {
        std::map<Reason, int> seen;
        for_books(1'500, {}, [&](Rng&, const Book& made, const Hash& s) {
            const Clearing out = clear(made, s, kNoLimits);
            const Explainer explainer(made, s, out);
            std::map<std::pair<AccountId, std::uint8_t>, std::uint32_t> sold;
            for (const Take& t : out.takes) sold[{t.provider, t.step}] += t.lots;
            for (const BidOrder& b : made.bids) {
                const auto why = explainer.bid(b.id);
                REQUIRE(why.has_value());
                REQUIRE(why->reason.has_value() == (why->left > 0));
                if (!why->reason) continue;
                ++seen[*why->reason];
                bool cheap = false;  // an unsold step at its limit that could do the job
                bool capable = false;
                for (const AskOrder& a : made.asks) {
                    if (a.standing != Standing::active ||
                        !is_compatible(a.capability, b.requirement))
                        continue;
                    if (b.task_gas > a.task_gas_max) continue;
                    capable = true;
                    std::uint32_t occupied = a.uncommitted;
                    for (std::uint8_t i = 0; i < a.steps.size(); ++i) {
                        const std::uint32_t gone = std::min(2 * a.steps[i].slots, occupied);
                        occupied -= gone;
                        const bool unsold = 2 * a.steps[i].slots > gone + sold[{a.provider, i}];
                        cheap = cheap ||
                                (unsold && grossed_up(a.steps[i].price, made.fee_bp) <= b.limit);
                    }
                }
                const Reason r = *why->reason;
                if (b.standing != Standing::active) continue;
                if (r == Reason::no_capable_ask) REQUIRE(!capable);
                if (!capable) REQUIRE((r == Reason::no_capable_ask || r == Reason::min_fill));
                const bool excluded = r == Reason::denied || r == Reason::capped ||
                                      r == Reason::self || r == Reason::stake;
                if (excluded) REQUIRE(cheap);
                // Something cheap and unsold is left only for a reason that says so.
                if (cheap) REQUIRE((excluded || r == Reason::min_fill || r == Reason::work_limit));
                REQUIRE(r != Reason::class_limit);
            }
        });
        for (const Reason r :
             {Reason::below_price, Reason::no_capable_ask, Reason::all_busy, Reason::capped,
              Reason::denied, Reason::min_fill, Reason::not_yet_eligible, Reason::stake,
              Reason::self, Reason::expired}) {
            CAPTURE(static_cast<int>(r));
            CHECK(seen[r] > 0);
        }
    }
    TEST_CASE(
        "5: a bid below the price would trade with that much more, an ask with that much less") {
        BookShape shape = plain();
        shape.price_max = 1'000'000;  // no ties
        shape.lots_max = 1;
        int raised = 0;
        int lowered = 0;
        for_books(400, shape, [&](Rng&, const Book& made, const Hash& s) {
            const Clearing out = clear(made, s, kNoLimits);
            const Explainer explainer(made, s, out);
            for (const BidOrder& b : made.bids) {
                const auto why = explainer.bid(b.id);
                if (why->reason != Reason::below_price) continue;
                Book other = made;
                for (BidOrder& o : other.bids)
                    if (o.id == b.id) o.limit.value += why->by.value;
                canonicalise(other);
                REQUIRE(why->by.value > 0);
                const Clearing then = clear(other, s, kNoLimits);
                REQUIRE(std::any_of(then.takes.begin(), then.takes.end(),
                                    [&](const Take& t) { return t.bid == b.id; }));
                ++raised;
            }
            for (const AskOrder& a : made.asks) {
                const auto why = explainer.ask(a.provider);
                if (why->reason != Reason::below_price || why->filled > 0 || made.fee_bp > 0 ||
                    a.uncommitted > 0)
                    continue;
                if (why->by.value == 0 || why->by >= a.steps[0].price) continue;
                Book other = made;
                for (AskOrder& o : other.asks)
                    if (o.provider == a.provider) o.steps[0].price.value -= why->by.value;
                const Clearing then = clear(other, s, kNoLimits);
                REQUIRE(std::any_of(then.takes.begin(), then.takes.end(),
                                    [&](const Take& t) { return t.provider == a.provider; }));
                ++lowered;
            }
        });
        CHECK(raised > 200);
        CHECK(lowered > 50);
    }
    TEST_CASE("5: single lots up to 6 x 6 reach half of the best welfare") {
        BookShape shape = plain();
        shape.classes = true;
        shape.lots_max = 1;
        for (std::uint64_t s = 1; s <= 1'500; ++s) {
            CAPTURE(s);
            Rng rng(s);
            shape.bids = rng.between(1, 6);
            shape.asks = rng.between(1, 6);
            Book made = random_book(rng, shape);
            std::vector<std::uint32_t> left;
            for (AskOrder& a : made.asks) {
                a.steps.resize(1);
                a.steps[0].slots = 1;
                a.uncommitted = 1;
                left.push_back(1);
            }
            const Clearing out = clear(made, seed(s), kNoLimits);
            std::uint64_t welfare = 0;
            for (const Take& t : out.takes)
                welfare +=
                    bid_of(made, t.bid).limit.value -
                    grossed_up(ask_of(made, t.provider).steps[t.step].price, made.fee_bp).value;
            REQUIRE(2 * welfare >= best_welfare(made, 0, left));
        }
    }
    TEST_CASE("6: a winner of one lot pays the lowest limit that still wins") {
        int winners = 0;
        for (std::uint64_t s = 1; s <= 250; ++s) {
            CAPTURE(s);
            Rng rng(s);
            std::vector<BidOrder> bids;
            std::vector<AskOrder> asks;
            std::set<std::uint64_t> used;
            const auto fresh_price = [&] {
                std::uint64_t p = rng.between(10, 5'000);
                while (!used.insert(p).second) ++p;
                return p;
            };
            for (std::uint64_t i = 1; i <= rng.between(2, 10); ++i)
                bids.push_back(seasoned(bid(i, fresh_price(), 1)));
            for (std::uint64_t i = 1; i <= rng.between(1, 6); ++i)
                asks.push_back(ask(i, {{fresh_price(), 1}}));
            const Book made = book(bids, asks);
            for (const BidOrder& b : bids) {
                const std::uint64_t n = b.id.bytes[7];
                const auto price = pays(made, n, b.limit.value, seed(s));
                if (!price) continue;
                ++winners;
                // Bisect the least limit that wins; ties aside that is the price.
                std::uint64_t lose = 0;
                std::uint64_t win = b.limit.value;
                while (win - lose > 1) {
                    const std::uint64_t mid = (win + lose) / 2;
                    (pays(made, n, mid, seed(s)) ? win : lose) = mid;
                }
                REQUIRE(win >= *price);
                REQUIRE(win <= *price + 1);
                // No lie pays: whatever limit it names, a win costs the same.
                for (int i = 0; i < 10; ++i) {
                    const std::uint64_t lie = rng.between(1, 6'000);
                    if (used.contains(lie)) continue;
                    const auto then = pays(made, n, lie, seed(s));
                    if (then) REQUIRE(*then >= *price);
                }
            }
        }
        CHECK(winners > 300);
    }
    TEST_CASE("7: a fresh bid that ends unfilled changes no price, trade or lease") {
        int checked = 0;
        for_books(1'500, {}, [&](Rng&, const Book& made, const Hash& s) {
            const Clearing with = clear(made, s, kNoLimits);
            for (std::size_t i = 0; i < made.bids.size(); ++i) {
                const BidOrder& b = made.bids[i];
                if (b.previous || std::any_of(with.takes.begin(), with.takes.end(),
                                              [&](const Take& t) { return t.bid == b.id; }))
                    continue;
                Book without = made;
                without.bids.erase(without.bids.begin() + static_cast<std::ptrdiff_t>(i));
                Clearing then = clear(without, s, kNoLimits);
                REQUIRE(then.takes == with.takes);
                REQUIRE(then.grants == with.grants);
                for (std::size_t c = 0; c < then.classes.size(); ++c)
                    REQUIRE(then.classes[c].price == with.classes[c].price);
                ++checked;
            }
        });
        CHECK(checked > 1'000);
    }
    TEST_CASE("7: a seasoned bid that ends unfilled never lowers a price nor lifts it above U") {
        int lifted = 0;
        for_books(1'500, {}, [&](Rng&, const Book& made, const Hash& s) {
            for (std::size_t i = 0; i < made.bids.size(); ++i) {
                if (!made.bids[i].previous) continue;
                const Clearing with = clear(made, s, kNoLimits);
                const JobId id = made.bids[i].id;
                if (std::any_of(with.takes.begin(), with.takes.end(),
                                [&](const Take& t) { return t.bid == id; }))
                    continue;
                Book fresh = made;
                fresh.bids[i].previous.reset();
                const Clearing then = clear(fresh, s, kNoLimits);
                for (std::size_t c = 0; c < with.classes.size(); ++c) {
                    REQUIRE(with.classes[c].price >= then.classes[c].price);
                    REQUIRE(with.classes[c].price <= with.classes[c].highest);
                    lifted += with.classes[c].price > then.classes[c].price ? 1 : 0;
                }
            }
        });
        CHECK(lifted > 20);
    }
    TEST_CASE("8: a higher limit never fills less, a lower ask never sells less") {
        BookShape shape = plain();
        for_books(800, shape, [](Rng& rng, const Book& made, const Hash& s) {
            const Clearing before = clear(made, s, kNoLimits);
            Book other = made;
            BidOrder& b = other.bids[rng.below(other.bids.size())];
            const JobId id = b.id;
            b.limit.value += rng.between(1, 6);
            canonicalise(other);
            const auto lots = [](const Clearing& c, const auto& match) {
                std::uint64_t sum = 0;
                for (const Take& t : c.takes) sum += match(t) ? t.lots : 0;
                return sum;
            };
            const auto of_bid = [&](const Take& t) { return t.bid == id; };
            REQUIRE(lots(clear(other, s, kNoLimits), of_bid) >= lots(before, of_bid));
            other = made;
            AskOrder& a = other.asks[rng.below(other.asks.size())];
            const AccountId who = a.provider;
            const std::uint64_t less = rng.below(a.steps[0].price.value);
            for (AskStep& step : a.steps) step.price.value -= less;
            const auto of_ask = [&](const Take& t) { return t.provider == who; };
            REQUIRE(lots(clear(other, s, kNoLimits), of_ask) >= lots(before, of_ask));
        });
    }
    TEST_CASE("9: 65,536 lots against one-slot asks end within the work bound") {
        std::vector<AskOrder> asks;
        for (std::uint64_t i = 0; i < 33'000; ++i) asks.push_back(ask(i, {{1 + i % 97, 2}}));
        BidOrder b = bid(50'000, 200, kLotsPerJobMax);
        const Clearing all =
            clear(book({b}, asks), seed(1), {1U << 20U, ClearingLimits{}.work_budget});
        CHECK(all.grants.size() == kLotsPerJobMax);
        CHECK(all.end == WalkEnd::complete);
        CHECK(all.work.fill <= ClearingLimits{}.work_budget);
        const Clearing one = clear(book({b}, asks), seed(1), {});
        CHECK(one.grants.size() == 4'096);
        CHECK(one.end == WalkEnd::leases);
        b.spread_cap = 1;  // each ask keeps a lot that is not for this bid: 64 are looked past
        CHECK(clear(book({b}, asks), seed(1), {}).grants.size() == 65);
    }
    TEST_CASE("9: the worst books that flooding could make stay within the budget") {
        for (const std::uint64_t kind : {0U, 1U, 2U, 3U}) {
            CAPTURE(kind);
            std::vector<BidOrder> bids;
            std::vector<AskOrder> asks;
            for (std::uint64_t i = 0; i < 3'000; ++i) {
                asks.push_back(ask(i, {{10, 2}, {11, 2}, {12, 2}, {13, 2}}));
                asks.back().capability.features = static_cast<std::uint32_t>(i % 400);
                asks.back().capability.memory_tier = static_cast<std::uint8_t>(i % 7);
            }
            for (std::uint64_t i = 0; i < 4'000; ++i) {
                BidOrder b = seasoned(bid(5'000 + i, 50, 40));
                if (kind == 0) b.requirement.regions = (i << 1U) | 1U;
                if (kind == 1)
                    for (AskOrder& a : asks) a.deny = {account(2)};
                if (kind == 1) b.owner = account(2);
                if (kind == 2) {
                    b.min_first_fill = 40;
                    b.spread_cap = 1;
                    b.requirement.memory_tier = 6;
                }
                if (kind == 3) {
                    b.replicas = 8;
                    b.chunks[0].need = 8;
                    b.spread_cap = 1;
                }
                bids.push_back(std::move(b));
            }
            const ClearingLimits limits{4'096, 1'000'000};
            const Clearing out = clear(book(bids, asks), seed(kind), limits);
            CHECK(out.work.draw + out.work.fill <= limits.work_budget);
            CHECK(out.work.draw <= limits.work_budget / 2);
            // Set-up and settlement: bounded by the book, whatever is in it.
            const std::uint64_t n = bids.size() + 4 * asks.size();
            CHECK(out.work.setup + out.work.settle <= n * 200 + kClassesMax * kClassesMax * 8);
            CHECK(out.grants.size() <= limits.leases_per_clearing);
        }
    }
    TEST_CASE("10: with prices apart and one replica the seed changes only the assignment") {
        BookShape shape;
        shape.replicas = false;
        shape.price_max = 1'000'000'000;
        int moved = 0;
        for_books(300, shape, [&](Rng& rng, const Book& made, const Hash& s) {
            const Clearing one = clear(made, s, kNoLimits);
            Clearing other = clear(made, seed(rng.next()), kNoLimits);
            moved += other.grants != one.grants ? 1 : 0;
            other.grants = one.grants;
            REQUIRE(other == one);
        });
        CHECK(moved > 20);
    }
    TEST_CASE("10: stake lost beyond what the takes need changes nothing") {
        // The ledger passes the lower of frozen and present stake. Without draws, which weigh it,
        // only what no longer covers a take may matter.
        BookShape shape;
        shape.replicas = false;
        int lost = 0;
        for_books(300, shape, [&](Rng&, const Book& made, const Hash& s) {
            const Clearing before = clear(made, s, kNoLimits);
            Book other = made;
            for (AskOrder& a : other.asks) {
                Uint128 used = 0;
                bool all_sold = true;
                for (const Take& t : before.takes)
                    if (t.provider == a.provider) {
                        const BidOrder& b = bid_of(made, t.bid);
                        used += (Uint128{b.lot_value.value} * b.stake_factor +
                                 Uint128{made.reserve.value} * 10'000) *
                                t.lots;
                    }
                for (std::uint8_t i = 0; i < a.steps.size(); ++i) {
                    std::uint32_t sold = i == 0 ? a.uncommitted : 0;
                    for (const Take& t : before.takes)
                        if (t.provider == a.provider && t.step == i) sold += t.lots;
                    all_sold = all_sold && sold >= 2 * a.steps[i].slots;
                }
                if (!all_sold || used == 0) continue;
                const Amount needed{static_cast<std::uint64_t>((used + 9'999) / 10'000)};
                lost += needed < a.free_stake ? 1 : 0;
                a.free_stake = std::min(a.free_stake, needed);
            }
            REQUIRE(clear(other, s, kNoLimits).takes == before.takes);
        });
        CHECK(lost > 10);
    }
    TEST_CASE("small books, all of them: sound, and like a call market") {
        // Up to 3 bids and 2 asks of one lot with prices of 1 to 4, seasoned or not.
        int books = 0;
        for (std::uint64_t code = 0; code < 8 * 8 * 8 * 4 * 4; ++code) {
            std::vector<BidOrder> bids;
            std::uint64_t rest = code;
            for (std::uint64_t i = 1; i <= 3; ++i, rest /= 8) {
                BidOrder b = bid(i, 1 + rest % 4, 1);
                bids.push_back(rest % 8 >= 4 ? seasoned(b) : b);
            }
            const std::uint64_t a1 = 1 + rest % 4;
            const std::uint64_t a2 = 1 + (rest / 4) % 4;
            const Book made = book(bids, {ask(1, {{a1, 1}}), ask(2, {{a2, 1}})});
            const Clearing out = clear(made, seed(code), kNoLimits);
            check_sound(made, out);
            std::vector<std::uint64_t> b{bids[0].limit.value, bids[1].limit.value,
                                         bids[2].limit.value};
            std::sort(b.rbegin(), b.rend());
            const std::uint64_t low = std::min(a1, a2);
            const std::uint64_t high = std::max(a1, a2);
            const std::size_t trades = b[0] < low ? 0 : (b[1] < high ? 1 : 2);
            REQUIRE(out.grants.size() == trades);
            ++books;
        }
        CHECK(books == 8 * 8 * 8 * 4 * 4);
    }
    TEST_CASE("a quote is what the next clearing charges") {
        int quoted = 0;
        BookShape shape;
        shape.price_max = 1'000'000;
        for_books(500, shape, [&](Rng& rng, const Book& made, const Hash& s) {
            QuoteRequest request;
            request.requirement = random_requirement(rng);
            request.lots = static_cast<std::uint32_t>(rng.between(1, 6));
            request.limit =
                rng.chance(2) ? Price{kPriceBound - 1} : Price{rng.between(1, 1'500'000)};
            request.spread_cap = static_cast<std::uint32_t>(rng.below(3));
            Book alone = made;  // replicas are drawn by a seed that no quote can know
            std::erase_if(alone.bids, [](const BidOrder& b) { return b.replicas > 1; });
            const auto answer = quote(alone, request, kNoLimits);
            REQUIRE(answer.has_value());
            Book then = alone;
            BidOrder posted = probe_of(request);
            posted.id = job(777);
            posted.owner = account(888'888);
            then.bids.push_back(posted);
            canonicalise(then);
            const Clearing out = clear(then, s, kNoLimits);
            std::uint32_t lots = 0;
            Price dearest;
            std::uint64_t sum = 0;
            for (const Take& t : out.takes) {
                if (t.bid != posted.id) continue;
                lots += t.lots;
                dearest = std::max(dearest, t.price);
                sum += t.lots * t.price.value;
            }
            REQUIRE(answer->lots == lots);
            REQUIRE(answer->price == dearest);
            if (lots > 0) REQUIRE(answer->price_mean.value == (sum + lots - 1) / lots);
            quoted += lots > 0 ? 1 : 0;
        });
        CHECK(quoted > 200);
        QuoteRequest wrong;
        wrong.replicas = 0;
        CHECK(!quote(Book{}, wrong, {}));
    }
}
