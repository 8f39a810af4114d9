#pragma once

#include <functional>
#include <variant>

#include "market/admit.hpp"
#include "node/chain/engine.hpp"
#include "node/chain/state_db.hpp"
#include "node/mempool/mempool.hpp"

namespace millrace::node {

/// Why a transaction was not taken in: the ledger's rule, or the mempool's.
using IntakeRefusal = std::variant<market::Refusal, MempoolRefusal>;

/// The one door for transactions, from RPC and from this node's own provider: the rules without
/// state, a trial on the newest final state, then the mempool. Thread-safe.
class TxIntake {
  public:
    TxIntake(const LedgerDb& db, Mempool& mempool, const Clock& clock, ChainId chain,
             std::function<void()> notify_work)
        : db_(db),
          mempool_(mempool),
          clock_(clock),
          chain_(chain),
          notify_work_(std::move(notify_work)) {}

    /// Its hash, also when it waits already.
    [[nodiscard]] Result<TxHash, IntakeRefusal> submit(market::SignedTx tx);

  private:
    const LedgerDb& db_;
    Mempool& mempool_;
    const Clock& clock_;
    ChainId chain_;
    std::function<void()> notify_work_;
};

}  // namespace millrace::node
