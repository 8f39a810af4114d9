#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string_view>

/// The little that our benchmark programs share. They print tables and judge nothing.
namespace millrace::bench {

class Stopwatch {
  public:
    [[nodiscard]] double milliseconds() const {
        const auto passed = std::chrono::steady_clock::now() - start_;
        return std::chrono::duration<double, std::milli>(passed).count();
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// A number from the command line; `fallback` where it is none.
[[nodiscard]] inline std::uint64_t number(std::string_view text, std::uint64_t fallback) {
    std::uint64_t out = fallback;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

/// Keeps a result alive, so that the work for it is not optimised away.
template <class T>
void keep(const T& value) {
    asm volatile("" : : "g"(&value) : "memory");
}

/// Prints the shortest time of one call: repeats for at least 0.2 s and 3 calls; the rest of the
/// machine can only make it longer.
template <class Work>
void report(std::string_view name, std::string_view what, Work&& work) {
    const Stopwatch total;
    double best = 1e18;
    for (int calls = 0; calls < 3 || total.milliseconds() < 200; ++calls) {
        const Stopwatch one;
        work();
        best = std::min(best, one.milliseconds());
    }
    fmt::print("{:<48} {:>10.4f} ms  {}\n", name, best, what);
}

}  // namespace millrace::bench
