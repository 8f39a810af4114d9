#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.hpp"

/// One bit a sibling, lowest bit of the first byte first: how proofs of both trees say what is
/// sent.
namespace millrace::detail {

[[nodiscard]] inline bool flag_at(ByteView flags, std::uint64_t at) {
    const unsigned byte = flags[at / 8];
    return ((byte >> (at % 8)) & 1U) != 0;
}

/// Appends flag number `at`, which is the next one.
template <class ByteVector>
void push_flag(ByteVector& flags, std::uint64_t at, bool set) {
    if (at % 8 == 0) flags.push_back(0);
    const unsigned byte = flags.back();
    flags.back() = static_cast<std::uint8_t>(byte | ((set ? 1U : 0U) << (at % 8)));
}

/// The number of flags set; none when one is set beyond the first `count`.
[[nodiscard]] inline std::optional<std::uint64_t> count_flags(ByteView flags, std::uint64_t count) {
    std::uint64_t set = 0;
    for (std::uint64_t at = 0; at < 8 * flags.size(); ++at) {
        if (!flag_at(flags, at)) continue;
        if (at >= count) return std::nullopt;
        ++set;
    }
    return set;
}

}  // namespace millrace::detail
