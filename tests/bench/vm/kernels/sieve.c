/* The sieve of Eratosthenes over bytes. */
#include "kernel.h"
static unsigned char composite[1000000];
static unsigned kernel(void) {
    unsigned count = 0;
    for (unsigned i = 2; i < sizeof composite; ++i) {
        if (composite[i]) continue;
        ++count;
        for (unsigned j = i + i; j < sizeof composite; j += i) composite[j] = 1;
    }
    return count;
}
