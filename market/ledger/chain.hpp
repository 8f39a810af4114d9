#pragma once

#include "market/ids.hpp"
#include "market/ledger/store.hpp"
#include "market/params.hpp"

/// What the ledger knows of itself: time, epoch, beacon, fee, supply, the auction's clock.
namespace millrace::market {

/// A clearing that is frozen and not run yet. There is at most one.
struct PendingClearing {
    ClearingNumber number;
    /// Beacon of the block after the cut-off.
    Beacon seed;
    /// Active time of the freeze: what had expired by then does not trade.
    ActiveTime frozen;
    friend bool operator==(const PendingClearing&, const PendingClearing&) = default;
};
BOOST_DESCRIBE_STRUCT(PendingClearing, (), (number, seed, frozen))

/// New rules that more than two thirds of an epoch's weight asked for.
struct Upgrade {
    std::uint16_t version = 0;
    /// In force from the first block of this epoch on.
    Epoch epoch;
    friend bool operator==(const Upgrade&, const Upgrade&) = default;
};
BOOST_DESCRIBE_STRUCT(Upgrade, (), (version, epoch))
/// Epochs between the vote for new rules and their beginning: time to install them.
inline constexpr std::uint64_t kUpgradeDelayEpochs = 2;

struct ChainState {
    ChainId chain;
    std::uint16_t protocol_version = 1;
    bool faucet = false;
    Height height;
    WallTime time;
    ActiveTime active_time;
    Epoch epoch;
    /// The epoch ends with the first block at or past this.
    ActiveTime epoch_end;
    Beacon beacon;
    /// Beacons that this epoch's and the next one's leaders are drawn from: those at the boundaries
    /// two epochs before each.
    std::array<Beacon, 2> epoch_seeds{};
    /// Nano-credits a byte of weight.
    Amount base_fee;

    /// Everything that exists: balances, stakes, escrows, held rents.
    Amount supply;
    Amount burnt;
    Amount issued;

    /// Number of the last freeze.
    ClearingNumber clearing;
    std::optional<PendingClearing> pending;
    /// A freeze happens in the first block at or past this.
    ActiveTime next_cut_off;
    /// An order changed since the last freeze: then the auction is work for pacing.
    bool book_changed = false;
    std::uint32_t bids = 0;
    std::uint32_t asks = 0;
    /// Bids that come into the book after the clearing that is pending.
    std::uint32_t bids_coming = 0;
    /// Asks that the book will have after the clearing that is pending; 0 while none is.
    std::uint32_t asks_coming = 0;
    /// Last clearing that sees new supply; bids that no ask could serve look again then.
    ClearingNumber supply_gained;
    /// Clearings up to this one are held though no order changes: a notice or a bid's least time in
    /// the book is counted in them.
    ClearingNumber clock_until;
    /// Last clearing at which a bid wakes that failed its minimum fill.
    ClearingNumber min_fill_until;
    /// Numbers leases, for their ids and for the order in queues.
    std::uint64_t leases_made = 0;
    std::optional<Upgrade> upgrade;
    /// How often validators began anew after losing their vote tables: part of what they sign.
    std::uint32_t recoveries = 0;
    /// The oldest epoch whose set is kept.
    Epoch oldest_set;
    friend bool operator==(const ChainState&, const ChainState&) = default;
};
BOOST_DESCRIBE_STRUCT(ChainState, (),
                      (chain, protocol_version, faucet, height, time, active_time, epoch, epoch_end,
                       beacon, epoch_seeds, base_fee, supply, burnt, issued, clearing, pending,
                       next_cut_off, book_changed, bids, asks, bids_coming, asks_coming,
                       supply_gained, clock_until, min_fill_until, leases_made, upgrade, recoveries,
                       oldest_set))

[[nodiscard]] inline Key chain_key() {
    return Key(Table::chain);
}
[[nodiscard]] inline Key params_key() {
    return Key(Table::params);
}
/// The state of a chain that has begun; the genesis writes are there.
[[nodiscard]] ChainState load_chain(const StateReader& state);
[[nodiscard]] Params load_params(const StateReader& state);

}  // namespace millrace::market
