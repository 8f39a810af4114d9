#include "market/auction/classes.hpp"

#include <bit>

namespace millrace::market {

bool is_valid(const Capability& capability) {
    return capability.memory_tier < kMemoryTiers && capability.tee < kTeeKinds &&
           capability.region < kRegions && capability.stake_tier < kStakeTiers &&
           capability.record_tier < kRecordTiers;
}

bool is_valid(const Requirement& requirement) {
    return requirement.memory_tier < kMemoryTiers && requirement.stake_tier < kStakeTiers &&
           requirement.record_tier < kRecordTiers;
}

ClassId class_of(const Capability& capability) {
    std::uint64_t packed = capability.features;
    packed = (packed << 3U) | capability.memory_tier;
    packed = (packed << 3U) | capability.tee;
    packed = (packed << 6U) | capability.region;
    packed = (packed << 3U) | capability.stake_tier;
    packed = (packed << 2U) | capability.record_tier;
    return ClassId{packed};
}

Capability capability_of(ClassId id) {
    std::uint64_t packed = id.value;
    const auto take = [&packed](unsigned bits) {
        const std::uint64_t field = packed & ((std::uint64_t{1} << bits) - 1);
        packed >>= bits;
        return field;
    };
    Capability out;
    out.record_tier = static_cast<std::uint8_t>(take(2));
    out.stake_tier = static_cast<std::uint8_t>(take(3));
    out.region = static_cast<std::uint8_t>(take(6));
    out.tee = static_cast<std::uint8_t>(take(3));
    out.memory_tier = static_cast<std::uint8_t>(take(3));
    out.features = static_cast<std::uint32_t>(take(32));
    return out;
}

std::uint32_t rank_of(const Capability& capability) {
    std::uint32_t rank = capability.memory_tier;
    rank = (rank << 6U) | static_cast<std::uint32_t>(std::popcount(capability.features));
    rank = (rank << 1U) | (capability.tee != 0 ? 1U : 0U);
    return (rank << 3U) | capability.stake_tier;
}

bool meets(const Capability& capability, const Requirement& requirement, Demand demand) {
    switch (demand) {
        case Demand::memory_tier:
            return capability.memory_tier >= requirement.memory_tier;
        case Demand::features:
            return (capability.features & requirement.features) == requirement.features;
        case Demand::region:
            return requirement.regions == 0 ||
                   ((requirement.regions >> capability.region) & 1U) != 0;
        case Demand::stake_tier:
            return capability.stake_tier >= requirement.stake_tier;
        case Demand::record_tier:
            return capability.record_tier >= requirement.record_tier;
        case Demand::tee:
            return requirement.tees == 0 ||
                   ((static_cast<unsigned>(requirement.tees) >> capability.tee) & 1U) != 0;
        case Demand::task_size:
            return true;
    }
    return false;
}

bool is_compatible(const Capability& capability, const Requirement& requirement) {
    return meets(capability, requirement, Demand::memory_tier) &&
           meets(capability, requirement, Demand::features) &&
           meets(capability, requirement, Demand::region) &&
           meets(capability, requirement, Demand::stake_tier) &&
           meets(capability, requirement, Demand::record_tier) &&
           meets(capability, requirement, Demand::tee);
}

}  // namespace millrace::market
