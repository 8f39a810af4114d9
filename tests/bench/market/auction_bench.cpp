#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "tests/support/auction_books.hpp"

/// auction/clear: a large ordinary book against sorting the same two lists, and the worst books
/// that the ledger's bounds admit against the work budget. Prints medians; judges nothing.
/// Usage: auction_bench [rounds, default 5]

using namespace millrace;
using namespace millrace::market;
using namespace millrace::market::testing;

namespace {

double ms_of(const std::function<void()>& work) {
    const auto from = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - from)
        .count();
}
double median_ms(int rounds, const std::function<void()>& work) {
    std::vector<double> all;
    for (int i = 0; i < rounds; ++i) all.push_back(ms_of(work));
    std::sort(all.begin(), all.end());
    return all[all.size() / 2];
}

Capability class_number(std::uint64_t n) {
    Capability out;
    out.memory_tier = static_cast<std::uint8_t>(n & 7U);
    out.features = static_cast<std::uint32_t>((n >> 3U) & 7U);
    out.stake_tier = static_cast<std::uint8_t>((n >> 6U) & 3U);
    return out;
}
Requirement kind_number(std::uint64_t n) {
    Requirement out;
    out.memory_tier = static_cast<std::uint8_t>(n % 6);
    out.features = static_cast<std::uint32_t>((n / 6) % 5);
    out.stake_tier = static_cast<std::uint8_t>((n / 30) % 3);
    out.regions = n >= 90 ? ~std::uint64_t{0} >> (n / 90) : 0;
    return out;
}

/// 256 classes, 300 kinds of requirement; prices overlap so that most bids trade.
Book large_book(std::uint64_t bids, std::uint64_t asks) {
    Rng rng(7);
    Book out;
    out.fee_bp = 100;
    out.reserve = Amount{1'000};
    for (std::uint64_t i = 0; i < bids; ++i) {
        BidOrder b = bid(i, rng.between(1'000, 2'000'000), 1);
        for (auto& byte : b.id.bytes) byte = static_cast<std::uint8_t>(rng.next());
        b.chunks[0].count = static_cast<std::uint32_t>(rng.between(1, 2));
        b.requirement = kind_number(rng.below(300));
        b.spread_cap = rng.chance(4) ? 2 : 0;
        b.lot_value = Amount{1'000};
        b.stake_factor = 5'000;
        if (rng.chance(2)) b = seasoned(std::move(b));
        out.bids.push_back(std::move(b));
    }
    for (std::uint64_t i = 0; i < asks; ++i) {
        AskOrder a = ask(i, {{rng.between(500, 1'500'000), 2}});
        for (auto& byte : a.provider.bytes) byte = static_cast<std::uint8_t>(rng.next());
        a.owner = a.provider;
        a.capability = class_number(i < 256 ? i : rng.below(256));
        out.asks.push_back(std::move(a));
    }
    canonicalise(out);
    return out;
}

/// What a list costs to sort: the keys that order it, from random order.
double sort_ms(int rounds, const Book& book) {
    Rng rng(11);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> bids;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> asks;
    for (const auto& b : book.bids)
        bids.emplace_back(~b.limit.value, load_le<std::uint64_t>(b.id.bytes.data()));
    for (const auto& a : book.asks)
        asks.emplace_back(a.steps[0].price.value, load_le<std::uint64_t>(a.provider.bytes.data()));
    const auto shuffle = [&](auto& list) {
        for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[rng.below(i)]);
    };
    std::vector<double> all;
    for (int i = 0; i < rounds; ++i) {
        shuffle(bids);
        shuffle(asks);
        all.push_back(ms_of([&] {
            std::sort(bids.begin(), bids.end());
            std::sort(asks.begin(), asks.end());
        }));
    }
    std::sort(all.begin(), all.end());
    return all[all.size() / 2];
}

void report(const char* name, int rounds, const Book& book, const ClearingLimits& limits) {
    Clearing out;
    const double ms = median_ms(rounds, [&] { out = clear(book, seed(3), limits); });
    const std::uint64_t walk = out.work.draw + out.work.fill;
    std::printf(
        "auction/clear/%-28s %8.1f ms  lots %7zu  walked %6u  end %s  work setup %llu draw %llu "
        "fill %llu settle %llu (budget %s)\n",
        name, ms, out.grants.size(), out.walked, enum_name(out.end),
        static_cast<unsigned long long>(out.work.setup),
        static_cast<unsigned long long>(out.work.draw),
        static_cast<unsigned long long>(out.work.fill),
        static_cast<unsigned long long>(out.work.settle),
        walk <= limits.work_budget ? "kept" : "BROKEN");
}

constexpr std::uint64_t kLiveBids = 1U << 17U;
constexpr std::uint64_t kLiveAsks = 1U << 16U;

Book full_book(const std::function<void(std::uint64_t, BidOrder&)>& bids,
               const std::function<void(std::uint64_t, AskOrder&)>& asks) {
    Book out = large_book(kLiveBids, kLiveAsks);
    for (std::uint64_t i = 0; i < out.bids.size(); ++i) bids(i, out.bids[i]);
    for (std::uint64_t i = 0; i < out.asks.size(); ++i) asks(i, out.asks[i]);
    canonicalise(out);
    return out;
}

void worst_books(int rounds) {
    const ClearingLimits limits;
    const auto same_ask = [](std::uint64_t, AskOrder&) {};
    const auto four_steps = [](std::uint64_t i, AskOrder& a) {
        a.steps.clear();
        for (std::uint64_t s = 0; s < 4; ++s) a.steps.push_back({Price{1'000 + s}, 1});
        a.capability = class_number(i % 256);
    };
    report("worst/all_prices_tie", rounds,
           full_book([](std::uint64_t, BidOrder& b) { b.limit = Price{1'500}; }, four_steps),
           limits);
    report("worst/every_requirement_new", rounds,
           full_book(
               [](std::uint64_t i, BidOrder& b) {
                   b.requirement = Requirement{};
                   b.requirement.regions = (i << 1U) | 1U;
                   b.limit = Price{100};
               },
               same_ask),
           limits);
    report("worst/everything_denied", rounds,
           full_book(
               [](std::uint64_t, BidOrder& b) {
                   b.requirement = Requirement{};
                   b.limit = Price{3'000'000};
                   b.list_kind = ListKind::allow;
               },
               four_steps),
           limits);
    report("worst/min_fill_always_fails", rounds,
           full_book(
               [](std::uint64_t, BidOrder& b) {
                   b.requirement = Requirement{};
                   b.limit = Price{3'000'000};
                   b.chunks[0].count = 2'000;
                   b.spread_cap = 1;
                   b.min_first_fill = 1'024;
               },
               [](std::uint64_t i, AskOrder& a) { a.capability = class_number(i % 4); }),
           limits);
    report("worst/replicas_everywhere", rounds,
           full_book(
               [](std::uint64_t i, BidOrder& b) {
                   b.requirement = Requirement{};
                   b.replicas = 3;
                   b.chunks[0] = {0, i % 50 == 0 ? 20'000U : 4U, 3, {}};
                   b.limit = Price{3'000'000};
               },
               four_steps),
           limits);
    report("worst/one_job_65536_lots", rounds,
           full_book(
               [](std::uint64_t i, BidOrder& b) {
                   b.limit = Price{i == 0 ? 3'000'000U : 1U};
                   b.requirement = Requirement{};
                   if (i == 0) b.chunks[0].count = 65'536;
                   b.spread_cap = 2;  // a one-slot ask offers two lots
               },
               same_ask),
           {1U << 20U, limits.work_budget});
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
    const Book book = large_book(100'000, 100'000);
    const double sorting = sort_ms(rounds, book);
    double clearing = 0;
    Clearing out;
    clearing = median_ms(rounds, [&] { out = clear(book, seed(3), kNoLimits); });
    Book unsorted = book;
    Rng rng(5);
    for (std::size_t i = unsorted.bids.size(); i > 1; --i)
        std::swap(unsorted.bids[i - 1], unsorted.bids[rng.below(i)]);
    for (std::size_t i = unsorted.asks.size(); i > 1; --i)
        std::swap(unsorted.asks[i - 1], unsorted.asks[rng.below(i)]);
    const double canonical = ms_of([&] { canonicalise(unsorted); });
    std::printf("auction/sort/keys:100000x100000        %8.1f ms\n", sorting);
    std::printf("auction/canonicalise/orders:100000x2   %8.1f ms\n", canonical);
    std::printf(
        "auction/clear/orders:100000x100000     %8.1f ms  classes %zu  lots %zu  ratio %.1f, from "
        "an unsorted book %.1f\n",
        clearing, out.classes.size(), out.grants.size(), clearing / sorting,
        (clearing + canonical) / sorting);
    report("limited", rounds, book, {});
    worst_books(rounds);
    return 0;
}
