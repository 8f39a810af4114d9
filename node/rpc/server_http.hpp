#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/result.hpp"
#include "node/rpc/blob_port.hpp"
#include "node/rpc/dispatch.hpp"

namespace millrace::node::rpc {

struct HttpSettings {
    std::string address = "127.0.0.1";
    /// 0 takes any free port.
    std::uint16_t port = 8645;
    std::size_t threads = 2;
    std::size_t connections_max = 512;
    std::size_t body_bytes_max = 4 * 1024 * 1024;
    std::uint64_t blob_bytes_max = std::uint64_t{1} << 32U;
    std::uint64_t idle_timeout_ms = 60'000;
    std::uint64_t request_timeout_ms = 30'000;
    DispatchLimits dispatch;
};

/// JSON-RPC at `POST /`, blobs at `PUT /blob` and `GET /blob/ID`, `GET /health` and `/ready`.
/// Runs on threads of its own from `start` to `stop`; `methods`, `blobs` and `is_ready` outlive it.
class HttpServer {
  public:
    HttpServer(const MethodTable& methods, BlobPort& blobs, std::function<bool()> is_ready,
               HttpSettings settings);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Binds and begins to serve; the error says which address is taken.
    [[nodiscard]] Status<> start();
    /// Closes every connection and joins the threads. Safe to call twice.
    void stop();
    /// The port that was bound.
    [[nodiscard]] std::uint16_t port() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::node::rpc
