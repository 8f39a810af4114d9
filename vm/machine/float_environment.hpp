#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace millrace::vm {

/// Rounding to nearest, subnormals alive, no float exceptions that trap, for as long as it lives;
/// then the thread's own setting again. A library built with fast-math may have changed them for
/// the whole process when it was loaded.
class FloatEnvironment {
  public:
    FloatEnvironment() noexcept : saved_(read()) { write(kDefault); }
    ~FloatEnvironment() { write(saved_); }
    FloatEnvironment(const FloatEnvironment&) = delete;
    FloatEnvironment& operator=(const FloatEnvironment&) = delete;

  private:
#if defined(__x86_64__)
    static constexpr std::uint64_t kDefault = 0x1f80;  // MXCSR: all masked, nearest, no FTZ, no DAZ
    static std::uint64_t read() noexcept { return _mm_getcsr(); }
    static void write(std::uint64_t value) noexcept { _mm_setcsr(static_cast<unsigned>(value)); }
#elif defined(__aarch64__)
    static constexpr std::uint64_t kDefault = 0;  // FPCR: nearest, no FZ, no default NaN
    static std::uint64_t read() noexcept {
        std::uint64_t value = 0;
        asm volatile("mrs %0, fpcr" : "=r"(value));
        return value;
    }
    static void write(std::uint64_t value) noexcept { asm volatile("msr fpcr, %0" : : "r"(value)); }
#else
#error "say how this processor's float environment is set"
#endif
    std::uint64_t saved_;
};

}  // namespace millrace::vm
