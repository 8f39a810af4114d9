#pragma once

#include "common/vote.hpp"
#include "market/ledger/chain.hpp"
#include "market/refusal.hpp"

namespace millrace::market {

/// Whether two votes convict a validator here and now; the first broken rule. Two signature checks
/// at most, after all that is cheap.
[[nodiscard]] Refusal check_evidence(const StateReader& state, const ChainState& chain,
                                     const Params& params, const Evidence& evidence);

}  // namespace millrace::market
