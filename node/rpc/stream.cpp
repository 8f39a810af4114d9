#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/teardown.hpp>

#include "node/rpc/detail/stream.hpp"

namespace millrace::node::rpc::detail {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;

namespace {

template <class Next>
class KindOf : public Stream::Kind {
  public:
    tcp::socket& socket() final { return lowest().socket(); }
    void read(const Stream::Some<asio::mutable_buffer>& into, IoHandler handler) final {
        next_.async_read_some(into, std::move(handler));
    }
    void write(const Stream::Some<asio::const_buffer>& from, IoHandler handler) final {
        next_.async_write_some(from, std::move(handler));
    }
    void read_raw(const Stream::Some<asio::mutable_buffer>& into, IoHandler handler) final {
        lowest().async_read_some(into, std::move(handler));
    }
    void expires_after(std::chrono::milliseconds time) final { lowest().expires_after(time); }
    void expires_never() final { lowest().expires_never(); }
    void teardown(IoHandler handler) final {
        using beast::websocket::async_teardown;
        async_teardown(beast::role_type::server, next_, std::move(handler));
    }

  protected:
    template <class... Args>
    explicit KindOf(Args&&... args) : next_(std::forward<Args>(args)...) {}
    Next& next() { return next_; }

  private:
    beast::tcp_stream& lowest() { return beast::get_lowest_layer(next_); }

    Next next_;
};

class Plain final : public KindOf<beast::tcp_stream> {
  public:
    explicit Plain(tcp::socket socket) : KindOf(std::move(socket)) {}
    void handshake(IoHandler handler) override { succeed(std::move(handler)); }
    void farewell(IoHandler handler) override { succeed(std::move(handler)); }

  private:
    /// Never from within the call that began it: the caller is not waiting yet.
    void succeed(IoHandler handler) {
        const auto executor = handler.get_executor();
        asio::post(executor, [h = std::move(handler)]() mutable { h({}, 0); });
    }
};

class Secure final : public KindOf<asio::ssl::stream<beast::tcp_stream>> {
  public:
    Secure(tcp::socket socket, asio::ssl::context& tls)
        : KindOf(beast::tcp_stream(std::move(socket)), tls) {}
    void handshake(IoHandler handler) override {
        next().async_handshake(asio::ssl::stream_base::server, std::move(handler));
    }
    void farewell(IoHandler handler) override { next().async_shutdown(std::move(handler)); }
};

}  // namespace

Stream::Stream(tcp::socket socket, asio::ssl::context* tls) {
    if (tls != nullptr)
        kind_ = std::make_unique<Secure>(std::move(socket), *tls);
    else
        kind_ = std::make_unique<Plain>(std::move(socket));
}

}  // namespace millrace::node::rpc::detail
