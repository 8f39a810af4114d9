#include "vm/module/cursor.hpp"

namespace millrace::vm {

namespace {
std::string width(unsigned bits) {
    return "of " + std::to_string(bits) + " bits";
}
}  // namespace

std::uint64_t ByteCursor::unsigned_leb(unsigned bits) {
    const std::uint32_t start = offset();
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const std::uint8_t byte = u8();
        if (failed_) return 0;
        const unsigned room = bits - shift;
        if (room < 7 && (byte & 0x7f) >> room != 0) {
            // A continued last byte is too long first: no continuation could be right.
            fail(start, byte >= 0x80 ? ModuleRule::integer_too_long : ModuleRule::integer_too_large,
                 width(bits));
            return 0;
        }
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
        if (room <= 7) {
            fail(start, ModuleRule::integer_too_long, width(bits));
            return 0;
        }
    }
}

std::int64_t ByteCursor::signed_leb(unsigned bits) {
    const std::uint32_t start = offset();
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const std::uint8_t byte = u8();
        if (failed_) return 0;
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        const unsigned room = bits - shift;
        if (room <= 7) {
            if (byte >= 0x80) {
                fail(start, ModuleRule::integer_too_long, width(bits));
                return 0;
            }
            // Bits beyond the integer must repeat its sign.
            const auto high = static_cast<std::uint8_t>((byte & 0x7f) >> (room - 1));
            if (high != 0 && high != 0x7f >> (room - 1)) {
                fail(start, ModuleRule::integer_too_large, width(bits));
                return 0;
            }
        }
        if (byte < 0x80) {
            const unsigned used = shift + 7;
            if (used < 64 && (byte & 0x40) != 0) value |= ~std::uint64_t{0} << used;
            return static_cast<std::int64_t>(value);
        }
    }
}

}  // namespace millrace::vm
