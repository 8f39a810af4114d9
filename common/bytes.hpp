#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;

/// N raw bytes with a meaning: `Tag` makes a block's hash and a state's root different types.
template <std::size_t N, class Tag>
struct FixedBytes {
    static constexpr std::size_t kSize = N;
    std::array<std::uint8_t, N> bytes{};

    friend auto operator<=>(const FixedBytes&, const FixedBytes&) = default;
    friend bool operator==(const FixedBytes&, const FixedBytes&) = default;
    [[nodiscard]] ByteView view() const noexcept { return {bytes.data(), N}; }
    /// Copies exactly N bytes; none when the size differs.
    [[nodiscard]] static std::optional<FixedBytes> from(ByteView raw) {
        if (raw.size() != N) return std::nullopt;
        FixedBytes out;
        std::memcpy(out.bytes.data(), raw.data(), N);
        return out;
    }
};

inline ByteView as_bytes(std::string_view text) noexcept {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): char and uint8_t may alias.
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView raw) noexcept {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): char and uint8_t may alias.
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

/// Byte order of keys, for maps that are asked with a view: no copy of the key for a look.
struct ByteLess {
    using is_transparent = void;
    [[nodiscard]] bool operator()(ByteView a, ByteView b) const noexcept {
        const std::size_t common = a.size() < b.size() ? a.size() : b.size();
        const int order = common == 0 ? 0 : std::memcmp(a.data(), b.data(), common);
        return order != 0 ? order < 0 : a.size() < b.size();
    }
};

/// Little-endian unsigned integers at the start of a buffer that is long enough.
template <class Integer>
[[nodiscard]] constexpr Integer load_le(const std::uint8_t* from) noexcept {
    Integer value = 0;
    for (std::size_t i = 0; i < sizeof(Integer); ++i)
        value = static_cast<Integer>(value | (static_cast<Integer>(from[i]) << (8 * i)));
    return value;
}
template <class Integer>
constexpr void store_le(std::uint8_t* to, Integer value) noexcept {
    for (std::size_t i = 0; i < sizeof(Integer); ++i)
        to[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

/// Lower-case hexadecimal, two digits a byte.
[[nodiscard]] std::string to_hex(ByteView raw);
/// Accepts both cases and no prefix; none on an odd length or another character.
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view text);

}  // namespace millrace
