#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

namespace millrace::node::rpc {

/// Bytes of answers in memory, of all connections together: being made, or on their way to clients
/// that read as slowly as they are let. One connection's answer is bounded by itself; hundreds of
/// clients that ask for the largest one and read none of it must not take the node's memory.
/// Thread-safe; outlives its shares.
class AnswerBudget {
  public:
    explicit AnswerBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
    AnswerBudget(const AnswerBudget&) = delete;
    AnswerBudget& operator=(const AnswerBudget&) = delete;

    /// Room that one answer has, given back with its end.
    class Share {
      public:
        Share(AnswerBudget& budget, std::uint64_t bytes) : budget_(&budget), bytes_(bytes) {}
        Share(Share&& other) noexcept
            : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
        Share& operator=(Share&& other) noexcept {
            std::swap(budget_, other.budget_);
            std::swap(bytes_, other.bytes_);
            return *this;
        }
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;
        ~Share() {
            if (budget_ != nullptr) budget_->used_ -= bytes_;
        }
        /// To what the answer turned out to be.
        void resize(std::uint64_t bytes) {
            budget_->used_ += bytes;
            budget_->used_ -= bytes_;
            bytes_ = bytes;
        }

      private:
        AnswerBudget* budget_;
        std::uint64_t bytes_;
    };

    /// None when the others leave no room for so many bytes.
    [[nodiscard]] std::optional<Share> take(std::uint64_t bytes) {
        std::uint64_t used = used_.load();
        do {
            if (bytes > bytes_max_ || used > bytes_max_ - bytes) return std::nullopt;
        } while (!used_.compare_exchange_weak(used, used + bytes));
        return Share(*this, bytes);
    }
    /// Counts what is there and goes out in any case.
    [[nodiscard]] Share add(std::uint64_t bytes) {
        used_ += bytes;
        return Share(*this, bytes);
    }
    [[nodiscard]] std::uint64_t used() const { return used_; }

  private:
    const std::uint64_t bytes_max_;
    std::atomic<std::uint64_t> used_{0};
};

}  // namespace millrace::node::rpc
