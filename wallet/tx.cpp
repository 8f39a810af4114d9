#include "wallet/tx.hpp"

#include <fmt/format.h>
#include <sodium/randombytes.h>

#include <algorithm>
#include <chrono>

#include "wallet/interrupt.hpp"

namespace millrace::wallet {

namespace {

/// A transaction may wait at most this long; a forgotten one cannot surprise anybody later.
constexpr std::uint64_t kExpiryMs = 600'000;
/// An unsigned one is carried to another machine first: as long as the chain allows, less what its
/// clock may be behind.
constexpr std::uint64_t kClockSlackMs = 30'000;
/// The base fee may rise by an eighth a block while the transaction waits.
constexpr std::uint64_t kFeeHeadroom = 4;
/// A newest block this far from the wall clock, either way, is worth a word.
constexpr std::uint64_t kHeadOddMs = 60'000;

struct NonceAnswer {
    std::uint64_t sequence = 0;
};
BOOST_DESCRIBE_STRUCT(NonceAnswer, (), (sequence))

/// Ends a --dry-run.
Failure unsigned_result(const market::Tx& tx, Network network) {
    TxFile file;
    file.network = network;
    file.unsigned_tx.emplace(encode(tx));
    return {Exit::ok,
            "Nothing was sent. Where the key is: `millrace tx sign FILE`; where a node is: "
            "`millrace tx send FILE`",
            0, to_json(file, {network})};
}

/// What to do about a refusal; empty where the sentence says it.
std::string_view advice(market::Refusal refusal) {
    using market::Refusal;
    switch (refusal) {
        case Refusal::sender_unknown:
        case Refusal::fee_unaffordable:
        case Refusal::balance_too_low:
            return "`millrace account show` tells the balance; on a --dev chain `millrace faucet "
                   "1000` adds to it";
        case Refusal::nonce_too_low:
        case Refusal::nonce_too_high:
            return "another program uses this account at the same time; try again";
        case Refusal::expired:
        case Refusal::expiry_too_far:
            return "set this machine's clock";
        case Refusal::fee_max_too_low:
            return "the base fee has risen meanwhile; try again";
        case Refusal::module_ends_too_early:
            return "`millrace module renew` keeps it for longer, or give the job a shorter --life";
        case Refusal::lot_below_fees:
            return "raise --gas, --max-price or --tasks-per-lot";
        case Refusal::window_too_short:
            return "leave --window out to take the shortest that is allowed";
        case Refusal::bid_too_young:
            return "wait a few seconds and try again";
        case Refusal::stake_not_free:
            return "`millrace provider show` tells how much is free";
        default:
            return "";
    }
}

/// A refusal that the node answered with, by its stable name.
Failure with_advice(Failure failure) {
    const auto refusal = refusal_of(failure);
    if (!refusal) return failure;
    Failure out = refused(*refusal);
    out.rpc_code = failure.rpc_code;
    out.data = std::move(failure.data);
    return out;
}

std::uint64_t wall_ms() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

/// Why a transaction may wait: its node makes no blocks, or has dropped it.
Failure not_final(Context& context, const TxHash& hash, market::TxState state) {
    const std::string text = to_hex(hash.view());
    std::string message = fmt::format("transaction {} is not final after {}", short_hash(text),
                                      human_duration(kFinalWaitMs));
    const auto node = node_status(context);
    const std::uint64_t now = wall_ms();
    if (node.has_value() && node->head_time.value > now + kHeadOddMs)
        message += fmt::format(
            "; the chain's time is {} ahead of this machine's clock, and a node waits where its "
            "own is behind: set the clocks",
            human_duration(node->head_time.value - now));
    else if (node.has_value() && node->head_time.value + kHeadOddMs < now)
        message += fmt::format("; the node's newest block, {}, is {} old: see the node's log",
                               node->height.value, human_duration(now - node->head_time.value));
    else if (state == market::TxState::unknown)
        message += "; the node does not hold it any more";
    message += fmt::format("; look again with `millrace chain tx {}`", text);
    return {Exit::failed, std::move(message)};
}

}  // namespace

std::optional<market::Refusal> refusal_of(const Failure& failure) {
    if (failure.exit != Exit::refused || !failure.data.is_object()) return std::nullopt;
    const auto* name = failure.data.get_object().if_contains("refusal");
    if (name == nullptr) return std::nullopt;
    const auto refusal = from_json<market::Refusal>(*name);
    if (!refusal.has_value()) return std::nullopt;
    return *refusal;
}

Failure refused(market::Refusal refusal) {
    std::string message =
        fmt::format("the ledger refuses the transaction: {}", market::sentence(refusal));
    if (const std::string_view what = advice(refusal); !what.empty())
        message += fmt::format("; {}", what);
    return {Exit::refused, std::move(message), 0,
            boost::json::object{{"refusal", enum_name(refusal)}}};
}

Try<NodeStatus> node_status(Context& context) {
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const auto status, client->ask<NodeStatus>("node_status"));
    MILLRACE_TRY(ProofReader* const proofs, context.proofs());
    // What is signed is signed for this chain and, by its addresses, for this network.
    if (proofs != nullptr &&
        (status.chain != proofs->trust().chain || status.network != proofs->trust().network))
        return Err{proofs->wrong("its chain and network", "its blocks are of another chain")};
    return status;
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
    const AccountKey key = account.file.public_key;
    if (context.dry_run) return Signer(std::nullopt, key, std::move(node));
    if (account.file.kind == SecretKind::watch)
        return Err{Failure{Exit::bad_input,
                           fmt::format("account \"{}\" is watch-only, its key is elsewhere; with "
                                       "--dry-run this command prints a transaction for `millrace "
                                       "tx sign` there",
                                       account.name)}};
    MILLRACE_TRY(const SecretBuffer passphrase, context.passphrase.for_open(account.name));
    MILLRACE_TRY(AccountSecret secret, Keystore::open(account, passphrase.text()));
    return Signer(std::move(secret), key, std::move(node));
}

Try<market::Nonce> Signer::next_nonce(Context& context, std::uint8_t lane) {
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(
        const NonceAnswer answer,
        client->ask<NonceAnswer>("tx_nonce", {{"account", text(address_)}, {"lane", lane}}));
    if (context.is_verifying()) {
        // What waits at the node may make it higher; lower, and it is one that was used.
        MILLRACE_TRY(const auto account, find_account(context, address_, node_.network));
        const std::uint64_t used =
            account ? market::next_sequence({account->balance, account->lanes}, lane) : 0;
        MILLRACE_TRY(ProofReader* const proofs, context.proofs());
        if (answer.sequence < used)
            return Err{proofs->wrong(
                "the account's next nonce",
                fmt::format("{} was used already, the ledger is at {}", answer.sequence, used))};
    }
    return market::Nonce{lane, answer.sequence};
}

Try<market::SignedTx> Signer::sign(Context& context, market::TxBody body, std::uint8_t lane) {
    MILLRACE_TRY(const market::ChainView chain, chain_view(context));
    market::SignedTx tx;
    tx.tx.chain = node_.chain;
    tx.tx.sender = key_;
    MILLRACE_TRY(tx.tx.nonce, next_nonce(context, lane));
    tx.tx.body = std::move(body);
    // The chain's clock where it is ahead of this machine's, so that a slow clock expires nothing.
    const std::uint64_t longest = chain.params.time.tx_expiry_max_wall_ms;
    tx.tx.expiry =
        secret_ ? WallTime{std::max(wall_ms(), chain.state.time.value) + kExpiryMs}
                : WallTime{chain.state.time.value + longest - std::min(kClockSlackMs, longest / 2)};
    const std::uint64_t weight = encode(tx).size() + chain.params.fees.signature_weight_bytes;
    const auto fee = checked_mul(chain.state.base_fee, weight * kFeeHeadroom);
    if (!fee.has_value()) return Err{Failure{Exit::failed, "the base fee is out of range"}};
    tx.tx.fee_max = *fee;
    if (!secret_) return Err{unsigned_result(tx.tx, node_.network)};
    return sign_tx(*secret_, std::move(tx.tx));
}

market::SignedTx sign_tx(const AccountSecret& secret, market::Tx tx) {
    SigningEntropy entropy;
    randombytes_buf(entropy.data(), entropy.size());
    const AccountSignature signature = secret.sign(market::signing_hash(tx).view(), entropy);
    return {std::move(tx), signature};
}

Try<TxHash> send_only(Context& context, const market::SignedTx& tx) {
    MILLRACE_TRY(Client* const client, context.client());
    const auto answer = client->ask<market::TxSent>("tx_send", {{"tx", to_hex(encode(tx))}});
    if (!answer.has_value()) return Err{with_advice(answer.error())};
    return answer->hash;
}

namespace {

/// None while it is not final; a refusal in its receipt is a failure.
Try<std::optional<Sent>> final_of(Context& context, const TxHash& hash,
                                  const market::TxStatus& status) {
    if (status.state != market::TxState::final || !status.height || !status.receipt)
        return std::optional<Sent>();
    MILLRACE_TRY(ProofReader* const proofs, context.proofs());
    // Who is told that it was refused would send it again.
    if (proofs != nullptr && status.receipt->transaction != hash)
        return Err{proofs->wrong("what became of the transaction",
                                 "its receipt is of another transaction")};
    if (proofs != nullptr)
        MILLRACE_CHECK(
            proofs->check_receipt(*status.height, status.index.value_or(0), *status.receipt));
    if (status.receipt->refusal != market::Refusal::none)
        return Err{refused(status.receipt->refusal)};
    return std::optional(Sent{hash, *status.height, *status.receipt});
}

Try<market::TxStatus> ask_status(Context& context, const TxHash& hash) {
    MILLRACE_TRY(Client* const client, context.client());
    return client->ask<market::TxStatus>("tx_status", {{"hash", to_hex(hash.view())}});
}

}  // namespace

Try<std::optional<Sent>> find_final(Context& context, const TxHash& hash) {
    MILLRACE_TRY(const market::TxStatus status, ask_status(context, hash));
    return final_of(context, hash, status);
}

boost::json::object sent_json(const Sent& sent) {
    return {{"transaction", to_hex(sent.hash.view())},
            {"block", sent.height.value},
            {"fee", std::to_string(sent.receipt.fee.value)}};
}

Try<Address> address_of(Context& context, const std::string& text, Network network) {
    if (is_account_name(text)) {
        const auto account = context.keystore().find(text);
        if (account.has_value() && account->file.network != network)
            return Err{
                Failure{Exit::bad_input,
                        fmt::format("account \"{}\" is for the {} network, not for the {} "
                                    "network",
                                    text, enum_name(account->file.network), enum_name(network))}};
        if (account.has_value()) return account->address();
        // An address has a 1 behind its first letters; without one a name was meant.
        if (text.find('1') == std::string::npos) return Err{account.error()};
    }
    const auto address = parse_address(text, network);
    if (address.has_value()) return *address;
    return Err{Failure{Exit::bad_input, fmt::format("{}: {}", text, sentence(address.error()))}};
}

Try<Sent> send_and_wait(Context& context, const market::SignedTx& tx) {
    Interrupt interrupt;
    MILLRACE_TRY(const TxHash hash, send_only(context, tx));
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(kFinalWaitMs);
    for (std::uint64_t poll_ms = kPollFirstMs;; poll_ms = std::min(kPollLastMs, poll_ms * 5 / 4)) {
        MILLRACE_TRY(const market::TxStatus status, ask_status(context, hash));
        MILLRACE_TRY(const std::optional<Sent> done, final_of(context, hash, status));
        if (done) return *done;
        if (std::chrono::steady_clock::now() > deadline)
            return Err{not_final(context, hash, status.state)};
        if (interrupt.wait_ms(poll_ms))
            return Err{Failure{Exit::interrupted,
                               fmt::format("transaction {} was sent and goes on; look again with "
                                           "`millrace chain tx {}`",
                                           short_hash(to_hex(hash.view())), to_hex(hash.view()))}};
    }
}

}  // namespace millrace::wallet
