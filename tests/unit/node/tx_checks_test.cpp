#include "node/chain/tx_checks.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/market_world.hpp"

namespace millrace::test {

using market::SignedTx;
using market::World;

namespace {

/// Transfers of one account, the one at `bad` with a signature of another message.
std::vector<SignedTx> transfers(World& w, std::size_t count, std::size_t bad) {
    std::vector<SignedTx> out;
    for (std::size_t i = 0; i < count; ++i) {
        const market::Transfer body{w.address("bob"), market::credits(i + 1), {}};
        out.push_back(w.sign("alice", w.next_tx("alice", body)));
        ++w.person("alice").next[0];
    }
    if (bad < count) out[bad].signature = out[(bad + 1) % count].signature;
    return out;
}

}  // namespace

TEST_SUITE("node/tx_checks") {
    TEST_CASE("every transaction comes out in its place, on any number of threads") {
        World w;
        const std::vector<SignedTx> all = transfers(w, 200, 77);
        for (const std::size_t threads : {0U, 1U, 3U}) {
            node::Workers workers(threads);
            node::TxChecks checks(workers, nullptr);
            for (int round = 0; round < 3; ++round) {
                const auto checked = checks.begin(all, w.chain(), w.params());
                REQUIRE(checked->count() == all.size());
                for (std::size_t i = 0; i < all.size(); ++i) {
                    const market::CheckedTx* tx = checked->at(i);
                    CHECK((tx == nullptr) == (i == 77));
                    if (tx != nullptr) CHECK(tx->hash() == market::tx_hash(all[i]));
                }
            }
        }
    }

    TEST_CASE("an answer may be dropped before its end, and an empty block has none") {
        World w;
        const std::vector<SignedTx> all = transfers(w, 500, 500);
        node::Workers workers(2);
        node::TxChecks checks(workers, nullptr);
        for (int round = 0; round < 20; ++round) {
            const auto checked = checks.begin(all, w.chain(), w.params());
            CHECK(checked->at(0) != nullptr);
        }
        CHECK(checks.begin({}, w.chain(), w.params())->count() == 0);
    }

    TEST_CASE("the threads take part in every block, wherever it lies in memory") {
        World w;
        const std::vector<SignedTx> all = transfers(w, 100, 100);
        const std::thread::id executing = std::this_thread::get_id();
        std::atomic<int> helped = 0;
        node::Workers workers(1);
        node::TxChecks checks(workers, [&](const SignedTx&) -> std::optional<market::CheckedTx> {
            if (std::this_thread::get_id() != executing) ++helped;
            return std::nullopt;
        });
        for (int round = 0; round < 20; ++round) {
            const int before = helped;
            const auto checked = checks.begin(all, w.chain(), w.params());
            for (int i = 0; i < 10'000 && helped == before; ++i)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            REQUIRE(helped > before);
        }
    }

    TEST_CASE("what the mempool has checked is not checked again") {
        World w;
        const std::vector<SignedTx> all = transfers(w, 40, 40);
        std::map<TxHash, market::CheckedTx> pool;
        for (const SignedTx& tx : all) pool.emplace(market::tx_hash(tx), w.checked(tx));
        std::atomic<int> found = 0;
        node::Workers workers(1);
        node::TxChecks checks(workers, [&](const SignedTx& tx) -> std::optional<market::CheckedTx> {
            const auto at = pool.find(market::tx_hash(tx));
            if (at == pool.end()) return std::nullopt;
            ++found;
            return at->second;
        });
        std::vector<SignedTx> block = all;
        // Another signature is another hash: it does not pass for the one that was checked.
        block[7].signature.bytes[0] ^= 1U;
        const auto checked = checks.begin(block, w.chain(), w.params());
        for (std::size_t i = 0; i < block.size(); ++i)
            CHECK((checked->at(i) == nullptr) == (i == 7));
        CHECK(found == 39);
    }
}

}  // namespace millrace::test
