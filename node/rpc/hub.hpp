#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

namespace millrace::node::rpc {

/// Tells those who watch that a block has become final; what it holds they read for themselves.
/// Safe from any thread. Listeners only hand the news on, they must not wait.
class FinalityHub {
  public:
    std::uint64_t add(std::function<void()> listener) {
        const std::lock_guard lock(mutex_);
        listeners_.emplace(++last_, std::move(listener));
        return last_;
    }
    /// On return the listener is not running and will not be called again.
    void remove(std::uint64_t id) {
        const std::lock_guard lock(mutex_);
        listeners_.erase(id);
    }
    /// Removes all: their threads have ended.
    void clear() {
        const std::lock_guard lock(mutex_);
        listeners_.clear();
    }
    void notify() {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, listener] : listeners_) listener();
    }

  private:
    std::mutex mutex_;
    std::uint64_t last_ = 0;
    std::map<std::uint64_t, std::function<void()>> listeners_;
};

}  // namespace millrace::node::rpc
