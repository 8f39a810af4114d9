#include <algorithm>

#include "market/ledger/queues.hpp"
#include "market/rules/chunk.hpp"
#include "market/rules/due.hpp"
#include "market/rules/rules.hpp"
#include "market/rules/stake.hpp"

namespace millrace::market {

namespace {

bool acts_for(const Ledger& ledger, const Actor& actor, const Lease& lease) {
    if (actor.account == lease.provider) return true;
    const auto p = find_provider(ledger, lease.provider);
    MILLRACE_ASSERT(p.has_value());
    return actor.account == p->operator_account;
}

/// The rules that start, return and report_input share.
Refusal check_before_start(const Ledger& ledger, const Actor& actor, const LeaseId& id) {
    const auto lease = find_lease(ledger, id);
    if (!lease) return Refusal::lease_unknown;
    if (!acts_for(ledger, actor, *lease)) return Refusal::not_provider;
    if (lease->state != LeaseState::matched) return Refusal::lease_not_matched;
    if (!lease->waiting && *lease->deadline <= ledger.now()) return Refusal::start_deadline_passed;
    return Refusal::none;
}

std::pair<Job, JobSpec> job_of(const Ledger& ledger, const JobId& id) {
    auto job = find_job(ledger, id);
    MILLRACE_ASSERT(job.has_value());
    return {*std::move(job), spec_of(ledger, id)};
}

void end_early(Ledger& ledger, const LeaseId& id, LeaseEnd end) {
    Lease lease = *find_lease(ledger, id);
    auto [job, spec] = job_of(ledger, lease.job);
    end_lease(ledger, id, lease, end, job, spec);
    update_chunk(ledger, lease.job, lease.chunk, job, spec, ledger.now());
    save_job(ledger, lease.job, job, spec);
}

/// Changes a lease's entry in its chunk.
template <class Change>
void change_chunk_lease(Ledger& ledger, const Lease& lease, const LeaseId& id, Change change) {
    const Key key = chunk_key(lease.job, lease.chunk);
    auto chunk = load<Chunk>(ledger.state, key);
    MILLRACE_ASSERT(chunk.has_value());
    for (ChunkLease& entry : chunk->leases)
        if (entry.lease == id) change(entry);
    store(ledger.state, key, *chunk);
}

}  // namespace

// ---- start ---------------------------------------------------------------------------------

Refusal check(const Ledger& ledger, const Actor& actor, const LeaseStart& body) {
    if (const Refusal r = check_before_start(ledger, actor, body.lease); r != Refusal::none)
        return r;
    if (find_lease(ledger, body.lease)->waiting) return Refusal::lease_waits;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const LeaseStart& body) {
    Lease lease = *find_lease(ledger, body.lease);
    unschedule(ledger, due_item(DueKind::lease_start, *lease.deadline, body.lease));
    lease.state = LeaseState::started;
    lease.started = ledger.now();
    lease.deadline = ledger.in(commit_time_ms(ledger.params, lot_gas(spec_of(ledger, lease.job))));
    schedule(ledger, due_item(DueKind::lease_commit, *lease.deadline, body.lease));
    save_lease(ledger, body.lease, lease);
    emit_lease(ledger, body.lease, lease);
}

// ---- commit --------------------------------------------------------------------------------

Refusal check(const Ledger& ledger, const Actor& actor, const LeaseCommit& body) {
    const auto lease = find_lease(ledger, body.lease);
    if (!lease) return Refusal::lease_unknown;
    if (!acts_for(ledger, actor, *lease)) return Refusal::not_provider;
    if (lease->state != LeaseState::started) return Refusal::lease_not_started;
    if (*lease->deadline <= ledger.now()) return Refusal::commit_deadline_passed;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const LeaseCommit& body) {
    Lease lease = *find_lease(ledger, body.lease);
    Provider provider = *find_provider(ledger, lease.provider);
    leave_queue(ledger, provider, body.lease, lease);
    save_provider(ledger, provider);
    lease.state = LeaseState::committed;
    lease.commitment = body.commitment;
    save_lease(ledger, body.lease, lease);
    emit_lease(ledger, body.lease, lease);
    change_chunk_lease(ledger, lease, body.lease, [](ChunkLease& l) { l.committed = true; });
    auto [job, spec] = job_of(ledger, lease.job);
    update_chunk(ledger, lease.job, lease.chunk, job, spec, ledger.now());
    save_job(ledger, lease.job, job, spec);
}

// ---- reveal --------------------------------------------------------------------------------

namespace {

bool claim_is_in_range(const Claim& claim, const JobSpec& spec) {
    if (claim.gas > spec.task_gas || claim.boundary_count == 0) return false;
    switch (claim.end) {
        case ClaimEnd::exited:
            return claim.trap_function == 0;
        case ClaimEnd::trapped:
            return true;
        case ClaimEnd::out_of_gas:
            return claim.trap_function == 0 && claim.code == 0 && claim.gas == spec.task_gas;
    }
    return false;
}

bool are_tasks_of(const LeaseReveal& body, const Lease& lease, const JobSpec& spec) {
    if (body.claims.size() != tasks_in_chunk(spec, lease.chunk)) return false;
    for (std::uint32_t i = 0; i < body.claims.size(); ++i)
        if (body.claims[i].task != lease.chunk * spec.tasks_per_lot + i) return false;
    return true;
}

bool has_failure(const LeaseReveal& body) {
    return std::any_of(body.claims.begin(), body.claims.end(),
                       [](const Claim& c) { return c.end != ClaimEnd::exited || c.code != 0; });
}

}  // namespace

Refusal check(const Ledger& ledger, const Actor& /*actor*/, const LeaseReveal& body) {
    const auto lease = find_lease(ledger, body.lease);
    if (!lease) return Refusal::lease_unknown;
    if (lease->state != LeaseState::committed) return Refusal::lease_not_committed;
    if (!lease->deadline) return Refusal::reveal_not_open;
    if (*lease->deadline <= ledger.now()) return Refusal::reveal_deadline_passed;
    const JobSpec spec = spec_of(ledger, lease->job);
    if (!are_tasks_of(body, *lease, spec)) return Refusal::claims_wrong_tasks;
    for (const Claim& claim : body.claims)
        if (!claim_is_in_range(claim, spec)) return Refusal::claim_out_of_range;
    const Commitment made = make_commitment(ledger.chain.chain, body.lease, lease->provider,
                                            claims_root(body.claims), body.salt);
    return made == *lease->commitment ? Refusal::none : Refusal::commitment_mismatch;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const LeaseReveal& body) {
    Lease lease = *find_lease(ledger, body.lease);
    unschedule(ledger, due_item(DueKind::lease_reveal, *lease.deadline, body.lease));
    lease.deadline.reset();
    lease.state = LeaseState::revealed;
    lease.claims = claims_root(body.claims);
    lease.gas = {};
    lease.failed = has_failure(body);
    for (const Claim& c : body.claims) {
        lease.gas.value += c.gas.value;
        store(ledger.state, task_result_key(lease.job, c.task, lease.provider),
              result_of(body.lease, c));
    }
    save_lease(ledger, body.lease, lease);
    emit_lease(ledger, body.lease, lease);
    change_chunk_lease(ledger, lease, body.lease,
                       [&](ChunkLease& l) { l.revealed = lease.claims; });
    auto [job, spec] = job_of(ledger, lease.job);
    update_chunk(ledger, lease.job, lease.chunk, job, spec, ledger.now());
    save_job(ledger, lease.job, job, spec);
}

// ---- report_input, return ------------------------------------------------------------------

Refusal check(const Ledger& ledger, const Actor& actor, const LeaseReportInput& body) {
    if (const Refusal r = check_before_start(ledger, actor, body.lease); r != Refusal::none)
        return r;
    if (find_lease(ledger, body.lease)->waiting) return Refusal::lease_waits;
    const JobSpec spec = spec_of(ledger, find_lease(ledger, body.lease)->job);
    if (!spec.input && !spec.stdin_blob) return Refusal::no_input;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const LeaseReportInput& body) {
    end_early(ledger, body.lease, LeaseEnd::no_input);
}

Refusal check(const Ledger& ledger, const Actor& actor, const LeaseReturn& body) {
    return check_before_start(ledger, actor, body.lease);
}

void apply(Ledger& ledger, const Actor& /*actor*/, const LeaseReturn& body) {
    end_early(ledger, body.lease, LeaseEnd::returned);
}

// ---- release -------------------------------------------------------------------------------

Refusal check(const Ledger& ledger, const Actor& /*actor*/, const LockRelease& body) {
    const DueItem item{body.kind, body.due, body.subject, body.chunk};
    if (!is_scheduled(ledger, item)) return Refusal::nothing_due;
    if (body.due > ledger.now()) return Refusal::not_due;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const LockRelease& body) {
    process_due(ledger, {body.kind, body.due, body.subject, body.chunk}, kRowsPerRelease);
}

// ---- all of them ---------------------------------------------------------------------------

Refusal run_body(Ledger& ledger, const Actor& actor, const TxBody& body) {
    return std::visit(
        [&](const auto& b) {
            const Refusal refusal = check(ledger, actor, b);
            if (refusal == Refusal::none) apply(ledger, actor, b);
            return refusal;
        },
        body);
}

}  // namespace millrace::market
