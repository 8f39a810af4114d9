#include "node/chain/engine.hpp"

#include <doctest/doctest.h>

#include "tests/support/node_world.hpp"

namespace millrace::node {
namespace {

using test::FailingApplication;
using test::FakeClock;
using test::NodeWithEngine;

struct Fixture {
    test::TempDir folder;
    market::World world;
    FakeClock clock{world.genesis().time};

    market::SignedTx payment(const std::string& from) {
        const market::Tx tx =
            world.next_tx(from, market::Transfer{world.address("bob"), market::credits(1), {}});
        ++world.person(from).next[0];
        market::Tx late = tx;
        late.expiry = WallTime{clock.now().wall.value + 600'000};
        return world.sign(from, late);
    }
    std::unique_ptr<NodeWithEngine> open() {
        return std::make_unique<NodeWithEngine>(folder.path(), world.genesis(), clock);
    }
};

/// All votes that a validator ever wrote down, over all its lives: none may contradict another.
class Votes {
  public:
    void take(const std::vector<consensus::Record>& log) {
        for (const consensus::Record& record : log) {
            const auto* vote = std::get_if<consensus::VoteRecord>(&record);
            if (vote == nullptr) continue;
            auto& seen = by_epoch_[vote->epoch];
            for (const consensus::Subject& other : seen)
                CHECK_FALSE(consensus::is_conflict(other, vote->subject));
            seen.insert(vote->subject);
        }
    }
    [[nodiscard]] std::size_t epochs() const { return by_epoch_.size(); }

  private:
    std::map<Epoch, std::set<consensus::Subject>> by_epoch_;
};

}  // namespace

TEST_SUITE("node/engine") {
    TEST_CASE("blocks follow work at once, and without work the idle pace") {
        Fixture f;
        const auto node = f.open();
        REQUIRE(node->engine.start().has_value());
        node->run_to_height(1);
        // Idle, once the first clearing is over: a block a second, and after it at once the one
        // that carries out its clearing.
        node->run_to_height(12);
        for (std::uint64_t h = 6; h <= 12; ++h) {
            const auto before = BlockStore(*node->db).block(Height{h - 2});
            const auto block = BlockStore(*node->db).block(Height{h});
            CHECK((*block)->block.header.time.value >= (*before)->block.header.time.value + 1'000);
        }
        const auto taken = node->intake.submit(f.payment("alice"));
        REQUIRE(taken.has_value());
        const std::uint64_t sent = f.clock.now().wall.value;
        node->run_until([&] { return (*BlockStore(*node->db).place_of(*taken)).has_value(); }, 10);
        const auto place = *BlockStore(*node->db).place_of(*taken);
        const auto block = *BlockStore(*node->db).block(place->height);
        CHECK(block->receipts[place->index].refusal == market::Refusal::none);
        CHECK(block->block.header.time.value <= sent + 500);
    }

    TEST_CASE("the vote log stays small, and a restart goes on from it") {
        Fixture f;
        {
            const auto node = f.open();
            REQUIRE(node->engine.start().has_value());
            node->run_to_height(150, 1'000);
            CHECK_FALSE(node->is_dead);
            node->engine.stop();
            CHECK(node->log().size() < 512 + 64);
        }
        const auto node = f.open();
        const std::uint64_t height = node->head().height.value;
        REQUIRE(node->engine.start().has_value());
        node->run_to_height(height + 3, 1'000);
        CHECK_FALSE(node->is_dead);
    }

    TEST_CASE("a crash before or after any finalization loses and contradicts nothing") {
        Fixture f;
        Votes votes;
        std::map<std::uint64_t, BlockHash> final;
        const auto remember = [&](const NodeWithEngine& node) {
            for (std::uint64_t h = 0; h <= node.head().height.value; ++h) {
                const auto block = *BlockStore(*node.db).block(Height{h});
                REQUIRE(block.has_value());
                const BlockHash hash = market::block_hash(block->block.header);
                const auto [seen, fresh] = final.emplace(h, hash);
                CHECK(seen->second == hash);
                if (h > 0) CHECK(block->block.header.parent == final.at(h - 1));
            }
        };
        for (int life = 0; life < 24; ++life) {
            const auto node = f.open();
            votes.take(node->log());
            node->app.fail_at = life % 2 == 0 ? FailingApplication::Point::before_finalize
                                              : FailingApplication::Point::after_finalize;
            node->app.skip = life % 3;
            REQUIRE(node->engine.start().has_value());
            node->run_until([&] { return node->is_dead.load(); }, 1'000);
            node->engine.stop();
            votes.take(node->log());
            remember(*node);
        }
        CHECK(final.size() > 24);
        const auto node = f.open();
        REQUIRE(node->engine.start().has_value());
        node->run_to_height(final.size() + 2, 1'000);
        CHECK_FALSE(node->is_dead);
        node->engine.stop();
        votes.take(node->log());
        remember(*node);
    }

    TEST_CASE("a crash around the last block of an epoch does not keep the next one from coming") {
        for (const auto point : {FailingApplication::Point::before_finalize,
                                 FailingApplication::Point::after_finalize}) {
            Fixture f;
            Votes votes;
            {
                const auto node = f.open();
                node->app.fail_at = point;
                node->app.only_boundary = true;
                REQUIRE(node->engine.start().has_value());
                node->run_until([&] { return node->is_dead.load(); }, 1'000);
                node->engine.stop();
                votes.take(node->log());
                CHECK(node->app.was_boundary);
            }
            const auto node = f.open();
            const Epoch epoch = node->head().epoch;
            REQUIRE(node->engine.start().has_value());
            node->run_until([&] { return node->is_dead || node->head().epoch > epoch; }, 1'000);
            CHECK_FALSE(node->is_dead);
            node->engine.stop();
            votes.take(node->log());
            CHECK(votes.epochs() == 2);
        }
    }

    TEST_CASE("a damaged vote log refuses to start") {
        Fixture f;
        {
            const auto node = f.open();
            REQUIRE(node->engine.start().has_value());
            node->run_to_height(2);
        }
        const auto node = f.open();
        const auto rows = node->db->scan(Column::votes, {}, {}, 10);
        REQUIRE((rows.has_value() && rows->size() > 2));
        Bytes torn = (*rows)[1].second;
        torn.pop_back();
        const DbWrite write{Column::votes, (*rows)[1].first, torn};
        REQUIRE(node->db->commit({&write, 1}).has_value());
        const auto started = node->engine.start();
        REQUIRE_FALSE(started.has_value());
        CHECK(started.error().message.find("vote log is damaged") != std::string::npos);
    }
}

}  // namespace millrace::node
