#include "market/auction/quote.hpp"

#include <algorithm>

namespace millrace::market {

BidOrder probe_of(const QuoteRequest& request) {
    BidOrder probe;
    probe.id.bytes.fill(0xff);
    probe.owner.bytes.fill(0xff);
    probe.limit = request.limit;
    probe.requirement = request.requirement;
    probe.replicas = request.replicas;
    if (request.lots > 0) probe.chunks.push_back({0, request.lots, request.replicas, {}});
    probe.spread_cap = request.spread_cap;
    probe.task_gas = request.task_gas;
    probe.task_bytes = request.task_bytes;
    probe.lot_value = request.lot_value;
    probe.stake_factor = request.stake_factor;
    return probe;
}

std::optional<Quote> quote(Book book, const QuoteRequest& request, const ClearingLimits& limits) {
    BidOrder probe = probe_of(request);
    if (fault_of(probe)) return std::nullopt;
    const JobId id = probe.id;
    // Its id is the highest there is, so it goes behind all bids of its limit.
    const auto at =
        std::upper_bound(book.bids.begin(), book.bids.end(), probe.limit,
                         [](const Price& limit, const BidOrder& bid) { return limit > bid.limit; });
    book.bids.insert(at, std::move(probe));
    const Clearing clearing = clear(book, Hash{}, limits);
    Quote out;
    Uint128 sum = 0;
    for (const Take& take : clearing.takes) {
        if (take.bid != id) continue;
        out.lots += take.lots;
        out.price = std::max(out.price, take.price);
        sum += Uint128{take.price.value} * take.lots;
    }
    if (out.lots > 0)
        out.price_mean = Price{static_cast<std::uint64_t>((sum + (out.lots - 1)) / out.lots)};
    return out;
}

}  // namespace millrace::market
