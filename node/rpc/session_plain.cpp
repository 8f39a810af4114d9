#include "node/rpc/detail/session_impl.hpp"

namespace millrace::node::rpc::detail {

asio::awaitable<void> run_plain_session(asio::ip::tcp::socket socket, ServerCore& core,
                                        ConnectionPtr connection) {
    HttpSession<beast::tcp_stream> session(beast::tcp_stream(std::move(socket)), core,
                                           std::move(connection));
    co_await session.run();
}

}  // namespace millrace::node::rpc::detail
