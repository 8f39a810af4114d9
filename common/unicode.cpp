#include "common/unicode.hpp"

#include <utf8proc.h>

#include <cstdlib>

namespace millrace {

std::optional<SecretBuffer> to_nfkd(std::string_view text) {
    if (text.size() > kSecretTextMax) return std::nullopt;
    utf8proc_uint8_t* mapped = nullptr;
    const utf8proc_ssize_t size = utf8proc_map(
        as_bytes(text).data(), static_cast<utf8proc_ssize_t>(text.size()), &mapped,
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE));
    if (size < 0) return std::nullopt;
    SecretBuffer out(ByteView(mapped, static_cast<std::size_t>(size)));
    sodium_memzero(mapped, static_cast<std::size_t>(size));
    // The library allocates with malloc and documents free() for its results.
    // NOLINTNEXTLINE(cppcoreguidelines-no-malloc)
    std::free(mapped);
    return out;
}

}  // namespace millrace
