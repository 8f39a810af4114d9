/* Ordinary C for witnesses: sorting through a callback, the allocator, printf of floats, standard input, the clock. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static unsigned checksum(const unsigned char *bytes, size_t size) {
    unsigned sum = 0xffffffffu;
    for (size_t i = 0; i < size; ++i) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ (0xedb88320u & (0u - (sum & 1)));
    }
    return ~sum;
}

int main(int argc, char **argv) {
    unsigned char input[1500];
    const size_t size = fread(input, 1, sizeof input, stdin);
    printf("%d arguments, %s, %zu bytes, checksum %08x\n", argc, argv[0], size, checksum(input, size));

    enum { kCount = 200 };
    double *values = malloc(kCount * sizeof *values);
    for (int i = 0; i < kCount; ++i) values[i] = sqrt(input[i] * 1.25) * sin(i) - (float)input[i + 1] / 7;
    qsort(values, kCount, sizeof *values, ascending);
    for (int i = 0; i < kCount; i += 50) printf("%3d %.6f %g\n", i, values[i], floor(values[i]));
    free(values);

    char *text = calloc(1, 1);
    for (int i = 0; i < 40; ++i) {
        text = realloc(text, strlen(text) + 20);
        sprintf(text + strlen(text), "%d,", i * i * 37);
    }
    puts(text);
    const char *home = getenv("HOME");
    const long long now = time(NULL);
    fprintf(stderr, "%s %lld\n", home ? home : "nowhere", now);
    return (int)(checksum((const unsigned char *)text, strlen(text)) % 50);
}
