// The ledger's state of many accounts in RocksDB: start of a node's ledger, reads, proofs, a
// block's update. Run: build/release/bin/bench_state [accounts]
#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "common/auth_map_proof.hpp"
#include "common/sodium_init.hpp"
#include "market/state_root.hpp"
#include "node/chain/state_db.hpp"
#include "tests/bench/node/ledger_speed.hpp"
#include "tests/bench/stopwatch.hpp"
#include "tests/support/temp_dir.hpp"

namespace millrace {
namespace {

constexpr std::size_t kReads = 20'000;
constexpr std::size_t kUpdated = 5'000;

/// Median and 99th percentile, in microseconds, of one call a number.
template <class Work>
void report_each(const char* name, std::size_t calls, Work&& work) {
    std::vector<double> times;
    times.reserve(calls);
    for (std::size_t i = 0; i < calls; ++i) {
        const bench::Stopwatch watch;
        work(i);
        times.push_back(watch.milliseconds() * 1e3);
    }
    std::sort(times.begin(), times.end());
    fmt::print("{:<48} {:>10.1f} us median, {:.1f} us at 99 %\n", name, times[calls / 2],
               times[calls * 99 / 100]);
}

void run(std::uint64_t accounts) {
    const bench::Founding founding(2);
    const test::TempDir folder;
    {
        bench::Chain chain(folder.path() / "ledger", founding);
        chain.add_accounts(accounts);
    }
    const bench::Stopwatch start;
    const bench::Chain chain(folder.path() / "ledger", founding);
    fmt::print("{:<48} {:>10.1f} ms\n", fmt::format("node/start accounts:{}", accounts),
               start.milliseconds());

    Rng rng(1);
    report_each("state/account", kReads, [&](std::size_t) {
        const node::StateSnapshot snapshot(*chain.db);
        bench::keep(
            market::account_view(snapshot.state(), bench::crowd_address(rng.below(accounts))));
    });
    report_each("state/proof", kReads, [&](std::size_t) {
        const node::StateSnapshot snapshot(*chain.db);
        const node::DbPages pages(snapshot.db());
        const node::Head head = **node::BlockStore(snapshot.db()).head();
        const auto key = market::account_key(bench::crowd_address(rng.below(accounts)));
        bench::keep(*prove_in_map(pages, head.map, map_path(key)));
    });
    const node::DbPages pages(*chain.db);
    const node::Head head = chain.head();
    market::StateWrites writes;
    while (writes.size() < kUpdated) {
        const market::Account account{Amount{rng.next() >> 1U}, {}};
        writes[market::account_key(bench::crowd_address(rng.below(accounts))).bytes()] =
            encode(account);
    }
    const market::StateWrites& fixed = writes;
    bench::report(fmt::format("state/update accounts:{}", kUpdated), "",
                  [&] { bench::keep(*update_map(pages, head.map, market::map_changes(fixed))); });
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
    if (!millrace::init_sodium().has_value()) return 1;
    std::uint64_t accounts = 1'000'000;
    if (argc > 1) {
        const std::string_view text = argv[1];
        std::from_chars(text.data(), text.data() + text.size(), accounts);
    }
    if (accounts < millrace::kUpdated * 2) {
        fmt::print("usage: bench_state [accounts, at least {}]\n", millrace::kUpdated * 2);
        return 2;
    }
    millrace::run(accounts);
    return 0;
}
