#include "market/auction/detail/walk.hpp"

#include <algorithm>

namespace millrace::market {

namespace {

using detail::Taken;
using detail::Walk;

/// In line a' ≤ p; out of line a' may be above it. A drawn lot pays at most its own limit, as its
/// bid had no say in the class where it was drawn.
Price price_of(const Walk& walk, const Taken& one, const std::vector<ClassResult>& classes) {
    const detail::Step& step = walk.market.steps[one.step];
    const Price price = std::max(classes[step.class_index].price, Price{step.price});
    if (one.kind != TakeKind::drawn) return price;
    return std::min(price, walk.market.book->bids[one.bid].limit);
}

void name_takes(const Walk& walk, Clearing& out) {
    const Book& book = *walk.market.book;
    out.takes.reserve(walk.taken.size());
    for (const Taken& one : walk.taken) {
        const detail::Step& step = walk.market.steps[one.step];
        out.takes.push_back({book.bids[one.bid].id, book.asks[step.ask].provider,
                             walk.market.classes[step.class_index].id, step.index, one.kind,
                             one.lots, price_of(walk, one, out.classes)});
    }
}

/// Those who sit out, in the order of the walk.
void name_marked(const Walk& walk, Clearing& out) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> marked;
    for (std::uint32_t b = 0; b < walk.bids.size(); ++b)
        if (walk.bids[b].min_fill || walk.bids[b].incapable)
            marked.emplace_back(walk.place_of[b], b);
    std::sort(marked.begin(), marked.end());
    for (const auto& [place, b] : marked)
        (walk.bids[b].min_fill ? out.min_fill : out.incapable)
            .push_back(walk.market.book->bids[b].id);
    out.work.settle += walk.bids.size() + detail::sort_work(marked.size());
}

}  // namespace

Clearing clear(const Book& book, const Hash& seed, const ClearingLimits& limits) {
    MILLRACE_ASSERT(is_canonical(book));
    const detail::MarketView market = detail::make_market_view(book, seed);
    Walk walk(market, limits);
    Clearing out;
    out.work.setup = market.work;
    // The draw comes first whatever its bids' limits are, so it may use only half: else cheap bids
    // with replicas would shut out dear ones without.
    walk.set_budget(limits.work_budget / 2);
    out.work.setup += detail::draw_replicas(walk, limits.leases_per_clearing / 2);
    out.work.draw = walk.spent();
    walk.set_budget(limits.work_budget);
    detail::fill(walk);
    out.work.fill = walk.spent() - out.work.draw;
    out.work.setup += walk.tie_work();
    out.end = walk.end;
    out.walked = walk.walked;
    out.classes = detail::price_classes(walk, out.work.settle);
    name_takes(walk, out);
    detail::assign(walk, out);
    name_marked(walk, out);
    return out;
}

}  // namespace millrace::market
