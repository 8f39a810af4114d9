#include "market/auction/order.hpp"

#include <algorithm>
#include <limits>

namespace millrace::market {

namespace {

constexpr std::uint64_t kBasis = 10'000;

bool price_in_range(Price price) {
    return price.value > 0 && price.value < kPriceBound;
}

template <class Items, class Less>
bool strictly_rising(const Items& items, Less less) {
    return std::adjacent_find(items.begin(), items.end(), [&](const auto& a, const auto& b) {
               return !less(a, b);
           }) == items.end();
}

bool chunks_valid(const BidOrder& bid) {
    std::uint64_t next = 0;
    std::uint64_t lots = 0;
    for (const ChunkRun& run : bid.chunks) {
        if (run.count == 0 || run.need == 0 || run.first < next) return false;
        if (run.holders.size() + run.need > bid.replicas) return false;
        if (!strictly_rising(run.holders, std::less<>{})) return false;
        next = std::uint64_t{run.first} + run.count;
        lots += std::uint64_t{run.count} * run.need;
        if (next > kLotsPerJobMax || lots > kLotsPerJobMax) return false;
    }
    return true;
}

bool lists_valid(const BidOrder& bid) {
    return strictly_rising(bid.list, std::less<>{}) &&
           strictly_rising(bid.excluded, std::less<>{}) &&
           strictly_rising(bid.held, [](const LotsHeld& a, const LotsHeld& b) {
               return a.provider < b.provider;
           });
}

/// Lots, or with replicas chunks, that a first fill can reach.
std::uint64_t first_fill_bound(const BidOrder& bid) {
    if (bid.replicas == 1) return lots_of(bid);
    std::uint64_t chunks = 0;
    for (const ChunkRun& run : bid.chunks) chunks += run.count;
    return chunks;
}

}  // namespace

std::optional<OrderFault> fault_of(const BidOrder& bid) {
    if (!price_in_range(bid.limit)) return OrderFault::price_out_of_range;
    if (!is_valid(bid.requirement)) return OrderFault::requirement_invalid;
    if (bid.replicas == 0 || bid.replicas > kReplicasMax) return OrderFault::replicas_out_of_range;
    if (!chunks_valid(bid)) return OrderFault::chunks_invalid;
    if (bid.min_first_fill > kMinFirstFillMax || bid.min_first_fill > first_fill_bound(bid))
        return OrderFault::min_first_fill_out_of_range;
    if (!lists_valid(bid)) return OrderFault::list_invalid;
    if (bid.previous &&
        (!price_in_range(bid.previous->limit) || bid.previous->lots > kLotsPerJobMax))
        return OrderFault::seasoned_invalid;
    if (bid.stake_factor > kStakeFactorMax) return OrderFault::stake_factor_out_of_range;
    return std::nullopt;
}

std::optional<OrderFault> fault_of(const AskOrder& ask) {
    for (const AskStep& step : ask.steps)
        if (!price_in_range(step.price)) return OrderFault::price_out_of_range;
    if (!is_valid(ask.capability)) return OrderFault::requirement_invalid;
    if (!strictly_rising(ask.deny, std::less<>{})) return OrderFault::list_invalid;
    if (ask.steps.empty() || !strictly_rising(ask.steps, [](const AskStep& a, const AskStep& b) {
            return a.price < b.price;
        }))
        return OrderFault::steps_invalid;
    for (const AskStep& step : ask.steps)
        if (step.slots == 0 || step.slots > kSlotsPerStepMax) return OrderFault::steps_invalid;
    return std::nullopt;
}

std::uint32_t lots_of(const BidOrder& bid) {
    std::uint32_t lots = 0;
    for (const ChunkRun& run : bid.chunks) lots += run.count * run.need;
    return lots;
}

std::optional<Seasoned> seasoned_of(const BidOrder& bid) {
    if (!bid.previous || bid.cancelling) return std::nullopt;
    return Seasoned{std::min(bid.previous->limit, bid.limit),
                    std::min(bid.previous->lots, lots_of(bid))};
}

Price grossed_up(Price ask, std::uint32_t fee_bp) {
    MILLRACE_ASSERT(fee_bp < kBasis);
    const std::uint64_t rest = kBasis - fee_bp;
    const Uint128 scaled = Uint128{ask.value} * kBasis + (rest - 1);
    return Price{static_cast<std::uint64_t>(scaled / rest)};
}

std::uint64_t stake_factor(std::uint32_t audit_rate_bp, std::uint32_t slash_burnt_bp,
                           std::uint64_t min_bp, std::uint64_t unaudited_bp) {
    MILLRACE_ASSERT(audit_rate_bp <= kBasis && slash_burnt_bp >= 1 && slash_burnt_bp <= kBasis);
    if (audit_rate_bp == 0) return unaudited_bp;
    const std::uint64_t caught = std::uint64_t{audit_rate_bp} * slash_burnt_bp;
    const std::uint64_t gain = kBasis * kBasis * (kBasis - audit_rate_bp);
    return std::max(min_bp, (gain + caught - 1) / caught);
}

std::optional<Amount> stake_at_risk(Amount lot_value, std::uint64_t stake_factor) {
    const Uint128 risk = Uint128{lot_value.value} * stake_factor / kBasis;
    if (risk > std::numeric_limits<std::uint64_t>::max()) return std::nullopt;
    return Amount{static_cast<std::uint64_t>(risk)};
}

}  // namespace millrace::market
