#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.hpp"
#include "common/units.hpp"

namespace millrace {

enum class AmountError : std::uint8_t { overflow = 1, below_zero = 2 };

/// Nano-credits: one credit is 10^9. Arithmetic is checked, always.
using Amount = Unit<struct AmountTag>;
/// Nano-credits per Ggas (10^9 gas); protocol prices are below 2^40.
using Price = Unit<struct PriceTag>;

inline constexpr std::uint64_t kNanoPerCredit = 1'000'000'000;
inline constexpr std::uint64_t kGasPerGgas = 1'000'000'000;

/// Products of money are taken in 128 bits.
__extension__ using Uint128 = unsigned __int128;

[[nodiscard]] inline Result<Amount, AmountError> checked_add(Amount a, Amount b) {
    Amount out;
    if (__builtin_add_overflow(a.value, b.value, &out.value)) return Err{AmountError::overflow};
    return out;
}
[[nodiscard]] inline Result<Amount, AmountError> checked_sub(Amount a, Amount b) {
    if (b > a) return Err{AmountError::below_zero};
    return Amount{a.value - b.value};
}
[[nodiscard]] inline Result<Amount, AmountError> checked_mul(Amount a, std::uint64_t factor) {
    Amount out;
    if (__builtin_mul_overflow(a.value, factor, &out.value)) return Err{AmountError::overflow};
    return out;
}
/// ceil(gas × price / 10^9), the pay for so much work.
[[nodiscard]] Result<Amount, AmountError> pay_for(Gas gas, Price price);
/// floor(amount × numerator / denominator); the denominator is not zero.
[[nodiscard]] Result<Amount, AmountError> checked_mul_div_floor(Amount a, std::uint64_t numerator,
                                                                std::uint64_t denominator);
/// ceil(amount × numerator / denominator); the denominator is not zero.
[[nodiscard]] Result<Amount, AmountError> checked_mul_div_ceil(Amount a, std::uint64_t numerator,
                                                               std::uint64_t denominator);

/// "12.5", the shortest decimal of credits.
[[nodiscard]] std::string to_credits(Amount amount);
/// Reads "12", "12.5", at most nine places; none otherwise, and none above the range.
[[nodiscard]] std::optional<Amount> from_credits(std::string_view text);

}  // namespace millrace
