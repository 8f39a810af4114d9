#pragma once

#include <functional>
#include <memory>

#include "common/fork.hpp"

namespace millrace::node {

/// Threads that lend the executing one a hand. Work is given away and taken back: what no thread
/// has begun by then is the giver's again, so that nothing ever waits for a free thread.
class Workers final : public Fork {
  public:
    /// None is fine: then everything stays with the giver.
    explicit Workers(std::size_t threads);
    /// All that was given has been taken back.
    ~Workers() override;
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    class Task;
    using Ticket = std::shared_ptr<Task>;
    [[nodiscard]] Ticket give(std::function<void()> work);
    /// False: no thread had begun, and none will. True: a thread did it, and has ended.
    [[nodiscard]] bool take_back(const Ticket& ticket);

    void both(const std::function<void()>& here, const std::function<void()>& there) override;
    [[nodiscard]] std::size_t threads() const;

    /// Threads that a node on this machine should have: all cores but the executing one.
    [[nodiscard]] static std::size_t threads_here();

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::node
