#include <doctest/doctest.h>

#include "node/rpc/market_view.hpp"
#include "tests/support/node_world.hpp"

namespace millrace::node::rpc {
namespace {

/// A chain with a provider and a job on the market.
struct Fixture {
    test::TempDir folder;
    market::World world;
    test::FakeClock clock{world.genesis().time};
    test::NodeChain chain{folder.path(), world.genesis(), clock};
    std::uint64_t view = 0;
    MarketViews views;

    void block() {
        clock.advance(100);
        const auto built = chain.executor->build(chain.wanted(++view));
        REQUIRE(built.has_value());
        REQUIRE(chain.finalize(test::NodeChain::final_of({test::NodeChain::block_of(built->block)}))
                    .has_value());
    }
    void send(const std::string& from, market::TxBody body) {
        const market::Tx tx = world.next_tx(from, std::move(body));
        ++world.person(from).next[0];
        REQUIRE(chain.mempool.add(world.checked(world.sign(from, tx)), {}).has_value());
        block();
    }
    JobId post(std::uint64_t limit) {
        const JobId id = world.next_job("alice");
        market::JobSpec spec = world.job_spec();
        spec.limit = Price{limit};
        send("alice", market::JobPost{spec});
        return id;
    }
    OrderAnswer job(const JobId& id) {
        const StateSnapshot snapshot(*chain.db);
        const auto answer = explain_job(snapshot, *views.at(snapshot), id);
        REQUIRE(answer.has_value());
        CHECK(answer->sentence.size() > 10);
        CHECK(answer->advice.size() > 4);
        CHECK(answer->block == chain.head().hash);
        return *answer;
    }
    OrderAnswer provider(const std::string& name) {
        const StateSnapshot snapshot(*chain.db);
        const auto answer = explain_provider(snapshot, *views.at(snapshot), world.address(name));
        REQUIRE(answer.has_value());
        CHECK(answer->sentence.size() > 10);
        CHECK(answer->advice.size() > 4);
        return *answer;
    }
    std::size_t leases() {
        const StateSnapshot snapshot(*chain.db);
        return market::provider_leases(snapshot.state(), world.address("carol"), 10).size();
    }
};

}  // namespace

TEST_SUITE("node/rpc/market_view") {
    TEST_CASE("a bid below the price is told which limit trades, and that limit trades") {
        Fixture f;
        f.send("carol", f.world.registration("carol", 10'000'000));
        f.send("alice", f.world.publication());
        const JobId id = f.post(1'000'000);
        for (int i = 0; i < 60; ++i) f.block();
        const OrderAnswer low = f.job(id);
        CHECK(low.reason == market::Reason::below_price);
        CHECK(low.left == 1);
        REQUIRE(low.price_needed.has_value());
        const OrderAnswer idle = f.provider("carol");
        CHECK(idle.reason == market::Reason::below_price);
        REQUIRE(idle.price_needed.has_value());
        CHECK(idle.price_needed->value < 10'000'000);

        CHECK(f.leases() == 0);
        f.send("alice", market::JobRaise{id, Price{low.price_needed->value}});
        // Before its clearing it is told that nothing is in the way.
        if (f.leases() == 0) CHECK(f.job(id).filled == 1);
        for (int i = 0; i < 60 && f.leases() == 0; ++i) f.block();
        CHECK(f.leases() == 1);
        CHECK_FALSE(f.job(id).reason.has_value());
    }

    TEST_CASE("orders without anybody on the other side, and those no longer on the market") {
        Fixture f;
        f.send("alice", f.world.publication());
        const JobId id = f.post(20'000'000);
        CHECK(f.job(id).reason == market::Reason::no_capable_ask);
        f.send("carol", f.world.registration("carol"));
        const OrderAnswer noticed = f.provider("carol");
        CHECK(noticed.reason == market::Reason::not_yet_eligible);
        CHECK(noticed.advice.find("notice") != std::string::npos);
        f.send("alice", market::JobCancel{id});
        for (int i = 0; i < 60; ++i) f.block();
        CHECK(f.job(id).left == 0);
        CHECK(f.provider("carol").reason == market::Reason::no_capable_ask);
        f.send("carol", market::ProviderPause{f.world.address("carol")});
        for (int i = 0; i < 10; ++i) f.block();
        const OrderAnswer paused = f.provider("carol");
        CHECK(paused.reason == market::Reason::not_yet_eligible);
        CHECK(paused.advice.find("Resume it") != std::string::npos);
        const StateSnapshot snapshot(*f.chain.db);
        CHECK_FALSE(explain_job(snapshot, *f.views.at(snapshot), JobId{}).has_value());
        CHECK_FALSE(
            explain_provider(snapshot, *f.views.at(snapshot), f.world.address("bob")).has_value());
    }

    TEST_CASE("the view of a block is made once") {
        Fixture f;
        f.block();
        const StateSnapshot before(*f.chain.db);
        const MarketViewPtr first = f.views.at(before);
        CHECK(f.views.at(before) == first);
        f.block();
        const StateSnapshot after(*f.chain.db);
        CHECK(f.views.at(after) != first);
    }
}

}  // namespace millrace::node::rpc
