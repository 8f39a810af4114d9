#pragma once

/// Assertions of ours: on in every build, for mistakes of our own and never for bad input.
namespace millrace::detail {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;
}  // namespace millrace::detail

#define MILLRACE_ASSERT(expression) \
    (static_cast<bool>(expression)  \
         ? static_cast<void>(0)     \
         : ::millrace::detail::assertion_failed(#expression, __FILE__, __LINE__))

// For the interpreter's inner loop only, where an always-on check would cost speed.
#ifdef NDEBUG
#define MILLRACE_DEBUG_ASSERT(expression) static_cast<void>(0)
#else
#define MILLRACE_DEBUG_ASSERT(expression) MILLRACE_ASSERT(expression)
#endif
