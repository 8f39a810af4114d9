#pragma once

#include "market/ledger/tables.hpp"

/// Moves of a provider's stake and of its queue. The caller saves the provider.
namespace millrace::market {

void lock_stake(Provider& provider, Amount amount);
void unlock_stake(Provider& provider, Amount amount);
/// Takes locked stake away for ever.
void burn_locked(Ledger& ledger, Provider& provider, Amount amount);

/// Puts a new lease at the head of the queue if a slot is free, else behind.
void enqueue_lease(Ledger& ledger, Provider& provider, const LeaseId& id, Lease& lease,
                   const JobSpec& spec);
/// A lease leaves the queue (committed, returned, missed); the next ones move up.
void leave_queue(Ledger& ledger, Provider& provider, const LeaseId& id, Lease& lease);

/// Tells subscribers of a lease's new state.
void emit_lease(Ledger& ledger, const LeaseId& id, const Lease& lease);

}  // namespace millrace::market
