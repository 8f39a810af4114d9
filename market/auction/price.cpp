#include <algorithm>
#include <limits>

#include "market/auction/detail/walk.hpp"

/// One price a class, at the low end of the interval in which every taker and every provider is
/// content, held up by seasoned rivals and by dearer classes that compete for the same buyers.
namespace millrace::market::detail {

namespace {

constexpr std::uint64_t kUnbounded = std::numeric_limits<std::uint64_t>::max();
/// A rival counts when those like it wanted at least a sixteenth of what was sold: a single shill
/// lot cannot set the price of a large class.
constexpr std::uint64_t kRivalShare = 16;

struct Interval {
    std::uint64_t lowest = 0;                 // L
    std::uint64_t takers_limit = kUnbounded;  // lowest limit of the fill's takers
    std::uint64_t drawn_limit = kUnbounded;   // lowest limit of the draw's
    std::uint64_t sold = 0;
    std::uint64_t rival = 0;  // F
    ClassMask rivals_of;      // classes that some taker could also use
};

std::vector<Interval> intervals_of(const Walk& walk) {
    std::vector<Interval> out(walk.market.classes.size());
    for (const Taken& one : walk.taken) {
        const Step& step = walk.market.steps[one.step];
        Interval& in = out[step.class_index];
        const std::uint64_t limit = walk.market.book->bids[one.bid].limit.value;
        in.sold += one.lots;
        if (one.kind == TakeKind::drawn) {
            in.drawn_limit = std::min(in.drawn_limit, limit);
            continue;
        }
        if (one.kind == TakeKind::in_line) in.lowest = std::max(in.lowest, step.price);
        in.takers_limit = std::min(in.takers_limit, limit);
        in.rivals_of.unite(walk.kinds[walk.kind_of[one.bid]].classes);
    }
    return out;
}

/// U: takers agree up to their lowest limit, and no unsold machine would do it for less. Who was
/// drawn had no say in the class, so its limit counts only where nobody else bought.
std::uint64_t highest(const Walk& walk, std::size_t c, const Interval& in) {
    const std::uint64_t limit = in.takers_limit != kUnbounded ? in.takers_limit : in.drawn_limit;
    const std::uint32_t head = walk.head[c];
    if (head == walk.market.classes[c].end) return limit;
    return std::min(limit, walk.market.steps[head].price);
}

/// F of every class with a trade.
void find_rivals(const Walk& walk, std::vector<Interval>& intervals, std::uint64_t& work) {
    struct Rival {
        std::uint64_t limit = 0;
        std::uint32_t lots = 0;
        std::uint32_t bid = 0;
    };
    std::vector<Rival> rivals;
    for (std::uint32_t b = 0; b < walk.bids.size(); ++b) {
        if (!walk.bids[b].starved) continue;
        const auto seasoned = seasoned_of(walk.market.book->bids[b]);
        if (seasoned && seasoned->lots > 0)
            rivals.push_back({seasoned->limit.value, seasoned->lots, b});
    }
    std::sort(rivals.begin(), rivals.end(), [](const Rival& a, const Rival& b) {
        if (a.limit != b.limit) return a.limit > b.limit;
        return a.bid < b.bid;
    });
    work += walk.bids.size() + sort_work(rivals.size());
    ClassMask open;
    std::vector<std::uint64_t> wanted(intervals.size());
    for (std::uint32_t c = 0; c < intervals.size(); ++c)
        if (intervals[c].sold > 0) open.insert(c);
    for (const Rival& rival : rivals) {
        if (open.empty()) break;
        walk.kinds[walk.kind_of[rival.bid]].classes.for_each_in(open, [&](std::uint32_t c) {
            wanted[c] += rival.lots;
            const std::uint64_t enough =
                std::max<std::uint64_t>(1, (intervals[c].sold + kRivalShare - 1) / kRivalShare);
            ++work;
            if (wanted[c] < enough) return;
            intervals[c].rival = rival.limit;
            open.erase(c);
        });
        work += open.words.size();
    }
}

/// Raises p(X) to min(U(X), p(Y)) where some taker of Y could also use X, the dearest Y first: a
/// class that has been settled is never raised again, as every later Y is cheaper.
void link(const std::vector<Interval>& intervals, std::vector<ClassResult>& results,
          std::uint64_t& work) {
    std::vector<std::uint32_t> open;
    for (std::uint32_t c = 0; c < results.size(); ++c)
        if (intervals[c].sold > 0) open.push_back(c);
    while (!open.empty()) {
        const auto dearest =
            std::max_element(open.begin(), open.end(), [&](std::uint32_t a, std::uint32_t b) {
                if (results[a].price != results[b].price)
                    return results[a].price < results[b].price;
                return a > b;
            });
        const std::uint32_t y = *dearest;
        open.erase(dearest);
        work += 2 * open.size() + 1;
        for (const std::uint32_t x : open)
            if (intervals[y].rivals_of.contains(x))
                results[x].price =
                    std::max(results[x].price, std::min(results[x].highest, results[y].price));
    }
}

std::uint64_t saturated(Uint128 value) {
    return value > kUnbounded ? kUnbounded : static_cast<std::uint64_t>(value);
}

}  // namespace

std::vector<ClassResult> price_classes(const Walk& walk, std::uint64_t& work) {
    std::vector<Interval> intervals = intervals_of(walk);
    work += walk.taken.size();
    find_rivals(walk, intervals, work);
    std::vector<ClassResult> out(intervals.size());
    for (std::size_t c = 0; c < out.size(); ++c) {
        const Interval& in = intervals[c];
        const ClassView& view = walk.market.classes[c];
        out[c].class_id = view.id;
        out[c].offered = view.offered;
        out[c].free_stake = Amount{saturated(view.free_stake)};
        if (in.sold == 0) continue;
        out[c].sold = static_cast<std::uint32_t>(in.sold);
        out[c].lowest = Price{in.lowest};
        out[c].highest = Price{highest(walk, c, in)};
        out[c].rival = Price{in.rival};
        MILLRACE_ASSERT(out[c].lowest <= out[c].highest);
        out[c].price = std::max(out[c].lowest, std::min(out[c].highest, out[c].rival));
    }
    for (const Kind& kind : walk.kinds) {
        if (kind.unmet == 0) continue;
        kind.classes.for_each([&](std::uint32_t c) { out[c].unmet += kind.unmet; });
        work += out.size();
    }
    link(intervals, out, work);
    return out;
}

}  // namespace millrace::market::detail
