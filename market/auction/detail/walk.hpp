#pragma once

#include <map>
#include <vector>

#include "market/auction/detail/market_view.hpp"
#include "market/auction/detail/step_set.hpp"

/// What changes while a clearing walks its bids: lots left, stake left, leases and work left.
namespace millrace::market::detail {

/// Why a step is not for a bid, though its class would be.
enum class Exclusion : std::uint8_t { none, self, denied, task_size, capped, stake };

/// Flags of one bid in this clearing.
struct BidState {
    std::uint32_t filled = 0;
    bool min_fill = false;   ///< failed its minimum first fill
    bool incapable = false;  ///< no class of the book could do it
    bool excluded = false;   ///< some step was not for it: what it missed is not lack of capacity
    bool starved = false;    ///< had its turn and found every class that would do sold out
};

/// Lots taken; `takes` of the outcome with indices for names.
struct Taken {
    std::uint32_t bid = 0;
    std::uint32_t step = 0;
    std::uint32_t lots = 0;
    TakeKind kind = TakeKind::in_line;
    std::uint32_t chunk = kNone;  ///< of a drawn one
    /// With replicas: where this take's chunks begin in `Walk::placed`.
    std::uint32_t placed_from = 0;
};

/// A distinct requirement and what can do it; found once, used by all bids that have it.
struct Kind {
    ClassMask classes;
    std::uint64_t unmet = 0;
};

class Walk {
  public:
    Walk(const MarketView& market, const ClearingLimits& limits);

    const MarketView& market;
    std::uint32_t leases_left = 0;
    WalkEnd end = WalkEnd::complete;
    std::uint32_t walked = 0;

    std::vector<std::uint32_t> left;  ///< lots of each step
    std::vector<std::uint32_t> head;  ///< first unsold step of each class, or its end
    StepSet unsold;
    std::vector<BidState> bids;
    std::vector<std::uint32_t> kind_of;  ///< of each bid once reached
    std::vector<Kind> kinds;
    std::vector<Taken> taken;
    std::vector<std::uint32_t> placed;    ///< chunks of bids with replicas, tentatively
    std::vector<std::uint32_t> place_of;  ///< each reached bid's place in the order

    /// Charges n comparisons, or refuses, which ends the phase.
    [[nodiscard]] bool spend(std::uint64_t n) {
        if (n > budget_ - spent_) return false;
        spent_ += n;
        return true;
    }
    /// What may be spent in total from now on.
    void set_budget(std::uint64_t total) { budget_ = total; }
    [[nodiscard]] std::uint64_t spent() const { return spent_; }
    /// Comparisons of sorting ties; no budget may stop it, or a book of ties would never clear.
    [[nodiscard]] std::uint64_t tie_work() const { return tie_work_; }

    /// Number of active bids; places of the walk are [0, count).
    [[nodiscard]] std::uint32_t places() const { return static_cast<std::uint32_t>(order_.size()); }
    /// The bid at this place of the order (b falling, H(s, id)). Ties are sorted once reached, so
    /// that bids which no clearing reaches cost it no hash.
    [[nodiscard]] std::uint32_t bid_at(std::uint32_t place);
    /// The kind of a bid; kNone when the budget ended.
    [[nodiscard]] std::uint32_t kind(std::uint32_t bid);

    /// Begins the turn of a bid: lots taken from here on count for its cap.
    void begin_turn(std::uint32_t bid);
    /// Counts lots that this bid took earlier in this clearing.
    void recall(std::uint32_t ask, std::uint32_t lots);
    /// How many lots of this ask the bid may take, and why none.
    [[nodiscard]] std::uint32_t admitted(std::uint32_t ask, Exclusion& why) const;
    /// Comparisons that `admitted` may need for this bid.
    [[nodiscard]] std::uint64_t admission_work() const { return admission_work_; }
    /// Takes lots of a step for the bid whose turn it is.
    void take(std::uint32_t step, std::uint32_t lots, TakeKind kind, std::uint32_t chunk);
    /// Gives the last takes back, down to `size` of them; they are of the bid whose turn it is.
    void give_back(std::size_t size);

  private:
    struct Marked {
        std::uint32_t turn = 0;
        std::uint32_t lots = 0;
    };
    void sort_group(std::uint32_t from);

    std::vector<std::uint32_t> order_;  ///< active bids by limit; ties sorted once reached
    std::uint32_t sorted_ = 0;          ///< places before this one are final
    std::map<Requirement, std::uint32_t> kind_index_;
    std::vector<Uint128> stake_left_;  ///< nano-credits × 10^4
    std::vector<Marked> marked_;       ///< lots of each ask in the current turn
    std::uint32_t turn_ = 0;
    std::uint32_t bid_ = kNone;
    Uint128 lot_stake_ = 0;  ///< k × v + reserve × 10^4 of the current bid
    std::uint64_t admission_work_ = 0;
    std::uint64_t spent_ = 0;
    std::uint64_t tie_work_ = 0;
    std::uint64_t budget_ = 0;
};

/// What one lot of this bid locks, in nano-credits × 10^4.
[[nodiscard]] Uint128 stake_of_lot(const Book& book, const BidOrder& bid);
/// Exclusions that depend on nothing but the two orders; cap and stake do not belong here.
[[nodiscard]] Exclusion standing_exclusion(const BidOrder& bid, const AskOrder& ask);
/// Indices of the asks on a bid's allow list that are in this clearing, by (class, ask). Such a bid
/// goes straight to them: looking past everybody else would never reach the one it wants.
[[nodiscard]] std::vector<std::uint32_t> allowed_asks(const MarketView& market,
                                                      const BidOrder& bid);
/// Lots that the provider has had from this job in earlier clearings.
[[nodiscard]] std::uint32_t lots_held(const BidOrder& bid, const AccountId& provider);

/// Before the fill: one replica for each chunk that has none, at most `leases` of them.
/// Returns the comparisons of setting up, which depend on the book alone. Source: "The draw".
std::uint64_t draw_replicas(Walk& walk, std::uint32_t leases);
/// Gives every bid its turn. Source: "The fill".
void fill(Walk& walk);
/// p, L, U, F, Q of every class. Source: "The price".
[[nodiscard]] std::vector<ClassResult> price_classes(const Walk& walk, std::uint64_t& work);
/// Which provider gets which chunk. Source: "The assignment".
void assign(const Walk& walk, Clearing& out);

/// Open chunks of one bid with replicas: who holds what, and what is still needed.
/// Bounded by kChunkWindow chunks of at most kReplicasMax holders.
class ChunkBoard {
  public:
    /// The chunks of the bid that have at least one replica, counting `drawn` (ask, chunk) of this
    /// clearing. A chunk that the draw passed over waits, else the buyer's replicas could all
    /// be bought by one cheap owner.
    ChunkBoard(const Walk& walk, std::uint32_t bid,
               const std::vector<std::pair<std::uint32_t, std::uint32_t>>& drawn);

    /// Lays up to `lots` chunks for this ask: those that need most first, then round the circle
    /// from where the last share ended. Appends the chunks; returns how many.
    std::uint32_t place(std::uint32_t ask, std::uint32_t lots, std::vector<std::uint32_t>& out);
    [[nodiscard]] std::uint32_t needed() const { return needed_; }
    /// Comparisons of making one: chunks of the window and holders to look up.
    [[nodiscard]] static std::uint64_t setup_work(const BidOrder& bid);
    /// Comparisons of one `place`.
    [[nodiscard]] std::uint64_t work() const { return cells_.size() + 1; }

  private:
    struct Cell {
        std::uint32_t chunk = 0;
        std::uint32_t need = 0;
        std::vector<std::uint32_t> holders;
    };
    std::vector<Cell> cells_;
    std::uint32_t cursor_ = 0;
    std::uint32_t needed_ = 0;
};

}  // namespace millrace::market::detail
