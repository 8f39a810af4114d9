#include "common/codec.hpp"

namespace millrace {

void Encoder::length(std::uint64_t value) {
    while (value >= 0x80) {
        out_.push_back(static_cast<std::uint8_t>(value | 0x80U));
        value >>= 7U;
    }
    out_.push_back(static_cast<std::uint8_t>(value));
}

std::uint64_t Decoder::length(std::uint64_t max, std::uint64_t item_size_min) {
    std::uint64_t value = 0;
    // Ten groups of seven bits hold 64; the tenth may only carry the top bit.
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const auto byte = integer<std::uint8_t>();
        if (failed()) return 0;
        if (shift == 63 && byte > 1) {
            fail(DecodeError::length_above_bound);
            return 0;
        }
        value |= std::uint64_t{byte & 0x7fU} << shift;
        if ((byte & 0x80U) != 0) continue;
        if (byte == 0 && shift != 0) {
            fail(DecodeError::length_not_shortest);
            return 0;
        }
        if (value > max) {
            fail(DecodeError::length_above_bound);
            return 0;
        }
        if (item_size_min != 0 && value > left() / item_size_min) {
            fail(DecodeError::truncated);
            return 0;
        }
        return value;
    }
    fail(DecodeError::length_above_bound);
    return 0;
}

ByteView Decoder::raw(std::size_t size) {
    if (size > in_.size()) {
        fail(DecodeError::truncated);
        return {};
    }
    const ByteView part = in_.first(size);
    in_ = in_.subspan(size);
    return part;
}

}  // namespace millrace
