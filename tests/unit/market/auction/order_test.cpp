#include <doctest/doctest.h>

#include <functional>

#include "market/auction/detail/step_set.hpp"
#include "tests/support/auction_books.hpp"

using namespace millrace;
using namespace millrace::market;
using namespace millrace::market::testing;

TEST_SUITE("market/auction/orders") {
    TEST_CASE("a capability and its class are the same thing") {
        Rng rng(1);
        for (int i = 0; i < 1'000; ++i) {
            Capability c;
            c.memory_tier = static_cast<std::uint8_t>(rng.below(kMemoryTiers));
            c.features = static_cast<std::uint32_t>(rng.next());
            c.tee = static_cast<std::uint8_t>(rng.below(kTeeKinds));
            c.region = static_cast<std::uint8_t>(rng.below(kRegions));
            c.stake_tier = static_cast<std::uint8_t>(rng.below(kStakeTiers));
            c.record_tier = static_cast<std::uint8_t>(rng.below(kRecordTiers));
            REQUIRE(is_valid(c));
            REQUIRE(capability_of(class_of(c)) == c);
            REQUIRE(class_of(c).value < std::uint64_t{1} << 49U);
        }
    }
    TEST_CASE("a machine that can do more never has the lower rank") {
        Rng rng(2);
        int dominated = 0;
        for (int i = 0; i < 20'000; ++i) {
            const Capability a = random_capability(rng);
            const Capability b = random_capability(rng);
            if (a.memory_tier < b.memory_tier || (a.features & b.features) != b.features) continue;
            if ((a.tee == 0 && b.tee != 0) || a.stake_tier < b.stake_tier) continue;
            ++dominated;
            REQUIRE(rank_of(a) >= rank_of(b));
        }
        CHECK(dominated > 1'000);
    }
    TEST_CASE("each demand of a requirement excludes by itself") {
        struct Row {
            std::string name;
            Requirement wants;
            Capability has;
            Demand demand;
        };
        const Capability all{4, 0b111, 2, 3, 4, 2};
        const Requirement none{};
        CHECK(is_compatible(Capability{}, none));
        const std::vector<Row> rows{
            {"memory", {5, 0, 0, 0, 0, 0}, all, Demand::memory_tier},
            {"features", {0, 0b1001, 0, 0, 0, 0}, all, Demand::features},
            {"region", {0, 0, 0b0111, 0, 0, 0}, all, Demand::region},
            {"stake", {0, 0, 0, 5, 0, 0}, all, Demand::stake_tier},
            {"record", {0, 0, 0, 0, 3, 0}, all, Demand::record_tier},
            {"tee", {0, 0, 0, 0, 0, 0b0010}, all, Demand::tee},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            CHECK(!is_compatible(row.has, row.wants));
            for (std::uint8_t d = 1; d <= 7; ++d) {
                const auto demand = static_cast<Demand>(d);
                CHECK(meets(row.has, row.wants, demand) == (demand != row.demand));
            }
        }
        CHECK(is_compatible(all, Requirement{4, 0b101, 0b1000, 4, 2, 0b0100}));
    }
    TEST_CASE("the gross price leaves the provider its ask, and not a nano-credit too much") {
        struct Row {
            std::uint64_t ask;
            std::uint32_t fee_bp;
            std::uint64_t gross;
        };
        for (const Row& row :
             std::vector<Row>{{99, 100, 100},
                              {100, 100, 102},
                              {1, 100, 2},
                              {1, 0, 1},
                              {kPriceBound - 1, 9'999, (kPriceBound - 1) * 10'000}}) {
            CAPTURE(row.ask);
            CHECK(grossed_up(Price{row.ask}, row.fee_bp).value == row.gross);
        }
        Rng rng(3);
        for (int i = 0; i < 10'000; ++i) {
            const std::uint64_t a = rng.between(1, kPriceBound - 1);
            const auto fee = static_cast<std::uint32_t>(rng.below(10'000));
            const Uint128 gross = grossed_up(Price{a}, fee).value;
            REQUIRE(gross * (10'000 - fee) >= Uint128{a} * 10'000);
            REQUIRE((gross - 1) * (10'000 - fee) < Uint128{a} * 10'000);
        }
    }
    TEST_CASE("the stake factor follows the audit rate") {
        CHECK(stake_factor(0, 5'000, 5'000, 12'345) == 12'345);
        CHECK(stake_factor(10'000, 5'000, 5'000, 0) == 5'000);  // always audited: the minimum
        CHECK(stake_factor(1'000, 5'000, 0, 0) == 180'000);     // 10^4 × 0.9 / (0.1 × 0.5)
        CHECK(stake_factor(3'000, 5'000, 0, 0) == 46'667);      // rounded up
        CHECK(stake_factor(1, 1, 0, 0) == 999'900'000'000);
        CHECK(stake_factor(1, 1, 0, 0) <= kStakeFactorMax);
        CHECK(stake_at_risk(Amount{3}, 5'000) == Amount{1});
        CHECK(!stake_at_risk(Amount{~0ULL}, 10'001));
        CHECK(stake_at_risk(Amount{~0ULL}, 10'000) == Amount{~0ULL});
    }
    TEST_CASE("what a seasoned bid counts for is the lower of then and now") {
        BidOrder b = bid(1, 10, 4);
        CHECK(!seasoned_of(b));
        b.previous = Seasoned{Price{12}, 3};
        CHECK(seasoned_of(b) == Seasoned{Price{10}, 3});
        b.previous = Seasoned{Price{8}, 9};
        CHECK(seasoned_of(b) == Seasoned{Price{8}, 4});
        b.cancelling = true;
        CHECK(!seasoned_of(b));
    }
    TEST_CASE("leases not yet committed occupy the cheapest of twice the slots") {
        AskOrder a = ask(1, {});
        a.steps = {{Price{1}, 2}, {Price{2}, 1}};
        const std::vector<std::pair<std::uint32_t, std::uint32_t>> rows{{6, 0}, {5, 1}, {2, 4},
                                                                        {1, 5}, {0, 6}, {0, 9}};
        for (const auto& [lots, busy] : rows) {
            CAPTURE(busy);
            a.uncommitted = busy;
            CHECK(clear(book({bid(1, 9, 9)}, {a}), seed(1), kNoLimits).grants.size() == lots);
        }
    }
    TEST_CASE("every fault of a bid is found, the first in the order of the table") {
        struct Row {
            std::string name;
            OrderFault fault;
            std::function<void(BidOrder&)> spoil;
        };
        const std::vector<Row> rows{
            {"limit zero", OrderFault::price_out_of_range, [](BidOrder& b) { b.limit = Price{0}; }},
            {"limit too high", OrderFault::price_out_of_range,
             [](BidOrder& b) { b.limit = Price{kPriceBound}; }},
            {"memory tier", OrderFault::requirement_invalid,
             [](BidOrder& b) { b.requirement.memory_tier = kMemoryTiers; }},
            {"record tier", OrderFault::requirement_invalid,
             [](BidOrder& b) { b.requirement.record_tier = kRecordTiers; }},
            {"no replicas", OrderFault::replicas_out_of_range, [](BidOrder& b) { b.replicas = 0; }},
            {"too many replicas", OrderFault::replicas_out_of_range,
             [](BidOrder& b) { b.replicas = kReplicasMax + 1; }},
            {"empty run", OrderFault::chunks_invalid, [](BidOrder& b) { b.chunks[0].count = 0; }},
            {"no need", OrderFault::chunks_invalid, [](BidOrder& b) { b.chunks[0].need = 0; }},
            {"need beyond replicas", OrderFault::chunks_invalid,
             [](BidOrder& b) { b.chunks[0].need = 2; }},
            {"overlap", OrderFault::chunks_invalid,
             [](BidOrder& b) { b.chunks.push_back({3, 1, 1, {}}); }},
            {"too many lots", OrderFault::chunks_invalid,
             [](BidOrder& b) { b.chunks[0].count = kLotsPerJobMax + 1; }},
            {"holders unsorted", OrderFault::chunks_invalid,
             [](BidOrder& b) {
                 b.replicas = 3;
                 b.chunks[0].holders = {account(2), account(1)};
             }},
            {"m above the lots", OrderFault::min_first_fill_out_of_range,
             [](BidOrder& b) { b.min_first_fill = 5; }},
            {"m above its bound", OrderFault::min_first_fill_out_of_range,
             [](BidOrder& b) {
                 b.chunks[0].count = 2'000;
                 b.min_first_fill = 1'025;
             }},
            {"m counts chunks", OrderFault::min_first_fill_out_of_range,
             [](BidOrder& b) {
                 b.replicas = 2;
                 b.chunks[0].need = 2;
                 b.min_first_fill = 5;
             }},
            {"list repeats", OrderFault::list_invalid,
             [](BidOrder& b) { b.list = {account(1), account(1)}; }},
            {"excluded unsorted", OrderFault::list_invalid,
             [](BidOrder& b) { b.excluded = {account(2), account(1)}; }},
            {"held repeats", OrderFault::list_invalid,
             [](BidOrder& b) { b.held = {{account(1), 1}, {account(1), 2}}; }},
            {"seasoned limit", OrderFault::seasoned_invalid,
             [](BidOrder& b) { b.previous = Seasoned{Price{0}, 1}; }},
            {"stake factor", OrderFault::stake_factor_out_of_range,
             [](BidOrder& b) { b.stake_factor = kStakeFactorMax + 1; }},
        };
        CHECK(!fault_of(bid(1, 5, 4)));
        for (std::size_t i = 0; i < rows.size(); ++i) {
            CAPTURE(rows[i].name);
            BidOrder b = bid(1, 5, 4);
            rows[i].spoil(b);
            CHECK(fault_of(b) == rows[i].fault);
        }
    }
    TEST_CASE("every fault of an ask is found") {
        struct Row {
            std::string name;
            OrderFault fault;
            std::function<void(AskOrder&)> spoil;
        };
        const std::vector<Row> rows{
            {"price", OrderFault::price_out_of_range,
             [](AskOrder& a) { a.steps[0].price = Price{0}; }},
            {"capability", OrderFault::requirement_invalid,
             [](AskOrder& a) { a.capability.region = kRegions; }},
            {"deny list", OrderFault::list_invalid,
             [](AskOrder& a) { a.deny = {account(2), account(1)}; }},
            {"no steps", OrderFault::steps_invalid, [](AskOrder& a) { a.steps.clear(); }},
            {"falling steps", OrderFault::steps_invalid,
             [](AskOrder& a) { a.steps.push_back({Price{1}, 1}); }},
            {"no slots", OrderFault::steps_invalid, [](AskOrder& a) { a.steps[0].slots = 0; }},
            {"too many slots", OrderFault::steps_invalid,
             [](AskOrder& a) { a.steps[0].slots = kSlotsPerStepMax + 1; }},
        };
        CHECK(!fault_of(ask(1, {{5, 2}})));
        for (const Row& row : rows) {
            CAPTURE(row.name);
            AskOrder a = ask(1, {{5, 2}});
            row.spoil(a);
            CHECK(fault_of(a) == row.fault);
        }
    }
    TEST_CASE("the set of unsold steps finds the next like a scan does") {
        Rng rng(4);
        for (const std::uint32_t size : {1U, 63U, 64U, 65U, 4'095U, 4'097U, 20'000U}) {
            CAPTURE(size);
            market::detail::StepSet set(size);
            std::vector<bool> model(size);
            for (int i = 0; i < 400; ++i) {
                const auto at = static_cast<std::uint32_t>(rng.below(size));
                if (rng.chance(2)) {
                    set.insert(at);
                    model[at] = true;
                } else {
                    set.erase(at);
                    model[at] = false;
                }
                const auto from = static_cast<std::uint32_t>(rng.below(size));
                const auto end = static_cast<std::uint32_t>(rng.between(from, size));
                std::uint32_t expected = from;
                while (expected < end && !model[expected]) ++expected;
                REQUIRE(set.next(from, end) == expected);
                REQUIRE(set.contains(at) == model[at]);
            }
        }
    }
}
