/* Escape times of the Mandelbrot set: a short loop of doubles. */
#include "kernel.h"
static unsigned kernel(void) {
    unsigned total = 0;
    for (int y = 0; y < 120; ++y)
        for (int x = 0; x < 160; ++x) {
            double cr = x / 80.0 - 1.5, ci = y / 60.0 - 1.0, zr = 0, zi = 0;
            int n = 0;
            for (; n < 100; ++n) {
                double r2 = zr * zr, i2 = zi * zi;
                if (r2 + i2 > 4.0) break;
                zi = 2 * zr * zi + ci;
                zr = r2 - i2 + cr;
            }
            total += (unsigned)n;
        }
    return total;
}
