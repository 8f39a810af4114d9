#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/amount.hpp"
#include "common/bounded.hpp"
#include "common/hash.hpp"
#include "common/units.hpp"
#include "market/auction/classes.hpp"
#include "market/auction/order.hpp"

/// What a clearing is bounded by and what it returns.
/// Source: docs/protocol/auction.md, "The clearing".
namespace millrace::market {

/// Classes beyond these wait with `class_limit`: a bid walks every class that can do its job.
inline constexpr std::size_t kClassesMax = 256;
/// Steps that one bid looks past in its turn: a full deny list of providers with all their steps.
/// More, or as many in each class, and a few bids that want nobody's machine could use up the work.
inline constexpr std::uint32_t kLookPastMax = 64;
/// Open chunks of one bid with replicas that one clearing considers, the lowest first.
inline constexpr std::uint32_t kChunkWindow = 4'096;
/// One hash costs about as much as this many comparisons.
inline constexpr std::uint64_t kHashWork = 32;
/// Books are bounded by the ledger well below these; they bound decoding and quotes.
inline constexpr std::size_t kBookBidsMax = std::size_t{1} << 20U;
inline constexpr std::size_t kBookAsksMax = std::size_t{1} << 20U;

struct ClearingLimits {
    /// Leases of one clearing; each is a row in state and a slot of somebody's queue.
    std::uint32_t leases_per_clearing = 4'096;
    /// Comparisons of the draw and the fill together; about 100 ms of a reference core.
    std::uint64_t work_budget = 6'000'000;
    friend bool operator==(const ClearingLimits&, const ClearingLimits&) = default;
};
BOOST_DESCRIBE_STRUCT(ClearingLimits, (), (leases_per_clearing, work_budget))

/// The frozen book. Canonical: bids by (limit falling, id), asks by provider, none twice; the
/// ledger keeps both indexes in state, `canonicalise` makes them from any order.
struct Book {
    std::uint32_t fee_bp = 0;  ///< market fee in basis points, below 10^4
    Amount reserve;            ///< what each lease locks for faults, beside the stake at risk
    BoundedVector<BidOrder, kBookBidsMax> bids;
    BoundedVector<AskOrder, kBookAsksMax> asks;
    friend bool operator==(const Book&, const Book&) = default;
};
BOOST_DESCRIBE_STRUCT(Book, (), (fee_bp, reserve, bids, asks))

/// Sorts both sides; orders with the same id must not exist.
void canonicalise(Book& book);
[[nodiscard]] bool is_canonical(const Book& book);

enum class TakeKind : std::uint8_t {
    in_line = 1,      ///< nothing unsold in its class was before it
    out_of_line = 2,  ///< something was, but not for this bid
    drawn = 3,        ///< the replica that the beacon drew
};
BOOST_DESCRIBE_ENUM(TakeKind, in_line, out_of_line, drawn)

/// Lots of one bid from one step, at one price.
struct Take {
    JobId bid;
    AccountId provider;
    ClassId class_id;
    std::uint8_t step = 0;  ///< index into the ask's steps
    TakeKind kind = TakeKind::in_line;
    std::uint32_t lots = 0;
    Price price;  ///< what the buyer pays a Ggas: a' ≤ price ≤ b
    friend bool operator==(const Take&, const Take&) = default;
};
BOOST_DESCRIBE_STRUCT(Take, (), (bid, provider, class_id, step, kind, lots, price))

/// One lot of a job for one provider: the ledger makes a lease of it.
struct Grant {
    JobId bid;
    AccountId provider;
    ClassId class_id;
    std::uint32_t chunk = 0;
    Price price;
    /// The replica that the beacon drew: without it the others of its chunk must not be made.
    bool drawn = false;
    friend bool operator==(const Grant&, const Grant&) = default;
};
BOOST_DESCRIBE_STRUCT(Grant, (), (bid, provider, class_id, chunk, price, drawn))

/// A class that was in the clearing; without a trade its p, L, U and F are 0.
struct ClassResult {
    ClassId class_id;
    Price price;                ///< p
    Price lowest;               ///< L
    Price highest;              ///< U
    Price rival;                ///< F
    std::uint32_t sold = 0;     ///< Q
    std::uint64_t offered = 0;  ///< lots offered
    std::uint64_t unmet =
        0;              ///< lots that bids which had their turn still want and this class could do
    Amount free_stake;  ///< of its asks, saturated: the weight in an audit draw
    friend bool operator==(const ClassResult&, const ClassResult&) = default;
};
BOOST_DESCRIBE_STRUCT(ClassResult, (),
                      (class_id, price, lowest, highest, rival, sold, offered, unmet, free_stake))

/// Where the walk over the bids ended.
enum class WalkEnd : std::uint8_t {
    complete = 1,
    leases = 2,  ///< `leases_per_clearing` reached
    work = 3,    ///< `work_budget` used up
};
BOOST_DESCRIBE_ENUM(WalkEnd, complete, leases, work)

/// What the clearing cost, in comparisons. `draw` + `fill` ≤ `work_budget`; `setup` (the sorting,
/// ties included) and `settle` are bounded by the size of the book alone (docs/protocol/auction.md,
/// "Work").
struct WorkCount {
    std::uint64_t setup = 0;
    std::uint64_t draw = 0;
    std::uint64_t fill = 0;
    std::uint64_t settle = 0;
    friend bool operator==(const WorkCount&, const WorkCount&) = default;
};
BOOST_DESCRIBE_STRUCT(WorkCount, (), (setup, draw, fill, settle))

struct Clearing {
    /// In the order of the walk: drawn ones first, then each bid's in the order it took them.
    BoundedVector<Take, kBookBidsMax> takes;
    /// In the order (bid's place in the walk, chunk, the drawn one first, provider). Σ lots of
    /// `takes` = its size.
    BoundedVector<Grant, kBookBidsMax> grants;
    BoundedVector<ClassResult, kClassesMax> classes;  ///< by (rank, class id)
    BoundedVector<JobId, kBookBidsMax> min_fill;      ///< sit out next; in the order of the walk
    BoundedVector<JobId, kBookBidsMax> incapable;     ///< no ask of the book can do them; likewise
    WalkEnd end = WalkEnd::complete;
    /// Bids before this place in the walk have had their turn.
    std::uint32_t walked = 0;
    WorkCount work;
    friend bool operator==(const Clearing&, const Clearing&) = default;
};
BOOST_DESCRIBE_STRUCT(Clearing, (),
                      (takes, grants, classes, min_fill, incapable, end, walked, work))

/// Clears the book: a pure function of the set of orders, the seed and the limits.
/// The book must be canonical and its orders without fault. The ledger then, for each bid of the
/// book that stays, remembers (limit, lots) of this book as the next one's `previous`.
/// Cost: O(n log n) in the book, and at most `work_budget` comparisons beyond that.
[[nodiscard]] Clearing clear(const Book& book, const Hash& seed, const ClearingLimits& limits);

}  // namespace millrace::market
