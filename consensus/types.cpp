#include "consensus/types.hpp"

#include <algorithm>
#include <set>

#include "consensus/detail/mutation.hpp"

namespace millrace::consensus {

ValidatorSet::ValidatorSet(std::vector<Validator> validators) : validators_(std::move(validators)) {
    cumulative_.reserve(validators_.size());
    Weight sum = 0;
    for (const Validator& validator : validators_) cumulative_.push_back(sum += validator.weight);
}

Result<ValidatorSet, ValidatorSetError> ValidatorSet::make(std::vector<Validator> validators) {
    if (validators.empty()) return Err{ValidatorSetError::empty};
    if (validators.size() > kValidatorsMax) return Err{ValidatorSetError::too_many};
    Weight sum = 0;
    for (const Validator& validator : validators) {
        if (validator.weight == 0) return Err{ValidatorSetError::zero_weight};
    }
    for (const Validator& validator : validators) {
        // Both sides are below 2^60, so that the sum cannot wrap.
        if (validator.weight >= kTotalWeightMax) return Err{ValidatorSetError::weight_too_large};
        sum += validator.weight;
        if (sum >= kTotalWeightMax) return Err{ValidatorSetError::weight_too_large};
    }
    std::set<Ed25519Key> keys;
    for (const Validator& validator : validators) {
        if (!keys.insert(validator.key).second) return Err{ValidatorSetError::duplicate_key};
    }
    return ValidatorSet(std::move(validators));
}

const Validator& ValidatorSet::at(ValidatorIndex index) const {
    MILLRACE_ASSERT(contains(index));
    return validators_[index.value];
}

Weight ValidatorSet::quorum() const {
    if (MILLRACE_MUTANT(quorum_too_small)) return total() / 2 + 1;
    return static_cast<Weight>(Uint128{total()} * 2 / 3) + 1;
}

ValidatorIndex ValidatorSet::owner_of(Weight point) const {
    MILLRACE_ASSERT(point < total());
    const auto owner = std::upper_bound(cumulative_.begin(), cumulative_.end(), point);
    return ValidatorIndex{static_cast<std::uint16_t>(owner - cumulative_.begin())};
}

std::optional<ValidatorIndex> ValidatorSet::find(const Ed25519Key& key) const {
    for (std::size_t i = 0; i < validators_.size(); ++i) {
        if (validators_[i].key == key) return ValidatorIndex{static_cast<std::uint16_t>(i)};
    }
    return std::nullopt;
}

}  // namespace millrace::consensus
