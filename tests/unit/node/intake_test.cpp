#include "node/mempool/intake.hpp"

#include <doctest/doctest.h>

#include "tests/support/node_world.hpp"

namespace millrace::node {
namespace {

struct Fixture {
    test::TempDir folder;
    market::World world;
    test::FakeClock clock{world.genesis().time};
    test::NodeChain chain{folder.path(), world.genesis(), clock};
    TxIntake intake{*chain.db, chain.mempool, clock, world.chain(), [] {}};

    market::SignedTx signed_tx(const std::string& from, const market::TxBody& body,
                               std::uint64_t sequence, Amount tip = {},
                               Amount fee_max = market::credits(1)) {
        market::Tx tx = world.next_tx(from, body);
        tx.nonce.sequence = sequence;
        tx.tip = tip;
        tx.fee_max = fee_max;
        return world.sign(from, tx);
    }
    market::TxBody payment() {
        return market::Transfer{world.address("bob"), market::credits(1), {}};
    }
    std::optional<IntakeRefusal> refusal(const market::SignedTx& tx) {
        const auto taken = intake.submit(tx);
        if (taken.has_value()) return std::nullopt;
        return taken.error();
    }
};

}  // namespace

TEST_SUITE("node/intake") {
    TEST_CASE("who waits for a missing nonce can pay, too") {
        Fixture f;
        using market::Refusal;
        CHECK(f.refusal(f.signed_tx("alice", f.payment(), 3, market::credits(200'000),
                                    market::credits(300'000))) ==
              IntakeRefusal(Refusal::fee_unaffordable));
        CHECK(f.refusal(f.signed_tx("alice", f.payment(), 3, {}, Amount{1})) ==
              IntakeRefusal(Refusal::fee_max_too_low));
        CHECK(f.refusal(f.signed_tx("stranger", f.payment(), 3)) ==
              IntakeRefusal(Refusal::sender_unknown));
        CHECK(f.refusal(f.signed_tx("alice", f.payment(), 3)) == std::nullopt);
        // As when it is its turn: a job may follow the publication of its module in its lane.
        CHECK(f.refusal(f.signed_tx("alice", market::JobPost{f.world.job_spec(1)}, 4)) ==
              std::nullopt);
    }

    TEST_CASE("nobody fills the mempool with reveals of leases that there are not") {
        Fixture f;
        market::LeaseReveal fake;
        for (std::uint32_t i = 0; i < market::kTasksPerLotMax; ++i)
            fake.claims.push_back(market::World::make_claim(i, Gas{1}));
        const auto fill = [&](const std::string& from) {
            for (std::uint64_t sequence = 1;; ++sequence)
                if (const auto refused = f.refusal(f.signed_tx(from, fake, sequence)))
                    return *refused;
        };
        CHECK(fill("erin") == IntakeRefusal(MempoolRefusal::sender_full));
        CHECK(f.chain.mempool.usage().bytes <= Mempool::kBytesPerSenderMax);
        CHECK(fill("frank") == IntakeRefusal(MempoolRefusal::full));
        CHECK(f.chain.mempool.usage().bytes <= (8U << 20U) / 4 * 3);  // the moves' quarter is free
        // Payments take the place of what waits.
        for (std::uint64_t i = 0; i < 1'000; ++i)
            REQUIRE(f.refusal(f.signed_tx("alice", f.payment(), i)) == std::nullopt);
    }
}

}  // namespace millrace::node
