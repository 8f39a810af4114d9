#pragma once

#include "market/genesis.hpp"
#include "market/transaction.hpp"
#include "node/blobs/pins.hpp"
#include "node/blobs/trees.hpp"
#include "node/chain/engine.hpp"
#include "node/chain/state_db.hpp"
#include "node/mempool/intake.hpp"
#include "node/provider/progress.hpp"
#include "node/rpc/access.hpp"
#include "node/rpc/methods.hpp"

namespace millrace::node {

/// What signs modules for publication; node/modules implements it.
class ModuleAnnouncer {
  public:
    virtual ~ModuleAnnouncer() = default;
    /// Lowers the module that lies under this blob id and gives the statement with this validator's
    /// signature, ready for `module_publish`. The error's sentence says what is wrong with the
    /// module.
    [[nodiscard]] virtual Result<market::ModulePublish> announce(const BlobId& blob) = 0;
};

}  // namespace millrace::node

namespace millrace::node::rpc {

/// What the methods read and where they hand things on. Everything is safe to use from the RPC's
/// threads: reads go to snapshots of the finalized state.
struct NodeApi {
    const LedgerDb& db;
    Mempool& mempool;
    TxIntake& intake;
    BlobStore& blobs;
    TreeStore& trees;
    Pins& pins;
    ModuleAnnouncer& modules;
    const Clock& clock;
    ChainId chain;
    Network network;
    std::uint64_t started_ms = 0;
    bool is_provider = false;
    /// Whose leases this node takes; the operator's account unless --provide-for names another.
    Address provider;
    /// What a registration of this node as a provider's machine names.
    Address operator_account;
    VrfKey provider_vrf_key;
    /// The tasks that run on this machine now.
    const ProgressTable& progress;
    /// Newest blocks whose history is shown; 0: all.
    std::uint64_t history_blocks = 0;
    /// Tokens and the cookie; none in a table that nobody serves.
    AccessControl* access = nullptr;
    /// Ends the node as a signal would.
    std::function<void()> stop;
    /// The document that the chain began with.
    const market::Genesis& genesis;
};

void add_chain_methods(MethodTable& table, const NodeApi& api);
void add_tx_methods(MethodTable& table, const NodeApi& api);
void add_market_methods(MethodTable& table, const NodeApi& api);
void add_job_methods(MethodTable& table, const NodeApi& api);
void add_provider_methods(MethodTable& table, const NodeApi& api);
void add_blob_methods(MethodTable& table, const NodeApi& api);
void add_history_methods(MethodTable& table, const NodeApi& api);
void add_admin_methods(MethodTable& table, const NodeApi& api);
/// node_status, module_announce, and `rpc_discover`, which comes last as it describes all others.
void add_node_methods(MethodTable& table, const NodeApi& api);

/// All of them: what a node serves and the manual lists.
void add_all_methods(MethodTable& table, const NodeApi& api);

/// Below this height the node shows no history.
[[nodiscard]] Height history_floor(const NodeApi& api, const StateSnapshot& snapshot);

/// `not_found` with a sentence.
[[nodiscard]] inline Err<RpcError> no_such(std::string what) {
    return Err{RpcError{RpcCode::not_found, std::move(what)}};
}

}  // namespace millrace::node::rpc
