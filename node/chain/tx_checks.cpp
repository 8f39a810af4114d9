#include "node/chain/tx_checks.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

namespace millrace::node {

namespace {

/// Transactions taken at once: a millisecond of work, so that neither the counters nor the wait
/// for the last chunk are felt.
constexpr std::size_t kChunk = 32;
enum class ChunkState : std::uint8_t { free, taken, done };

/// One block's transactions under check, shared by the workers and the executing thread.
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

    [[nodiscard]] std::optional<market::CheckedTx> check(const market::SignedTx& tx) const {
        if (known_)
            if (auto known = known_(tx)) return known;
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

TxChecks::TxChecks(Workers& workers, Known known) : workers_(workers), known_(std::move(known)) {}

std::unique_ptr<market::CheckedTxs> TxChecks::begin(std::span<const market::SignedTx> transactions,
                                                    const ChainId& chain,
                                                    const market::Params& params) {
    class Running final : public market::CheckedTxs {
      public:
        Running(Workers& workers, std::span<const market::SignedTx> txs, const ChainId& chain,
                const market::Params& params, const Known& known)
            : workers_(workers), batch_(txs, chain, params, known) {
            for (std::size_t i = 0; i < workers.threads(); ++i)
                helpers_.push_back(workers.give([this] {
                    while (batch_.work()) {
                    }
                }));
        }
        ~Running() override {
            batch_.stop();
            // Returns when no thread touches the batch any more; what none began is not missed.
            for (const Workers::Ticket& helper : helpers_)
                static_cast<void>(workers_.take_back(helper));
        }
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;
        [[nodiscard]] std::size_t count() const override { return batch_.count(); }
        [[nodiscard]] const market::CheckedTx* at(std::size_t index) override {
            return batch_.at(index);
        }

      private:
        Workers& workers_;
        Batch batch_;
        std::vector<Workers::Ticket> helpers_;
    };
    return std::make_unique<Running>(workers_, transactions, chain, params, known_);
}

}  // namespace millrace::node
