#include "market/rules/stake.hpp"

#include <algorithm>

#include "market/ledger/queues.hpp"

namespace millrace::market {

namespace {

/// Leases that one departure sets going: its own place, and one that was held back by a lease from
/// a smaller ask before it.
constexpr int kPromotionsAtOnce = 2;

/// A lease begins when fewer leases run than its ask had slots when it was sold. What the ask says
/// now does not matter: else a provider would slow its queue down by shrinking the ask.
bool may_begin(const Provider& p, const Lease& lease) {
    return p.running < std::max(1U, lease.slots);
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
        if (!may_begin(p, *lease)) return;
        ledger.state.erase(page.front().key);
        --p.waiting;
        ++p.running;
        begin_start_clock(ledger, id, *lease, spec_of(ledger, lease->job));
        save_lease(ledger, id, *lease);
        emit_lease(ledger, id, *lease);
    }
}

}  // namespace

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
                   const JobSpec& spec) {
    if (p.waiting == 0 && may_begin(p, lease)) {
        ++p.running;
        begin_start_clock(ledger, id, lease, spec);
        return;
    }
    ++p.waiting;
    lease.waiting = true;
    store(ledger.state, provider_queue_key(p.owner, lease.number), id);
}

void leave_queue(Ledger& ledger, Provider& p, const LeaseId& id, Lease& lease) {
    if (lease.waiting) {
        ledger.state.erase(provider_queue_key(p.owner, lease.number));
        lease.waiting = false;
        --p.waiting;
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
