#include "market/rules/chunk.hpp"

#include <algorithm>

#include "market/ledger/queues.hpp"
#include "market/rules/stake.hpp"

namespace millrace::market {

namespace {

const Bytes kPresent{1};
/// So many providers have asked for the job's input in vain: the next one will, too.
constexpr std::uint32_t kInputReportsMax = 64;
/// Open chunks read at a time when a job is wound down.
constexpr std::size_t kWindDownPage = 64;

Chunk load_chunk(const Ledger& ledger, const JobId& id, std::uint32_t index) {
    auto chunk = load<Chunk>(ledger.state, chunk_key(id, index));
    MILLRACE_ASSERT(chunk.has_value());
    return *std::move(chunk);
}

void save_chunk(Ledger& ledger, const JobId& id, std::uint32_t index, const Chunk& chunk) {
    store(ledger.state, chunk_key(id, index), chunk);
}

void emit_chunk(Ledger& ledger, const JobId& id, std::uint32_t index, const Chunk& chunk) {
    ledger.events.emplace_back(ChunkEvent{id, index, chunk.state, chunk.reveals_open});
}

/// A chunk's lots on offer, in the chunk, in the job's count and in the row of the book.
void set_need(Ledger& ledger, const JobId& id, std::uint32_t index, Chunk& chunk, Job& job,
              std::uint8_t need) {
    job.open_lots = job.open_lots - chunk.need + need;
    chunk.need = need;
    ChunkOffer offer{need, {}};
    for (const ChunkLease& lease : chunk.leases) offer.holders.push_back(lease.provider);
    std::sort(offer.holders.begin(), offer.holders.end());
    set_open_chunk(ledger, id, index, std::move(offer));
}

/// The first chunks of the never-leased range get rows, up to and with `index`.
void open_rows_to(Ledger& ledger, const JobId& id, std::uint32_t index, Job& job,
                  const JobSpec& spec) {
    for (; job.fresh <= index; ++job.fresh) {
        Chunk chunk;
        set_need(ledger, id, job.fresh, chunk, job, spec.replicas);
        save_chunk(ledger, id, job.fresh, chunk);
    }
}

Provider load_provider(const Ledger& ledger, const ProviderId& id) {
    auto provider = find_provider(ledger, id);
    MILLRACE_ASSERT(provider.has_value());
    return *std::move(provider);
}

void refund(Ledger& ledger, Job& job, Amount amount) {
    credit(ledger, job.buyer, amount);
    job.refunded = plus(job.refunded, amount);
}

/// The job has no chunk left that could change: its rows stay for a while, then go.
void close_if_done(Ledger& ledger, const JobId& id, Job& job, const JobSpec& spec) {
    if (job.chunks_left != 0) return;
    MILLRACE_ASSERT(job.escrow == Amount{} && job.retention == Amount{});
    if (job.state == JobState::open) job.state = JobState::closed;
    refund(ledger, job, job.spare);
    job.spare = {};
    unschedule(ledger, due_item(DueKind::job_expiry, job.expires, id));
    const std::uint64_t keep = std::max(ledger.params.jobs.record_keep_ms, spec.retention_ms);
    schedule(ledger, due_item(DueKind::job_delete, ledger.in(keep), id));
    ledger.events.emplace_back(JobEvent{id, job.state, 0, false});
}

/// What a buyer gets back of chunks that nobody will work on.
void refund_chunks(Ledger& ledger, Job& job, const JobSpec& spec, std::uint32_t count) {
    const Amount escrow = times(*chunk_escrow(spec, job.limit), count);
    const Amount retention =
        times(*retention_pay(ledger.params, spec), std::uint64_t{count} * spec.replicas);
    job.escrow = minus(job.escrow, escrow);
    job.retention = minus(job.retention, retention);
    job.chunks_left -= count;
    job.chunks_failed += count;
    refund(ledger, job, plus(escrow, retention));
}

void fail_chunk(Ledger& ledger, const JobId& id, std::uint32_t index, Chunk& chunk, Job& job,
                const JobSpec& spec) {
    MILLRACE_ASSERT(chunk.leases.empty());
    set_need(ledger, id, index, chunk, job, 0);
    chunk.state = TaskState::failed;
    chunk.window_end.reset();
    save_chunk(ledger, id, index, chunk);
    emit_chunk(ledger, id, index, chunk);
    refund_chunks(ledger, job, spec, 1);
    close_if_done(ledger, id, job, spec);
}

bool may_offer(const Job& job, const Chunk& chunk, const JobSpec& spec) {
    return job.state == JobState::open && chunk.attempts < spec.attempts && !chunk.reveals_open;
}

/// With replicas alone no count is needed: nobody holds a chunk twice.
void count_held(Ledger& ledger, const JobId& id, Job& job, const ProviderId& provider) {
    const Key key = job_held_key(id, provider);
    const auto lots = load<std::uint32_t>(ledger.state, key);
    if (!lots) ++job.providers_had;
    store(ledger.state, key, lots.value_or(0) + 1);
}

/// A clearing may sell to more new providers than the count has room for; the lots of those that
/// come too late stay on offer.
bool has_room_to_count(const Ledger& ledger, const JobId& id, const Job& job, const JobSpec& spec,
                       const ProviderId& provider) {
    return spec.spread == 0 || job.providers_had < kHeldMax ||
           ledger.state.get(job_held_key(id, provider)).has_value();
}

/// By the limit that the clearing saw: a raise since then must not make the lease dearer for the
/// provider than what its stake was counted for.
Amount risk_of(const Ledger& ledger, const Job& job, const JobSpec& spec) {
    const std::uint64_t factor = stake_factor(
        spec.audit_rate_bp, ledger.params.disputes.slash_burnt_bp,
        ledger.params.leases.stake_risk_min_bp, ledger.params.leases.stake_risk_unaudited_bp);
    MILLRACE_ASSERT(job.book_place.has_value());
    return stake_at_risk(lot_value(spec, job.book_place->limit), factor)
        .value_or(Amount{UINT64_MAX});
}

}  // namespace

bool make_lease(Ledger& ledger, const Grant& grant, std::uint32_t slots, Job& job,
                const JobSpec& spec) {
    Provider provider = load_provider(ledger, grant.provider);
    // A clearing counts one place for each lot: of those behind a long one it sold too many.
    if (!has_place(provider, slots)) return false;
    Lease lease;
    lease.reserve = ledger.params.leases.lease_reserve;
    lease.at_risk = risk_of(ledger, job, spec);
    const auto locked = checked_add(lease.reserve, lease.at_risk);
    if (!locked.has_value() || free_stake(provider) < *locked) return false;
    if (!has_room_to_count(ledger, grant.bid, job, spec, grant.provider)) return false;

    if (grant.chunk >= job.fresh) open_rows_to(ledger, grant.bid, grant.chunk, job, spec);
    Chunk chunk = load_chunk(ledger, grant.bid, grant.chunk);
    if (chunk.need == 0) return false;

    lease.job = grant.bid;
    lease.provider = grant.provider;
    lease.chunk = grant.chunk;
    lease.number = ++ledger.chain.leases_made;
    lease.class_id = grant.class_id;
    lease.clearing = ledger.chain.clearing;
    lease.places = places_of(ledger.params, spec);
    lease.price = grant.price;
    lease.escrow = lot_value(spec, grant.price);
    const LeaseId id = lease_id_of(lease.job, lease.number);

    lock_stake(provider, *locked);
    job.escrow = minus(job.escrow, lease.escrow);
    if (!job.filled) ledger.state.erase(admission_key(spec, grant.bid));
    job.filled = true;
    ++job.leases_open;
    chunk.leases.push_back({id, lease.provider, std::nullopt, false});
    set_need(ledger, lease.job, lease.chunk, chunk, job, static_cast<std::uint8_t>(chunk.need - 1));
    if (chunk.state == TaskState::open) chunk.state = TaskState::leased;
    save_chunk(ledger, lease.job, lease.chunk, chunk);
    if (spec.spread != 0) count_held(ledger, lease.job, job, lease.provider);

    enqueue_lease(ledger, provider, id, lease, spec, slots);
    ledger.state.put(job_lease_key(lease.job, lease.chunk, id).bytes(), kPresent);
    ledger.state.put(provider_lease_key(lease.provider, id).bytes(), kPresent);
    save_lease(ledger, id, lease);
    save_provider(ledger, provider);
    emit_lease(ledger, id, lease);
    return true;
}

namespace {

/// Takes a lease out of its chunk and gives its escrow back to the job.
void detach_lease(Ledger& ledger, const LeaseId& id, Lease& lease, Chunk& chunk, Job& job) {
    const auto at = std::find_if(chunk.leases.begin(), chunk.leases.end(),
                                 [&](const ChunkLease& l) { return l.lease == id; });
    MILLRACE_ASSERT(at != chunk.leases.end());
    chunk.leases.erase(at);
    job.escrow = plus(job.escrow, lease.escrow);
    lease.escrow = {};
    --job.leases_open;
    ledger.state.erase(provider_lease_key(lease.provider, id));
}

void pay_penalty(Ledger& ledger, Provider& provider, Lease& lease, LeaseEnd end) {
    Amount burnt;
    switch (end) {
        case LeaseEnd::missed_start:
            burnt = lease.reserve;
            provider.paused = PauseReason::missed_start;
            break;
        case LeaseEnd::missed_commit:
            burnt = lease.reserve;
            provider.paused = PauseReason::missed_commit;
            break;
        case LeaseEnd::missed_reveal:
            burnt = lease.reserve;
            provider.paused = PauseReason::missed_reveal;
            break;
        case LeaseEnd::silence:
            burnt = plus(lease.reserve, lease.at_risk);
            provider.paused = PauseReason::missed_reveal;
            break;
        case LeaseEnd::returned:
            burnt = Amount{lease.reserve.value / 2};
            break;
        case LeaseEnd::no_input:
            break;
    }
    const Amount held = plus(lease.reserve, lease.at_risk);
    burn_locked(ledger, provider, burnt);
    unlock_stake(provider, minus(held, burnt));
    lease.reserve = {};
    lease.at_risk = {};
}

LeaseState state_after(LeaseEnd end) {
    if (end == LeaseEnd::silence) return LeaseState::lost;
    if (end == LeaseEnd::returned || end == LeaseEnd::no_input) return LeaseState::returned;
    return LeaseState::missed;
}

}  // namespace

void end_lease(Ledger& ledger, const LeaseId& id, Lease& lease, LeaseEnd end, Job& job,
               const JobSpec& spec) {
    Provider provider = load_provider(ledger, lease.provider);
    if (lease.state == LeaseState::matched || lease.state == LeaseState::started)
        leave_queue(ledger, provider, id, lease);
    pay_penalty(ledger, provider, lease, end);
    lease.state = state_after(end);
    lease.deadline.reset();
    if (lease.state != LeaseState::returned) ++provider.missed;
    save_provider(ledger, provider);

    Chunk chunk = load_chunk(ledger, lease.job, lease.chunk);
    detach_lease(ledger, id, lease, chunk, job);
    const bool is_new = exclude(ledger, lease.job, job, lease.provider);
    // What the buyer does not serve is no failure of the lot's.
    if (end == LeaseEnd::no_input)
        job.input_reports += is_new ? 1 : 0;
    else
        chunk.attempts = static_cast<std::uint8_t>(chunk.attempts + 1);
    const int need = may_offer(job, chunk, spec) ? chunk.need + 1 : 0;
    set_need(ledger, lease.job, lease.chunk, chunk, job, static_cast<std::uint8_t>(need));
    save_chunk(ledger, lease.job, lease.chunk, chunk);
    save_lease(ledger, id, lease);
    emit_lease(ledger, id, lease);
    if (job.input_reports >= kInputReportsMax)
        stop_offering(ledger, lease.job, job, spec, JobState::cancelled);
}

namespace {

struct Tally {
    std::size_t working = 0;
    std::size_t committed = 0;
    std::size_t revealed = 0;
};

Tally tally(const Chunk& chunk) {
    Tally t;
    for (const ChunkLease& l : chunk.leases) {
        if (l.revealed)
            ++t.revealed;
        else if (l.committed)
            ++t.committed;
        else
            ++t.working;
    }
    return t;
}

void open_reveals(Ledger& ledger, Chunk& chunk) {
    chunk.reveals_open = true;
    const ActiveTime deadline = ledger.in(ledger.params.leases.reveal_ms);
    for (const ChunkLease& entry : chunk.leases) {
        std::optional<Lease> lease = find_lease(ledger, entry.lease);
        MILLRACE_ASSERT(lease && lease->state == LeaseState::committed);
        lease->deadline = deadline;
        schedule(ledger, due_item(DueKind::lease_reveal, deadline, entry.lease));
        save_lease(ledger, entry.lease, *lease);
        emit_lease(ledger, entry.lease, *lease);
    }
}

bool claims_agree(const Chunk& chunk) {
    return std::all_of(chunk.leases.begin(), chunk.leases.end(), [&](const ChunkLease& l) {
        return l.revealed == chunk.leases.front().revealed;
    });
}

/// All claims are in: the window opens, or the dispute begins.
void open_window(Ledger& ledger, const JobId& id, std::uint32_t index, Chunk& chunk, Job& job,
                 const JobSpec& spec, ActiveTime at) {
    if (!claims_agree(chunk)) {
        chunk.state = TaskState::disputed;
        ++job.chunks_disputed;
        return;
    }
    chunk.state = TaskState::revealed;
    chunk.window_end = ActiveTime{at.value + spec.window_ms};
    schedule(ledger, due_item(DueKind::chunk_window, *chunk.window_end, id, index));
}

/// Nothing of the chunk was revealed though reveals were open: it goes back to the market with
/// the attempts that are left.
void offer_again(Ledger& ledger, const JobId& id, std::uint32_t index, Chunk& chunk, Job& job,
                 const JobSpec& spec) {
    chunk.reveals_open = false;
    chunk.state = TaskState::open;
    if (!may_offer(job, chunk, spec)) return;
    set_need(ledger, id, index, chunk, job, spec.replicas);
}

}  // namespace

void update_chunk(Ledger& ledger, const JobId& id, std::uint32_t index, Job& job,
                  const JobSpec& spec, ActiveTime at) {
    Chunk chunk = load_chunk(ledger, id, index);
    const Chunk before = chunk;
    const Tally t = tally(chunk);
    if (chunk.reveals_open && t.committed == 0 && !chunk.window_end &&
        chunk.state != TaskState::disputed) {
        if (t.revealed != 0)
            open_window(ledger, id, index, chunk, job, spec, at);
        else
            offer_again(ledger, id, index, chunk, job, spec);
    } else if (!chunk.reveals_open && chunk.need == 0 && t.working == 0 && t.committed != 0) {
        chunk.state = TaskState::committed;
        open_reveals(ledger, chunk);
    } else if (!chunk.reveals_open && chunk.leases.empty()) {
        chunk.state = TaskState::open;
    }
    if (chunk.leases.empty() && chunk.need == 0)
        return fail_chunk(ledger, id, index, chunk, job, spec);
    save_chunk(ledger, id, index, chunk);
    if (chunk != before) emit_chunk(ledger, id, index, chunk);
}

namespace {

/// Pays one lease of a settled chunk; returns what the buyer's escrow paid.
Amount pay_lease(Ledger& ledger, const LeaseId& id, Lease& lease, Job& job, const JobSpec& spec) {
    Provider provider = load_provider(ledger, lease.provider);
    const Amount pay = std::min(pay_for(lease.gas, lease.price).value(), lease.escrow);
    const Amount fee =
        checked_mul_div_floor(pay, ledger.params.auction.market_fee_bp, 10'000).value();
    const Amount net = minus(pay, fee);
    // Fees of its moves were drawn from its reserve: the pay makes the stake whole first.
    const Amount refill = std::min(net, lease.move_fees);
    provider.stake = plus(provider.stake, refill);
    if (refill != Amount{}) ledger.events.emplace_back(StakeEvent{provider.owner, refill, {}});
    provider.fees_paid = plus(provider.fees_paid, fee);
    ++provider.settled;
    unlock_stake(provider, lease.at_risk);
    save_provider(ledger, provider);
    credit(ledger, provider.payout_account, minus(net, refill));
    burn(ledger, fee);

    job.escrow = plus(job.escrow, minus(lease.escrow, pay));
    lease.escrow = {};
    lease.at_risk = {};
    lease.paid = net;
    lease.retention = *retention_pay(ledger.params, spec);
    job.retention = minus(job.retention, lease.retention);
    lease.state = LeaseState::settled;
    lease.deadline = ledger.in(spec.retention_ms);
    if (spec.retention_ms == 0) {
        release_lease(ledger, id, lease, job);
    } else {
        schedule(ledger, due_item(DueKind::lease_retention, *lease.deadline, id));
        save_lease(ledger, id, lease);
    }
    emit_lease(ledger, id, lease);
    return pay;
}

}  // namespace

void release_lease(Ledger& ledger, const LeaseId& id, Lease& lease, Job& job) {
    Provider provider = load_provider(ledger, lease.provider);
    unlock_stake(provider, lease.reserve);
    save_provider(ledger, provider);
    credit(ledger, provider.payout_account, lease.retention);
    lease.reserve = {};
    lease.retention = {};
    lease.deadline.reset();
    --job.leases_open;
    ledger.state.erase(provider_lease_key(lease.provider, id));
    save_lease(ledger, id, lease);
}

void settle_chunk(Ledger& ledger, const JobId& id, std::uint32_t index, Job& job,
                  const JobSpec& spec) {
    Chunk chunk = load_chunk(ledger, id, index);
    Amount paid;
    std::uint64_t settled = 0;
    bool failed = false;
    for (const ChunkLease& entry : chunk.leases) {
        std::optional<Lease> lease = find_lease(ledger, entry.lease);
        MILLRACE_ASSERT(lease && lease->state == LeaseState::revealed);
        paid = plus(paid, pay_lease(ledger, entry.lease, *lease, job, spec));
        failed = failed || lease->failed;
        ++settled;
    }
    chunk.state = TaskState::settled;
    chunk.window_end.reset();
    save_chunk(ledger, id, index, chunk);
    emit_chunk(ledger, id, index, chunk);

    const Amount escrow_left = minus(*chunk_escrow(spec, job.limit), paid);
    const Amount retention_left =
        times(*retention_pay(ledger.params, spec), spec.replicas - settled);
    job.escrow = minus(job.escrow, escrow_left);
    job.retention = minus(job.retention, retention_left);
    job.paid = plus(job.paid, paid);
    --job.chunks_left;
    ++job.chunks_settled;
    refund(ledger, job, plus(escrow_left, retention_left));
    close_if_done(ledger, id, job, spec);
    // Not earlier: one provider's word, before anybody could challenge it, stops nobody's job.
    if (failed && spec.on_failure == FailurePolicy::stop)
        stop_offering(ledger, id, job, spec, JobState::cancelled);
}

void withdraw_open(Ledger& ledger, const JobId& id, Job& job, const JobSpec& spec,
                   std::size_t rows) {
    const DueItem again = due_item(DueKind::job_wind_down, ledger.now(), id);
    // The frozen book binds: its lots are withdrawn after the clearing that may sell them.
    if (ledger.chain.pending) return schedule(ledger, again);
    const std::uint64_t end = ledger.state.touched() + rows;
    if (const std::uint32_t count = job.fresh_end - job.fresh; count != 0) {
        job.fresh_end = job.fresh;
        refund_chunks(ledger, job, spec, count);
        close_if_done(ledger, id, job, spec);
    }
    for (;;) {
        // Each row that was read is gone afterwards.
        const auto page = ledger.state.scan(Key(Table::open_chunk).add(id), {}, kWindDownPage);
        for (const StateEntry& entry : page) {
            if (ledger.state.touched() >= end) return schedule(ledger, again);
            const auto index = number_in_key<std::uint32_t>(entry.key, 33);
            Chunk chunk = load_chunk(ledger, id, index);
            set_need(ledger, id, index, chunk, job, 0);
            save_chunk(ledger, id, index, chunk);
            update_chunk(ledger, id, index, job, spec, ledger.now());
        }
        if (page.size() < kWindDownPage) return;
    }
}

void stop_offering(Ledger& ledger, const JobId& id, Job& job, const JobSpec& spec, JobState state) {
    if (job.state != JobState::open) return;
    job.state = state;
    if (!job.filled) ledger.state.erase(admission_key(spec, id));
    ledger.events.emplace_back(JobEvent{id, state, job.chunks_left, false});
    schedule(ledger, due_item(DueKind::job_wind_down, ledger.now(), id));
}

}  // namespace millrace::market
