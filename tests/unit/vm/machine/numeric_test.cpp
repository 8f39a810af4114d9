#include <doctest/doctest.h>

#include <bit>
#include <cstdint>

#include "vm/machine/float_environment.hpp"
#include "vm/machine/floating.hpp"
#include "vm/machine/integer.hpp"

using namespace millrace::vm;
namespace n = millrace::vm::numeric;

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace {

std::uint64_t d(double value) {
    return std::bit_cast<std::uint64_t>(value);
}
std::uint64_t f(float value) {
    return std::bit_cast<std::uint32_t>(value);
}
constexpr std::uint64_t kNegativeNan = 0xfff8'0000'0000'0000;
constexpr std::uint64_t kPayloadNan = 0x7ff0'dead'beef'0001;

}  // namespace

TEST_SUITE("vm/machine/numeric") {
    TEST_CASE("every arithmetic NaN is the positive canonical one") {
        const double infinity = std::numeric_limits<double>::infinity();
        struct Row {
            const char* name;
            std::uint64_t got;
        };
        const Row rows[] = {
            {"inf - inf", n::f64_sub(d(infinity), d(infinity))},
            {"0 * inf", n::f64_mul(d(0), d(infinity))},
            {"0 / 0", n::f64_div(d(0), d(0))},
            {"sqrt(-1)", n::f64_sqrt(d(-1))},
            {"a payload plus 1", n::f64_add(kPayloadNan, d(1))},
            {"min with a negative NaN", n::f64_min(kNegativeNan, d(1))},
            {"max with a payload", n::f64_max(d(1), kPayloadNan)},
            {"ceil", n::f64_ceil(kPayloadNan)},
            {"floor", n::f64_floor(kNegativeNan)},
            {"trunc", n::f64_trunc(kPayloadNan)},
            {"nearest", n::f64_nearest(kNegativeNan)},
            {"promote", n::f64_promote_f32(0xffc0'1234)},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            CHECK(row.got == n::kCanonicalNan64);
        }
        CHECK(n::f32_demote_f64(kPayloadNan) == n::kCanonicalNan32);
        CHECK(n::f32_div(f(0), f(0)) == n::kCanonicalNan32);
    }

    TEST_CASE("signs and moves keep a NaN's bits") {
        CHECK(n::f64_neg(kPayloadNan) == (kPayloadNan | (std::uint64_t{1} << 63)));
        CHECK(n::f64_abs(kNegativeNan) == n::kCanonicalNan64);
        CHECK(n::f64_copysign(kPayloadNan, d(-1)) == (kPayloadNan | (std::uint64_t{1} << 63)));
        CHECK(n::f32_neg(0x7fa0'0001) == 0xffa0'0001);
        CHECK(n::f32_abs(0xffa0'0001) == 0x7fa0'0001);
    }

    TEST_CASE("rounding to the nearest goes to even, and keeps the sign of zero") {
        CHECK(n::f64_nearest(d(0.5)) == d(0.0));
        CHECK(n::f64_nearest(d(1.5)) == d(2.0));
        CHECK(n::f64_nearest(d(2.5)) == d(2.0));
        CHECK(n::f64_nearest(d(-0.5)) == d(-0.0));
        CHECK(n::f64_nearest(d(4503599627370497.5)) == d(4503599627370498.0));
        CHECK(n::f64_nearest(d(9007199254740993.0)) == d(9007199254740992.0));
        CHECK(n::f32_nearest(f(8388607.5F)) == f(8388608.0F));
        CHECK(n::f32_nearest(f(-2.5F)) == f(-2.0F));
    }

    TEST_CASE("zeroes are ordered by sign in min and max") {
        CHECK(n::f64_min(d(0.0), d(-0.0)) == d(-0.0));
        CHECK(n::f64_min(d(-0.0), d(0.0)) == d(-0.0));
        CHECK(n::f64_max(d(0.0), d(-0.0)) == d(0.0));
        CHECK(n::f64_max(d(-0.0), d(0.0)) == d(0.0));
    }

    TEST_CASE("conversions trap at the exact edges") {
        const auto trap_of = [](auto function, std::uint64_t bits) {
            TrapCode trap = TrapCode::none;
            static_cast<void>(function(bits, trap));
            return trap;
        };
        CHECK(trap_of(n::i32_trunc_f64_s, d(2147483647.9)) == TrapCode::none);
        CHECK(trap_of(n::i32_trunc_f64_s, d(2147483648.0)) == TrapCode::integer_overflow);
        CHECK(trap_of(n::i32_trunc_f64_s, d(-2147483648.9)) == TrapCode::none);
        CHECK(trap_of(n::i32_trunc_f64_s, d(-2147483649.0)) == TrapCode::integer_overflow);
        CHECK(trap_of(n::i32_trunc_f64_u, d(-0.9)) == TrapCode::none);
        CHECK(trap_of(n::i32_trunc_f64_u, d(-1.0)) == TrapCode::integer_overflow);
        CHECK(trap_of(n::i64_trunc_f32_s, f(9223371487098961920.0F)) == TrapCode::none);
        CHECK(trap_of(n::i64_trunc_f32_s, f(9223372036854775808.0F)) == TrapCode::integer_overflow);
        CHECK(trap_of(n::i64_trunc_f64_s, d(-9223372036854775808.0)) == TrapCode::none);
        CHECK(trap_of(n::i64_trunc_f64_u, kPayloadNan) == TrapCode::invalid_conversion);
        CHECK(n::i64_trunc_sat_f64_u(d(1e30)) == ~std::uint64_t{0});
        CHECK(n::i32_trunc_sat_f64_s(d(-1e30)) == 0x8000'0000);
        CHECK(n::i32_trunc_sat_f32_s(n::kCanonicalNan32) == 0);
    }

    TEST_CASE("divisions trap by zero and by overflow, remainders only by zero") {
        TrapCode trap = TrapCode::none;
        CHECK(n::i32_rem_s(0x8000'0000, 0xffff'ffff, trap) == 0);
        CHECK(n::i64_rem_s(std::uint64_t{1} << 63, ~std::uint64_t{0}, trap) == 0);
        CHECK(trap == TrapCode::none);
        static_cast<void>(n::i32_div_s(0x8000'0000, 0xffff'ffff, trap));
        CHECK(trap == TrapCode::integer_overflow);
        trap = TrapCode::none;
        static_cast<void>(n::i64_rem_u(1, 0, trap));
        CHECK(trap == TrapCode::divide_by_zero);
    }

#if defined(__x86_64__)
    TEST_CASE("a library's flush-to-zero does not reach the machine") {
        const unsigned before = _mm_getcsr();
        _mm_setcsr(before | 0x8040);  // FTZ and DAZ, as fast-math start-up code sets them
        const std::uint64_t subnormal = 3;
        {
            const FloatEnvironment floats;
            volatile std::uint64_t hidden = subnormal;
            CHECK(n::f64_mul(hidden, d(1.0)) == subnormal);
            CHECK(n::f64_div(d(2.2250738585072014e-308), d(4.0)) == 0x0004'0000'0000'0000);
        }
        CHECK((_mm_getcsr() & 0x8040) == 0x8040);
        _mm_setcsr(before);
    }
#endif
}
