#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

/// Who is connected, and how much each client may ask: what keeps one from disturbing the others.
namespace millrace::node::rpc {

/// One connection as the table of all sees it.
struct Connection {
    std::string client;
    bool is_exempt = false;
    /// Closes it; called from any thread, only hands the wish on.
    std::function<void()> close;
    /// Since when it waits for a request; 0 while it is being served.
    std::atomic<std::uint64_t> idle_since_ms = 0;
    /// A WebSocket: being open is all that it does.
    std::atomic<bool> is_lasting = false;
    bool is_evicted = false;
};
using ConnectionPtr = std::shared_ptr<Connection>;

struct ClientLimits {
    std::size_t connections_max = 512;
    std::size_t client_connections_max = 64;
    std::uint32_t calls_per_second_max = 200;
};

/// Connections on their way out, beside those that there may be: they are closed by their own
/// threads, which takes a moment, and hold their descriptors until then.
inline constexpr std::size_t kClosingMax = 32;

/// Safe from any thread. Times are milliseconds of a monotonic clock, above 0.
class Clients {
  public:
    explicit Clients(ClientLimits limits) : limits_(limits) {}

    /// Lets a connection in. Where there is no room, the one that has waited longest without asking
    /// anything makes room, first of the same client, then of the client with the most: so neither
    /// a flood of half-open connections nor a hoarder shuts others out. None: all are being served,
    /// or have come so lately that they must first have their chance to ask.
    [[nodiscard]] ConnectionPtr admit(std::string client, bool is_exempt, std::uint64_t now_ms);
    /// The connection's way to be closed, once it has one.
    void set_close(const ConnectionPtr& connection, std::function<void()> close);
    void remove(const ConnectionPtr& connection);
    /// Connections that are being served.
    [[nodiscard]] std::size_t busy() const;
    [[nodiscard]] std::size_t size() const;

    /// Takes so many calls from a client's allowance: none when it has them, else after how many
    /// milliseconds it will.
    [[nodiscard]] std::optional<std::uint64_t> charge(const Connection& connection,
                                                      std::size_t calls, std::uint64_t now_ms);

  private:
    struct Bucket {
        /// Thousandths of a call.
        std::uint64_t tokens = 0;
        std::uint64_t at_ms = 0;
    };
    [[nodiscard]] bool evict(const std::string* client, std::uint64_t now_ms);
    [[nodiscard]] std::size_t living(const std::string* client) const;

    ClientLimits limits_;
    mutable std::mutex mutex_;
    std::list<ConnectionPtr> connections_;
    std::map<std::string, Bucket> buckets_;
};

}  // namespace millrace::node::rpc
