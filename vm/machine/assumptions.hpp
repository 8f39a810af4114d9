#pragma once

#include <bit>
#include <cstdint>

/// What the semantics take for granted of compiler and host. A platform that breaks one of these
/// does not build, rather than computing another state root.
namespace millrace::vm::detail {

// Slots, code and memory of the direct policy are used in place as 64-bit words.
static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(void*) == 8, "4 GiB of linear memory are reserved at once");
// What is assumed of floats stands in floating.hpp.
// C++20 fixes these; stated because shifts and conversions below rely on them.
static_assert((-1 >> 1) == -1, "right shifts of negative numbers are arithmetic");
static_assert(static_cast<std::int32_t>(0xffff'ffffU) == -1, "two's complement");

}  // namespace millrace::vm::detail
