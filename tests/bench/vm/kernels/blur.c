/* A 3 by 3 blur over bytes: address arithmetic and narrow loads. */
#include "kernel.h"
#define W 320
#define H 240
static uint8_t from[H][W], to[H][W];
static unsigned kernel(void) {
    for (int y = 0; y < H; ++y)
        for (int x = 0; x < W; ++x) from[y][x] = (uint8_t)(x * y + 3 * x);
    for (int round = 0; round < 4; ++round) {
        for (int y = 1; y < H - 1; ++y)
            for (int x = 1; x < W - 1; ++x) {
                unsigned sum = 0;
                for (int dy = -1; dy <= 1; ++dy)
                    for (int dx = -1; dx <= 1; ++dx) sum += from[y + dy][x + dx];
                to[y][x] = (uint8_t)(sum / 9);
            }
        for (int y = 0; y < H; ++y)
            for (int x = 0; x < W; ++x) from[y][x] = to[y][x];
    }
    return from[77][131];
}
