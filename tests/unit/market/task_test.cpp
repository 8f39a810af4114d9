#include "market/task.hpp"

#include <doctest/doctest.h>

#include "common/bytes.hpp"

namespace millrace::market {

TEST_SUITE("market/task") {
    TEST_CASE("the job's cap on its output reaches the arguments page of every task") {
        JobSpec spec;
        spec.tasks = 3;
        for (const std::uint64_t cap : {std::uint64_t{0}, std::uint64_t{12'345}, kOutputBytesMax}) {
            spec.output_bytes_max = cap;
            for (std::uint32_t task = 0; task < spec.tasks; ++task) {
                const auto page =
                    vm::encode_arguments(task_arguments(JobId{}, spec, WallTime{1}, task));
                REQUIRE(page.has_value());
                CHECK_EQ(load_le<std::uint64_t>(page->data() + 112), cap);
            }
        }
    }
}

}  // namespace millrace::market
