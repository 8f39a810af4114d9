#pragma once

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>

#include "vm/machine/assumptions.hpp"
#include "vm/machine/trap.hpp"

/// Float instructions over slots, bits in and bits out: the one file of the machine that computes
/// with floats. Every arithmetic result that is not a number is the positive canonical NaN,
/// whatever the host's processor makes of it. Compiled with -ffp-contract=off; callers hold a
/// `FloatEnvironment` (float_environment.hpp), so that rounding is to nearest and subnormals live.
/// Source: WebAssembly 2.0, section 4.3.3; docs/protocol/machine.md, "Floats".
namespace millrace::vm::numeric {

inline constexpr std::uint32_t kCanonicalNan32 = 0x7fc0'0000;
inline constexpr std::uint64_t kCanonicalNan64 = 0x7ff8'0000'0000'0000;

namespace detail {
// Floats: IEEE 754 binary32 and binary64, each operation rounded to its own type.
static_assert(std::numeric_limits<float>::is_iec559 && sizeof(float) == 4);
static_assert(std::numeric_limits<double>::is_iec559 && sizeof(double) == 8);
static_assert(FLT_EVAL_METHOD == 0, "excess precision would round twice");
static_assert(FLT_RADIX == 2 && FLT_MANT_DIG == 24 && DBL_MANT_DIG == 53);
#if defined(__FAST_MATH__) || defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "fast-math changes results"
#endif

inline float f32(std::uint64_t slot) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(slot));
}
inline double f64(std::uint64_t slot) {
    return std::bit_cast<double>(slot);
}

/// Bits of an arithmetic result.
inline std::uint64_t result(float value) {
    return value == value ? std::bit_cast<std::uint32_t>(value) : kCanonicalNan32;
}
inline std::uint64_t result(double value) {
    return value == value ? std::bit_cast<std::uint64_t>(value) : kCanonicalNan64;
}

template <class Float>
Float minimum(Float a, Float b) {
    if (a != a || b != b) return std::numeric_limits<Float>::quiet_NaN();
    if (a == b) return std::signbit(a) ? a : b;  // -0 is below +0
    return a < b ? a : b;
}
template <class Float>
Float maximum(Float a, Float b) {
    if (a != a || b != b) return std::numeric_limits<Float>::quiet_NaN();
    if (a == b) return std::signbit(a) ? b : a;
    return a > b ? a : b;
}
/// To the nearest integer, ties to even. Adding and taking away 2^(mantissa bits) rounds exactly
/// so; larger numbers are integers already.
template <class Float>
Float nearest(Float a) {
    constexpr Float kAllIntegers = Float{1} / std::numeric_limits<Float>::epsilon();
    const Float magnitude = std::fabs(a);
    if (!(magnitude < kAllIntegers)) return a;
    const Float rounded = (magnitude + kAllIntegers) - kAllIntegers;
    return std::copysign(rounded, a);
}
template <class Float>
Float square_root(Float a) {
    // Tested first, so that no compiler calls the library for its errno.
    if (a < 0) return std::numeric_limits<Float>::quiet_NaN();
    return std::sqrt(a);
}

/// The smallest float above the range of `Integer`, exact in both float types.
template <class Integer, class Float>
constexpr Float upper_bound() {
    Float bound = 1;
    for (int i = 0; i < std::numeric_limits<Integer>::digits; ++i) bound *= 2;
    return bound;
}
/// True when the truncated value fits.
template <class Integer, class Float>
bool fits(Float value) {
    constexpr Float kUpper = upper_bound<Integer, Float>();
    if constexpr (std::numeric_limits<Integer>::is_signed) {
        // -kUpper is the least integer itself; where the float type resolves fractions below it,
        // those truncate to it as well.
        if constexpr (std::numeric_limits<Float>::digits > std::numeric_limits<Integer>::digits)
            return value < kUpper && value > -kUpper - 1;
        else
            return value < kUpper && value >= -kUpper;
    } else {
        return value < kUpper && value > -1;
    }
}
template <class Integer, class Float>
Integer truncate(Float value, TrapCode& trap) {
    if (value != value) {
        trap = TrapCode::invalid_conversion;
        return 0;
    }
    if (!fits<Integer>(value)) {
        trap = TrapCode::integer_overflow;
        return 0;
    }
    return static_cast<Integer>(value);
}
template <class Integer, class Float>
Integer truncate_saturating(Float value) {
    if (value != value) return 0;
    if (fits<Integer>(value)) return static_cast<Integer>(value);
    return value < 0 ? std::numeric_limits<Integer>::min() : std::numeric_limits<Integer>::max();
}
inline std::uint64_t integer_slot(std::int32_t value) {
    return static_cast<std::uint32_t>(value);
}
inline std::uint64_t integer_slot(std::uint32_t value) {
    return value;
}
inline std::uint64_t integer_slot(std::int64_t value) {
    return static_cast<std::uint64_t>(value);
}
inline std::uint64_t integer_slot(std::uint64_t value) {
    return value;
}

inline constexpr std::uint64_t kSign32 = std::uint64_t{1} << 31;
inline constexpr std::uint64_t kSign64 = std::uint64_t{1} << 63;
}  // namespace detail

// clang-format off
#define MILLRACE_FLOAT_BINARY(name, read, expression)                              \
    [[nodiscard]] inline std::uint64_t name(std::uint64_t a, std::uint64_t b) {     \
        const auto x = detail::read(a);                                            \
        const auto y = detail::read(b);                                            \
        return detail::result(expression);                                         \
    }
MILLRACE_FLOAT_BINARY(f32_add, f32, x + y)
MILLRACE_FLOAT_BINARY(f32_sub, f32, x - y)
MILLRACE_FLOAT_BINARY(f32_mul, f32, x * y)
MILLRACE_FLOAT_BINARY(f32_div, f32, x / y)
MILLRACE_FLOAT_BINARY(f32_min, f32, detail::minimum(x, y))
MILLRACE_FLOAT_BINARY(f32_max, f32, detail::maximum(x, y))
MILLRACE_FLOAT_BINARY(f64_add, f64, x + y)
MILLRACE_FLOAT_BINARY(f64_sub, f64, x - y)
MILLRACE_FLOAT_BINARY(f64_mul, f64, x * y)
MILLRACE_FLOAT_BINARY(f64_div, f64, x / y)
MILLRACE_FLOAT_BINARY(f64_min, f64, detail::minimum(x, y))
MILLRACE_FLOAT_BINARY(f64_max, f64, detail::maximum(x, y))
#undef MILLRACE_FLOAT_BINARY

#define MILLRACE_FLOAT_COMPARE(name, read, operation)                           \
    [[nodiscard]] inline std::uint64_t name(std::uint64_t a, std::uint64_t b) { \
        return detail::read(a) operation detail::read(b) ? 1 : 0;               \
    }
MILLRACE_FLOAT_COMPARE(f32_eq, f32, ==)
MILLRACE_FLOAT_COMPARE(f32_ne, f32, !=)
MILLRACE_FLOAT_COMPARE(f32_lt, f32, <)
MILLRACE_FLOAT_COMPARE(f32_gt, f32, >)
MILLRACE_FLOAT_COMPARE(f32_le, f32, <=)
MILLRACE_FLOAT_COMPARE(f32_ge, f32, >=)
MILLRACE_FLOAT_COMPARE(f64_eq, f64, ==)
MILLRACE_FLOAT_COMPARE(f64_ne, f64, !=)
MILLRACE_FLOAT_COMPARE(f64_lt, f64, <)
MILLRACE_FLOAT_COMPARE(f64_gt, f64, >)
MILLRACE_FLOAT_COMPARE(f64_le, f64, <=)
MILLRACE_FLOAT_COMPARE(f64_ge, f64, >=)
#undef MILLRACE_FLOAT_COMPARE

#define MILLRACE_FLOAT_UNARY(name, read, expression)           \
    [[nodiscard]] inline std::uint64_t name(std::uint64_t a) { \
        const auto x = detail::read(a);                        \
        return detail::result(expression);                     \
    }
MILLRACE_FLOAT_UNARY(f32_ceil, f32, std::ceil(x))
MILLRACE_FLOAT_UNARY(f32_floor, f32, std::floor(x))
MILLRACE_FLOAT_UNARY(f32_trunc, f32, std::trunc(x))
MILLRACE_FLOAT_UNARY(f32_nearest, f32, detail::nearest(x))
MILLRACE_FLOAT_UNARY(f32_sqrt, f32, detail::square_root(x))
MILLRACE_FLOAT_UNARY(f64_ceil, f64, std::ceil(x))
MILLRACE_FLOAT_UNARY(f64_floor, f64, std::floor(x))
MILLRACE_FLOAT_UNARY(f64_trunc, f64, std::trunc(x))
MILLRACE_FLOAT_UNARY(f64_nearest, f64, detail::nearest(x))
MILLRACE_FLOAT_UNARY(f64_sqrt, f64, detail::square_root(x))
MILLRACE_FLOAT_UNARY(f32_demote_f64, f64, static_cast<float>(x))
MILLRACE_FLOAT_UNARY(f64_promote_f32, f32, static_cast<double>(x))
#undef MILLRACE_FLOAT_UNARY

// Signs are bits: these copy NaNs as they are.
#define MILLRACE_BITS(name, parameters, expression) \
    [[nodiscard]] constexpr std::uint64_t name parameters { return expression; }
MILLRACE_BITS(f32_abs, (std::uint64_t a), a & ~detail::kSign32 & 0xffff'ffff)
MILLRACE_BITS(f32_neg, (std::uint64_t a), (a ^ detail::kSign32) & 0xffff'ffff)
MILLRACE_BITS(f32_copysign, (std::uint64_t a, std::uint64_t b),
              (a & ~detail::kSign32 & 0xffff'ffff) | (b & detail::kSign32))
MILLRACE_BITS(f64_abs, (std::uint64_t a), a & ~detail::kSign64)
MILLRACE_BITS(f64_neg, (std::uint64_t a), a ^ detail::kSign64)
MILLRACE_BITS(f64_copysign, (std::uint64_t a, std::uint64_t b),
              (a & ~detail::kSign64) | (b & detail::kSign64))
#undef MILLRACE_BITS

#define MILLRACE_CONVERT(name, Float, Integer)                                \
    [[nodiscard]] inline std::uint64_t name(std::uint64_t a) {                \
        return detail::result(static_cast<Float>(static_cast<Integer>(a)));   \
    }
MILLRACE_CONVERT(f32_convert_i32_s, float, std::int32_t)
MILLRACE_CONVERT(f32_convert_i32_u, float, std::uint32_t)
MILLRACE_CONVERT(f32_convert_i64_s, float, std::int64_t)
MILLRACE_CONVERT(f32_convert_i64_u, float, std::uint64_t)
MILLRACE_CONVERT(f64_convert_i32_s, double, std::int32_t)
MILLRACE_CONVERT(f64_convert_i32_u, double, std::uint32_t)
MILLRACE_CONVERT(f64_convert_i64_s, double, std::int64_t)
MILLRACE_CONVERT(f64_convert_i64_u, double, std::uint64_t)
#undef MILLRACE_CONVERT

#define MILLRACE_TRUNCATE(Wide, letter, Integer, From, read)                                      \
    [[nodiscard]] inline std::uint64_t Wide##_trunc_##From##_##letter(std::uint64_t a,            \
                                                                      TrapCode& trap) {           \
        return detail::integer_slot(detail::truncate<Integer>(detail::read(a), trap));            \
    }                                                                                             \
    [[nodiscard]] inline std::uint64_t Wide##_trunc_sat_##From##_##letter(std::uint64_t a) {      \
        return detail::integer_slot(detail::truncate_saturating<Integer>(detail::read(a)));       \
    }
MILLRACE_TRUNCATE(i32, s, std::int32_t, f32, f32)
MILLRACE_TRUNCATE(i32, u, std::uint32_t, f32, f32)
MILLRACE_TRUNCATE(i32, s, std::int32_t, f64, f64)
MILLRACE_TRUNCATE(i32, u, std::uint32_t, f64, f64)
MILLRACE_TRUNCATE(i64, s, std::int64_t, f32, f32)
MILLRACE_TRUNCATE(i64, u, std::uint64_t, f32, f32)
MILLRACE_TRUNCATE(i64, s, std::int64_t, f64, f64)
MILLRACE_TRUNCATE(i64, u, std::uint64_t, f64, f64)
#undef MILLRACE_TRUNCATE
// clang-format on

}  // namespace millrace::vm::numeric
