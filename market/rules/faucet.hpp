#pragma once

#include "market/ledger/chain.hpp"
#include "market/ledger/ledger.hpp"
#include "market/refusal.hpp"
#include "market/transaction.hpp"

namespace millrace::market {

/// What the faucet would say here and now; the first broken rule.
[[nodiscard]] Refusal check_faucet(const StateReader& state, const ChainState& chain,
                                   const Params& params, const Faucet& body);

/// Whether a transaction costs nothing: money from the faucet that it does give. What it refuses is
/// paid like anything else, and nobody sends it who has no account: else strangers would fill
/// blocks and leave rows behind for nothing.
[[nodiscard]] bool is_free(const StateReader& state, const ChainState& chain, const Params& params,
                           const TxBody& body);

}  // namespace millrace::market
