#pragma once

#include "common/codec.hpp"
#include "market/ids.hpp"

/// What a machine can do, and what a job needs: the terms in which bids and asks are matched.
/// Source: docs/protocol/auction.md, "Objects".
namespace millrace::market {

/// Trusted execution environments by kind.
enum class TeeKind : std::uint8_t { none = 0, sev_snp = 1, tdx = 2 };
BOOST_DESCRIBE_ENUM(TeeKind, none, sev_snp, tdx)

/// Memory tier n offers 64 MiB × 4^n to a run; 0 … 7.
inline constexpr std::uint8_t kMemoryTiers = 8;
[[nodiscard]] constexpr std::uint64_t memory_tier_bytes(std::uint8_t tier) {
    return (64ULL << 20U) << (2U * tier);
}
/// Regions are numbered 0 … 31, so that a set of them is a 32-bit mask.
inline constexpr std::uint8_t kRegions = 32;
/// Tiers of stake and of record, 0 … 3.
inline constexpr std::uint8_t kTiers = 4;

/// Stated by the provider; stake and record tiers come from the ledger.
struct Capability {
    std::uint8_t memory_tier = 0;
    std::uint32_t features = 0;
    TeeKind tee = TeeKind::none;
    std::uint8_t region = 0;
    friend bool operator==(const Capability&, const Capability&) = default;
};
BOOST_DESCRIBE_STRUCT(Capability, (), (memory_tier, features, tee, region))

struct Requirement {
    std::uint8_t memory_tier = 0;
    /// Every bit set must be offered.
    std::uint32_t features = 0;
    /// Regions that will do, as a mask; 0 means any.
    std::uint32_t regions = 0;
    std::uint8_t stake_tier = 0;
    std::uint8_t record_tier = 0;
    TeeKind tee = TeeKind::none;
    friend bool operator==(const Requirement&, const Requirement&) = default;
};
BOOST_DESCRIBE_STRUCT(Requirement, (),
                      (memory_tier, features, regions, stake_tier, record_tier, tee))

/// A quantity of slots at one price.
struct AskStep {
    Price price;
    std::uint32_t slots = 0;
    friend bool operator==(const AskStep&, const AskStep&) = default;
};
BOOST_DESCRIBE_STRUCT(AskStep, (), (price, slots))

inline constexpr std::size_t kAskStepsMax = 4;
inline constexpr std::size_t kAccountListMax = 16;
/// Prices are below 2^40 nano-credits per Ggas, so that gas × price fits 128 bits with room.
inline constexpr std::uint64_t kPriceEnd = 1ULL << 40U;

using AccountList = BoundedVector<Address, kAccountListMax>;

/// A provider's standing offer. Steps rise in price; prices are what the provider wants, before
/// the market fee.
struct Ask {
    BoundedVector<AskStep, kAskStepsMax> steps;
    Capability capability;
    /// Largest gas of a lot that is accepted.
    Gas lot_gas_max;
    /// Largest input of a task that is accepted, in bytes.
    std::uint64_t input_bytes_max = 0;
    /// Buyers that get nothing from this provider, ascending.
    AccountList denied;
    friend bool operator==(const Ask&, const Ask&) = default;
};
BOOST_DESCRIBE_STRUCT(Ask, (), (steps, capability, lot_gas_max, input_bytes_max, denied))

/// Slots of all steps together.
[[nodiscard]] inline std::uint64_t slots_of(const Ask& ask) {
    std::uint64_t sum = 0;
    for (const AskStep& step : ask.steps) sum += step.slots;
    return sum;
}

}  // namespace millrace::market
