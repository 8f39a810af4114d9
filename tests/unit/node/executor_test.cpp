#include "node/chain/executor.hpp"

#include <doctest/doctest.h>

#include "common/auth_map_proof.hpp"
#include "consensus/beacon.hpp"
#include "market/ledger/validators.hpp"
#include "tests/support/node_world.hpp"

namespace millrace::node {
namespace {

using test::FakeClock;
using test::NodeChain;

struct Fixture {
    test::TempDir folder;
    market::World world;
    FakeClock clock{world.genesis().time};

    [[nodiscard]] NodeChain open() const {
        return NodeChain(folder.path(), world.genesis(), const_cast<FakeClock&>(clock));
    }
    market::CheckedTx payment(const std::string& from, std::uint64_t sequence,
                              std::uint64_t amount = 1) {
        market::Tx tx = world.next_tx(
            from, market::Transfer{world.address("bob"), market::credits(amount), {}});
        tx.nonce.sequence = sequence;
        return world.checked(world.sign(from, tx));
    }
    Amount balance(const NodeChain& chain, const std::string& name) {
        const StateSnapshot snapshot(*chain.db);
        return market::account_view(snapshot.state(), world.address(name))->balance;
    }
};

/// Builds on the head, and makes it final.
consensus::Finalize build(NodeChain& chain, std::uint64_t view) {
    const auto built = chain.executor->build(chain.wanted(view));
    REQUIRE(built.has_value());
    return NodeChain::final_of({NodeChain::block_of(built->block)});
}

}  // namespace

TEST_SUITE("node/executor") {
    TEST_CASE("a payment is built, made final once, and read back with its receipt") {
        Fixture f;
        NodeChain chain = f.open();
        const Amount before = f.balance(chain, "bob");
        const market::CheckedTx tx = f.payment("alice", 0, 5);
        REQUIRE(chain.mempool.add(tx, {}).has_value());
        CHECK(chain.executor->has_work());
        f.clock.advance(100);
        std::vector<FinalBlockPtr> news;
        chain.on_final = [&](const FinalBlockPtr& block) { news.push_back(block); };
        const consensus::Finalize final = build(chain, 1);
        CHECK(f.balance(chain, "bob") == before);  // nothing is written before it is final
        const auto ended = chain.finalize(final);
        REQUIRE(ended.has_value());
        CHECK_FALSE(*ended);
        CHECK(f.balance(chain, "bob") == market::plus(before, market::credits(5)));
        CHECK(chain.mempool.usage().transactions == 0);
        CHECK(news.size() == 1);
        const auto place = BlockStore(*chain.db).place_of(tx.hash());
        REQUIRE((place.has_value() && place->has_value()));
        CHECK((*place)->height == Height{1});

        // Told again, as after a restart: nothing changes and nothing is told on.
        const Head head = chain.head();
        REQUIRE(chain.finalize(final).has_value());
        CHECK(encode(chain.head()) == encode(head));
        CHECK(news.size() == 1);
        CHECK(f.balance(chain, "bob") == market::plus(before, market::credits(5)));
    }

    TEST_CASE("a body that is not the header's does not pass under its hash") {
        Fixture f;
        NodeChain chain = f.open();
        REQUIRE(chain.mempool.add(f.payment("alice", 0, 5), {}).has_value());
        f.clock.advance(100);
        const auto built = chain.executor->build(chain.wanted(1));
        REQUIRE(built.has_value());
        const MarketBlockReader reader;
        CHECK(reader.read(built->block).has_value());
        auto block = *decode<market::Block>(built->block);
        REQUIRE(block.transactions.size() == 1);
        auto without = block;
        without.transactions.clear();
        CHECK(!reader.read(encode(without)).has_value());
        auto with_vote = block;
        with_vote.votes.push_back({});
        CHECK(!reader.read(encode(with_vote)).has_value());
    }

    TEST_CASE("a member builds under its own index, shows whom it heard, and others agree") {
        market::Params params = market::Params::dev();
        params.validators.absence_ms = 1'000;
        Fixture f{{}, market::World(params, true, {"validator", "v1", "v2"})};
        NodeChain chain = f.open();
        f.clock.advance(100);
        consensus::BuildBlock wanted = chain.wanted(5);
        const std::uint16_t self = *f.world.index_of("validator");
        for (std::uint16_t i = 0; i < 3; ++i)
            wanted.votes.push_back(f.world.vote_of(Epoch{0}, i, Subject::nullify(View{4})));
        const auto built = chain.executor->build(wanted);
        REQUIRE(built.has_value());
        const auto block = *decode<market::Block>(built->block);
        CHECK(block.header.proposer == self);
        CHECK(block.votes.size() == 2);
        const auto config = chain.executor->next_epoch(f.world.validator("validator").vote_key);
        REQUIRE(config.self.has_value());
        CHECK(config.self->value == self);
        CHECK(config.validators->size() == 3);
        CHECK(config.validators->total() == 3'000'000);
        test::TempDir other;
        NodeChain stranger(other.path(), f.world.genesis(), f.clock);
        consensus::CheckBlock check;
        check.block = NodeChain::block_of(built->block);
        CHECK(stranger.executor->check(check).verdict == consensus::Verdict::valid);
    }

    TEST_CASE("an older finalization that is told again does not replace the newer proof") {
        Fixture f;
        NodeChain chain = f.open();
        f.clock.advance(100);
        const consensus::Finalize first = build(chain, 1);
        REQUIRE(chain.finalize(first).has_value());
        f.clock.advance(100);
        REQUIRE(chain.finalize(build(chain, 2)).has_value());
        const Head head = chain.head();
        CHECK(head.view == View{2});
        REQUIRE(chain.finalize(first).has_value());
        CHECK(encode(chain.head()) == encode(head));
    }

    TEST_CASE("a block whose overlay a restart has lost is executed again when it becomes final") {
        Fixture f;
        consensus::Finalize final;
        const market::CheckedTx tx = f.payment("alice", 0, 5);
        {
            NodeChain chain = f.open();
            REQUIRE(chain.mempool.add(tx, {}).has_value());
            f.clock.advance(100);
            final = build(chain, 1);
        }
        NodeChain chain = f.open();
        REQUIRE(chain.finalize(final).has_value());
        CHECK(chain.head().hash == final.blocks.back()->facts.hash);
        const auto place = BlockStore(*chain.db).place_of(tx.hash());
        CHECK((place.has_value() && place->has_value()));
    }

    TEST_CASE("several blocks become final in one batch, on overlays over each other") {
        Fixture f;
        NodeChain chain = f.open();
        REQUIRE(chain.mempool.add(f.payment("alice", 0), {}).has_value());
        f.clock.advance(100);
        const auto first = chain.executor->build(chain.wanted(1));
        REQUIRE(first.has_value());
        const consensus::BlockPtr one = NodeChain::block_of(first->block);
        REQUIRE(chain.mempool.add(f.payment("alice", 1), {}).has_value());
        f.clock.advance(100);
        const auto second = chain.executor->build(
            {View{2}, {one->facts.hash, one->facts.height, one->facts.timestamp, false}, {}});
        REQUIRE(second.has_value());
        const consensus::BlockPtr two = NodeChain::block_of(second->block);
        // The second holds the second payment alone, and the first is not lost from the mempool
        // while its block may still come to nothing.
        CHECK(decode<market::Block>(second->block)->transactions.size() == 1);
        CHECK(chain.mempool.usage().transactions == 2);
        REQUIRE(chain.finalize(NodeChain::final_of({one, two})).has_value());
        CHECK(chain.head().hash == two->facts.hash);
        CHECK(chain.mempool.usage().transactions == 0);
        // The state that they left is that which their headers commit to: the next one stands.
        f.clock.advance(100);
        REQUIRE(chain.finalize(build(chain, 3)).has_value());
    }

    TEST_CASE("a block that says another root is invalid; one without its parent is pending") {
        Fixture f;
        NodeChain chain = f.open();
        f.clock.advance(100);
        const consensus::Finalize final = build(chain, 1);
        auto block = *decode<market::Block>(final.blocks.back()->bytes);
        block.header.state_root.bytes[0] ^= 1U;
        consensus::CheckBlock bad;
        bad.block = NodeChain::block_of(encode(block));
        CHECK(chain.executor->check(bad).verdict == consensus::Verdict::invalid);
        block.header.parent.bytes[0] ^= 1U;
        consensus::CheckBlock early;
        early.block = NodeChain::block_of(encode(block));
        CHECK(chain.executor->check(early).verdict == consensus::Verdict::pending);
        CHECK(chain.finalize(NodeChain::final_of({bad.block}))
                  .error()
                  .message.find("does not execute") != std::string::npos);
        CHECK(chain.head().height == Height{0});
    }

    TEST_CASE("the last block of an epoch is told as such, and the next epoch begins on it") {
        Fixture f;
        NodeChain chain = f.open();
        const Epoch first = chain.head().epoch;
        bool ended = false;
        std::uint64_t view = 0;
        while (!ended) {
            REQUIRE(view < 100);
            f.clock.advance(2'900);  // within what one block may count
            const auto done = chain.finalize(build(chain, ++view));
            REQUIRE(done.has_value());
            ended = *done;
        }
        CHECK(chain.head().last_of_epoch);
        CHECK(chain.head().epoch == first);
        const auto config = chain.executor->next_epoch(std::nullopt);
        CHECK(config.epoch == Epoch{first.value + 1});
        CHECK(config.floor.view == View{0});
        CHECK_FALSE(config.floor.certificate.has_value());
        // When the epoch began is known on its first block and behind it.
        const WallTime began = chain.head().time;
        CHECK(config.began == began);
        CHECK(began > WallTime{0});
        // What leads a light client to the set of the epoch after the next was written with it.
        const auto handovers = BlockStore(*chain.db).handovers(first, 10);
        REQUIRE((handovers.has_value() && handovers->size() == 1));
        const market::Handover& handover = handovers->front();
        CHECK(market::block_hash(handover.header) == chain.head().hash);
        CHECK(Bytes(handover.certificate) == encode(*chain.head().certificate));
        CHECK(verify_presence(Hash{handover.header.state_root.bytes},
                              market::epoch_set_key(Epoch{first.value + 2}), handover.set,
                              handover.proof)
                  .has_value());
        CHECK(BlockStore(*chain.db).handovers(Epoch{first.value + 1}, 10)->empty());
        f.clock.advance(2'900);
        REQUIRE(chain.finalize(build(chain, 1)).has_value());
        CHECK(chain.head().epoch == Epoch{first.value + 1});
        CHECK(chain.executor->next_epoch(std::nullopt).began == began);
        // A gap leads nowhere, so nothing is shown beyond it.
        std::vector<DbWrite> batch;
        market::Handover later = handover;
        later.header.epoch = Epoch{first.value + 2};
        BlockStore::put_handover(batch, later);
        REQUIRE(chain.db->commit(batch).has_value());
        CHECK(BlockStore(*chain.db).handovers(first, 10)->size() == 1);
        CHECK(BlockStore(*chain.db).handovers(Epoch{first.value + 1}, 10)->empty());
        // A restart at the boundary begins the same epoch.
        const Hash head = hash_as<Hash>(chain.head().hash);
        chain.executor.reset();
        chain.db.reset();
        NodeChain again = f.open();
        CHECK(hash_as<Hash>(again.head().hash) == head);
        CHECK(again.executor->next_epoch(std::nullopt).epoch == config.epoch);
        CHECK(again.executor->next_epoch(std::nullopt).seed == config.seed);
    }

    TEST_CASE("the folder of another chain is refused") {
        Fixture f;
        {
            const NodeChain chain = f.open();
        }
        market::Genesis other = f.world.genesis();
        other.name = std::string("other");
        auto db = LedgerDb::open(f.folder.path());
        REQUIRE(db.has_value());
        Mempool mempool(1U << 20U);
        const auto opened = Executor::open({**db, mempool, f.clock, nullptr, {}}, other);
        REQUIRE_FALSE(opened.has_value());
        CHECK(opened.error().message.find("another chain") != std::string::npos);
    }

    TEST_CASE("a transaction that waits for an earlier one is no work, and takes no room") {
        Fixture f;
        NodeChain chain = f.open();
        REQUIRE(chain.mempool.add(f.payment("alice", 7), {}).has_value());
        f.clock.advance(100);
        CHECK(chain.executor->has_work());  // nothing is known of it yet
        const consensus::Finalize empty = build(chain, 1);
        CHECK(decode<market::Block>(empty.blocks.back()->bytes)->transactions.empty());
        REQUIRE(chain.finalize(empty).has_value());
        CHECK_FALSE(chain.executor->has_work());
        CHECK(chain.mempool.usage().transactions == 1);
        // News makes work again.
        REQUIRE(chain.mempool.add(f.payment("alice", 0), {}).has_value());
        CHECK(chain.executor->has_work());
    }

    TEST_CASE("what looks like reveals and cannot pay does not keep payments out of blocks") {
        Fixture f;
        NodeChain chain = f.open();
        market::LeaseReveal fake;
        for (std::uint32_t i = 0; i < market::kTasksPerLotMax; ++i)
            fake.claims.push_back(market::World::make_claim(i, Gas{1}));
        // More than a block of them, each with a tip that its account has; then a payment takes it
        // all.
        constexpr std::uint64_t kFakes = 16;
        std::uint64_t bytes = 0;
        for (const char* name : {"erin", "frank"}) {
            for (std::uint64_t i = 1; i <= kFakes; ++i) {
                market::Tx tx = f.world.next_tx(name, fake);
                tx.nonce.sequence = i;
                tx.tip = market::credits(1'000);
                tx.fee_max = market::credits(2'000);
                const market::CheckedTx checked = f.world.checked(f.world.sign(name, tx));
                bytes += checked.size();
                REQUIRE(chain.mempool.add(checked, {}).has_value());
            }
            market::Tx drain = f.world.next_tx(
                name, market::Transfer{f.world.address("bob"), market::credits(99'000), {}});
            drain.tip = market::credits(900);
            drain.fee_max = market::credits(999);
            REQUIRE(chain.mempool.add(f.world.checked(f.world.sign(name, drain)), {}).has_value());
        }
        REQUIRE(bytes > f.world.params().time.block_bytes_max);
        f.clock.advance(100);
        REQUIRE(chain.finalize(build(chain, 1)).has_value());
        const market::CheckedTx payment = f.payment("alice", 0);
        REQUIRE(chain.mempool.add(payment, {}).has_value());
        f.clock.advance(100);
        const consensus::Finalize final = build(chain, 2);
        const auto block = decode<market::Block>(final.blocks.back()->bytes);
        REQUIRE(block->transactions.size() == 1);
        CHECK(market::tx_hash(block->transactions.front()) == payment.hash());
        REQUIRE(chain.finalize(final).has_value());
        // The two that were next are gone; those behind them are no work.
        CHECK(chain.mempool.usage().transactions == 2 * kFakes - 2);
    }

    TEST_CASE("what no block may hold any more leaves the mempool with the next final block") {
        Fixture f;
        NodeChain chain = f.open();
        REQUIRE(chain.mempool.add(f.payment("alice", 7), {}).has_value());
        f.clock.advance(700'000);  // beyond its expiry
        REQUIRE(chain.finalize(build(chain, 1)).has_value());
        CHECK(chain.mempool.usage().transactions == 0);
        CHECK(chain.mempool.usage().bytes == 0);
    }

    TEST_CASE("the ledger and agreement mean the same beacon") {
        Rng rng(7);
        for (int i = 0; i < 50; ++i) {
            ChainId chain;
            consensus::Beacon parent;
            VrfOutput output;
            for (auto* bytes : {&chain.bytes, &parent.bytes})
                for (std::uint8_t& byte : *bytes) byte = static_cast<std::uint8_t>(rng.next());
            for (std::uint8_t& byte : output.bytes) byte = static_cast<std::uint8_t>(rng.next());
            CHECK(consensus::beacon_input(chain, parent) ==
                  market::beacon_input(chain, hash_as<market::Beacon>(parent)));
            CHECK(consensus::beacon_from(output).bytes == market::beacon_of(output).bytes);
        }
        const market::World world;
        CHECK(consensus::genesis_beacon(world.chain()).bytes == world.head().beacon.bytes);
    }
}

}  // namespace millrace::node
