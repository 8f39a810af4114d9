#include <array>

#include "common/account_key.hpp"
#include "market/node_answers.hpp"
#include "market/query.hpp"
#include "market/transaction_json.hpp"
#include "node/chain/block_store.hpp"
#include "node/rpc/node_api.hpp"

namespace millrace::node::rpc {

namespace {

/// The largest transaction that any chain takes.
constexpr std::size_t kTxBytesMax = (1U << 20U) + (64U << 10U);

struct SendParams {
    /// The signed transaction's canonical bytes.
    BoundedBytes<kTxBytesMax> tx;
};
BOOST_DESCRIBE_STRUCT(SendParams, (), (tx))
struct HashParams {
    TxHash hash;
};
BOOST_DESCRIBE_STRUCT(HashParams, (), (hash))

struct TxAnswer {
    market::TxStatus status;
    std::optional<market::SignedTx> transaction;
};
BOOST_DESCRIBE_STRUCT(TxAnswer, (), (status, transaction))

Err<RpcError> refused(market::Refusal refusal) {
    return Err{RpcError{RpcCode::tx_refused, std::string(market::sentence(refusal)),
                        boost::json::object{{"refusal", enum_name(refusal)},
                                            {"number", static_cast<int>(refusal)}}}};
}

Err<RpcError> not_kept(MempoolRefusal refusal) {
    switch (refusal) {
        case MempoolRefusal::known:
        case MempoolRefusal::full:
            break;
        case MempoolRefusal::sender_full:
            return Err{RpcError{RpcCode::mempool_full,
                                "this account has too many waiting transactions; send on when some "
                                "are final"}};
        case MempoolRefusal::tip_too_low:
            return Err{RpcError{RpcCode::mempool_full,
                                "another transaction with this nonce waits; to replace it, offer a "
                                "higher tip"}};
    }
    return Err{
        RpcError{RpcCode::mempool_full,
                 "this node holds as many waiting transactions as it may; send again later"}};
}

Result<market::TxSent, RpcError> send(const NodeApi& api, const SendParams& params) {
    auto tx = decode<market::SignedTx>(params.tx);
    if (!tx.has_value())
        return Err{RpcError{RpcCode::invalid_params,
                            std::string("tx: not a transaction's canonical encoding (") +
                                enum_name(tx.error()) + ")"}};
    const auto taken = api.intake.submit(*std::move(tx));
    if (taken.has_value()) return market::TxSent{*taken};
    const IntakeRefusal refusal = taken.error();
    if (const auto* rule = std::get_if<market::Refusal>(&refusal)) return refused(*rule);
    return not_kept(std::get<MempoolRefusal>(refusal));
}

template <class T>
T must(Result<T> read) {
    if (!read.has_value()) stop_on_ledger_fault(read.error());
    return *std::move(read);
}

market::TxStatus status_of(const NodeApi& api, const BlockStore& blocks, const TxHash& hash) {
    if (const auto place = must(blocks.place_of(hash)))
        return {market::TxState::final, place->height, place->index, place->receipt};
    market::TxStatus status;
    if (api.mempool.contains(hash)) status.state = market::TxState::waiting;
    return status;
}

TxAnswer look_up(const NodeApi& api, const TxHash& hash) {
    const StateSnapshot snapshot(api.db);
    const BlockStore blocks(snapshot.db());
    TxAnswer answer;
    answer.status = status_of(api, blocks, hash);
    if (answer.status.state == market::TxState::final) {
        auto stored = must(blocks.block(*answer.status.height));
        MILLRACE_ASSERT(stored && *answer.status.index < stored->block.transactions.size());
        answer.transaction = std::move(stored->block.transactions[*answer.status.index]);
    } else if (const auto waiting = api.mempool.find(hash)) {
        answer.transaction = waiting->signed_tx();
    }
    return answer;
}

struct NonceParams {
    Address account;
    std::uint8_t lane = 0;
};
BOOST_DESCRIBE_STRUCT(NonceParams, (), (account, lane))
struct NonceAnswer {
    std::uint64_t sequence = 0;
};
BOOST_DESCRIBE_STRUCT(NonceAnswer, (), (sequence))

}  // namespace

namespace {

/// A transaction as it is sent, of an account that nobody has, and long expired: it shows the form
/// and does nothing.
std::string example_tx(const ChainId& chain) {
    std::array<std::uint8_t, 32> seed{};
    seed.fill(1);
    const auto secret = AccountSecret::from(ByteView(seed));
    MILLRACE_ASSERT(secret.has_value());
    market::SignedTx example;
    example.tx.chain = chain;
    example.tx.sender = secret->public_key();
    example.tx.body = market::Transfer{};
    example.signature = secret->sign(market::signing_hash(example.tx).view(), {});
    return to_hex(encode(example));
}

}  // namespace

void add_tx_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    const std::string no_hash(64, '0');
    table
        .add<SendParams>("tx_send",
                         "Takes a signed transaction in, after trying it against the newest final "
                         "state. Refusals carry "
                         "the rule's name in data.refusal.",
                         json::object{{"tx", example_tx(api.chain)}},
                         [&api](const SendParams& params) { return send(api, params); })
        .needs(Scope::submit)
        .fails_with({RpcCode::tx_refused, RpcCode::mempool_full})
        .example_shows(RpcCode::tx_refused);
    table.add<HashParams>("tx_status",
                          "Whether a transaction is unknown, waiting or final, with its receipt.",
                          json::object{{"hash", no_hash}},
                          [&api](const HashParams& params) -> Result<market::TxStatus, RpcError> {
                              return status_of(api, BlockStore(api.db), params.hash);
                          });
    table
        .add<HashParams>("tx_get", "A waiting or final transaction itself, with its status.",
                         json::object{{"hash", no_hash}},
                         [&api](const HashParams& params) -> Result<TxAnswer, RpcError> {
                             TxAnswer answer = look_up(api, params.hash);
                             if (answer.status.state == market::TxState::unknown)
                                 return no_such("this node knows no transaction with this hash");
                             return answer;
                         })
        .slow()
        .fails_with({RpcCode::not_found})
        .example_shows(RpcCode::not_found);
    table.add<NonceParams>(
        "tx_nonce",
        "The sequence that an account's next transaction in a lane must have, counting those that "
        "wait.",
        json::object{{"account", to_text(api.provider, api.network)}, {"lane", 0}},
        [&api](const NonceParams& params) -> Result<NonceAnswer, RpcError> {
            if (params.lane >= market::kNonceLanes)
                return Err{RpcError{RpcCode::invalid_params,
                                    "lane: must be below " + std::to_string(market::kNonceLanes)}};
            const auto account =
                market::account_view(StateSnapshot(api.db).state(), params.account);
            NonceAnswer answer;
            if (account)
                for (const market::Lane& lane : account->lanes)
                    if (lane.lane == params.lane) answer.sequence = lane.next;
            answer.sequence =
                api.mempool.next_sequence(params.account, params.lane, answer.sequence);
            return answer;
        });
}

}  // namespace millrace::node::rpc
