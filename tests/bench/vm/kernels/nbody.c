/* Five bodies under gravity: double arithmetic with divisions and square roots. */
#include "kernel.h"
static double p[5][3] = {{0, 0, 0}, {4.8, -1.1, -0.1}, {8.3, 4.1, -0.4}, {12.9, -15.1, -0.2}, {15.4, -25.9, 0.2}};
static double v[5][3] = {{0, 0, 0}, {0.6, 2.8, -0.02}, {-1.0, 1.8, 0.008}, {1.1, 0.9, -0.01}, {0.98, 0.6, -0.03}};
static const double m[5] = {39.5, 0.037, 0.011, 0.0017, 0.002};
static unsigned kernel(void) {
    for (int step = 0; step < 12000; ++step) {
        for (int i = 0; i < 5; ++i)
            for (int j = i + 1; j < 5; ++j) {
                double dx = p[i][0] - p[j][0], dy = p[i][1] - p[j][1], dz = p[i][2] - p[j][2];
                double d2 = dx * dx + dy * dy + dz * dz;
                double f = 0.001 / (d2 * __builtin_sqrt(d2));
                v[i][0] -= dx * m[j] * f; v[i][1] -= dy * m[j] * f; v[i][2] -= dz * m[j] * f;
                v[j][0] += dx * m[i] * f; v[j][1] += dy * m[i] * f; v[j][2] += dz * m[i] * f;
            }
        for (int i = 0; i < 5; ++i)
            for (int k = 0; k < 3; ++k) p[i][k] += 0.001 * v[i][k];
    }
    return (unsigned)(p[0][0] * 1e9);
}
