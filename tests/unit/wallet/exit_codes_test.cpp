#include "wallet/exit_codes.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/skip.hpp"

namespace millrace::wallet {

TEST_SUITE("wallet/exit_codes") {
    TEST_CASE("the manual lists every exit code as the table has it") {
        const char* golden = std::getenv("MILLRACE_GOLDEN");
        if (golden == nullptr) {
            test::skip_case("the manual (MILLRACE_GOLDEN is not set; ctest sets it)");
            return;
        }
        const auto path =
            std::filesystem::path(golden) / ".." / ".." / "docs" / "manual" / "wallet.md";
        std::ifstream in(path);
        const std::string text((std::istreambuf_iterator<char>(in)), {});
        for (const ExitInfo& row : kExits) {
            const std::string line =
                "| " + std::to_string(static_cast<int>(row.code)) + " | " + row.meaning + " |";
            CAPTURE(line);
            CHECK(text.find(line) != std::string::npos);
        }
    }
}

}  // namespace millrace::wallet
