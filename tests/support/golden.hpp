#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

namespace millrace::test {

/// A committed file of `name value` lines under tests/golden, which every compiler and optimisation
/// level must reproduce. The folder is in the environment variable MILLRACE_GOLDEN (ctest sets it).
/// Changing a line is a change of format: run the test with MILLRACE_GOLDEN_UPDATE=1, and say in
/// the commit why.
class Golden {
  public:
    explicit Golden(const std::string& file) : update_(is_set("MILLRACE_GOLDEN_UPDATE")) {
        const char* folder = std::getenv("MILLRACE_GOLDEN");
        REQUIRE_MESSAGE(folder != nullptr, "run by ctest, or set MILLRACE_GOLDEN to tests/golden");
        path_ = std::string(folder) + "/" + file;
        std::ifstream in(path_);
        for (std::string line; std::getline(in, line);) {
            if (line.empty() || line.starts_with('#')) {
                head_ += line + "\n";
                continue;
            }
            const std::size_t space = line.find(' ');
            REQUIRE(space != std::string::npos);
            committed_[line.substr(0, space)] = line.substr(space + 1);
        }
    }
    Golden(const Golden&) = delete;
    Golden& operator=(const Golden&) = delete;

    /// `name` is one word.
    void check(const std::string& name, const std::string& value) {
        seen_[name] = value;
        if (update_) return;
        CAPTURE(name);
        REQUIRE(committed_.contains(name));
        CHECK(committed_[name] == value);
    }
    /// Call last: every committed line was reproduced.
    void finish() {
        if (update_) {
            std::ofstream out(path_);
            out << head_;
            for (const auto& [name, value] : seen_) out << name << ' ' << value << '\n';
            FAIL("golden file rewritten; run again without MILLRACE_GOLDEN_UPDATE");
        }
        CHECK(seen_.size() == committed_.size());
    }

  private:
    static bool is_set(const char* name) {
        const char* value = std::getenv(name);
        return value != nullptr && std::string_view(value) == "1";
    }
    bool update_;
    std::string path_;
    std::string head_;
    std::map<std::string, std::string> committed_;
    std::map<std::string, std::string> seen_;
};

}  // namespace millrace::test
