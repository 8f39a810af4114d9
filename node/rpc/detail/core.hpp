#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "node/rpc/answer_budget.hpp"
#include "node/rpc/clients.hpp"
#include "node/rpc/server_http.hpp"

/// What the sessions of one server share. Private to rpc/.
namespace millrace::node::rpc::detail {

struct ServerCore {
    HttpServer::Ports ports;
    HttpSettings settings;
    Clients clients;
    AnswerBudget answers;
    /// Runs what takes long, so that no other connection waits for it. Its queue owns the sessions
    /// that wait for it, and they end on their loops: so it goes before the loops do.
    std::unique_ptr<boost::asio::thread_pool> slow;
    std::optional<boost::asio::ssl::context> tls;
    /// Set by a stop: no further call is begun.
    std::atomic<bool> is_stopping{false};
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> refused{0};
};

/// Does `work` on the threads for what takes long; the connection's own goes on with others.
template <class Work>
boost::asio::awaitable<void> elsewhere(ServerCore& core, Work work) {
    const auto run = [&work]() -> boost::asio::awaitable<void> {
        work();
        co_return;
    };
    co_await boost::asio::co_spawn(*core.slow, run, boost::asio::use_awaitable);
}

/// Milliseconds of the monotonic clock, above 0.
[[nodiscard]] std::uint64_t now_ms();

/// An answer that is made, with the room that it takes until it has gone out.
struct Answer {
    std::string text;
    AnswerBudget::Share share;
};
/// Answers what was read: what is short on this thread, what is not on those for what takes long,
/// and that only while other answers leave room for the largest that it may become.
[[nodiscard]] boost::asio::awaitable<Answer> answer_request(ServerCore& core,
                                                            const Connection& connection,
                                                            Caller caller, const Request& request);

/// What a request's head says of its sender, and what follows: 0 when it may go on, else the status
/// to refuse it with and a sentence.
struct Admission {
    unsigned status = 0;
    std::string sentence;
    Scopes scopes;
    /// An origin that is listed: its name goes into the answer.
    std::string cors_origin;
};
[[nodiscard]] Admission admit(const ServerCore& core, std::string_view host,
                              std::string_view origin, std::string_view authorization);

/// The text of `rate_limited`, with the time to wait.
[[nodiscard]] std::string rate_limited_text(std::uint64_t retry_after_ms);

/// One connection from its first byte to its end.
[[nodiscard]] boost::asio::awaitable<void> run_session(boost::asio::ip::tcp::socket socket,
                                                       ServerCore& core, ConnectionPtr connection);

}  // namespace millrace::node::rpc::detail
