#include "market/ledger/chain.hpp"
#include "market/node_answers.hpp"
#include "node/chain/block_store.hpp"
#include "node/rpc/watcher.hpp"

namespace millrace::node::rpc {

namespace {

struct KeysAnswer {
    Address operator_account;
    VrfKey vrf_key;
    std::optional<Address> provider;
};
BOOST_DESCRIBE_STRUCT(KeysAnswer, (), (operator_account, vrf_key, provider))

struct SubscribeAnswer {
    std::uint32_t subscription = 0;
};
BOOST_DESCRIBE_STRUCT(SubscribeAnswer, (), (subscription))
struct UnsubscribeParams {
    std::uint32_t subscription = 0;
};
BOOST_DESCRIBE_STRUCT(UnsubscribeParams, (), (subscription))
struct UnsubscribeAnswer {
    bool unsubscribed = true;
};
BOOST_DESCRIBE_STRUCT(UnsubscribeAnswer, (), (unsubscribed))

Err<RpcError> no_websocket() {
    return Err{RpcError{RpcCode::not_available,
                        "subscriptions need a WebSocket (GET / with Upgrade: websocket), outside "
                        "of a batch with calls that take long"}};
}

market::NodeStatus status(const NodeApi& api) {
    const StateSnapshot snapshot(api.db);
    const auto head = BlockStore(snapshot.db()).head();
    if (!head.has_value()) stop_on_ledger_fault(head.error());
    const BlobStore::Usage blobs = api.blobs.usage();
    market::NodeStatus answer;
    answer.version = std::string("0.1.0");
    answer.chain = api.chain;
    answer.network = api.network;
    answer.height = (*head)->height;
    answer.head = (*head)->hash;
    answer.head_time = (*head)->time;
    answer.uptime_ms = api.clock.now().monotonic_ms - api.started_ms;
    answer.waiting_transactions = api.mempool.usage().transactions;
    answer.blob_bytes = blobs.bytes;
    answer.blob_quota_bytes = blobs.quota_bytes;
    if (api.is_provider) answer.provider = api.provider;
    return answer;
}

}  // namespace

void add_all_methods(MethodTable& table, const NodeApi& api) {
    add_chain_methods(table, api);
    add_tx_methods(table, api);
    add_market_methods(table, api);
    add_job_methods(table, api);
    add_provider_methods(table, api);
    add_blob_methods(table, api);
    add_history_methods(table, api);
    add_admin_methods(table, api);
    add_node_methods(table, api);
    table.set_notifications(notification_schemas());
}

void add_node_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    table.add<NoParams>(
        "node_status", "This node: version, chain, head, uptime, waiting transactions, blob store.",
        boost::json::object{},
        [&api](const NoParams&) -> Result<market::NodeStatus, RpcError> { return status(api); });
    table.add<NoParams>(
        "node_keys",
        "Public keys of this node as a provider's machine, for a provider_register transaction, "
        "and the provider whose leases it takes.",
        boost::json::object{}, [&api](const NoParams&) -> Result<KeysAnswer, RpcError> {
            KeysAnswer answer{api.operator_account, api.provider_vrf_key, std::nullopt};
            if (api.is_provider) answer.provider = api.provider;
            return answer;
        });
    table
        .add<SubscribeParams>(
            "node_subscribe",
            "Over a WebSocket: tells of new blocks (heads), what becomes of a transaction (tx), "
            "what "
            "happens to an account or a job, or the auction's clearings, each as a notification "
            "node_subscription with the place to resume from.",
            json::object{{"topic", "heads"}},
            [](const SubscribeParams& params,
               const Caller& caller) -> Result<SubscribeAnswer, RpcError> {
                if (caller.subscriptions == nullptr) return no_websocket();
                MILLRACE_TRY(const std::uint32_t number, caller.subscriptions->subscribe(params));
                return SubscribeAnswer{number};
            })
        .fails_with({RpcCode::not_available, RpcCode::rate_limited, RpcCode::not_found})
        .example_shows(RpcCode::not_available);
    table
        .add<UnsubscribeParams>("node_unsubscribe", "Ends a subscription of this WebSocket.",
                                json::object{{"subscription", 1}},
                                [](const UnsubscribeParams& params,
                                   const Caller& caller) -> Result<UnsubscribeAnswer, RpcError> {
                                    if (caller.subscriptions == nullptr) return no_websocket();
                                    if (!caller.subscriptions->unsubscribe(params.subscription))
                                        return no_such("this connection has no such subscription");
                                    return UnsubscribeAnswer{};
                                })
        .fails_with({RpcCode::not_available, RpcCode::not_found})
        .example_shows(RpcCode::not_available);
    table
        .add<NoParams>("rpc_discover", "This interface as an OpenRPC document.",
                       boost::json::object{},
                       [&table](const NoParams&) -> Result<boost::json::value, RpcError> {
                           return boost::json::value(table.openrpc());
                       })
        .slow();
}

}  // namespace millrace::node::rpc
