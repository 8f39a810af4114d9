#include "wallet/interrupt.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace millrace::wallet {

Interrupt::Interrupt() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
    fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

Interrupt::~Interrupt() {
    // What came and was not asked for is eaten, or it would end the program when unblocked.
    (void)wait_ms(0);
    if (fd_ >= 0) ::close(fd_);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Interrupt::wait_ms(std::uint64_t ms) {
    constexpr std::uint64_t kWaitMax = 60'000;
    const int limit = static_cast<int>(std::min(ms, kWaitMax));
    if (has_come_) return true;
    if (fd_ < 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(limit));
        return false;
    }
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, limit) > 0) {
        signalfd_siginfo info{};
        has_come_ = ::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info);
    }
    return has_come_;
}

}  // namespace millrace::wallet
