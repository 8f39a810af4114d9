#pragma once

#include <array>
#include <boost/json/value.hpp>
#include <string>
#include <utility>

/// Every error code that the RPC answers with: the standard ones of JSON-RPC 2.0 and ours, numbered
/// once and never reused. docs/manual/rpc.md is written from this table.
namespace millrace::node::rpc {

enum class RpcCode : int {
    parse_error = -32700,
    invalid_request = -32600,
    method_not_found = -32601,
    invalid_params = -32602,
    internal_error = -32603,
    not_found = -32001,
    tx_refused = -32002,
    mempool_full = -32003,
    too_large = -32004,
    not_available = -32005,
    unauthorized = -32006,
    storage_full = -32007,
    rate_limited = -32008,
};

struct RpcCodeInfo {
    RpcCode code;
    const char* name;
    const char* meaning;
};

inline constexpr std::array<RpcCodeInfo, 13> kRpcCodes{{
    {RpcCode::parse_error, "parse_error",
     "The request is not JSON; the sentence says at which byte."},
    {RpcCode::invalid_request, "invalid_request",
     "The JSON is not a JSON-RPC 2.0 request, or the batch is empty or too long."},
    {RpcCode::method_not_found, "method_not_found", "No method has this name; see rpc_discover."},
    {RpcCode::invalid_params, "invalid_params",
     "A parameter is missing, unknown, or of the wrong type; the sentence names it."},
    {RpcCode::internal_error, "internal_error", "The node failed; its log says how."},
    {RpcCode::not_found, "not_found", "There is no such block, account, job, provider or blob."},
    {RpcCode::tx_refused, "tx_refused",
     "The transaction breaks a rule; data.refusal is the rule's stable name."},
    {RpcCode::mempool_full, "mempool_full",
     "The node holds as many waiting transactions as it may; send again later or with a higher "
     "tip."},
    {RpcCode::too_large, "too_large", "The request or the answer is above the node's limit."},
    {RpcCode::not_available, "not_available",
     "The node cannot answer this now; the sentence says why."},
    {RpcCode::unauthorized, "unauthorized",
     "This needs the node's cookie or a token with the scope that the sentence names."},
    {RpcCode::storage_full, "storage_full", "The blob store's quota leaves no room for this."},
    {RpcCode::rate_limited, "rate_limited",
     "More calls than one client may make; data.retry_after_ms says when to go on."},
}};

[[nodiscard]] constexpr const char* code_name(RpcCode code) {
    for (const auto& row : kRpcCodes)
        if (row.code == code) return row.name;
    return "unknown";
}

/// An error as the caller sees it: a code for programs, a sentence for people, optional data.
struct RpcError {
    RpcCode code = RpcCode::internal_error;
    std::string message;
    boost::json::value data = nullptr;
};

}  // namespace millrace::node::rpc
