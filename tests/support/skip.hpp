#pragma once

#include <string_view>

namespace millrace::test {

/// Says in one line that the running case has nothing to test (`why`: what is missing) and counts
/// it as skipped; the case then returns. A program of which every case was skipped exits with 77,
/// which ctest reports as skipped, not as passed (tests/support/main.cpp).
void skip_case(std::string_view why);

}  // namespace millrace::test
