#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vm/module/module.hpp"
#include "vm/module/profile.hpp"

/// What `millrace check app.wasm` tells the author of a program.
namespace millrace::vm {

/// A refusal with everything that helps to mend it.
struct Diagnosis {
    ModuleError error;
    std::string section;                    ///< in which it lies; empty in the header
    std::optional<std::uint32_t> function;  ///< index of the function in whose body it lies
    std::string function_name;              ///< as in the module, not yet printable
    std::string instruction;                ///< mnemonic, also of proposals we do not run
    std::string advice;                     ///< compiler flags that make it go away, or empty
};

/// What an accepted module consists of.
struct ModuleReport {
    std::uint64_t size = 0;  ///< bytes
    std::uint64_t code_size = 0;
    std::uint64_t data_size = 0;
    std::uint32_t functions = 0;  ///< defined
    std::uint64_t instructions = 0;
    std::uint32_t largest_function = 0;  ///< index of the longest body
    std::uint32_t largest_function_size = 0;
    std::string largest_function_name;
    std::vector<std::string> imports;  ///< "module.name", the first `kMissingListedMax`
    std::uint32_t import_count = 0;
    std::uint32_t export_count = 0;
    std::optional<Limits> memory;  ///< 64 KiB pages
    std::uint32_t tables = 0;
    std::uint32_t globals = 0;
    std::array<bool, kFeatureCount> features{};  ///< used ones, by `Feature`
    /// What keeps it from running as a program; none when it fits the profile.
    std::optional<ProfileError> profile;
};

/// Where in the module an error lies and how to avoid it. Works on any bytes.
[[nodiscard]] Diagnosis diagnose(const Bytes& binary, const ModuleError& error);

[[nodiscard]] ModuleReport make_report(const ValidModule& module);

/// Decodes, validates and reports.
[[nodiscard]] Result<ModuleReport, Diagnosis> check_module(const Bytes& binary);

/// Several lines for a terminal; names from the module are escaped.
[[nodiscard]] std::string to_text(const Diagnosis& diagnosis);
[[nodiscard]] std::string to_text(const ModuleReport& report);
[[nodiscard]] std::string_view to_text(Feature feature);

}  // namespace millrace::vm
