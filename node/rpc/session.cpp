#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <chrono>
#include <vector>

#include "node/rpc/detail/blob_http.hpp"
#include "node/rpc/detail/core.hpp"
#include "node/rpc/detail/stream.hpp"
#include "node/rpc/detail/ws_session.hpp"

namespace millrace::node::rpc::detail {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

namespace {

/// How much, and for how long, a refused client's remaining bytes are read and dropped.
constexpr std::size_t kDrainBytesMax = std::size_t{8} << 20U;
constexpr std::uint64_t kDrainMs = 2'000;
constexpr std::uint32_t kHeaderBytesMax = 16U * 1024U;
/// A request's text above this is read on the threads for what takes long.
constexpr std::size_t kShortRequestBytes = std::size_t{16} * 1024;
/// A first request's head comes within this part of the idle time: who only opens connections is
/// gone soon.
constexpr std::uint64_t kFirstHeadDivisor = 6;

/// An HTTP connection.
class HttpSession {
  public:
    HttpSession(asio::ip::tcp::socket socket, ServerCore& core, ConnectionPtr connection)
        : stream_(std::move(socket), core.tls ? &*core.tls : nullptr),
          core_(core),
          connection_(std::move(connection)) {}

    asio::awaitable<void> run() {
        if (core_.tls) {
            expires_in(core_.settings.idle_timeout_ms / kFirstHeadDivisor);
            error_code ec;
            co_await stream_.async_handshake(asio::redirect_error(asio::use_awaitable, ec));
            if (ec) co_return;
        }
        std::uint64_t patience_ms = core_.settings.idle_timeout_ms / kFirstHeadDivisor;
        for (;;) {
            Parser parser;
            parser.header_limit(kHeaderBytesMax);
            parser.body_limit(boost::none);  // each route sets its own
            expires_in(patience_ms);
            error_code ec;
            co_await http::async_read_header(stream_, buffer_, parser,
                                             asio::redirect_error(asio::use_awaitable, ec));
            if (ec) break;
            connection_->idle_since_ms = 0;
            expires_in(core_.settings.request_timeout_ms);
            const bool go_on = co_await serve(parser);
            connection_->idle_since_ms = now_ms();
            if (is_handed_over_) co_return;
            if (!go_on) break;
            patience_ms = core_.settings.idle_timeout_ms;
        }
        co_await end();
    }

  private:
    void expires_in(std::uint64_t ms) { stream_.expires_after(std::chrono::milliseconds(ms)); }

    asio::awaitable<void> end() {
        error_code ec;
        if (core_.tls) {
            expires_in(kDrainMs);
            co_await stream_.async_farewell(asio::redirect_error(asio::use_awaitable, ec));
        }
        stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ec);
        // Closing over unread bytes would reset the connection and lose the answer on its way: read
        // and drop a bounded part of what the client still sends.
        expires_in(kDrainMs);
        std::vector<char> dropped(kPieceBytes);
        for (std::size_t total = 0; total < kDrainBytesMax;) {
            const std::size_t got = co_await stream_.async_read_raw(
                asio::buffer(dropped), asio::redirect_error(asio::use_awaitable, ec));
            if (ec || got == 0) break;
            total += got;
        }
    }

    /// Whether another request may follow on the connection. A body that came with a request that
    /// takes none is not read: it must never be taken for the next request, which somebody else
    /// may have written (a proxy's other client).
    static bool may_go_on(const Parser& head) { return head.get().keep_alive() && head.is_done(); }

    /// One request; false when the connection must close.
    asio::awaitable<bool> serve(Parser& parser) {
        const auto& head = parser.get();
        const std::string_view target(head.target());
        admission_ = admit(core_, head[http::field::host], head[http::field::origin],
                           head[http::field::authorization]);
        if (admission_.status != 0)
            co_return co_await refuse(static_cast<http::status>(admission_.status),
                                      admission_.sentence + "\n");
        const http::verb verb = head.method();
        if (verb == http::verb::post && target == "/") co_return co_await json_rpc(parser);
        if (verb == http::verb::options && !admission_.cors_origin.empty())
            co_return co_await answer(
                http::status::no_content, may_go_on(parser), {}, {},
                "Access-Control-Allow-Methods: POST, GET, PUT\r\n"
                "Access-Control-Allow-Headers: content-type, authorization\r\n");
        if (verb == http::verb::get && target == "/" && beast::websocket::is_upgrade(head) &&
            parser.is_done()) {
            is_handed_over_ = true;
            co_await run_websocket(std::move(stream_), parser.release(), core_, admission_.scopes,
                                   connection_);
            co_return false;
        }
        if (is_blob_request(verb, target)) co_return co_await blob(parser);
        if (verb == http::verb::get || verb == http::verb::head)
            co_return co_await get(parser, std::string(target));
        if (verb == http::verb::post)
            co_return co_await refuse(http::status::not_found, "JSON-RPC is at POST /.\n");
        co_return co_await refuse(http::status::method_not_allowed, "JSON-RPC is at POST /.\n");
    }

    asio::awaitable<bool> get(Parser& parser, std::string target) {
        const bool keep_alive = may_go_on(parser);
        const bool has_body = parser.get().method() == http::verb::get;
        std::string text = "No such page. JSON-RPC is at POST /.\n";
        http::status status = http::status::not_found;
        if (target == "/health") {
            status = http::status::ok;
            text = "ok\n";
        } else if (target == "/ready") {
            const bool is_ready = core_.ports.is_ready();
            status = is_ready ? http::status::ok : http::status::service_unavailable;
            text = is_ready ? "ready\n" : "starting\n";
        } else if (target == "/metrics" && core_.ports.metrics) {
            status = http::status::ok;
            text = core_.ports.metrics(
                {core_.clients.size(), core_.requests.load(), core_.refused.load()});
        }
        co_return co_await answer(status, keep_alive, std::move(text), "text/plain", {}, has_body);
    }

    // ---- JSON-RPC ------------------------------------------------------------------------------
    asio::awaitable<bool> json_rpc(Parser& head) {
        // A form posted by a web page cannot carry this type without the browser asking us first.
        if (!std::string_view(head.get()[http::field::content_type])
                 .starts_with("application/json"))
            co_return co_await refuse(http::status::unsupported_media_type,
                                      "Content-Type must be application/json.\n");
        const auto length = head.content_length();
        const std::uint64_t body_max = core_.settings.body_bytes_max;
        const bool keep_alive = head.get().keep_alive();
        http::request_parser<http::string_body> parser(std::move(head));
        parser.body_limit(body_max);
        error_code ec;
        if (length && *length > body_max)
            ec = http::error::body_limit;
        else if (!parser.is_done())
            co_await http::async_read(stream_, buffer_, parser,
                                      asio::redirect_error(asio::use_awaitable, ec));
        if (ec == http::error::body_limit) {
            RpcError error;
            error.code = RpcCode::too_large;
            error.message = "the request is above " + std::to_string(body_max) + " bytes";
            std::string text = error_text(error);
            co_return co_await answer(http::status::payload_too_large, false, std::move(text),
                                      "application/json");
        }
        if (ec) co_return false;
        std::uint64_t wait_ms = 0;
        // Its share of the memory is given back once it has gone out.
        Answer made = co_await call(std::move(parser.get().body()), wait_ms);
        if (wait_ms != 0)
            co_return co_await answer(
                http::status::too_many_requests, keep_alive, std::move(made.text),
                "application/json",
                "Retry-After: " + std::to_string((wait_ms + 999) / 1'000) + "\r\n");
        const http::status status = made.text.empty() ? http::status::no_content : http::status::ok;
        co_return co_await answer(status, keep_alive, std::move(made.text), "application/json");
    }

    /// Answers at once what is short, and hands on what is not.
    asio::awaitable<Answer> call(std::string body, std::uint64_t& wait_ms) {
        const MethodTable& methods = core_.ports.methods;
        const DispatchLimits& limits = core_.settings.dispatch;
        const auto read = [&] { return read_request(methods, limits, body); };
        Request request;
        if (body.size() <= kShortRequestBytes) {
            request = read();
        } else {
            co_await elsewhere(core_, [&] { request = read(); });
        }
        if (const auto wait = core_.clients.charge(*connection_, request.calls, now_ms())) {
            wait_ms = *wait;
            co_return Answer{rate_limited_text(*wait), core_.answers.add(0)};
        }
        // The text is not needed any more, and may be megabytes while the answer waits.
        std::string().swap(body);
        co_return co_await answer_request(core_, *connection_, Caller{admission_.scopes, nullptr},
                                          request);
    }

    // ---- blobs ---------------------------------------------------------------------------------
    asio::awaitable<bool> blob(Parser& head) {
        const bool is_upload = head.get().method() == http::verb::put;
        if (!admission_.scopes.has(is_upload ? Scope::submit : Scope::read))
            co_return co_await refuse(
                http::status::unauthorized,
                "Blobs need the cookie or a token: to send one with the scope "
                "\"submit\", to read one \"read\".\n");
        if (core_.clients.charge(*connection_, 1, now_ms()))
            co_return co_await refuse(http::status::too_many_requests,
                                      "More than one client may ask; try again soon.\n");
        BlobHttpLimits limits;
        limits.blob_bytes_max = core_.settings.blob_bytes_max;
        limits.piece_timeout_ms = core_.settings.request_timeout_ms;
        co_return co_await serve_blob(stream_, buffer_, head, core_, limits);
    }

    // ---- answers -------------------------------------------------------------------------------
    [[nodiscard]] std::string head_text(http::status status, bool keep_alive, std::string_view type,
                                        std::uint64_t size, std::string_view more) const {
        std::string out = "HTTP/1.1 ";
        out += std::to_string(static_cast<unsigned>(status));
        out += ' ';
        out += std::string_view(http::obsolete_reason(status));
        out += "\r\nServer: millraced\r\n";
        if (!type.empty()) {
            out += "Content-Type: ";
            out += type;
            out += "\r\n";
        }
        if (status != http::status::no_content) {
            out += "Content-Length: ";
            out += std::to_string(size);
            out += "\r\n";
        }
        if (!admission_.cors_origin.empty()) {
            out += "Access-Control-Allow-Origin: ";
            out += admission_.cors_origin;
            out += "\r\nVary: Origin\r\n";
        }
        out += more;
        out += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
        return out;
    }

    /// The head and the body go out together; written by hand because nothing else of the answer
    /// varies, and this is the path of every call.
    asio::awaitable<bool> answer(http::status status, bool keep_alive, std::string body,
                                 std::string_view type, std::string_view more = {},
                                 bool has_body = true) {
        constexpr auto kRelaxed = std::memory_order_relaxed;
        core_.requests.fetch_add(1, kRelaxed);
        if (status >= http::status::bad_request) core_.refused.fetch_add(1, kRelaxed);
        const std::string head = head_text(status, keep_alive, type, body.size(), more);
        const std::array<asio::const_buffer, 2> parts{
            asio::buffer(head), has_body ? asio::buffer(body) : asio::const_buffer()};
        error_code ec;
        expires_in(core_.settings.request_timeout_ms);
        co_await asio::async_write(stream_, parts, asio::redirect_error(asio::use_awaitable, ec));
        co_return !ec && keep_alive;
    }

    /// Answers and closes: the body that may follow is not read.
    asio::awaitable<bool> refuse(http::status status, std::string sentence) {
        co_await answer(status, false, std::move(sentence), "text/plain");
        co_return false;
    }

    Stream stream_;
    ServerCore& core_;
    ConnectionPtr connection_;
    beast::flat_buffer buffer_;
    Admission admission_;
    bool is_handed_over_ = false;
};

}  // namespace

asio::awaitable<void> run_session(asio::ip::tcp::socket socket, ServerCore& core,
                                  ConnectionPtr connection) {
    HttpSession session(std::move(socket), core, std::move(connection));
    co_await session.run();
}

}  // namespace millrace::node::rpc::detail
