#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "market/auction/clearing.hpp"

/// The auction once more, from docs/protocol/auction.md alone, slow and plain: every choice is a
/// scan over everything. It shares the order structs with the real one and no code that decides.
/// Without limits on leases and work, and with at most 256 classes.
namespace millrace::market::testing {

struct SlowStep {
    const AskOrder* ask;
    std::uint8_t index;
    std::uint64_t price, left;
    std::tuple<std::uint32_t, std::uint64_t> cls;  // (rank, id)
};
struct SlowTake {
    const BidOrder* bid;
    std::size_t step;
    std::uint64_t lots;
    TakeKind kind;
    std::uint64_t price = 0;
    std::vector<std::uint32_t> chunks;  // of a drawn one, or tentatively
};
struct SlowClass {
    std::uint64_t p = 0, l = 0, u = ~0ULL, f = 0, q = 0;
};

class SlowAuction {
  public:
    SlowAuction(const Book& book, const Hash& seed) : book_(book), seed_(seed) {
        collect();
        for (const BidOrder* b : order_) draw(*b);
        for (const BidOrder* b : order_) fill(*b);
        price();
    }

    std::vector<SlowStep> steps;
    std::vector<SlowTake> takes;
    std::map<std::tuple<std::uint32_t, std::uint64_t>, SlowClass> classes;
    std::set<JobId> min_fill;

    /// (chunk, provider, price) of one bid, by the rules of the assignment.
    [[nodiscard]] std::multiset<std::tuple<std::uint32_t, AccountId, std::uint64_t>> grants(
        const BidOrder& b) const {
        std::multiset<std::tuple<std::uint32_t, AccountId, std::uint64_t>> out;
        std::map<std::pair<Hash, AccountId>, std::vector<const SlowTake*>> shares;
        for (const SlowTake& t : takes) {
            if (t.bid != &b) continue;
            const AccountId& who = steps[t.step].ask->provider;
            if (t.kind == TakeKind::drawn)
                out.emplace(t.chunks[0], who, t.price);
            else
                shares
                    [{Hasher("mill/assign").update(seed_).update(b.id).update(who.view()).finish(),
                      who}]
                        .push_back(&t);
        }
        std::vector<Cell> circle = cells(b);
        std::size_t cursor = 0;
        auto laid = out;
        bool fits = true;
        for (const auto& [key, of] : shares) {
            std::uint64_t lots = 0;
            for (const SlowTake* t : of) lots += t->lots;
            const auto chunks = lay(circle, cursor, key.second, lots);
            fits = fits && chunks.size() == lots;
            std::size_t next = 0;
            for (const SlowTake* t : of)
                for (std::uint64_t i = 0; i < t->lots && next < chunks.size(); ++i)
                    laid.emplace(chunks[next++], key.second, t->price);
        }
        if (fits) return laid;
        for (const auto& [key, of] : shares)
            for (const SlowTake* t : of)
                for (const std::uint32_t chunk : t->chunks)
                    out.emplace(chunk, key.second, t->price);
        return out;
    }

  private:
    struct Cell {
        std::uint32_t chunk;
        std::uint32_t need;
        std::set<AccountId> holders;
    };

    void collect() {
        for (const AskOrder& a : book_.asks) {
            if (a.standing != Standing::active) continue;
            std::uint64_t busy = a.uncommitted;
            for (std::size_t i = 0; i < a.steps.size(); ++i) {
                const std::uint64_t all = 2 * a.steps[i].slots;
                const std::uint64_t used = std::min(all, busy);
                busy -= used;
                const std::uint64_t rest = 10'000 - book_.fee_bp;
                const std::uint64_t gross = (a.steps[i].price.value * 10'000 + rest - 1) / rest;
                if (all > used)
                    steps.push_back({&a,
                                     static_cast<std::uint8_t>(i),
                                     gross,
                                     all - used,
                                     {rank_of(a.capability), class_of(a.capability).value}});
            }
        }
        std::sort(steps.begin(), steps.end(), [&](const SlowStep& x, const SlowStep& y) {
            return std::tuple(x.cls, x.price, tie("mill/ask-tie", x.ask->provider)) <
                   std::tuple(y.cls, y.price, tie("mill/ask-tie", y.ask->provider));
        });
        for (const BidOrder& b : book_.bids)
            if (b.standing == Standing::active) order_.push_back(&b);
        std::sort(order_.begin(), order_.end(), [&](const BidOrder* x, const BidOrder* y) {
            return std::tuple(y->limit, tie("mill/bid-tie", x->id)) <
                   std::tuple(x->limit, tie("mill/bid-tie", y->id));
        });
    }
    template <class Id>
    [[nodiscard]] Hash tie(const char* domain, const Id& id) const {
        return domain[5] == 'b' ? Hasher("mill/bid-tie").update(seed_).update(id.view()).finish()
                                : Hasher("mill/ask-tie").update(seed_).update(id.view()).finish();
    }
    template <class List>
    static bool in(const List& list, const AccountId& id) {
        return std::find(list.begin(), list.end(), id) != list.end();
    }
    [[nodiscard]] static Uint128 lock(const Book& book, const BidOrder& b) {
        return Uint128{b.lot_value.value} * b.stake_factor + Uint128{book.reserve.value} * 10'000;
    }
    /// Lots of this ask that are for this bid: 0 when it is excluded.
    [[nodiscard]] std::uint64_t allowed(const BidOrder& b, const AskOrder& a) const {
        if (b.owner == a.owner || b.owner == a.provider) return 0;
        if (b.list_kind == ListKind::deny && in(b.list, a.provider)) return 0;
        if (b.list_kind == ListKind::allow && !in(b.list, a.provider)) return 0;
        if (in(b.excluded, a.provider) || in(a.deny, b.owner)) return 0;
        if (b.task_gas > a.task_gas_max || b.task_bytes > a.task_bytes_max) return 0;
        Uint128 stake = Uint128{a.free_stake.value} * 10'000;
        std::uint64_t had = 0;
        for (const LotsHeld& h : b.held)
            if (h.provider == a.provider) had = h.lots;
        for (const SlowTake& t : takes) {
            if (steps[t.step].ask != &a) continue;
            stake -= lock(book_, *t.bid) * t.lots;
            if (t.bid == &b) had += t.lots;
        }
        std::uint64_t lots = 1U << 20U;
        if (b.spread_cap != 0) lots = had >= b.spread_cap ? 0 : b.spread_cap - had;
        if (b.spread_cap != 0 && had == 0 && b.held.size() >= kHeldMax) return 0;
        const Uint128 each = lock(book_, b);
        return each == 0 || stake / each >= lots ? lots : static_cast<std::uint64_t>(stake / each);
    }
    void undo(std::size_t size) {
        for (; takes.size() > size; takes.pop_back())
            steps[takes.back().step].left += takes.back().lots;
    }

    void draw(const BidOrder& b) {
        if (b.replicas == 1) return;
        const std::size_t before = takes.size();
        std::set<const AskOrder*> out;
        for (const ChunkRun& run : b.chunks)
            for (std::uint32_t i = 0; run.holders.empty() && i < run.count; ++i)
                for (std::uint64_t attempt = 0; attempt <= 64; ++attempt) {
                    std::vector<
                        std::pair<std::tuple<std::uint32_t, std::uint64_t>, const AskOrder*>>
                        able;
                    Uint128 total = 0;
                    for (const AskOrder& a : book_.asks)
                        if (!out.contains(&a) && first_step(b, a) < steps.size() &&
                            (b.list_kind != ListKind::allow || in(b.list, a.provider))) {
                            able.emplace_back(steps[first_step(b, a)].cls, &a);
                            total += a.free_stake.value;
                        }
                    if (total == 0) break;
                    // Stable: within a class asks stay in the order of their provider ids.
                    std::stable_sort(able.begin(), able.end(), [](const auto& x, const auto& y) {
                        return x.first < y.first;
                    });
                    const Hash h = Hasher("mill/draw")
                                       .update(seed_)
                                       .update(b.id)
                                       .update_u64(run.first + i)
                                       .update_u64(attempt)
                                       .finish();
                    Uint128 ticket = 0;
                    for (std::size_t k = 16; k-- > 0;) ticket = (ticket << 8U) | h.bytes[k];
                    ticket %= total;
                    std::size_t at = 0;
                    while (ticket >= able[at].second->free_stake.value)
                        ticket -= able[at++].second->free_stake.value;
                    if (allowed(b, *able[at].second) == 0) {
                        out.insert(able[at].second);
                        looked_past_.insert(&b);
                        continue;
                    }
                    const std::size_t s = first_step(b, *able[at].second);
                    steps[s].left -= 1;
                    takes.push_back({&b, s, 1, TakeKind::drawn, 0, {run.first + i}});
                    break;
                }
        if (takes.size() - before >= b.min_first_fill) return;
        undo(before);
        min_fill.insert(b.id);
    }
    [[nodiscard]] std::size_t first_step(const BidOrder& b, const AskOrder& a) const {
        if (!is_compatible(a.capability, b.requirement)) return steps.size();
        std::size_t best = steps.size();
        for (std::size_t s = 0; s < steps.size(); ++s)
            if (steps[s].ask == &a && steps[s].left > 0 &&
                (best == steps.size() || steps[s].index < steps[best].index))
                best = s;
        return best < steps.size() && steps[best].price <= b.limit.value ? best : steps.size();
    }

    /// Chunks with a replica, this clearing's draw included; without replicas all that are open.
    [[nodiscard]] std::vector<Cell> cells(const BidOrder& b) const {
        std::vector<Cell> out;
        for (const ChunkRun& run : b.chunks)
            for (std::uint32_t i = 0; i < run.count; ++i) {
                Cell cell{run.first + i, run.need, {run.holders.begin(), run.holders.end()}};
                for (const SlowTake& t : takes)
                    if (t.bid == &b && t.kind == TakeKind::drawn && t.chunks[0] == cell.chunk) {
                        cell.holders.insert(steps[t.step].ask->provider);
                        --cell.need;
                    }
                if (cell.need > 0 && (b.replicas == 1 || !cell.holders.empty()))
                    out.push_back(cell);
            }
        return out;
    }
    /// Largest need first, then the nearest round the circle from the cursor.
    static std::vector<std::uint32_t> lay(std::vector<Cell>& circle, std::size_t& cursor,
                                          const AccountId& who, std::uint64_t lots) {
        const std::size_t from = cursor;
        std::vector<std::uint32_t> out;
        while (out.size() < lots) {
            std::size_t best = circle.size();
            std::uint32_t need = 0;
            for (std::size_t i = 0; i < circle.size(); ++i) {
                const std::size_t at = (from + i) % circle.size();
                if (circle[at].need > need && !circle[at].holders.contains(who)) {
                    best = at;
                    need = circle[at].need;
                }
            }
            if (best == circle.size()) break;
            --circle[best].need;
            circle[best].holders.insert(who);
            out.push_back(circle[best].chunk);
            cursor = (best + 1) % circle.size();
        }
        return out;
    }

    void fill(const BidOrder& b) {
        if (min_fill.contains(b.id)) return;
        const std::size_t before = takes.size();
        std::vector<Cell> circle = cells(b);
        std::size_t cursor = 0;
        std::uint64_t wanted = 0;
        for (const Cell& cell : circle) wanted += cell.need;
        std::vector<std::size_t> by_price(steps.size());
        for (std::size_t s = 0; s < steps.size(); ++s) by_price[s] = s;
        std::stable_sort(by_price.begin(), by_price.end(), [&](std::size_t x, std::size_t y) {
            return steps[x].price < steps[y].price;  // then by class and tie, as they lie
        });
        int passed = 0;
        for (const std::size_t s : by_price) {
            if (steps[s].price > b.limit.value || passed > 64) break;
            if (!is_compatible(steps[s].ask->capability, b.requirement)) continue;
            if (steps[s].left > 0 && b.list_kind == ListKind::allow &&
                !in(b.list, steps[s].ask->provider)) {
                looked_past_.insert(&b);
                continue;
            }
            bool first = true;
            for (std::size_t o = 0; o < s; ++o)
                first = first && (steps[o].cls != steps[s].cls || steps[o].left == 0);
            while (wanted > 0 && steps[s].left > 0) {
                std::uint64_t lots = std::min({wanted, steps[s].left, allowed(b, *steps[s].ask)});
                std::vector<std::uint32_t> chunks;
                if (b.replicas > 1) {
                    chunks = lay(circle, cursor, steps[s].ask->provider, lots);
                    lots = chunks.size();
                }
                if (lots == 0) {
                    looked_past_.insert(&b);
                    ++passed;
                    break;
                }
                steps[s].left -= lots;
                wanted -= lots;
                takes.push_back(
                    {&b, s, lots, first ? TakeKind::in_line : TakeKind::out_of_line, 0, chunks});
            }
        }
        if (b.replicas == 1 && filled(b) < b.min_first_fill) {
            undo(before);
            min_fill.insert(b.id);
        }
        // Lack of capacity: nothing at its limit was left, and nothing was left out.
        bool reachable = false;
        for (const SlowStep& s : steps) {
            if (!is_compatible(s.ask->capability, b.requirement)) continue;
            reachable = reachable || (s.left > 0 && s.price <= b.limit.value);
        }
        for (const AskOrder& a : book_.asks)
            if (a.standing == Standing::active && is_compatible(a.capability, b.requirement))
                capable_.insert({&b, class_of(a.capability).value,
                                 b.task_gas <= a.task_gas_max && b.task_bytes <= a.task_bytes_max});
        if (filled(b) == 0 && !reachable && !min_fill.contains(b.id) &&
            !looked_past_.contains(&b) && !too_large(b))
            starved_.push_back(&b);
    }
    /// Some class that would do has no ask that takes a task of this size.
    [[nodiscard]] bool too_large(const BidOrder& b) const {
        for (const auto& [who, cls, fits] : capable_)
            if (who == &b && !fits && !capable_.contains({who, cls, true})) return true;
        return false;
    }
    [[nodiscard]] std::uint64_t filled(const BidOrder& b) const {
        std::uint64_t lots = 0;
        for (const SlowTake& t : takes) lots += t.bid == &b ? t.lots : 0;
        return lots;
    }

    void price() {
        std::map<std::tuple<std::uint32_t, std::uint64_t>, std::uint64_t> drawn_limit;
        for (const SlowTake& t : takes) {
            SlowClass& c = classes[steps[t.step].cls];
            c.q += t.lots;
            auto& limit = drawn_limit.try_emplace(steps[t.step].cls, ~0ULL).first->second;
            if (t.kind == TakeKind::drawn) limit = std::min(limit, t.bid->limit.value);
            if (t.kind != TakeKind::drawn) c.u = std::min(c.u, t.bid->limit.value);
            if (t.kind == TakeKind::in_line) c.l = std::max(c.l, steps[t.step].price);
        }
        for (auto& [cls, c] : classes) {
            if (c.u == ~0ULL) c.u = drawn_limit[cls];
            for (const SlowStep& s : steps)
                if (s.cls == cls && s.left > 0) c.u = std::min(c.u, s.price);
            // F: the highest limit at which rivals of that limit or more wanted enough.
            for (const BidOrder* rival : starved_) {
                if (!rival->previous || rival->cancelling) continue;
                const std::uint64_t limit = std::min(rival->previous->limit, rival->limit).value;
                std::uint64_t lots = 0;
                for (const BidOrder* other : starved_)
                    if (other->previous && !other->cancelling &&
                        std::min(other->previous->limit, other->limit).value >= limit &&
                        is_compatible(capability_of(ClassId{std::get<1>(cls)}), other->requirement))
                        lots += std::min(other->previous->lots, lots_of(*other));
                if (lots >= std::max<std::uint64_t>(1, (c.q + 15) / 16)) c.f = std::max(c.f, limit);
            }
            c.p = std::max(c.l, std::min(c.u, c.f));
        }
        for (bool moved = true; moved;) {
            moved = false;
            for (const SlowTake& t : takes) {
                if (t.kind == TakeKind::drawn) continue;
                for (auto& [cls, x] : classes) {
                    if (!is_compatible(capability_of(ClassId{std::get<1>(cls)}),
                                       t.bid->requirement))
                        continue;
                    const std::uint64_t least = std::min(x.u, classes[steps[t.step].cls].p);
                    if (x.p < least) {
                        x.p = least;
                        moved = true;
                    }
                }
            }
        }
        for (SlowTake& t : takes) {
            t.price = std::max(classes[steps[t.step].cls].p, steps[t.step].price);
            if (t.kind == TakeKind::drawn) t.price = std::min(t.price, t.bid->limit.value);
        }
    }

    const Book& book_;
    const Hash& seed_;
    std::vector<const BidOrder*> order_;
    std::vector<const BidOrder*> starved_;
    std::set<const BidOrder*> looked_past_;
    std::set<std::tuple<const BidOrder*, std::uint64_t, bool>> capable_;
};

}  // namespace millrace::market::testing
