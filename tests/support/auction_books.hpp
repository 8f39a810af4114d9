#pragma once

#include <initializer_list>
#include <string>

#include "common/rng.hpp"
#include "market/auction/clearing.hpp"

/// Small books for tests of the auction: orders that demand nothing, and random ones.
namespace millrace::market::testing {

inline AccountId account(std::uint64_t n) {
    AccountId id;
    for (std::size_t i = 0; i < 8; ++i) id.bytes[7 - i] = static_cast<std::uint8_t>(n >> (8 * i));
    return id;
}
inline JobId job(std::uint64_t n) {
    JobId id;
    for (std::size_t i = 0; i < 8; ++i) id.bytes[7 - i] = static_cast<std::uint8_t>(n >> (8 * i));
    return id;
}
inline Hash seed(std::uint64_t n) {
    Hash out;
    store_le(out.bytes.data(), n);
    return out;
}

/// Bid `n`, owned by account 1,000,000 + n, for `lots` single lots at `limit`.
inline BidOrder bid(std::uint64_t n, std::uint64_t limit, std::uint32_t lots) {
    BidOrder out;
    out.id = job(n);
    out.owner = account(1'000'000 + n);
    out.limit = Price{limit};
    if (lots > 0) out.chunks.push_back({0, lots, 1, {}});
    return out;
}
inline BidOrder seasoned(BidOrder order) {
    order.previous = Seasoned{order.limit, lots_of(order)};
    return order;
}
/// Ask of provider `n`, which owns itself, with so many lots a step: two a slot, less one that is
/// occupied where the number is odd (only in a single step).
inline AskOrder ask(std::uint64_t n,
                    std::initializer_list<std::pair<std::uint64_t, std::uint32_t>> steps) {
    AskOrder out;
    out.provider = account(n);
    out.owner = out.provider;
    out.free_stake = Amount{1'000'000'000};
    out.task_gas_max = Gas{1'000'000'000'000};
    out.task_bytes_max = 1'000'000'000;
    for (const auto& [price, lots] : steps) {
        out.steps.push_back({Price{price}, (lots + 1) / 2});
        if (lots % 2 == 1) out.uncommitted = 1;
    }
    return out;
}
inline Book book(std::vector<BidOrder> bids, std::vector<AskOrder> asks) {
    Book out;
    out.bids = std::move(bids);
    out.asks = std::move(asks);
    canonicalise(out);
    return out;
}
inline constexpr ClearingLimits kNoLimits{1U << 30U, std::uint64_t{1} << 50U};

inline std::uint32_t lots_taken(const Clearing& clearing, std::uint64_t bid_number) {
    std::uint32_t lots = 0;
    for (const Take& take : clearing.takes)
        if (take.bid == job(bid_number)) lots += take.lots;
    return lots;
}
inline std::uint32_t lots_sold(const Clearing& clearing, std::uint64_t provider_number) {
    std::uint32_t lots = 0;
    for (const Take& take : clearing.takes)
        if (take.provider == account(provider_number)) lots += take.lots;
    return lots;
}

/// What a random book may contain.
struct BookShape {
    std::uint64_t bids = 8;
    std::uint64_t asks = 8;
    std::uint64_t price_max = 12;  ///< few prices make many ties
    std::uint32_t lots_max = 5;
    bool classes = true;
    bool lists = true;  ///< deny, allow, excluded, self, sizes
    bool caps = true;
    bool min_fill = true;
    bool stake = true;
    bool replicas = true;
    bool standing = true;
};

/// Few classes, so that a small book has several asks in one.
inline Capability random_capability(Rng& rng) {
    Capability out;
    out.memory_tier = static_cast<std::uint8_t>(rng.below(2));
    out.features = static_cast<std::uint32_t>(rng.below(2));
    out.region = rng.chance(8) ? 1 : 0;
    out.tee = rng.chance(10) ? 1 : 0;
    out.stake_tier = rng.chance(8) ? 1 : 0;
    out.record_tier = rng.chance(8) ? 1 : 0;
    return out;
}
inline Requirement random_requirement(Rng& rng) {
    Requirement out;
    out.memory_tier = rng.chance(3) ? 1 : 0;
    out.features = rng.chance(3) ? 1 : 0;
    out.regions = rng.chance(5) ? 1 + rng.below(3) : 0;
    out.tees = rng.chance(20) ? 2 : 0;
    out.stake_tier = rng.chance(12) ? 1 : 0;
    out.record_tier = rng.chance(12) ? 1 : 0;
    return out;
}

inline void add_lists(Rng& rng, const BookShape& shape, BidOrder& out) {
    const auto some = [&](std::uint64_t one_in, auto& into) {
        for (std::uint64_t a = 0; a < shape.asks && into.size() < kListMax; ++a)
            if (rng.chance(one_in)) into.push_back(account(a));
    };
    if (rng.chance(4)) {
        out.list_kind = rng.chance(2) ? ListKind::deny : ListKind::allow;
        some(2, out.list);
    }
    if (rng.chance(4)) some(4, out.excluded);
    if (rng.chance(8)) out.task_gas = Gas{2'000'000'000'000};
    if (rng.chance(6)) out.owner = account(rng.below(shape.asks));
}

inline BidOrder random_bid(Rng& rng, const BookShape& shape, std::uint64_t n) {
    BidOrder out = bid(n, rng.between(1, shape.price_max), 0);
    if (shape.replicas && rng.chance(3))
        out.replicas = static_cast<std::uint8_t>(rng.between(2, 3));
    auto left = static_cast<std::uint32_t>(rng.between(1, shape.lots_max));
    std::uint32_t at = 0;
    bool untouched = true;
    while (left > 0) {
        ChunkRun run;
        run.first = at + static_cast<std::uint32_t>(rng.below(2));
        run.count = static_cast<std::uint32_t>(rng.between(1, left));
        run.need = out.replicas;
        if (out.replicas > 1 && rng.chance(3)) {
            run.holders.push_back(account(rng.below(shape.asks)));
            --run.need;
            untouched = false;
        }
        at = run.first + run.count;
        left -= run.count;
        out.chunks.push_back(run);
    }
    if (shape.classes) out.requirement = random_requirement(rng);
    if (shape.caps && rng.chance(2)) {
        out.spread_cap = static_cast<std::uint32_t>(rng.between(1, 3));
        for (std::uint64_t a = 0; a < shape.asks; ++a)
            if (rng.chance(5))
                out.held.push_back({account(a), static_cast<std::uint32_t>(rng.between(1, 2))});
    }
    if (shape.lists) add_lists(rng, shape, out);
    if (shape.min_fill && untouched && rng.chance(3)) {
        std::uint64_t most = 0;
        for (const ChunkRun& run : out.chunks) most += run.count;
        out.min_first_fill = static_cast<std::uint32_t>(rng.between(1, most));
    }
    if (shape.stake) {
        out.lot_value = Amount{rng.between(1, 400'000'000)};
        out.stake_factor = rng.between(1, 20'000);
    }
    if (rng.chance(2))
        out.previous = Seasoned{Price{rng.between(1, shape.price_max)},
                                static_cast<std::uint32_t>(rng.between(0, shape.lots_max))};
    out.cancelling = rng.chance(10);
    if (shape.standing && rng.chance(10)) out.standing = static_cast<Standing>(rng.between(1, 5));
    return out;
}

inline AskOrder random_ask(Rng& rng, const BookShape& shape, std::uint64_t n) {
    AskOrder out = ask(n, {});
    std::uint64_t price = rng.between(1, shape.price_max);
    for (std::uint64_t s = 0; s < rng.between(1, kStepsPerAskMax); ++s) {
        out.steps.push_back({Price{price}, static_cast<std::uint32_t>(rng.between(1, 2))});
        price += rng.between(1, 3);
    }
    out.uncommitted = static_cast<std::uint32_t>(rng.below(5));
    if (shape.classes) out.capability = random_capability(rng);
    if (shape.lists && rng.chance(4)) out.owner = account(rng.below(shape.asks));
    if (shape.lists && rng.chance(5))
        out.deny.push_back(account(1'000'000 + rng.below(shape.bids)));
    if (shape.lists && rng.chance(6)) out.task_gas_max = Gas{3'000'000'000'000};
    if (shape.stake) out.free_stake = Amount{rng.between(0, 1'000'000'000)};
    if (shape.standing && rng.chance(12)) out.standing = Standing::not_yet_eligible;
    return out;
}

inline Book random_book(Rng& rng, const BookShape& shape) {
    std::vector<BidOrder> bids;
    std::vector<AskOrder> asks;
    for (std::uint64_t i = 0; i < shape.bids; ++i) bids.push_back(random_bid(rng, shape, i));
    for (std::uint64_t i = 0; i < shape.asks; ++i) asks.push_back(random_ask(rng, shape, i));
    Book out = book(std::move(bids), std::move(asks));
    out.fee_bp = static_cast<std::uint32_t>(rng.below(3) * 100);
    out.reserve = Amount{shape.stake ? rng.below(50'000'000) : 0};
    return out;
}

}  // namespace millrace::market::testing
