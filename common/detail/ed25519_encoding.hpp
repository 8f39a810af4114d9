#pragma once

#include <array>
#include <cstdint>

#include "common/bytes.hpp"

/// Range checks on public ed25519 encodings. They need no constant time: nothing secret comes here.
namespace millrace::detail {

/// L = 2^252 + 27742317777372353535851937790883648493, little-endian.
inline constexpr std::array<std::uint8_t, 32> kGroupOrder = {
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
/// p = 2^255 - 19, little-endian.
inline constexpr std::array<std::uint8_t, 32> kFieldPrime = {
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};

/// a < bound, both 32 bytes little-endian; `top_mask` is applied to a's last byte.
inline bool is_below(ByteView a, const std::array<std::uint8_t, 32>& bound, std::uint8_t top_mask) {
    for (std::size_t i = 32; i-- > 0;) {
        const auto byte = static_cast<std::uint8_t>(i == 31 ? a[i] & top_mask : a[i]);
        if (byte != bound[i]) return byte < bound[i];
    }
    return false;
}
/// S < L.
inline bool is_canonical_scalar(ByteView s) {
    return is_below(s, kGroupOrder, 0xff);
}
/// The y coordinate of an encoded point is below p; the sign bit of x is not part of it.
inline bool is_canonical_y(ByteView point) {
    return is_below(point, kFieldPrime, 0x7f);
}

}  // namespace millrace::detail
