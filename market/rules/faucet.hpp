#pragma once

#include "market/ledger/chain.hpp"
#include "market/ledger/ledger.hpp"
#include "market/refusal.hpp"
#include "market/transaction.hpp"

namespace millrace::market {

/// What the faucet would say here and now; the first broken rule.
[[nodiscard]] Refusal check_faucet(const StateReader& state, const ChainState& chain,
                                   const Params& params, const Faucet& body);

/// Whether a transaction costs nothing: at least the existential deposit from the faucet, which
/// does give it, for its sender's own account or from somebody who has one. Anything else is paid,
/// and nobody sends it who has no account: else strangers would fill blocks and leave rows behind,
/// or accounts below the deposit, for nothing.
[[nodiscard]] bool is_free(const StateReader& state, const ChainState& chain, const Params& params,
                           const Address& sender, const TxBody& body);

}  // namespace millrace::market
