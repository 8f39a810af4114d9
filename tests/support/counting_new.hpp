#pragma once

#include <cstddef>

/// Counts what a test program holds on the heap, by its own operator new. Link counting_new.cpp.
namespace millrace::test {

/// Bytes held now.
[[nodiscard]] std::size_t heap_bytes();
/// Largest value of `heap_bytes()` since the last call of `reset_heap_peak()`.
[[nodiscard]] std::size_t heap_peak();
void reset_heap_peak();

}  // namespace millrace::test
