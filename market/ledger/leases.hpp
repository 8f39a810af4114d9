#pragma once

#include "market/ledger/store.hpp"
#include "market/transaction.hpp"

/// Leases: one provider, one lot of a job, from the clearing to the last release.
namespace millrace::market {

enum class LeaseState : std::uint8_t {
    matched = 1,
    started = 2,
    committed = 3,
    revealed = 4,
    settled = 5,
    missed = 6,
    lost = 7,
    returned = 8,
};
BOOST_DESCRIBE_ENUM(LeaseState, matched, started, committed, revealed, settled, missed, lost,
                    returned)

struct Lease {
    JobId job;
    ProviderId provider;
    std::uint32_t chunk = 0;
    /// Place in the order of all leases.
    std::uint64_t number = 0;
    ClassId class_id;
    ClearingNumber clearing;
    /// Places that it takes of those that its provider sells, until it is committed, returned or
    /// missed: two when its lot is above `lot_gas_max`, so that nobody is sold a place behind it.
    std::uint8_t places = 1;
    /// What the buyer pays a Ggas.
    Price price;
    LeaseState state = LeaseState::matched;
    /// Behind other leases of its provider: no clock runs.
    bool waiting = false;
    /// End of the clock that runs: start, commit, or reveal; of the retention once settled.
    std::optional<ActiveTime> deadline;
    std::optional<ActiveTime> started;

    /// Buyer's money for this lot.
    Amount escrow;
    /// Provider's stake held for faults, fees of moves already drawn from it.
    Amount reserve;
    /// Provider's stake held against fraud and silence.
    Amount at_risk;
    /// Fees of commit and reveal so far.
    Amount move_fees;
    /// Buyer's money for keeping the output, once settled.
    Amount retention;

    std::optional<Commitment> commitment;
    std::optional<ListRoot> claims;
    /// A claim of it is of a task that failed.
    bool failed = false;
    /// Gas of all claims, each at most the task's limit.
    Gas gas;
    /// What the provider got, after the fee.
    Amount paid;
    friend bool operator==(const Lease&, const Lease&) = default;
};
BOOST_DESCRIBE_STRUCT(Lease, (),
                      (job, provider, chunk, number, class_id, clearing, places, price, state,
                       waiting, deadline, started, escrow, reserve, at_risk, move_fees, retention,
                       commitment, claims, failed, gas, paid))

[[nodiscard]] inline Key lease_key(const LeaseId& id) {
    return Key(Table::lease).add(id);
}
/// H("mill/lease", job, number).
[[nodiscard]] LeaseId lease_id_of(const JobId& job, std::uint64_t number);

}  // namespace millrace::market
