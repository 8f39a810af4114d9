#pragma once

#include <atomic>
#include <boost/json/value.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "node/rpc/methods.hpp"

namespace millrace::node::rpc {

/// Bytes of a call's id as JSON writes it: names, counters and UUIDs are far below.
inline constexpr std::size_t kIdBytesMax = 256;

/// Bounds on one HTTP request, each a setting of the node.
struct DispatchLimits {
    /// Calls in a batch: enough for a page of a wallet, too few to occupy the node.
    std::size_t batch_max = 100;
    /// Nesting of the JSON: our deepest request needs eight.
    std::size_t depth_max = 32;
    /// Bytes of one response; a batch stops answering with results above it.
    std::size_t response_bytes_max = 16 * 1024 * 1024;
};

/// A request's text, read: its JSON, or the answer that says what is wrong with it.
struct Request {
    boost::json::value document;
    std::string refusal;
    /// Calls in it; at least 1, whatever it is, for whoever counts them.
    std::size_t calls = 1;
    /// One of its methods takes long.
    bool is_slow = false;
};
[[nodiscard]] Request read_request(const MethodTable& methods, const DispatchLimits& limits,
                                   std::string_view text);

/// Answers a JSON-RPC 2.0 request or batch. An empty answer means that there is nothing to send
/// (only notifications). Never throws on input; a handler's exception becomes `internal_error`.
/// Once `is_stopping` is set, no further call is begun, and each is answered `not_available`.
[[nodiscard]] std::string answer(const MethodTable& methods, const DispatchLimits& limits,
                                 const Caller& caller, const Request& request,
                                 const std::atomic<bool>* is_stopping = nullptr);

/// The answer to a request whose calls all get this error: none was begun, or none can be told what
/// came of it.
[[nodiscard]] std::string refuse(const Request& request, const RpcError& error);

/// Both in one.
[[nodiscard]] std::string dispatch(const MethodTable& methods, const DispatchLimits& limits,
                                   std::string_view text, const Caller& caller = {});

/// The text of an error response without an id, for faults found before the JSON is read.
[[nodiscard]] std::string error_text(const RpcError& error);

}  // namespace millrace::node::rpc
