#include "node/rpc/detail/blob_http.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/file.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <vector>

#include "node/blobs/blob_file.hpp"
#include "node/rpc/http_range.hpp"

namespace millrace::node::rpc {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

namespace {

constexpr std::string_view kUploads = "/blob";
constexpr std::string_view kBlobs = "/blob/";

http::status status_of(const Error& error) {
    switch (error.code) {
        case kBlobStoreFull:
            return http::status::insufficient_storage;
        case kBlobWrongSize:
            return http::status::bad_request;
        case kBlobWrongBytes:
            return http::status::unprocessable_entity;
        case kBlobUnknown:
            return http::status::not_found;
        case kBlobBadRange:
            return http::status::range_not_satisfiable;
        case kBlobBusy:
            return http::status::conflict;
        case kBlobStopping:
            return http::status::service_unavailable;
        default:
            return http::status::internal_server_error;
    }
}

/// One request on its way.
class Exchange {
  public:
    Exchange(detail::Stream& stream, beast::flat_buffer& buffer, detail::ServerCore& core,
             BlobHttpLimits limits)
        : stream_(stream),
          buffer_(buffer),
          core_(core),
          blobs_(core.ports.blobs),
          limits_(limits) {}

    /// The whole of a blob when `id` is empty, else a stretch of that one.
    asio::awaitable<bool> put(Parser& head, std::string id) {
        const unsigned version = head.get().version();
        const auto length = head.content_length();
        if (!length)
            co_return co_await refuse(http::status::length_required, version,
                                      "A blob is sent with its Content-Length.");
        if (*length > limits_.blob_bytes_max)
            co_return co_await refuse(http::status::payload_too_large, version,
                                      "A file holds at most 2^32 bytes.");
        Result<std::unique_ptr<BlobPort::Upload>> upload = Err{Error{}};
        co_await detail::elsewhere(
            core_, [&] { upload = id.empty() ? blobs_.upload(*length) : part(head, id, *length); });
        if (!upload.has_value())
            co_return co_await refuse(status_of(upload.error()), version, upload.error().message);
        if (head.get()[http::field::expect] == "100-continue") {
            const http::response<http::empty_body> go(http::status::continue_, version);
            error_code ec;
            expire();
            co_await http::async_write(stream_, go, asio::redirect_error(asio::use_awaitable, ec));
            if (ec) co_return false;
        }
        http::request_parser<http::buffer_body> parser(std::move(head));
        parser.body_limit(limits_.blob_bytes_max);
        std::vector<char> piece(kPieceBytes);
        while (!parser.is_done()) {
            parser.get().body().data = piece.data();
            parser.get().body().size = piece.size();
            expire();
            error_code ec;
            co_await http::async_read(stream_, buffer_, parser,
                                      asio::redirect_error(asio::use_awaitable, ec));
            if (ec && ec != http::error::need_buffer) co_return false;
            const std::size_t got = piece.size() - parser.get().body().size;
            const auto written = (*upload)->write(as_bytes({piece.data(), got}));
            if (!written.has_value())
                co_return co_await refuse(status_of(written.error()), version,
                                          written.error().message);
        }
        Result<BlobPort::End> end = Err{Error{}};
        co_await detail::elsewhere(core_, [&] { end = (*upload)->finish(); });
        if (!end.has_value())
            co_return co_await refuse(status_of(end.error()), version, end.error().message);
        const std::string body = boost::json::serialize(
            boost::json::object{{"id", end->id}, {"chunks_missing", end->chunks_missing}});
        co_return co_await send(text_response(http::status::ok, version, parser.get().keep_alive(),
                                              body, "application/json"));
    }

    asio::awaitable<bool> get(Parser& head, std::string id) {
        const auto& request = head.get();
        const unsigned version = request.version();
        // A body that nobody reads must not be taken for the next request.
        const bool keep_alive = request.keep_alive() && head.is_done();
        const auto found = blobs_.find(id);
        if (!found)
            co_return co_await send(text_response(http::status::not_found, version, keep_alive,
                                                  "This node does not hold that blob.\n",
                                                  "text/plain"));
        ByteRange range{0, found->size};
        bool is_partial = false;
        if (const std::string_view asked(request[http::field::range]); !asked.empty()) {
            const auto parsed = parse_range(asked, found->size);
            if (!parsed)
                co_return co_await send(
                    text_response(http::status::range_not_satisfiable, version, keep_alive,
                                  "That range is not in the blob.\n", "text/plain"));
            range = *parsed;
            is_partial = true;
        }
        beast::file file;
        error_code ec;
        file.open(found->path.c_str(), beast::file_mode::scan, ec);
        if (!ec) file.seek(range.begin, ec);
        if (ec)
            co_return co_await refuse(http::status::internal_server_error, version,
                                      "The blob cannot be read: " + ec.message());
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
        response.keep_alive(keep_alive);
        const bool is_head = request.method() == http::verb::head;
        response.body().data = nullptr;
        response.body().more = !is_head && range.end > range.begin;
        http::response_serializer<http::buffer_body> serializer(response);
        expire();
        co_await http::async_write_header(stream_, serializer,
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
            expire();
            co_await http::async_write(stream_, serializer,
                                       asio::redirect_error(asio::use_awaitable, ec));
            // The piece was taken; `file.read` leaves a code of success as it finds it.
            if (ec == http::error::need_buffer) ec = {};
            if (ec) co_return false;
        }
        co_return keep_alive;
    }

  private:
    Result<std::unique_ptr<BlobPort::Upload>> part(const Parser& head, const std::string& id,
                                                   std::uint64_t length) {
        const auto range = parse_content_range(head.get()[http::field::content_range]);
        if (!range || range->range.end - range->range.begin != length)
            return Err{Error{kBlobBadRange,
                             "a part of a blob is sent with Content-Range: bytes FIRST-LAST/TOTAL, "
                             "as long as its body"}};
        return blobs_.part(id, range->range.begin, length, range->total);
    }

    void expire() { stream_.expires_after(std::chrono::milliseconds(limits_.piece_timeout_ms)); }

    asio::awaitable<bool> send(TextResponse response) {
        error_code ec;
        const bool keep_alive = response.keep_alive();
        expire();
        co_await http::async_write(stream_, response,
                                   asio::redirect_error(asio::use_awaitable, ec));
        co_return !ec && keep_alive;
    }

    /// Answers and closes: the body that may follow is not read.
    asio::awaitable<bool> refuse(http::status status, unsigned version, std::string sentence) {
        co_await send(
            text_response(status, version, false, std::move(sentence) + "\n", "text/plain"));
        co_return false;
    }

    detail::Stream& stream_;
    beast::flat_buffer& buffer_;
    detail::ServerCore& core_;
    BlobPort& blobs_;
    BlobHttpLimits limits_;
};

}  // namespace

bool is_blob_request(http::verb method, std::string_view target) {
    if (method == http::verb::put && target == kUploads) return true;
    const bool names_blob = target.starts_with(kBlobs) && target.size() > kBlobs.size();
    return names_blob &&
           (method == http::verb::put || method == http::verb::get || method == http::verb::head);
}

asio::awaitable<bool> serve_blob(detail::Stream& stream, beast::flat_buffer& buffer, Parser& parser,
                                 detail::ServerCore& core, BlobHttpLimits limits) {
    Exchange exchange(stream, buffer, core, limits);
    const std::string_view target(parser.get().target());
    std::string id(target.substr(std::min(target.size(), kBlobs.size())));
    if (parser.get().method() == http::verb::put)
        co_return co_await exchange.put(parser, std::move(id));
    co_return co_await exchange.get(parser, std::move(id));
}

}  // namespace millrace::node::rpc
