#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "vm/image/opcodes.hpp"

namespace millrace::vm {

/// One instruction in words, and how many words of code it took.
struct Disassembled {
    std::string text;
    std::uint32_t words = 1;
};

/// The instruction at word `at`; slots are `s3`, targets absolute word numbers. Reads any words,
/// also such as no publication makes: "invalid" then, or a truncated instruction's name alone.
[[nodiscard]] Disassembled disassemble_at(std::span<const std::uint64_t> code, std::uint32_t at);

/// Lines `number  instruction` of the words [from, end), at most `lines_max` of them.
[[nodiscard]] std::string disassemble(std::span<const std::uint64_t> code, std::uint32_t from,
                                      std::uint32_t end, std::uint32_t lines_max = 10'000);

}  // namespace millrace::vm
