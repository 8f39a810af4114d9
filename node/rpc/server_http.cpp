#include "node/rpc/server_http.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <thread>
#include <vector>

#include "node/rpc/detail/core.hpp"

namespace millrace::node::rpc {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

/// Exit codes of the node.
constexpr int kErrorUsage = 1;
constexpr int kErrorPort = 5;
constexpr std::chrono::milliseconds kAcceptPause{50};
/// Threads for what takes long: as many questions to the market at once, no more.
constexpr std::size_t kSlowThreads = 2;
/// An answer of the usual size: with all connections waiting for one, a few dozen megabytes.
constexpr std::size_t kShortAnswerBytes = 64U * 1024U;
constexpr const char* kNoRoom =
    "answers that clients have not read yet take all of rpc-answers-bytes-max, or this client's "
    "share of it; this was not begun, ask again in a few seconds, or for less";
/// Who sent a transaction must not think that it did not arrive.
constexpr const char* kNoRoomDone =
    "this was done, but its answer finds no room: answers that clients have not read yet take all "
    "of rpc-answers-bytes-max, or this client's share of it; what only reads can be asked again in "
    "a few seconds";
/// So many clients at least share the room for answers.
constexpr std::uint64_t kAnswersSharedBy = 4;
/// What one client's answers may take: as much at least as can be made for it at once, else it
/// would be refused for asking twice.
std::uint64_t client_answers_bytes_max(const HttpSettings& settings) {
    return std::max<std::uint64_t>(settings.answers_bytes_max / kAnswersSharedBy,
                                   kSlowThreads * settings.dispatch.response_bytes_max);
}
/// How long a stop waits for what is being answered.
constexpr std::chrono::milliseconds kStopPatience{1'000};
constexpr std::chrono::milliseconds kStopStep{5};
/// Connections that wait until there is room for them, and how long they do.
constexpr std::size_t kWaitingMax = 256;
static_assert(kWaitingMax + kClosingMax == kConnectionsBesideMax);
constexpr std::chrono::milliseconds kRoomPatience{1'000};
constexpr std::chrono::milliseconds kRoomStep{10};
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    "Content-Length: 55\r\n\r\nThis node serves as many connections as it may already.";

/// A name, or a literal address, of a Host header or an origin, without its port.
std::string_view without_port(std::string_view host) {
    if (!host.empty() && host.front() == '[') return host.substr(0, host.find(']') + 1);
    return host.substr(0, host.rfind(':'));
}

/// A web page must not reach a wallet's node through a name of its own that resolves to loopback
/// (DNS rebinding): only names that mean this machine, literal addresses, and names that the
/// operator lists are answered.
bool is_host_allowed(const HttpSettings& settings, std::string_view host) {
    if (host.empty()) return true;  // HTTP/1.0 and plain tools; a browser always sends it
    if (host.front() == '[') return host.find(']') != std::string_view::npos;
    const std::string_view name = without_port(host);
    if (name == "localhost") return true;
    error_code ec;
    asio::ip::make_address_v4(std::string(name), ec);
    if (!ec) return true;
    return std::find(settings.allowed_hosts.begin(), settings.allowed_hosts.end(), name) !=
           settings.allowed_hosts.end();
}

bool is_loopback(const asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
    return address.is_loopback();
}

}  // namespace

namespace detail {

std::uint64_t now_ms() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
               std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) +
           1;
}

Admission admit(const ServerCore& core, std::string_view host, std::string_view origin,
                std::string_view authorization) {
    constexpr unsigned kUnauthorized = 401;
    constexpr unsigned kForbidden = 403;
    Admission out;
    if (!is_host_allowed(core.settings, host)) {
        out.status = kForbidden;
        out.sentence = "Host is neither localhost nor an address, and rpc-allowed-hosts lacks it.";
        return out;
    }
    if (!origin.empty()) {
        // A page that this node served itself is of the origin that it asks.
        const std::string own = std::string(core.tls ? "https://" : "http://") + std::string(host);
        const auto& listed = core.settings.allowed_origins;
        if (std::find(listed.begin(), listed.end(), origin) != listed.end()) {
            out.cors_origin = std::string(origin);
        } else if (origin != own) {
            out.status = kForbidden;
            out.sentence = "A page of another origin asks, and rpc-allowed-origins lacks it.";
            return out;
        }
    }
    if (core.ports.access == nullptr) {
        out.scopes = Caller{}.scopes;
        return out;
    }
    const auto scopes = core.ports.access->scopes_of(authorization);
    if (!scopes) {
        out.status = kUnauthorized;
        out.sentence =
            "Authorization is neither \"Bearer \" and the text of rpc.cookie nor a token of this "
            "node.";
        return out;
    }
    out.scopes = *scopes;
    return out;
}

asio::awaitable<Answer> answer_request(ServerCore& core, const Connection& connection,
                                       Caller caller, const Request& request) {
    const MethodTable& methods = core.ports.methods;
    const DispatchLimits& limits = core.settings.dispatch;
    const auto busy = [&](const char* sentence) {
        const RpcError error{RpcCode::not_available, sentence};
        std::string text = refuse(request, error);
        // Refusals go out whatever room there is; of a batch that is longer than usual, as one.
        if (text.size() > kShortAnswerBytes) text = error_text(error);
        const std::uint64_t size = text.size();
        return Answer{std::move(text), core.answers.add(size)};
    };
    const auto take = [&](std::uint64_t bytes) {
        return connection.is_exempt ? core.answers.take(bytes)
                                    : core.answers.take_of(connection.client, bytes);
    };
    if (!request.is_slow) {
        std::string text = answer(methods, limits, caller, request, &core.is_stopping);
        const std::uint64_t size = text.size();
        // Who asks for little is answered whatever others do.
        if (size <= kShortAnswerBytes) co_return Answer{std::move(text), core.answers.add(size)};
        auto share = take(size);
        if (!share) co_return busy(kNoRoomDone);
        co_return Answer{std::move(text), *std::move(share)};
    }
    std::optional<Answer> made;
    co_await elsewhere(core, [&] {
        // Taken here, not while it waits in the queue.
        auto share = take(limits.response_bytes_max);
        if (!share) return;
        std::string text = answer(methods, limits, caller, request, &core.is_stopping);
        share->resize(text.size());
        made.emplace(Answer{std::move(text), *std::move(share)});
    });
    if (!made) co_return busy(kNoRoom);
    co_return *std::move(made);
}

std::string rate_limited_text(std::uint64_t retry_after_ms) {
    return error_text(
        {RpcCode::rate_limited,
         "more calls than one client may make; go on in " + std::to_string(retry_after_ms) + " ms",
         boost::json::object{{"retry_after_ms", retry_after_ms}}});
}

}  // namespace detail

class HttpServer::Impl {
  public:
    Impl(Ports ports, const HttpSettings& settings)
        : core_{std::move(ports),
                settings,
                Clients({settings.connections_max, settings.client_connections_max,
                         settings.calls_per_second_max}),
                AnswerBudget(settings.answers_bytes_max, client_answers_bytes_max(settings)),
                nullptr,
                std::nullopt} {
        core_.slow = std::make_unique<asio::thread_pool>(kSlowThreads);
    }

    Status<> start() {
        MILLRACE_CHECK(load_tls());
        // One loop a thread, each with connections of its own: nothing is handed between threads,
        // and no lock is taken, for a question that is answered at once.
        for (std::size_t i = 0; i < std::max<std::size_t>(1, core_.settings.threads); ++i)
            loops_.push_back(std::make_unique<asio::io_context>(1));
        MILLRACE_CHECK(listen());
        asio::co_spawn(*loops_.front(), accept_loop(), asio::detached);
        for (const auto& loop : loops_) {
            guards_.emplace_back(loop->get_executor());
            threads_.emplace_back([&loop] { loop->run(); });
        }
        return Ok{};
    }

    void stop() {
        if (threads_.empty()) return;
        core_.is_stopping = true;
        for (auto gone = std::chrono::milliseconds{0};
             core_.clients.busy() != 0 && gone < kStopPatience; gone += kStopStep)
            std::this_thread::sleep_for(kStopStep);
        for (const auto& loop : loops_) loop->stop();
        core_.slow->stop();
        core_.slow->join();
        for (std::thread& thread : threads_) thread.join();
        // What it has not done, or has done and not told, is handed back to the loops to end.
        core_.slow.reset();
        threads_.clear();
        guards_.clear();
        acceptor_.reset();
        // Blocks may still become final, and must find nobody on a loop that is gone.
        if (core_.ports.hub != nullptr) core_.ports.hub->clear();
        // Sessions that never ended are destroyed with their loops, while what they use is here.
        loops_.clear();
    }

    std::uint16_t port() const { return port_; }

  private:
    Status<> load_tls() {
        const HttpSettings& s = core_.settings;
        if (s.tls_certificate.empty() != s.tls_key.empty())
            return Err{Error{kErrorUsage,
                             "rpc-tls-certificate and rpc-tls-key are given together or not at "
                             "all"}};
        if (s.tls_certificate.empty()) return Ok{};
        error_code ec;
        auto& tls = core_.tls.emplace(asio::ssl::context::tls_server);
        tls.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                            asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                            asio::ssl::context::no_tlsv1_1,
                        ec);
        if (!ec) tls.use_certificate_chain_file(s.tls_certificate, ec);
        if (ec)
            return Err{Error{kErrorUsage, "rpc-tls-certificate " + s.tls_certificate +
                                              " cannot be used: " + ec.message()}};
        tls.use_private_key_file(s.tls_key, asio::ssl::context::pem, ec);
        if (ec)
            return Err{Error{kErrorUsage,
                             "rpc-tls-key " + s.tls_key + " cannot be used: " + ec.message()}};
        return Ok{};
    }

    Status<> listen() {
        const HttpSettings& s = core_.settings;
        error_code ec;
        const auto address = asio::ip::make_address(s.address, ec);
        if (ec)
            return Err{Error{kErrorUsage, "rpc-address: \"" + s.address + "\" is not an address"}};
        const tcp::endpoint endpoint(address, s.port);
        acceptor_.emplace(*loops_.front());
        acceptor_->open(endpoint.protocol(), ec);
        if (!ec) acceptor_->set_option(asio::socket_base::reuse_address(true), ec);
        if (!ec) acceptor_->bind(endpoint, ec);
        if (!ec) acceptor_->listen(asio::socket_base::max_listen_connections, ec);
        if (ec)
            return Err{Error{kErrorPort, "cannot listen on " + s.address + ":" +
                                             std::to_string(s.port) + ": " + ec.message() +
                                             "; choose another with --rpc-port"}};
        port_ = acceptor_->local_endpoint().port();
        return Ok{};
    }

    asio::awaitable<void> accept_loop() {
        for (std::size_t turn = 0;; ++turn) {
            asio::io_context& loop = *loops_[turn % loops_.size()];
            error_code ec;
            tcp::socket socket = co_await acceptor_->async_accept(
                loop, asio::redirect_error(asio::use_awaitable, ec));
            if (ec == asio::error::operation_aborted) co_return;
            if (ec) {
                // The peer left, or there are no descriptors: then the next accept fails at once
                // too, and trying it without a pause would take a whole core.
                asio::steady_timer pause(acceptor_->get_executor(), kAcceptPause);
                co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
                continue;
            }
            if (!core_.is_stopping) begin(loop, std::move(socket));
        }
    }

    static asio::awaitable<void> until_end(asio::awaitable<void> session,
                                           std::shared_ptr<int> open) {
        try {
            co_await std::move(session);
        } catch (const std::exception& trouble) {
            spdlog::debug("a connection ended: {}", trouble.what());
        }
        *open = -1;
    }

    void begin(asio::io_context& loop, tcp::socket socket) {
        error_code ec;
        const auto peer = socket.remote_endpoint(ec);
        if (ec) return;
        const bool is_exempt = is_loopback(peer.address()) && !core_.settings.limit_loopback;
        const std::string client = peer.address().to_string();
        if (const auto connection = core_.clients.admit(client, is_exempt, detail::now_ms()))
            return serve(loop, std::move(socket), connection);
        if (waiting_ >= kWaitingMax) return turn_away(socket);
        ++waiting_;
        asio::co_spawn(loop, wait_for_room(loop, std::move(socket), client, is_exempt),
                       [this](const std::exception_ptr&) { --waiting_; });
    }

    /// Those who are all too new to make room will not be so for long.
    asio::awaitable<void> wait_for_room(asio::io_context& loop, tcp::socket socket,
                                        std::string client, bool is_exempt) {
        for (auto gone = std::chrono::milliseconds{0}; gone < kRoomPatience; gone += kRoomStep) {
            asio::steady_timer pause(loop, kRoomStep);
            error_code ec;
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
            const auto connection = core_.clients.admit(client, is_exempt, detail::now_ms());
            if (!connection) continue;
            serve(loop, std::move(socket), connection);
            co_return;
        }
        turn_away(socket);
    }

    /// As much of the sentence as the socket takes at once; nobody waits for a client that there is
    /// no room for.
    static void turn_away(tcp::socket& socket) {
        error_code ec;
        socket.non_blocking(true, ec);
        socket.write_some(asio::buffer(kFull), ec);
    }

    void serve(asio::io_context& loop, tcp::socket socket, const ConnectionPtr& connection) {
        error_code ec;
        socket.set_option(tcp::no_delay(true), ec);
        // The descriptor is only looked at on the loop's thread, and is none once the session has
        // ended: so what is closed is never another connection that got the same number.
        const auto open = std::make_shared<int>(socket.native_handle());
        core_.clients.set_close(connection, [&loop, weak = std::weak_ptr<int>(open)] {
            asio::post(loop, [weak] {
                const auto fd = weak.lock();
                if (fd && *fd >= 0) ::shutdown(*fd, SHUT_RDWR);
            });
        });
        auto session = detail::run_session(std::move(socket), core_, connection);
        asio::co_spawn(
            loop, until_end(std::move(session), open),
            [this, connection](const std::exception_ptr&) { core_.clients.remove(connection); });
    }

    detail::ServerCore core_;
    std::vector<std::unique_ptr<asio::io_context>> loops_;
    std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards_;
    std::optional<tcp::acceptor> acceptor_;
    std::vector<std::thread> threads_;
    std::atomic<std::size_t> waiting_{0};
    std::uint16_t port_ = 0;
};

HttpServer::HttpServer(Ports ports, const HttpSettings& settings)
    : impl_(std::make_unique<Impl>(std::move(ports), settings)) {}
HttpServer::~HttpServer() {
    stop();
}
Status<> HttpServer::start() {
    return impl_->start();
}
void HttpServer::stop() {
    impl_->stop();
}
std::uint16_t HttpServer::port() const {
    return impl_->port();
}

}  // namespace millrace::node::rpc
