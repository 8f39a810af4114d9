#include "market/rules/stake.hpp"

#include <algorithm>

#include "market/ledger/queues.hpp"

namespace millrace::market {

namespace {

/// Leases that one departure sets going: its own place, and one that was held back by a lease from
/// a smaller ask before it.
constexpr int kPromotionsAtOnce = 2;

/// What waits may use the slots that its ask had when it was sold, whatever the ask says now: else
/// a provider would slow its queue down by shrinking the ask. It may also use those that the ask
/// had when a later one of the queue was sold, or a wider ask would stand idle behind a lease from
/// a narrow one.
void widen_queue(Provider& p, std::uint32_t slots, std::uint64_t number) {
    while (!p.widths.empty() && p.widths.back().slots <= slots) p.widths.pop_back();
    if (p.widths.size() == kQueueWidthsMax)
        p.widths.back().last = number;
    else
        p.widths.push_back({slots, number});
}

/// Whether the first waiting lease, of this number, has a slot.
bool may_begin(Provider& p, std::uint64_t number) {
    while (p.widths.front().last < number) p.widths.erase(p.widths.begin());
    return p.running < p.widths.front().slots;
}

/// One lease less waits.
void stop_waiting(Provider& p) {
    --p.waiting;
    if (p.waiting == 0) p.widths.clear();
}

void begin_start_clock(Ledger& ledger, const LeaseId& id, Lease& lease, const JobSpec& spec) {
    lease.waiting = false;
    lease.deadline = ledger.in(start_time_ms(ledger.params, input_bytes(spec)));
    schedule(ledger, due_item(DueKind::lease_start, *lease.deadline, id));
}

void promote(Ledger& ledger, Provider& p) {
    for (int i = 0; i < kPromotionsAtOnce && p.waiting > 0; ++i) {
        const auto page = ledger.state.scan(Key(Table::provider_queue).add(p.owner), {}, 1);
        MILLRACE_ASSERT(!page.empty());
        const auto id = decode_state<LeaseId>(page.front().value);
        std::optional<Lease> lease = find_lease(ledger, id);
        MILLRACE_ASSERT(lease.has_value() && lease->waiting);
        if (!may_begin(p, lease->number)) return;
        ledger.state.erase(page.front().key);
        stop_waiting(p);
        ++p.running;
        begin_start_clock(ledger, id, *lease, spec_of(ledger, lease->job));
        save_lease(ledger, id, *lease);
        emit_lease(ledger, id, *lease);
    }
}

}  // namespace

std::uint8_t places_of(const Params& params, const JobSpec& spec) {
    return lot_gas(spec).value > params.jobs.lot_gas_max ? 2 : 1;
}

bool has_place(const Provider& p, std::uint32_t slots) {
    return p.places < 2 * std::uint64_t{slots};
}

void lock_stake(Provider& p, Amount amount) {
    MILLRACE_ASSERT(free_stake(p) >= amount);
    p.locked = plus(p.locked, amount);
}

void unlock_stake(Provider& p, Amount amount) {
    p.locked = minus(p.locked, amount);
}

void burn_locked(Ledger& ledger, Provider& p, Amount amount) {
    p.locked = minus(p.locked, amount);
    p.stake = minus(p.stake, amount);
    if (amount != Amount{}) ledger.events.emplace_back(StakeEvent{p.owner, {}, amount});
    burn(ledger, amount);
}

void enqueue_lease(Ledger& ledger, Provider& p, const LeaseId& id, Lease& lease,
                   const JobSpec& spec, std::uint32_t slots) {
    MILLRACE_ASSERT(has_place(p, slots));
    p.places += lease.places;
    if (p.waiting != 0) {
        widen_queue(p, slots, lease.number);
        promote(ledger, p);
    }
    if (p.waiting == 0 && p.running < slots) {
        ++p.running;
        begin_start_clock(ledger, id, lease, spec);
        return;
    }
    if (p.waiting == 0) widen_queue(p, slots, lease.number);
    ++p.waiting;
    lease.waiting = true;
    store(ledger.state, provider_queue_key(p.owner, lease.number), id);
}

void leave_queue(Ledger& ledger, Provider& p, const LeaseId& id, Lease& lease) {
    p.places -= lease.places;
    if (lease.waiting) {
        ledger.state.erase(provider_queue_key(p.owner, lease.number));
        lease.waiting = false;
        stop_waiting(p);
        return;
    }
    if (lease.deadline) {
        const DueKind kind =
            lease.state == LeaseState::matched ? DueKind::lease_start : DueKind::lease_commit;
        unschedule(ledger, due_item(kind, *lease.deadline, id));
        lease.deadline.reset();
    }
    --p.running;
    promote(ledger, p);
}

void emit_lease(Ledger& ledger, const LeaseId& id, const Lease& lease) {
    ledger.events.emplace_back(
        LeaseEvent{id, lease.job, lease.provider, lease.chunk, lease.state, lease.waiting});
}

}  // namespace millrace::market
