#pragma once

#include "market/ledger/store.hpp"
#include "market/transaction.hpp"

/// Providers: stake, accounts, the ask with what is under notice, the queue of leases.
namespace millrace::market {

enum class PauseReason : std::uint8_t {
    none = 0,
    by_itself = 1,
    missed_start = 2,
    missed_commit = 3,
    missed_reveal = 4,
    left = 5,
    displaced = 6,  ///< another one paid more for the place in a full book
};
BOOST_DESCRIBE_ENUM(PauseReason, none, by_itself, missed_start, missed_commit, missed_reveal, left,
                    displaced)

struct Unbonding {
    Amount amount;
    ActiveTime ready;
    friend bool operator==(const Unbonding&, const Unbonding&) = default;
};
BOOST_DESCRIBE_STRUCT(Unbonding, (), (amount, ready))
/// Withdrawals under way at once: enough for one a day through an unbonding time.
inline constexpr std::size_t kUnbondingsMax = 8;

/// Waiting leases up to the one with this number begin while fewer than so many slots run.
struct QueueWidth {
    std::uint32_t slots = 0;
    std::uint64_t last = 0;
    friend bool operator==(const QueueWidth&, const QueueWidth&) = default;
};
BOOST_DESCRIBE_STRUCT(QueueWidth, (), (slots, last))
/// Widths of one queue, falling. A provider that narrows its ask more often than this before its
/// queue has emptied once keeps the last but one for what it sells then.
inline constexpr std::size_t kQueueWidthsMax = 4;

struct Provider {
    ProviderId owner;
    Address operator_account;
    Address payout_account;
    VrfKey vrf_key;
    /// Clearing from which on the VRF key counts.
    ClearingNumber vrf_key_from;
    EncryptionKey encryption_key;
    Endpoint endpoint;
    /// All stake that is not unbonding; `locked` of it is held by leases.
    Amount stake;
    Amount locked;
    BoundedVector<Unbonding, kUnbondingsMax> unbonding;
    PauseReason paused = PauseReason::none;

    /// In force; none while the first one is under notice.
    std::optional<Ask> ask;
    /// Under notice, in force from clearing `next_from` on.
    std::optional<Ask> next;
    ClearingNumber next_from;
    /// Price in the key of its row in the book; none when it has no row.
    std::optional<Price> book_price;

    /// Leases at the head of the queue: matched or started, at most one a slot.
    std::uint32_t running = 0;
    /// Leases behind them.
    std::uint32_t waiting = 0;
    /// Places that both take, of two a slot.
    std::uint32_t places = 0;
    /// How far the waiting ones may use the slots, from the head on; empty when none waits.
    BoundedVector<QueueWidth, kQueueWidthsMax> widths;
    /// Rent paid for the place that it has in the book.
    Amount admission;
    /// Who pays more may take its place in a full book: it has an ask and no lease in its queue.
    bool replaceable = false;
    /// Market fees paid so far: the record.
    Amount fees_paid;
    std::uint64_t settled = 0;
    std::uint64_t missed = 0;
    friend bool operator==(const Provider&, const Provider&) = default;
};
BOOST_DESCRIBE_STRUCT(Provider, (),
                      (owner, operator_account, payout_account, vrf_key, vrf_key_from,
                       encryption_key, endpoint, stake, locked, unbonding, paused, ask, next,
                       next_from, book_price, running, waiting, places, widths, admission,
                       replaceable, fees_paid, settled, missed))

[[nodiscard]] inline Key provider_key(const ProviderId& id) {
    return Key(Table::provider).add(id);
}
/// A waiting lease of a provider, by its number: first come, first served.
[[nodiscard]] inline Key provider_queue_key(const ProviderId& id, std::uint64_t number) {
    return Key(Table::provider_queue).add(id).add_number(number);
}
/// Providers that may have to leave a full book, who paid least first.
[[nodiscard]] inline Key ask_admission_key(Amount paid, const ProviderId& id) {
    return Key(Table::ask_admission).add_number(paid.value).add(id);
}
/// Index of a provider's leases that are not ended.
[[nodiscard]] inline Key provider_lease_key(const ProviderId& id, const LeaseId& lease) {
    return Key(Table::provider_lease).add(id).add(lease);
}
/// Stake that no lease locks.
[[nodiscard]] inline Amount free_stake(const Provider& provider) {
    return Amount{provider.stake.value - provider.locked.value};
}
/// Tier n needs `base` × 4^(n−1); tier 0 needs nothing.
[[nodiscard]] std::uint8_t tier_of(Amount value, Amount base, std::uint8_t tiers);
/// Applies a `next` ask whose notice has run out by this clearing.
void mature_ask(Provider& provider, ClearingNumber clearing);

}  // namespace millrace::market
