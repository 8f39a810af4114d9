#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "tests/support/skip.hpp"

namespace millrace::test {

/// The text of a published vector file, `path` relative to the folder that the environment variable
/// MILLRACE_VECTORS names. None where the variable is unset, and the case counts as skipped: it
/// must not look like a passed one. A file that is missing from the folder fails the test.
inline std::optional<std::string> read_vectors(const std::string& path) {
    const char* folder = std::getenv("MILLRACE_VECTORS");
    if (folder == nullptr || *folder == '\0') {
        skip_case(path + " (MILLRACE_VECTORS is not set)");
        return std::nullopt;
    }
    std::ifstream file(std::string(folder) + "/" + path, std::ios::binary);
    REQUIRE_MESSAGE(file.good(), "cannot read ", path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace millrace::test
