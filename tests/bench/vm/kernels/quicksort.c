/* Quicksort of 32-bit numbers: comparisons, swaps, recursion. */
#include "kernel.h"
static int data[100000];
static void sort(int* low, int* high) {
    while (low < high) {
        int pivot = low[(high - low) / 2], *i = low, *j = high;
        while (i <= j) {
            while (*i < pivot) ++i;
            while (*j > pivot) --j;
            if (i <= j) { int t = *i; *i++ = *j; *j-- = t; }
        }
        if (j - low < high - i) { sort(low, j); low = i; } else { sort(i, high); high = j; }
    }
}
static unsigned kernel(void) {
    unsigned x = 12345;
    for (int i = 0; i < 100000; ++i) { x = x * 1664525u + 1013904223u; data[i] = (int)(x >> 1); }
    sort(data, data + 99999);
    return (unsigned)(data[0] ^ data[50000]);
}
