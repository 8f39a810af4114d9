#include "wallet/client.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>

#include "wallet/detail/link.hpp"

namespace millrace::wallet {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;
/// The largest answer that a node gives to one call.
constexpr std::uint64_t kAnswerBytesMax = 64 * 1024 * 1024;

/// What the node says with -32006, and a server with 401.
constexpr const char* kTokenAdvice =
    "show a token with --token-file FILE or the variable MILLRACE_TOKEN, or, on the node's own "
    "machine, its cookie with --data-dir DIR";

struct Place {
    bool is_secure = false;
    std::string host;
    std::string port;
    /// HOST:PORT as it was given, with the brackets of a numeric IPv6 address.
    std::string authority;
};

std::optional<Place> parse_url(std::string_view url) {
    constexpr std::string_view kPlain = "http://";
    constexpr std::string_view kSecure = "https://";
    const bool is_secure = url.starts_with(kSecure);
    if (!is_secure && !url.starts_with(kPlain)) return std::nullopt;
    url.remove_prefix(is_secure ? kSecure.size() : kPlain.size());
    if (url.ends_with('/')) url.remove_suffix(1);
    const std::size_t colon = url.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == url.size() ||
        url.find('/') != std::string_view::npos)
        return std::nullopt;
    std::string_view host = url.substr(0, colon);
    if (host.starts_with('[') != host.ends_with(']')) return std::nullopt;
    if (host.starts_with('[')) {
        if (host.size() <= 2) return std::nullopt;
        host = host.substr(1, host.size() - 2);
    }
    return Place{is_secure, std::string(host), std::string(url.substr(colon + 1)),
                 std::string(url)};
}

}  // namespace

class Client::Impl {
  public:
    Impl(std::string url, Place place, const Reach& reach)
        : url_(std::move(url)),
          place_(std::move(place)),
          authorization_(reach.token.empty() ? "" : "Bearer " + reach.token),
          deadline_(reach.deadline) {}

    /// Before the first connection of a node that is spoken to under TLS.
    Try<Ok> prepare_tls(const std::optional<std::filesystem::path>& ca_file) {
        namespace ssl = asio::ssl;
        tls_.emplace(ssl::context::tls_client);
        error_code ec;
        tls_->set_options(
            ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1,
            ec);
        if (!ec && ca_file)
            tls_->load_verify_file(ca_file->string(), ec);
        else if (!ec)
            tls_->set_default_verify_paths(ec);
        if (!ec) return Ok{};
        return Err{Failure{Exit::bad_input,
                           ca_file ? "--ca-file: there are no certificates in " + ca_file->string()
                                   : "TLS: " + ec.message()}};
    }

    Try<boost::json::value> call(std::string_view method, boost::json::object params) {
        const boost::json::object request{{"jsonrpc", "2.0"},
                                          {"id", ++last_id_},
                                          {"method", method},
                                          {"params", std::move(params)}};
        http::request<http::string_body> post(http::verb::post, "/", 11);
        post.set(http::field::content_type, "application/json");
        post.body() = boost::json::serialize(request);
        MILLRACE_TRY(const auto response, round_trip(std::move(post)));
        if (response.result() == http::status::unauthorized) return Err{unknown_token()};
        boost::system::error_code ec;
        const boost::json::value answer = boost::json::parse(response.body(), ec);
        if (ec || !answer.is_object())
            return Err{
                Failure{Exit::failed, url_ + " does not speak JSON-RPC; is it a Millrace node?"}};
        if (const auto* error = answer.get_object().if_contains("error"))
            return Err{failure_of(*error)};
        const auto* result = answer.get_object().if_contains("result");
        if (result == nullptr)
            return Err{Failure{Exit::failed, url_ + " answered without a result"}};
        return *result;
    }

    Try<Ok> put_part(const std::string& id, std::uint64_t offset, std::uint64_t size,
                     std::uint64_t total, const ReadPiece& read, const OnBytes& on_bytes) {
        http::request<http::buffer_body> put(http::verb::put, "/blob/" + id, 11);
        put.set(http::field::content_range, "bytes " + std::to_string(offset) + "-" +
                                                std::to_string(offset + size - 1) + "/" +
                                                std::to_string(total));
        MILLRACE_TRY(const auto response, put_body(std::move(put), size, read, on_bytes));
        if (response.result() == http::status::ok) return Ok{};
        return Err{refused_blob(response.result(), response.body())};
    }

    Try<Ok> get_part(const std::string& id, std::uint64_t offset, std::uint64_t size,
                     const TakePiece& take) {
        http::request<http::empty_body> get(http::verb::get, "/blob/" + id, 11);
        get.set(http::field::range,
                "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + size - 1));
        prepare(get);
        MILLRACE_TRY(Link* const stream, fresh_connection());
        error_code ec;
        send(*stream, get, ec);
        http::response_parser<http::buffer_body> parser;
        parser.body_limit(boost::none);
        if (!ec) receive_head(*stream, parser, ec);
        if (ec) return drop(unreachable(ec));
        const http::status status = parser.get().result();
        if (status == http::status::not_found)
            return drop(Failure{Exit::not_found, "the node does not hold blob " + id});
        if (status != http::status::partial_content)
            return drop(refused_blob(status, "no part of blob " + id + " is given"));
        if (parser.content_length().value_or(0) != size)
            return drop(Failure{Exit::failed, "the node's blob " + id + " has another length"});
        std::vector<char> piece(kPieceBytes);
        while (!parser.is_done()) {
            parser.get().body().data = piece.data();
            parser.get().body().size = piece.size();
            receive(*stream, parser, ec);
            if (ec == http::error::need_buffer) ec = {};
            const std::size_t got = piece.size() - parser.get().body().size;
            // What came before a break is as good as what comes before an end.
            if (const Try<Ok> taken = take(as_bytes({piece.data(), got})); !taken.has_value())
                return drop(taken.error());
            if (ec) return drop(unreachable(ec));
        }
        if (!parser.keep_alive()) disconnect();
        return Ok{};
    }

    [[nodiscard]] const std::string& url() const { return url_; }

  private:
    template <class Request>
    void prepare(Request& request) {
        request.set(http::field::host, place_.authority);
        if (!authorization_.empty()) request.set(http::field::authorization, authorization_);
        request.set(http::field::user_agent, "millrace");
        request.keep_alive(true);
    }

    static Failure refused_blob(http::status status, std::string_view sentence) {
        while (sentence.ends_with('\n')) sentence.remove_suffix(1);
        Failure failure{Exit::failed, "the node does not take the blob: " + std::string(sentence)};
        failure.http_status = static_cast<int>(status);
        if (status == http::status::not_found) failure.exit = Exit::not_found;
        return failure;
    }

    /// Sends a request with a body that is read piece by piece; the node's answer.
    Try<http::response<http::string_body>> put_body(http::request<http::buffer_body> put,
                                                    std::uint64_t size, const ReadPiece& read,
                                                    const OnBytes& on_bytes) {
        put.content_length(size);
        prepare(put);
        put.body().data = nullptr;
        put.body().more = true;
        MILLRACE_TRY(Link* const stream, fresh_connection());
        http::request_serializer<http::buffer_body> serializer(put);
        error_code ec;
        send_head(*stream, serializer, ec);
        Bytes piece(kPieceBytes);
        std::uint64_t done = 0;
        while (!ec && !serializer.is_done()) {
            const std::size_t want =
                static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size - done));
            Try<std::size_t> got = want == 0 ? Try<std::size_t>(std::size_t{0})
                                             : read(MutableByteView(piece).first(want));
            if (!got.has_value()) return drop(got.error());
            put.body().data = *got > 0 ? piece.data() : nullptr;
            put.body().size = *got;
            put.body().more = *got > 0;
            send(*stream, serializer, ec);
            if (ec == http::error::need_buffer) ec = {};
            done += *got;
            if (on_bytes) on_bytes(done, size);
        }
        // A node that refuses says so before it has read everything: look for its answer in any
        // case.
        http::response<http::string_body> response;
        error_code read_error;
        receive(*stream, response, read_error);
        if (read_error) return drop(unreachable(ec ? ec : read_error));
        if (!response.keep_alive() || ec) disconnect();
        return response;
    }

    /// Sends and reads; a connection that the node has closed meanwhile is opened anew, once.
    Try<http::response<http::string_body>> round_trip(http::request<http::string_body> request) {
        prepare(request);
        request.prepare_payload();
        for (int attempt = 0;; ++attempt) {
            const bool was_open = stream_.has_value();
            MILLRACE_TRY(Link* const stream, connection());
            http::response_parser<http::string_body> parser;
            parser.body_limit(kAnswerBytesMax);
            error_code ec;
            send(*stream, request, ec);
            if (!ec) receive(*stream, parser, ec);
            if (!ec) {
                if (!parser.keep_alive()) disconnect();
                return parser.release();
            }
            disconnect();
            if (!was_open || attempt > 0) return Err{unreachable(ec)};
        }
    }

    Try<Link*> connection() {
        if (stream_) return &*stream_;
        error_code ec;
        stream_.emplace(tls_ ? &*tls_ : nullptr);
        stream_->expires_after(deadline_);
        stream_->connect(place_.host, place_.port, ec);
        if (ec) return drop(unreachable(ec));
        if (!tls_) return &*stream_;
        stream_->expires_after(deadline_);
        stream_->handshake(place_.host, ec);
        if (ec) return drop(no_tls(ec));
        return &*stream_;
    }

    /// For bodies that cannot be sent twice: a connection that is known to be alive.
    Try<Link*> fresh_connection() {
        disconnect();
        return connection();
    }

    // Each of these steps ends by its deadline.
    template <class Message>
    void send(Link& stream, Message& message, error_code& ec) const {
        stream.expires_after(deadline_);
        http::write(stream, message, ec);
    }
    template <class Serializer>
    void send_head(Link& stream, Serializer& serializer, error_code& ec) const {
        stream.expires_after(deadline_);
        http::write_header(stream, serializer, ec);
    }
    template <class Message>
    void receive(Link& stream, Message& message, error_code& ec) {
        stream.expires_after(deadline_);
        http::read(stream, buffer_, message, ec);
    }
    template <class Parser>
    void receive_head(Link& stream, Parser& parser, error_code& ec) {
        stream.expires_after(deadline_);
        http::read_header(stream, buffer_, parser, ec);
    }

    void disconnect() {
        stream_.reset();
        buffer_.clear();
    }

    Err<Failure> drop(Failure failure) {
        disconnect();
        return Err{std::move(failure)};
    }

    [[nodiscard]] Failure unreachable(const error_code& ec) const {
        return {Exit::node_unreachable, "no node answers at " + url_ + " (" + ec.message() +
                                            "); start one with `millraced --dev`, or name another "
                                            "with --node"};
    }

    [[nodiscard]] Failure no_tls(const error_code& ec) const {
        if (ec.category() != asio::error::get_ssl_category()) return unreachable(ec);
        return {Exit::node_unreachable,
                "no TLS with " + url_ + " (" + ec.message() +
                    "): its certificate must be good for this name and come from one that this "
                    "machine trusts, or from --ca-file"};
    }

    [[nodiscard]] Failure unknown_token() const {
        return {Exit::failed,
                "the node at " + url_ + " does not know this token; " + std::string(kTokenAdvice)};
    }

    static Failure failure_of(const boost::json::value& error) {
        Failure failure;
        if (!error.is_object()) return failure;
        const auto& fields = error.get_object();
        if (const auto* code = fields.if_contains("code"); code != nullptr && code->is_int64())
            failure.rpc_code = static_cast<int>(code->get_int64());
        if (const auto* message = fields.if_contains("message");
            message != nullptr && message->is_string())
            failure.message = std::string(message->get_string());
        if (const auto* data = fields.if_contains("data")) failure.data = *data;
        constexpr int kInvalidParams = -32602;
        constexpr int kNotFound = -32001;
        constexpr int kRefused = -32002;
        constexpr int kUnauthorized = -32006;
        if (failure.rpc_code == kUnauthorized) failure.message += std::string("; ") + kTokenAdvice;
        if (failure.rpc_code == kInvalidParams) failure.exit = Exit::bad_input;
        if (failure.rpc_code == kNotFound) failure.exit = Exit::not_found;
        if (failure.rpc_code == kRefused) failure.exit = Exit::refused;
        return failure;
    }

    std::string url_;
    Place place_;
    std::string authorization_;
    std::chrono::milliseconds deadline_;
    /// Engaged for https://.
    std::optional<asio::ssl::context> tls_;
    std::optional<Link> stream_;
    beast::flat_buffer buffer_;
    std::uint64_t last_id_ = 0;
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

bool is_local_url(std::string_view url) {
    const auto place = parse_url(url);
    if (!place) return false;
    if (place->host == "localhost") return true;
    error_code ec;
    const auto address = asio::ip::make_address(place->host, ec);
    return !ec && address.is_loopback();
}

Try<std::unique_ptr<Client>> Client::make(const std::string& url, const Reach& reach) {
    auto place = parse_url(url);
    if (!place)
        return Err{
            Failure{Exit::usage, "--node: \"" + url + "\" is not of the form http://HOST:PORT"}};
    const bool is_secure = place->is_secure;
    auto impl = std::make_unique<Impl>(url, *std::move(place), reach);
    if (is_secure) MILLRACE_CHECK(impl->prepare_tls(reach.ca_file));
    return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Try<boost::json::value> Client::call(std::string_view method, boost::json::object params) {
    return impl_->call(method, std::move(params));
}
Try<Ok> Client::put_part(const std::string& id_hex, std::uint64_t offset, std::uint64_t size,
                         std::uint64_t total, const ReadPiece& read, const OnBytes& on_bytes) {
    return impl_->put_part(id_hex, offset, size, total, read, on_bytes);
}
Try<Ok> Client::get_part(const std::string& id_hex, std::uint64_t offset, std::uint64_t size,
                         const TakePiece& take) {
    return impl_->get_part(id_hex, offset, size, take);
}
const std::string& Client::url() const {
    return impl_->url();
}

}  // namespace millrace::wallet
