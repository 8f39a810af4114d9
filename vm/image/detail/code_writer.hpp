#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/assert.hpp"
#include "vm/image/opcodes.hpp"

namespace millrace::vm::detail {

/// Half a word of code: twice the word's index, plus 1 for the high half.
using HalfSite = std::uint32_t;
inline constexpr HalfSite kNoSite = 0xffff'ffff;

/// The code of all functions as it grows. A branch to a place not yet known is chained through the
/// halves that will hold its distance, so labels cost no memory of their own.
class CodeWriter {
  public:
    explicit CodeWriter(std::size_t words_max) : words_max_(words_max) {
        // Reserved once: address space only, until used; growing by copies would cost twice.
        words_.reserve(words_max);
    }
    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(words_.size()); }
    /// True once more than the bound was asked for; what came later is lost.
    [[nodiscard]] bool overflowed() const { return overflowed_; }

    void put(std::uint64_t word) {
        if (words_.size() >= words_max_) {
            overflowed_ = true;
            return;
        }
        words_.push_back(word);
    }
    void shrink(std::uint32_t size) { words_.resize(size); }
    [[nodiscard]] std::uint64_t& at(std::uint32_t index) { return words_[index]; }
    [[nodiscard]] std::uint64_t at(std::uint32_t index) const { return words_[index]; }

    [[nodiscard]] std::uint32_t half(HalfSite site) const {
        const std::uint64_t word = words_[site / 2];
        return (site & 1) != 0 ? word::x(word) : word::low(word);
    }
    void set_half(HalfSite site, std::uint32_t value) {
        // After an overflow sites may lie beyond the end; the code is thrown away anyway.
        if (site / 2 >= words_.size()) return;
        std::uint64_t& word = words_[site / 2];
        word = (site & 1) != 0 ? word::halves(word::low(word), value)
                               : word::halves(value, word::x(word));
    }
    /// Points the distance at `site` to the word `target`; distances count from the word that
    /// holds them.
    void link(HalfSite site, std::uint32_t target) { set_half(site, target - site / 2); }
    /// Adds `site` to the chain that starts at `head`.
    void chain(HalfSite& head, HalfSite site) {
        set_half(site, head);
        head = site;
    }
    /// Points every site of a chain to `target`.
    void link_chain(HalfSite head, std::uint32_t target) {
        while (head != kNoSite && head / 2 < words_.size()) {
            const HalfSite next = half(head);
            link(head, target);
            head = next;
        }
    }
    [[nodiscard]] std::vector<std::uint64_t> take() { return std::move(words_); }

  private:
    std::vector<std::uint64_t> words_;
    std::size_t words_max_;
    bool overflowed_ = false;
};

}  // namespace millrace::vm::detail
