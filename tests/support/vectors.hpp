#pragma once

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace millrace::test {

/// The text of a published vector file, `path` relative to the folder that the environment variable
/// MILLRACE_VECTORS names. None where the variable is unset, and a line that says so: a skipped
/// test must not look like a passed one. A file that is missing from the folder fails the test.
inline std::optional<std::string> read_vectors(const std::string& path) {
    const char* folder = std::getenv("MILLRACE_VECTORS");
    if (folder == nullptr || *folder == '\0') {
        std::printf("SKIPPED: %s (MILLRACE_VECTORS is not set)\n", path.c_str());
        return std::nullopt;
    }
    std::ifstream file(std::string(folder) + "/" + path, std::ios::binary);
    REQUIRE_MESSAGE(file.good(), "cannot read ", path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace millrace::test
