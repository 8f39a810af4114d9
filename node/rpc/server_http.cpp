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
#include <charconv>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

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
/// Pieces of a blob on their way: large enough for speed, small enough for many at once.
constexpr std::size_t kPieceBytes = 64U * 1024U;
/// How much, and for how long, a refused client's remaining bytes are read and dropped.
constexpr std::size_t kDrainBytesMax = 8U * 1024U * 1024U;
constexpr std::uint64_t kDrainMs = 2'000;
constexpr std::uint32_t kHeaderBytesMax = 16U * 1024U;

using Parser = http::request_parser<http::empty_body>;
using TextResponse = http::response<http::string_body>;

TextResponse text_response(http::status status, unsigned version, bool keep_alive, std::string body,
                           const char* type) {
    TextResponse response(status, version);
    response.set(http::field::server, "millraced");
    response.set(http::field::content_type, type);
    response.keep_alive(keep_alive);
    response.body() = std::move(body);
    response.prepare_payload();
    return response;
}

/// `bytes=START-` or `bytes=START-END` of a file of `size` bytes.
struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;  // exclusive
};
std::optional<Range> parse_range(std::string_view text, std::uint64_t size) {
    if (!text.starts_with("bytes=")) return std::nullopt;
    text.remove_prefix(6);
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos || dash == 0) return std::nullopt;
    Range range{0, size};
    const auto number = [](std::string_view digits, std::uint64_t& out) {
        const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
        return ec == std::errc{} && end == digits.data() + digits.size();
    };
    if (!number(text.substr(0, dash), range.begin)) return std::nullopt;
    if (dash + 1 < text.size()) {
        std::uint64_t last = 0;
        if (!number(text.substr(dash + 1), last) || last < range.begin) return std::nullopt;
        range.end = std::min(size, last == UINT64_MAX ? size : last + 1);
    }
    if (range.begin > size) return std::nullopt;
    return range;
}

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
        if (head.method() == http::verb::put && target == "/blob")
            co_return co_await put_blob(stream, buffer, parser);
        if (head.method() == http::verb::get || head.method() == http::verb::head) {
            if (target.starts_with("/blob/"))
                co_return co_await get_blob(stream, parser, std::string(target.substr(6)));
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
                RpcCode::invalid_request,
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

    asio::awaitable<bool> put_blob(beast::tcp_stream& stream, beast::flat_buffer& buffer,
                                   Parser& head) {
        const unsigned version = head.get().version();
        const auto length = head.content_length();
        if (!length)
            co_return co_await refuse(stream, http::status::length_required, version,
                                      "A blob is sent with its Content-Length.\n");
        if (*length > settings_.blob_bytes_max)
            co_return co_await refuse(stream, http::status::payload_too_large, version,
                                      "A file holds at most 2^32 bytes.\n");
        Result<std::unique_ptr<BlobPort::Upload>> upload = blobs_.upload(*length);
        if (!upload.has_value())
            co_return co_await refuse(stream, http::status::insufficient_storage, version,
                                      upload.error().message + "\n");
        if (head.get()[http::field::expect] == "100-continue") {
            http::response<http::empty_body> go(http::status::continue_, version);
            error_code ec;
            co_await http::async_write(stream, go, asio::redirect_error(asio::use_awaitable, ec));
            if (ec) co_return false;
        }
        http::request_parser<http::buffer_body> parser(std::move(head));
        parser.body_limit(settings_.blob_bytes_max);
        std::vector<char> piece(kPieceBytes);
        while (!parser.is_done()) {
            parser.get().body().data = piece.data();
            parser.get().body().size = piece.size();
            stream.expires_after(std::chrono::milliseconds(settings_.request_timeout_ms));
            error_code ec;
            co_await http::async_read(stream, buffer, parser,
                                      asio::redirect_error(asio::use_awaitable, ec));
            if (ec && ec != http::error::need_buffer) co_return false;
            const std::size_t got = piece.size() - parser.get().body().size;
            const auto written = (*upload)->write(as_bytes({piece.data(), got}));
            if (!written.has_value())
                co_return co_await refuse(stream, http::status::insufficient_storage, version,
                                          written.error().message + "\n");
        }
        const Result<std::string> id = (*upload)->finish();
        if (!id.has_value())
            co_return co_await refuse(stream, http::status::insufficient_storage, version,
                                      id.error().message + "\n");
        const std::string body = boost::json::serialize(boost::json::object{{"id", *id}});
        co_return co_await send(
            stream, text_response(http::status::ok, version, parser.get().keep_alive(), body,
                                  "application/json"));
    }

    asio::awaitable<bool> get_blob(beast::tcp_stream& stream, Parser& head, std::string id) {
        const auto& request = head.get();
        const unsigned version = request.version();
        const auto found = blobs_.find(id);
        if (!found)
            co_return co_await send(
                stream, text_response(http::status::not_found, version, request.keep_alive(),
                                      "This node does not hold that blob.\n", "text/plain"));
        Range range{0, found->size};
        bool is_partial = false;
        if (const std::string_view asked(request[http::field::range]); !asked.empty()) {
            const auto parsed = parse_range(asked, found->size);
            if (!parsed)
                co_return co_await send(
                    stream, text_response(http::status::range_not_satisfiable, version,
                                          request.keep_alive(), "That range is not in the blob.\n",
                                          "text/plain"));
            range = *parsed;
            is_partial = true;
        }
        beast::file file;
        error_code ec;
        file.open(found->path.c_str(), beast::file_mode::scan, ec);
        if (!ec) file.seek(range.begin, ec);
        if (ec)
            co_return co_await refuse(stream, http::status::internal_server_error, version,
                                      "The blob cannot be read: " + ec.message() + "\n");
        http::response<http::buffer_body> response(
            is_partial ? http::status::partial_content : http::status::ok, version);
        response.set(http::field::server, "millraced");
        response.set(http::field::content_type, "application/octet-stream");
        response.set(http::field::accept_ranges, "bytes");
        if (is_partial)
            response.set(http::field::content_range,
                         "bytes " + std::to_string(range.begin) + "-" +
                             std::to_string(range.end == 0 ? 0 : range.end - 1) + "/" +
                             std::to_string(found->size));
        response.content_length(range.end - range.begin);
        response.keep_alive(request.keep_alive());
        const bool keep_alive = response.keep_alive();
        const bool is_head = request.method() == http::verb::head;
        response.body().data = nullptr;
        response.body().more = !is_head && range.end > range.begin;
        http::response_serializer<http::buffer_body> serializer(response);
        co_await http::async_write_header(stream, serializer,
                                          asio::redirect_error(asio::use_awaitable, ec));
        if (ec) co_return false;
        std::vector<char> piece(kPieceBytes);
        std::uint64_t left = is_head ? 0 : range.end - range.begin;
        while (left > 0) {
            const std::size_t want =
                static_cast<std::size_t>(std::min<std::uint64_t>(left, kPieceBytes));
            const std::size_t got = file.read(piece.data(), want, ec);
            if (ec || got == 0) co_return false;  // shorter than promised: the client sees it
            left -= got;
            response.body().data = piece.data();
            response.body().size = got;
            response.body().more = left > 0;
            stream.expires_after(std::chrono::milliseconds(settings_.request_timeout_ms));
            co_await http::async_write(stream, serializer,
                                       asio::redirect_error(asio::use_awaitable, ec));
            // The piece was taken; `file.read` leaves a code of success as it finds it.
            if (ec == http::error::need_buffer) ec = {};
            if (ec) co_return false;
        }
        co_return keep_alive;
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
