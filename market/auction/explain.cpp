#include "market/auction/explain.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "market/auction/detail/walk.hpp"

namespace millrace::market {

namespace detail {

/// The book as the clearing left it.
struct Aftermath {
    const Book* book = nullptr;
    const Clearing* clearing = nullptr;
    MarketView market;
    std::vector<std::uint32_t> left;                         ///< of each step
    std::vector<std::uint32_t> filled;                       ///< of each bid
    std::vector<std::uint32_t> sold;                         ///< of each ask
    std::vector<Uint128> stake_left;                         ///< of each ask, × 10^4
    std::vector<std::pair<JobId, std::uint32_t>> bid_index;  ///< sorted
    std::vector<JobId> min_fill;                             ///< sorted
    std::vector<std::uint32_t> place;                        ///< of each active bid
    using Index = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
    Index takes_of;   ///< (bid, take), sorted
    Index grants_of;  ///< (bid, grant), sorted

    /// Calls `visit(position)` for each entry of this bid.
    template <class Visit>
    static void for_each_of(const Index& index, std::uint32_t bid, Visit visit) {
        auto at = std::lower_bound(index.begin(), index.end(), std::pair{bid, 0U});
        for (; at != index.end() && at->first == bid; ++at) visit(at->second);
    }

    [[nodiscard]] std::uint32_t bid_at(const JobId& id) const {
        const auto at = std::lower_bound(bid_index.begin(), bid_index.end(), std::pair{id, 0U});
        return at != bid_index.end() && at->first == id ? at->second : kNone;
    }
    [[nodiscard]] std::uint32_t ask_at(const AccountId& id) const {
        const auto at = std::lower_bound(
            book->asks.begin(), book->asks.end(), id,
            [](const AskOrder& ask, const AccountId& key) { return ask.provider < key; });
        if (at == book->asks.end() || at->provider != id) return kNone;
        return static_cast<std::uint32_t>(at - book->asks.begin());
    }
    /// The ask's cheapest unsold step, or kNone.
    [[nodiscard]] std::uint32_t cheapest(std::uint32_t ask) const {
        for (const std::uint32_t step : market.asks[ask].steps)
            if (step != kNone && left[step] > 0) return step;
        return kNone;
    }
};

}  // namespace detail

namespace {

using detail::Aftermath;
using detail::Exclusion;
using detail::kNone;

constexpr std::uint64_t kUnbounded = std::numeric_limits<std::uint64_t>::max();
constexpr std::array kDemands{Demand::memory_tier, Demand::features,    Demand::region,
                              Demand::stake_tier,  Demand::record_tier, Demand::tee,
                              Demand::task_size};

void place_bids(Aftermath& after, const Hash& seed) {
    const auto& bids = after.book->bids;
    std::vector<std::pair<Hash, std::uint32_t>> group;
    std::uint32_t place = 0;
    for (std::uint32_t from = 0; from < bids.size();) {
        group.clear();
        std::uint32_t to = from;
        for (; to < bids.size() && bids[to].limit == bids[from].limit; ++to)
            if (bids[to].standing == Standing::active)
                group.emplace_back(detail::bid_tie(seed, bids[to].id), to);
        std::sort(group.begin(), group.end());
        for (const auto& [tie, b] : group) after.place[b] = place++;
        from = to;
    }
}

std::shared_ptr<const Aftermath> make_aftermath(const Book& book, const Hash& seed,
                                                const Clearing& clearing) {
    auto after = std::make_shared<Aftermath>();
    after->book = &book;
    after->clearing = &clearing;
    after->market = detail::make_market_view(book, seed);
    for (const detail::Step& step : after->market.steps) after->left.push_back(step.lots);
    after->filled.resize(book.bids.size());
    after->sold.resize(book.asks.size());
    after->place.resize(book.bids.size(), kNone);
    for (std::uint32_t b = 0; b < book.bids.size(); ++b)
        after->bid_index.emplace_back(book.bids[b].id, b);
    std::sort(after->bid_index.begin(), after->bid_index.end());
    for (const AskOrder& ask : book.asks)
        after->stake_left.push_back(Uint128{ask.free_stake.value} * detail::kBasisPoints);
    for (const Take& take : clearing.takes) {
        const std::uint32_t b = after->bid_at(take.bid);
        const std::uint32_t a = after->ask_at(take.provider);
        MILLRACE_ASSERT(b != kNone && a != kNone);
        after->filled[b] += take.lots;
        after->sold[a] += take.lots;
        after->stake_left[a] -= detail::stake_of_lot(book, book.bids[b]) * take.lots;
        for (const std::uint32_t step : after->market.asks[a].steps)
            if (step != kNone && after->market.steps[step].index == take.step)
                after->left[step] -= take.lots;
    }
    for (std::uint32_t t = 0; t < clearing.takes.size(); ++t)
        after->takes_of.emplace_back(after->bid_at(clearing.takes[t].bid), t);
    for (std::uint32_t g = 0; g < clearing.grants.size(); ++g)
        after->grants_of.emplace_back(after->bid_at(clearing.grants[g].bid), g);
    std::sort(after->takes_of.begin(), after->takes_of.end());
    std::sort(after->grants_of.begin(), after->grants_of.end());
    after->min_fill.assign(clearing.min_fill.begin(), clearing.min_fill.end());
    std::sort(after->min_fill.begin(), after->min_fill.end());
    place_bids(*after, seed);
    return after;
}

/// Reasons that lie in the order itself.
std::optional<Reason> reason_of(Standing standing) {
    switch (standing) {
        case Standing::active:
            return std::nullopt;
        case Standing::not_yet_eligible:
            return Reason::not_yet_eligible;
        case Standing::min_fill:
            return Reason::min_fill;
        case Standing::no_capable_ask:
            return Reason::no_capable_ask;
        case Standing::expired:
            return Reason::expired;
        case Standing::unread:
            return Reason::work_limit;
    }
    return std::nullopt;
}

bool fits(const BidOrder& bid, const AskOrder& ask) {
    return bid.task_gas <= ask.task_gas_max && bid.task_bytes <= ask.task_bytes_max;
}
bool can_do(const BidOrder& bid, const AskOrder& ask) {
    return is_compatible(ask.capability, bid.requirement) && fits(bid, ask);
}

/// Counts which demand stands between pairs of orders most often; ties go to the lower number.
class DemandCount {
  public:
    void add(const BidOrder& bid, const AskOrder& ask) {
        for (std::size_t i = 0; i < kDemands.size(); ++i) {
            const bool met = kDemands[i] == Demand::task_size
                                 ? fits(bid, ask)
                                 : meets(ask.capability, bid.requirement, kDemands[i]);
            if (!met) ++counts_[i];
        }
    }
    [[nodiscard]] std::optional<Demand> most() const {
        const auto at = std::max_element(counts_.begin(), counts_.end());
        if (*at == 0) return std::nullopt;
        return kDemands[static_cast<std::size_t>(at - counts_.begin())];
    }

  private:
    std::array<std::uint64_t, kDemands.size()> counts_{};
};

/// Counts what stood between pairs that could have traded; ties in the order of the table.
class ExclusionCount {
  public:
    void add(Exclusion why) {
        for (std::size_t i = 0; i < kTable.size(); ++i)
            if (kTable[i].first == why) ++counts_[i];
    }
    [[nodiscard]] std::optional<Reason> most() const {
        const auto at = std::max_element(counts_.begin(), counts_.end());
        if (*at == 0) return std::nullopt;
        return kTable[static_cast<std::size_t>(at - counts_.begin())].second;
    }

  private:
    static constexpr std::array<std::pair<Exclusion, Reason>, 4> kTable{
        {{Exclusion::denied, Reason::denied},
         {Exclusion::self, Reason::self},
         {Exclusion::capped, Reason::capped},
         {Exclusion::stake, Reason::stake}}};
    std::array<std::uint64_t, kTable.size()> counts_{};
};

/// What keeps one bid from one more lot of an ask, after the clearing.
class AfterBid {
  public:
    AfterBid(const Aftermath& after, std::uint32_t b)
        : after_(after), bid_(after.book->bids[b]), lot_(detail::stake_of_lot(*after.book, bid_)) {
        Aftermath::for_each_of(after.takes_of, b, [&](std::uint32_t t) {
            const Take& take = after.clearing->takes[t];
            taken_[take.provider] += take.lots;
        });
        if (bid_.replicas > 1) count_open_chunks(b);
    }
    [[nodiscard]] Exclusion exclusion(std::uint32_t a) const {
        const AskOrder& ask = after_.book->asks[a];
        const Exclusion standing = detail::standing_exclusion(bid_, ask);
        if (standing != Exclusion::none) return standing;
        const auto taken = taken_.find(ask.provider);
        const std::uint64_t had = std::uint64_t{detail::lots_held(bid_, ask.provider)} +
                                  (taken == taken_.end() ? 0 : taken->second);
        const bool counted_out = had == 0 && bid_.held.size() >= kHeldMax;
        if (bid_.spread_cap != 0 && (had >= bid_.spread_cap || counted_out))
            return Exclusion::capped;
        const auto chunks = chunks_with_.find(ask.provider);
        if (open_chunks_ > 0 && chunks != chunks_with_.end() && chunks->second == open_chunks_)
            return Exclusion::capped;
        if (lot_ != 0 && after_.stake_left[a] < lot_) return Exclusion::stake;
        return Exclusion::none;
    }

  private:
    /// Chunks begun that still need a replica, and how many of them each provider is in.
    void count_open_chunks(std::uint32_t b) {
        std::map<std::uint32_t, std::vector<AccountId>> granted;
        Aftermath::for_each_of(after_.grants_of, b, [&](std::uint32_t g) {
            const Grant& grant = after_.clearing->grants[g];
            granted[grant.chunk].push_back(grant.provider);
        });
        for (const ChunkRun& run : bid_.chunks)
            for (std::uint32_t i = 0; i < run.count; ++i) {
                const auto now = granted.find(run.first + i);
                const std::size_t count = now == granted.end() ? 0 : now->second.size();
                if (count >= run.need || (count == 0 && run.holders.empty())) continue;
                ++open_chunks_;
                for (const AccountId& id : run.holders) ++chunks_with_[id];
                if (count > 0)
                    for (const AccountId& id : now->second) ++chunks_with_[id];
            }
    }

    const Aftermath& after_;
    const BidOrder& bid_;
    Uint128 lot_;
    std::map<AccountId, std::uint64_t> taken_;
    std::map<AccountId, std::uint32_t> chunks_with_;
    std::uint32_t open_chunks_ = 0;
};

/// What a bid with lots left finds among the asks that could do its job.
struct Supply {
    bool capable = false;
    bool in_clearing = false;         ///< some of them in a class of this clearing
    bool offered = false;             ///< some of those had lots to offer
    std::uint64_t open = kUnbounded;  ///< cheapest unsold step that is for this bid
    ExclusionCount excluded;          ///< of unsold steps within its limit
    DemandCount demands;
};

Supply survey(const Aftermath& after, const BidOrder& bid, const AfterBid& bidder) {
    Supply out;
    for (std::uint32_t a = 0; a < after.book->asks.size(); ++a) {
        const AskOrder& ask = after.book->asks[a];
        if (ask.standing != Standing::active) continue;
        if (!can_do(bid, ask)) {
            out.demands.add(bid, ask);
            continue;
        }
        out.capable = true;
        if (after.market.asks[a].class_index == kNone) continue;
        out.in_clearing = true;
        out.offered = out.offered || after.market.asks[a].steps[0] != kNone;
        const std::uint32_t step = after.cheapest(a);
        if (step == kNone) continue;
        const std::uint64_t price = after.market.steps[step].price;
        const Exclusion why = bidder.exclusion(a);
        if (why == Exclusion::none)
            out.open = std::min(out.open, price);
        else if (price <= bid.limit.value)
            out.excluded.add(why);
    }
    return out;
}

/// The least limit that would have gone before somebody who took what this bid could use.
std::uint64_t outbidding(const Aftermath& after, const BidOrder& bid) {
    std::uint64_t least = kUnbounded;
    for (const Take& take : after.clearing->takes) {
        if (take.kind == TakeKind::drawn || take.bid == bid.id) continue;
        if (!is_compatible(capability_of(take.class_id), bid.requirement)) continue;
        const Price limit = after.book->bids[after.bid_at(take.bid)].limit;
        if (limit >= bid.limit) least = std::min(least, limit.value + 1);
    }
    return least;
}

void explain_supply(const Aftermath& after, const BidOrder& bid, const Supply& supply,
                    Explanation& out) {
    if (!supply.capable) {
        out.reason = Reason::no_capable_ask;
        out.demand = supply.demands.most();
        return;
    }
    if (!supply.in_clearing) {
        out.reason = Reason::class_limit;
        return;
    }
    if (const auto most = supply.excluded.most()) {
        out.reason = most;
        return;
    }
    if (supply.open <= bid.limit.value) {
        out.reason = Reason::work_limit;  // only the draw's bounds leave this
        return;
    }
    const std::uint64_t needed =
        supply.offered ? std::min(supply.open, outbidding(after, bid)) : supply.open;
    if (needed == kUnbounded) {
        out.reason = Reason::all_busy;
        return;
    }
    out.reason = Reason::below_price;
    out.by = Price{needed - bid.limit.value};
}

/// What an ask with lots left finds among the bids whose job it could do.
struct Wanted {
    bool capable = false;
    bool hungry = false;      ///< some of them with lots left
    std::uint64_t best = 0;   ///< highest limit of those for which nothing but the price is wrong
    bool waiting = false;     ///< one of those at or above the ask's price had no turn
    ExclusionCount excluded;  ///< of those at or above the ask's price
    DemandCount demands;
};

Wanted survey(const Aftermath& after, std::uint32_t a, std::uint64_t price) {
    Wanted out;
    const AskOrder& ask = after.book->asks[a];
    for (std::uint32_t b = 0; b < after.book->bids.size(); ++b) {
        const BidOrder& bid = after.book->bids[b];
        if (bid.standing != Standing::active) continue;
        if (!can_do(bid, ask)) {
            out.demands.add(bid, ask);
            continue;
        }
        out.capable = true;
        if (after.filled[b] == lots_of(bid)) continue;
        if (std::binary_search(after.min_fill.begin(), after.min_fill.end(), bid.id)) continue;
        out.hungry = true;
        const Exclusion why = AfterBid(after, b).exclusion(a);
        if (why != Exclusion::none) {
            if (bid.limit.value >= price) out.excluded.add(why);
            continue;
        }
        out.best = std::max(out.best, bid.limit.value);
        out.waiting = out.waiting || bid.limit.value >= price;
    }
    return out;
}

/// The dearest step that somebody took whose job this ask could do: it would have been taken
/// instead at that price or less.
std::uint64_t undercutting(const Aftermath& after, std::uint32_t a) {
    std::uint64_t dearest = 0;
    for (const Take& take : after.clearing->takes) {
        const BidOrder& bid = after.book->bids[after.bid_at(take.bid)];
        if (take.kind == TakeKind::drawn || !can_do(bid, after.book->asks[a])) continue;
        const AskOrder& seller = after.book->asks[after.ask_at(take.provider)];
        const std::uint64_t price =
            grossed_up(seller.steps[take.step].price, after.book->fee_bp).value;
        if (price > 0) dearest = std::max(dearest, price - 1);
    }
    return dearest;
}

}  // namespace

Explainer::Explainer(const Book& book, const Hash& seed, const Clearing& clearing)
    : after_(make_aftermath(book, seed, clearing)) {}

std::optional<Explanation> Explainer::bid(const JobId& id) const {
    const Aftermath& after = *after_;
    const std::uint32_t b = after.bid_at(id);
    if (b == kNone) return std::nullopt;
    const BidOrder& bid = after.book->bids[b];
    Explanation out;
    out.filled = after.filled[b];
    out.left = lots_of(bid) - out.filled;
    if (out.left == 0) return out;
    const AfterBid bidder(after, b);
    const Supply supply = survey(after, bid, bidder);
    out.reason = reason_of(bid.standing);
    if (bid.standing == Standing::no_capable_ask) out.demand = supply.demands.most();
    if (!out.reason && std::binary_search(after.min_fill.begin(), after.min_fill.end(), id))
        out.reason = Reason::min_fill;
    if (!out.reason && supply.in_clearing && after.place[b] >= after.clearing->walked)
        out.reason = Reason::work_limit;
    if (!out.reason) explain_supply(after, bid, supply, out);
    return out;
}

std::optional<Explanation> Explainer::ask(const AccountId& provider) const {
    const Aftermath& after = *after_;
    const std::uint32_t a = after.ask_at(provider);
    if (a == kNone) return std::nullopt;
    const AskOrder& ask = after.book->asks[a];
    Explanation out;
    out.filled = after.sold[a];
    std::uint32_t offered = 0;
    for (const std::uint32_t lots : detail::offered_lots(ask)) offered += lots;
    out.left = offered - out.filled;
    out.reason = reason_of(ask.standing);
    if (out.reason) return out;
    if (out.left == 0) {
        if (out.filled == 0) out.reason = Reason::all_busy;
        return out;
    }
    const std::uint32_t step = after.cheapest(a);
    const std::uint64_t price = step == kNone ? 0 : after.market.steps[step].price;
    const Wanted wanted = survey(after, a, price);
    if (!wanted.capable) {
        out.reason = Reason::no_capable_ask;
        out.demand = wanted.demands.most();
    } else if (step == kNone) {
        out.reason = Reason::class_limit;
    } else if (wanted.waiting) {
        out.reason = Reason::work_limit;
    } else if (const auto most = wanted.excluded.most()) {
        out.reason = most;
    } else {
        out.reason = Reason::below_price;
        const std::uint64_t good = std::max(wanted.best, undercutting(after, a));
        out.by = Price{price > good ? price - good : 0};
    }
    return out;
}

}  // namespace millrace::market
