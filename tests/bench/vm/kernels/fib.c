/* Recursion: calls and returns. */
#include "kernel.h"
__attribute__((noinline)) static unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static unsigned kernel(void) {
    return fib(27);
}
