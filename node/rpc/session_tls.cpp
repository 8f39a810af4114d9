#include <boost/asio/ssl/stream.hpp>

#include "node/rpc/detail/session_impl.hpp"

namespace millrace::node::rpc::detail {

asio::awaitable<void> run_tls_session(asio::ip::tcp::socket socket, ServerCore& core,
                                      ConnectionPtr connection) {
    using Stream = asio::ssl::stream<beast::tcp_stream>;
    Stream stream(beast::tcp_stream(std::move(socket)), *core.tls);
    beast::get_lowest_layer(stream).expires_after(
        std::chrono::milliseconds(core.settings.idle_timeout_ms / kFirstHeadDivisor));
    error_code ec;
    co_await stream.async_handshake(asio::ssl::stream_base::server,
                                    asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    HttpSession<Stream> session(std::move(stream), core, std::move(connection));
    co_await session.run();
}

}  // namespace millrace::node::rpc::detail
