#pragma once

#include <bit>
#include <cfloat>
#include <cstdint>
#include <limits>

/// What the semantics take for granted of compiler and host. A platform that breaks one of these
/// does not build, rather than computing another state root.
namespace millrace::vm::detail {

// Slots, code and memory of the direct policy are used in place as 64-bit words.
static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(void*) == 8, "4 GiB of linear memory are reserved at once");
// Floats: IEEE 754 binary32 and binary64, each operation rounded to its own type.
static_assert(std::numeric_limits<float>::is_iec559 && sizeof(float) == 4);
static_assert(std::numeric_limits<double>::is_iec559 && sizeof(double) == 8);
static_assert(FLT_EVAL_METHOD == 0, "excess precision would round twice");
static_assert(FLT_RADIX == 2 && FLT_MANT_DIG == 24 && DBL_MANT_DIG == 53);
#if defined(__FAST_MATH__) || defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "fast-math changes results"
#endif
// C++20 fixes these; stated because shifts and conversions below rely on them.
static_assert((-1 >> 1) == -1, "right shifts of negative numbers are arithmetic");
static_assert(static_cast<std::int32_t>(0xffff'ffffU) == -1, "two's complement");

}  // namespace millrace::vm::detail
