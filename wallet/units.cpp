#include "wallet/units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "market/auction/order.hpp"

namespace millrace::wallet {

namespace {

Failure bad(std::string_view option, std::string_view text, std::string_view expected) {
    return {Exit::usage, fmt::format("{}: \"{}\" is not {}", option, text, expected)};
}

struct Scale {
    std::string_view suffix;
    std::uint64_t factor;
};

/// Longer suffixes first: "ms" is not "m".
constexpr std::array<Scale, 5> kDurations{
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Scale, 5> kGasScales{
    {{"k", 1'000}, {"K", 1'000}, {"M", 1'000'000}, {"G", 1'000'000'000}, {"T", 1'000'000'000'000}}};

/// Digits with at most one point, times `factor`; none when there is a remainder or no room.
std::optional<std::uint64_t> scaled(std::string_view digits, std::uint64_t factor) {
    const std::size_t dot = digits.find('.');
    const std::string_view whole = digits.substr(0, dot);
    const std::string_view fraction = dot == std::string_view::npos ? "" : digits.substr(dot + 1);
    if (whole.empty() || (dot != std::string_view::npos && fraction.empty())) return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, ec] = std::from_chars(whole.data(), whole.data() + whole.size(), value);
    if (ec != std::errc{} || end != whole.data() + whole.size()) return std::nullopt;
    if (__builtin_mul_overflow(value, factor, &value)) return std::nullopt;
    for (const char c : fraction) {
        if (c < '0' || c > '9' || factor % 10 != 0) return std::nullopt;
        factor /= 10;
        if (__builtin_add_overflow(value, factor * static_cast<std::uint64_t>(c - '0'), &value))
            return std::nullopt;
    }
    return value;
}

std::size_t number_length(std::string_view text) {
    std::size_t n = 0;
    while (n < text.size() && ((text[n] >= '0' && text[n] <= '9') || text[n] == '.')) ++n;
    return n;
}

constexpr int kPlacesCut = 1'000;  // nano-credits in a millionth of a credit

}  // namespace

Try<Amount> parse_credits(std::string_view option, std::string_view text) {
    if (const auto amount = from_credits(text)) return *amount;
    return Err{bad(option, text, "an amount of credits, such as 12.5")};
}

Try<Price> parse_price(std::string_view option, std::string_view text) {
    const auto amount = from_credits(text);
    if (amount && amount->value > 0 && amount->value < market::kPriceBound)
        return Price{amount->value};
    return Err{bad(option, text,
                   fmt::format("a price in credits per Ggas, such as 0.02 (above 0, below {})",
                               market::kPriceBound / kNanoPerCredit))};
}

Try<std::uint64_t> parse_duration(std::string_view option, std::string_view text) {
    const Failure failure = bad(option, text, "a time such as 90s, 30m, 12h, 7d or 1h30m");
    std::uint64_t sum = 0;
    std::string_view rest = text;
    if (rest.empty()) return Err{failure};
    while (!rest.empty()) {
        const std::size_t length = number_length(rest);
        const std::string_view digits = rest.substr(0, length);
        rest.remove_prefix(length);
        std::optional<std::uint64_t> part;
        for (const Scale& scale : kDurations) {
            if (!rest.starts_with(scale.suffix)) continue;
            part = scaled(digits, scale.factor);
            rest.remove_prefix(scale.suffix.size());
            break;
        }
        if (!part || __builtin_add_overflow(sum, *part, &sum)) return Err{failure};
    }
    return sum;
}

Try<Gas> parse_gas(std::string_view option, std::string_view text) {
    const std::size_t length = number_length(text);
    const std::string_view suffix = text.substr(length);
    std::optional<std::uint64_t> value;
    if (suffix.empty()) value = scaled(text, 1);
    for (const Scale& scale : kGasScales)
        if (suffix == scale.suffix) value = scaled(text.substr(0, length), scale.factor);
    if (value && *value > 0) return Gas{*value};
    return Err{bad(option, text, "an amount of gas, such as 2G, 1.5G, 500M or 20000")};
}

std::string price_text(Price price) {
    return to_credits(Amount{price.value});
}

std::string credits_text(Amount amount) {
    const std::uint64_t rest = amount.value % kPlacesCut;
    if (rest == 0) return to_credits(amount);
    return to_credits(Amount{amount.value - rest + kPlacesCut});
}

}  // namespace millrace::wallet
