#include "market/auction/detail/walk.hpp"

#include <algorithm>

namespace millrace::market::detail {

Walk::Walk(const MarketView& view, const ClearingLimits& limits)
    : market(view),
      leases_left(limits.leases_per_clearing),
      left(view.steps.size()),
      head(view.classes.size()),
      unsold(static_cast<std::uint32_t>(view.steps.size())),
      bids(view.book->bids.size()),
      kind_of(view.book->bids.size(), kNone),
      place_of(view.book->bids.size(), kNone),
      stake_left_(view.book->asks.size()),
      marked_(view.book->asks.size()) {
    for (std::uint32_t s = 0; s < view.steps.size(); ++s) {
        left[s] = view.steps[s].lots;
        unsold.insert(s);
    }
    for (std::size_t c = 0; c < head.size(); ++c) head[c] = view.classes[c].begin;
    for (std::size_t a = 0; a < stake_left_.size(); ++a)
        stake_left_[a] = Uint128{view.book->asks[a].free_stake.value} * kBasisPoints;
    for (std::uint32_t b = 0; b < view.book->bids.size(); ++b)
        if (view.book->bids[b].standing == Standing::active) order_.push_back(b);
}

std::uint32_t Walk::bid_at(std::uint32_t place) {
    while (sorted_ <= place) sort_group(sorted_);
    return order_[place];
}

/// Sorts the bids that share the limit of the one at `from`.
void Walk::sort_group(std::uint32_t from) {
    const auto& book = *market.book;
    const Price limit = book.bids[order_[from]].limit;
    std::uint32_t to = from + 1;
    while (to < order_.size() && book.bids[order_[to]].limit == limit) ++to;
    const std::uint32_t count = to - from;
    if (count > 1) {
        std::vector<std::pair<Hash, std::uint32_t>> ties;
        ties.reserve(count);
        for (std::uint32_t i = from; i < to; ++i)
            ties.emplace_back(bid_tie(market.seed, book.bids[order_[i]].id), order_[i]);
        std::sort(ties.begin(), ties.end());
        for (std::uint32_t i = from; i < to; ++i) order_[i] = ties[i - from].second;
        tie_work_ += count * kHashWork + sort_work(count);
    }
    for (std::uint32_t i = from; i < to; ++i) place_of[order_[i]] = i;
    sorted_ = to;
}

std::uint32_t Walk::kind(std::uint32_t bid) {
    if (kind_of[bid] != kNone) return kind_of[bid];
    const Requirement& requirement = market.book->bids[bid].requirement;
    if (!spend(8)) return kNone;
    const auto known = kind_index_.find(requirement);
    if (known != kind_index_.end()) return kind_of[bid] = known->second;
    if (!spend(market.classes.size())) return kNone;
    Kind fresh;
    for (std::uint32_t c = 0; c < market.classes.size(); ++c)
        if (is_compatible(market.classes[c].capability, requirement)) fresh.classes.insert(c);
    const auto index = static_cast<std::uint32_t>(kinds.size());
    kinds.push_back(fresh);
    kind_index_.emplace(requirement, index);
    return kind_of[bid] = index;
}

Uint128 stake_of_lot(const Book& book, const BidOrder& bid) {
    return Uint128{bid.lot_value.value} * bid.stake_factor +
           Uint128{book.reserve.value} * kBasisPoints;
}

Exclusion standing_exclusion(const BidOrder& bid, const AskOrder& ask) {
    if (bid.owner == ask.owner || bid.owner == ask.provider) return Exclusion::self;
    if (bid.list_kind != ListKind::none) {
        const bool listed = std::binary_search(bid.list.begin(), bid.list.end(), ask.provider);
        if (listed != (bid.list_kind == ListKind::allow)) return Exclusion::denied;
    }
    if (std::binary_search(bid.excluded.begin(), bid.excluded.end(), ask.provider) ||
        std::binary_search(ask.deny.begin(), ask.deny.end(), bid.owner))
        return Exclusion::denied;
    if (bid.task_gas > ask.task_gas_max || bid.task_bytes > ask.task_bytes_max)
        return Exclusion::task_size;
    return Exclusion::none;
}

std::vector<std::uint32_t> allowed_asks(const MarketView& market, const BidOrder& bid) {
    const auto& asks = market.book->asks;
    std::vector<std::uint32_t> out;
    for (const AccountId& id : bid.list) {
        const auto at = std::lower_bound(
            asks.begin(), asks.end(), id,
            [](const AskOrder& ask, const AccountId& key) { return ask.provider < key; });
        if (at == asks.end() || at->provider != id) continue;
        const auto index = static_cast<std::uint32_t>(at - asks.begin());
        if (market.asks[index].class_index != kNone) out.push_back(index);
    }
    std::sort(out.begin(), out.end(), [&](std::uint32_t a, std::uint32_t b) {
        const std::uint32_t x = market.asks[a].class_index;
        const std::uint32_t y = market.asks[b].class_index;
        return x != y ? x < y : a < b;
    });
    return out;
}

std::uint32_t lots_held(const BidOrder& bid, const AccountId& provider) {
    const auto at = std::lower_bound(
        bid.held.begin(), bid.held.end(), provider,
        [](const LotsHeld& held, const AccountId& id) { return held.provider < id; });
    return at != bid.held.end() && at->provider == provider ? at->lots : 0;
}

void Walk::begin_turn(std::uint32_t bid) {
    const BidOrder& order = market.book->bids[bid];
    bid_ = bid;
    ++turn_;
    lot_stake_ = stake_of_lot(*market.book, order);
    const auto search = [](std::uint64_t n) {
        return static_cast<std::uint64_t>(std::bit_width(n));
    };
    admission_work_ =
        6 + search(order.list.size()) + search(order.excluded.size()) + search(order.held.size());
}

void Walk::recall(std::uint32_t ask, std::uint32_t lots) {
    if (marked_[ask].turn != turn_) marked_[ask] = {turn_, 0};
    marked_[ask].lots += lots;
}

std::uint32_t Walk::admitted(std::uint32_t ask, Exclusion& why) const {
    const BidOrder& bid = market.book->bids[bid_];
    const AskOrder& order = market.book->asks[ask];
    why = standing_exclusion(bid, order);
    if (why != Exclusion::none) return 0;
    std::uint32_t lots = kLotsPerJobMax;
    if (bid.spread_cap != 0) {
        const std::uint64_t now = marked_[ask].turn == turn_ ? marked_[ask].lots : 0;
        const std::uint64_t had = lots_held(bid, order.provider) + now;
        const bool counted_out = had == 0 && bid.held.size() >= kHeldMax;
        if (had >= bid.spread_cap || counted_out) {
            why = Exclusion::capped;
            return 0;
        }
        lots = static_cast<std::uint32_t>(std::min<std::uint64_t>(lots, bid.spread_cap - had));
    }
    if (lot_stake_ != 0) {
        const Uint128 covered = stake_left_[ask] / lot_stake_;
        if (covered == 0) {
            why = Exclusion::stake;
            return 0;
        }
        if (covered < lots) lots = static_cast<std::uint32_t>(covered);
    }
    return lots;
}

void Walk::take(std::uint32_t step, std::uint32_t lots, TakeKind kind, std::uint32_t chunk) {
    const Step& from = market.steps[step];
    MILLRACE_ASSERT(lots > 0 && lots <= left[step] && lots <= leases_left);
    left[step] -= lots;
    leases_left -= lots;
    if (left[step] == 0) {
        unsold.erase(step);
        std::uint32_t& first = head[from.class_index];
        if (first == step) first = unsold.next(step + 1, market.classes[from.class_index].end);
    }
    stake_left_[from.ask] -= lot_stake_ * lots;
    recall(from.ask, lots);
    bids[bid_].filled += lots;
    taken.push_back({bid_, step, lots, kind, chunk, static_cast<std::uint32_t>(placed.size())});
}

void Walk::give_back(std::size_t size) {
    for (; taken.size() > size; taken.pop_back()) {
        const Taken& last = taken.back();
        MILLRACE_ASSERT(last.bid == bid_);
        const Step& from = market.steps[last.step];
        left[last.step] += last.lots;
        leases_left += last.lots;
        unsold.insert(last.step);
        head[from.class_index] = std::min(head[from.class_index], last.step);
        stake_left_[from.ask] += lot_stake_ * last.lots;
        marked_[from.ask].lots -= last.lots;
        bids[bid_].filled -= last.lots;
    }
}

}  // namespace millrace::market::detail
