#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>

#include "common/address.hpp"
#include "common/amount.hpp"
#include "common/bounded.hpp"
#include "common/units.hpp"
#include "market/auction/classes.hpp"

/// Bids and asks as a clearing sees them: only what the rules need, copied from the ledger's tables
/// at the freeze. Source: docs/protocol/auction.md, "Orders".
namespace millrace::market {

/// Names an account and, through the account that owns it, a provider.
using AccountId = Address;

/// Prices are below this, so that every product of the rules fits 128 bits with room.
inline constexpr std::uint64_t kPriceBound = std::uint64_t{1} << 40U;
/// A job never has more lots than this over all its replicas: a clearing may have to walk them.
inline constexpr std::uint32_t kLotsPerJobMax = 65'536;
/// Four prices describe a provider's marginal cost well enough; each one costs a place in the sort.
inline constexpr std::size_t kStepsPerAskMax = 4;
/// A list is read for every step that a bid touches.
inline constexpr std::size_t kListMax = 16;
/// What a provider may offer in one step; with it 2·Σ slots fits 32 bits.
inline constexpr std::uint32_t kSlotsPerStepMax = 65'536;
/// A minimum first fill above this could bind a whole clearing to one bid.
inline constexpr std::uint32_t kMinFirstFillMax = 1'024;
/// Providers that failed a job and are left out of it; the newest stay. As many as a turn looks
/// past
/// (`kLookPastMax`): with more, a turn could end on them alone.
inline constexpr std::size_t kExcludedMax = 64;
/// Providers that a job with a spread cap works with: each is a row that every clearing reads.
inline constexpr std::uint32_t kHeldMax = 256;
/// More copies than this of one result buy no more trust.
inline constexpr std::uint8_t kReplicasMax = 16;

/// Whether an order takes part, and why not.
enum class Standing : std::uint8_t {
    active = 1,
    not_yet_eligible = 2,  ///< under notice, or a provider paused by a missed start
    min_fill = 3,          ///< a bid that sits out after failing its minimum first fill
    no_capable_ask = 4,    ///< a bid that sits out until a class that can do it gains slots
    expired = 5,           ///< past its expiry at the freeze
    unread = 6,            ///< the rows that a clearing reads were used up by bids before it
};
BOOST_DESCRIBE_ENUM(Standing, active, not_yet_eligible, min_fill, no_capable_ask, expired, unread)

enum class ListKind : std::uint8_t { none = 1, deny = 2, allow = 3 };
BOOST_DESCRIBE_ENUM(ListKind, none, deny, allow)

/// Consecutive chunks with the same number of replicas still to lease and the same providers in
/// them. A fresh job is one run; runs ascend, and none overlap.
struct ChunkRun {
    std::uint32_t first = 0;
    std::uint32_t count = 0;  ///< at least 1
    std::uint8_t need = 1;    ///< replicas still to lease, each chunk; at least 1
    /// Providers that hold, or have held without being excluded, a replica of these chunks; sorted.
    BoundedVector<AccountId, kReplicasMax> holders;
    friend bool operator==(const ChunkRun&, const ChunkRun&) = default;
};
BOOST_DESCRIBE_STRUCT(ChunkRun, (), (first, count, need, holders))

/// Lots of a job that one provider has had over the job's life; the spread cap counts them.
struct LotsHeld {
    AccountId provider;
    std::uint32_t lots = 0;
    friend bool operator==(const LotsHeld&, const LotsHeld&) = default;
};
BOOST_DESCRIBE_STRUCT(LotsHeld, (), (provider, lots))

/// What a bid was in the frozen book of the clearing before this one.
struct Seasoned {
    Price limit;
    std::uint32_t lots = 0;
    friend bool operator==(const Seasoned&, const Seasoned&) = default;
};
BOOST_DESCRIBE_STRUCT(Seasoned, (), (limit, lots))

/// A job's demand for lots.
struct BidOrder {
    JobId id;
    AccountId owner;
    Standing standing = Standing::active;
    Price limit;  ///< b: at most this a Ggas; below kPriceBound
    Requirement requirement;
    std::uint8_t replicas = 1;  ///< r: at most kReplicasMax
    /// The open chunks. The lots wanted are Σ count × need, at most kLotsPerJobMax.
    BoundedVector<ChunkRun, kLotsPerJobMax> chunks;
    std::uint32_t spread_cap = 0;  ///< c: lots a provider over the job's life; 0: no cap
    /// m: 0 once the job has been filled at all. With replicas it counts chunks begun.
    std::uint32_t min_first_fill = 0;
    ListKind list_kind = ListKind::none;
    BoundedVector<AccountId, kListMax> list;            ///< providers; sorted
    BoundedVector<AccountId, kLotsPerJobMax> excluded;  ///< providers that failed it; sorted
    BoundedVector<LotsHeld, kLotsPerJobMax> held;       ///< sorted; kHeldMax of them: no others
    Gas task_gas;                                       ///< gas limit of one task
    std::uint64_t task_bytes = 0;                       ///< input and output cap of one task
    Amount lot_value;                                   ///< v = ceil(lot gas × b / 10^9)
    std::uint64_t stake_factor = 0;                     ///< k in basis points, `stake_factor()`
    std::optional<Seasoned> previous;                   ///< none: it is fresh
    bool cancelling = false;                            ///< asked to leave: trades, sets no price
    friend bool operator==(const BidOrder&, const BidOrder&) = default;
};
BOOST_DESCRIBE_STRUCT(BidOrder, (),
                      (id, owner, standing, limit, requirement, replicas, chunks, spread_cap,
                       min_first_fill, list_kind, list, excluded, held, task_gas, task_bytes,
                       lot_value, stake_factor, previous, cancelling))

struct AskStep {
    Price price;  ///< a: net of the market fee, below kPriceBound
    std::uint32_t slots = 0;
    friend bool operator==(const AskStep&, const AskStep&) = default;
};
BOOST_DESCRIBE_STRUCT(AskStep, (), (price, slots))

/// A provider's standing offer, after notice: what is under notice is not in here.
struct AskOrder {
    AccountId provider;
    AccountId owner;
    Standing standing = Standing::active;
    Capability capability;
    BoundedVector<AskStep, kStepsPerAskMax> steps;  ///< prices strictly rising, slots at least 1
    /// Places of leases not yet committed, returned or missed, of the cheapest of 2·Σ slots: two
    /// for a lot above the usual gas, else one.
    std::uint32_t uncommitted = 0;
    Amount free_stake;  ///< the lower of that at the cut-off and that now
    Gas task_gas_max;   ///< largest task
    std::uint64_t task_bytes_max = 0;
    BoundedVector<AccountId, kListMax> deny;  ///< owners of jobs; sorted
    friend bool operator==(const AskOrder&, const AskOrder&) = default;
};
BOOST_DESCRIBE_STRUCT(AskOrder, (),
                      (provider, owner, standing, capability, steps, uncommitted, free_stake,
                       task_gas_max, task_bytes_max, deny))

/// Why an order may not enter a book; the first that holds, in this order.
enum class OrderFault : std::uint8_t {
    price_out_of_range = 1,   ///< zero, or at or above kPriceBound
    requirement_invalid = 2,  ///< a tier or kind beyond its bound (a capability, too)
    replicas_out_of_range = 3,
    chunks_invalid = 4,  ///< out of order, empty, a need that the replicas do not leave, > max lots
    min_first_fill_out_of_range = 5,  ///< above kMinFirstFillMax, the lots or (replicas) the chunks
    list_invalid = 6,                 ///< unsorted or repeated members
    seasoned_invalid = 7,
    stake_factor_out_of_range = 8,
    steps_invalid = 9,  ///< none, prices not rising, slots of 0 or beyond the bound
};
BOOST_DESCRIBE_ENUM(OrderFault, price_out_of_range, requirement_invalid, replicas_out_of_range,
                    chunks_invalid, min_first_fill_out_of_range, list_invalid, seasoned_invalid,
                    stake_factor_out_of_range, steps_invalid)

/// None when the order may enter a book. The ledger's rules call this at posting; a clearing
/// asserts it.
[[nodiscard]] std::optional<OrderFault> fault_of(const BidOrder& bid);
[[nodiscard]] std::optional<OrderFault> fault_of(const AskOrder& ask);

/// Σ count × need: the lots a bid still wants.
[[nodiscard]] std::uint32_t lots_of(const BidOrder& bid);
/// The lower of then and now; none for a fresh bid or one that is being cancelled.
[[nodiscard]] std::optional<Seasoned> seasoned_of(const BidOrder& bid);

/// The buyer's view of an ask: ceil(a × 10^4 / (10^4 − fee)), fee below 10^4 basis points.
[[nodiscard]] Price grossed_up(Price ask, std::uint32_t fee_bp);

/// k: what a lease puts at risk, in basis points of its value, so that cheating never pays.
/// max(`min_bp`, ceil(10^8 × (10^4 − ρ) / (ρ × burnt))), or `unaudited_bp` at ρ = 0.
/// `audit_rate_bp` and `slash_burnt_bp` are at most 10^4, the latter at least 1.
[[nodiscard]] std::uint64_t stake_factor(std::uint32_t audit_rate_bp, std::uint32_t slash_burnt_bp,
                                         std::uint64_t min_bp, std::uint64_t unaudited_bp);
/// k is at most this: 10^8 × 9,999 / 1, the rarest audit at the smallest burnt share.
inline constexpr std::uint64_t kStakeFactorMax = 1'000'000'000'000;

/// floor(k × v / 10^4): the stake at risk that one lease locks, beside the reserve. A provider's
/// leases of one clearing never lock more than its free stake, because each is rounded down.
/// None when it does not fit; such a bid takes nothing.
[[nodiscard]] std::optional<Amount> stake_at_risk(Amount lot_value, std::uint64_t stake_factor);

}  // namespace millrace::market
