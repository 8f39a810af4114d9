#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "vm/machine/layout.hpp"
#include "vm/wasi/abi.hpp"

/// The arguments page: everything about one task that is neither program nor input. Consensus;
/// docs/protocol/wasi.md, "Arguments page".
///
/// ```
///   0  u32  version, 1
///   4  u32  input form: 0 none, 1 one tree at `/in`, 2 numbered trees `/in/00000`, ...
///   8  u64  number of input trees
///  16  u64  length of stdin
///  24  u32  task index            28  u32  task count
///  32  u64  job time, nanoseconds since 1970
///  40  u64  gas limit             48  u64  memory limit, bytes
///  56  u64  segment gas
///  64       seed, 32 bytes
///  96  u32  arguments             100 u32  their bytes, a NUL after each
/// 104  u32  environment entries   108 u32  their bytes, `NAME=value`, a NUL after each
/// 112  u64  output cap: bytes of all files of `/` together; all ones: none
/// 120       zero
/// 128       the arguments' bytes, at once followed by the environment's; zero to the end
/// ```
namespace millrace::vm {

// NOLINTBEGIN(readability-identifier-naming): rows of the table above
namespace arguments_offset {
inline constexpr std::uint64_t version = 0;
inline constexpr std::uint64_t input_form = 4;
inline constexpr std::uint64_t input_count = 8;
inline constexpr std::uint64_t stdin_length = 16;
inline constexpr std::uint64_t task_index = 24;
inline constexpr std::uint64_t task_count = 28;
inline constexpr std::uint64_t job_time_ns = 32;
inline constexpr std::uint64_t gas_limit = 40;
inline constexpr std::uint64_t memory_limit = 48;
inline constexpr std::uint64_t segment_gas = 56;
inline constexpr std::uint64_t seed = 64;
inline constexpr std::uint64_t argument_count = 96;
inline constexpr std::uint64_t argument_bytes = 100;
inline constexpr std::uint64_t environment_count = 104;
inline constexpr std::uint64_t environment_bytes = 108;
inline constexpr std::uint64_t output_bytes_max = 112;
inline constexpr std::uint64_t strings = 128;
}  // namespace arguments_offset
// NOLINTEND(readability-identifier-naming)

inline constexpr std::uint32_t kArgumentsVersion = 1;
/// Room for arguments and environment together.
inline constexpr std::uint64_t kStringsMax = kPageSize - arguments_offset::strings;

/// How the job's input is seen at `/in`.
enum class InputForm : std::uint32_t {
    none = 0,      ///< an empty directory
    tree = 1,      ///< one tree: `/in/...`
    numbered = 2,  ///< trees of an earlier stage: `/in/00000/...`, five decimal digits each
};
/// Names of numbered trees have five digits, and a stage has at most 65,536 tasks.
inline constexpr std::uint64_t kInputImagesMax = 65'536;

/// What stands on the page of a task whose output is not capped: one that no job pays for.
inline constexpr std::uint64_t kNoOutputCap = ~std::uint64_t{0};

using Seed = FixedBytes<32, struct SeedTag>;

/// What the arguments page of a task is made of.
struct TaskArguments {
    std::vector<std::string> args;  ///< the program's name first
    std::vector<std::string> env;   ///< `NAME=value`; MILLRACE_TASK and MILLRACE_TASKS are added
    InputForm input_form = InputForm::none;
    std::uint64_t input_count = 0;
    std::uint64_t stdin_length = 0;
    std::uint32_t task_index = 0;
    std::uint32_t task_count = 1;
    std::uint64_t job_time_ns = 0;
    std::uint64_t gas_limit = 0;
    std::uint64_t memory_limit = 0;  ///< bytes
    std::uint64_t segment_gas = 0;
    std::uint64_t output_bytes_max = kNoOutputCap;  ///< bytes of all files of `/` together
    Seed seed;
};

/// Why arguments are refused, in order of precedence.
enum class ArgumentsRefusal : std::uint8_t {
    bad_task_index = 1,        ///< task_index >= task_count
    bad_input = 2,             ///< form and count disagree, or more trees than have names
    stdin_too_long = 3,        ///< above one region, 2^32 bytes
    nul_in_string = 4,         ///< C programs could not see the rest
    bad_environment = 5,       ///< an entry without `=`, or with an empty name
    reserved_environment = 6,  ///< names that begin with MILLRACE_ are ours
    too_long = 7,              ///< does not fit the page
    gas_limit_too_high = 8,    ///< above kGasLimitMax
};

using PageBytes = std::array<std::uint8_t, kPageSize>;

/// The page's bytes. Refuses: see `ArgumentsRefusal`.
[[nodiscard]] Result<PageBytes, ArgumentsRefusal> encode_arguments(const TaskArguments& arguments);

/// A sentence for people, with what to do about it.
[[nodiscard]] std::string to_sentence(ArgumentsRefusal refusal);

/// Segment gas as a rule: max(2^30, limit / 1024), so that a task has at most about 1,024 entries
/// in its boundary list (reference: "Gas, safe points, boundaries" 4).
[[nodiscard]] constexpr std::uint64_t segment_gas_of(std::uint64_t gas_limit) {
    constexpr std::uint64_t kSegmentMin = std::uint64_t{1} << 30;
    return gas_limit / 1024 > kSegmentMin ? gas_limit / 1024 : kSegmentMin;
}

}  // namespace millrace::vm
