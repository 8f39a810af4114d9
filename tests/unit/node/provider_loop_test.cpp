#include "node/provider/loop.hpp"

#include <doctest/doctest.h>

#include "market/ledger/providers.hpp"
#include "tests/support/node_world.hpp"

namespace millrace::node {
namespace {

using test::FakeClock;
using test::NodeWithEngine;

/// Answers as the test says, and remembers what it was asked.
class FakeBackend final : public Backend {
  public:
    Result<market::Claim> run(const TaskOrder& order, const std::atomic<bool>& is_cancelled,
                              const ProgressListener& progress) override {
        time_left_ms = order.time_left.count();
        vm::Tails tails;
        tails.err.push_back('e');
        progress(Gas{123}, tails);
        ++runs;
        if (failures_left > 0) {
            --failures_left;
            return Err{Error{60, "the machine stumbled"}};
        }
        while (blocks) {
            if (is_cancelled) {
                ++cancelled;
                return Err{Error{60, "cancelled"}};
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return market::World::make_claim(order.task, Gas{1'000});
    }
    Status<> prepare(const market::JobSpec& /*spec*/, const BlobId& /*module*/) override {
        ++prepares;
        if (prepare_failures_left > 0) {
            --prepare_failures_left;
            return Err{Error{60, "not here yet"}};
        }
        return Ok{};
    }

    Status<> check_room(const market::JobSpec& /*spec*/) override {
        if (has_room) return Ok{};
        ++refused_for_room;
        return Err{Error{60, "full"}};
    }

    std::atomic<bool> has_room{true};
    std::atomic<int> refused_for_room{0};
    std::atomic<int> runs{0};
    std::atomic<int> prepares{0};
    std::atomic<int> cancelled{0};
    std::atomic<int> failures_left{0};
    std::atomic<int> prepare_failures_left{0};
    std::atomic<bool> blocks{false};
    std::atomic<std::int64_t> time_left_ms{0};
};

/// A chain of one with alice as buyer and bob as the node's provider account.
struct Fixture {
    test::TempDir folder;
    market::World world;
    FakeClock clock{world.genesis().time};
    FakeBackend backend;
    ProgressTable progress;
    AccountSecret bob = *AccountSecret::from(ByteView(world.person("bob").seed));

    /// One life of the node: destroyed, it is a node that was stopped.
    struct Life {
        explicit Life(Fixture& f)
            : fixture(f), node(f.folder.path() / "ledger", f.world.genesis(), f.clock) {
            auto journal = Journal::open(f.folder.path() / "provider");
            REQUIRE(journal.has_value());
            const market::ProviderRegister offered = f.world.registration("bob");
            Offer offer{offered.endpoint, offered.ask, offered.stake, 2};
            loop = std::make_unique<ProviderLoop>(
                ProviderLoop::Ports{*node.db, node.intake, node.mempool, f.clock, f.backend,
                                    f.progress,
                                    [this](const LeaseId&, const market::Claim&) { ++kept; }, f.bob,
                                    offered.vrf_key, f.world.chain(), Network::test},
                std::move(offer), *std::move(journal));
            node.on_final = [this](const FinalBlockPtr&) { loop->notify(); };
            loop->start();
            REQUIRE(node.engine.start().has_value());
        }
        ~Life() {
            loop->stop();
            node.engine.stop();
        }
        void send(const std::string& from, market::TxBody body) {
            market::Tx tx = fixture.world.next_tx(from, std::move(body));
            ++fixture.world.person(from).next[0];
            tx.expiry = WallTime{fixture.clock.now().wall.value + 600'000};
            const auto taken = node.intake.submit(fixture.world.sign(from, tx));
            REQUIRE(taken.has_value());
        }
        std::optional<market::JobView> job(const JobId& id) {
            const StateSnapshot snapshot(*node.db);
            return market::job_view(snapshot.state(), id);
        }
        std::vector<market::LeaseView> leases() {
            const StateSnapshot snapshot(*node.db);
            return market::provider_leases(snapshot.state(), fixture.world.address("bob"), 100);
        }
        bool is_registered() {
            const StateSnapshot snapshot(*node.db);
            return market::provider_view(snapshot.state(), fixture.world.address("bob"))
                .has_value();
        }
        template <class Predicate>
        void run_until(Predicate done) {
            node.run_until([&] { return node.is_dead || done(); }, 20);
            REQUIRE_FALSE(node.is_dead);
        }

        Fixture& fixture;
        std::atomic<int> kept{0};
        // Destroyed last, as in millraced: final blocks are told until the node has ended.
        std::unique_ptr<ProviderLoop> loop;
        NodeWithEngine node;
    };

    /// Publishes the program and posts a job; gives its id.
    JobId post(Life& life, std::uint32_t tasks) {
        life.run_until([&] { return life.is_registered(); });
        market::ModulePublish publication = world.publication();
        life.send("alice", publication);
        life.run_until([&] {
            const StateSnapshot snapshot(*life.node.db);
            return market::module_view(snapshot.state(), world.image()).has_value();
        });
        market::JobSpec spec = world.job_spec(tasks);
        const JobId id = world.next_job("alice");
        life.send("alice", market::JobPost{spec});
        return id;
    }
    bool is_state(Life& life, market::LeaseState state) {
        for (const market::LeaseView& lease : life.leases())
            if (lease.lease.state == state) return true;
        return false;
    }
};

}  // namespace

TEST_SUITE("node/provider") {
    TEST_CASE("a lease goes through start, run, commit and reveal to its payment") {
        Fixture f;
        Fixture::Life life(f);
        const JobId job = f.post(life, 3);
        life.run_until([&] {
            const auto view = life.job(job);
            return view && view->tasks_settled == 3;
        });
        CHECK(f.backend.runs == 3);
        CHECK(life.job(job)->job.paid > Amount{});
        CHECK(life.kept == 3);
        // Nothing is left to be revealed.
        life.run_until([&] { return std::filesystem::is_empty(f.folder.path() / "provider"); });
    }

    TEST_CASE("no number of leases that are only kept hides the one with work to do") {
        Fixture f;
        Fixture::Life life(f);
        life.run_until([&] { return life.is_registered(); });
        // More than a pass looks through, before any lease that there will be.
        std::vector<DbWrite> batch;
        for (std::uint32_t i = 0; i < 70'000; ++i) {
            LeaseId id;
            for (std::size_t k = 0; k < 4; ++k)
                id.bytes[k + 2] = static_cast<std::uint8_t>(i >> (24 - 8 * k));
            const market::Key key = market::provider_lease_key(f.world.address("bob"), id);
            batch.push_back({Column::flat, key.bytes(), Bytes{1}});
        }
        REQUIRE(life.node.db->commit(batch).has_value());
        const JobId job = f.post(life, 1);
        life.run_until([&] {
            const auto view = life.job(job);
            return view && view->tasks_settled == 1;
        });
        CHECK(f.backend.runs == 1);
    }

    TEST_CASE("what fails on this machine is tried again while the lease lasts") {
        Fixture f;
        f.backend.prepare_failures_left = 1;
        f.backend.failures_left = 2;
        Fixture::Life life(f);
        const JobId job = f.post(life, 1);
        life.run_until([&] {
            const auto view = life.job(job);
            return view && view->tasks_settled == 1;
        });
        CHECK(f.backend.prepares >= 2);
        CHECK(f.backend.runs == 3);
    }

    TEST_CASE("no lease is started whose results would find no room") {
        Fixture f;
        f.backend.has_room = false;
        Fixture::Life life(f);
        const JobId job = f.post(life, 1);
        life.run_until([&] { return f.backend.refused_for_room > 0; });
        CHECK(f.backend.runs == 0);
        CHECK(f.is_state(life, market::LeaseState::matched));
        CHECK_FALSE(f.is_state(life, market::LeaseState::started));
        f.backend.has_room = true;
        life.run_until([&] {
            const auto view = life.job(job);
            return view && view->tasks_settled == 1;
        });
        CHECK(f.backend.runs == 1);
    }

    TEST_CASE("a restart after the commit reveals with the salt of the journal") {
        Fixture f;
        JobId job;
        {
            Fixture::Life life(f);
            job = f.post(life, 1);
            life.run_until([&] {
                return f.is_state(life, market::LeaseState::committed) ||
                       f.is_state(life, market::LeaseState::revealed) ||
                       f.is_state(life, market::LeaseState::settled);
            });
        }
        CHECK(f.backend.runs == 1);
        Fixture::Life life(f);
        life.run_until([&] {
            const auto view = life.job(job);
            return view && view->tasks_settled == 1;
        });
        CHECK(f.backend.runs == 1);  // nothing is computed twice
    }

    TEST_CASE("a restart in the middle of a task runs it anew") {
        Fixture f;
        f.backend.blocks = true;
        JobId job;
        {
            Fixture::Life life(f);
            job = f.post(life, 1);
            life.run_until([&] { return f.backend.runs > 0; });
        }
        CHECK(f.backend.cancelled == 1);
        f.backend.blocks = false;
        Fixture::Life life(f);
        life.run_until([&] {
            const auto view = life.job(job);
            return view && view->tasks_settled == 1;
        });
        CHECK(f.backend.runs == 2);
    }

    TEST_CASE("a task whose lease has ended is cancelled") {
        Fixture f;
        f.backend.blocks = true;
        Fixture::Life life(f);
        const JobId job = f.post(life, 1);
        life.run_until([&] { return f.backend.runs > 0; });
        // It outlives its time to commit; the ledger takes the lease away.
        life.node.run_until([&] { return f.backend.cancelled > 0; }, 500);
        CHECK(life.job(job)->tasks_settled == 0);
    }

    TEST_CASE("a task gets the time that its lease has left, and an outage more") {
        Fixture f;
        f.backend.blocks = true;
        Fixture::Life life(f);
        const JobId job = f.post(life, 1);
        life.run_until([&] { return f.backend.runs > 0; });
        const StateSnapshot snapshot(*life.node.db);
        const auto commit = static_cast<std::int64_t>(market::commit_time_ms(
            market::load_params(snapshot.state()), market::lot_gas(life.job(job)->spec)));
        constexpr std::int64_t kOutageMs = 3'600'000;
        CHECK(f.backend.time_left_ms > kOutageMs);
        CHECK(f.backend.time_left_ms <= kOutageMs + commit);
    }

    TEST_CASE("a running task shows how far it is, and an ended one shows nothing") {
        Fixture f;
        f.backend.blocks = true;
        Fixture::Life life(f);
        const JobId job = f.post(life, 1);
        life.run_until([&] { return f.backend.runs > 0; });
        const auto rows = f.progress.of_job(job);
        REQUIRE(rows.size() == 1);
        CHECK(rows[0].task == 0);
        CHECK(rows[0].lease == life.leases().at(0).id);
        CHECK(rows[0].gas_used == Gas{123});
        CHECK(rows[0].gas_limit == life.job(job)->spec.task_gas);
        CHECK(rows[0].tail.err.size() == 1);
        CHECK(f.progress.of_job(JobId{}).empty());
        f.backend.blocks = false;
        life.run_until([&] { return f.progress.of_job(job).empty(); });
    }
}

}  // namespace millrace::node
