#pragma once

#include <bit>
#include <cstdint>
#include <vector>

/// The unsold steps of a clearing as bits, with one bit a word above them, so that the next unsold
/// step is found in a few reads however many sold ones lie between. Unlike a linked list it takes a
/// step back at any time, which failed minimum fills need.
namespace millrace::market::detail {

class StepSet {
  public:
    explicit StepSet(std::uint32_t size)
        : words_(size / 64 + 1), summary_(words_.size() / 64 + 1) {}

    void insert(std::uint32_t at) {
        words_[at / 64] |= bit(at);
        summary_[at / 4096] |= bit(at / 64);
    }
    void erase(std::uint32_t at) {
        words_[at / 64] &= ~bit(at);
        if (words_[at / 64] == 0) summary_[at / 4096] &= ~bit(at / 64);
    }
    [[nodiscard]] bool contains(std::uint32_t at) const { return (words_[at / 64] & bit(at)) != 0; }

    /// The first member at or after `from` and before `end`, else `end`.
    [[nodiscard]] std::uint32_t next(std::uint32_t from, std::uint32_t end) const {
        if (from >= end) return end;
        std::uint32_t word = from / 64;
        std::uint64_t bits = words_[word] & (~std::uint64_t{0} << (from % 64));
        if (bits == 0) {
            word = next_word(word + 1, end / 64 + 1);
            if (word >= words_.size()) return end;
            bits = words_[word];
        }
        if (bits == 0) return end;
        const std::uint32_t found = word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
        return found < end ? found : end;
    }

  private:
    static std::uint64_t bit(std::uint32_t at) { return std::uint64_t{1} << (at % 64); }

    /// The first non-empty word at or after `from`; one at or past `end` when there is none before.
    [[nodiscard]] std::uint32_t next_word(std::uint32_t from, std::uint32_t end) const {
        std::uint32_t block = from / 64;
        if (from >= end || block >= summary_.size()) return end;
        std::uint64_t bits = summary_[block] & (~std::uint64_t{0} << (from % 64));
        while (bits == 0) {
            ++block;
            if (block >= summary_.size() || block * 64 >= end) return end;
            bits = summary_[block];
        }
        return block * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
    }

    std::vector<std::uint64_t> words_;
    std::vector<std::uint64_t> summary_;
};

}  // namespace millrace::market::detail
