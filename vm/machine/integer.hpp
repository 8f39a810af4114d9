#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "vm/machine/assumptions.hpp"
#include "vm/machine/trap.hpp"

/// Integer instructions over slots: an i32 is zero-extended to 64 bits, in and out.
/// Source: WebAssembly 2.0, section 4.3.2.
namespace millrace::vm::numeric {

namespace detail {
constexpr std::uint32_t u32(std::uint64_t slot) {
    return static_cast<std::uint32_t>(slot);
}
constexpr std::int32_t s32(std::uint64_t slot) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(slot));
}
constexpr std::int64_t s64(std::uint64_t slot) {
    return static_cast<std::int64_t>(slot);
}
constexpr std::uint64_t slot(std::uint32_t value) {
    return value;
}
constexpr std::uint64_t slot(std::int32_t value) {
    return static_cast<std::uint32_t>(value);
}
constexpr std::uint64_t slot(std::uint64_t value) {
    return value;
}
constexpr std::uint64_t slot(std::int64_t value) {
    return static_cast<std::uint64_t>(value);
}
constexpr std::uint64_t slot(bool value) {
    return value ? 1 : 0;
}
}  // namespace detail

// clang-format off
#define MILLRACE_INT_OP(name, expression)                                        \
    [[nodiscard]] constexpr std::uint64_t name(std::uint64_t a, std::uint64_t b) { \
        using namespace detail;                                                  \
        return slot(expression);                                                 \
    }
MILLRACE_INT_OP(i32_add, u32(a) + u32(b))
MILLRACE_INT_OP(i32_sub, u32(a) - u32(b))
MILLRACE_INT_OP(i32_mul, u32(a) * u32(b))
MILLRACE_INT_OP(i32_and, u32(a) & u32(b))
MILLRACE_INT_OP(i32_or, u32(a) | u32(b))
MILLRACE_INT_OP(i32_xor, u32(a) ^ u32(b))
MILLRACE_INT_OP(i32_shl, u32(a) << (b & 31))
MILLRACE_INT_OP(i32_shr_s, s32(a) >> (b & 31))
MILLRACE_INT_OP(i32_shr_u, u32(a) >> (b & 31))
MILLRACE_INT_OP(i32_rotl, std::rotl(u32(a), static_cast<int>(b & 31)))
MILLRACE_INT_OP(i32_rotr, std::rotr(u32(a), static_cast<int>(b & 31)))
MILLRACE_INT_OP(i64_add, a + b)
MILLRACE_INT_OP(i64_sub, a - b)
MILLRACE_INT_OP(i64_mul, a * b)
MILLRACE_INT_OP(i64_and, a & b)
MILLRACE_INT_OP(i64_or, a | b)
MILLRACE_INT_OP(i64_xor, a ^ b)
MILLRACE_INT_OP(i64_shl, a << (b & 63))
MILLRACE_INT_OP(i64_shr_s, s64(a) >> (b & 63))
MILLRACE_INT_OP(i64_shr_u, a >> (b & 63))
MILLRACE_INT_OP(i64_rotl, std::rotl(a, static_cast<int>(b & 63)))
MILLRACE_INT_OP(i64_rotr, std::rotr(a, static_cast<int>(b & 63)))
MILLRACE_INT_OP(i32_eq, u32(a) == u32(b))
MILLRACE_INT_OP(i32_ne, u32(a) != u32(b))
MILLRACE_INT_OP(i32_lt_s, s32(a) < s32(b))
MILLRACE_INT_OP(i32_lt_u, u32(a) < u32(b))
MILLRACE_INT_OP(i32_gt_s, s32(a) > s32(b))
MILLRACE_INT_OP(i32_gt_u, u32(a) > u32(b))
MILLRACE_INT_OP(i32_le_s, s32(a) <= s32(b))
MILLRACE_INT_OP(i32_le_u, u32(a) <= u32(b))
MILLRACE_INT_OP(i32_ge_s, s32(a) >= s32(b))
MILLRACE_INT_OP(i32_ge_u, u32(a) >= u32(b))
MILLRACE_INT_OP(i64_eq, a == b)
MILLRACE_INT_OP(i64_ne, a != b)
MILLRACE_INT_OP(i64_lt_s, s64(a) < s64(b))
MILLRACE_INT_OP(i64_lt_u, a < b)
MILLRACE_INT_OP(i64_gt_s, s64(a) > s64(b))
MILLRACE_INT_OP(i64_gt_u, a > b)
MILLRACE_INT_OP(i64_le_s, s64(a) <= s64(b))
MILLRACE_INT_OP(i64_le_u, a <= b)
MILLRACE_INT_OP(i64_ge_s, s64(a) >= s64(b))
MILLRACE_INT_OP(i64_ge_u, a >= b)
#undef MILLRACE_INT_OP

#define MILLRACE_INT_UNARY(name, expression)                    \
    [[nodiscard]] constexpr std::uint64_t name(std::uint64_t a) { \
        using namespace detail;                                 \
        return slot(expression);                                \
    }
MILLRACE_INT_UNARY(i32_eqz, u32(a) == 0)
MILLRACE_INT_UNARY(i32_clz, std::countl_zero(u32(a)))
MILLRACE_INT_UNARY(i32_ctz, std::countr_zero(u32(a)))
MILLRACE_INT_UNARY(i32_popcnt, std::popcount(u32(a)))
MILLRACE_INT_UNARY(i64_eqz, a == 0)
MILLRACE_INT_UNARY(i64_clz, std::countl_zero(a))
MILLRACE_INT_UNARY(i64_ctz, std::countr_zero(a))
MILLRACE_INT_UNARY(i64_popcnt, std::popcount(a))
MILLRACE_INT_UNARY(i32_wrap_i64, u32(a))
MILLRACE_INT_UNARY(i64_extend_i32_s, std::int64_t{s32(a)})
MILLRACE_INT_UNARY(i32_extend8_s, std::int32_t{static_cast<std::int8_t>(a & 0xff)})
MILLRACE_INT_UNARY(i32_extend16_s, std::int32_t{static_cast<std::int16_t>(a & 0xffff)})
MILLRACE_INT_UNARY(i64_extend8_s, std::int64_t{static_cast<std::int8_t>(a & 0xff)})
MILLRACE_INT_UNARY(i64_extend16_s, std::int64_t{static_cast<std::int16_t>(a & 0xffff)})
MILLRACE_INT_UNARY(i64_extend32_s, std::int64_t{s32(a)})
#undef MILLRACE_INT_UNARY
// clang-format on

namespace detail {
template <class Signed>
constexpr std::uint64_t divide_s(Signed a, Signed b, TrapCode& trap) {
    if (b == 0) {
        trap = TrapCode::divide_by_zero;
        return 0;
    }
    if (a == std::numeric_limits<Signed>::min() && b == -1) {
        trap = TrapCode::integer_overflow;
        return 0;
    }
    return slot(static_cast<Signed>(a / b));
}
template <class Signed>
constexpr std::uint64_t remainder_s(Signed a, Signed b, TrapCode& trap) {
    if (b == 0) {
        trap = TrapCode::divide_by_zero;
        return 0;
    }
    // The machine's own division overflows for min % -1; the answer is zero.
    return b == -1 ? 0 : slot(static_cast<Signed>(a % b));
}
template <class Unsigned>
constexpr std::uint64_t divide_u(Unsigned a, Unsigned b, TrapCode& trap) {
    if (b != 0) return slot(static_cast<Unsigned>(a / b));
    trap = TrapCode::divide_by_zero;
    return 0;
}
template <class Unsigned>
constexpr std::uint64_t remainder_u(Unsigned a, Unsigned b, TrapCode& trap) {
    if (b != 0) return slot(static_cast<Unsigned>(a % b));
    trap = TrapCode::divide_by_zero;
    return 0;
}
}  // namespace detail

// clang-format off
#define MILLRACE_INT_DIVIDE(name, function, convert)                                               \
    [[nodiscard]] constexpr std::uint64_t name(std::uint64_t a, std::uint64_t b, TrapCode& trap) { \
        return detail::function(detail::convert(a), detail::convert(b), trap);                     \
    }
MILLRACE_INT_DIVIDE(i32_div_s, divide_s, s32)
MILLRACE_INT_DIVIDE(i32_div_u, divide_u, u32)
MILLRACE_INT_DIVIDE(i32_rem_s, remainder_s, s32)
MILLRACE_INT_DIVIDE(i32_rem_u, remainder_u, u32)
MILLRACE_INT_DIVIDE(i64_div_s, divide_s, s64)
MILLRACE_INT_DIVIDE(i64_div_u, divide_u, slot)
MILLRACE_INT_DIVIDE(i64_rem_s, remainder_s, s64)
MILLRACE_INT_DIVIDE(i64_rem_u, remainder_u, slot)
#undef MILLRACE_INT_DIVIDE
// clang-format on

}  // namespace millrace::vm::numeric
