#pragma once

#include <functional>

namespace millrace {

/// Port: two pieces of pure work that share nothing they write. Who has threads runs them at once;
/// the outcome is the same.
class Fork {
  public:
    Fork() = default;
    Fork(const Fork&) = delete;
    Fork& operator=(const Fork&) = delete;
    virtual ~Fork() = default;
    /// Returns when both are done.
    virtual void both(const std::function<void()>& here, const std::function<void()>& there) = 0;
};

/// One after the other.
class NoFork final : public Fork {
  public:
    void both(const std::function<void()>& here, const std::function<void()>& there) override {
        here();
        there();
    }
};

}  // namespace millrace
