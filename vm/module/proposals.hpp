#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vm/module/error.hpp"

namespace millrace::vm {

/// Instructions beyond WebAssembly 2.0 that compilers emit: known by name, so that a refusal says
/// what was met and how to avoid it.
struct ProposalOp {
    ModuleRule rule = ModuleRule::illegal_opcode;
    std::string mnemonic;  ///< "0x27" where the byte means nothing to us
};

/// What an encoding stands for that `find_opcode` does not know.
/// `prefix` is 0 for single bytes, else 0xfb to 0xfe with `code` the number behind it.
[[nodiscard]] ProposalOp find_proposal(std::uint8_t prefix, std::uint32_t code);

/// Compiler flags that keep a feature out of the output, as a sentence; empty where none is known.
[[nodiscard]] std::string_view avoid_with(ModuleRule rule);

}  // namespace millrace::vm
