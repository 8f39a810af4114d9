#include "common/unicode.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace millrace {

std::optional<SecretBuffer> to_nfkd(std::string_view text) {
    if (text.size() > kSecretTextMax) return std::nullopt;
    utf8proc_uint8_t* mapped = nullptr;
    // NOLINTBEGIN(clang-analyzer-optin.core.EnumCastOutOfRange): an enum of flags
    const utf8proc_ssize_t size = utf8proc_map(
        as_bytes(text).data(), static_cast<utf8proc_ssize_t>(text.size()), &mapped,
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE));
    // NOLINTEND(clang-analyzer-optin.core.EnumCastOutOfRange)
    if (size < 0) return std::nullopt;
    SecretBuffer out(ByteView(mapped, static_cast<std::size_t>(size)));
    sodium_memzero(mapped, static_cast<std::size_t>(size));
    // The library allocates with malloc and documents free() for its results.
    // NOLINTNEXTLINE(cppcoreguidelines-no-malloc)
    std::free(mapped);
    return out;
}

bool is_utf8(ByteView text) {
    // One row for each kind of first byte: its range, the range of the second byte, and how many
    // bytes follow. The second byte's range is what excludes long forms, surrogates and the rest.
    struct Row {
        std::uint8_t first_min, first_max, second_min, second_max, following;
    };
    static constexpr std::array<Row, 9> kRows = {{
        {0x00, 0x7f, 0x00, 0x00, 0},
        {0xc2, 0xdf, 0x80, 0xbf, 1},
        {0xe0, 0xe0, 0xa0, 0xbf, 2},
        {0xe1, 0xec, 0x80, 0xbf, 2},
        {0xed, 0xed, 0x80, 0x9f, 2},
        {0xee, 0xef, 0x80, 0xbf, 2},
        {0xf0, 0xf0, 0x90, 0xbf, 3},
        {0xf1, 0xf3, 0x80, 0xbf, 3},
        {0xf4, 0xf4, 0x80, 0x8f, 3},
    }};
    for (std::size_t at = 0; at < text.size();) {
        const std::uint8_t first = text[at];
        const auto* const row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) {
            return first >= r.first_min && first <= r.first_max;
        });
        if (row == kRows.end() || text.size() - at <= row->following) return false;
        for (std::size_t i = 1; i <= row->following; ++i) {
            const std::uint8_t low = i == 1 ? row->second_min : std::uint8_t{0x80};
            const std::uint8_t high = i == 1 ? row->second_max : std::uint8_t{0xbf};
            if (text[at + i] < low || text[at + i] > high) return false;
        }
        at += 1U + row->following;
    }
    return true;
}

}  // namespace millrace
