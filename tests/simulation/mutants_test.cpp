#include <doctest/doctest.h>

#include "consensus/detail/mutation.hpp"
#include "tests/simulation/world.hpp"

/// Proof that the simulation can see: each planted bug, one at a time, must make some seed fail.
/// These sources of consensus/ are compiled a second time, with the bugs in.
namespace millrace::consensus::sim {
namespace {

using detail::Mutant;

constexpr std::uint64_t kSeedsMax = 100;
/// Simulated: enough to tell a stall from slowness with the swarm's time-outs. With the bug and
/// without it.
constexpr std::uint64_t kHealMs = 60'000;

/// Parts of the oracle's sentences.
constexpr const char* kStall = "no progress after healing";
constexpr const char* kThin = "has weight";
constexpr const char* kAccused = "evidence against honest validator";

struct Planted {
    std::string name;
    Mutant mutant;
    /// What it breaks, in the words of the oracle.
    std::string symptom;
    /// Some bugs need a certain kind of opponent or network, which the swarm draws too seldom for a
    /// quick test.
    void (*arrange)(Options& options);
};

void as_drawn(Options& /*options*/) {}
void fight(Options& options, Adversary adversary) {
    options.adversaries.assign(options.weights.size(), Adversary::none);
    options.weights.assign(options.weights.size(), 10);
    options.adversaries[options.seed % options.weights.size()] = adversary;
}
void all_crash(Options& options) {
    as_drawn(options);
    options.crash_permille_per_s = 300;
    options.crash_at_write_permille = 30;
}

/// One of four is dead, and to wait for it in each of its views takes longer than there is.
void one_dead(Options& options) {
    Options calm;
    calm.seed = options.seed;
    calm.weights.assign(options.weights.size(), 10);
    calm.timing = options.timing;
    calm.timing.delta_ms = 2'000;
    calm.timing.timeout_max_ms = 10'000;
    // Longer than it takes until the silence is noticed.
    calm.fault_ms = 25'000;
    calm.heights_after_heal = 60;
    calm.heal_ms_max = 20'000;
    options = calm;
    fight(options, Adversary::dead);
}

const std::vector<Planted> kPlanted = {
    {"quorum of a simple majority", Mutant::quorum_too_small, kThin,
     [](Options& o) { fight(o, Adversary::equivocator); }},
    {"two copies of a vote are evidence", Mutant::same_vote_is_evidence, kAccused,
     [](Options& o) { o.duplicate_permille = 500; }},
    {"own votes are not counted again after a restart", Mutant::own_votes_not_recounted, kStall,
     [](Options& o) {
         o.adversaries.assign(o.weights.size(), Adversary::none);
         o.all_crash_once = true;
     }},
    {"no certification after the own nullify", Mutant::no_certify_after_nullify, kStall, as_drawn},
    {"nullify after finalize", Mutant::nullify_after_finalize, kAccused, all_crash},
    {"finalize after nullify", Mutant::finalize_after_nullify, kAccused, as_drawn},
    {"signed before durable", Mutant::sign_before_durable, "before it was durable", as_drawn},
    {"a view proposed twice", Mutant::proposes_twice, kAccused, as_drawn},
    {"the vote table forgets at a restart", Mutant::vote_table_forgets, "contradicts itself",
     all_crash},
    {"a validator that lost its table votes on", Mutant::votes_without_table,
     "whose table it has lost",
     [](Options& o) {
         fight(o, Adversary::none);
         o.epoch_heights = 12;
         o.table_loser = 1;
     }},
    {"a check of one block answers for another", Mutant::skips_the_check, "finalizes a false state",
     [](Options& o) { fight(o, Adversary::wrong_root); }},
    {"a missing nullification is overlooked", Mutant::ignores_missing_nullification, kStall,
     [](Options& o) { fight(o, Adversary::parent_skipper); }},
    {"finalize without own notarize", Mutant::finalize_without_notarize, "what it did not notarize",
     as_drawn},
    {"the second proposal of a view is voted for", Mutant::second_proposal_votes, kAccused,
     [](Options& o) { fight(o, Adversary::equivocator); }},
    {"certificates below the quorum", Mutant::certificate_below_quorum, kThin,
     [](Options& o) { fight(o, Adversary::forger); }},
    {"time-outs that do not grow", Mutant::no_backoff, kStall,
     [](Options& o) {
         o.adversaries.assign(o.weights.size(), Adversary::none);
         o.timing.delta_ms = 10;
         o.timing.timeout_max_ms = 20'000;
         o.delay_min_ms = 200;
         o.delay_max_ms = 400;
         o.slow_for_ever = true;
         o.heal_ms_max = 60'000;
     }},
    {"certificates of others are dropped", Mutant::certificates_of_others_lost, kStall, as_drawn},
    {"a block on top of the epoch's last one", Mutant::boundary_gets_a_child, kStall,
     [](Options& o) { o.epoch_heights = 3; }},
    {"an early block is nullified", Mutant::early_block_nullified, "halts: invalid_certified_block",
     [](Options& o) {
         fight(o, Adversary::none);
         o.skew_ms_max = 0;
         o.fast_leader_ms = 600;
     }},
    {"no retry after a nullify", Mutant::no_retry, kStall, as_drawn},
    {"an absent leader is waited for", Mutant::waits_for_the_absent, kStall, one_dead},
    {"a leader that was heard is skipped", Mutant::skips_the_living, kStall, one_dead},
};

Outcome run(const Planted& planted, std::uint64_t seed, Mutant mutant) {
    Options options = make_options(seed, 4);
    options.heal_ms_max = kHealMs;
    planted.arrange(options);
    detail::active_mutant() = mutant;
    const Outcome outcome = World(options).run();
    detail::active_mutant() = Mutant::none;
    return outcome;
}

/// The first seed that fails in the way that was meant, or none.
std::optional<std::uint64_t> first_caught(const Planted& planted, std::string& failure) {
    for (std::uint64_t seed = 1; seed <= kSeedsMax; ++seed) {
        const Outcome outcome = run(planted, seed, planted.mutant);
        if (outcome.ok || outcome.failure.find(planted.symptom) == std::string::npos) continue;
        failure = outcome.failure;
        return seed;
    }
    return std::nullopt;
}

}  // namespace

TEST_SUITE("simulation/mutants") {
    TEST_CASE("every planted bug is caught by what it breaks, and nothing without one") {
        for (const Planted& planted : kPlanted) {
            std::string failure;
            const auto seed = first_caught(planted, failure);
            CHECK_MESSAGE(seed.has_value(), planted.name);
            MESSAGE(planted.name, ": seed ", seed.value_or(0), ": ", failure);
            // The very same run without the bug passes: it was the bug that was caught.
            const Outcome sound = run(planted, seed.value_or(1), Mutant::none);
            CHECK_MESSAGE(sound.ok, planted.name, ": ", sound.failure);
        }
    }
}

}  // namespace millrace::consensus::sim
