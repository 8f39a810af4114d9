#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "vm/module/limits.hpp"
#include "vm/module/opcodes.hpp"

/// docs/protocol/module.md binds other implementations: its tables are held against ours.
namespace millrace::test {

namespace {

std::string read_page() {
    std::ifstream in(MILLRACE_SOURCE_DIR "/docs/protocol/module.md");
    REQUIRE(in.good());
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

/// 1234567 as the page writes it: 1,234,567.
std::string grouped(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
    return digits;
}

}  // namespace

TEST_SUITE("docs/protocol/module") {
    TEST_CASE("the gas of every instruction is written down") {
        const std::string page = read_page();
        std::map<std::string, unsigned> written;
        const std::regex row(R"(\n\| (\d+) \| (`[^\n]*) \|(?=\n|$))");
        const std::regex name("`([^`]+)`");
        for (std::sregex_iterator r(page.begin(), page.end(), row), none; r != none; ++r) {
            const std::string names = (*r)[2];
            for (std::sregex_iterator n(names.begin(), names.end(), name); n != none; ++n)
                written[(*n)[1]] = static_cast<unsigned>(std::stoul((*r)[1]));
        }
        std::map<std::string, unsigned> ours;
        for (const vm::OpcodeInfo& info : vm::kOpcodes) ours[std::string{info.text}] = info.gas;
        CHECK(written == ours);
    }

    TEST_CASE("every limit is written down") {
        const std::string page = read_page();
        const std::pair<const char*, std::uint64_t> rows[] = {
            {"module", vm::kModuleSizeMax},
            {"types, functions, exports, globals", vm::kTypesMax},
            {"types, functions, exports, globals", vm::kFunctionsMax},
            {"types, functions, exports, globals", vm::kExportsMax},
            {"types, functions, exports, globals", vm::kGlobalsMax},
            {"imports", vm::kImportsMax},
            {"tables, data segments", vm::kTablesMax},
            {"tables, data segments", vm::kDataSegmentsMax},
            {"element segments", vm::kElementSegmentsMax},
            {"first size of a table", vm::kTableSizeMax},
            {"parameters, results of a function or block", vm::kParamsMax},
            {"parameters, results of a function or block", vm::kResultsMax},
            {"locals of a function, parameters included", vm::kLocalsMax},
            {"body of a function", vm::kFunctionSizeMax},
            {"labels of one `br_table`, without the default", vm::kBranchTableMax},
            {"open blocks, the function's own included", vm::kNestingMax},
            {"operands on the stack of one function", vm::kOperandsMax},
            {"product of operands and different label types of one `br_table`",
             vm::kBranchTableWorkMax},
        };
        for (const auto& [what, limit] : rows) {
            const std::string line = std::string{"\n| "} + what + " | " + grouped(limit);
            CAPTURE(line);
            CHECK(page.find(line) != std::string::npos);
        }
        CHECK(page.find("1 of at most " + grouped(vm::kMemoryPagesMax) + " pages") !=
              std::string::npos);
    }
}

}  // namespace millrace::test
