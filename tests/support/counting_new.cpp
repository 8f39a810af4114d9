#include "tests/support/counting_new.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> g_held{0};
std::atomic<std::size_t> g_peak{0};

void* counted(std::size_t size) {
    void* block = std::malloc(size == 0 ? 1 : size);
    if (block == nullptr) std::abort();
    const std::size_t held = g_held += malloc_usable_size(block);
    if (held > g_peak) g_peak = held;
    return block;
}
void counted_free(void* block) noexcept {
    if (block == nullptr) return;
    g_held -= malloc_usable_size(block);
    std::free(block);
}

}  // namespace

void* operator new(std::size_t size) {
    return counted(size);
}
void* operator new[](std::size_t size) {
    return counted(size);
}
void operator delete(void* block) noexcept {
    counted_free(block);
}
void operator delete[](void* block) noexcept {
    counted_free(block);
}
void operator delete(void* block, std::size_t) noexcept {
    counted_free(block);
}
void operator delete[](void* block, std::size_t) noexcept {
    counted_free(block);
}

namespace millrace::test {

std::size_t heap_bytes() {
    return g_held;
}
std::size_t heap_peak() {
    return g_peak;
}
void reset_heap_peak() {
    g_peak = g_held.load();
}

}  // namespace millrace::test
