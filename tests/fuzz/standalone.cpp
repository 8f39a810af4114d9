// Runs a fuzz target without libFuzzer: every seed of a folder as it is, then deterministic
// mutations of it. Usage: fuzz_x CORPUS ROUNDS, or fuzz_x FILE ROUND to repeat one that failed.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/rng.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using millrace::Bytes;
using millrace::Rng;

/// A mutated input may grow to this, so that rounds stay short.
constexpr std::size_t kInputSizeMax = 1 << 16;
constexpr unsigned kEditsMax = 8;

/// What runs now, for the signal handler, which may not allocate.
char g_current[512];

void say_what_failed(int signal_number) {
    const char head[] = "\nfuzz: failed on: ";
    (void)!::write(STDERR_FILENO, head, sizeof head - 1);
    (void)!::write(STDERR_FILENO, g_current, std::strlen(g_current));
    (void)!::write(STDERR_FILENO, "\n", 1);
    std::signal(signal_number, SIG_DFL);
    std::raise(signal_number);
}

Bytes read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Values at which lengths, counts and LEB128 integers change their meaning.
constexpr std::uint8_t kEdgeBytes[] = {0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff};

void edit(Bytes& input, Rng& rng) {
    const auto place = [&](std::size_t size) {
        return static_cast<std::ptrdiff_t>(rng.below(size));
    };
    if (input.empty()) input.push_back(0);
    const std::ptrdiff_t at = place(input.size());
    const std::ptrdiff_t other = place(input.size());
    const auto [low, high] = std::minmax(at, other);
    switch (rng.below(7)) {
        case 0:
            input[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1u << rng.below(8));
            break;
        case 1:
            input[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(rng.below(256));
            break;
        case 2:
            input[static_cast<std::size_t>(at)] = kEdgeBytes[rng.below(std::size(kEdgeBytes))];
            break;
        case 3:
            input.insert(input.begin() + at, kEdgeBytes[rng.below(std::size(kEdgeBytes))]);
            break;
        case 4:
            input.erase(input.begin() + at);
            break;
        case 5: {  // repeat a stretch elsewhere
            const Bytes stretch(input.begin() + low,
                                input.begin() + std::min<std::ptrdiff_t>(high, low + 64));
            if (input.size() + stretch.size() <= kInputSizeMax)
                input.insert(input.begin() + place(input.size() + 1), stretch.begin(),
                             stretch.end());
            break;
        }
        default:  // cut a stretch out, now and then the whole tail
            input.erase(input.begin() + low,
                        rng.below(8) == 0 ? input.end() : input.begin() + std::min(high, low + 16));
            break;
    }
}

void run(const std::filesystem::path& path, std::uint64_t round) {
    std::snprintf(g_current, sizeof g_current, "%s round %llu", path.c_str(),
                  static_cast<unsigned long long>(round));
    Bytes input = read_file(path);
    if (round != 0) {
        Rng rng(round);
        const std::uint64_t edits = 1 + rng.below(kEditsMax);
        for (std::uint64_t i = 0; i < edits; ++i) edit(input, rng);
    }
    // An exact copy on the heap, so that the address sanitizer sees a read beyond the end.
    const std::vector<std::uint8_t> exact(input.begin(), input.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s CORPUS ROUNDS | FILE ROUND\n", argv[0]);
        return 2;
    }
    std::uint64_t rounds = 0;
    const char* end = argv[2] + std::strlen(argv[2]);
    if (std::from_chars(argv[2], end, rounds).ptr != end) return 2;
    std::signal(SIGABRT, say_what_failed);
    std::signal(SIGSEGV, say_what_failed);
    const std::filesystem::path path = argv[1];
    if (std::filesystem::is_regular_file(path)) {
        run(path, rounds);
        return 0;
    }
    std::vector<std::filesystem::path> seeds;
    for (const auto& entry : std::filesystem::directory_iterator(path))
        if (entry.is_regular_file()) seeds.push_back(entry.path());
    std::sort(seeds.begin(), seeds.end());
    for (const auto& seed : seeds)
        for (std::uint64_t round = 0; round <= rounds; ++round) run(seed, round);
    std::printf("fuzz: %zu seeds, %llu inputs each\n", seeds.size(),
                static_cast<unsigned long long>(rounds + 1));
    // A corpus that is not found would make this test one that cannot fail.
    return seeds.empty() ? 1 : 0;
}
