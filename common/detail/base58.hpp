#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.hpp"

/// Base58Check, which BIP-32 uses for its text form; nothing of Millrace's own is written in it.
namespace millrace::detail {

/// Longest text and longest payload: an extended key is 111 characters and 78 bytes. The conversion
/// takes quadratic time, so the bound also bounds work.
inline constexpr std::size_t kBase58TextMax = 128;
inline constexpr std::size_t kBase58PayloadMax = 88;

[[nodiscard]] std::string encode_base58check(ByteView payload);
/// None on a foreign character, a wrong checksum or an over-long text.
[[nodiscard]] std::optional<Bytes> decode_base58check(std::string_view text);

}  // namespace millrace::detail
