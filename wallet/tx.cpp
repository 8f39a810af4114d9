#include "wallet/tx.hpp"

#include <fmt/format.h>
#include <sodium/randombytes.h>

#include <chrono>
#include <thread>

namespace millrace::wallet {

namespace {

/// A transaction may wait at most this long; a forgotten one cannot surprise anybody later.
constexpr std::uint64_t kExpiryMs = 600'000;
/// The base fee may rise by an eighth a block while the transaction waits.
constexpr std::uint64_t kFeeHeadroom = 4;

struct NonceAnswer {
    std::uint64_t sequence = 0;
};
BOOST_DESCRIBE_STRUCT(NonceAnswer, (), (sequence))

}  // namespace

Try<NodeStatus> node_status(Context& context) {
    MILLRACE_TRY(Client* const client, context.client());
    return client->ask<NodeStatus>("node_status");
}

Try<market::ChainView> chain_view(Context& context) {
    MILLRACE_TRY(Client* const client, context.client());
    return client->ask<market::ChainView>("chain_state");
}

Try<Signer> Signer::open(Context& context, const std::optional<std::string>& from) {
    MILLRACE_TRY(const Keystore::Listed account, context.keystore().pick(from));
    // The node first: a passphrase is not asked for in vain.
    MILLRACE_TRY(NodeStatus node, node_status(context));
    if (node.network != account.file.network)
        return Err{Failure{Exit::bad_input,
                           fmt::format("account \"{}\" is for the {} network, the node at {} is on "
                                       "the {} network",
                                       account.name, enum_name(account.file.network), context.node,
                                       enum_name(node.network))}};
    MILLRACE_TRY(const SecretBuffer passphrase, context.passphrase.for_open(account.name));
    MILLRACE_TRY(AccountSecret secret, Keystore::open(account, passphrase.text()));
    return Signer(std::move(secret), account.address(), std::move(node));
}

Try<market::Nonce> Signer::next_nonce(Context& context, std::uint8_t lane) {
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(
        const NonceAnswer answer,
        client->ask<NonceAnswer>("tx_nonce", {{"account", text(address_)}, {"lane", lane}}));
    return market::Nonce{lane, answer.sequence};
}

Try<market::SignedTx> Signer::sign(Context& context, market::TxBody body, std::uint8_t lane) {
    MILLRACE_TRY(const market::ChainView chain, chain_view(context));
    market::SignedTx tx;
    tx.tx.chain = node_.chain;
    tx.tx.sender = secret_.public_key();
    MILLRACE_TRY(tx.tx.nonce, next_nonce(context, lane));
    tx.tx.body = std::move(body);
    // The chain's clock where it is ahead of this machine's, so that a slow clock expires nothing.
    const auto now =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count());
    tx.tx.expiry = WallTime{std::max(now, chain.state.time.value) + kExpiryMs};
    const std::uint64_t weight = encode(tx).size() + chain.params.fees.signature_weight_bytes;
    const auto fee = checked_mul(chain.state.base_fee, weight * kFeeHeadroom);
    if (!fee.has_value()) return Err{Failure{Exit::failed, "the base fee is out of range"}};
    tx.tx.fee_max = *fee;
    SigningEntropy entropy;
    randombytes_buf(entropy.data(), entropy.size());
    tx.signature = secret_.sign(market::signing_hash(tx.tx).view(), entropy);
    return tx;
}

Try<TxHash> send_only(Context& context, const market::SignedTx& tx) {
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const TxHashAnswer answer,
                 client->ask<TxHashAnswer>("tx_send", {{"tx", to_hex(encode(tx))}}));
    return answer.hash;
}

Try<Sent> send_and_wait(Context& context, const market::SignedTx& tx) {
    MILLRACE_TRY(const TxHash hash, send_only(context, tx));
    MILLRACE_TRY(Client* const client, context.client());
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(kFinalWaitMs);
    for (;;) {
        MILLRACE_TRY(const TxStatus status,
                     client->ask<TxStatus>("tx_status", {{"hash", to_hex(hash.view())}}));
        if (status.state == TxState::final && status.height && status.receipt) {
            if (status.receipt->refusal != market::Refusal::none)
                return Err{Failure{
                    Exit::refused,
                    fmt::format("the ledger refused the transaction: {}",
                                market::sentence(status.receipt->refusal)),
                    0, boost::json::object{{"refusal", enum_name(status.receipt->refusal)}}}};
            return Sent{hash, *status.height, *status.receipt};
        }
        if (std::chrono::steady_clock::now() > deadline)
            return Err{Failure{Exit::failed,
                               fmt::format("transaction {} is not final after {}; look again with "
                                           "`millrace chain tx {}`",
                                           short_hash(to_hex(hash.view())),
                                           human_duration(kFinalWaitMs), to_hex(hash.view()))}};
        std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
    }
}

}  // namespace millrace::wallet
