#include "market/block/clearing.hpp"

#include <algorithm>

#include "market/query.hpp"
#include "market/rules/chunk.hpp"

namespace millrace::market {

namespace {

/// A bid that failed its minimum fill sits out 1, 2, 4, … clearings, at most this many.
constexpr std::uint32_t kSitsMax = 1'024;
/// A bid that no ask can serve looks again after this many clearings at the latest.
constexpr std::uint32_t kIncapableSits = 16;

void grant_leases(Ledger& ledger, const Clearing& clearing) {
    for (std::size_t i = 0; i < clearing.grants.size();) {
        const JobId id = clearing.grants[i].bid;
        std::optional<Job> job = find_job(ledger, id);
        MILLRACE_ASSERT(job.has_value());
        const JobSpec spec = spec_of(ledger, id);
        for (; i < clearing.grants.size() && clearing.grants[i].bid == id; ++i)
            make_lease(ledger, clearing.grants[i], *job, spec);
        job->sits_next = 1;
        save_job(ledger, id, *job, spec);
    }
}

void sit_out(Ledger& ledger, const JobId& id, Standing standing) {
    std::optional<Job> job = find_job(ledger, id);
    MILLRACE_ASSERT(job.has_value());
    job->standing = standing;
    job->sat_at = ledger.chain.clearing;
    std::uint32_t clearings = kIncapableSits;
    if (standing == Standing::min_fill) {
        clearings = job->sits_next;
        job->sits_next = std::min(job->sits_next * 2, kSitsMax);
    }
    job->sits_until = ClearingNumber{ledger.chain.clearing.value + 1 + clearings};
    save_job(ledger, id, *job, spec_of(ledger, id));
}

void remember_prices(Ledger& ledger, const Clearing& clearing) {
    for (const ClassResult& c : clearing.classes) {
        if (c.sold == 0) continue;
        store(ledger.state, class_price_key(c.class_id),
              ClassPrice{ledger.chain.clearing, ledger.now(), c.price, c.sold, c.offered, c.unmet});
    }
}

}  // namespace

void freeze_if_due(Ledger& ledger) {
    ChainState& chain = ledger.chain;
    if (chain.pending || chain.active_time < chain.next_cut_off) return;
    const std::uint64_t interval = ledger.params.auction.auction_interval_ms;
    // Several intervals between two blocks clear once.
    chain.next_cut_off = ActiveTime{(chain.active_time.value / interval + 1) * interval};
    chain.clearing = ledger.next_clearing();
    chain.pending = PendingClearing{chain.clearing, chain.beacon, chain.active_time};
    chain.book_changed = false;
}

void run_clearing(Ledger& ledger) {
    MILLRACE_ASSERT(ledger.chain.pending.has_value());
    const PendingClearing pending = *ledger.chain.pending;
    Clearing clearing;
    if (ledger.chain.bids != 0) {
        const Book book = read_book(ledger.state, ledger.params, pending.number, pending.frozen);
        clearing = clear(book, Hash{pending.seed.bytes}, clearing_limits(ledger.params));
    }
    // From here on rows follow their records at once again.
    ledger.chain.pending.reset();
    grant_leases(ledger, clearing);
    for (const JobId& id : clearing.min_fill) sit_out(ledger, id, Standing::min_fill);
    for (const JobId& id : clearing.incapable) sit_out(ledger, id, Standing::no_capable_ask);
    remember_prices(ledger, clearing);
    derive_dirty_rows(ledger);
    if (clearing.end != WalkEnd::complete) ledger.chain.book_changed = true;
    if (!clearing.grants.empty() || !clearing.classes.empty())
        ledger.events.emplace_back(ClearingEvent{
            pending.number, static_cast<std::uint32_t>(clearing.grants.size()), clearing.classes});
}

}  // namespace millrace::market
