#include "market/block/clearing.hpp"

#include <algorithm>
#include <span>

#include "market/query.hpp"
#include "market/rules/chunk.hpp"

namespace millrace::market {

namespace {

/// A bid that failed its minimum fill sits out 1, 2, 4, … clearings, at most this many.
constexpr std::uint32_t kSitsMax = 1'024;
/// A bid that no ask can serve looks again after this many clearings at the latest.
constexpr std::uint32_t kIncapableSits = 16;

/// Slots of the ask that a lease was sold from.
std::uint32_t slots_in(const Book& book, const ProviderId& provider) {
    const auto at = std::lower_bound(
        book.asks.begin(), book.asks.end(), provider,
        [](const AskOrder& ask, const ProviderId& id) { return ask.provider < id; });
    MILLRACE_ASSERT(at != book.asks.end() && at->provider == provider);
    std::uint32_t slots = 0;
    for (const AskStep& step : at->steps) slots += step.slots;
    return slots;
}

/// Makes leases of one job's grants. Where the drawn replica of a chunk finds its slot closed, the
/// chunk goes without the others, too, and is drawn again: else whoever closes that slot in the
/// same clearing would choose by whom all replicas are computed.
std::uint32_t grant_leases_of(Ledger& ledger, const Book& book, std::span<const Grant> grants,
                              Job& job, const JobSpec& spec) {
    std::uint32_t made = 0;
    std::optional<std::uint32_t> undrawn;
    for (const Grant& grant : grants) {
        if (grant.chunk == undrawn) continue;
        if (make_lease(ledger, grant, slots_in(book, grant.provider), job, spec))
            ++made;
        else if (grant.drawn)
            undrawn = grant.chunk;
    }
    return made;
}

/// How many leases were made of the lots that were granted.
std::uint32_t grant_leases(Ledger& ledger, const Book& book, const Clearing& clearing) {
    std::uint32_t made = 0;
    for (std::size_t i = 0; i < clearing.grants.size();) {
        const JobId id = clearing.grants[i].bid;
        std::optional<Job> job = find_job(ledger, id);
        MILLRACE_ASSERT(job.has_value());
        const JobSpec spec = spec_of(ledger, id);
        const std::size_t first = i;
        while (i < clearing.grants.size() && clearing.grants[i].bid == id) ++i;
        made += grant_leases_of(ledger, book, std::span(clearing.grants).subspan(first, i - first),
                                *job, spec);
        job->sits_next = 1;
        save_job(ledger, id, *job, spec);
    }
    return made;
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
    if (standing == Standing::min_fill)
        ledger.chain.min_fill_until = std::max(ledger.chain.min_fill_until, job->sits_until);
    save_job(ledger, id, *job, spec_of(ledger, id));
}

/// The last price of each class that traded; of more than one clearing can have, those that traded
/// last stay.
void remember_prices(Ledger& ledger, const Clearing& clearing) {
    for (const ClassResult& c : clearing.classes) {
        if (c.sold == 0) continue;
        store(ledger.state, class_price_key(c.class_id),
              ClassPrice{ledger.chain.clearing, ledger.now(), c.price, c.sold, c.offered, c.unmet});
    }
    std::vector<std::pair<ClearingNumber, Bytes>> rows;
    for (StateEntry& entry : ledger.state.scan(Key(Table::class_price), {}, 2 * kClassesMax))
        rows.emplace_back(decode_state<ClassPrice>(entry.value).clearing, std::move(entry.key));
    if (rows.size() <= kClassesMax) return;
    std::sort(rows.begin(), rows.end());
    rows.resize(rows.size() - kClassesMax);
    for (const auto& [clearing_number, key] : rows) ledger.state.erase(key);
}

/// What had expired at the freeze leaves the book with the clearing that met it.
void drop_expired(Ledger& ledger, const Book& book) {
    for (const BidOrder& bid : book.bids) {
        if (bid.standing != Standing::expired) continue;
        std::optional<Job> job = find_job(ledger, bid.id);
        MILLRACE_ASSERT(job.has_value());
        save_job(ledger, bid.id, *job, spec_of(ledger, bid.id));
    }
}

}  // namespace

bool freeze_is_wanted(const ChainState& chain) {
    return chain.clearing < chain.clock_until || (chain.book_changed && chain.bids != 0);
}

void freeze_if_due(Ledger& ledger) {
    ChainState& chain = ledger.chain;
    if (chain.pending || chain.active_time < chain.next_cut_off) return;
    const std::uint64_t interval = ledger.params.auction.auction_interval_ms;
    // Several intervals between two blocks clear once.
    chain.next_cut_off = ActiveTime{(chain.active_time.value / interval + 1) * interval};
    if (!freeze_is_wanted(chain)) return;
    if (chain.book_changed) chain.clock_until = std::max(chain.clock_until, chain.min_fill_until);
    wake_bids(ledger);
    chain.clearing = ledger.next_clearing();
    chain.pending = PendingClearing{chain.clearing, chain.beacon, chain.active_time};
    chain.asks_coming = chain.asks;
    chain.book_changed = false;
}

void run_clearing(Ledger& ledger) {
    MILLRACE_ASSERT(ledger.chain.pending.has_value());
    const PendingClearing pending = *ledger.chain.pending;
    Book book;
    Clearing clearing;
    if (ledger.chain.bids != 0) {
        book = read_book(ledger.state, ledger.params, pending.number, pending.frozen);
        clearing = clear(book, Hash{pending.seed.bytes}, clearing_limits(ledger.params));
    }
    // From here on rows follow their records at once again.
    ledger.chain.pending.reset();
    const std::uint32_t made = grant_leases(ledger, book, clearing);
    for (const JobId& id : clearing.min_fill) sit_out(ledger, id, Standing::min_fill);
    for (const JobId& id : clearing.incapable) sit_out(ledger, id, Standing::no_capable_ask);
    drop_expired(ledger, book);
    if (!clearing.grants.empty()) remember_prices(ledger, clearing);
    derive_dirty_rows(ledger);
    if (clearing.end != WalkEnd::complete) ledger.chain.book_changed = true;
    if (!clearing.grants.empty() || !clearing.classes.empty())
        ledger.events.emplace_back(ClearingEvent{pending.number, made, clearing.classes});
}

}  // namespace millrace::market
