#include <algorithm>
#include <bit>

#include "market/auction/detail/walk.hpp"

/// The fill: bids in order, each taking from the cheapest class that can do its job.
namespace millrace::market::detail {

namespace {

/// A class in a bid's turn: where in it the bid has got to.
struct Candidate {
    std::uint64_t price = 0;
    std::uint32_t class_index = 0;
    std::uint32_t step = 0;
};
/// Heap order: the lowest price on top, then the lowest (rank, class id), then the first step. As
/// steps are sorted by class, their indices order the last two.
struct Later {
    bool operator()(const Candidate& a, const Candidate& b) const {
        if (a.price != b.price) return a.price > b.price;
        return a.step > b.step;
    }
};

class FillTurn {
  public:
    using DrawnChunks = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

    FillTurn(Walk& walk, std::vector<Candidate>& heap, std::uint32_t bid)
        : walk_(walk),
          heap_(heap),
          bid_(bid),
          order_(walk.market.book->bids[bid]),
          state_(walk.bids[bid]) {}

    /// False when the walk ends here.
    [[nodiscard]] bool run(const DrawnChunks& drawn) {
        const std::uint32_t kind = walk_.kind(bid_);
        if (kind == kNone || !walk_.spend(order_.chunks.size() + 1)) return stop(WalkEnd::work);
        const std::uint32_t wanted = lots_of(order_);
        if (!state_.min_fill) {
            if (!walk_.spend(walk_.market.classes.size() + order_.list.size() * 32))
                return stop(WalkEnd::work);
            collect(walk_.kinds[kind].classes);
            if (!take_all(drawn)) return false;
        }
        // A drawn lot alone does not make it starved: it got something.
        state_.starved = state_.filled == 0 && !state_.excluded && !state_.min_fill &&
                         !state_.incapable && heap_.empty();
        walk_.kinds[kind].unmet += wanted - state_.filled;
        return true;
    }

  private:
    bool stop(WalkEnd why) {
        walk_.end = why;
        return false;
    }

    /// Whether some ask of a class may take a task of this size.
    [[nodiscard]] bool fits(const ClassView& in) const {
        return order_.task_gas.value <= in.task_gas_max && order_.task_bytes <= in.task_bytes_max;
    }
    /// Appends a step, unless it is above the limit; the caller restores the heap.
    bool add(std::uint32_t class_index, std::uint32_t step) {
        const std::uint64_t price = walk_.market.steps[step].price;
        if (price > order_.limit.value) return false;
        heap_.push_back({price, class_index, step});
        return true;
    }

    /// The heads at its limit of the classes that can do the job.
    void collect(const ClassMask& classes) {
        heap_.clear();
        bool capable = false;
        classes.for_each([&](std::uint32_t c) {
            const ClassView& in = walk_.market.classes[c];
            if (!fits(in)) {
                state_.excluded = true;
                return;
            }
            capable = true;
            if (walk_.head[c] != in.end) add(c, walk_.head[c]);
        });
        if (order_.list_kind == ListKind::allow) collect_allowed(classes);
        std::make_heap(heap_.begin(), heap_.end(), Later{});
        state_.incapable = !capable && !walk_.market.classes_cut;
    }

    /// With an allow list: every unsold step of those on it, instead of the heads.
    void collect_allowed(const ClassMask& classes) {
        // Something at its limit is unsold: if it gets nothing, then not for lack of capacity.
        state_.excluded = state_.excluded || !heap_.empty();
        heap_.clear();
        for (const std::uint32_t ask : allowed_asks(walk_.market, order_)) {
            const std::uint32_t c = walk_.market.asks[ask].class_index;
            if (!classes.contains(c)) continue;
            for (const std::uint32_t step : walk_.market.asks[ask].steps)
                if (step != kNone && walk_.left[step] > 0) add(c, step);
        }
    }

    [[nodiscard]] bool take_all(const DrawnChunks& drawn) {
        walk_.begin_turn(bid_);
        const std::size_t before = walk_.taken.size();
        bool going = true;
        if (order_.replicas == 1) {
            going = take_lots(lots_of(order_), nullptr);
        } else {
            for (const auto& [ask, chunk] : drawn) walk_.recall(ask, 1);
            if (!walk_.spend(ChunkBoard::setup_work(order_))) return stop(WalkEnd::work);
            ChunkBoard board(walk_, bid_, drawn);
            going = take_lots(board.needed(), &board);
        }
        // With replicas the draw has settled this.
        if (order_.replicas == 1 && state_.filled < order_.min_first_fill) {
            walk_.give_back(before);
            state_.min_fill = going;  // cut short by a bound, it waits instead of sitting out
        }
        return going;
    }

    [[nodiscard]] bool take_lots(std::uint32_t remaining, ChunkBoard* board) {
        const std::uint64_t cost = 4 + static_cast<std::uint64_t>(std::bit_width(heap_.size())) +
                                   walk_.admission_work() + (board != nullptr ? board->work() : 0);
        passed_ = 0;
        while (remaining > 0 && !heap_.empty() && passed_ <= kLookPastMax) {
            if (walk_.leases_left == 0) return stop(WalkEnd::leases);
            if (!walk_.spend(cost)) return stop(WalkEnd::work);
            remaining -= visit_best(remaining, board);
        }
        return true;
    }

    /// Takes from the cheapest step in reach, or looks past it. Returns the lots taken.
    std::uint32_t visit_best(std::uint32_t remaining, ChunkBoard* board) {
        const Candidate best = heap_.front();
        const Step& step = walk_.market.steps[best.step];
        Exclusion why{};
        std::uint32_t lots = std::min(
            {walk_.admitted(step.ask, why), remaining, walk_.left[best.step], walk_.leases_left});
        const auto placed_from = static_cast<std::uint32_t>(walk_.placed.size());
        if (lots > 0 && board != nullptr) lots = board->place(step.ask, lots, walk_.placed);
        if (lots == 0) {
            state_.excluded = true;
            ++passed_;
            advance();
            return 0;
        }
        const bool first = best.step == walk_.head[best.class_index];
        walk_.take(best.step, lots, first ? TakeKind::in_line : TakeKind::out_of_line, kNone);
        walk_.taken.back().placed_from = placed_from;
        if (walk_.left[best.step] == 0) advance();
        return lots;
    }

    /// Moves the best class on to its next unsold step, or lets it go.
    void advance() {
        std::pop_heap(heap_.begin(), heap_.end(), Later{});
        const Candidate last = heap_.back();
        heap_.pop_back();
        if (order_.list_kind == ListKind::allow) return;  // its steps are all in the heap
        const std::uint32_t end = walk_.market.classes[last.class_index].end;
        const std::uint32_t next = walk_.unsold.next(last.step + 1, end);
        if (next != end && add(last.class_index, next))
            std::push_heap(heap_.begin(), heap_.end(), Later{});
    }

    Walk& walk_;
    std::vector<Candidate>& heap_;
    std::uint32_t bid_;
    const BidOrder& order_;
    BidState& state_;
    std::uint32_t passed_ = 0;
};

}  // namespace

void fill(Walk& walk) {
    std::vector<Candidate> heap;
    FillTurn::DrawnChunks drawn;
    const std::size_t drawn_end = walk.taken.size();
    std::size_t next_drawn = 0;
    for (; walk.walked < walk.places(); ++walk.walked) {
        const std::uint32_t bid = walk.bid_at(walk.walked);
        drawn.clear();
        for (; next_drawn < drawn_end && walk.taken[next_drawn].bid == bid; ++next_drawn) {
            const Taken& one = walk.taken[next_drawn];
            drawn.emplace_back(walk.market.steps[one.step].ask, one.chunk);
        }
        if (!FillTurn(walk, heap, bid).run(drawn)) return;
    }
}

}  // namespace millrace::market::detail
