#pragma once

#include <functional>
#include <memory>
#include <span>

#include "market/admit.hpp"
#include "node/chain/workers.hpp"

namespace millrace::node {

/// Checks the signatures of a block's transactions on other threads while the block is executed:
/// the check is most of what a transfer costs, and needs nothing of the state.
class TxChecks {
  public:
    /// The same transaction, signature included, where it is known to have been checked before.
    using Known = std::function<std::optional<market::CheckedTx>(const market::SignedTx&)>;

    /// `known` may be called on any thread. The workers outlive this and its answers.
    TxChecks(Workers& workers, Known known);

    /// Begins to check these; what the caller asks for is waited for, or checked by it when nobody
    /// has begun. The transactions outlive the answer.
    [[nodiscard]] std::unique_ptr<market::CheckedTxs> begin(
        std::span<const market::SignedTx> transactions, const ChainId& chain,
        const market::Params& params);

  private:
    Workers& workers_;
    Known known_;
};

}  // namespace millrace::node
