#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "common/first_buffers.hpp"

namespace boost::asio::ssl {
class context;
}  // namespace boost::asio::ssl

namespace millrace::wallet {

/// One connection to a node, in the clear or under TLS: what Beast's plain, synchronous algorithms
/// read from and write to. Nothing waits past the deadline: below, every operation is an
/// asynchronous one with its time. Used by client.cpp alone.
class Link {
  public:
    using ErrorCode = boost::system::error_code;

    /// `tls`: none for a connection in the clear; it must outlive this.
    explicit Link(boost::asio::ssl::context* tls);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    /// For all operations until it is called again.
    void expires_after(std::chrono::milliseconds time);

    /// Finds the host, and connects to the first of its addresses that answers.
    void connect(const std::string& host, const std::string& port, ErrorCode& ec);
    /// Asks for `host`'s certificate and holds it against that name. Called under TLS alone, after
    /// the connection stands.
    void handshake(const std::string& host, ErrorCode& ec);

    template <class Buffers>
    std::size_t read_some(const Buffers& buffers, ErrorCode& ec) {
        return read(first<boost::asio::mutable_buffer>(buffers), ec);
    }
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers, ErrorCode& ec) {
        return write(first<boost::asio::const_buffer>(buffers), ec);
    }
    // Beast's concepts want these too; nothing of ours calls them.
    template <class Buffers>
    std::size_t read_some(const Buffers& buffers) {
        return or_throw([&](ErrorCode& ec) { return read_some(buffers, ec); });
    }
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers) {
        return or_throw([&](ErrorCode& ec) { return write_some(buffers, ec); });
    }

  private:
    /// As many as go out in one call: a request's head and body are fewer. What is beyond them
    /// waits for the next call.
    static constexpr std::size_t kBuffersMax = 8;
    template <class Buffer>
    using Some = std::array<Buffer, kBuffersMax>;

    template <class Buffer, class Buffers>
    static Some<Buffer> first(const Buffers& buffers) {
        return first_buffers<Buffer, kBuffersMax>(boost::asio::buffer_sequence_begin(buffers),
                                                  boost::asio::buffer_sequence_end(buffers));
    }
    template <class Operation>
    static std::size_t or_throw(Operation operation) {
        ErrorCode ec;
        const std::size_t size = operation(ec);
        if (ec) throw boost::system::system_error(ec);
        return size;
    }

    std::size_t read(const Some<boost::asio::mutable_buffer>& into, ErrorCode& ec);
    std::size_t write(const Some<boost::asio::const_buffer>& from, ErrorCode& ec);

    struct Streams;
    std::unique_ptr<Streams> streams_;
};

}  // namespace millrace::wallet
