#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <deque>

#include "node/rpc/detail/ws_session.hpp"
#include "node/rpc/watcher.hpp"

namespace millrace::node::rpc::detail {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;

namespace {

/// Answers that wait to be sent before the next request is read: a client that only asks and never
/// reads is not read from any more.
constexpr std::size_t kAnswersMax = 16;
/// Bytes of them above which it is not read from either: one answer may be megabytes.
constexpr std::size_t kAnswersBytesMax = 256U * 1024U;
/// What the kernel may hold for a client beside our one message.
constexpr int kSendBufferBytes = 256 * 1024;

/// One WebSocket. The reader answers requests, the writer sends answers and notifications; both
/// live on the connection's thread, and the session ends when both have.
class WsSession : public std::enable_shared_from_this<WsSession> {
  public:
    WsSession(Stream stream, ServerCore& core, Scopes scopes, ConnectionPtr connection)
        : socket_(std::move(stream)),
          core_(core),
          connection_(std::move(connection)),
          news_(socket_.get_executor()),
          room_(socket_.get_executor()),
          watchdog_(socket_.get_executor()) {
        caller_.scopes = scopes;
        if (core_.ports.api != nullptr) {
            watcher_.emplace(*core_.ports.api, core_.settings.subscriptions_max);
            caller_.subscriptions = &*watcher_;
        }
        news_.expires_at(asio::steady_timer::time_point::max());
        room_.expires_at(asio::steady_timer::time_point::max());
    }

    asio::awaitable<void> run(UpgradeRequest request) {
        Stream& stream = socket_.next_layer();
        error_code ec;
        stream.socket().set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), ec);
        stream.expires_never();  // the WebSocket has timers of its own
        websocket::stream_base::timeout timeouts{};
        timeouts.handshake_timeout = std::chrono::milliseconds(core_.settings.request_timeout_ms);
        timeouts.idle_timeout = std::chrono::milliseconds(core_.settings.idle_timeout_ms);
        timeouts.keep_alive_pings = true;
        socket_.set_option(timeouts);
        socket_.read_message_max(core_.settings.body_bytes_max);
        socket_.text(true);
        credential_ = AccessControl::credential_of(request[beast::http::field::authorization]);
        co_await socket_.async_accept(request, asio::redirect_error(asio::use_awaitable, ec));
        if (ec) co_return;
        connection_->is_lasting = true;
        const auto self = shared_from_this();
        const std::uint64_t listener = listen();
        is_writing_ = true;
        asio::co_spawn(socket_.get_executor(), write_all(self), asio::detached);
        co_await read_all();
        is_ending_ = true;
        news_.cancel();
        // The writer's last message, and its close, have their time.
        while (is_writing_) {
            room_.expires_at(asio::steady_timer::time_point::max());
            co_await room_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        }
        if (listener != 0) core_.ports.hub->remove(listener);
    }

  private:
    /// A token that is taken back is worth nothing at once, also where it has opened a connection.
    bool is_admitted() {
        const AccessControl* access = core_.ports.access;
        if (access == nullptr || !credential_ || is_revoked_) return !is_revoked_;
        const std::uint64_t revocations = access->revocations();
        if (revocations == revocations_) return true;
        revocations_ = revocations;
        const std::optional<Scopes> scopes = access->scopes_of(*credential_);
        is_revoked_ = !scopes;
        if (scopes) caller_.scopes = *scopes;
        return !is_revoked_;
    }

    std::uint64_t listen() {
        if (core_.ports.hub == nullptr || !watcher_) return 0;
        return core_.ports.hub->add([weak = weak_from_this(), executor = socket_.get_executor()] {
            asio::post(executor, [weak] {
                const auto self = weak.lock();
                if (!self) return;
                self->watcher_->wake();
                self->news_.cancel();
            });
        });
    }

    // ---- reading -------------------------------------------------------------------------------
    asio::awaitable<void> read_all() {
        beast::flat_buffer buffer;
        while (!is_ending_) {
            error_code ec;
            connection_->idle_since_ms = watcher_ && !watcher_->is_empty() ? 0 : now_ms();
            co_await socket_.async_read(buffer, asio::redirect_error(asio::use_awaitable, ec));
            if (ec) co_return;
            const std::string text = beast::buffers_to_string(buffer.data());
            buffer.consume(buffer.size());
            if (!is_admitted()) {
                // The writer closes; what comes until then is dropped.
                news_.cancel();
                continue;
            }
            Answer answer = co_await call(text);
            if (!answer.text.empty()) {
                answers_bytes_ += answer.text.size();
                answers_.push_back(std::move(answer));
            }
            news_.cancel();
            while ((answers_.size() >= kAnswersMax || answers_bytes_ > kAnswersBytesMax) &&
                   !is_ending_) {
                room_.expires_at(asio::steady_timer::time_point::max());
                co_await room_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
            }
        }
    }

    asio::awaitable<Answer> call(const std::string& text) {
        const Request request = read_request(core_.ports.methods, core_.settings.dispatch, text);
        if (const auto wait = core_.clients.charge(*connection_, request.calls, now_ms()))
            co_return Answer{rate_limited_text(*wait), core_.answers.add(0)};
        // Subscriptions belong to this thread: a batch that holds long calls may not make any.
        Caller caller = caller_;
        if (request.is_slow) caller.subscriptions = nullptr;
        co_return co_await answer_request(core_, *connection_, caller, request);
    }

    // ---- writing -------------------------------------------------------------------------------
    asio::awaitable<void> write_all(std::shared_ptr<WsSession> self) {
        while (!is_ending_) {
            if (!is_admitted()) {
                co_await close(websocket::close_code::policy_error, "the token was revoked");
                break;
            }
            std::optional<Answer> message = next();
            if (!message) {
                error_code ec;
                news_.expires_at(asio::steady_timer::time_point::max());
                co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
                continue;
            }
            if (!co_await send(std::move(message->text))) break;
            if (is_too_slow_) {
                if (watcher_) co_await send(watcher_->farewell("too_slow"));
                co_await close(websocket::close_code::try_again_later, "too slow");
                break;
            }
        }
        is_ending_ = true;
        is_writing_ = false;
        room_.cancel();
        if (is_too_slow_ || is_broken_ || is_revoked_) close_hard();
        (void)self;
    }

    asio::awaitable<void> close(websocket::close_code code, const char* why) {
        error_code ec;
        co_await socket_.async_close(websocket::close_reason(code, why),
                                     asio::redirect_error(asio::use_awaitable, ec));
    }

    std::optional<Answer> next() {
        if (!answers_.empty()) {
            Answer answer = std::move(answers_.front());
            answers_.pop_front();
            answers_bytes_ -= answer.text.size();
            room_.cancel();
            return answer;
        }
        auto text = watcher_ ? watcher_->next() : std::nullopt;
        if (!text) return std::nullopt;
        return Answer{*std::move(text), core_.answers.add(0)};
    }

    /// A client that does not take the message in time is too slow: it is told so as soon as it
    /// reads on, and after as long again it is cut off.
    asio::awaitable<bool> send(std::string text) {
        error_code ec;
        watch(1);
        co_await socket_.async_write(asio::buffer(text),
                                     asio::redirect_error(asio::use_awaitable, ec));
        ++sent_;
        watchdog_.cancel();
        is_broken_ = is_broken_ || ec;
        co_return !ec;
    }
    void watch(int round) {
        watchdog_.expires_after(std::chrono::milliseconds(core_.settings.slow_client_ms));
        watchdog_.async_wait([weak = weak_from_this(), round, sent = sent_](const error_code& ec) {
            const auto self = weak.lock();
            if (ec || !self || self->sent_ != sent) return;
            self->is_too_slow_ = true;
            if (round == 1) return self->watch(2);
            self->close_hard();
        });
    }
    void close_hard() {
        error_code ec;
        socket_.next_layer().socket().shutdown(asio::ip::tcp::socket::shutdown_both, ec);
    }

    websocket::stream<Stream> socket_;
    ServerCore& core_;
    ConnectionPtr connection_;
    Caller caller_;
    std::optional<Watcher> watcher_;
    std::deque<Answer> answers_;
    std::size_t answers_bytes_ = 0;
    /// Cancelled to tell the writer of something to send.
    asio::steady_timer news_;
    /// Cancelled to tell the reader of room for answers, or of the writer's end.
    asio::steady_timer room_;
    asio::steady_timer watchdog_;
    std::uint64_t sent_ = 0;
    bool is_writing_ = false;
    bool is_ending_ = false;
    bool is_too_slow_ = false;
    bool is_broken_ = false;
    bool is_revoked_ = false;
    /// What the connection was opened with, and how many tokens had been taken back when its scopes
    /// were last looked up.
    std::optional<Hash> credential_;
    std::uint64_t revocations_ = 0;
};

}  // namespace

asio::awaitable<void> run_websocket(Stream stream, UpgradeRequest request, ServerCore& core,
                                    Scopes scopes, ConnectionPtr connection) {
    const auto session =
        std::make_shared<WsSession>(std::move(stream), core, scopes, std::move(connection));
    co_await session->run(std::move(request));
}

}  // namespace millrace::node::rpc::detail
