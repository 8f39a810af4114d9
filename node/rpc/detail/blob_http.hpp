#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <string>
#include <string_view>

#include "node/rpc/detail/core.hpp"
#include "node/rpc/detail/http_parts.hpp"
#include "node/rpc/detail/stream.hpp"

/// Blobs over HTTP: `PUT /blob` and `GET /blob/ID` (docs/manual/rpc.md). A blob never lies in
/// memory whole. Private to node/rpc.
namespace millrace::node::rpc {

struct BlobHttpLimits {
    std::uint64_t blob_bytes_max = std::uint64_t{1} << 32U;
    /// For each piece, not for the whole.
    std::uint64_t piece_timeout_ms = 30'000;
};

/// Whether a request of this method and target is served here.
[[nodiscard]] bool is_blob_request(boost::beast::http::verb method, std::string_view target);

/// Serves one such request whose head was read; false when the connection must close. What waits
/// for the disk (an upload's beginning and end) is done on the threads for what takes long.
[[nodiscard]] boost::asio::awaitable<bool> serve_blob(detail::Stream& stream,
                                                      boost::beast::flat_buffer& buffer,
                                                      Parser& parser, detail::ServerCore& core,
                                                      BlobHttpLimits limits);

}  // namespace millrace::node::rpc
