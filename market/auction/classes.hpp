#pragma once

#include <array>
#include <boost/describe.hpp>
#include <cstdint>
#include <vector>

#include "common/units.hpp"

/// Capability classes: what a machine can do, quantised, and what a job demands of it.
/// Source: docs/protocol/auction.md, "Classes".
namespace millrace::market {

inline constexpr std::uint8_t kMemoryTiers = 8;
inline constexpr std::uint8_t kStakeTiers = 8;
inline constexpr std::uint8_t kRecordTiers = 4;
inline constexpr std::uint8_t kTeeKinds = 8;  ///< kind 0: no trusted hardware
inline constexpr std::uint8_t kRegions = 64;

/// What a provider's machine can do. Quantised, so that few classes hold many machines.
struct Capability {
    std::uint8_t memory_tier = 0;  ///< below kMemoryTiers
    std::uint32_t features = 0;    ///< one bit a feature that a module may need
    std::uint8_t tee = 0;          ///< kind of trusted hardware, below kTeeKinds; 0: none
    std::uint8_t region = 0;       ///< below kRegions
    std::uint8_t stake_tier = 0;   ///< below kStakeTiers
    std::uint8_t record_tier = 0;  ///< below kRecordTiers
    friend auto operator<=>(const Capability&, const Capability&) = default;
};
BOOST_DESCRIBE_STRUCT(Capability, (), (memory_tier, features, tee, region, stake_tier, record_tier))

/// What a job demands. The default demands nothing.
struct Requirement {
    std::uint8_t memory_tier = 0;  ///< at least
    std::uint32_t features = 0;    ///< all of these
    std::uint64_t regions = 0;     ///< one of these (bit n: region n); 0: any
    std::uint8_t stake_tier = 0;   ///< at least
    std::uint8_t record_tier = 0;  ///< at least
    std::uint8_t tees = 0;         ///< one of these kinds (bit n: kind n); 0: any, none included
    friend auto operator<=>(const Requirement&, const Requirement&) = default;
};
BOOST_DESCRIBE_STRUCT(Requirement, (),
                      (memory_tier, features, regions, stake_tier, record_tier, tees))

/// A capability packed into one integer; the same capability, the same class.
using ClassId = Unit<struct ClassIdTag>;

/// Every field below its bound; what is not valid never enters a book.
[[nodiscard]] bool is_valid(const Capability& capability);
[[nodiscard]] bool is_valid(const Requirement& requirement);

/// From the low bit: record 2, stake 3, region 6, TEE 3, memory 3, features 32.
[[nodiscard]] ClassId class_of(const Capability& capability);
/// The inverse of `class_of`; bits above the 49 used are ignored.
[[nodiscard]] Capability capability_of(ClassId id);

/// Grows with what a machine can do: memory tier, number of features, any TEE, stake tier, in this
/// order of weight. Among equal prices the lower rank sells first, so the least capable machine
/// that will do goes first and the rare ones stay for those who need them.
[[nodiscard]] std::uint32_t rank_of(const Capability& capability);

/// The single demands of a requirement, so that `explain` can say which one excludes most.
enum class Demand : std::uint8_t {
    memory_tier = 1,
    features = 2,
    region = 3,
    stake_tier = 4,
    record_tier = 5,
    tee = 6,
    task_size = 7,  ///< gas or bytes of a task above the ask's largest
};
BOOST_DESCRIBE_ENUM(Demand, memory_tier, features, region, stake_tier, record_tier, tee, task_size)

/// Whether the machine meets one demand; `task_size` is not of the class and is always met here.
[[nodiscard]] bool meets(const Capability& capability, const Requirement& requirement,
                         Demand demand);
/// Whether the machine meets them all.
[[nodiscard]] bool is_compatible(const Capability& capability, const Requirement& requirement);

}  // namespace millrace::market
