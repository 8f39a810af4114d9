#pragma once

#include "common/codec.hpp"
#include "market/auction/order.hpp"
#include "market/ids.hpp"

/// A provider's standing offer as it states it. The auction's `AskOrder` is made from it with what
/// the ledger knows: tiers of stake and record, free stake, live leases.
/// Source: docs/protocol/auction.md, "Objects".
namespace millrace::market {

/// Memory tier n offers 64 MiB × 4^n to a run.
[[nodiscard]] constexpr std::uint64_t memory_tier_bytes(std::uint8_t tier) {
    return (64ULL << 20U) << (2U * tier);
}

/// What a provider says of its machines; ledger and record add the tiers.
struct Machine {
    std::uint8_t memory_tier = 0;  ///< below kMemoryTiers
    std::uint32_t features = 0;    ///< one bit a feature that a module may need
    std::uint8_t tee = 0;          ///< kind of trusted hardware, below kTeeKinds; 0: none
    std::uint8_t region = 0;       ///< below kRegions
    friend bool operator==(const Machine&, const Machine&) = default;
};
BOOST_DESCRIBE_STRUCT(Machine, (), (memory_tier, features, tee, region))

using AccountList = BoundedVector<Address, kListMax>;

struct Ask {
    /// What the provider wants, net of the market fee; prices strictly rising.
    BoundedVector<AskStep, kStepsPerAskMax> steps;
    Machine machine;
    /// Largest gas limit of a task that is accepted.
    Gas task_gas_max;
    /// Largest input and output cap of a task together, in bytes.
    std::uint64_t task_bytes_max = 0;
    /// Buyers that get nothing from this provider, ascending.
    AccountList deny;
    friend bool operator==(const Ask&, const Ask&) = default;
};
BOOST_DESCRIBE_STRUCT(Ask, (), (steps, machine, task_gas_max, task_bytes_max, deny))

/// Slots of all steps together.
[[nodiscard]] inline std::uint64_t slots_of(const Ask& ask) {
    std::uint64_t sum = 0;
    for (const AskStep& step : ask.steps) sum += step.slots;
    return sum;
}

}  // namespace millrace::market
