#include "node/provider/keeper.hpp"

#include <doctest/doctest.h>

#include "common/page_tree.hpp"
#include "market/ledger/jobs.hpp"
#include "market/ledger/leases.hpp"
#include "tests/support/node_world.hpp"

namespace millrace::node {
namespace {

constexpr std::uint64_t kQuota = 10 * 4096;

/// A data folder in which bob's provider holds one lease, with the stores and the journal beside
/// it.
struct Fixture {
    test::TempDir folder;
    market::World world;
    test::FakeClock clock{world.genesis().time};
    test::NodeChain chain{folder.path() / "ledger", world.genesis(), clock};
    Address bob = world.address("bob");
    JobId job = world.next_job("alice");
    LeaseId lease = market::lease_id_of(job, 1);
    std::unique_ptr<BlobStore> blobs;
    std::unique_ptr<TreeStore> trees;
    std::unique_ptr<Pins> pins;
    Bytes words = Bytes(9'000, 7);
    Bytes result = Bytes(5'000, 9);
    BlobId input = hash_as<BlobId>(file_id(words.size(), region_root(words)));
    market::Claim claim;

    Fixture() {
        open();
        REQUIRE(blobs->put(words).value() == input);
        REQUIRE(blobs->put(result).has_value());
        vm::TreeManifest manifest;
        manifest.regions.emplace_back();
        vm::TreeRegion& region = manifest.regions.back();
        region.length = result.size();
        region.root = hash_as<std::remove_cvref_t<decltype(region.root)>>(region_root(result));
        claim = market::World::make_claim(0, Gas{1'000});
        claim.output_root = trees->put(manifest).value();
        market::JobSpec spec = world.job_spec();
        spec.stdin_blob.emplace();
        spec.stdin_blob->id = hash_as<std::remove_cvref_t<decltype(spec.stdin_blob->id)>>(input);
        write({{market::job_spec_key(job).bytes(), encode(spec)},
               {market::provider_lease_key(bob, lease).bytes(), Bytes{}}});
        set_lease(market::LeaseState::started);
    }
    /// As a start of the node finds it: nothing is known of what is needed.
    void open() {
        pins.reset();
        trees.reset();
        blobs.reset();
        blobs = BlobStore::open(folder.path() / "blobs", kQuota).value();
        trees = TreeStore::open(folder.path() / "trees", *blobs).value();
        pins = Pins::open(folder.path() / "pins", *blobs, *trees).value();
    }
    [[nodiscard]] Journal journal() const {
        return Journal::open(folder.path() / "provider").value();
    }
    [[nodiscard]] std::unique_ptr<Keeper> keeper() const {
        return std::make_unique<Keeper>(Keeper::Ports{*chain.db, *blobs, *trees, *pins, bob},
                                        journal());
    }
    void write(const std::vector<std::pair<Bytes, std::optional<Bytes>>>& rows) const {
        std::vector<DbWrite> batch;
        for (const auto& [key, value] : rows) batch.push_back({Column::flat, key, value});
        REQUIRE(chain.db->commit(batch).has_value());
    }
    void set_lease(market::LeaseState state) const {
        market::Lease row;
        row.job = job;
        row.provider = bob;
        row.state = state;
        write({{market::lease_key(lease).bytes(), encode(row)}});
    }
    /// Fills the quota with what nobody needs.
    void push_out() const {
        for (std::uint8_t i = 0; i < 20; ++i) REQUIRE(blobs->put(Bytes(4'000, i)).has_value());
    }
    [[nodiscard]] bool has_input() const { return blobs->find(input).has_value(); }
    [[nodiscard]] bool has_output() const {
        return trees->find(claim.output_root).value().has_value();
    }
};

}  // namespace

TEST_SUITE("node/provider") {
    TEST_CASE("what a lease reads, and what was run for it, is kept from the start on") {
        Fixture f;
        REQUIRE(f.journal().put({f.lease, f.job, {}, {f.claim}}).has_value());
        // Whether the provider works or only stands still: nothing here runs a loop.
        f.open();
        const auto keeper = f.keeper();
        keeper->refresh();
        f.push_out();
        CHECK(f.has_input());
        CHECK(f.has_output());
        // The ledger has deleted the lease: the journal's word holds nothing any more.
        f.write({{market::lease_key(f.lease).bytes(), std::nullopt},
                 {market::provider_lease_key(f.bob, f.lease).bytes(), std::nullopt}});
        keeper->refresh();
        f.push_out();
        CHECK_FALSE(f.has_input());
        CHECK_FALSE(f.has_output());
    }

    TEST_CASE("a result is kept from its run on, then as long as the ledger says") {
        Fixture f;
        const auto keeper = f.keeper();
        keeper->refresh();
        keeper->keep_result(f.lease, f.claim);
        f.push_out();
        CHECK(f.has_output());
        keeper->refresh();
        f.push_out();
        CHECK(f.has_output());
        market::TaskResult result;
        result.output_root = f.claim.output_root;
        f.write({{market::task_result_key(f.job, 0, f.bob).bytes(), encode(result)}});
        f.set_lease(market::LeaseState::settled);
        keeper->refresh();
        f.push_out();
        CHECK(f.has_output());
        // The retention is over: the lease leaves its provider's list, and its row stays a while.
        f.write({{market::provider_lease_key(f.bob, f.lease).bytes(), std::nullopt}});
        keeper->refresh();
        f.push_out();
        CHECK_FALSE(f.has_output());
    }

    TEST_CASE("until the first look has ended nothing is evicted, nor by a look that was stopped") {
        Fixture f;
        const auto is_full = [&] {
            std::optional<Error> refused;
            for (std::uint8_t i = 0; i < 20 && !refused; ++i)
                if (const auto put = f.blobs->put(Bytes(4'000, i)); !put.has_value())
                    refused = put.error();
            return refused && refused->code == kBlobStoreFull;
        };
        {
            const auto keeper = f.keeper();
            CHECK(is_full());
            keeper->give_up();
            keeper->refresh();
            CHECK(is_full());
            CHECK(f.has_input());
        }
        const auto keeper = f.keeper();
        CHECK(is_full());
        keeper->start();
        REQUIRE(keeper->wait_for_look(std::chrono::minutes(1)));
        CHECK_FALSE(is_full());
        CHECK(f.has_input());
        keeper->stop();
    }

    TEST_CASE("a look forgets no result of a lease that is younger than what it looks at") {
        Fixture f;
        f.write({{market::lease_key(f.lease).bytes(), std::nullopt},
                 {market::provider_lease_key(f.bob, f.lease).bytes(), std::nullopt}});
        const auto keeper = f.keeper();
        const Keeper::Look look = keeper->begin();
        // Granted, run and told of while the look is under way.
        f.write({{market::provider_lease_key(f.bob, f.lease).bytes(), Bytes{}}});
        f.set_lease(market::LeaseState::started);
        keeper->keep_result(f.lease, f.claim);
        keeper->finish(look);
        f.push_out();
        CHECK(f.has_output());
        // The next look knows the lease, and the one after its end forgets it.
        keeper->refresh();
        f.push_out();
        CHECK(f.has_output());
        f.write({{market::lease_key(f.lease).bytes(), std::nullopt},
                 {market::provider_lease_key(f.bob, f.lease).bytes(), std::nullopt}});
        keeper->refresh();
        f.push_out();
        CHECK_FALSE(f.has_output());
    }
}

}  // namespace millrace::node
