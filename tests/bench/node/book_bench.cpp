// Blocks of a ledger with many open tasks and providers, a clearing among them: built by one node
// and checked by another, on RocksDB. Run: build/release/bin/bench_book [tasks] [providers]
#include <fmt/core.h>

#include "common/rng.hpp"
#include "common/sodium_init.hpp"
#include "market/ledger/ledger.hpp"
#include "market/ledger/tables.hpp"
#include "node/chain/state_db.hpp"
#include "tests/bench/node/ledger_speed.hpp"
#include "tests/bench/stopwatch.hpp"
#include "tests/support/temp_dir.hpp"

namespace millrace {
namespace {

/// Jobs are arrays of this many tasks, each a lot of its own.
constexpr std::uint64_t kTasksPerJob = 10;
constexpr std::uint32_t kSlots = 4;
constexpr std::size_t kClearings = 5;
/// Blocks after which the clearings must have come.
constexpr std::size_t kBlocksMax = 200;

void add_providers(market::Ledger& ledger, std::uint64_t count, Rng& rng) {
    for (std::uint64_t i = 0; i < count; ++i) {
        market::Provider p;
        p.owner = p.operator_account = p.payout_account = bench::crowd_address(i);
        p.stake = Amount{1'000'000 * kNanoPerCredit};
        market::Ask ask;
        ask.steps = {{Price{5'000'000 + rng.below(10'000'000)}, kSlots}};
        ask.task_gas_max = Gas{market::kTaskGasMax};
        ask.task_bytes_max = 1ULL << 40U;
        ask.machine.region = static_cast<std::uint8_t>(rng.below(32));
        ask.machine.memory_tier = static_cast<std::uint8_t>(rng.below(8));
        p.ask = ask;
        ledger.chain.supply = market::plus(ledger.chain.supply, p.stake);
        market::save_provider(ledger, p);
    }
}

void add_jobs(market::Ledger& ledger, std::uint64_t tasks, Rng& rng) {
    for (std::uint64_t i = 0; i < tasks / kTasksPerJob; ++i) {
        market::JobSpec spec;
        spec.task_gas = Gas{1'000'000'000};
        spec.limit = Price{10'000'000 + rng.below(10'000'000)};
        spec.window_ms = 400;
        spec.requirement.memory_tier = static_cast<std::uint8_t>(rng.below(8));
        market::Job job;
        job.buyer = bench::crowd_address(1U << 20U);
        job.expires = ActiveTime{1ULL << 40U};
        job.limit = spec.limit;
        job.chunks = job.fresh_end = job.chunks_left = kTasksPerJob;
        job.escrow = Amount{market::chunk_escrow(spec, spec.limit)->value * kTasksPerJob};
        ledger.chain.supply = market::plus(ledger.chain.supply, job.escrow);
        const JobId id = market::job_id_of({}, job.buyer, {0, i});
        market::store(ledger.state, market::job_spec_key(id), spec);
        market::save_job(ledger, id, job, spec);
    }
}

void fill(bench::Chain& chain, std::uint64_t tasks, std::uint64_t providers) {
    Rng rng(1);
    const node::DbState state(*chain.db);
    market::Overlay overlay(state);
    market::Ledger ledger(overlay);
    add_providers(ledger, providers, rng);
    add_jobs(ledger, tasks, rng);
    market::store(ledger.state, market::chain_key(), ledger.chain);
    chain.plant(overlay.writes());
}

void run(std::uint64_t tasks, std::uint64_t providers) {
    const bench::Founding founding(1);
    const test::TempDir leader_folder;
    const test::TempDir follower_folder;
    bench::Chain leader(leader_folder.path() / "ledger", founding);
    bench::Chain follower(follower_folder.path() / "ledger", founding);
    fill(leader, tasks, providers);
    fill(follower, tasks, providers);
    fmt::print("node/book tasks:{} providers:{}\n{:<10} {:>8} {:>10} {:>10} {:>10}\n", tasks,
               providers, "block", "leases", "build ms", "check ms", "disk ms");
    std::size_t clearings = 0;
    for (std::size_t i = 0; i < kBlocksMax && clearings < kClearings; ++i) {
        const market::ChainState before = market::load_chain(node::DbState(*leader.db));
        const bench::Stopwatch build;
        const consensus::BlockPtr block = leader.build();
        const double build_ms = build.milliseconds();
        leader.finalize(block);
        leader.wait_durable();
        const bench::Stopwatch check;
        follower.check(block);
        const double check_ms = check.milliseconds();
        const bench::Stopwatch disk;
        follower.finalize(block);
        follower.wait_durable();
        const double disk_ms = disk.milliseconds();
        const market::ChainState after = market::load_chain(node::DbState(*leader.db));
        const bool freezes = !before.pending && after.pending;
        if (before.pending) ++clearings;
        fmt::print("{:<10} {:>8} {:>10.1f} {:>10.1f} {:>10.1f}\n",
                   before.pending ? "clears"
                   : freezes      ? "freezes"
                                  : "plain",
                   after.leases_made - before.leases_made, build_ms, check_ms, disk_ms);
    }
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
    if (!millrace::init_sodium().has_value()) return 1;
    millrace::run(argc > 1 ? millrace::bench::number(argv[1], 100'000) : 100'000,
                  argc > 2 ? millrace::bench::number(argv[2], 10'000) : 10'000);
    return 0;
}
