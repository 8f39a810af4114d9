#pragma once

#include <cstdint>
#include <vector>

#include "common/result.hpp"
#include "vm/image/format.hpp"
#include "vm/image/refusal.hpp"
#include "vm/module/module.hpp"

namespace millrace::vm {

/// Code of all functions and the facts that calls need.
struct LoweredCode {
    std::vector<std::uint64_t> words;
    std::vector<FunctionRecord> functions;  ///< imports first
};

struct LowerOptions {
    /// For each imported function the number that its `host` words carry.
    std::vector<std::uint32_t> host_numbers;
    /// Added to a function's index wherever a reference to it is made. Zero on chain; the linker of
    /// the test harness keeps instances' functions apart with it.
    std::uint64_t function_reference_base = 0;
    std::uint64_t words_max = kCodeWordsMax;
};

/// The code's first words: `boot`, calls of the start function and of `_start` where there are any,
/// then `finish`. A run begins at word 0 with no frame.
inline constexpr std::uint32_t kPrologueWords = 7;
/// Where the prologue's `finish` stands: the return address for callers from outside.
inline constexpr std::uint32_t kFinishWord = 6;

/// Turns validated stack code into register code: each stack position is a slot of the frame,
/// `local.get` and constants become operands, comparison and branch one instruction, and each basic
/// block begins with its gas. `entry` is the index of `_start`, none where a harness calls in.
/// Linear in time and memory; no recursion.
/// Refuses: `too_many_slots`, `path_too_long`, `image_too_large` (above `words_max`).
/// Source: docs/protocol/image.md, "Lowering".
[[nodiscard]] Result<LoweredCode, ImageError> lower_code(const ValidModule& module,
                                                         std::optional<std::uint32_t> entry,
                                                         const LowerOptions& options);

}  // namespace millrace::vm
