#include <fmt/format.h>

#include "tests/simulation/world.hpp"

namespace millrace::consensus::sim {
namespace {

/// Those that can be drawn one by one; `none` and the silent are placed apart.
constexpr std::array kAdversaries = {
    Adversary::silent_leader,  Adversary::equivocator, Adversary::nuller,
    Adversary::double_voter,   Adversary::withholder,  Adversary::wrong_root,
    Adversary::forger,         Adversary::replayer,    Adversary::early_bird,
    Adversary::parent_skipper, Adversary::liar,        Adversary::boundary_child,
    Adversary::twin,
};

void place_adversaries(Options& options, Rng& rng) {
    const std::size_t count = options.weights.size();
    Weight total = 0;
    for (const Weight weight : options.weights) total += weight;
    Weight faulty = 0;
    const std::uint64_t wanted = rng.below((count - 1) / 3 + 1);
    for (std::uint64_t k = 0; k < wanted; ++k) {
        const std::size_t at = rng.below(count);
        if (options.adversaries[at] != Adversary::none) continue;
        if ((faulty + options.weights[at]) * 3 >= total) continue;
        faulty += options.weights[at];
        options.adversaries[at] = kAdversaries[rng.below(kAdversaries.size())];
    }
}

/// As many as there may be, one way or the other: what is left is barely a quorum.
void place_silent(Options& options, Rng& rng) {
    Weight total = 0;
    for (const Weight weight : options.weights) total += weight;
    Weight silent = 0;
    const std::size_t count = options.weights.size();
    const std::size_t first = rng.below(count);
    options.adversaries.assign(count, Adversary::none);
    for (std::size_t k = 0; k < count; ++k) {
        const std::size_t at = (first + k) % count;
        if ((silent + options.weights[at]) * 3 >= total) continue;
        silent += options.weights[at];
        options.adversaries[at] = rng.chance(2) ? Adversary::dead : Adversary::goes_silent;
    }
}

}  // namespace

Options make_options(std::uint64_t seed, std::size_t validators) {
    Rng rng(seed * 0x9e3779b97f4a7c15U + validators);
    Options options;
    options.seed = seed;
    const bool equal = rng.chance(2);
    for (std::size_t i = 0; i < validators; ++i)
        options.weights.push_back(equal ? 10 : rng.between(5, 20));
    options.adversaries.assign(validators, Adversary::none);
    options.timing = {.delta_ms = 100,
                      .spacing_min_ms = 50,
                      .spacing_idle_ms = 300,
                      .early_max_ms = 500,
                      .timeout_max_ms = 4'000,
                      .skip_ms = 3'000};
    options.delay_max_ms = rng.between(2, 80);
    options.idle = rng.chance(4);
    if (rng.chance(2)) place_adversaries(options, rng);
    if (rng.chance(2)) options.loss_permille = rng.below(300);
    if (rng.chance(2)) options.duplicate_permille = rng.below(500);
    if (rng.chance(2)) options.delay_max_ms = rng.between(100, 400);
    if (rng.chance(2)) options.crash_permille_per_s = rng.between(20, 300);
    if (rng.chance(2)) options.crash_at_write_permille = rng.between(1, 30);
    if (rng.chance(3)) options.all_crash_once = true;
    if (rng.chance(2)) options.partition_permille_per_s = rng.between(50, 600);
    if (rng.chance(2)) options.sync_ms_max = rng.between(1, 100);
    if (rng.chance(2)) options.skew_ms_max = rng.between(1, 230);
    if (rng.chance(3)) options.pending_permille = rng.below(300);
    if (rng.chance(3)) options.decline_permille = rng.below(200);
    if (rng.chance(2)) options.epoch_heights = rng.between(3, 12);
    if (rng.chance(4)) place_silent(options, rng);
    return options;
}

std::string describe(const Options& options) {
    std::string out = fmt::format("seed {} n {}", options.seed, options.weights.size());
    for (std::size_t i = 0; i < options.weights.size(); ++i)
        out += fmt::format(" {}:{}", options.weights[i], enum_name(options.adversaries[i]));
    out += fmt::format(
        " delay {}..{} loss {} duplicate {} crash {} at-write {} all-crash {} partition {} sync {} "
        "skew {} pending {} decline {} epoch {} idle {}",
        options.delay_min_ms, options.delay_max_ms, options.loss_permille,
        options.duplicate_permille, options.crash_permille_per_s, options.crash_at_write_permille,
        options.all_crash_once, options.partition_permille_per_s, options.sync_ms_max,
        options.skew_ms_max, options.pending_permille, options.decline_permille,
        options.epoch_heights, options.idle);
    return out;
}

}  // namespace millrace::consensus::sim
