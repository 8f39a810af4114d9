/* 64-bit integers: shifts, multiplication, division. */
#include "kernel.h"
static unsigned kernel(void) {
    uint64_t s = 88172645463325252ull, sum = 0;
    for (int i = 0; i < 1000000; ++i) {
        s ^= s << 13; s ^= s >> 7; s ^= s << 17;
        sum += s * 2685821657736338717ull >> 33;
        if ((i & 15) == 0) sum ^= s / ((uint64_t)i + 3);
    }
    return (unsigned)sum;
}
