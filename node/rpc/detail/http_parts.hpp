#pragma once

#include <boost/beast/http.hpp>
#include <string>
#include <utility>

/// What the HTTP server's files share; private to node/rpc.
namespace millrace::node::rpc {

/// A request whose body is not read yet.
using Parser = boost::beast::http::request_parser<boost::beast::http::empty_body>;
using TextResponse = boost::beast::http::response<boost::beast::http::string_body>;

/// Pieces of a body on their way: large enough for speed, small enough for many at once.
inline constexpr std::size_t kPieceBytes = 64 * 1024;

inline TextResponse text_response(boost::beast::http::status status, unsigned version,
                                  bool keep_alive, std::string body, const char* type) {
    namespace http = boost::beast::http;
    TextResponse response(status, version);
    response.set(http::field::server, "millraced");
    response.set(http::field::content_type, type);
    response.keep_alive(keep_alive);
    response.body() = std::move(body);
    response.prepare_payload();
    return response;
}

}  // namespace millrace::node::rpc
