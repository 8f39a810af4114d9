#pragma once

#include "market/admit.hpp"
#include "market/ledger/tables.hpp"

/// What transactions pay, and how the price of a byte moves. Source: docs/protocol/block.md,
/// "Fees".
namespace millrace::market {

/// Next block's base fee: towards `target` bytes of weight, in steps of at most 1/8.
[[nodiscard]] Amount next_base_fee(const FeeParams& params, Amount now, std::uint64_t used,
                                   std::uint64_t target);

/// Who pays for a transaction and how much.
struct Charge {
    Amount fee;
    /// The lease whose reserve has prepaid it; none when the sender pays.
    std::optional<LeaseId> prepaid_by;
    /// Whether it may use the reserved quarter of a block.
    bool reserved = false;
};
/// A commit or reveal of a lease by its own provider is prepaid, at a capped fee, while that step
/// is the lease's next one. Anybody else who relays a reveal pays as for any transaction: else a
/// stranger could spend the provider's reserve. Evidence that convicts has the same room and cap.
[[nodiscard]] Charge charge_of(const StateReader& state, const ChainState& chain,
                               const Params& params, const CheckedTx& tx);

/// Whether `charge_of` could give the reserved room to a transaction with this body.
[[nodiscard]] bool may_be_reserved(const TxBody& body);

/// Takes fee and tip, uses the nonce. The envelope is good (`check_envelope`).
void take_fee(Ledger& ledger, const CheckedTx& tx, const Charge& charge, const Address& proposer);

}  // namespace millrace::market
