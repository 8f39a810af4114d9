#include "common/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace millrace::detail {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
    std::fprintf(stderr, "millrace: internal error: assertion failed: %s (%s:%d)\n", expression,
                 file, line);
    std::fflush(stderr);
    std::abort();
}

}  // namespace millrace::detail
