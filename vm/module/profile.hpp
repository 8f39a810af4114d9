#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "vm/module/module.hpp"

namespace millrace::vm {

/// Why an import of a module cannot be had.
enum class MissingReason : std::uint8_t {
    unknown_module = 1,    ///< not from `wasi_snapshot_preview1`
    unknown_function = 2,  ///< preview 1 has no function of that name
    wrong_signature = 3,   ///< it has one with other parameters or results
    not_a_function = 4,    ///< a table, memory or global
};

struct MissingImport {
    std::string module;
    std::string name;
    ExternKind kind = ExternKind::function;
    MissingReason reason = MissingReason::unknown_module;
};

/// All that keeps a valid module from being a Millrace program, at once.
struct ProfileError {
    /// The first `kMissingListedMax` of them, in the module's order.
    std::vector<MissingImport> missing;
    std::uint32_t missing_count = 0;
    bool start_missing = false;          ///< no exported function `_start`
    bool start_takes_arguments = false;  ///< `_start` has parameters or results
    bool memory_missing = false;         ///< no exported memory `memory`

    /// Sentences, one a line.
    [[nodiscard]] std::string text() const;
};
/// A module may have a million imports; nobody reads more than a screen of them.
inline constexpr std::size_t kMissingListedMax = 256;

inline constexpr std::string_view kStartName = "_start";
inline constexpr std::string_view kMemoryName = "memory";

/// What Millrace asks of a program beyond WebAssembly: it imports functions of
/// `wasi_snapshot_preview1` only, with their exact types, exports `_start` without parameters and
/// results, and its memory as `memory`, through which host calls exchange data.
/// Source: docs/protocol/module.md, "Profile".
[[nodiscard]] Status<ProfileError> check_profile(const ValidModule& module);

}  // namespace millrace::vm
