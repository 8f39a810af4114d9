#include <algorithm>
#include <bit>
#include <queue>

#include "market/auction/detail/walk.hpp"

/// The draw: of each chunk with replicas, the first goes to whom the beacon names, so that one
/// owner with several cheap accounts cannot be all replicas of a chunk.
namespace millrace::market::detail {

namespace {

/// Asks that could be drawn at the limit of the bid whose turn it is, weighted by free stake: one
/// Fenwick tree a class, in the order of provider ids. Limits only fall, so asks only leave, but
/// for what a bid gives back.
class DrawPool {
  public:
    explicit DrawPool(const Walk& walk)
        : walk_(walk),
          trees_(walk.market.classes.size()),
          totals_(trees_.size()),
          members_(trees_.size()),
          place_(walk.market.asks.size()),
          weight_(place_.size()) {
        for (std::uint32_t a = 0; a < place_.size(); ++a) {
            const std::uint32_t c = walk.market.asks[a].class_index;
            if (c == kNone) continue;
            place_[a] = static_cast<std::uint32_t>(members_[c].size());
            members_[c].push_back(a);
        }
        for (std::size_t c = 0; c < trees_.size(); ++c) trees_[c].resize(members_[c].size() + 1);
        for (std::uint32_t a = 0; a < place_.size(); ++a) refresh(a, ~std::uint64_t{0});
    }

    /// The ask's cheapest unsold step, or kNone.
    [[nodiscard]] std::uint32_t cheapest(std::uint32_t ask) const {
        for (const std::uint32_t step : walk_.market.asks[ask].steps)
            if (step != kNone && walk_.left[step] > 0) return step;
        return kNone;
    }
    /// Sets an ask's weight to what it is at this limit.
    void refresh(std::uint32_t ask, std::uint64_t limit) {
        const std::uint32_t step = cheapest(ask);
        if (step == kNone || walk_.market.steps[step].price > limit) return set(ask, 0);
        set(ask, walk_.market.book->asks[ask].free_stake.value);
        by_price_.push({walk_.market.steps[step].price, ask});
    }
    void exclude(std::uint32_t ask) { set(ask, 0); }
    /// Whether an ask may have to leave at this limit; `lower_one` lets the dearest leave.
    [[nodiscard]] bool is_above(std::uint64_t limit) const {
        return !by_price_.empty() && by_price_.top().first > limit;
    }
    void lower_one(std::uint64_t limit) {
        const std::uint32_t ask = by_price_.top().second;
        by_price_.pop();
        const std::uint32_t step = cheapest(ask);
        if (step == kNone || walk_.market.steps[step].price > limit) set(ask, 0);
    }
    [[nodiscard]] Uint128 total(const ClassMask& mask) const {
        Uint128 sum = 0;
        mask.for_each([&](std::uint32_t c) { sum += totals_[c]; });
        return sum;
    }
    /// The ask at `ticket` when all weights are laid end to end; ticket < total(mask).
    [[nodiscard]] std::uint32_t find(const ClassMask& mask, Uint128 ticket) const {
        std::uint32_t in = kNone;
        mask.for_each([&](std::uint32_t c) {
            if (in != kNone) return;
            if (ticket < totals_[c])
                in = c;
            else
                ticket -= totals_[c];
        });
        MILLRACE_ASSERT(in != kNone);
        const auto& tree = trees_[in];
        std::size_t at = 0;
        for (std::size_t step = std::bit_floor(tree.size() - 1); step > 0; step /= 2)
            if (at + step < tree.size() && tree[at + step] <= ticket) {
                at += step;
                ticket -= tree[at];
            }
        return members_[in][at];
    }
    [[nodiscard]] std::uint64_t weight(std::uint32_t ask) const { return weight_[ask]; }
    [[nodiscard]] std::uint64_t find_work() const {
        return trees_.size() + std::bit_width(place_.size());
    }

  private:
    void set(std::uint32_t ask, std::uint64_t weight) {
        const std::uint32_t c = walk_.market.asks[ask].class_index;
        if (c == kNone || weight_[ask] == weight) return;
        auto& tree = trees_[c];
        // Differences are taken modulo 2^128; sums of them are exact.
        const Uint128 difference = Uint128{weight} - weight_[ask];
        totals_[c] += difference;
        weight_[ask] = weight;
        for (std::size_t at = place_[ask] + 1U; at < tree.size(); at += at & (~at + 1))
            tree[at] += difference;
    }

    const Walk& walk_;
    std::vector<std::vector<Uint128>> trees_;
    std::vector<Uint128> totals_;
    std::vector<std::vector<std::uint32_t>> members_;
    std::vector<std::uint32_t> place_;
    std::vector<std::uint64_t> weight_;
    std::priority_queue<std::pair<std::uint64_t, std::uint32_t>> by_price_;
};

Uint128 ticket_of(const Hash& seed, const JobId& job, std::uint32_t chunk, std::uint32_t attempt) {
    const Hash drawn =
        Hasher("mill/draw").update(seed).update(job).update_u64(chunk).update_u64(attempt).finish();
    return (Uint128{load_le<std::uint64_t>(drawn.bytes.data() + 8)} << 64U) |
           load_le<std::uint64_t>(drawn.bytes.data());
}

enum class Drawn : std::uint8_t { yes, no, none_left, bound };

class BidDraw {
  public:
    BidDraw(Walk& walk, DrawPool& pool, std::uint32_t bid, std::uint32_t kind,
            std::uint32_t& leases)
        : walk_(walk),
          pool_(pool),
          bid_(bid),
          order_(walk.market.book->bids[bid]),
          mask_(walk.kinds[kind].classes),
          leases_(leases) {}

    /// False when the draw has reached one of its bounds.
    [[nodiscard]] bool run() {
        walk_.begin_turn(bid_);
        if (!walk_.spend(order_.list.size() * 32)) return false;
        if (order_.list_kind == ListKind::allow)
            for (const std::uint32_t ask : allowed_asks(walk_.market, order_))
                if (mask_.contains(walk_.market.asks[ask].class_index)) allowed_.push_back(ask);
        const std::size_t before = walk_.taken.size();
        const std::uint32_t leases_before = leases_;
        const Drawn last = draw_chunks();
        const std::size_t count = walk_.taken.size() - before;
        if (count < order_.min_first_fill) {
            std::vector<std::uint32_t> touched;
            for (std::size_t i = before; i < walk_.taken.size(); ++i)
                touched.push_back(walk_.market.steps[walk_.taken[i].step].ask);
            walk_.give_back(before);
            leases_ = leases_before;
            for (const std::uint32_t ask : touched) pool_.refresh(ask, order_.limit.value);
            // What the bounds cut short waits with `work_limit`; it is not at fault.
            walk_.bids[bid_].min_fill = last != Drawn::bound;
        }
        for (const std::uint32_t ask : excluded_) pool_.refresh(ask, order_.limit.value);
        return last != Drawn::bound;
    }

  private:
    Drawn draw_chunks() {
        std::uint32_t seen = 0;
        for (const ChunkRun& run : order_.chunks) {
            if (!walk_.spend(1)) return Drawn::bound;
            if (!run.holders.empty()) {
                seen += std::min(run.count, kChunkWindow);
                if (seen >= kChunkWindow) return Drawn::yes;
                continue;
            }
            for (std::uint32_t i = 0; i < run.count; ++i, ++seen) {
                if (seen >= kChunkWindow) return Drawn::yes;
                const Drawn one = draw_one(run.first + i);
                if (one == Drawn::bound || one == Drawn::none_left) return one;
            }
        }
        return Drawn::yes;
    }

    Drawn draw_one(std::uint32_t chunk) {
        for (std::uint32_t attempt = 0; attempt <= kLookPastMax; ++attempt) {
            const std::uint64_t cost =
                kHashWork + 2 * (pool_.find_work() + allowed_.size()) + walk_.admission_work();
            if (leases_ == 0 || !walk_.spend(cost)) return Drawn::bound;
            const Uint128 total = total_weight();
            if (total == 0) return Drawn::none_left;
            const std::uint32_t ask =
                find(ticket_of(walk_.market.seed, order_.id, chunk, attempt) % total);
            Exclusion why{};
            if (walk_.admitted(ask, why) == 0) {
                walk_.bids[bid_].excluded = true;
                pool_.exclude(ask);
                excluded_.push_back(ask);
                continue;
            }
            walk_.take(pool_.cheapest(ask), 1, TakeKind::drawn, chunk);
            --leases_;
            pool_.refresh(ask, order_.limit.value);
            return Drawn::yes;
        }
        return Drawn::no;
    }

    /// With an allow list only those on it are in the draw, so that it needs no luck to find them.
    [[nodiscard]] Uint128 total_weight() const {
        if (order_.list_kind != ListKind::allow) return pool_.total(mask_);
        Uint128 sum = 0;
        for (const std::uint32_t ask : allowed_) sum += pool_.weight(ask);
        return sum;
    }
    [[nodiscard]] std::uint32_t find(Uint128 ticket) const {
        if (order_.list_kind != ListKind::allow) return pool_.find(mask_, ticket);
        std::size_t at = 0;
        for (; ticket >= pool_.weight(allowed_[at]); ++at) ticket -= pool_.weight(allowed_[at]);
        return allowed_[at];
    }

    Walk& walk_;
    DrawPool& pool_;
    std::uint32_t bid_;
    const BidOrder& order_;
    ClassMask mask_;
    std::vector<std::uint32_t> allowed_;  ///< of an allow list: in the order of the draw
    std::uint32_t& leases_;
    std::vector<std::uint32_t> excluded_;
};

}  // namespace

std::uint64_t draw_replicas(Walk& walk, std::uint32_t leases) {
    const auto& bids = walk.market.book->bids;
    const bool any = std::any_of(bids.begin(), bids.end(), [](const BidOrder& bid) {
        return bid.standing == Standing::active && bid.replicas > 1;
    });
    if (!any) return bids.size();
    DrawPool pool(walk);
    // Entries of the pool's heap are one a step and one a charged attempt, so lowering is bounded.
    std::uint64_t setup = bids.size() + 2 * sort_work(walk.market.asks.size());
    for (std::uint32_t place = 0; place < walk.places(); ++place) {
        const std::uint32_t bid = walk.bid_at(place);
        if (!walk.spend(1)) return setup;
        if (bids[bid].replicas == 1) continue;
        while (pool.is_above(bids[bid].limit.value)) {
            pool.lower_one(bids[bid].limit.value);
            setup += 2 * pool.find_work();
        }
        const std::uint32_t kind = walk.kind(bid);
        if (kind == kNone) return setup;
        if (!BidDraw(walk, pool, bid, kind, leases).run()) return setup;
    }
    return setup;
}

}  // namespace millrace::market::detail
