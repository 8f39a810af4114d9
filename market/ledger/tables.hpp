#pragma once

#include "market/ledger/book.hpp"
#include "market/ledger/leases.hpp"
#include "market/ledger/ledger.hpp"

/// Writing of providers and jobs, which keeps the book's rows in step with them.
namespace millrace::market {

[[nodiscard]] std::optional<Provider> find_provider(const Ledger& ledger, const ProviderId& id);
/// Stores a provider and derives its row in the book again.
void save_provider(Ledger& ledger, Provider& provider);

[[nodiscard]] std::optional<Job> find_job(const Ledger& ledger, const JobId& id);
/// The specification of a job that exists.
[[nodiscard]] JobSpec spec_of(const Ledger& ledger, const JobId& id);
/// Stores a job and derives its row in the book again.
void save_job(Ledger& ledger, const JobId& id, Job& job, const JobSpec& spec);

[[nodiscard]] std::optional<Lease> find_lease(const Ledger& ledger, const LeaseId& id);
void save_lease(Ledger& ledger, const LeaseId& id, const Lease& lease);

/// What a chunk offers, kept for the book; a need of 0 takes it off.
void set_open_chunk(Ledger& ledger, const JobId& id, std::uint32_t chunk, ChunkOffer offer);
/// Leaves a provider out of a job from the next clearing on. False when it was left out before.
bool exclude(Ledger& ledger, const JobId& id, Job& job, const ProviderId& provider);

/// Derives again the rows of everything that changed while a clearing was pending.
void derive_dirty_rows(Ledger& ledger);
/// Before a freeze: bids whose time to sit out has ended join those that the clearing walks, a
/// bounded number, the longest asleep first.
void wake_bids(Ledger& ledger);

/// The book that clearing `number`, frozen at `frozen`, sees.
[[nodiscard]] Book read_book(const StateReader& state, const Params& params, ClearingNumber number,
                             ActiveTime frozen);
/// Adds bids that sleep, at most `limit`, and that of one job wherever it stands: for those who ask
/// why, never for a clearing.
void add_sleeping_bids(const StateReader& state, Book& book, ClearingNumber number,
                       ActiveTime frozen, std::size_t limit, const std::optional<JobId>& job);

}  // namespace millrace::market
