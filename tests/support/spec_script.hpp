#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.hpp"

/// The WebAssembly specification's test scripts as `wast2json` writes them: one folder a script, a
/// JSON file of commands in order, and the modules that it names.
namespace millrace::test {

/// `type` is i32, i64, f32, f64, funcref or externref; `value` a decimal number of the bits,
/// `null`, `nan:canonical` or `nan:arithmetic`.
struct SpecValue {
    std::string type;
    std::string value;
};

struct SpecAction {
    bool is_invoke = true;  ///< else it reads a global
    std::string module;     ///< script name of an instance; empty means the last one
    std::string field;
    std::vector<SpecValue> args;
};

struct SpecCommand {
    std::string type;
    std::int64_t line = 0;
    std::string filename;
    bool is_text_format = false;
    std::string text;  ///< the specification's words for the failure
    std::string name;  ///< script name of the module
    std::string as;    ///< of `register`
    std::optional<SpecAction> action;
    std::vector<SpecValue> expected;

    [[nodiscard]] bool is_assertion() const { return type.starts_with("assert_"); }
};

struct SpecScript {
    std::string name;
    std::filesystem::path folder;
    std::vector<SpecCommand> commands;

    [[nodiscard]] Bytes module_bytes(const SpecCommand& command) const;
};

/// The folder in the environment variable MILLRACE_VECTORS; none, and the case counts as skipped,
/// when it is unset.
[[nodiscard]] std::optional<std::filesystem::path> vectors_folder(const char* test_name);

/// The core scripts (those of SIMD lie apart), by name. Fails the test when a file is unreadable.
[[nodiscard]] std::vector<SpecScript> read_core_scripts(const std::filesystem::path& vectors);

}  // namespace millrace::test
