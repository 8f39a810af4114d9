#pragma once

#include <functional>
#include <optional>
#include <string>

#include "market/block/header.hpp"
#include "market/node_answers.hpp"
#include "market/refusal.hpp"
#include "market/transaction.hpp"
#include "wallet/ledger_view.hpp"

/// From a body to a final transaction: fee, nonce, signature, sending, waiting.
namespace millrace::wallet {

using market::NodeStatus;

/// A transaction on its way between machines, as a JSON file: what --dry-run prints, `tx sign`
/// signs and `tx send` sends. One of the two is there.
struct TxFile {
    static constexpr std::size_t kBytesMax = (1U << 20U) + (64U << 10U);
    std::uint32_t version = 1;
    Network network = Network::test;
    std::optional<BoundedBytes<kBytesMax>> unsigned_tx;
    std::optional<BoundedBytes<kBytesMax>> signed_tx;
};
BOOST_DESCRIBE_STRUCT(TxFile, (), (version, network, unsigned_tx, signed_tx))

/// An opened account on the chain of the node: what signs. Under --dry-run it holds no key.
class Signer {
  public:
    /// Picks the account (the only one, `default`, or by name), asks for its passphrase, and
    /// refuses a node of another network than the account's.
    [[nodiscard]] static Try<Signer> open(Context& context, const std::optional<std::string>& from);

    [[nodiscard]] const Address& address() const { return address_; }
    [[nodiscard]] const NodeStatus& node() const { return node_; }
    [[nodiscard]] std::string text(const Address& address) const {
        return to_text(address, node_.network);
    }
    /// A signed transaction with the next nonce of `lane`; the id of a job that it posts follows
    /// from its nonce. Under --dry-run the command ends here, with the unsigned one as its result.
    [[nodiscard]] Try<market::SignedTx> sign(Context& context, market::TxBody body,
                                             std::uint8_t lane = 0);
    /// The next nonce, for ids that are needed before signing.
    [[nodiscard]] Try<market::Nonce> next_nonce(Context& context, std::uint8_t lane = 0);

  private:
    Signer(std::optional<AccountSecret> secret, AccountKey key, NodeStatus node)
        : secret_(std::move(secret)),
          key_(key),
          address_(to_address(key)),
          node_(std::move(node)) {}
    std::optional<AccountSecret> secret_;
    AccountKey key_;
    Address address_;
    NodeStatus node_;
};

/// A final transaction.
struct Sent {
    TxHash hash;
    Height height;
    market::Receipt receipt;
};

[[nodiscard]] market::SignedTx sign_tx(const AccountSecret& secret, market::Tx tx);

/// Sends and waits until final. A refusal in the receipt is a failure that names the rule. Ctrl-C
/// ends the waiting: exit `interrupted`, with the command that looks again.
[[nodiscard]] Try<Sent> send_and_wait(Context& context, const market::SignedTx& tx);
/// The same of one that may have been sent before: none where it is not final.
[[nodiscard]] Try<std::optional<Sent>> find_final(Context& context, const TxHash& hash);
/// What every command that sent a transaction says of it under --json: `transaction`, `block`,
/// `fee`; its own members are added behind.
[[nodiscard]] boost::json::object sent_json(const Sent& sent);
/// An account by its name in the keystore or by its address. Refuses one of another network.
[[nodiscard]] Try<Address> address_of(Context& context, const std::string& text, Network network);
/// Sends only.
[[nodiscard]] Try<TxHash> send_only(Context& context, const market::SignedTx& tx);

/// The ledger's refusal as a failure: the rule's sentence, and what to do about it where there is
/// something to do.
[[nodiscard]] Failure refused(market::Refusal refusal);
/// The refusal that a failure carries by its stable name; none where it is another failure.
[[nodiscard]] std::optional<market::Refusal> refusal_of(const Failure& failure);

/// How often a waiting command asks the node: often at first, since a block comes within some 50 ms
/// where there is something to do, and seldom once it takes long; and for how long at most.
inline constexpr std::uint64_t kPollFirstMs = 20;
inline constexpr std::uint64_t kPollLastMs = 500;
inline constexpr std::uint64_t kFinalWaitMs = 120'000;

/// What the node says of itself; its chain and network are those that this wallet verified, where
/// answers are checked.
[[nodiscard]] Try<NodeStatus> node_status(Context& context);

}  // namespace millrace::wallet
