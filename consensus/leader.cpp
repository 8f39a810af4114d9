#include "consensus/leader.hpp"

namespace millrace::consensus {

ValidatorIndex elect_leader(const ValidatorSet& validators, const LeaderSeed& seed, View view) {
    const Hash draw = Hasher("mill/leader").update(seed).update_u64(view.value).finish();
    const auto low = load_le<std::uint64_t>(draw.bytes.data());
    const auto high = load_le<std::uint64_t>(draw.bytes.data() + 8);
    const Uint128 wide = (Uint128{high} << 64U) | low;
    return validators.owner_of(static_cast<Weight>(wide % validators.total()));
}

}  // namespace millrace::consensus
