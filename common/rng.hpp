#pragma once

#include <cstdint>

#include "common/assert.hpp"
#include "common/bytes.hpp"

namespace millrace {

/// SplitMix64: the same numbers from the same seed with every compiler and library. For tests,
/// simulations and shuffles of no value; nothing that money depends on draws from it.
class Rng {
  public:
    explicit constexpr Rng(std::uint64_t seed) : state_(seed) {}
    constexpr std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }
    /// Uniform enough in [0, bound); bound is not zero.
    constexpr std::uint64_t below(std::uint64_t bound) {
        __extension__ using Wide = unsigned __int128;
        return static_cast<std::uint64_t>((Wide{next()} * bound) >> 64U);
    }
    /// Uniform in [low, high], both ends included.
    constexpr std::uint64_t between(std::uint64_t low, std::uint64_t high) {
        return low + below(high - low + 1);
    }
    /// True once in `one_in` draws.
    constexpr bool chance(std::uint64_t one_in) { return below(one_in) == 0; }
    void fill(MutableByteView out) {
        for (auto& byte : out) byte = static_cast<std::uint8_t>(next() >> 56U);
    }

  private:
    std::uint64_t state_;
};

}  // namespace millrace
