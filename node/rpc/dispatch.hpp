#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "node/rpc/methods.hpp"

namespace millrace::node::rpc {

/// Bounds on one HTTP request, each a setting of the node.
struct DispatchLimits {
    /// Calls in a batch: enough for a page of a wallet, too few to occupy the node.
    std::size_t batch_max = 100;
    /// Nesting of the JSON: our deepest request needs eight.
    std::size_t depth_max = 32;
    /// Bytes of one response; a batch stops answering with results above it.
    std::size_t response_bytes_max = 16 * 1024 * 1024;
};

/// Answers the text of a JSON-RPC 2.0 request or batch. An empty answer means that there is nothing
/// to send (only notifications). Never throws on input; a handler's exception becomes
/// `internal_error`.
[[nodiscard]] std::string dispatch(const MethodTable& methods, const DispatchLimits& limits,
                                   std::string_view request);

/// The text of an error response without an id, for faults found before the JSON is read.
[[nodiscard]] std::string error_text(const RpcError& error);

}  // namespace millrace::node::rpc
