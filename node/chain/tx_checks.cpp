#include "node/chain/tx_checks.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "common/assert.hpp"

namespace millrace::node {

namespace {

/// Transactions taken at once: a millisecond of work, so that neither the counters nor the wait
/// for the last chunk are felt.
constexpr std::size_t kChunk = 32;
/// Cores beyond this gain nothing: execution is the slower part then.
constexpr std::size_t kThreadsMax = 16;

enum class ChunkState : std::uint8_t { free, taken, done };

/// One block's transactions under check, shared by the pool's threads and the executing one.
class Batch {
  public:
    Batch(std::span<const market::SignedTx> transactions, const ChainId& chain,
          const market::Params& params, const TxChecks::Known& known)
        : transactions_(transactions),
          chain_(chain),
          params_(params),
          known_(known),
          checked_(transactions.size()),
          chunks_((transactions.size() + kChunk - 1) / kChunk) {}

    /// Checks the next free chunk; false when none is left.
    bool work() {
        for (;;) {
            const std::size_t chunk = next_.fetch_add(1);
            if (chunk >= chunks_.size()) return false;
            if (take(chunk)) return true;
        }
    }
    void stop() { next_.store(chunks_.size()); }

    const market::CheckedTx* at(std::size_t index) {
        const std::size_t chunk = index / kChunk;
        if (!take(chunk)) {
            // Another thread is at it: checking what nobody has begun beats waiting.
            while (chunks_[chunk] == ChunkState::taken && work()) {
            }
            chunks_[chunk].wait(ChunkState::taken);
        }
        const auto& checked = checked_[index];
        return checked ? &*checked : nullptr;
    }
    [[nodiscard]] std::size_t count() const { return transactions_.size(); }

  private:
    /// Checks a chunk if nobody has begun with it.
    bool take(std::size_t chunk) {
        ChunkState expected = ChunkState::free;
        if (!chunks_[chunk].compare_exchange_strong(expected, ChunkState::taken)) return false;
        const std::size_t end = std::min((chunk + 1) * kChunk, transactions_.size());
        for (std::size_t i = chunk * kChunk; i < end; ++i) checked_[i] = check(transactions_[i]);
        chunks_[chunk].store(ChunkState::done);
        chunks_[chunk].notify_all();
        return true;
    }

    std::optional<market::CheckedTx> check(const market::SignedTx& tx) const {
        // The hash covers the signature too: the same hash was the same check.
        if (known_)
            if (auto known = known_(market::tx_hash(tx))) return known;
        auto checked = market::check_tx(tx, chain_, params_);
        if (!checked.has_value()) return std::nullopt;
        return *std::move(checked);
    }

    std::span<const market::SignedTx> transactions_;
    ChainId chain_;
    market::Params params_;
    const TxChecks::Known& known_;
    std::vector<std::optional<market::CheckedTx>> checked_;
    std::vector<std::atomic<ChunkState>> chunks_;
    std::atomic<std::size_t> next_{0};
};

}  // namespace

class TxChecks::Pool {
  public:
    Pool(std::size_t threads, Known known) : known_(std::move(known)) {
        for (std::size_t i = 0; i < std::min(threads, kThreadsMax); ++i)
            threads_.emplace_back([this] { run(); });
    }
    ~Pool() {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        wake_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    void set(Batch* batch) {
        {
            const std::lock_guard lock(mutex_);
            MILLRACE_ASSERT(batch_ == nullptr);
            batch_ = batch;
            ++round_;
        }
        wake_.notify_all();
    }
    /// Returns when no thread touches the batch any more.
    void clear() {
        std::unique_lock lock(mutex_);
        batch_->stop();
        batch_ = nullptr;
        idle_.wait(lock, [this] { return busy_ == 0; });
    }
    [[nodiscard]] const Known& known() const { return known_; }

  private:
    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return is_stopping_ || batch_ != nullptr; });
            if (is_stopping_) return;
            Batch* batch = batch_;
            const std::uint64_t round = round_;
            ++busy_;
            lock.unlock();
            while (batch->work()) {
            }
            lock.lock();
            --busy_;
            idle_.notify_all();
            // Nothing is left of this batch: sleep until the next. By number: the next one may lie
            // at the same address.
            wake_.wait(lock, [&] { return is_stopping_ || round_ != round; });
        }
    }

    Known known_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable idle_;
    // Guarded by mutex_, as all below.
    Batch* batch_ = nullptr;
    std::uint64_t round_ = 0;
    std::size_t busy_ = 0;
    bool is_stopping_ = false;
    std::vector<std::thread> threads_;
};

TxChecks::TxChecks(std::size_t threads, Known known)
    : pool_(std::make_unique<Pool>(threads, std::move(known))) {}
TxChecks::~TxChecks() = default;

std::unique_ptr<market::CheckedTxs> TxChecks::begin(std::span<const market::SignedTx> transactions,
                                                    const ChainId& chain,
                                                    const market::Params& params) {
    class Running final : public market::CheckedTxs {
      public:
        Running(Pool& pool, std::span<const market::SignedTx> txs, const ChainId& chain,
                const market::Params& params)
            : pool_(pool), batch_(txs, chain, params, pool.known()) {
            pool_.set(&batch_);
        }
        ~Running() override { pool_.clear(); }
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;
        [[nodiscard]] std::size_t count() const override { return batch_.count(); }
        [[nodiscard]] const market::CheckedTx* at(std::size_t index) override {
            return batch_.at(index);
        }

      private:
        Pool& pool_;
        Batch batch_;
    };
    return std::make_unique<Running>(*pool_, transactions, chain, params);
}

std::size_t TxChecks::threads_here() {
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    return cores - 1;
}

}  // namespace millrace::node
