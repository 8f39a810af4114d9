// Posts each line of a file once, as JSON-RPC over HTTP with keep-alive, and says how long it took.
// Run: bench_post_lines PORT CONNECTIONS FILE
// Prints "requests seconds errors". One thread, so that it leaves the other core to the server.
#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/stopwatch.hpp"

namespace millrace {
namespace {

constexpr std::size_t kReadBytes = 64U << 10U;
constexpr int kSilenceMs = 60'000;

[[noreturn]] void give_up(const std::string& why) {
    fmt::print(stderr, "bench_post_lines: {}\n", why);
    std::exit(1);
}

/// One request on its way at a time.
class Connection {
  public:
    explicit Connection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets' interface.
        const auto* raw = reinterpret_cast<const sockaddr*>(&address);
        if (fd_ < 0 || ::connect(fd_, raw, sizeof address) != 0) give_up("cannot connect");
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    ~Connection() { ::close(fd_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    [[nodiscard]] int fd() const { return fd_; }
    void send(const std::string& body) {
        const std::string request = fmt::format(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            "Content-Length: {}\r\n\r\n{}",
            body.size(), body);
        // Requests of a batch fit into a socket's buffer: this does not wait on a healthy server.
        for (std::size_t sent = 0; sent < request.size();) {
            const ssize_t n = ::send(fd_, request.data() + sent, request.size() - sent, 0);
            if (n <= 0) give_up("the server closed a connection");
            sent += static_cast<std::size_t>(n);
        }
        answer_.clear();
    }
    /// Reads what is there; true when the answer is whole.
    bool read() {
        char buffer[kReadBytes];
        const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
        if (n <= 0) give_up("the server closed a connection");
        answer_.append(buffer, static_cast<std::size_t>(n));
        const std::size_t head = answer_.find("\r\n\r\n");
        return head != std::string::npos && answer_.size() >= head + 4 + length(head);
    }
    [[nodiscard]] bool is_error() const {
        return answer_.compare(0, 12, "HTTP/1.1 200") != 0 ||
               answer_.find("\"error\"") != std::string::npos;
    }

  private:
    [[nodiscard]] std::size_t length(std::size_t head) const {
        std::string lower = answer_.substr(0, head);
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        constexpr std::string_view kName = "content-length: ";
        const std::size_t at = lower.find(kName);
        std::size_t out = 0;
        if (at == std::string::npos) give_up("an answer without Content-Length");
        std::from_chars(lower.data() + at + kName.size(), lower.data() + lower.size(), out);
        return out;
    }

    int fd_;
    std::string answer_;
};

void run(std::uint16_t port, std::size_t count, const char* file) {
    std::vector<std::string> lines;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    std::vector<std::unique_ptr<Connection>> connections;
    std::vector<pollfd> ready;
    for (std::size_t i = 0; i < std::min(count, lines.size()); ++i) {
        connections.push_back(std::make_unique<Connection>(port));
        ready.push_back({connections.back()->fd(), POLLIN, 0});
    }
    const bench::Stopwatch watch;
    std::size_t next = 0;
    std::size_t answered = 0;
    std::size_t errors = 0;
    for (const auto& connection : connections) connection->send(lines[next++]);
    while (answered < lines.size()) {
        if (::poll(ready.data(), ready.size(), kSilenceMs) <= 0) give_up("no answer for a minute");
        for (std::size_t i = 0; i < ready.size(); ++i) {
            if (ready[i].revents == 0 || !connections[i]->read()) continue;
            ++answered;
            if (connections[i]->is_error()) ++errors;
            if (next < lines.size())
                connections[i]->send(lines[next++]);
            else
                ready[i].events = 0;
        }
    }
    fmt::print("{} {:.3f} {}\n", answered, watch.milliseconds() / 1e3, errors);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
    std::uint16_t port = 0;
    std::size_t count = 0;
    const auto read = [](std::string_view text, auto& out) {
        return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc();
    };
    if (argc != 4 || !read(argv[1], port) || !read(argv[2], count) || count == 0) {
        fmt::print(stderr, "usage: bench_post_lines PORT CONNECTIONS FILE\n");
        return 2;
    }
    millrace::run(port, count, argv[3]);
    return 0;
}
