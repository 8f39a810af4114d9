#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/bytes.hpp"
#include "common/describe_schema.hpp"
#include "common/result.hpp"
#include "wallet/exit_codes.hpp"

namespace millrace::wallet {

/// Why a command cannot go on: how the program ends, and a sentence with the way out. With
/// `Exit::ok` it has come to its end early and `data` is its result (--dry-run).
struct Failure {
    Exit exit = Exit::failed;
    std::string message;
    /// The node's error code and data, where the node answered.
    int rpc_code = 0;
    boost::json::value data = nullptr;
    /// The status of an HTTP answer to a blob's upload or download; 0 where it was none.
    int http_status = 0;
};
template <class T>
using Try = Result<T, Failure>;

/// Told how many bytes of how many have moved.
using OnBytes = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Fills a piece from its start and says how much of it; all of it until the end is near.
using ReadPiece = std::function<Try<std::size_t>(MutableByteView piece)>;

/// How long one step of a call waits for the node.
inline constexpr std::chrono::seconds kDeadline{30};

/// Takes the next bytes of a download.
using TakePiece = std::function<Try<Ok>(ByteView piece)>;

/// How a node is spoken to, beside its address.
struct Reach {
    /// Shown as `Authorization: Bearer`; empty: none. Whoever reads it has it: under `https://`, or
    /// where the network is one's own.
    std::string token;
    /// Certificates (PEM) that a node's must come from; none: those that this machine trusts.
    std::optional<std::filesystem::path> ca_file;
    /// A node that takes or gives nothing for so long is unreachable.
    std::chrono::milliseconds deadline = kDeadline;
};

/// Whether the node of this address is on this machine.
[[nodiscard]] bool is_local_url(std::string_view url);

/// One keep-alive HTTP connection to a node, used by one thread; connects when first needed and
/// again when the node has closed it. Every wait has a deadline.
class Client {
  public:
    /// `url`: `http://HOST:PORT`, or `https://HOST:PORT`, where the node's certificate must be good
    /// for HOST.
    [[nodiscard]] static Try<std::unique_ptr<Client>> make(const std::string& url,
                                                           const Reach& reach = {});
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// The result of one JSON-RPC call.
    [[nodiscard]] Try<boost::json::value> call(std::string_view method, boost::json::object params);
    /// The result as a described type; an answer of another shape is the node's failure.
    template <class T>
    [[nodiscard]] Try<T> ask(std::string_view method, boost::json::object params = {}) {
        MILLRACE_TRY(const boost::json::value answer, call(method, std::move(params)));
        auto value = from_json<T>(answer);
        if (!value.has_value())
            return Err{
                Failure{Exit::failed, "the node's answer to " + std::string(method) +
                                          " is not understood: " + value.error().sentence()}};
        return *std::move(value);
    }

    /// Sends bytes `[offset, offset + size)` of an announced blob of `total` bytes. `read` is asked
    /// for them in order. A refusal carries the node's sentence and `http_status`.
    [[nodiscard]] Try<Ok> put_part(const std::string& id_hex, std::uint64_t offset,
                                   std::uint64_t size, std::uint64_t total, const ReadPiece& read,
                                   const OnBytes& on_bytes = {});
    /// Fetches bytes `[offset, offset + size)` of a blob, `size` above 0.
    [[nodiscard]] Try<Ok> get_part(const std::string& id_hex, std::uint64_t offset,
                                   std::uint64_t size, const TakePiece& take);

    [[nodiscard]] const std::string& url() const;

  private:
    class Impl;
    explicit Client(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::wallet
