#include "node/rpc/server_http.hpp"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "node/rpc/detail/blob_http.hpp"

namespace millrace::node::rpc {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

/// Exit codes of the node.
constexpr int kErrorUsage = 1;
constexpr int kErrorPort = 5;
constexpr std::chrono::milliseconds kAcceptPause{50};
/// How much, and for how long, a refused client's remaining bytes are read and dropped.
constexpr std::size_t kDrainBytesMax = 8 * 1024 * 1024;
constexpr std::uint64_t kDrainMs = 2'000;
constexpr std::uint32_t kHeaderBytesMax = 16 * 1024;

/// A web page must not reach a wallet's node through a name of its own that resolves to loopback
/// (DNS rebinding): only names that mean this machine, or literal addresses, are answered.
bool is_host_allowed(std::string_view host) {
    if (host.empty()) return true;  // HTTP/1.0 and plain tools; a browser always sends it
    if (host.front() == '[') return host.find(']') != std::string_view::npos;
    const std::string_view name = host.substr(0, host.rfind(':'));
    if (name == "localhost" || host == "localhost") return true;
    const std::string_view literal = host.find(':') == std::string_view::npos ? host : name;
    error_code ec;
    asio::ip::make_address_v4(std::string(literal), ec);
    return !ec;
}

}  // namespace

class HttpServer::Impl {
  public:
    Impl(const MethodTable& methods, BlobPort& blobs, std::function<bool()> is_ready,
         HttpSettings settings)
        : methods_(methods),
          blobs_(blobs),
          is_ready_(std::move(is_ready)),
          settings_(std::move(settings)),
          acceptor_(io_) {}

    Status<> start() {
        error_code ec;
        const auto address = asio::ip::make_address(settings_.address, ec);
        if (ec)
            return Err{
                Error{kErrorUsage, "rpc-address: \"" + settings_.address + "\" is not an address"}};
        const tcp::endpoint endpoint(address, settings_.port);
        acceptor_.open(endpoint.protocol(), ec);
        if (!ec) acceptor_.set_option(asio::socket_base::reuse_address(true), ec);
        if (!ec) acceptor_.bind(endpoint, ec);
        if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
        if (ec)
            return Err{Error{kErrorPort, "cannot listen on " + settings_.address + ":" +
                                             std::to_string(settings_.port) + ": " + ec.message() +
                                             "; choose another with --rpc-port"}};
        port_ = acceptor_.local_endpoint().port();
        asio::co_spawn(io_, accept_loop(), asio::detached);
        for (std::size_t i = 0; i < settings_.threads; ++i)
            threads_.emplace_back([this] { io_.run(); });
        return Ok{};
    }

    void stop() {
        io_.stop();
        for (std::thread& thread : threads_)
            if (thread.joinable()) thread.join();
        threads_.clear();
    }

    std::uint16_t port() const { return port_; }

  private:
    asio::awaitable<void> accept_loop() {
        for (;;) {
            error_code ec;
            tcp::socket socket = co_await acceptor_.async_accept(
                asio::make_strand(io_), asio::redirect_error(asio::use_awaitable, ec));
            if (ec == asio::error::operation_aborted) co_return;
            if (ec) {
                // The peer left, or there are no descriptors: then the next accept fails at once
                // too, and trying it without a pause would take a whole core.
                asio::steady_timer pause(acceptor_.get_executor(), kAcceptPause);
                co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
                continue;
            }
            if (connections_.load() >= settings_.connections_max) continue;  // closes it at once
            ++connections_;
            auto executor = socket.get_executor();
            asio::co_spawn(executor, session(beast::tcp_stream(std::move(socket))),
                           [this](const std::exception_ptr&) { --connections_; });
        }
    }

    asio::awaitable<void> session(beast::tcp_stream stream) {
        stream.socket().set_option(tcp::no_delay(true));
        beast::flat_buffer buffer;
        for (;;) {
            Parser parser;
            parser.header_limit(kHeaderBytesMax);
            parser.body_limit(boost::none);  // each route sets its own
            stream.expires_after(std::chrono::milliseconds(settings_.idle_timeout_ms));
            error_code ec;
            co_await http::async_read_header(stream, buffer, parser,
                                             asio::redirect_error(asio::use_awaitable, ec));
            if (ec) break;
            stream.expires_after(std::chrono::milliseconds(settings_.request_timeout_ms));
            const bool go_on = co_await serve(stream, buffer, parser);
            if (!go_on) break;
        }
        error_code ignored;
        stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
        // Closing over unread bytes would reset the connection and lose the answer on its way: read
        // and drop a bounded part of what the client still sends.
        stream.expires_after(std::chrono::milliseconds(kDrainMs));
        std::vector<char> dropped(kPieceBytes);
        for (std::size_t total = 0; total < kDrainBytesMax;) {
            error_code ec;
            const std::size_t got = co_await stream.async_read_some(
                asio::buffer(dropped), asio::redirect_error(asio::use_awaitable, ec));
            if (ec || got == 0) break;
            total += got;
        }
    }

    /// One request; false when the connection must close.
    asio::awaitable<bool> serve(beast::tcp_stream& stream, beast::flat_buffer& buffer,
                                Parser& parser) {
        const auto& head = parser.get();
        const std::string_view target(head.target());
        const unsigned version = head.version();
        const bool keep_alive = head.keep_alive();
        const std::string_view host(head[http::field::host]);
        if (!is_host_allowed(host))
            co_return co_await refuse(stream, http::status::forbidden, version,
                                      "Host is neither localhost nor an address.\n");
        if (is_blob_request(head.method(), target))
            co_return co_await serve_blob(
                stream, buffer, parser, blobs_,
                BlobHttpLimits{settings_.blob_bytes_max, settings_.request_timeout_ms});
        if (head.method() == http::verb::get || head.method() == http::verb::head) {
            if (target == "/health")
                co_return co_await send(stream, text_response(http::status::ok, version, keep_alive,
                                                              "ok\n", "text/plain"));
            if (target == "/ready") {
                const bool ready = is_ready_();
                co_return co_await send(
                    stream,
                    text_response(ready ? http::status::ok : http::status::service_unavailable,
                                  version, keep_alive, ready ? "ready\n" : "starting\n",
                                  "text/plain"));
            }
            co_return co_await send(
                stream, text_response(http::status::not_found, version, keep_alive,
                                      "No such page. JSON-RPC is at POST /.\n", "text/plain"));
        }
        if (head.method() != http::verb::post)
            co_return co_await refuse(stream, http::status::method_not_allowed, version,
                                      "JSON-RPC is at POST /.\n");
        // A form posted by a web page cannot carry this type without the browser asking us first.
        if (!std::string_view(head[http::field::content_type]).starts_with("application/json"))
            co_return co_await refuse(stream, http::status::unsupported_media_type, version,
                                      "Content-Type must be application/json.\n");
        co_return co_await rpc(stream, buffer, parser);
    }

    asio::awaitable<bool> rpc(beast::tcp_stream& stream, beast::flat_buffer& buffer, Parser& head) {
        const auto length = head.content_length();
        http::request_parser<http::string_body> parser(std::move(head));
        parser.body_limit(settings_.body_bytes_max);
        error_code ec;
        if (length && *length > settings_.body_bytes_max)
            ec = http::error::body_limit;
        else
            co_await http::async_read(stream, buffer, parser,
                                      asio::redirect_error(asio::use_awaitable, ec));
        if (ec == http::error::body_limit) {
            const RpcError error{
                RpcCode::too_large,
                "the request is above " + std::to_string(settings_.body_bytes_max) + " bytes"};
            co_await send(stream, text_response(http::status::payload_too_large, 11, false,
                                                error_text(error), "application/json"));
            co_return false;
        }
        if (ec) co_return false;
        const auto& request = parser.get();
        std::string answer = dispatch(methods_, settings_.dispatch, request.body());
        const http::status status = answer.empty() ? http::status::no_content : http::status::ok;
        co_return co_await send(stream,
                                text_response(status, request.version(), request.keep_alive(),
                                              std::move(answer), "application/json"));
    }

    asio::awaitable<bool> send(beast::tcp_stream& stream, TextResponse response) {
        error_code ec;
        const bool keep_alive = response.keep_alive();
        stream.expires_after(std::chrono::milliseconds(settings_.request_timeout_ms));
        co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, ec));
        co_return !ec && keep_alive;
    }

    /// Answers and closes: the body that may follow is not read.
    asio::awaitable<bool> refuse(beast::tcp_stream& stream, http::status status, unsigned version,
                                 std::string sentence) {
        co_await send(stream,
                      text_response(status, version, false, std::move(sentence), "text/plain"));
        co_return false;
    }

    const MethodTable& methods_;
    BlobPort& blobs_;
    std::function<bool()> is_ready_;
    HttpSettings settings_;
    asio::io_context io_;
    tcp::acceptor acceptor_;
    std::atomic<std::size_t> connections_{0};
    std::vector<std::thread> threads_;
    std::uint16_t port_ = 0;
};

HttpServer::HttpServer(const MethodTable& methods, BlobPort& blobs, std::function<bool()> is_ready,
                       HttpSettings settings)
    : impl_(std::make_unique<Impl>(methods, blobs, std::move(is_ready), std::move(settings))) {}
HttpServer::~HttpServer() {
    stop();
}
Status<> HttpServer::start() {
    return impl_->start();
}
void HttpServer::stop() {
    impl_->stop();
}
std::uint16_t HttpServer::port() const {
    return impl_->port();
}

}  // namespace millrace::node::rpc
