#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <memory>
#include <type_traits>
#include <utility>

#include "common/first_buffers.hpp"

/// A connection's bytes, in the clear or under TLS, behind one type: the server and Beast's
/// WebSocket are compiled once, not once a kind of stream (that was a sixth of the build). Private
/// to node/rpc.
namespace millrace::node::rpc::detail {

/// What is called at an operation's end, whatever its type: with an error and the bytes moved. It
/// is called once, on the executor that it belongs to.
class IoHandler {
  public:
    using executor_type = boost::asio::any_io_executor;

    /// `handler` takes the error, and the bytes moved if it wants to.
    template <class Handler>
    IoHandler(Handler handler, const executor_type& fallback)
        : executor_(boost::asio::get_associated_executor(handler, fallback)),
          call_(std::make_unique<Of<Handler>>(std::move(handler))) {}

    [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }
    void operator()(const boost::system::error_code& ec, std::size_t size) {
        std::exchange(call_, nullptr)->run(ec, size);
    }
    void operator()(const boost::system::error_code& ec) { (*this)(ec, 0); }

  private:
    struct Call {
        Call() = default;
        virtual ~Call() = default;
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;
        virtual void run(const boost::system::error_code& ec, std::size_t size) = 0;
    };
    template <class Handler>
    struct Of final : Call {
        explicit Of(Handler h) : handler(std::move(h)) {}
        void run(const boost::system::error_code& ec, std::size_t size) override {
            if constexpr (std::is_invocable_v<Handler&, boost::system::error_code, std::size_t>)
                handler(ec, size);
            else
                handler(ec);
        }
        Handler handler;
    };

    executor_type executor_;
    std::unique_ptr<Call> call_;
};

/// An AsyncReadStream and AsyncWriteStream; also the lowest layer of a WebSocket. Belongs to its
/// connection's thread.
class Stream {
  public:
    using executor_type = boost::asio::any_io_executor;
    /// As many as go out in one call: an answer's head and body, a frame's head and payload. What
    /// is beyond them waits for the next call.
    static constexpr std::size_t kBuffersMax = 8;
    template <class Buffer>
    using Some = std::array<Buffer, kBuffersMax>;

    /// One kind of stream.
    class Kind {
      public:
        Kind() = default;
        virtual ~Kind() = default;
        Kind(const Kind&) = delete;
        Kind& operator=(const Kind&) = delete;
        virtual boost::asio::ip::tcp::socket& socket() = 0;
        virtual void read(const Some<boost::asio::mutable_buffer>& into, IoHandler handler) = 0;
        virtual void write(const Some<boost::asio::const_buffer>& from, IoHandler handler) = 0;
        virtual void read_raw(const Some<boost::asio::mutable_buffer>& into, IoHandler handler) = 0;
        virtual void expires_after(std::chrono::milliseconds time) = 0;
        virtual void expires_never() = 0;
        virtual void handshake(IoHandler handler) = 0;
        virtual void farewell(IoHandler handler) = 0;
        virtual void teardown(IoHandler handler) = 0;
    };

    /// `tls`: none for a stream in the clear; it must outlive this.
    Stream(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* tls);

    [[nodiscard]] executor_type get_executor() { return socket().get_executor(); }
    [[nodiscard]] boost::asio::ip::tcp::socket& socket() { return kind_->socket(); }
    /// For every operation until it is called again; an operation past it ends with an error.
    void expires_after(std::chrono::milliseconds time) { kind_->expires_after(time); }
    void expires_never() { kind_->expires_never(); }

    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        return start(std::forward<Token>(token),
                     [this, some = first<boost::asio::mutable_buffer>(buffers)](IoHandler handler) {
                         kind_->read(some, std::move(handler));
                     });
    }
    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        return start(std::forward<Token>(token),
                     [this, some = first<boost::asio::const_buffer>(buffers)](IoHandler handler) {
                         kind_->write(some, std::move(handler));
                     });
    }
    /// What comes below TLS, when that has ended.
    template <class Buffers, class Token>
    auto async_read_raw(const Buffers& buffers, Token&& token) {
        return start(std::forward<Token>(token),
                     [this, some = first<boost::asio::mutable_buffer>(buffers)](IoHandler handler) {
                         kind_->read_raw(some, std::move(handler));
                     });
    }
    /// That of TLS; a stream in the clear needs none, and it succeeds.
    template <class Token>
    auto async_handshake(Token&& token) {
        return start(std::forward<Token>(token),
                     [this](IoHandler handler) { kind_->handshake(std::move(handler)); });
    }
    /// Tells the other side, under TLS, that nothing more comes.
    template <class Token>
    auto async_farewell(Token&& token) {
        return start(std::forward<Token>(token),
                     [this](IoHandler handler) { kind_->farewell(std::move(handler)); });
    }
    /// Ends a WebSocket's connection.
    template <class Handler>
    void async_teardown(Handler&& handler) {
        kind_->teardown(IoHandler(std::forward<Handler>(handler), get_executor()));
    }

  private:
    template <class Buffer, class Buffers>
    static Some<Buffer> first(const Buffers& buffers) {
        return first_buffers<Buffer, kBuffersMax>(boost::asio::buffer_sequence_begin(buffers),
                                                  boost::asio::buffer_sequence_end(buffers));
    }
    template <class Token, class Operation>
    auto start(Token&& token, Operation operation) {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
            [executor = get_executor()](auto handler, Operation begin) {
                begin(IoHandler(std::move(handler), executor));
            },
            token, std::move(operation));
    }

    std::unique_ptr<Kind> kind_;
};

// What Beast's WebSocket asks of its lowest layer.
inline void beast_close_socket(Stream& stream) {
    boost::system::error_code ignored;
    stream.socket().close(ignored);
}
template <class Handler>
void async_teardown(boost::beast::role_type, Stream& stream, Handler&& handler) {
    stream.async_teardown(std::forward<Handler>(handler));
}

}  // namespace millrace::node::rpc::detail
