#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <optional>
#include <string>
#include <utility>

namespace millrace::wallet {

/// One connection to a node, in the clear or under TLS: what Beast reads from and writes to. Used
/// by client.cpp alone.
class Link {
  public:
    using executor_type = boost::beast::tcp_stream::executor_type;
    using Secure = boost::asio::ssl::stream<boost::beast::tcp_stream>;

    /// `tls`: none for a connection in the clear; it must outlive this.
    Link(boost::asio::io_context& io, boost::asio::ssl::context* tls) {
        if (tls != nullptr)
            secure_.emplace(boost::beast::tcp_stream(io), *tls);
        else
            plain_.emplace(io);
    }
    [[nodiscard]] executor_type get_executor() { return tcp().get_executor(); }
    /// Below TLS: connects, and has the deadlines of everything above.
    [[nodiscard]] boost::beast::tcp_stream& tcp() {
        return secure_ ? secure_->next_layer() : *plain_;
    }

    /// Asks for `host`'s certificate and holds it against that name. Called under TLS alone, after
    /// the connection stands.
    template <class Handler>
    void async_handshake(const std::string& host, Handler&& handler) {
        boost::system::error_code is_number;
        boost::asio::ip::make_address(host, is_number);
        // A server is asked for by its name; a number is none (RFC 6066, 3).
        // What OpenSSL's macro SSL_set_tlsext_host_name does, without its C cast.
        if (is_number)
            SSL_ctrl(secure_->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
                     TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
        secure_->set_verify_mode(boost::asio::ssl::verify_peer);
        secure_->set_verify_callback(boost::asio::ssl::host_name_verification(host));
        secure_->async_handshake(boost::asio::ssl::stream_base::client,
                                 std::forward<Handler>(handler));
    }
    template <class Buffers, class Handler>
    void async_read_some(const Buffers& buffers, Handler&& handler) {
        if (secure_)
            secure_->async_read_some(buffers, std::forward<Handler>(handler));
        else
            plain_->async_read_some(buffers, std::forward<Handler>(handler));
    }
    template <class Buffers, class Handler>
    void async_write_some(const Buffers& buffers, Handler&& handler) {
        if (secure_)
            secure_->async_write_some(buffers, std::forward<Handler>(handler));
        else
            plain_->async_write_some(buffers, std::forward<Handler>(handler));
    }

  private:
    std::optional<boost::beast::tcp_stream> plain_;
    std::optional<Secure> secure_;
};

}  // namespace millrace::wallet
