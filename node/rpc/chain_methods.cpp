#include <algorithm>

#include "common/assert.hpp"
#include "common/auth_map_proof.hpp"
#include "market/ledger/accounts.hpp"
#include "market/node_answers.hpp"
#include "market/query.hpp"
#include "market/transaction_json.hpp"
#include "node/chain/block_store.hpp"
#include "node/rpc/node_api.hpp"

namespace millrace::node::rpc {

namespace {

struct HeadAnswer {
    BlockHash hash;
    market::BlockHeader header;
};
BOOST_DESCRIBE_STRUCT(HeadAnswer, (), (hash, header))

struct BlockParams {
    /// A height, or the hash of a block.
    std::optional<Height> height;
    std::optional<BlockHash> hash;
};
BOOST_DESCRIBE_STRUCT(BlockParams, (), (height, hash))
struct BlockAnswer {
    BlockHash hash;
    market::BlockHeader header;
    std::vector<market::Receipt> receipts;
    std::vector<market::SignedTx> transactions;
    std::optional<consensus::Certificate> certificate;
};
BOOST_DESCRIBE_STRUCT(BlockAnswer, (), (hash, header, receipts, transactions, certificate))

struct AccountParams {
    Address account;
};
BOOST_DESCRIBE_STRUCT(AccountParams, (), (account))

struct KeyParams {
    BoundedBytes<market::kStateKeyMax> key;
};
BOOST_DESCRIBE_STRUCT(KeyParams, (), (key))
struct KeysParams {
    BoundedVector<BoundedBytes<market::kStateKeyMax>, market::kProofKeysMax> keys;
};
BOOST_DESCRIBE_STRUCT(KeysParams, (), (keys))
struct HandoversParams {
    /// The first epoch.
    Epoch from;
    std::optional<std::uint32_t> limit;
};
BOOST_DESCRIBE_STRUCT(HandoversParams, (), (from, limit))

/// A value of the state with its proof against the state root of a final block.
struct ProofAnswer {
    BlockHash block;
    StateRoot state_root;
    std::optional<BoundedBytes<market::kStateValueMax>> value;
    /// Canonical encoding of the map's proof (docs/protocol/trees.md).
    BoundedBytes<market::kMapProofBytesMax> proof;
};
BOOST_DESCRIBE_STRUCT(ProofAnswer, (), (block, state_root, value, proof))

/// A read that failed: the ledger is damaged, and the node stops rather than answer.
template <class T>
T must(Result<T> read) {
    if (!read.has_value()) stop_on_ledger_fault(read.error());
    return *std::move(read);
}

Head head_of(const StateSnapshot& snapshot) {
    return *must(BlockStore(snapshot.db()).head());
}

market::BlockHeader header_of(const StateSnapshot& snapshot, const Head& head) {
    auto header = must(BlockStore(snapshot.db()).header(head.height));
    MILLRACE_ASSERT(header.has_value());
    return *std::move(header);
}

Result<BlockAnswer, RpcError> block_at(const StateSnapshot& snapshot, const BlockParams& params) {
    const BlockStore blocks(snapshot.db());
    std::optional<Height> height = params.height;
    if (params.hash) height = must(blocks.height_of(*params.hash));
    if (params.hash && !height) return no_such("no final block has this hash");
    if (!height) height = head_of(snapshot).height;
    auto stored = must(blocks.block(*height));
    if (!stored)
        return no_such("there is no final block at height " + std::to_string(height->value));
    BlockAnswer answer;
    answer.hash = market::block_hash(stored->block.header);
    answer.header = stored->block.header;
    answer.receipts = stored->receipts;
    answer.transactions = stored->block.transactions;
    answer.certificate = stored->certificate;
    return answer;
}

market::ProvenRow prove_row(const StateSnapshot& snapshot, const MapRoot& root, ByteView key) {
    const DbPages pages(snapshot.db());
    const auto proof = prove_in_map(pages, root, map_path(key));
    if (!proof.has_value())
        stop_on_ledger_fault(
            Error{2, std::string("the state's tree is damaged: ") + enum_name(proof.error())});
    market::ProvenRow row;
    if (auto value = snapshot.state().get(key)) row.value.emplace(*std::move(value));
    row.proof = encode(*proof);
    return row;
}

ProofAnswer prove(const StateSnapshot& snapshot, ByteView key) {
    const Head head = head_of(snapshot);
    market::ProvenRow row = prove_row(snapshot, head.map, key);
    return {head.hash, hash_as<StateRoot>(head.map.hash()), std::move(row.value),
            std::move(row.proof)};
}

market::ProvenRows prove_all(const StateSnapshot& snapshot, const KeysParams& params) {
    const Head head = head_of(snapshot);
    market::ProvenRows answer;
    answer.header = header_of(snapshot, head);
    if (head.certificate) answer.certificate.emplace(encode(*head.certificate));
    for (const auto& key : params.keys) answer.rows.push_back(prove_row(snapshot, head.map, key));
    return answer;
}

}  // namespace

void add_chain_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    table.add<NoParams>("chain_head", "The newest final block: hash and header.", json::object{},
                        [&api](const NoParams&) -> Result<HeadAnswer, RpcError> {
                            const StateSnapshot snapshot(api.db);
                            const Head head = head_of(snapshot);
                            return HeadAnswer{head.hash, header_of(snapshot, head)};
                        });
    table
        .add<BlockParams>("chain_block",
                          "A final block by height or by hash (neither: the newest), with "
                          "receipts and, where this very "
                          "block has one, its certificate.",
                          json::object{{"height", 0}},
                          [&api](const BlockParams& params) -> Result<BlockAnswer, RpcError> {
                              const StateSnapshot snapshot(api.db);
                              return block_at(snapshot, params);
                          })
        .fails_with({RpcCode::not_found})
        .slow();
    table.add<NoParams>("chain_state",
                        "What the ledger knows of itself: time, epoch, fee, supply, the auction's "
                        "clock, and all parameters.",
                        json::object{},
                        [&api](const NoParams&) -> Result<market::ChainView, RpcError> {
                            return market::chain_view(StateSnapshot(api.db).state());
                        });
    table
        .add<AccountParams>(
            "state_account", "Balance and nonces of an account.",
            json::object{{"account", to_text(api.provider, api.network)}},
            [&api](const AccountParams& params) -> Result<market::AccountView, RpcError> {
                // One row: the database reads it whole without a snapshot, which would take a lock.
                auto view = market::account_view(DbState(api.db), params.account);
                if (!view)
                    return no_such("account " + to_text(params.account, api.network) +
                                   " holds nothing and has sent nothing");
                return *std::move(view);
            })
        .fails_with({RpcCode::not_found});
    table
        .add<KeyParams>("state_proof",
                        "A raw value of the state by its key (docs/protocol/state.md), or its "
                        "absence, with a proof "
                        "against the state root of the newest final block.",
                        json::object{{"key", "01"}},
                        [&api](const KeyParams& params) -> Result<ProofAnswer, RpcError> {
                            const StateSnapshot snapshot(api.db);
                            return prove(snapshot, params.key);
                        })
        .slow();
    table
        .add<KeysParams>("state_proofs",
                         "Up to 256 raw values of the state by their keys, or their absence, all "
                         "of the newest final block, with its header, its certificate and a proof "
                         "of each: what a wallet needs to trust no node.",
                         json::object{{"keys", json::array{"01", "02"}}},
                         [&api](const KeysParams& params) -> Result<market::ProvenRows, RpcError> {
                             const StateSnapshot snapshot(api.db);
                             return prove_all(snapshot, params);
                         })
        .slow();
    table
        .add<HandoversParams>(
            "chain_handovers",
            "The blocks that ended epochs from one on, each with its certificate and the proven "
            "validator set of the epoch after the next; empty when that epoch has not ended.",
            json::object{{"from", 0}},
            [&api](
                const HandoversParams& params) -> Result<std::vector<market::Handover>, RpcError> {
                const StateSnapshot snapshot(api.db);
                const std::size_t limit = std::min<std::size_t>(
                    params.limit.value_or(market::kHandoversMax), market::kHandoversMax);
                return must(BlockStore(snapshot.db()).handovers(params.from, limit));
            })
        .slow();
    table
        .add<NoParams>(
            "chain_genesis",
            "The document that the chain began with; its hash is the chain's id "
            "(docs/protocol/block.md).",
            json::object{},
            [&api](const NoParams&) -> Result<market::Genesis, RpcError> { return api.genesis; })
        .slow();
}

}  // namespace millrace::node::rpc
