#include <algorithm>

#include "market/auction/detail/walk.hpp"

/// The assignment: which provider computes which chunk, so that neither side chooses.
namespace millrace::market::detail {

ChunkBoard::ChunkBoard(const Walk& walk, std::uint32_t bid,
                       const std::vector<std::pair<std::uint32_t, std::uint32_t>>& drawn) {
    const auto& asks = walk.market.book->asks;
    std::size_t next = 0;  // drawn chunks ascend
    std::uint32_t seen = 0;
    for (const ChunkRun& run : walk.market.book->bids[bid].chunks) {
        std::vector<std::uint32_t> holders;
        for (const AccountId& id : run.holders) {
            const auto at = std::lower_bound(
                asks.begin(), asks.end(), id,
                [](const AskOrder& ask, const AccountId& key) { return ask.provider < key; });
            if (at != asks.end() && at->provider == id)
                holders.push_back(static_cast<std::uint32_t>(at - asks.begin()));
        }
        for (std::uint32_t i = 0; i < run.count && seen < kChunkWindow; ++i, ++seen) {
            Cell cell{run.first + i, run.need, holders};
            const bool is_drawn = next < drawn.size() && drawn[next].second == cell.chunk;
            if (is_drawn) {
                cell.holders.push_back(drawn[next++].first);
                --cell.need;
            }
            if (cell.need == 0 || (run.holders.empty() && !is_drawn)) continue;
            needed_ += cell.need;
            cells_.push_back(std::move(cell));
        }
    }
}

std::uint64_t ChunkBoard::setup_work(const BidOrder& bid) {
    std::uint64_t work = 1;
    std::uint64_t seen = 0;
    for (const ChunkRun& run : bid.chunks) {
        const std::uint64_t cells = std::min<std::uint64_t>(run.count, kChunkWindow - seen);
        work += cells * (2 + run.holders.size()) + run.holders.size() * 16;
        seen += cells;
    }
    return work + bid.chunks.size();
}

std::uint32_t ChunkBoard::place(std::uint32_t ask, std::uint32_t lots,
                                std::vector<std::uint32_t>& out) {
    std::array<std::vector<std::uint32_t>, kReplicasMax + 1> by_need;
    const auto size = static_cast<std::uint32_t>(cells_.size());
    if (size == 0) return 0;
    for (std::uint32_t i = 0; i < size; ++i) {
        const std::uint32_t at = (cursor_ + i) % size;
        const Cell& cell = cells_[at];
        if (cell.need == 0) continue;
        if (std::find(cell.holders.begin(), cell.holders.end(), ask) == cell.holders.end())
            by_need[cell.need].push_back(at);
    }
    std::uint32_t placed = 0;
    for (std::size_t need = kReplicasMax; need > 0 && placed < lots; --need)
        for (const std::uint32_t at : by_need[need]) {
            if (placed == lots) break;
            Cell& cell = cells_[at];
            --cell.need;
            cell.holders.push_back(ask);
            out.push_back(cell.chunk);
            cursor_ = (at + 1) % size;
            ++placed;
        }
    needed_ -= placed;
    return placed;
}

namespace {

/// What one provider got from one job in the fill, as indices into `Walk::taken`.
struct Share {
    Hash order;
    std::uint32_t ask = 0;
    std::uint32_t lots = 0;
    std::vector<std::uint32_t> takes;
};

std::vector<Share> shares_of(const Walk& walk, const std::vector<std::uint32_t>& takes) {
    std::vector<Share> shares;
    const auto ask_of = [&](std::uint32_t t) { return walk.market.steps[walk.taken[t].step].ask; };
    std::vector<std::uint32_t> sorted;
    for (const std::uint32_t t : takes)
        if (walk.taken[t].kind != TakeKind::drawn) sorted.push_back(t);
    std::sort(sorted.begin(), sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
        return ask_of(a) != ask_of(b) ? ask_of(a) < ask_of(b) : a < b;
    });
    for (const std::uint32_t t : sorted) {
        if (shares.empty() || shares.back().ask != ask_of(t)) {
            const auto& job = walk.market.book->bids[walk.taken[t].bid].id;
            const auto& provider = walk.market.book->asks[ask_of(t)].provider;
            const Hash order = Hasher("mill/assign")
                                   .update(walk.market.seed)
                                   .update(job)
                                   .update(provider.view())
                                   .finish();
            shares.push_back({order, ask_of(t), 0, {}});
        }
        shares.back().lots += walk.taken[t].lots;
        shares.back().takes.push_back(t);
    }
    std::sort(shares.begin(), shares.end(), [](const Share& a, const Share& b) {
        return a.order != b.order ? a.order < b.order : a.ask < b.ask;
    });
    return shares;
}

/// The first `lots` open chunks of a job without replicas.
std::vector<std::uint32_t> first_chunks(const BidOrder& bid, std::uint32_t lots) {
    std::vector<std::uint32_t> chunks;
    chunks.reserve(lots);
    for (const ChunkRun& run : bid.chunks)
        for (std::uint32_t i = 0; i < run.count && chunks.size() < lots; ++i)
            chunks.push_back(run.first + i);
    return chunks;
}

/// Lays the shares round the circle in the seed's order; false when a share does not fit, which
/// takes replicas left uneven by earlier clearings.
bool lay_round(const Walk& walk, std::uint32_t bid, const std::vector<std::uint32_t>& takes,
               const std::vector<Share>& shares, std::vector<std::uint32_t>& chunks) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> drawn;
    for (const std::uint32_t t : takes)
        if (walk.taken[t].kind == TakeKind::drawn)
            drawn.emplace_back(walk.market.steps[walk.taken[t].step].ask, walk.taken[t].chunk);
    ChunkBoard board(walk, bid, drawn);
    for (const Share& share : shares)
        if (board.place(share.ask, share.lots, chunks) < share.lots) return false;
    return true;
}

void assign_bid(const Walk& walk, std::uint32_t bid, const std::vector<std::uint32_t>& takes,
                Clearing& out) {
    const BidOrder& order = walk.market.book->bids[bid];
    const std::size_t before = out.grants.size();
    const auto grant = [&](std::uint32_t t, std::uint32_t chunk) {
        const Take& take = out.takes[t];
        out.grants.push_back({take.bid, take.provider, take.class_id, chunk, take.price,
                              take.kind == TakeKind::drawn});
    };
    const std::vector<Share> shares = shares_of(walk, takes);
    std::uint32_t lots = 0;
    for (const Share& share : shares) lots += share.lots;
    std::vector<std::uint32_t> chunks;
    bool in_order = true;
    if (order.replicas == 1)
        chunks = first_chunks(order, lots);
    else
        in_order = lay_round(walk, bid, takes, shares, chunks);
    std::size_t next = 0;
    for (const Share& share : shares)
        for (const std::uint32_t t : share.takes)
            for (std::uint32_t i = 0; i < walk.taken[t].lots; ++i)
                grant(t, in_order ? chunks[next++] : walk.placed[walk.taken[t].placed_from + i]);
    for (const std::uint32_t t : takes)
        if (walk.taken[t].kind == TakeKind::drawn) grant(t, walk.taken[t].chunk);
    std::sort(out.grants.begin() + static_cast<std::ptrdiff_t>(before), out.grants.end(),
              [](const Grant& a, const Grant& b) {
                  if (a.chunk != b.chunk) return a.chunk < b.chunk;
                  return a.drawn != b.drawn ? a.drawn : a.provider < b.provider;
              });
}

}  // namespace

void assign(const Walk& walk, Clearing& out) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> by_place;
    by_place.reserve(walk.taken.size());
    for (std::uint32_t t = 0; t < walk.taken.size(); ++t)
        by_place.emplace_back(walk.place_of[walk.taken[t].bid], t);
    std::sort(by_place.begin(), by_place.end());
    std::vector<std::uint32_t> takes;
    for (std::size_t from = 0; from < by_place.size();) {
        takes.clear();
        std::size_t to = from;
        for (; to < by_place.size() && by_place[to].first == by_place[from].first; ++to)
            takes.push_back(by_place[to].second);
        assign_bid(walk, walk.taken[takes.front()].bid, takes, out);
        from = to;
    }
    out.work.settle += 4 * sort_work(by_place.size()) + by_place.size() * kHashWork;
}

}  // namespace millrace::market::detail
