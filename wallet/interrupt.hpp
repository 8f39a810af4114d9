#pragma once

#include <csignal>
#include <cstdint>

namespace millrace::wallet {

/// While it lives, Ctrl-C is an event to be asked for and not the end of the program, so that a
/// command can say what goes on without it. No handler runs; one object at a time.
class Interrupt {
  public:
    Interrupt();
    ~Interrupt();
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;

    /// Sleeps so long, or until Ctrl-C: then true, and from then on at once.
    [[nodiscard]] bool wait_ms(std::uint64_t ms);

  private:
    int fd_ = -1;
    sigset_t before_{};
    bool has_come_ = false;
};

}  // namespace millrace::wallet
