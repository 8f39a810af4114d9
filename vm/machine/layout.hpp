#pragma once

#include <cstdint>

#include "common/units.hpp"

/// Where everything that a run can touch lives: one flat, sparse address space of 2^64 bytes in 4
/// KiB pages, hashed as one binary Merkle tree. Consensus; written down in
/// docs/protocol/machine.md.
///
/// ```
/// 0x0000'0000'0000'0000  control   page 0 registers, page 1 arguments, then the descriptor table
/// 0x0000'1000'0000'0000  stack     call frames, operand slots
/// 0x0000'4000'0000'0000  image     one aligned subtree of 2^46 bytes whose root names the program:
///     +0x0000'0000'0000    constant: header, code, functions, branch tables, segments, types
///     +0x1000'0000'0000    variable: globals, segment flags, tables
///     +0x2000'0000'0000    linear memory
/// 0x0000'8000'0000'0000  streams   stdin, stdout, stderr: one region each
/// 0x0000'9000'0000'0000  output    the normalised file-system image, written at exit
/// 0x4000'0000'0000'0000  `/`       the running file system, 2^61 bytes
/// 0x6000'0000'0000'0000  `/tmp`    likewise
/// 0x8000'0000'0000'0000  `/in`     array of file-system images of 2^44 bytes, read-only
/// ```
namespace millrace::vm {

/// A byte's place in the machine's state.
using Address = std::uint64_t;

inline constexpr unsigned kPageBits = 12;
inline constexpr std::uint64_t kPageSize = std::uint64_t{1} << kPageBits;
/// A region holds one file, one table, the linear memory: 2^32 bytes.
inline constexpr unsigned kRegionBits = 32;
inline constexpr std::uint64_t kRegionSize = std::uint64_t{1} << kRegionBits;
/// A superregion holds one file-system image.
inline constexpr unsigned kSuperregionBits = 44;

inline constexpr Address kControlBase = 0;
inline constexpr Address kRegistersPage = kControlBase;
inline constexpr Address kArgumentsPage = kControlBase + kPageSize;
/// Descriptor table: one 64-byte record a descriptor.
inline constexpr Address kDescriptorTable = kControlBase + 0x10'0000;

inline constexpr Address kStackBase = 0x0000'1000'0000'0000;
/// Call frames, one 32-byte record each.
inline constexpr Address kFramesBase = kStackBase;
/// Operand slots, 8 bytes each.
inline constexpr Address kSlotsBase = kStackBase + kRegionSize;

inline constexpr unsigned kImageBits = 46;
inline constexpr Address kImageBase = 0x0000'4000'0000'0000;
inline constexpr Address kImageHeader = kImageBase;
inline constexpr Address kCodeBase = kImageBase + 1 * kRegionSize;
inline constexpr Address kFunctionTable = kImageBase + 2 * kRegionSize;
inline constexpr Address kBranchTables = kImageBase + 3 * kRegionSize;
inline constexpr Address kDataSegments = kImageBase + 4 * kRegionSize;
inline constexpr Address kElementSegments = kImageBase + 5 * kRegionSize;
inline constexpr Address kTypeTable = kImageBase + 6 * kRegionSize;
inline constexpr Address kGlobalsBase = kImageBase + 0x1000'0000'0000;
/// One byte a segment: 1 when dropped. Data segments first, then element segments at +2^31.
inline constexpr Address kSegmentFlags = kGlobalsBase + kRegionSize;
/// Table `t` is region `kTablesBase + t × 2^32`: entry 0 is preceded by one page whose first word
/// is the current size.
inline constexpr Address kTablesBase = kGlobalsBase + 2 * kRegionSize;
inline constexpr Address kMemoryBase = kImageBase + 0x2000'0000'0000;

inline constexpr Address kStreamsBase = 0x0000'8000'0000'0000;
inline constexpr Address kStdin = kStreamsBase;
inline constexpr Address kStdout = kStreamsBase + 1 * kRegionSize;
inline constexpr Address kStderr = kStreamsBase + 2 * kRegionSize;
inline constexpr Address kOutputImage = 0x0000'9000'0000'0000;

inline constexpr Address kRootFs = 0x4000'0000'0000'0000;
inline constexpr Address kTmpFs = 0x6000'0000'0000'0000;
inline constexpr Address kInputImages = 0x8000'0000'0000'0000;

/// Bounds on recursion, the same on every tier: frames, and operand slots over all frames (8 MiB).
inline constexpr std::uint64_t kFramesMax = std::uint64_t{1} << 16;
inline constexpr std::uint64_t kSlotsMax = std::uint64_t{1} << 20;

/// Word `r` of the registers page.
enum class Register : std::uint8_t {
    version = 0,        ///< layout version, 1
    status = 1,         ///< RunStatus
    pc = 2,             ///< index of the next word of code
    frame_pointer = 3,  ///< first slot of the current frame
    frame_depth = 4,    ///< frames on the call stack
    gas_used = 5,
    gas_limit = 6,
    segment_gas = 7,
    next_boundary = 8,  ///< first multiple of segment_gas above gas_used at the last boundary
    exit_code = 9,
    trap_code = 10,         ///< TrapCode
    trap_function = 11,     ///< function index in which a trap happened
    memory_pages = 12,      ///< current size of the linear memory in 64 KiB pages
    memory_pages_max = 13,  ///< the module's limit; the job's is in the arguments page
    slept_ns = 14,          ///< what poll_oneoff added to the clock
    random_counter = 15,    ///< blocks drawn from the job's seed
    pages_live = 16,        ///< 4 KiB pages that files and tables have of the job's memory limit
    start_phase = 17,       ///< unused, zero: the image's first words call start and `_start`
    host_phase = 18,        ///< which part of a host call or exit runs next; 0 outside
    pending_status = 19,  ///< RunStatus that the state takes when its normal form is made; 0 before
    ending_stage = 20,    ///< 0: the host finishes its output; 1: the stack is zeroed
    progress_a = 24,      ///< progress of bulk work: zero at every boundary, like those below
    progress_b = 25,
    progress_c = 26,
    progress_d = 27,
    progress_e = 28,
    progress_f = 29,
    progress_g = 30,
    progress_h = 31,
};
inline constexpr unsigned kRegistersMax = 512;
/// Most gas that a task may have: far from where sums of gas could wrap. Posting refuses more, and
/// `boot` traps.
inline constexpr std::uint64_t kGasLimitMax = std::uint64_t{1} << 50;

enum class RunStatus : std::uint8_t {
    running = 0,
    yielded = 1,  ///< stopped at a boundary, in normal form
    exited = 2,   ///< proc_exit, or `_start` returned
    trapped = 3,
    out_of_gas = 4,
};

}  // namespace millrace::vm
