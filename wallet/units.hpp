#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/amount.hpp"
#include "wallet/client.hpp"

/// Quantities as people type them and as they read them. A refusal names the option and an example.
namespace millrace::wallet {

/// "12", "12.5": credits, at most nine places.
[[nodiscard]] Try<Amount> parse_credits(std::string_view option, std::string_view text);
/// Credits per Ggas, such as "0.02"; zero is no price, and the protocol's bound holds.
[[nodiscard]] Try<Price> parse_price(std::string_view option, std::string_view text);
/// "90s", "30m", "12h", "7d", "500ms", and sums such as "1h30m". Milliseconds.
[[nodiscard]] Try<std::uint64_t> parse_duration(std::string_view option, std::string_view text);
/// "2G", "1.5G", "500M", "20k", or a plain number of gas.
[[nodiscard]] Try<Gas> parse_gas(std::string_view option, std::string_view text);
/// 64 hexadecimal digits as an id.
template <class Id>
[[nodiscard]] Try<Id> parse_id(std::string_view what, std::string_view text) {
    if (const auto raw = from_hex(text))
        if (const auto id = Id::from(*raw)) return *id;
    return Err{Failure{Exit::bad_input, std::string(what) + ": \"" + std::string(text) +
                                            "\" is not an id of 64 hexadecimal digits"}};
}

/// "0.005": credits per Ggas.
[[nodiscard]] std::string price_text(Price price);
/// Credits for people: at most six places, rounded up, so that "0" means nothing at all.
[[nodiscard]] std::string credits_text(Amount amount);

}  // namespace millrace::wallet
