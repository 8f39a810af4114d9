#pragma once

#include "market/ledger/chain.hpp"
#include "market/params.hpp"
#include "market/refusal.hpp"
#include "market/state.hpp"
#include "market/transaction.hpp"

/// From bytes to a transaction that may stand in a block. Cheap and stateless rules first.
namespace millrace::market {

/// A transaction whose envelope was found good; only `check_tx` makes one, so nothing is checked
/// twice or never. Immutable.
class CheckedTx {
  public:
    [[nodiscard]] const SignedTx& signed_tx() const { return signed_; }
    [[nodiscard]] const Tx& tx() const { return signed_.tx; }
    [[nodiscard]] const TxHash& hash() const { return hash_; }
    [[nodiscard]] const Address& sender() const { return sender_; }
    /// Bytes on the wire.
    [[nodiscard]] std::uint64_t size() const { return size_; }
    /// What the base fee is charged for: bytes, and signature checks as bytes.
    [[nodiscard]] std::uint64_t weight() const { return weight_; }

  private:
    CheckedTx() = default;
    friend Result<CheckedTx, Refusal> check_tx(SignedTx tx, const ChainId& chain,
                                               const Params& params);
    SignedTx signed_;
    TxHash hash_;
    Address sender_;
    std::uint64_t size_ = 0;
    std::uint64_t weight_ = 0;
};

/// The rules that need no state, in this order: chain, size, lane, tip of a move, signature.
/// About 60 µs: the signature check; safe to call on many threads.
[[nodiscard]] Result<CheckedTx, Refusal> check_tx(SignedTx tx, const ChainId& chain,
                                                  const Params& params);

/// The rules of the envelope that need state, in this order: expiry against `time`, sender, nonce,
/// fee. A mempool calls it with the head's state to decide whether to keep a transaction
/// (`nonce_too_high` may become good); a block that holds one which fails is invalid.
[[nodiscard]] Status<Refusal> check_envelope(const StateReader& state, const CheckedTx& tx,
                                             WallTime time);

/// The same with the chain's row and the parameters at hand: a block has newer ones than the state
/// that it stands on.
[[nodiscard]] Status<Refusal> check_envelope(const StateReader& state, const ChainState& chain,
                                             const Params& params, const CheckedTx& tx,
                                             WallTime time);

/// The same for a transaction that waits for earlier ones of its lane: its nonce may be too high,
/// and the fee is judged as if it were the next. What its body would meet then nobody knows yet.
[[nodiscard]] Status<Refusal> check_waiting(const StateReader& state, const CheckedTx& tx,
                                            WallTime time);

/// A block's transactions in their order, as they come out of the checks that need no state: a
/// node makes these on several threads while the first transactions are executed already.
class CheckedTxs {
  public:
    CheckedTxs() = default;
    CheckedTxs(const CheckedTxs&) = delete;
    CheckedTxs& operator=(const CheckedTxs&) = delete;
    virtual ~CheckedTxs() = default;
    [[nodiscard]] virtual std::size_t count() const = 0;
    /// Null when the transaction breaks a rule that needs no state. Valid as long as the object.
    [[nodiscard]] virtual const CheckedTx* at(std::size_t index) = 0;
};

/// Weight × base fee at the state's base fee; for moves capped at the prepaid fee.
[[nodiscard]] Amount base_fee_of(const StateReader& state, const CheckedTx& tx);

/// Applies to a throw-away overlay what a block would, so that a wallet hears before sending why
/// the ledger would refuse. Envelope first, then the market's rules at the head's time. `time` is
/// the asking machine's; a next block is later than the head, whatever that says.
[[nodiscard]] Status<Refusal> dry_run(const StateReader& state, const CheckedTx& tx, WallTime time);

}  // namespace millrace::market
