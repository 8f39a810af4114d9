#include "common/amount.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "common/rng.hpp"

namespace millrace {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

/// A number with a random count of bits, so that products on both sides of 2^64 occur.
std::uint64_t draw(Rng& rng) {
    const std::uint64_t raw = rng.next();
    return raw >> rng.below(64);
}

}  // namespace

TEST_SUITE("common/amount") {
    TEST_CASE("money does not wrap") {
        CHECK(*checked_add(Amount{kMax - 1}, Amount{1}) == Amount{kMax});
        CHECK(checked_add(Amount{kMax}, Amount{1}).error() == AmountError::overflow);
        CHECK(*checked_sub(Amount{5}, Amount{5}) == Amount{0});
        CHECK(checked_sub(Amount{5}, Amount{6}).error() == AmountError::below_zero);
        CHECK(*checked_mul(Amount{kMax / 2}, 2) == Amount{kMax - 1});
        CHECK(checked_mul(Amount{kMax / 2 + 1}, 2).error() == AmountError::overflow);
        CHECK(*checked_mul(Amount{kMax}, 0) == Amount{0});
    }

    TEST_CASE("pay is rounded up, never down: no work is free") {
        struct Row {
            std::uint64_t gas;
            std::uint64_t price;
            std::uint64_t expected;
        };
        const std::vector<Row> rows = {
            {0, 1000, 0},
            {1, 0, 0},
            {1, 1, 1},
            {kGasPerGgas, 17, 17},
            {kGasPerGgas + 1, 17, 18},
            {kGasPerGgas - 1, 1, 1},
            {60 * kGasPerGgas, std::uint64_t{1} << 40U, 60 * (std::uint64_t{1} << 40U)},
        };
        for (const Row& row : rows) {
            CAPTURE(row.gas);
            CAPTURE(row.price);
            CHECK(*pay_for(Gas{row.gas}, Price{row.price}) == Amount{row.expected});
        }
        CHECK(pay_for(Gas{kMax}, Price{kMax}).error() == AmountError::overflow);
    }

    TEST_CASE("floor and ceiling enclose the exact quotient") {
        for (std::uint64_t seed = 1; seed <= 4; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            for (int i = 0; i < 2000; ++i) {
                const std::uint64_t a = draw(rng);
                const std::uint64_t n = draw(rng);
                const std::uint64_t d = draw(rng) | 1U;
                const auto floor = checked_mul_div_floor(Amount{a}, n, d);
                const auto ceiling = checked_mul_div_ceil(Amount{a}, n, d);
                const Uint128 product = Uint128{a} * n;
                if (!floor.has_value()) {
                    CHECK(product >= (Uint128{1} << 64U) * d);
                    continue;
                }
                CHECK(Uint128{floor->value} * d <= product);
                CHECK(product - Uint128{floor->value} * d < d);
                if (!ceiling.has_value()) {
                    CHECK(floor->value == kMax);
                    continue;
                }
                const bool is_exact = Uint128{floor->value} * d == product;
                CHECK(ceiling->value == floor->value + (is_exact ? 0 : 1));
            }
        }
    }

    TEST_CASE("credits are read and written without loss") {
        struct Row {
            const char* text;
            std::uint64_t nano;
            const char* written;
        };
        const std::vector<Row> rows = {
            {"0", 0, "0"},
            {"12", 12 * kNanoPerCredit, "12"},
            {"12.5", 12 * kNanoPerCredit + 500'000'000, "12.5"},
            {"0.000000001", 1, "0.000000001"},
            {"1.10", kNanoPerCredit + 100'000'000, "1.1"},
            {"007", 7 * kNanoPerCredit, "7"},
            {"18446744073.709551615", kMax, "18446744073.709551615"},
        };
        for (const Row& row : rows) {
            CAPTURE(row.text);
            REQUIRE(from_credits(row.text).has_value());
            CHECK(*from_credits(row.text) == Amount{row.nano});
            CHECK(to_credits(Amount{row.nano}) == row.written);
        }
        for (const char* bad : {"", ".", "1.", ".5", "-1", "+1", "1e3", " 1", "1 ", "1,5", "1.2.3",
                                "0.0000000001", "18446744073.709551616", "99999999999"}) {
            CAPTURE(bad);
            CHECK_FALSE(from_credits(bad).has_value());
        }
    }

    TEST_CASE("every amount survives the way through text") {
        Rng rng(9);
        for (int i = 0; i < 2000; ++i) {
            const Amount amount{draw(rng)};
            CAPTURE(amount.value);
            CHECK(from_credits(to_credits(amount)) == amount);
        }
    }
}

}  // namespace millrace
