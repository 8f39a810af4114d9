#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "common/assert.hpp"

namespace millrace::test {

/// A port that takes connections and never reads or answers.
class MuteServer {
  public:
    MuteServer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* const raw = reinterpret_cast<sockaddr*>(&at);
        socklen_t size = sizeof at;
        MILLRACE_ASSERT(fd_ >= 0 && ::bind(fd_, raw, size) == 0 && ::listen(fd_, 8) == 0);
        MILLRACE_ASSERT(::getsockname(fd_, raw, &size) == 0);
        port_ = ntohs(at.sin_port);
    }
    ~MuteServer() { ::close(fd_); }
    MuteServer(const MuteServer&) = delete;
    MuteServer& operator=(const MuteServer&) = delete;
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  private:
    int fd_;
    unsigned port_ = 0;
};

}  // namespace millrace::test
