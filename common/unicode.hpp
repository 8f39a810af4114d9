#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "common/secret_bytes.hpp"

namespace millrace {

/// Longest secret text that is read, in bytes: a 24-word phrase in any language is below 1 KiB.
inline constexpr std::size_t kSecretTextMax = 4096;

/// Unicode NFKD of a passphrase or phrase, so that the same characters give the same key whatever
/// way a keyboard or a file composed them. None when the text is not UTF-8 or too long.
[[nodiscard]] std::optional<SecretBuffer> to_nfkd(std::string_view text);

/// Whether these bytes are UTF-8 as RFC 3629 has it: shortest forms, no surrogates, nothing above
/// U+10FFFF. Part of the wire format, so written out here and not left to a library's version.
[[nodiscard]] bool is_utf8(ByteView text);

}  // namespace millrace
