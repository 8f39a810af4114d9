#pragma once

#include "market/auction/order.hpp"
#include "market/ledger/jobs.hpp"
#include "market/ledger/providers.hpp"

/// The order book in state, kept sorted: bids by falling limit, asks by rising price. Rows are
/// derived from jobs and providers and change only while no clearing is pending; what changes
/// meanwhile is marked and derived again after it. So the book that a clearing reads is exactly
/// what the blocks up to the cut-off held.
namespace millrace::market {

/// A job's row: all that a clearing needs except open chunks and exclusions.
struct BidRow {
    Address buyer;
    Price limit;
    Requirement requirement;
    std::uint8_t replicas = 1;
    std::uint32_t spread = 0;
    std::uint32_t first_fill = 0;
    ListKind list_kind = ListKind::none;
    AccountList list;
    Gas task_gas;
    std::uint64_t task_bytes = 0;
    Amount lot_value;
    std::uint64_t stake_factor = 0;
    ActiveTime expires;
    bool has_excluded = false;
    /// A cap counts what its providers have had.
    bool has_held = false;
    /// Never-leased chunks [fresh, fresh_end).
    std::uint32_t fresh = 0;
    std::uint32_t fresh_end = 0;
    /// Lots on offer of earlier chunks.
    std::uint32_t open_lots = 0;
    Standing standing = Standing::active;

    /// First freeze that sees this row, and the last that saw other values than these.
    ClearingNumber since;
    ClearingNumber changed;
    Seasoned before;
    friend bool operator==(const BidRow&, const BidRow&) = default;
};
BOOST_DESCRIBE_STRUCT(BidRow, (),
                      (buyer, limit, requirement, replicas, spread, first_fill, list_kind, list,
                       task_gas, task_bytes, lot_value, stake_factor, expires, has_excluded,
                       has_held, fresh, fresh_end, open_lots, standing, since, changed, before))

/// A provider's row: the order in force, and the one under notice.
struct AskRow {
    std::optional<AskOrder> order;
    std::optional<AskOrder> next;
    ClearingNumber next_from;
    friend bool operator==(const AskRow&, const AskRow&) = default;
};
BOOST_DESCRIBE_STRUCT(AskRow, (), (order, next, next_from))

/// Inverted limit first, so that the dearest bid comes first.
[[nodiscard]] inline Key bid_key(Price limit, const JobId& job) {
    return Key(Table::bid).add_number(~limit.value).add(job);
}
/// Bids that sit out are not among those that a clearing walks: else a pile of bids that nobody can
/// serve would shut out all below them.
[[nodiscard]] inline Key sleeping_bids(Standing standing) {
    return Key(Table::sleeping_bid).add_number(static_cast<std::uint8_t>(standing));
}
[[nodiscard]] inline Key bid_place_key(const BidPlace& place, const JobId& job) {
    if (place.standing == Standing::active) return bid_key(place.limit, job);
    return sleeping_bids(place.standing).add_number(place.wakes.value).add(job);
}
[[nodiscard]] inline Key ask_key(Price price, const ProviderId& provider) {
    return Key(Table::ask).add_number(price.value).add(provider);
}

/// Mark of a clearing that sees new supply: at most one for each clearing of a notice.
[[nodiscard]] inline Key supply_due_key(ClearingNumber clearing) {
    return Key(Table::supply_due).add_number(clearing.value);
}

/// Last price of a class, for quotes and history.
struct ClassPrice {
    ClearingNumber clearing;
    ActiveTime time;
    Price price;
    std::uint32_t sold = 0;
    std::uint64_t offered = 0;
    std::uint64_t unmet = 0;
    friend bool operator==(const ClassPrice&, const ClassPrice&) = default;
};
BOOST_DESCRIBE_STRUCT(ClassPrice, (), (clearing, time, price, sold, offered, unmet))
[[nodiscard]] inline Key class_price_key(ClassId id) {
    return Key(Table::class_price).add_number(id.value);
}

}  // namespace millrace::market
