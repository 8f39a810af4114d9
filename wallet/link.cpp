#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <optional>

#include "wallet/detail/link.hpp"

namespace millrace::wallet {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;

struct Link::Streams {
    using Secure = asio::ssl::stream<beast::tcp_stream>;

    asio::io_context io;
    std::optional<beast::tcp_stream> plain;
    std::optional<Secure> secure;

    beast::tcp_stream& socket() { return secure ? secure->next_layer() : *plain; }

    /// One operation to its end or its deadline.
    template <class Start>
    void wait(Start start) {
        io.restart();
        start();
        io.run();
    }
};

namespace {

/// Where an operation's end goes.
struct Ended {
    Link::ErrorCode& ec;
    std::size_t& size;
    void operator()(const Link::ErrorCode& got, std::size_t moved) const {
        ec = got;
        size = moved;
    }
};

}  // namespace

Link::Link(asio::ssl::context* tls) : streams_(std::make_unique<Streams>()) {
    if (tls != nullptr)
        streams_->secure.emplace(beast::tcp_stream(streams_->io), *tls);
    else
        streams_->plain.emplace(streams_->io);
}
Link::~Link() = default;

void Link::expires_after(std::chrono::milliseconds time) {
    streams_->socket().expires_after(time);
}

void Link::connect(const std::string& host, const std::string& port, ErrorCode& ec) {
    tcp::resolver resolver(streams_->io);
    const auto found = resolver.resolve(host, port, ec);
    if (ec) return;
    streams_->wait([&] {
        streams_->socket().async_connect(
            found, [&ec](const ErrorCode& got, const tcp::endpoint&) { ec = got; });
    });
    if (!ec) streams_->socket().socket().set_option(tcp::no_delay(true), ec);
}

void Link::handshake(const std::string& host, ErrorCode& ec) {
    Streams::Secure& secure = *streams_->secure;
    ErrorCode is_number;
    asio::ip::make_address(host, is_number);
    // A server is asked for by its name; a number is none (RFC 6066, 3).
    // What OpenSSL's macro SSL_set_tlsext_host_name does, without its C cast.
    if (is_number)
        SSL_ctrl(secure.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(host.c_str()));
    secure.set_verify_mode(asio::ssl::verify_peer);
    secure.set_verify_callback(asio::ssl::host_name_verification(host));
    streams_->wait([&] {
        secure.async_handshake(asio::ssl::stream_base::client,
                               [&ec](const ErrorCode& got) { ec = got; });
    });
}

std::size_t Link::read(const Some<asio::mutable_buffer>& into, ErrorCode& ec) {
    std::size_t size = 0;
    streams_->wait([&] {
        if (streams_->secure)
            streams_->secure->async_read_some(into, Ended{ec, size});
        else
            streams_->plain->async_read_some(into, Ended{ec, size});
    });
    return size;
}

std::size_t Link::write(const Some<asio::const_buffer>& from, ErrorCode& ec) {
    std::size_t size = 0;
    streams_->wait([&] {
        if (streams_->secure)
            streams_->secure->async_write_some(from, Ended{ec, size});
        else
            streams_->plain->async_write_some(from, Ended{ec, size});
    });
    return size;
}

}  // namespace millrace::wallet
