#include "market/rules/due.hpp"

#include <algorithm>

#include "market/ledger/modules.hpp"
#include "market/rules/chunk.hpp"

namespace millrace::market {

namespace {

/// Items of a queue read at a time.
constexpr std::size_t kSweepPage = 64;

void miss(Ledger& ledger, const DueItem& item, LeaseState state, LeaseEnd end) {
    const LeaseId id{item.subject.bytes};
    std::optional<Lease> lease = find_lease(ledger, id);
    if (!lease || lease->state != state || lease->deadline != item.due) return;
    Job job = *find_job(ledger, lease->job);
    const JobSpec spec = spec_of(ledger, lease->job);
    end_lease(ledger, id, *lease, end, job, spec);
    update_chunk(ledger, lease->job, lease->chunk, job, spec, item.due);
    save_job(ledger, lease->job, job, spec);
}

/// A commit that nobody opened: a fault when it stands alone, silence when a rival claim is out,
/// because who has seen a better claim must not walk away for the price of a fault.
LeaseEnd missed_reveal_of(const Ledger& ledger, const DueItem& item) {
    const auto lease = find_lease(ledger, LeaseId{item.subject.bytes});
    if (!lease) return LeaseEnd::missed_reveal;
    const auto chunk = load<Chunk>(ledger.state, chunk_key(lease->job, lease->chunk));
    MILLRACE_ASSERT(chunk.has_value());
    const bool rival = std::any_of(chunk->leases.begin(), chunk->leases.end(),
                                   [](const ChunkLease& l) { return l.revealed.has_value(); });
    return rival ? LeaseEnd::silence : LeaseEnd::missed_reveal;
}

void end_window(Ledger& ledger, const DueItem& item) {
    const JobId id{item.subject.bytes};
    const auto chunk = load<Chunk>(ledger.state, chunk_key(id, item.chunk));
    if (!chunk || chunk->state != TaskState::revealed || chunk->window_end != item.due) return;
    Job job = *find_job(ledger, id);
    const JobSpec spec = spec_of(ledger, id);
    settle_chunk(ledger, id, item.chunk, job, spec);
    save_job(ledger, id, job, spec);
}

void expire_job(Ledger& ledger, const JobId& id) {
    std::optional<Job> job = find_job(ledger, id);
    if (!job || job->state != JobState::open) return;
    const JobSpec spec = spec_of(ledger, id);
    stop_offering(ledger, id, *job, spec, JobState::expired);
    save_job(ledger, id, *job, spec);
}

void wind_down(Ledger& ledger, const JobId& id, std::size_t rows) {
    std::optional<Job> job = find_job(ledger, id);
    if (!job || job->state == JobState::open || job->chunks_left == 0) return;
    const JobSpec spec = spec_of(ledger, id);
    withdraw_open(ledger, id, *job, spec, rows);
    save_job(ledger, id, *job, spec);
}

void end_retention(Ledger& ledger, const DueItem& item) {
    const LeaseId id{item.subject.bytes};
    std::optional<Lease> lease = find_lease(ledger, id);
    if (!lease || lease->state != LeaseState::settled || lease->deadline != item.due) return;
    Job job = *find_job(ledger, lease->job);
    release_lease(ledger, id, *lease, job);
    save_job(ledger, lease->job, job, spec_of(ledger, lease->job));
}

/// Deletes rows under a prefix, at most `left` of them, and counts them off.
template <class Also>
void delete_rows(Ledger& ledger, const Key& prefix, std::size_t& left, Also also) {
    if (left == 0) return;
    const auto page = ledger.state.scan(prefix, {}, left);
    for (const StateEntry& entry : page) {
        also(entry.key);
        ledger.state.erase(entry.key);
    }
    left -= page.size();
}

void delete_job(Ledger& ledger, const JobId& id, std::size_t left) {
    std::optional<Job> job = find_job(ledger, id);
    if (!job || job->chunks_left != 0) return;
    const DueItem again = due_item(DueKind::job_delete, ledger.now(), id);
    // A row of a frozen book still names the job: it goes first.
    if (job->leases_open != 0 || job->book_place) return schedule(ledger, again);
    const auto nothing = [](ByteView) {};
    for (const Table table : {Table::chunk, Table::task_result, Table::job_excluded,
                              Table::job_held, Table::open_chunk})
        delete_rows(ledger, Key(table).add(id), left, nothing);
    delete_rows(ledger, Key(Table::job_lease).add(id), left,
                [&](ByteView key) { ledger.state.erase(lease_key(id_in_key<LeaseId>(key, 37))); });
    if (left == 0) return schedule(ledger, again);
    credit(ledger, job->buyer, job->rent);
    ledger.state.erase(job_key(id));
    ledger.state.erase(job_spec_key(id));
    ledger.state.erase(account_job_key(job->buyer, job->posted_active, id));
    ledger.events.emplace_back(JobEvent{id, job->state, 0, true});
}

void end_module(Ledger& ledger, const DueItem& item) {
    const Key key = module_key(ImageRoot{item.subject.bytes});
    const auto module = load<Module>(ledger.state, key);
    if (module && module->end == item.due) ledger.state.erase(key);
}

}  // namespace

void process_due(Ledger& ledger, const DueItem& item, std::size_t rows) {
    unschedule(ledger, item);
    const JobId job{item.subject.bytes};
    switch (item.kind) {
        case DueKind::lease_start:
            return miss(ledger, item, LeaseState::matched, LeaseEnd::missed_start);
        case DueKind::lease_commit:
            return miss(ledger, item, LeaseState::started, LeaseEnd::missed_commit);
        case DueKind::lease_reveal:
            return miss(ledger, item, LeaseState::committed, missed_reveal_of(ledger, item));
        case DueKind::chunk_window:
            return end_window(ledger, item);
        case DueKind::job_expiry:
            return expire_job(ledger, job);
        case DueKind::lease_retention:
            return end_retention(ledger, item);
        case DueKind::job_delete:
            return delete_job(ledger, job, rows);
        case DueKind::module_expiry:
            return end_module(ledger, item);
        case DueKind::job_wind_down:
            return wind_down(ledger, job, rows);
    }
}

void sweep_due(Ledger& ledger, DueKind kind) {
    const std::uint64_t end = ledger.state.touched() + ledger.params.sweeps.sweep_rows_per_queue;
    Bytes from;
    for (;;) {
        const auto page = due_items(ledger.state, kind, ledger.now(), from, kSweepPage);
        for (const DueItem& item : page) {
            if (ledger.state.touched() >= end) return;
            ledger.events.emplace_back(StepEvent{Step::due, 0, item.kind, item.subject});
            process_due(ledger, item, end - ledger.state.touched());
        }
        if (page.size() < kSweepPage) return;
        // Behind the last one: what it made due again is for the next block.
        from = due_key(page.back()).bytes();
        from.push_back(0);
    }
}

}  // namespace millrace::market
