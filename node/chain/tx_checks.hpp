#pragma once

#include <functional>
#include <memory>
#include <span>

#include "market/admit.hpp"

namespace millrace::node {

/// Threads that check the signatures of a block's transactions while the block is executed: the
/// check is most of what a transfer costs, and needs nothing of the state.
class TxChecks {
  public:
    /// A transaction that was checked before, where one is known by this hash.
    using Known = std::function<std::optional<market::CheckedTx>(const TxHash&)>;

    /// `threads` beside the one that executes; none is fine. `known` may be called on any of them.
    TxChecks(std::size_t threads, Known known);
    ~TxChecks();
    TxChecks(const TxChecks&) = delete;
    TxChecks& operator=(const TxChecks&) = delete;

    /// Begins to check these; what the caller asks for is waited for, or checked by it when nobody
    /// has begun. The transactions outlive the answer; one answer at a time.
    [[nodiscard]] std::unique_ptr<market::CheckedTxs> begin(
        std::span<const market::SignedTx> transactions, const ChainId& chain,
        const market::Params& params);

    /// Threads that a node of this machine should use: all cores but the executing one.
    [[nodiscard]] static std::size_t threads_here();

  private:
    class Pool;
    std::unique_ptr<Pool> pool_;
};

}  // namespace millrace::node
