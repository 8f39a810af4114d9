#pragma once

#include "market/ledger/store.hpp"
#include "market/params.hpp"
#include "market/transaction.hpp"

/// Jobs, their chunks (one lot's tasks) and the results of their tasks.
/// Source: docs/protocol/state.md, "Jobs".
namespace millrace::market {

enum class JobState : std::uint8_t { open = 1, closed = 2, cancelled = 3, expired = 4 };
BOOST_DESCRIBE_ENUM(JobState, open, closed, cancelled, expired)

enum class TaskState : std::uint8_t {
    open = 1,
    leased = 2,
    committed = 3,
    revealed = 4,
    disputed = 5,
    settled = 6,
    failed = 7,
};
BOOST_DESCRIBE_ENUM(TaskState, open, leased, committed, revealed, disputed, settled, failed)

/// Where a job's row of the book is: with the bids that a clearing walks, or asleep, by the
/// clearing that wakes it.
struct BidPlace {
    /// What the row says: the limit that a clearing sees while the job's own may have been raised.
    Price limit;
    /// Why it sleeps; active when it does not.
    Standing standing = Standing::active;
    ClearingNumber wakes;
    friend bool operator==(const BidPlace&, const BidPlace&) = default;
};
BOOST_DESCRIBE_STRUCT(BidPlace, (), (limit, standing, wakes))

/// The moving part of a job. Money: `escrow` + Σ escrow of its unsettled leases =
/// `chunks_left` × replicas × lot value at `limit`.
struct Job {
    Address buyer;
    JobState state = JobState::open;
    WallTime posted;
    ActiveTime posted_active;
    ActiveTime expires;
    std::uint16_t protocol_version = 0;
    ClearingNumber posted_clearing;
    Price limit;

    Amount escrow;
    /// For the retention of outputs of lots that are not settled.
    Amount retention;
    /// Given back when the job's rows are deleted.
    Amount rent;
    /// Added by anyone; a raise draws on it first.
    Amount spare;
    Amount paid;
    Amount refunded;

    std::uint32_t chunks = 0;
    /// Chunks [fresh, fresh_end) were never leased and are on offer; from `fresh_end` on they were
    /// taken off the market.
    std::uint32_t fresh = 0;
    std::uint32_t fresh_end = 0;
    /// Lots on offer of chunks below `fresh`.
    std::uint32_t open_lots = 0;
    /// Chunks that are not settled or failed.
    std::uint32_t chunks_left = 0;
    std::uint32_t chunks_settled = 0;
    std::uint32_t chunks_failed = 0;
    std::uint32_t chunks_disputed = 0;
    /// Leases whose stake, reserve or retention is not released.
    std::uint32_t leases_open = 0;
    /// Whether any lot was ever leased: a minimum first fill counts no more.
    bool filled = false;
    bool has_excluded = false;
    /// Providers that could not have the input, and providers that it ever had, if a cap counts
    /// them.
    std::uint32_t input_reports = 0;
    std::uint32_t providers_had = 0;

    /// Sits out clearings below this, doubling each time.
    ClearingNumber sits_until;
    std::uint32_t sits_next = 1;
    /// Why it sits out, and since which clearing.
    Standing standing = Standing::active;
    ClearingNumber sat_at;
    /// None when it has no row in the book.
    std::optional<BidPlace> book_place;
    friend bool operator==(const Job&, const Job&) = default;
};
BOOST_DESCRIBE_STRUCT(Job, (),
                      (buyer, state, posted, posted_active, expires, protocol_version,
                       posted_clearing, limit, escrow, retention, rent, spare, paid, refunded,
                       chunks, fresh, fresh_end, open_lots, chunks_left, chunks_settled,
                       chunks_failed, chunks_disputed, leases_open, filled, has_excluded,
                       input_reports, providers_had, sits_until, sits_next, standing, sat_at,
                       book_place))

/// A lease as its chunk sees it; leases that failed are not listed.
struct ChunkLease {
    LeaseId lease;
    ProviderId provider;
    /// Root of the revealed list.
    std::optional<ListRoot> revealed;
    bool committed = false;
    friend bool operator==(const ChunkLease&, const ChunkLease&) = default;
};
BOOST_DESCRIBE_STRUCT(ChunkLease, (), (lease, provider, revealed, committed))

struct Chunk {
    TaskState state = TaskState::open;
    /// Lots on offer: replicas that nobody holds and that may still be leased.
    std::uint8_t need = 0;
    /// Leases that failed.
    std::uint8_t attempts = 0;
    bool reveals_open = false;
    /// End of the challenge window, once all claims are in.
    std::optional<ActiveTime> window_end;
    BoundedVector<ChunkLease, kReplicasMax> leases;
    friend bool operator==(const Chunk&, const Chunk&) = default;
};
BOOST_DESCRIBE_STRUCT(Chunk, (), (state, need, attempts, reveals_open, window_end, leases))

/// A chunk on offer: how many of its replicas, and who holds the others, ascending.
struct ChunkOffer {
    std::uint8_t need = 0;
    BoundedVector<ProviderId, kReplicasMax> holders;
    friend bool operator==(const ChunkOffer&, const ChunkOffer&) = default;
};
BOOST_DESCRIBE_STRUCT(ChunkOffer, (), (need, holders))

/// What a chunk offers, and what it offered at the freeze before `since`: what changed after a
/// cut-off is not in the book of its clearing.
struct OpenChunk {
    ChunkOffer now;
    ChunkOffer before;
    ClearingNumber since;
    friend bool operator==(const OpenChunk&, const OpenChunk&) = default;
};
BOOST_DESCRIBE_STRUCT(OpenChunk, (), (now, before, since))

/// A provider that failed a job, with the first clearing that leaves it out.
struct Excluded {
    ProviderId provider;
    ClearingNumber since;
    friend bool operator==(const Excluded&, const Excluded&) = default;
};
BOOST_DESCRIBE_STRUCT(Excluded, (), (provider, since))
/// Ascending by provider. One row, so that it is never read in part.
using ExcludedList = BoundedVector<Excluded, kExcludedMax>;

/// What a revealed claim says of one task.
struct TaskResult {
    LeaseId lease;
    ClaimEnd end = ClaimEnd::exited;
    std::uint32_t code = 0;
    std::uint32_t trap_function = 0;
    Gas gas;
    TreeRoot output_root;
    Hash tails;
    friend bool operator==(const TaskResult&, const TaskResult&) = default;
};
BOOST_DESCRIBE_STRUCT(TaskResult, (), (lease, end, code, trap_function, gas, output_root, tails))
[[nodiscard]] inline TaskResult result_of(const LeaseId& lease, const Claim& claim) {
    return {lease,     claim.end,         claim.code, claim.trap_function,
            claim.gas, claim.output_root, claim.tails};
}

[[nodiscard]] inline Key job_key(const JobId& id) {
    return Key(Table::job).add(id);
}
[[nodiscard]] inline Key job_spec_key(const JobId& id) {
    return Key(Table::job_spec).add(id);
}
[[nodiscard]] inline Key chunk_key(const JobId& id, std::uint32_t chunk) {
    return Key(Table::chunk).add(id).add_number(chunk);
}
[[nodiscard]] inline Key open_chunk_key(const JobId& id, std::uint32_t chunk) {
    return Key(Table::open_chunk).add(id).add_number(chunk);
}
/// A task's result by one provider.
[[nodiscard]] inline Key task_result_key(const JobId& id, std::uint32_t task,
                                         const ProviderId& provider) {
    return Key(Table::task_result).add(id).add_number(task).add(provider);
}
/// Index of all leases that a job ever had.
[[nodiscard]] inline Key job_lease_key(const JobId& id, std::uint32_t chunk, const LeaseId& lease) {
    return Key(Table::job_lease).add(id).add_number(chunk).add(lease);
}
/// The providers that failed the job.
[[nodiscard]] inline Key job_excluded_key(const JobId& id) {
    return Key(Table::job_excluded).add(id);
}
/// Lots that a provider has had of a job with a spread cap.
[[nodiscard]] inline Key job_held_key(const JobId& id, const ProviderId& provider) {
    return Key(Table::job_held).add(id).add(provider);
}
/// Index of an account's jobs, by posting time.
[[nodiscard]] inline Key account_job_key(const Address& buyer, ActiveTime posted, const JobId& id) {
    return Key(Table::account_job).add(buyer).add_number(posted.value).add(id);
}

/// Index of bids that were never leased, by the rent that they paid for their place.
[[nodiscard]] inline Key admission_key(const JobSpec& spec, const JobId& id) {
    return Key(Table::admission).add_number(spec.admission.value_or(Amount{}).value).add(id);
}

/// Escrow of one lot at a price: ceil(lot gas × price / 10^9). Fits: both factors are bounded.
[[nodiscard]] Amount lot_value(const JobSpec& spec, Price price);
/// Escrow of one chunk at a limit: all its replicas. None when it does not fit an amount.
[[nodiscard]] std::optional<Amount> chunk_escrow(const JobSpec& spec, Price limit);
/// Pay for keeping one lot's output for the job's time, by one provider.
[[nodiscard]] std::optional<Amount> retention_pay(const Params& params, const JobSpec& spec);

}  // namespace millrace::market
