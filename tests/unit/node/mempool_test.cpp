#include "node/mempool/mempool.hpp"

#include <doctest/doctest.h>

#include "tests/support/market_world.hpp"

namespace millrace::node {
namespace {

using market::CheckedTx;

CheckedTx make(market::World& world, const std::string& from, std::uint8_t lane,
               std::uint64_t sequence, std::uint64_t tip, bool is_move = false,
               std::size_t memo = 0, std::uint64_t expiry_ms = 600'000) {
    market::TxBody body;
    if (is_move) {
        body = market::LeaseCommit{};
    } else {
        market::Transfer transfer{world.address("bob"), market::credits(1), {}};
        transfer.memo = Bytes(memo, 7);
        body = transfer;
    }
    market::Tx tx = world.next_tx(from, body, lane);
    tx.nonce.sequence = sequence;
    tx.tip = is_move ? Amount{} : Amount{tip};
    tx.expiry = WallTime{world.head().time.value + expiry_ms};
    return world.checked(world.sign(from, tx));
}

std::uint64_t zero(const Address& /*sender*/, std::uint8_t /*lane*/) {
    return 0;
}

bool looks_like_move(const CheckedTx& tx) {
    return market::is_move(tx.tx().body);
}

/// As of a state that takes every move for one, and goes on with this sequence.
Mempool::Standing standing(const CheckedTx& tx, std::uint64_t next = 0) {
    return {next, looks_like_move(tx)};
}
Status<MempoolRefusal> keep(Mempool& pool, const CheckedTx& tx, std::uint64_t next = 0) {
    return pool.add(tx, standing(tx, next));
}

/// What goes into a block of so many bytes.
std::vector<CheckedTx> take(const Mempool& pool, std::uint64_t bytes,
                            const Mempool::NextOf& next_of,
                            const Mempool::IsReserved& is_reserved = looks_like_move) {
    using Fate = market::Candidates::Fate;
    std::vector<CheckedTx> out;
    Mempool::Walk walk(pool, next_of, is_reserved);
    while (const CheckedTx* tx = walk.next()) {
        const bool fits = tx->size() <= bytes;
        if (fits) {
            bytes -= tx->size();
            out.push_back(*tx);
        }
        walk.tell(fits ? Fate::added : Fate::no_room);
    }
    return out;
}

std::vector<TxHash> hashes(const std::vector<CheckedTx>& list) {
    std::vector<TxHash> out;
    for (const CheckedTx& tx : list) out.push_back(tx.hash());
    return out;
}

/// The same rules without an index: everything is looked for, every time.
class NaivePool {
  public:
    explicit NaivePool(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
    /// `all` is in the order of arrival; `next` is of the state.
    template <class NextOf>
    Status<MempoolRefusal> add(const CheckedTx& tx, const NextOf& next_of) {
        for (const CheckedTx& other : all)
            if (other.hash() == tx.hash()) return Err{MempoolRefusal::known};
        const auto same = std::find_if(all.begin(), all.end(), [&](const CheckedTx& other) {
            return is_same_place(other, tx);
        });
        if (same != all.end() && tx.tx().tip <= same->tx().tip)
            return Err{MempoolRefusal::tip_too_low};
        std::uint64_t total = tx.size();
        for (const CheckedTx& other : all)
            if (!is_same_place(other, tx)) total += other.size();
        const std::uint64_t room = looks_like_move(tx) ? bytes_max_ : bytes_max_ / 4 * 3;
        std::vector<CheckedTx> victims;
        if (!waits(tx, next_of))
            for (const CheckedTx& other : all) {
                if (total <= room) break;
                if (!waits(other, next_of)) continue;
                total -= other.size();
                victims.push_back(other);
            }
        if (total > room) return Err{MempoolRefusal::full};
        if (same != all.end()) all.erase(same);
        for (const CheckedTx& victim : victims)
            std::erase_if(all,
                          [&](const CheckedTx& other) { return other.hash() == victim.hash(); });
        made_room += victims.size();
        all.push_back(tx);
        return Ok{};
    }
    /// Whether a sequence between the state's and its own is missing.
    template <class NextOf>
    [[nodiscard]] bool waits(const CheckedTx& tx, const NextOf& next_of) const {
        const market::Nonce nonce = tx.tx().nonce;
        for (std::uint64_t at = next_of(tx.sender(), nonce.lane); at < nonce.sequence; ++at)
            if (std::none_of(all.begin(), all.end(), [&](const CheckedTx& other) {
                    return other.sender() == tx.sender() &&
                           other.tx().nonce == market::Nonce{nonce.lane, at};
                }))
                return true;
        return false;
    }
    [[nodiscard]] std::vector<CheckedTx> candidates(const Mempool::NextOf& next_of) const {
        std::map<std::pair<Address, std::uint8_t>, std::uint64_t> next;
        for (const CheckedTx& tx : all)
            next[{tx.sender(), tx.tx().nonce.lane}] = next_of(tx.sender(), tx.tx().nonce.lane);
        std::vector<CheckedTx> out;
        for (;;) {
            const CheckedTx* best = nullptr;
            for (const CheckedTx& tx : all) {
                const auto key = std::pair(tx.sender(), tx.tx().nonce.lane);
                if (tx.tx().nonce.sequence != next.at(key)) continue;
                if (best == nullptr || is_better(tx, *best)) best = &tx;
            }
            if (best == nullptr) return out;
            ++next.at({best->sender(), best->tx().nonce.lane});
            out.push_back(*best);
        }
    }
    std::vector<CheckedTx> all;
    std::size_t made_room = 0;

  private:
    static bool is_same_place(const CheckedTx& a, const CheckedTx& b) {
        return a.sender() == b.sender() && a.tx().nonce == b.tx().nonce;
    }
    static bool is_better(const CheckedTx& a, const CheckedTx& b) {
        const bool move_a = market::is_move(a.tx().body);
        const bool move_b = market::is_move(b.tx().body);
        if (move_a != move_b) return move_a;
        const std::uint64_t left = a.tx().tip.value * b.size();
        const std::uint64_t right = b.tx().tip.value * a.size();
        if (left != right) return left > right;
        return std::pair(a.sender(), a.tx().nonce.lane) < std::pair(b.sender(), b.tx().nonce.lane);
    }
    std::uint64_t bytes_max_;
};

}  // namespace

TEST_SUITE("node/mempool") {
    TEST_CASE("moves go first, then the tip a byte decides, and each lane keeps its order") {
        market::World world;
        Mempool pool(1U << 20U);
        const CheckedTx low = make(world, "alice", 0, 0, 10);
        const CheckedTx high = make(world, "alice", 0, 1, 10'000);  // behind its own lane's low one
        const CheckedTx middle = make(world, "carol", 0, 0, 100);
        const CheckedTx large = make(world, "dave", 0, 0, 105, false, 64);  // less a byte
        const CheckedTx move = make(world, "erin", 3, 0, 0, true);
        for (const CheckedTx* tx : {&low, &high, &middle, &large, &move})
            REQUIRE(keep(pool, *tx).has_value());
        CHECK(hashes(take(pool, 1U << 20U, zero)) == hashes({move, middle, large, low, high}));
        CHECK(take(pool, 0, zero).empty());
        // A large one that does not fit does not keep a small one out.
        CHECK(hashes(take(pool, move.size() + middle.size() + low.size(), zero)) ==
              hashes({move, middle, low}));
    }

    TEST_CASE("what only looks like a move has the place of its tip") {
        market::World world;
        Mempool pool(1U << 20U);
        const CheckedTx fake = make(world, "alice", 0, 0, 0, true);
        const CheckedTx payment = make(world, "carol", 0, 0, 1);
        const CheckedTx real = make(world, "erin", 0, 0, 0, true);
        for (const CheckedTx* tx : {&fake, &payment, &real}) REQUIRE(keep(pool, *tx).has_value());
        CHECK(hashes(take(pool, 1U << 20U, zero, [&](const CheckedTx& tx) {
                  return tx.hash() == real.hash();
              })) == hashes({real, payment, fake}));
    }

    TEST_CASE("what was refused, or left meanwhile, takes no room and ends its lane") {
        using Fate = market::Candidates::Fate;
        market::World world;
        Mempool pool(1U << 20U);
        const CheckedTx bad = make(world, "alice", 0, 0, 1'000);
        const CheckedTx gone = make(world, "carol", 0, 0, 500);
        const CheckedTx good = make(world, "dave", 0, 0, 10);
        for (const CheckedTx* tx : {&bad, &gone, &good}) REQUIRE(keep(pool, *tx).has_value());
        REQUIRE(keep(pool, make(world, "alice", 0, 1, 1'000)).has_value());
        Mempool::Walk walk(pool, zero, looks_like_move);
        const CheckedTx* first = walk.next();
        REQUIRE(first != nullptr);
        CHECK(first->hash() == bad.hash());
        walk.tell(Fate::refused);
        pool.drop({gone.hash()});
        const CheckedTx* second = walk.next();
        REQUIRE(second != nullptr);
        CHECK(second->hash() == good.hash());
        walk.tell(Fate::added);
        CHECK(walk.next() == nullptr);
    }

    TEST_CASE("what is not next in its lane is no candidate, and next_sequence fills the gap") {
        market::World world;
        Mempool pool(1U << 20U);
        const Address alice = world.address("alice");
        REQUIRE(keep(pool, make(world, "alice", 0, 2, 1'000'000)).has_value());
        CHECK(take(pool, 1U << 20U, zero).empty());
        CHECK(pool.next_sequence(alice, 0, 0) == 0);
        CHECK(pool.next_sequence(alice, 0, 2) == 3);
        CHECK(pool.next_sequence(alice, 1, 9) == 9);
        REQUIRE(keep(pool, make(world, "alice", 0, 0, 1)).has_value());
        CHECK(take(pool, 1U << 20U, zero).size() == 1);
        CHECK(pool.next_sequence(alice, 0, 0) == 1);
        REQUIRE(keep(pool, make(world, "alice", 0, 1, 1)).has_value());
        CHECK(take(pool, 1U << 20U, zero).size() == 3);
        CHECK(pool.next_sequence(alice, 0, 0) == 3);
        // On a parent that holds the first two already, the third alone is left.
        CHECK(take(pool, 1U << 20U, [](const Address&, std::uint8_t) { return 2ULL; }).size() == 1);
    }

    TEST_CASE("a replacement needs a higher tip, and one that does not fit changes nothing") {
        market::World world;
        const CheckedTx old = make(world, "alice", 0, 0, 10);
        Mempool pool((old.size() + 8) / 3 * 4 + 4);
        REQUIRE(keep(pool, old).has_value());
        CHECK(keep(pool, old).error() == MempoolRefusal::known);
        CHECK(keep(pool, make(world, "alice", 0, 0, 10, false, 1)).error() ==
              MempoolRefusal::tip_too_low);
        CHECK(keep(pool, make(world, "alice", 0, 0, 11, false, 64)).error() ==
              MempoolRefusal::full);
        CHECK(pool.contains(old.hash()));
        CHECK(pool.usage().bytes == old.size());
        const CheckedTx better = make(world, "alice", 0, 0, 11);
        REQUIRE(keep(pool, better).has_value());
        CHECK_FALSE(pool.contains(old.hash()));
        CHECK(pool.usage().transactions == 1);
    }

    TEST_CASE("payments leave the last quarter to moves") {
        market::World world;
        const std::uint64_t size = make(world, "alice", 0, 0, 1).size();
        Mempool pool(5 * size);
        for (std::uint64_t i = 0; i < 3; ++i)
            REQUIRE(keep(pool, make(world, "alice", 0, i, 1)).has_value());
        CHECK(keep(pool, make(world, "carol", 0, 0, 1'000)).error() == MempoolRefusal::full);
        CHECK(keep(pool, make(world, "carol", 0, 0, 0, true)).has_value());
    }

    TEST_CASE("what only looks like a move does not have the last quarter") {
        market::World world;
        const CheckedTx fake = make(world, "alice", 0, 0, 0, true);
        Mempool pool(fake.size() + 2);
        CHECK(pool.add(fake, {0, false}).error() == MempoolRefusal::full);
        CHECK(pool.add(fake, {0, true}).has_value());
    }

    TEST_CASE("what waits for a missing nonce makes room for what can go") {
        market::World world;
        const std::uint64_t size = make(world, "alice", 0, 0, 1).size();
        Mempool pool(4 * size + 4);  // room for three payments
        const CheckedTx oldest = make(world, "alice", 0, 2, 9'000);
        const CheckedTx other = make(world, "alice", 0, 3, 9'000);
        const CheckedTx last = make(world, "dave", 0, 5, 9'000);
        for (const CheckedTx* tx : {&oldest, &other, &last}) REQUIRE(keep(pool, *tx).has_value());
        CHECK(keep(pool, make(world, "carol", 0, 4, 9'000)).error() == MempoolRefusal::full);
        // Next in its lane, whatever it tips; the ones that are here the longest go.
        const CheckedTx first = make(world, "carol", 0, 0, 0);
        REQUIRE(keep(pool, first).has_value());
        CHECK_FALSE(pool.contains(oldest.hash()));
        CHECK(pool.usage().bytes <= 3 * size);
        // What follows what is here does not wait.
        REQUIRE(keep(pool, make(world, "carol", 0, 1, 0)).has_value());
        CHECK_FALSE(pool.contains(other.hash()));
        // A sequence that the state has passed is missing no more.
        CHECK(keep(pool, make(world, "dave", 0, 6, 0), 5).has_value() == false);
        CHECK(keep(pool, make(world, "erin", 0, 0, 0)).error() == MempoolRefusal::full);
        CHECK(pool.contains(last.hash()));
        // With the first of a row gone, the rest of it waits and gives way again.
        pool.drop({first.hash()});
        REQUIRE(keep(pool, make(world, "erin", 0, 0, 0)).has_value());
        REQUIRE(keep(pool, make(world, "erin", 0, 1, 0)).has_value());
        CHECK(pool.usage().transactions == 3);
        CHECK(pool.contains(last.hash()));
    }

    TEST_CASE("a sender has a cap of bytes") {
        market::World world;
        Mempool pool(64U << 20U);
        market::LeaseReveal reveal;
        for (std::uint32_t i = 0; i < market::kTasksPerLotMax; ++i)
            reveal.claims.push_back(market::World::make_claim(i, Gas{1}));
        const auto made = [&](std::uint64_t sequence) {
            market::Tx tx = world.next_tx("alice", reveal);
            tx.nonce.sequence = sequence;
            return world.checked(world.sign("alice", tx));
        };
        std::uint64_t kept = 0;
        while (keep(pool, made(kept)).has_value()) ++kept;
        CHECK(kept == Mempool::kBytesPerSenderMax / made(0).size());
        CHECK(keep(pool, made(kept)).error() == MempoolRefusal::sender_full);
        CHECK(keep(pool, make(world, "carol", 0, 0, 1)).has_value());
        pool.drop({made(0).hash()});
        CHECK(keep(pool, made(kept)).has_value());
    }

    TEST_CASE("a sender has a cap") {
        market::World world;
        Mempool pool(64U << 20U);
        for (std::uint64_t i = 0; i < Mempool::kTxsPerSenderMax; ++i)
            REQUIRE(keep(pool, make(world, "alice", 0, i, 1)).has_value());
        CHECK(keep(pool, make(world, "alice", 1, 0, 1)).error() == MempoolRefusal::sender_full);
        CHECK(
            keep(pool, make(world, "alice", 0, 5, 2)).has_value());  // a replacement takes no room
        CHECK(keep(pool, make(world, "carol", 0, 0, 1)).has_value());
    }

    TEST_CASE("random histories agree with a pool that looks through everything") {
        for (std::uint64_t seed = 1; seed <= 6; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            market::World world;
            Mempool pool(2'400);
            NaivePool naive(2'400);
            std::map<std::pair<Address, std::uint8_t>, std::uint64_t> next;
            const auto next_of = [&](const Address& sender, std::uint8_t lane) {
                return next[{sender, lane}];
            };
            const std::vector<std::string> people{"alice", "carol", "dave"};
            std::size_t refused = 0;
            std::size_t taken = 0;
            for (int step = 0; step < 150; ++step) {
                const std::uint64_t dice = rng.next() % 10;
                const std::string& from = people[rng.next() % people.size()];
                const auto lane = static_cast<std::uint8_t>(rng.next() % 2);
                std::uint64_t& at = next[{world.address(from), lane}];
                if (dice < 7) {
                    const CheckedTx tx =
                        make(world, from, lane, at + rng.next() % 4, rng.next() % 50,
                             rng.next() % 4 == 0, rng.next() % 60, 1'000 + rng.next() % 600'000);
                    const auto mine = keep(pool, tx, at);
                    const auto model = naive.add(tx, next_of);
                    CHECK(mine.has_value() == model.has_value());
                    if (!mine.has_value() && !model.has_value())
                        CHECK(mine.error() == model.error());
                    ++(mine.has_value() ? taken : refused);
                } else if (dice < 9) {
                    // One of this lane becomes final, here or elsewhere.
                    const CheckedTx tx = make(world, from, lane, at, 3);
                    pool.remove_final({tx.signed_tx()});
                    std::erase_if(naive.all, [&](const CheckedTx& other) {
                        return other.sender() == tx.sender() && other.tx().nonce.lane == lane &&
                               other.tx().nonce.sequence <= at;
                    });
                    ++at;
                } else {
                    const WallTime time{world.head().time.value + rng.next() % 300'000};
                    pool.drop_expired(time);
                    std::erase_if(naive.all, [&](const CheckedTx& other) {
                        return other.tx().expiry <= time;
                    });
                }
                CHECK(hashes(take(pool, 1U << 20U, next_of)) == hashes(naive.candidates(next_of)));
                CHECK(pool.usage().transactions == naive.all.size());
                std::uint64_t bytes = 0;
                for (const CheckedTx& tx : naive.all) bytes += tx.size();
                CHECK(pool.usage().bytes == bytes);
            }
            CHECK(naive.made_room > 0);
            CHECK(taken > 20);
            CHECK(refused > 5);
        }
    }
}

}  // namespace millrace::node
