#pragma once

#include <cstdint>

#include "vm/machine/layout.hpp"

/// The image's tables, byte by byte, as semantics and publication both read them. All numbers are
/// little-endian. Consensus; docs/protocol/image.md.
namespace millrace::vm {

inline constexpr std::uint64_t kImageVersion = 1;

/// Code is at most this many words: the whole region would be 2^29.
inline constexpr std::uint64_t kCodeWordsMax = std::uint64_t{1} << 28;
/// Slots of one frame: a slot's number has 16 bits.
inline constexpr std::uint32_t kFrameSlotsMax = 65'535;
/// An image holds at most this many tables: each has a region between globals and memory. Programs
/// of compilers have one or two.
inline constexpr std::uint32_t kImageTablesMax = 1'024;
/// The pages that an image spans (`Image::size`) hold at most this many times the module's bytes,
/// plus a constant for small modules. What costs every validator memory costs the publisher bytes.
inline constexpr std::uint64_t kImageGrowthMax = 10;
inline constexpr std::uint64_t kImageSizeFree = 256 * 1024;

/// Words of the header page, by number.
enum class HeaderWord : std::uint8_t {
    magic = 0,           ///< "millimg" and a zero byte
    version = 1,         ///< kImageVersion
    code_words = 2,      ///< length of the code
    function_count = 3,  ///< imports first
    import_count = 4,    ///< of functions
    type_count = 5,      ///< canonical types
    global_count = 6,
    table_count = 7,
    data_count = 8,         ///< data segments
    element_count = 9,      ///< element segments
    memory_pages = 10,      ///< first size of the linear memory, in 64 KiB
    memory_pages_max = 11,  ///< what memory.grow may reach; 0 without a memory
    start_function = 12,    ///< index + 1 of the start function, 0 without
    entry_function = 13,    ///< index + 1 of `_start`, 0 where the image has none (tests only)
    module_size = 14,       ///< bytes of the module
    table_pages = 15,       ///< pages that the entries of all tables fill at their first sizes
};
inline constexpr std::uint64_t kImageMagic = 0x00'67'6d'69'6c'6c'69'6d;  // "millimg\0"
/// The header page's second half: two bytes an imported function, its number in the host table.
inline constexpr std::uint64_t kHeaderImports = kImageHeader + 2048;
inline constexpr std::uint32_t kHeaderImportsMax = 1024;

/// Function table: 32 bytes a function.
inline constexpr std::uint64_t kFunctionRecordSize = 32;
/// word 0: entry (low half), slots of the frame (high half)
/// word 1: parameters, results
/// word 2: locals with parameters, canonical type id
/// word 3: zero
struct FunctionRecord {
    std::uint32_t entry = 0;
    std::uint32_t frame_slots = 0;
    std::uint32_t param_count = 0;
    std::uint32_t result_count = 0;
    std::uint32_t local_count = 0;
    std::uint32_t type_id = 0;
};

/// Segments: the region begins with one 16-byte record each (offset in the region, count of bytes
/// or entries), then the contents; element entries are 8 bytes.
inline constexpr std::uint64_t kSegmentRecordSize = 16;

/// Globals: 16 bytes each, of which a v128 will use all and everything else the first 8.
inline constexpr std::uint64_t kGlobalStride = 16;

/// A table's region: page 0 holds its size and the largest it may grow to; entries from page 1,
/// 8 bytes each: 0 null, else function index + 1.
inline constexpr std::uint64_t kTableEntriesOffset = kPageSize;
/// Half of the flags region belongs to data segments, half to element segments.
inline constexpr Address kElementFlags = kSegmentFlags + (kRegionSize >> 1);

/// Call frames: 32 bytes each: word of return, caller's frame pointer, function index, zero.
inline constexpr std::uint64_t kFrameRecordSize = 32;
struct FrameRecord {
    std::uint64_t return_pc = 0;
    std::uint64_t caller_frame = 0;
    std::uint64_t function = 0;
};

/// Pages that this many entries of a table fill; what the job's memory limit counts of a table.
[[nodiscard]] constexpr std::uint64_t table_pages(std::uint64_t entries) {
    return (8 * entries + kPageSize - 1) / kPageSize;
}

[[nodiscard]] constexpr Address table_base(std::uint32_t table) {
    return kTablesBase + table * kRegionSize;
}

}  // namespace millrace::vm
