// Blocks of transfers from memory to RocksDB, signatures included, beside what checking the same
// signatures alone takes on the same cores. Run: build/release/bin/bench_apply [accounts] [blocks]
#include <fmt/core.h>

#include <filesystem>
#include <thread>

#include "common/sodium_init.hpp"
#include "tests/bench/node/ledger_speed.hpp"
#include "tests/bench/stopwatch.hpp"
#include "tests/support/temp_dir.hpp"

namespace millrace {
namespace {

constexpr std::size_t kSenders = 4'000;
/// Threads that check signatures alone: the two cores that figures are quoted for.
constexpr std::size_t kCores = 2;

double verify_alone_ms(const std::vector<market::SignedTx>& txs) {
    const bench::Stopwatch watch;
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kCores; ++t)
        threads.emplace_back([&, t] {
            for (std::size_t i = t; i < txs.size(); i += kCores)
                MILLRACE_ASSERT(verify(txs[i].tx.sender, market::signing_hash(txs[i].tx).view(),
                                       txs[i].signature));
        });
    threads.clear();
    return watch.milliseconds();
}

void run(std::uint64_t accounts, std::size_t blocks) {
    bench::Founding founding(kSenders);
    const ChainId chain = market::chain_id_of(founding.genesis);
    const test::TempDir leader_folder;
    const test::TempDir follower_folder;
    std::vector<consensus::BlockPtr> made;
    std::vector<market::SignedTx> all;
    {
        bench::Chain leader(leader_folder.path() / "ledger", founding);
        leader.add_accounts(accounts);
        Rng rng(1);
        for (std::size_t b = 0; b < blocks; ++b) {
            for (std::size_t i = 0; i < 4 * kSenders; ++i) {
                bench::Sender& from = founding.senders[i % kSenders];
                const market::SignedTx tx = bench::transfer(
                    chain, from, bench::crowd_address(rng.below(accounts)), leader.clock.wall);
                all.push_back(tx);
                auto checked = market::check_tx(tx, chain, founding.genesis.params);
                MILLRACE_ASSERT(checked.has_value());
                MILLRACE_ASSERT(leader.mempool.add(*std::move(checked), {}).has_value());
            }
            made.push_back(leader.build());
            leader.finalize(made.back());
            leader.wait_durable();
        }
        while (leader.mempool.usage().transactions != 0) {
            made.push_back(leader.build());
            leader.finalize(made.back());
            leader.wait_durable();
        }
    }
    bench::Chain follower(follower_folder.path() / "ledger", founding);
    follower.add_accounts(accounts);
    const double alone = verify_alone_ms(all);
    const bench::Stopwatch watch;
    for (const consensus::BlockPtr& block : made) {
        follower.check(block);
        follower.finalize(block);
    }
    follower.wait_durable();
    const double whole = watch.milliseconds();
    const double count = static_cast<double>(all.size());
    fmt::print("node/apply accounts:{} transfers:{} blocks:{}\n", accounts, all.size(),
               made.size());
    fmt::print("{:<48} {:>10.0f} /s\n", "bip340/verify alone, two threads", count / alone * 1e3);
    fmt::print("{:<48} {:>10.0f} /s\n", "check and finalize from memory to RocksDB",
               count / whole * 1e3);
    fmt::print("{:<48} {:>10.2f}\n", "share of verification alone", alone / whole);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
    if (!millrace::init_sodium().has_value()) return 1;
    const std::uint64_t accounts = argc > 1 ? millrace::bench::number(argv[1], 100'000) : 100'000;
    const std::uint64_t blocks = argc > 2 ? millrace::bench::number(argv[2], 8) : 8;
    millrace::run(accounts, static_cast<std::size_t>(blocks));
    return 0;
}
