// What one block does of a clearing beside the auction itself: reading the frozen book out of
// state, and writing the leases. The book is as large as one clearing may walk: 2^14 bids and 2^15
// asks, 4,096 lots sold. Run by hand: build/release/bin/ledger_bench
#include <chrono>
#include <cstdio>

#include "common/rng.hpp"
#include "market/block/apply.hpp"
#include "market/block/clearing.hpp"
#include "market/ledger/tables.hpp"
#include "market/query.hpp"

namespace {

using namespace millrace;
using namespace millrace::market;

constexpr std::uint32_t kBids = 1U << 14U;
constexpr std::uint32_t kAsks = 1U << 15U;

Address address_of(std::uint64_t n) {
    Address out;
    store_le(out.bytes.data(), n);
    return out;
}

Genesis make_genesis() {
    Genesis g;
    g.name = std::string("bench");
    g.time = WallTime{1'800'000'000'000};
    g.params = Params::dev();
    const auto seed = [](std::uint8_t byte) { return *SecretBytes<32>::from(Bytes(32, byte)); };
    g.validators.push_back({address_of(1), Ed25519Secret(seed(7)).public_key(),
                            VrfSecret(seed(8)).public_key(), Ed25519Secret(seed(9)).public_key(),
                            Amount{1'000 * kNanoPerCredit}});
    return g;
}

void fill(Ledger& ledger) {
    Rng rng(1);
    for (std::uint32_t i = 0; i < kAsks; ++i) {
        Provider p;
        p.owner = p.operator_account = p.payout_account = address_of(1'000'000 + i);
        p.stake = Amount{1'000'000'000'000};
        Ask ask;
        ask.steps = {{Price{5'000'000 + rng.below(10'000'000)}, 1}};
        ask.task_gas_max = Gas{kTaskGasMax};
        ask.task_bytes_max = 1ULL << 40U;
        ask.machine.region = static_cast<std::uint8_t>(rng.below(32));
        ask.machine.memory_tier = static_cast<std::uint8_t>(rng.below(8));
        p.ask = ask;
        ledger.chain.supply = plus(ledger.chain.supply, p.stake);
        save_provider(ledger, p);
    }
    for (std::uint32_t i = 0; i < kBids; ++i) {
        JobSpec spec;
        spec.task_gas = Gas{1'000'000'000};
        spec.limit = Price{10'000'000 + rng.below(10'000'000)};
        spec.window_ms = 400;
        spec.requirement.memory_tier = static_cast<std::uint8_t>(rng.below(8));
        Job job;
        job.buyer = address_of(2);
        job.expires = ActiveTime{1ULL << 40U};
        job.limit = spec.limit;
        job.escrow = *chunk_escrow(spec, spec.limit);
        job.chunks = job.fresh_end = job.chunks_left = 1;
        const JobId id = job_id_of({}, job.buyer, {0, i});
        store(ledger.state, job_spec_key(id), spec);
        save_job(ledger, id, job, spec);
    }
}

}  // namespace

int main() {
    MemoryState state;
    state.apply(genesis_writes(make_genesis()));
    {
        Overlay overlay(state);
        Ledger ledger(overlay);
        fill(ledger);
        store(ledger.state, chain_key(), ledger.chain);
        state.apply(overlay.writes());
    }
    for (int round = 0; round < 3; ++round) {
        Overlay overlay(state);
        Ledger ledger(overlay);
        ledger.chain.active_time = ledger.chain.next_cut_off;
        freeze_if_due(ledger);
        store(ledger.state, chain_key(), ledger.chain);
        const auto begin = std::chrono::steady_clock::now();
        const Book book =
            read_book(ledger.state, ledger.params, ledger.chain.clearing, ledger.chain.active_time);
        const auto read = std::chrono::steady_clock::now();
        const Clearing clearing = clear(book, Hash{}, clearing_limits(ledger.params));
        const auto cleared = std::chrono::steady_clock::now();
        run_clearing(ledger);
        const auto done = std::chrono::steady_clock::now();
        const auto ms = [](auto d) {
            return static_cast<long>(
                std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
        };
        std::printf(
            "ledger/read_book/bids:%zu,asks:%zu %ld ms; auction/clear %ld ms; "
            "ledger/run_clearing/leases:%zu %ld ms (both included)\n",
            book.bids.size(), book.asks.size(), ms(read - begin), ms(cleared - read),
            clearing.grants.size(), ms(done - cleared));
    }
    return 0;
}
