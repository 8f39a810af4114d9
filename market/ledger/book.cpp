#include "market/ledger/book.hpp"

#include <algorithm>
#include <set>

#include "market/ledger/tables.hpp"

namespace millrace::market {

namespace {

constexpr std::uint8_t kBidSide = 1;
constexpr std::uint8_t kAskSide = 2;
const Bytes kPresent{1};
/// Rows beside their own that the bids of one clearing read: two for each that it walks. Who comes
/// after they are used up offers what needs no row.
constexpr std::size_t kRowsPerClearing = 32'768;
/// Open chunks that one bid offers at once, the lowest first: few enough that no single bid uses up
/// what all share, and a sixteenth of what a clearing leases.
constexpr std::size_t kChunkRowsPerBid = 256;
/// Rows of the book read at a time.
constexpr std::size_t kPage = 1'024;
/// Bids of each kind that one freeze wakes: a sixteenth of those that a clearing walks, so that
/// sleepers who wake together leave room for all others.
constexpr std::size_t kWakesPerClearing = 1'024;
constexpr Standing kSleepers[] = {Standing::min_fill, Standing::no_capable_ask};
/// Above what two blocks and their sweeps can touch: each needs a transaction or a due item.
constexpr std::size_t kDirtyMax = 1U << 20U;

template <class Id>
void mark_dirty(Ledger& ledger, std::uint8_t side, const Id& id) {
    ledger.state.put(Key(Table::dirty_order).add_number(side).add(id).bytes(), kPresent);
}

std::uint64_t wanted(const BidRow& row) {
    return std::uint64_t{row.fresh_end - row.fresh} * row.replicas + row.open_lots;
}

/// The row that an open job has in the book as it is now, without its seasoning.
std::optional<BidRow> make_bid_row(const Params& params, const Job& job, const JobSpec& spec) {
    if (job.state != JobState::open) return std::nullopt;
    BidRow row;
    row.buyer = job.buyer;
    row.limit = job.limit;
    row.requirement = spec.requirement;
    row.replicas = spec.replicas;
    row.spread = spec.replicas > 1 && spec.spread == 0 ? job.chunks : spec.spread;
    row.first_fill = job.filled ? 0 : spec.first_fill;
    row.list_kind = spec.list_kind;
    row.list = spec.list;
    row.task_gas = spec.task_gas;
    row.task_bytes = task_bytes(spec);
    row.lot_value = lot_value(spec, job.limit);
    row.stake_factor =
        stake_factor(spec.audit_rate_bp, params.disputes.slash_burnt_bp,
                     params.leases.stake_risk_min_bp, params.leases.stake_risk_unaudited_bp);
    row.expires = job.expires;
    row.has_excluded = job.has_excluded;
    row.has_held = job.providers_had != 0;
    row.fresh = job.fresh;
    row.fresh_end = job.fresh_end;
    row.open_lots = job.open_lots;
    row.standing = job.standing;
    if (wanted(row) == 0) return std::nullopt;
    return row;
}

/// A row that replaces `old` remembers what the last freeze saw.
void season(BidRow& row, const std::optional<BidRow>& old, ClearingNumber next) {
    row.since = next;
    row.changed = next;
    if (!old) return;
    row.since = old->since;
    row.changed = old->changed;
    row.before = old->before;
    if (old->limit == row.limit && wanted(*old) == wanted(row)) return;
    if (old->changed < next) row.before = {old->limit, static_cast<std::uint32_t>(wanted(*old))};
    row.changed = next;
}

/// Whether two rows differ in more than whether they sit out: that alone trades nothing.
bool is_other_order(const std::optional<BidRow>& old, const std::optional<BidRow>& row) {
    if (!old || !row) return true;
    BidRow same = *old;
    same.standing = row->standing;
    return same != *row;
}

void derive_bid(Ledger& ledger, const JobId& id, Job& job, const JobSpec& spec) {
    std::optional<BidRow> row;
    if (job.expires > ledger.now()) row = make_bid_row(ledger.params, job, spec);
    std::optional<BidRow> old;
    if (job.book_place) old = load<BidRow>(ledger.state, bid_place_key(*job.book_place, id));
    if (!row && !old) return;
    std::optional<BidPlace> place;
    if (row) {
        season(*row, old, ledger.next_clearing());
        place = BidPlace{row->limit, job.standing, {}};
        if (job.standing != Standing::active) place->wakes = job.sits_until;
        if (old && *old == *row && place == job.book_place) return;
    }
    if (old && place != job.book_place) ledger.state.erase(bid_place_key(*job.book_place, id));
    if (row) store(ledger.state, bid_place_key(*place, id), *row);
    if (row && !old) ++ledger.chain.bids;
    if (!row && old) --ledger.chain.bids;
    job.book_place = place;
    if (is_other_order(old, row)) ledger.chain.book_changed = true;
}

AskOrder make_ask_order(const Ledger& ledger, const Provider& p, const Ask& ask) {
    const StakeParams& tiers = ledger.params.stake;
    AskOrder order;
    order.provider = p.owner;
    order.owner = p.owner;
    order.capability.memory_tier = ask.machine.memory_tier;
    order.capability.features = ask.machine.features;
    order.capability.tee = ask.machine.tee;
    order.capability.region = ask.machine.region;
    order.capability.stake_tier = tier_of(p.stake, tiers.stake_tier_base, kStakeTiers);
    order.capability.record_tier = tier_of(p.fees_paid, tiers.record_tier_base, kRecordTiers);
    order.steps = ask.steps;
    order.uncommitted = p.places;
    order.free_stake = free_stake(p);
    order.task_gas_max = ask.task_gas_max;
    order.task_bytes_max = ask.task_bytes_max;
    order.deny = ask.deny;
    return order;
}

bool has_ask(const Provider& p) {
    return p.paused == PauseReason::none && (p.ask || p.next);
}

std::optional<AskRow> make_ask_row(const Ledger& ledger, const Provider& p) {
    if (!has_ask(p)) return std::nullopt;
    AskRow row;
    if (p.ask) row.order = make_ask_order(ledger, p, *p.ask);
    if (p.next) row.next = make_ask_order(ledger, p, *p.next);
    row.next_from = p.next_from;
    return row;
}

Price first_price(const AskRow& row) {
    Price price{kPriceBound};
    if (row.order) price = std::min(price, row.order->steps.front().price);
    if (row.next) price = std::min(price, row.next->steps.front().price);
    return price;
}

/// Whether there may be bids that only the new order can serve: another capability, as when a tier
/// rises with stake or record, or larger tasks.
bool may_do_more(const AskOrder& old, const AskOrder& now) {
    return old.capability != now.capability || old.task_gas_max < now.task_gas_max ||
           old.task_bytes_max < now.task_bytes_max;
}

/// New supply, from the next clearing on or when its notice ends: then bids that nobody could serve
/// look again. Each clearing has its own mark: one number for all would forget either the earlier
/// or the later of two notices.
void note_supply(Ledger& ledger, const std::optional<AskRow>& old, const AskRow& row) {
    const ClearingNumber next = ledger.next_clearing();
    const auto mark = [&](ClearingNumber due) {
        ledger.state.put(supply_due_key(due).bytes(), kPresent);
    };
    if (row.next) mark(row.next_from);
    if (!row.order) return;
    std::optional<AskOrder> before;
    // What has matured since then was marked when it came under notice.
    if (old) before = old->next && old->next_from <= next ? old->next : old->order;
    if (!before || may_do_more(*before, *row.order)) mark(next);
}

void derive_ask(Ledger& ledger, Provider& p) {
    mature_ask(p, ledger.next_clearing());
    const std::optional<AskRow> row = make_ask_row(ledger, p);
    const std::optional<Price> old_price = p.book_price;
    const std::optional<Price> price = row ? std::optional(first_price(*row)) : std::nullopt;
    std::optional<AskRow> old;
    if (old_price) old = load<AskRow>(ledger.state, ask_key(*old_price, p.owner));
    if (old_price && old_price != price) ledger.state.erase(ask_key(*old_price, p.owner));
    if (row) {
        const Key key = ask_key(*price, p.owner);
        const Bytes raw = encode(*row);
        if (ledger.state.get(key) != raw) {
            ledger.state.put(key.bytes(), raw);
            ledger.chain.book_changed = true;
        }
    }
    if (row && !old_price) ++ledger.chain.asks;
    if (!row && old_price) --ledger.chain.asks;
    p.book_price = price;
    if (!row) return;
    note_supply(ledger, old, *row);
    // The notice is counted in clearings, so they must go on.
    if (row->next) ledger.chain.clock_until = std::max(ledger.chain.clock_until, row->next_from);
}

/// Rows do not change while a clearing is pending; the count of those that there will be does.
void count_coming(Ledger& ledger, const Provider& p) {
    const auto old = find_provider(ledger, p.owner);
    const bool had = old && has_ask(*old);
    if (had == has_ask(p)) return;
    if (had)
        --ledger.chain.asks_coming;
    else
        ++ledger.chain.asks_coming;
}

/// Keeps the index of those that may have to leave a full book. Who works may not; what is locked
/// until a retention ends protects nobody, or one small lease would keep a place for months.
void index_place(Ledger& ledger, Provider& p) {
    const bool replaceable = p.paused == PauseReason::none && p.places == 0;
    if (replaceable == p.replaceable) return;
    const Key key = ask_admission_key(p.admission, p.owner);
    if (replaceable)
        ledger.state.put(key.bytes(), kPresent);
    else
        ledger.state.erase(key);
    p.replaceable = replaceable;
}

}  // namespace

void save_provider(Ledger& ledger, Provider& provider) {
    index_place(ledger, provider);
    if (ledger.chain.pending) {
        mark_dirty(ledger, kAskSide, provider.owner);
        count_coming(ledger, provider);
    } else {
        derive_ask(ledger, provider);
    }
    store(ledger.state, provider_key(provider.owner), provider);
}

void save_job(Ledger& ledger, const JobId& id, Job& job, const JobSpec& spec) {
    if (ledger.chain.pending)
        mark_dirty(ledger, kBidSide, id);
    else
        derive_bid(ledger, id, job, spec);
    store(ledger.state, job_key(id), job);
}

void derive_dirty_rows(Ledger& ledger) {
    MILLRACE_ASSERT(!ledger.chain.pending);
    ledger.chain.bids_coming = 0;
    ledger.chain.asks_coming = 0;
    const auto dirty = ledger.state.scan(Key(Table::dirty_order), {}, kDirtyMax);
    for (const StateEntry& entry : dirty) {
        ledger.state.erase(entry.key);
        if (number_in_key<std::uint8_t>(entry.key, 1) == kBidSide) {
            const auto id = id_in_key<JobId>(entry.key, 2);
            if (std::optional<Job> job = find_job(ledger, id))
                save_job(ledger, id, *job, spec_of(ledger, id));
        } else {
            std::optional<Provider> p = find_provider(ledger, id_in_key<Address>(entry.key, 2));
            if (p) save_provider(ledger, *p);
        }
    }
}

void wake_bids(Ledger& ledger) {
    MILLRACE_ASSERT(!ledger.chain.pending);
    const ClearingNumber number = ledger.next_clearing();
    // Each number is frozen once, so no mark is passed over.
    if (ledger.state.get(supply_due_key(number))) {
        ledger.state.erase(supply_due_key(number));
        ledger.chain.supply_gained = number;
    }
    for (const Standing standing : kSleepers) {
        std::size_t woken = 0;
        for (const StateEntry& entry :
             ledger.state.scan(sleeping_bids(standing), {}, kWakesPerClearing)) {
            const ClearingNumber wakes{number_in_key<std::uint64_t>(entry.key, 2)};
            const auto id = id_in_key<JobId>(entry.key, 10);
            std::optional<Job> job = find_job(ledger, id);
            MILLRACE_ASSERT(job.has_value());
            // Those that nobody could serve sleep for the same number of clearings each, so the
            // first of them is also the one that looked last at the oldest supply.
            const bool supplied =
                standing == Standing::no_capable_ask && ledger.chain.supply_gained > job->sat_at;
            if (wakes > number && !supplied) break;
            job->standing = Standing::active;
            save_job(ledger, id, *job, spec_of(ledger, id));
            ++woken;
        }
        // More may be due: the next freeze must come.
        if (woken == kWakesPerClearing)
            ledger.chain.clock_until =
                std::max(ledger.chain.clock_until, ClearingNumber{number.value + 1});
    }
}

namespace {

/// Reads what belongs to a bid beside its row, within the rows that are left to this clearing.
class BidReader {
  public:
    BidReader(const StateReader& state, ClearingNumber number) : state_(state), number_(number) {}

    /// A bid that takes no part has only its lots, as one run.
    BidOrder read(const JobId& id, const BidRow& row, Standing standing) {
        BidOrder bid;
        bid.id = id;
        bid.standing = standing;
        bid.owner = row.buyer;
        bid.limit = row.limit;
        bid.requirement = row.requirement;
        bid.replicas = row.replicas;
        bid.spread_cap = row.spread;
        bid.list_kind = row.list_kind;
        bid.list = row.list;
        bid.task_gas = row.task_gas;
        bid.task_bytes = row.task_bytes;
        bid.lot_value = row.lot_value;
        bid.stake_factor = row.stake_factor;
        if (bid.standing == Standing::active) read_parts(bid, row);
        if (bid.standing != Standing::active)
            bid.chunks = {{0, static_cast<std::uint32_t>(wanted(row)), 1, {}}};
        bid.min_first_fill =
            std::min(row.first_fill, row.replicas > 1 ? chunks_in(bid) : lots_of(bid));
        if (row.since < number_) bid.previous = previous_of(row);
        return bid;
    }

  private:
    static std::uint32_t chunks_in(const BidOrder& bid) {
        std::uint32_t sum = 0;
        for (const ChunkRun& run : bid.chunks) sum += run.count;
        return sum;
    }

    [[nodiscard]] Seasoned previous_of(const BidRow& row) const {
        if (row.changed == number_) return row.before;
        return {row.limit, static_cast<std::uint32_t>(wanted(row))};
    }

    std::vector<StateEntry> page(const Key& prefix, std::size_t limit) {
        auto rows = state_.scan(prefix, {}, std::min(limit, rows_left_));
        rows_left_ -= rows.size();
        return rows;
    }

    /// Who failed the job and what a cap counts are read whole or the bid waits: in part, they
    /// would let somebody in. Of open chunks the first ones are as good as all.
    void read_parts(BidOrder& bid, const BidRow& row) {
        if (row.has_held && rows_left_ < kHeldMax) {
            bid.standing = Standing::unread;
            return;
        }
        if (row.has_excluded) read_excluded(bid);
        if (row.has_held) read_held(bid);
        if (row.open_lots != 0) read_chunks(bid);
        if (row.fresh < row.fresh_end)
            bid.chunks.push_back({row.fresh, row.fresh_end - row.fresh, row.replicas, {}});
        if (bid.chunks.empty()) bid.standing = Standing::unread;
    }

    void read_chunks(BidOrder& bid) {
        for (const StateEntry& entry : page(Key(Table::open_chunk).add(bid.id), kChunkRowsPerBid)) {
            auto open = decode_state<OpenChunk>(entry.value);
            ChunkOffer& offer = open.since <= number_ ? open.now : open.before;
            if (offer.need == 0) continue;
            ChunkRun run{number_in_key<std::uint32_t>(entry.key, 33), 1, offer.need, {}};
            if (bid.replicas > 1) run.holders = std::move(offer.holders);
            if (!bid.chunks.empty() &&
                bid.chunks.back().first + bid.chunks.back().count == run.first &&
                bid.chunks.back().need == run.need && bid.chunks.back().holders == run.holders)
                ++bid.chunks.back().count;
            else
                bid.chunks.push_back(std::move(run));
        }
    }

    void read_excluded(BidOrder& bid) {
        const auto list = load<ExcludedList>(state_, job_excluded_key(bid.id));
        if (!list) return;
        for (const Excluded& one : *list)
            if (one.since <= number_) bid.excluded.push_back(one.provider);
    }

    void read_held(BidOrder& bid) {
        for (const StateEntry& entry : page(Key(Table::job_held).add(bid.id), kHeldMax))
            bid.held.push_back(
                {id_in_key<Address>(entry.key, 33), decode_state<std::uint32_t>(entry.value)});
    }

    const StateReader& state_;
    ClearingNumber number_;
    std::size_t rows_left_ = kRowsPerClearing;
};

/// Bids from the top. Expired ones take no part and no place in the walk; the clearing takes those
/// that it meets out of the book, so that they are met once.
void read_bids(const StateReader& state, BidReader& reader, std::size_t walked, ActiveTime frozen,
               Book& book) {
    const Key prefix(Table::bid);
    std::size_t active = 0;
    std::size_t expired = 0;
    Bytes from;
    for (;;) {
        const auto page = state.scan(prefix, from, kPage);
        for (const StateEntry& entry : page) {
            if (active == walked || expired == walked) return;
            const auto row = decode_state<BidRow>(entry.value);
            const bool is_over = row.expires <= frozen;
            ++(is_over ? expired : active);
            book.bids.push_back(reader.read(id_in_key<JobId>(entry.key, 9), row,
                                            is_over ? Standing::expired : Standing::active));
        }
        if (page.size() < kPage) return;
        from = page.back().key;
        from.push_back(0);
    }
}

/// Stake lost since the cut-off counts; only of providers that changed since then.
void lower_to_present_stake(const StateReader& state, AskOrder& order) {
    const Key key = Key(Table::dirty_order).add_number(kAskSide).add(order.provider);
    if (!state.get(key)) return;
    const auto p = load<Provider>(state, provider_key(order.provider));
    MILLRACE_ASSERT(p.has_value());
    order.free_stake = std::min(order.free_stake, free_stake(*p));
}

}  // namespace

Book read_book(const StateReader& state, const Params& params, ClearingNumber number,
               ActiveTime frozen) {
    Book book;
    book.fee_bp = params.auction.market_fee_bp;
    book.reserve = params.leases.lease_reserve;
    BidReader reader(state, number);
    read_bids(state, reader, params.auction.bids_walked_per_clearing, frozen, book);
    for (const StateEntry& entry :
         state.scan(Key(Table::ask), {}, params.auction.asks_walked_per_clearing)) {
        auto row = decode_state<AskRow>(entry.value);
        std::optional<AskOrder>& order = row.next && row.next_from <= number ? row.next : row.order;
        if (!order) continue;
        lower_to_present_stake(state, *order);
        book.asks.push_back(*std::move(order));
    }
    canonicalise(book);
    return book;
}

void add_sleeping_bids(const StateReader& state, Book& book, ClearingNumber number,
                       ActiveTime frozen, std::size_t limit, const std::optional<JobId>& job) {
    BidReader reader(state, number);
    std::set<JobId> known;
    for (const BidOrder& bid : book.bids) known.insert(bid.id);
    const auto add = [&](const JobId& id, const BidRow& row, Standing standing) {
        if (!known.insert(id).second) return;
        book.bids.push_back(
            reader.read(id, row, row.expires <= frozen ? Standing::expired : standing));
    };
    for (const Standing standing : kSleepers)
        for (const StateEntry& entry : state.scan(sleeping_bids(standing), {}, limit))
            add(id_in_key<JobId>(entry.key, 10), decode_state<BidRow>(entry.value), standing);
    const auto record = job ? load<Job>(state, job_key(*job)) : std::nullopt;
    if (record) {
        // Past the walk, or expired and not in the book any more.
        const auto row =
            make_bid_row(load_params(state), *record, *load<JobSpec>(state, job_spec_key(*job)));
        const Standing standing =
            record->standing == Standing::active ? Standing::unread : record->standing;
        if (row) add(*job, *row, standing);
    }
    canonicalise(book);
}

}  // namespace millrace::market
