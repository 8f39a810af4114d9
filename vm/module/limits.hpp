#pragma once

#include <cstdint>

/// Protocol constants: what a module may not exceed. Most are those of the WebAssembly JavaScript
/// interface, "Limits" (what browsers agree on), so compilers never come near them. Changing one
/// changes which modules the chain accepts. Written down in docs/protocol/module.md.
namespace millrace::vm {

/// Real programs reach 30 MB; twice that leaves room and bounds a validator's work per module.
inline constexpr std::uint32_t kModuleSizeMax = 64u << 20;
inline constexpr std::uint32_t kTypesMax = 1'000'000;
inline constexpr std::uint32_t kFunctionsMax = 1'000'000;  ///< imported and defined
/// A tenth of the interface's: a program may import no more than the functions of WASI anyway, and
/// an import takes more memory than any other entry.
inline constexpr std::uint32_t kImportsMax = 100'000;
inline constexpr std::uint32_t kExportsMax = 1'000'000;
inline constexpr std::uint32_t kGlobalsMax = 1'000'000;  ///< imported and defined
inline constexpr std::uint32_t kTablesMax = 100'000;     ///< imported and defined
inline constexpr std::uint32_t kDataSegmentsMax = 100'000;
/// The interface names none; the number of data segments serves, since compilers emit one or two.
inline constexpr std::uint32_t kElementSegmentsMax = 100'000;
/// Entries that a table may have, at first or grown.
inline constexpr std::uint32_t kTableSizeMax = 10'000'000;
inline constexpr std::uint32_t kParamsMax = 1'000;
inline constexpr std::uint32_t kResultsMax = 1'000;
inline constexpr std::uint32_t kLocalsMax = 50'000;  ///< parameters included
inline constexpr std::uint32_t kFunctionSizeMax = 7'654'321;
/// Labels of one br_table without the default.
inline constexpr std::uint32_t kBranchTableMax = 65'520;
/// A br_table costs one comparison of its operands for each different label type. In code that is
/// never reached labels of different types can all match; with many long ones the work would be the
/// product of two lengths, so the product is bounded. Compilers have one type there.
inline constexpr std::uint32_t kBranchTableWorkMax = 8'192;
/// Open blocks in one function: one for each label of the largest br_table, and a few more.
inline constexpr std::uint32_t kNestingMax = 65'536;
/// Operands on the stack of one function. With all locals a frame stays below 65,536 slots, so a
/// slot's number fits 16 bits. Compilers stay below a few hundred.
inline constexpr std::uint32_t kOperandsMax = 15'000;
static_assert(kLocalsMax + kOperandsMax < 65'536);
/// Linear memory in pages of 64 KiB: the whole 32-bit space.
inline constexpr std::uint32_t kMemoryPagesMax = 65'536;
inline constexpr std::uint32_t kMemoriesMax = 1;

}  // namespace millrace::vm
