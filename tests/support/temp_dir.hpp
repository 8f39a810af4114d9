#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "common/assert.hpp"

namespace millrace::test {

/// A folder of one test's own, gone at its end.
class TempDir {
  public:
    TempDir() {
        std::string name =
            (std::filesystem::temp_directory_path() / "millrace_test_XXXXXX").string();
        MILLRACE_ASSERT(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace millrace::test
