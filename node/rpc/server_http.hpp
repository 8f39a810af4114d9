#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/result.hpp"
#include "node/rpc/access.hpp"
#include "node/rpc/blob_port.hpp"
#include "node/rpc/dispatch.hpp"
#include "node/rpc/hub.hpp"

namespace millrace::node::rpc {

struct NodeApi;

/// Connections that the server may hold beside `connections_max`: those that wait for room, and
/// those on their way out.
inline constexpr std::size_t kConnectionsBesideMax = 288;

/// Every bound is a setting of the node; the defaults here are those of settings.hpp.
struct HttpSettings {
    std::string address = "127.0.0.1";
    /// 0 takes any free port.
    std::uint16_t port = 8645;
    std::size_t threads = 2;
    std::size_t connections_max = 512;
    /// Of one client address.
    std::size_t client_connections_max = 64;
    std::size_t body_bytes_max = std::size_t{4} << 20U;
    std::uint64_t blob_bytes_max = std::uint64_t{1} << 32U;
    /// How long a connection may wait between two requests; a first request's head comes within a
    /// sixth of it.
    std::uint64_t idle_timeout_ms = 60'000;
    /// How long a request's body, or an answer's way to the client, may take.
    std::uint64_t request_timeout_ms = 30'000;
    /// Calls a second of one client address, with as many saved up; 0: no bound.
    std::uint32_t calls_per_second_max = 200;
    /// Whether the bounds on one client also hold for this machine's own programs.
    bool limit_loopback = false;
    /// Of one WebSocket.
    std::size_t subscriptions_max = 64;
    /// A message that a WebSocket's client does not take within this makes it too slow.
    std::uint64_t slow_client_ms = 10'000;
    /// Names beside localhost and literal addresses that a Host header may give.
    std::vector<std::string> allowed_hosts;
    /// Origins (`https://example.org`) whose pages may call; all others are refused.
    std::vector<std::string> allowed_origins;
    /// PEM files; both or neither.
    std::string tls_certificate;
    std::string tls_key;
    /// Of answers that are made or wait to be read, on all connections; not below one of the
    /// largest (`dispatch.response_bytes_max`).
    std::uint64_t answers_bytes_max = 256ULL << 20U;
    DispatchLimits dispatch;
};

/// JSON-RPC at `POST /` and over WebSocket at `GET /`, blobs at `PUT /blob` and `GET /blob/ID`,
/// `GET /health`, `/ready` and `/metrics`. Runs on threads of its own from `start` to `stop`; what
/// the ports name outlives it.
class HttpServer {
  public:
    /// What the server has done since its start, and has open now.
    struct Traffic {
        std::uint64_t connections = 0;
        std::uint64_t requests = 0;
        /// Of these, answered with a status of 400 or above.
        std::uint64_t refused = 0;
    };
    struct Ports {
        const MethodTable& methods;
        BlobPort& blobs;
        std::function<bool()> is_ready;
        /// None: everybody may read and submit.
        const AccessControl* access = nullptr;
        /// What subscriptions read; none: there are no subscriptions.
        const NodeApi* api = nullptr;
        FinalityHub* hub = nullptr;
        /// The text of `GET /metrics`; none: there is no such page.
        std::function<std::string(const Traffic&)> metrics{};
    };
    HttpServer(Ports ports, const HttpSettings& settings);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Binds and begins to serve; the error says which address is taken.
    [[nodiscard]] Status<> start();
    /// Lets what is being answered go out, closes every connection and joins the threads. Safe to
    /// call twice.
    void stop();
    /// The port that was bound.
    [[nodiscard]] std::uint16_t port() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::node::rpc
