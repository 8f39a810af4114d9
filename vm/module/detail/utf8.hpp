#pragma once

#include "common/bytes.hpp"

namespace millrace::vm::detail {

/// Well-formed UTF-8 as Unicode defines it: shortest forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] inline bool is_utf8(ByteView text) {
    std::size_t at = 0;
    const auto continues = [&](std::size_t index, std::uint8_t low, std::uint8_t high) {
        return index < text.size() && text[index] >= low && text[index] <= high;
    };
    while (at < text.size()) {
        const std::uint8_t lead = text[at];
        if (lead < 0x80) {
            ++at;
            continue;
        }
        // The second byte's range excludes long forms (e0, f0), surrogates (ed), too high (f4).
        std::size_t more = 0;
        std::uint8_t low = 0x80;
        std::uint8_t high = 0xbf;
        if (lead >= 0xc2 && lead <= 0xdf) {
            more = 1;
        } else if (lead >= 0xe0 && lead <= 0xef) {
            more = 2;
            if (lead == 0xe0) low = 0xa0;
            if (lead == 0xed) high = 0x9f;
        } else if (lead >= 0xf0 && lead <= 0xf4) {
            more = 3;
            if (lead == 0xf0) low = 0x90;
            if (lead == 0xf4) high = 0x8f;
        } else {
            return false;
        }
        if (!continues(at + 1, low, high)) return false;
        for (std::size_t i = 2; i <= more; ++i)
            if (!continues(at + i, 0x80, 0xbf)) return false;
        at += more + 1;
    }
    return true;
}

}  // namespace millrace::vm::detail
