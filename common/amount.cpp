#include "common/amount.hpp"

#include <limits>

namespace millrace {

namespace {
Result<Amount, AmountError> narrow(Uint128 wide) {
    if (wide > std::numeric_limits<std::uint64_t>::max()) return Err{AmountError::overflow};
    return Amount{static_cast<std::uint64_t>(wide)};
}
constexpr int kPlaces = 9;
}  // namespace

Result<Amount, AmountError> pay_for(Gas gas, Price price) {
    const Uint128 product = Uint128{gas.value} * price.value;
    return narrow(product / kGasPerGgas + (product % kGasPerGgas != 0 ? 1 : 0));
}

Result<Amount, AmountError> checked_mul_div_floor(Amount a, std::uint64_t numerator,
                                                  std::uint64_t denominator) {
    MILLRACE_ASSERT(denominator != 0);
    return narrow(Uint128{a.value} * numerator / denominator);
}

Result<Amount, AmountError> checked_mul_div_ceil(Amount a, std::uint64_t numerator,
                                                 std::uint64_t denominator) {
    MILLRACE_ASSERT(denominator != 0);
    const Uint128 product = Uint128{a.value} * numerator;
    return narrow(product / denominator + (product % denominator != 0 ? 1 : 0));
}

std::string to_credits(Amount amount) {
    const std::string out = std::to_string(amount.value / kNanoPerCredit);
    std::string fraction = std::to_string(amount.value % kNanoPerCredit);
    fraction.insert(0, kPlaces - fraction.size(), '0');
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
    return fraction.empty() ? out : out + "." + fraction;
}

std::optional<Amount> from_credits(std::string_view text) {
    const std::size_t dot = text.find('.');
    const std::string_view whole = text.substr(0, dot);
    std::string fraction(dot == std::string_view::npos ? "" : text.substr(dot + 1));
    if (whole.empty() || (dot != std::string_view::npos && fraction.empty())) return std::nullopt;
    if (fraction.size() > kPlaces) return std::nullopt;
    fraction.resize(kPlaces, '0');
    std::uint64_t value = 0;
    for (const char c : std::string(whole) + fraction) {
        if (c < '0' || c > '9') return std::nullopt;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (__builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return std::nullopt;
    }
    return Amount{value};
}

}  // namespace millrace
