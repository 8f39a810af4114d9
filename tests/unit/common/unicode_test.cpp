#include "common/unicode.hpp"

#include <doctest/doctest.h>

#include "common/codec.hpp"

namespace millrace {
namespace {

/// UTF-8 by arithmetic on code points, the other way round than the code under test: decode one
/// character of any declared length, then ask whether its shortest form is these bytes.
bool is_one_character(ByteView raw) {
    if (raw.empty()) return false;
    std::uint32_t point = 0;
    std::size_t size = 0;
    if (raw[0] < 0x80)
        size = 1, point = raw[0];
    else if (raw[0] >= 0xc0 && raw[0] < 0xe0)
        size = 2, point = raw[0] & 0x1fU;
    else if (raw[0] >= 0xe0 && raw[0] < 0xf0)
        size = 3, point = raw[0] & 0x0fU;
    else if (raw[0] >= 0xf0 && raw[0] < 0xf8)
        size = 4, point = raw[0] & 0x07U;
    if (size == 0 || raw.size() != size) return false;
    for (std::size_t i = 1; i < size; ++i) {
        if ((raw[i] & 0xc0U) != 0x80) return false;
        point = (point << 6U) | (raw[i] & 0x3fU);
    }
    if (point >= 0xd800 && point < 0xe000) return false;
    const std::size_t shortest = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    return point <= 0x10ffff && shortest == size;
}

bool oracle(ByteView raw) {
    while (!raw.empty()) {
        std::size_t size = 1;
        while (size <= raw.size() && size <= 4 && !is_one_character(raw.first(size))) ++size;
        if (size > raw.size() || size > 4) return false;
        raw = raw.subspan(size);
    }
    return true;
}

}  // namespace

TEST_SUITE("common/unicode") {
    TEST_CASE("UTF-8 is told from other bytes: all of up to two bytes, edges of three and four") {
        CHECK(is_utf8({}));
        int wrong = 0;
        for (unsigned a = 0; a < 256; ++a) {
            const Bytes one = {static_cast<std::uint8_t>(a)};
            wrong += is_utf8(one) == oracle(one) ? 0 : 1;
            for (unsigned b = 0; b < 256; ++b) {
                const Bytes two = {one[0], static_cast<std::uint8_t>(b)};
                wrong += is_utf8(two) == oracle(two) ? 0 : 1;
                for (const std::uint8_t c : Bytes{0x00, 0x7f, 0x80, 0xbf, 0xc0}) {
                    const Bytes three = {two[0], two[1], c};
                    wrong += is_utf8(three) == oracle(three) ? 0 : 1;
                    for (const std::uint8_t d : Bytes{0x41, 0x80, 0xbf}) {
                        const Bytes four = {two[0], two[1], c, d};
                        wrong += is_utf8(four) == oracle(four) ? 0 : 1;
                    }
                }
            }
        }
        CHECK(wrong == 0);
    }

    TEST_CASE("a text on the wire is UTF-8") {
        using Text = BoundedString<8>;
        CHECK(*decode<Text>(Bytes{2, 0xc3, 0xa9}) == "\xc3\xa9");
        CHECK(decode<Text>(Bytes{1, 0xff}).error() == DecodeError::bad_text);
        CHECK(decode<Text>(Bytes{1, 0xc3}).error() == DecodeError::bad_text);
        CHECK(decode<Text>(Bytes{2, 0xc3}).error() == DecodeError::truncated);
    }
}

}  // namespace millrace
