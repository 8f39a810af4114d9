#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace millrace::node::rpc {

/// Bytes of answers in memory, of all connections together: being made, or on their way to clients
/// that read as slowly as they are let. One connection's answer is bounded by itself; hundreds of
/// clients that ask for the largest one and read none of it must not take the node's memory, and
/// one of them alone must not take all that there is for the others. Thread-safe; outlives its
/// shares.
class AnswerBudget {
    struct Held {
        std::uint64_t bytes = 0;
        std::size_t shares = 0;
    };
    /// Those that have a share: no more than there are connections. A row stays where it is.
    using Clients = std::map<std::string, Held>;

  public:
    /// `client_bytes_max`: of one client.
    AnswerBudget(std::uint64_t bytes_max, std::uint64_t client_bytes_max)
        : bytes_max_(bytes_max), client_bytes_max_(client_bytes_max) {}
    AnswerBudget(const AnswerBudget&) = delete;
    AnswerBudget& operator=(const AnswerBudget&) = delete;

    /// Room that one answer has, given back with its end.
    class Share {
      public:
        Share(Share&& other) noexcept
            : budget_(std::exchange(other.budget_, nullptr)),
              client_(other.client_),
              bytes_(other.bytes_) {}
        Share& operator=(Share&& other) noexcept {
            std::swap(budget_, other.budget_);
            std::swap(client_, other.client_);
            std::swap(bytes_, other.bytes_);
            return *this;
        }
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;
        ~Share() {
            if (budget_ == nullptr) return;
            budget_->used_ -= bytes_;
            if (client_ != nullptr) budget_->give_back(*client_, bytes_);
        }
        /// To what the answer turned out to be.
        void resize(std::uint64_t bytes) {
            budget_->used_ += bytes;
            budget_->used_ -= bytes_;
            if (client_ != nullptr) budget_->resize(*client_, bytes_, bytes);
            bytes_ = bytes;
        }

      private:
        friend class AnswerBudget;
        Share(AnswerBudget& budget, Clients::value_type* client, std::uint64_t bytes)
            : budget_(&budget), client_(client), bytes_(bytes) {}

        AnswerBudget* budget_;
        /// None: only the bound of all holds for it.
        Clients::value_type* client_;
        std::uint64_t bytes_;
    };

    /// None when the others leave no room for so many bytes.
    [[nodiscard]] std::optional<Share> take(std::uint64_t bytes) {
        if (!count(bytes)) return std::nullopt;
        return Share(*this, nullptr, bytes);
    }
    /// None when the others, or this client's other answers, leave no room for so many bytes.
    [[nodiscard]] std::optional<Share> take_of(const std::string& client, std::uint64_t bytes) {
        const std::lock_guard lock(mutex_);
        const auto known = clients_.find(client);
        const std::uint64_t held = known != clients_.end() ? known->second.bytes : 0;
        if (bytes > client_bytes_max_ || held > client_bytes_max_ - bytes) return std::nullopt;
        if (!count(bytes)) return std::nullopt;
        Clients::value_type& row = *clients_.try_emplace(client).first;
        row.second.bytes += bytes;
        ++row.second.shares;
        return Share(*this, &row, bytes);
    }
    /// Counts what is there and goes out in any case.
    [[nodiscard]] Share add(std::uint64_t bytes) {
        used_ += bytes;
        return Share(*this, nullptr, bytes);
    }
    [[nodiscard]] std::uint64_t used() const { return used_; }

  private:
    [[nodiscard]] bool count(std::uint64_t bytes) {
        std::uint64_t used = used_.load();
        do {
            if (bytes > bytes_max_ || used > bytes_max_ - bytes) return false;
        } while (!used_.compare_exchange_weak(used, used + bytes));
        return true;
    }
    void resize(Clients::value_type& client, std::uint64_t before, std::uint64_t bytes) {
        const std::lock_guard lock(mutex_);
        client.second.bytes += bytes;
        client.second.bytes -= before;
    }
    void give_back(Clients::value_type& client, std::uint64_t bytes) {
        const std::lock_guard lock(mutex_);
        client.second.bytes -= bytes;
        if (--client.second.shares == 0) clients_.erase(clients_.find(client.first));
    }

    const std::uint64_t bytes_max_;
    const std::uint64_t client_bytes_max_;
    /// Of all; short answers, which nobody is refused, are counted without the lock.
    std::atomic<std::uint64_t> used_{0};
    std::mutex mutex_;
    Clients clients_;
};

}  // namespace millrace::node::rpc
