#pragma once

#include <cstdint>
#include <optional>

#include "common/bounded.hpp"
#include "common/network.hpp"
#include "common/units.hpp"
#include "market/block/header.hpp"
#include "market/ids.hpp"
#include "market/transaction.hpp"

/// What a node answers about itself and about transactions (docs/manual/rpc.md), described once for
/// the node that writes it and for the wallet that reads it.
namespace millrace::market {

/// Answer of `node_status`.
struct NodeStatus {
    BoundedString<32> version;
    ChainId chain;
    Network network = Network::test;
    Height height;
    BlockHash head;
    WallTime head_time;
    std::uint64_t uptime_ms = 0;
    std::uint64_t waiting_transactions = 0;
    std::uint64_t blob_bytes = 0;
    std::uint64_t blob_quota_bytes = 0;
    std::optional<Address> provider;
};
BOOST_DESCRIBE_STRUCT(NodeStatus, (),
                      (version, chain, network, height, head, head_time, uptime_ms,
                       waiting_transactions, blob_bytes, blob_quota_bytes, provider))

/// Answer of `tx_send`.
struct TxSent {
    TxHash hash;
};
BOOST_DESCRIBE_STRUCT(TxSent, (), (hash))

enum class TxState : std::uint8_t { unknown = 1, waiting = 2, final = 3 };
BOOST_DESCRIBE_ENUM(TxState, unknown, waiting, final)
/// Answer of `tx_status`; height, index and receipt once the transaction is final.
struct TxStatus {
    TxState state = TxState::unknown;
    std::optional<Height> height;
    std::optional<std::uint32_t> index;
    std::optional<Receipt> receipt;
};
BOOST_DESCRIBE_STRUCT(TxStatus, (), (state, height, index, receipt))

}  // namespace millrace::market
