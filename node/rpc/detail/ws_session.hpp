#pragma once

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

#include "node/rpc/detail/core.hpp"
#include "node/rpc/detail/stream.hpp"

namespace millrace::node::rpc::detail {

using UpgradeRequest = boost::beast::http::request<boost::beast::http::empty_body>;

/// A connection from the request to change to WebSocket on.
[[nodiscard]] boost::asio::awaitable<void> run_websocket(Stream stream, UpgradeRequest request,
                                                         ServerCore& core, Scopes scopes,
                                                         ConnectionPtr connection);

}  // namespace millrace::node::rpc::detail
