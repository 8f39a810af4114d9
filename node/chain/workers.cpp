#include "node/chain/workers.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "common/assert.hpp"

namespace millrace::node {

namespace {

/// Cores beyond this gain nothing: execution is the slower part then.
constexpr std::size_t kThreadsMax = 16;

enum class State : std::uint8_t { waits, runs, done };

}  // namespace

class Workers::Task {
  public:
    explicit Task(std::function<void()> given) : work(std::move(given)) {}
    std::function<void()> work;
    State state = State::waits;  // guarded by the owner's mutex
};

class Workers::Impl {
  public:
    explicit Impl(std::size_t threads) {
        for (std::size_t i = 0; i < std::min(threads, kThreadsMax); ++i)
            threads_.emplace_back([this] { run(); });
    }
    ~Impl() {
        {
            const std::lock_guard lock(mutex_);
            MILLRACE_ASSERT(waiting_.empty());
            is_stopping_ = true;
        }
        wake_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Ticket give(std::function<void()> work) {
        auto task = std::make_shared<Task>(std::move(work));
        if (threads_.empty()) return task;
        {
            const std::lock_guard lock(mutex_);
            waiting_.push_back(task);
        }
        wake_.notify_one();
        return task;
    }

    bool take_back(const Ticket& ticket) {
        std::unique_lock lock(mutex_);
        if (ticket->state == State::waits) {
            std::erase(waiting_, ticket);
            return false;
        }
        ended_.wait(lock, [&] { return ticket->state == State::done; });
        return true;
    }

    [[nodiscard]] std::size_t threads() const { return threads_.size(); }

  private:
    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return is_stopping_ || !waiting_.empty(); });
            if (is_stopping_) return;
            const Ticket task = std::move(waiting_.front());
            waiting_.pop_front();
            task->state = State::runs;
            lock.unlock();
            task->work();
            lock.lock();
            task->state = State::done;
            ended_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable ended_;
    // Guarded by mutex_, as all below.
    std::deque<Ticket> waiting_;
    bool is_stopping_ = false;
    std::vector<std::thread> threads_;
};

Workers::Workers(std::size_t threads) : impl_(std::make_unique<Impl>(threads)) {}
Workers::~Workers() = default;
Workers::Ticket Workers::give(std::function<void()> work) {
    return impl_->give(std::move(work));
}
bool Workers::take_back(const Ticket& ticket) {
    return impl_->take_back(ticket);
}
std::size_t Workers::threads() const {
    return impl_->threads();
}

void Workers::both(const std::function<void()>& here, const std::function<void()>& there) {
    const Ticket ticket = give(there);
    here();
    if (!take_back(ticket)) there();
}

std::size_t Workers::threads_here() {
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    return cores - 1;
}

}  // namespace millrace::node
