#pragma once

#include <cstdint>

/// What costs gas beside the static column of the WebAssembly opcode table (vm/module/opcodes.hpp).
/// One gas is about a nanosecond of compiled code. Consensus; docs/protocol/machine.md, "Gas".
namespace millrace::vm::gas {

/// A branch or return that moves values down the stack pays for each, so that gas bounds steps.
inline constexpr std::uint32_t kMovedValue = 1;

/// Bytes of memory.fill, memory.copy, memory.init: one gas for each eight, rounded up.
[[nodiscard]] constexpr std::uint64_t bulk_bytes(std::uint64_t size) {
    return (size + 7) / 8;
}
/// Entries of table.fill, table.copy, table.init, table.grow: one gas each.
[[nodiscard]] constexpr std::uint64_t bulk_entries(std::uint64_t count) {
    return count;
}
/// Locals zeroed at a function's entry: one gas for each eight, rounded up.
[[nodiscard]] constexpr std::uint64_t zeroed_locals(std::uint64_t count) {
    return (count + 7) / 8;
}
/// Each 64 KiB page that memory.grow adds: sixteen page faults and their zeroing.
inline constexpr std::uint64_t kMemoryPage = 8192;

/// Most gas that a function may charge between its entry and its end without going round a loop.
inline constexpr std::uint64_t kAcyclicPathMax = std::uint64_t{1} << 24;

/// A block head tests the threshold when this much may have been charged in the frame since its
/// last test or since a callee returned. Without it, 65,536 frames returning one after the other
/// could each charge a whole acyclic path, 2^40 gas together, that nobody tests.
/// 2^16 frames times twice this is 2^25: the overshoot that the dispute game allows for.
inline constexpr std::uint64_t kUntestedMax = 256;

}  // namespace millrace::vm::gas
