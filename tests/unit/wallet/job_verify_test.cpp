#include "wallet/job_verify.hpp"

#include <doctest/doctest.h>

#include <functional>

namespace millrace::wallet {

TEST_SUITE("wallet/job_verify") {
    TEST_CASE("a result is compared in everything that it says but its lease") {
        market::TaskResult claimed;
        claimed.end = market::ClaimEnd::trapped;
        claimed.code = 1;
        claimed.trap_function = 18;
        claimed.gas = Gas{1946};
        struct Row {
            const char* name;
            std::function<void(market::TaskResult&)> change;
            const char* expected;
        };
        const std::vector<Row> rows{
            {"nothing", [](market::TaskResult&) {}, ""},
            {"the lease", [](market::TaskResult& r) { r.lease.bytes[0] = 1; }, ""},
            {"the end", [](market::TaskResult& r) { r.end = market::ClaimEnd::out_of_gas; },
             "end: out of gas here, trap: "},
            {"the code", [](market::TaskResult& r) { r.code = 2; }, "end: trap: "},
            {"the function", [](market::TaskResult& r) { r.trap_function = 19; },
             "in function 19 here"},
            {"the gas", [](market::TaskResult& r) { r.gas = Gas{1947}; },
             "gas 1947 here, 1946 claimed"},
            {"the output", [](market::TaskResult& r) { r.output_root.bytes[31] = 1; },
             "output root 0000"},
            {"the streams", [](market::TaskResult& r) { r.tails.bytes[0] = 1; }, "streams"},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            market::TaskResult here = claimed;
            row.change(here);
            const std::string difference = difference_of(here, claimed);
            CAPTURE(difference);
            CHECK(difference.empty() == std::string_view(row.expected).empty());
            CHECK(difference.find(row.expected) != std::string::npos);
        }
    }
}

}  // namespace millrace::wallet
