#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "tests/simulation/world.hpp"

/// Runs the agreement simulation:  sim [--seed N] [--seeds COUNT] [--validators N]
/// Every failure prints the seed and the options drawn from it; the same seed repeats it.
namespace {

using namespace millrace::consensus;

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

int run_all(std::uint64_t first, std::uint64_t count, std::size_t validators) {
    int failures = 0;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        const sim::Options options = sim::make_options(seed, validators);
        const sim::Outcome outcome = sim::World(options).run();
        if (count == 1 || !outcome.ok) {
            fmt::print("{}\n", sim::describe(options));
            fmt::print("  height {} epochs {} evidence {} steps {} simulated {} ms trace {}\n",
                       outcome.height, outcome.epochs, outcome.evidence, outcome.steps,
                       outcome.simulated_ms, millrace::to_hex(outcome.trace.view()));
        }
        if (outcome.ok) continue;
        ++failures;
        fmt::print("  FAILED: {}\n", outcome.failure);
    }
    fmt::print("{} seeds from {}, {} validators: {} failures\n", count, first, validators,
               failures);
    return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t seed = 1;
    std::uint64_t count = 1;
    std::uint64_t validators = 4;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view option = argv[i];
        if (option == "--seed") seed = number(argv[i + 1]);
        if (option == "--seeds") count = number(argv[i + 1]);
        if (option == "--validators") validators = number(argv[i + 1]);
    }
    if (validators == 0 || validators > kValidatorsMax || argc % 2 == 0) {
        fmt::print("usage: sim [--seed N] [--seeds COUNT] [--validators N]\n");
        return 2;
    }
    return run_all(seed, count, validators);
}
