#include <algorithm>
#include <bit>
#include <limits>
#include <optional>

#include "market/auction/detail/market_view.hpp"

namespace millrace::market {

namespace {

bool bid_before(const BidOrder& a, const BidOrder& b) {
    if (a.limit != b.limit) return a.limit > b.limit;
    return a.id < b.id;
}
bool ask_before(const AskOrder& a, const AskOrder& b) {
    return a.provider < b.provider;
}

}  // namespace

void canonicalise(Book& book) {
    std::sort(book.bids.begin(), book.bids.end(), bid_before);
    std::sort(book.asks.begin(), book.asks.end(), ask_before);
}

bool is_canonical(const Book& book) {
    const auto rising = [](const auto& items, auto before) {
        for (std::size_t i = 1; i < items.size(); ++i)
            if (!before(items[i - 1], items[i])) return false;
        return true;
    };
    return rising(book.bids, bid_before) && rising(book.asks, ask_before);
}

namespace detail {

namespace {

/// The classes of the active asks, at most kClassesMax of them. Those with the most free stake
/// stay: a flood of odd machines would have to lock more stake than the honest ones have.
void choose_classes(MarketView& view) {
    const auto& asks = view.book->asks;
    std::vector<std::pair<ClassId, std::uint32_t>> members;
    members.reserve(asks.size());
    for (std::uint32_t i = 0; i < asks.size(); ++i)
        if (asks[i].standing == Standing::active)
            members.emplace_back(class_of(asks[i].capability), i);
    std::sort(members.begin(), members.end());
    view.work += sort_work(members.size());
    for (const auto& [id, ask] : members) {
        if (view.classes.empty() || view.classes.back().id != id) {
            ClassView fresh;
            fresh.id = id;
            fresh.capability = asks[ask].capability;
            fresh.rank = rank_of(fresh.capability);
            view.classes.push_back(fresh);
        }
        ClassView& in = view.classes.back();
        in.free_stake += asks[ask].free_stake.value;
        in.task_gas_max = std::max(in.task_gas_max, asks[ask].task_gas_max.value);
        in.task_bytes_max = std::max(in.task_bytes_max, asks[ask].task_bytes_max);
    }
    if (view.classes.size() > kClassesMax) {
        view.classes_cut = true;
        std::sort(view.classes.begin(), view.classes.end(), [](const auto& a, const auto& b) {
            if (a.free_stake != b.free_stake) return a.free_stake > b.free_stake;
            return a.id < b.id;
        });
        view.work += sort_work(view.classes.size());
        view.classes.resize(kClassesMax);
    }
    std::sort(view.classes.begin(), view.classes.end(), [](const auto& a, const auto& b) {
        if (a.rank != b.rank) return a.rank < b.rank;
        return a.id < b.id;
    });
    std::vector<std::pair<ClassId, std::uint32_t>> index;
    index.reserve(view.classes.size());
    for (std::uint32_t i = 0; i < view.classes.size(); ++i)
        index.emplace_back(view.classes[i].id, i);
    std::sort(index.begin(), index.end());
    for (const auto& [id, ask] : members) {
        const auto at = std::lower_bound(index.begin(), index.end(), std::pair{id, 0U});
        if (at != index.end() && at->first == id) view.asks[ask].class_index = at->second;
    }
    view.work += members.size() * 8 + sort_work(view.classes.size());
}

void collect_steps(MarketView& view) {
    const Book& book = *view.book;
    for (std::uint32_t i = 0; i < book.asks.size(); ++i) {
        const std::uint32_t class_index = view.asks[i].class_index;
        if (class_index == kNone) continue;
        const AskOrder& ask = book.asks[i];
        const auto lots = offered_lots(ask);
        const auto step_count = static_cast<std::uint8_t>(ask.steps.size());
        for (std::uint8_t s = 0; s < step_count; ++s) {
            if (lots[s] == 0) continue;
            view.steps.push_back(
                {grossed_up(ask.steps[s].price, book.fee_bp).value, i, class_index, lots[s], s});
            view.classes[class_index].offered += lots[s];
        }
    }
}

struct TiedStep {
    std::uint64_t prefix = 0;
    Step step;
};

/// By (class, a', H(s, provider)); the hash is computed only where prices tie.
void sort_steps(MarketView& view) {
    auto& steps = view.steps;
    const auto same_price = [](const Step& a, const Step& b) {
        return a.class_index == b.class_index && a.price == b.price;
    };
    std::sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) {
        if (a.class_index != b.class_index) return a.class_index < b.class_index;
        if (a.price != b.price) return a.price < b.price;
        return a.ask < b.ask;
    });
    view.work += sort_work(steps.size());
    std::vector<TiedStep> ties;
    std::vector<std::optional<Hash>> hashes(view.asks.size());
    for (std::size_t from = 0; from < steps.size();) {
        std::size_t to = from + 1;
        while (to < steps.size() && same_price(steps[from], steps[to])) ++to;
        if (to - from > 1) {
            ties.clear();
            for (std::size_t i = from; i < to; ++i) {
                const std::uint32_t ask = steps[i].ask;
                if (!hashes[ask]) {
                    hashes[ask] = ask_tie(view.seed, view.book->asks[ask].provider);
                    view.work += kHashWork;
                }
                // The first eight bytes, as a number that compares like them, decide nearly all.
                ties.push_back(
                    {__builtin_bswap64(load_le<std::uint64_t>(hashes[ask]->bytes.data())),
                     steps[i]});
            }
            std::sort(ties.begin(), ties.end(), [&](const TiedStep& a, const TiedStep& b) {
                if (a.prefix != b.prefix) return a.prefix < b.prefix;
                if (a.step.ask == b.step.ask) return false;
                return *hashes[a.step.ask] < *hashes[b.step.ask];
            });
            for (std::size_t i = from; i < to; ++i) steps[i] = ties[i - from].step;
            view.work += sort_work(to - from);
        }
        from = to;
    }
}

void index_steps(MarketView& view) {
    std::uint32_t at = 0;
    for (std::uint32_t c = 0; c < view.classes.size(); ++c) {
        view.classes[c].begin = at;
        for (; at < view.steps.size() && view.steps[at].class_index == c; ++at)
            view.asks[view.steps[at].ask].steps[view.steps[at].index] = at;
        view.classes[c].end = at;
    }
    // Steps that leases occupy whole left gaps; close them, the cheapest step first.
    for (AskView& ask : view.asks)
        std::stable_partition(ask.steps.begin(), ask.steps.end(),
                              [](std::uint32_t s) { return s != kNone; });
}

}  // namespace

std::array<std::uint32_t, kStepsPerAskMax> offered_lots(const AskOrder& ask) {
    std::array<std::uint32_t, kStepsPerAskMax> lots{};
    std::uint32_t occupied = ask.uncommitted;
    for (std::size_t s = 0; s < ask.steps.size(); ++s) {
        const std::uint32_t both = 2 * ask.steps[s].slots;
        const std::uint32_t busy = std::min(both, occupied);
        lots[s] = both - busy;
        occupied -= busy;
    }
    return lots;
}

MarketView make_market_view(const Book& book, const Hash& seed) {
    MarketView view;
    view.book = &book;
    view.seed = seed;
    view.asks.resize(book.asks.size());
    view.work = book.asks.size() + book.bids.size();
    choose_classes(view);
    collect_steps(view);
    sort_steps(view);
    index_steps(view);
    return view;
}

std::uint64_t sort_work(std::uint64_t n) {
    return n * static_cast<std::uint64_t>(std::bit_width(n));
}

Hash bid_tie(const Hash& seed, const JobId& id) {
    return Hasher("mill/bid-tie").update(seed).update(id).finish();
}
Hash ask_tie(const Hash& seed, const AccountId& provider) {
    return Hasher("mill/ask-tie").update(seed).update(provider.view()).finish();
}

}  // namespace detail
}  // namespace millrace::market
