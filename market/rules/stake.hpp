#pragma once

#include "market/ledger/tables.hpp"

/// Moves of a provider's stake and of its queue. The caller saves the provider.
namespace millrace::market {

void lock_stake(Provider& provider, Amount amount);
void unlock_stake(Provider& provider, Amount amount);
/// Takes locked stake away for ever.
void burn_locked(Ledger& ledger, Provider& provider, Amount amount);

/// Places of a provider's queue that a lot takes: two above the gas of a lot.
[[nodiscard]] std::uint8_t places_of(const Params& params, const JobSpec& spec);
/// Whether a lease from an ask of so many slots, at least one, still has a place: of two a slot one
/// is free. So each lease comes to the head of the queue within `longest_wait_ms`.
[[nodiscard]] bool has_place(const Provider& provider, std::uint32_t slots);
/// Puts a new lease, sold from an ask of so many slots, at the head of the queue if a slot is free,
/// else behind. There must be a place.
void enqueue_lease(Ledger& ledger, Provider& provider, const LeaseId& id, Lease& lease,
                   const JobSpec& spec, std::uint32_t slots);
/// A lease leaves the queue (committed, returned, missed); the next ones move up.
void leave_queue(Ledger& ledger, Provider& provider, const LeaseId& id, Lease& lease);

/// Tells subscribers of a lease's new state.
void emit_lease(Ledger& ledger, const LeaseId& id, const Lease& lease);

}  // namespace millrace::market
