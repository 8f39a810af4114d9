#pragma once

#include "market/ledger/tables.hpp"

/// The life of a chunk: one lot's tasks, leased by r providers, from the clearing to settlement.
/// Source: docs/protocol/transactions.md, "Jobs, tasks, leases".
///
/// The referee's place: a chunk whose claims differ stops in state `disputed`, and all of its money
/// stays held: escrow in job and leases, reserves, stakes at risk. The rules of the game will leave
/// that state through `settle_chunk` (after they have removed the leases that lost) or through
/// `fail_chunk`; nothing else touches such a chunk.
namespace millrace::market {

/// Makes a lease of one granted lot, sold from an ask of so many slots. False when a long lease has
/// closed the slot, the provider's stake no longer covers it, the chunk has no lot on offer, or the
/// job's cap counts as many providers as it may; then nothing changed.
bool make_lease(Ledger& ledger, const Grant& grant, std::uint32_t slots, Job& job,
                const JobSpec& spec);

/// Why a lease ends without a result.
enum class LeaseEnd : std::uint8_t {
    missed_start,   ///< reserve burnt, provider paused and excluded
    missed_commit,  ///< likewise
    missed_reveal,  ///< likewise
    silence,        ///< a missed reveal while a rival claim is revealed: stake at risk burnt, too
    returned,       ///< half the reserve burnt, provider excluded
    no_input,       ///< no loss, no attempt used, provider excluded
};

/// Ends a lease that is not settled and offers its lot again if attempts are left.
/// Does not save `job`.
void end_lease(Ledger& ledger, const LeaseId& id, Lease& lease, LeaseEnd end, Job& job,
               const JobSpec& spec);

/// After a change of one of its leases: opens reveals, opens the window, fails or goes on.
/// `at` is when the change happened by the rules: a deadline, or now. Does not save `job`.
void update_chunk(Ledger& ledger, const JobId& id, std::uint32_t index, Job& job,
                  const JobSpec& spec, ActiveTime at);

/// Pays every revealed lease and gives the rest back; with the policy `stop`, a task that failed
/// ends the job's time on the market now that its result stands. Does not save `job`.
void settle_chunk(Ledger& ledger, const JobId& id, std::uint32_t index, Job& job,
                  const JobSpec& spec);

/// Takes lots that nobody holds off the market until about `rows` rows were written; more are left
/// to the next sweep. Waits while a clearing is pending. Does not save `job`.
void withdraw_open(Ledger& ledger, const JobId& id, Job& job, const JobSpec& spec,
                   std::size_t rows);

/// Ends the time on the market: `state` is cancelled or expired. A few rows, whatever the job's
/// size: its lots are withdrawn by the sweep. Does not save `job`.
void stop_offering(Ledger& ledger, const JobId& id, Job& job, const JobSpec& spec, JobState state);

/// Releases what a settled lease still holds: pays the retention, frees the reserve.
/// Does not save `job`.
void release_lease(Ledger& ledger, const LeaseId& id, Lease& lease, Job& job);

}  // namespace millrace::market
