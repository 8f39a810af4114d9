/* Matrices of doubles, the plain three loops. */
#include "kernel.h"
#define N 96
static double a[N][N], b[N][N], c[N][N];
static unsigned kernel(void) {
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) a[i][j] = i + 0.5 * j, b[i][j] = i - 0.25 * j;
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) {
            double sum = 0;
            for (int k = 0; k < N; ++k) sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
    return (unsigned)c[17][29];
}
