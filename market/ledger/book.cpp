#include "market/ledger/book.hpp"

#include <algorithm>

#include "market/ledger/tables.hpp"

namespace millrace::market {

namespace {

constexpr std::uint8_t kBidSide = 1;
constexpr std::uint8_t kAskSide = 2;
const Bytes kPresent{1};
/// Open chunks and exclusions that one clearing reads in all, in rows; what is past it waits.
constexpr std::size_t kRowsPerClearing = 16'384;
/// Above what two blocks and their sweeps can touch: each needs a transaction or a due item.
constexpr std::size_t kDirtyMax = 1U << 20U;

template <class Id>
void mark_dirty(Ledger& ledger, std::uint8_t side, const Id& id) {
    ledger.state.put(Key(Table::dirty_order).add_number(side).add(id).bytes(), kPresent);
    ledger.chain.book_changed = true;
}

std::uint64_t wanted(const BidRow& row) {
    return std::uint64_t{row.fresh_end - row.fresh} * row.replicas + row.open_lots;
}

/// The row that a job has in the book as it is now, without its seasoning.
std::optional<BidRow> make_bid_row(const Ledger& ledger, const Job& job, const JobSpec& spec) {
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
    row.task_bytes = spec.output_bytes_max + (spec.input ? spec.input->bytes : 0);
    row.lot_value = lot_value(spec, job.limit);
    row.stake_factor = stake_factor(spec.audit_rate_bp, ledger.params.disputes.slash_burnt_bp,
                                    ledger.params.leases.stake_risk_min_bp,
                                    ledger.params.leases.stake_risk_unaudited_bp);
    row.expires = job.expires;
    row.has_excluded = job.has_excluded;
    row.fresh = job.fresh;
    row.fresh_end = job.fresh_end;
    row.open_lots = job.open_lots;
    row.standing = job.standing;
    row.sits_until = job.sits_until;
    row.sat_at = job.sat_at;
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

void derive_bid(Ledger& ledger, const JobId& id, Job& job, const JobSpec& spec) {
    std::optional<BidRow> row = make_bid_row(ledger, job, spec);
    std::optional<BidRow> old;
    if (job.book_limit) old = load<BidRow>(ledger.state, bid_key(*job.book_limit, id));
    if (!row && !old) return;
    if (row) {
        season(*row, old, ledger.next_clearing());
        if (old && *old == *row) return;
    }
    if (old && (!row || *job.book_limit != row->limit))
        ledger.state.erase(bid_key(*job.book_limit, id));
    if (row) store(ledger.state, bid_key(row->limit, id), *row);
    if (row && !old) ++ledger.chain.bids;
    if (!row && old) --ledger.chain.bids;
    job.book_limit = row ? std::optional<Price>(row->limit) : std::nullopt;
    ledger.chain.book_changed = true;
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
    order.uncommitted = p.running + p.waiting;
    order.free_stake = free_stake(p);
    order.task_gas_max = ask.task_gas_max;
    order.task_bytes_max = ask.task_bytes_max;
    order.deny = ask.deny;
    return order;
}

std::optional<AskRow> make_ask_row(const Ledger& ledger, const Provider& p) {
    if (p.paused != PauseReason::none) return std::nullopt;
    AskRow row;
    if (p.ask) row.order = make_ask_order(ledger, p, *p.ask);
    if (p.next) row.next = make_ask_order(ledger, p, *p.next);
    row.next_from = p.next_from;
    if (!row.order && !row.next) return std::nullopt;
    return row;
}

Price first_price(const AskRow& row) {
    Price price{kPriceBound};
    if (row.order) price = std::min(price, row.order->steps.front().price);
    if (row.next) price = std::min(price, row.next->steps.front().price);
    return price;
}

void derive_ask(Ledger& ledger, Provider& p) {
    mature_ask(p, ledger.next_clearing());
    const std::optional<AskRow> row = make_ask_row(ledger, p);
    const std::optional<Price> old_price = p.book_price;
    const std::optional<Price> price = row ? std::optional(first_price(*row)) : std::nullopt;
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
    // New supply, now or when its notice ends: bids that nobody could serve look again.
    const ClearingNumber gain = p.next ? p.next_from : ledger.next_clearing();
    if (row && (p.next || !old_price) && ledger.chain.supply_gained < gain)
        ledger.chain.supply_gained = gain;
}

}  // namespace

void save_provider(Ledger& ledger, Provider& provider) {
    if (ledger.chain.pending)
        mark_dirty(ledger, kAskSide, provider.owner);
    else
        derive_ask(ledger, provider);
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

namespace {

/// Reads what belongs to a bid beside its row, within the rows that are left to this clearing.
class BidReader {
  public:
    BidReader(const StateReader& state, ClearingNumber number) : state_(state), number_(number) {}

    /// None when the clearing has read as much as it may.
    std::optional<BidOrder> read(const JobId& id, const BidRow& row) {
        BidOrder bid;
        bid.id = id;
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
        read_chunks(bid, row);
        if (row.fresh < row.fresh_end)
            bid.chunks.push_back({row.fresh, row.fresh_end - row.fresh, row.replicas, {}});
        bid.min_first_fill =
            std::min(row.first_fill, row.replicas > 1 ? chunks_in(bid) : lots_of(bid));
        if (row.has_excluded) read_excluded(bid);
        if (row.spread != 0) read_held(bid);
        if (row.since < number_) bid.previous = previous_of(row);
        if (rows_left_ == 0) return std::nullopt;
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

    std::vector<StateEntry> page(const Key& prefix) {
        auto rows = state_.scan(prefix, {}, rows_left_);
        rows_left_ -= rows.size();
        return rows;
    }

    void read_chunks(BidOrder& bid, const BidRow& row) {
        if (row.open_lots == 0) return;
        for (const StateEntry& entry : page(Key(Table::open_chunk).add(bid.id))) {
            const auto open = decode_state<OpenChunk>(entry.value);
            const std::uint8_t need = open.since <= number_ ? open.need : open.need_before;
            if (need == 0) continue;
            ChunkRun run{number_in_key<std::uint32_t>(entry.key, 33), 1, need, {}};
            if (row.replicas > 1) run.holders = holders_of(bid.id, run.first);
            if (!bid.chunks.empty() &&
                bid.chunks.back().first + bid.chunks.back().count == run.first &&
                bid.chunks.back().need == run.need && bid.chunks.back().holders == run.holders)
                ++bid.chunks.back().count;
            else
                bid.chunks.push_back(std::move(run));
        }
    }

    [[nodiscard]] BoundedVector<AccountId, kReplicasMax> holders_of(const JobId& id,
                                                                    std::uint32_t index) const {
        BoundedVector<AccountId, kReplicasMax> out;
        const auto chunk = load<Chunk>(state_, chunk_key(id, index));
        MILLRACE_ASSERT(chunk.has_value());
        for (const ChunkLease& lease : chunk->leases) out.push_back(lease.provider);
        std::sort(out.begin(), out.end());
        return out;
    }

    void read_excluded(BidOrder& bid) {
        for (const StateEntry& entry : page(Key(Table::job_excluded).add(bid.id)))
            if (decode_state<ClearingNumber>(entry.value) <= number_)
                bid.excluded.push_back(id_in_key<Address>(entry.key, 33));
    }

    void read_held(BidOrder& bid) {
        for (const StateEntry& entry : page(Key(Table::job_held).add(bid.id)))
            bid.held.push_back(
                {id_in_key<Address>(entry.key, 33), decode_state<std::uint32_t>(entry.value)});
    }

    const StateReader& state_;
    ClearingNumber number_;
    std::size_t rows_left_ = kRowsPerClearing;
};

Standing standing_of(const BidRow& row, ClearingNumber number, ActiveTime frozen,
                     ClearingNumber supply_gained) {
    if (row.expires <= frozen) return Standing::expired;
    if (row.sits_until <= number) return Standing::active;
    const bool woken = row.standing == Standing::no_capable_ask && supply_gained > row.sat_at &&
                       supply_gained <= number;
    return woken ? Standing::active : row.standing;
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
    const ClearingNumber gained = load_chain(state).supply_gained;
    BidReader reader(state, number);
    for (const StateEntry& entry :
         state.scan(Key(Table::bid), {}, params.auction.bids_walked_per_clearing)) {
        const auto row = decode_state<BidRow>(entry.value);
        std::optional<BidOrder> bid = reader.read(id_in_key<JobId>(entry.key, 9), row);
        if (!bid) break;
        bid->standing = standing_of(row, number, frozen, gained);
        book.bids.push_back(*std::move(bid));
    }
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

}  // namespace millrace::market
