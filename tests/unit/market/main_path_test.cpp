#include <doctest/doctest.h>

#include "tests/support/market_world.hpp"

namespace millrace::market {

TEST_SUITE("market/main_path") {
    TEST_CASE("a job is posted, auctioned, run and paid; money ends where the rules say") {
        World w;
        w.must("alice", w.registration("alice"));
        w.must("bob", w.publication());
        const Amount buyer_before = w.balance("bob");
        const JobId id = w.next_job("bob");
        w.must("bob", JobPost{w.job_spec(3)});
        REQUIRE(job_view(w.state, id).has_value());
        CHECK(job_view(w.state, id)->tasks_open == 3);

        const auto leases = w.await_leases("alice", 3);
        CHECK(job_view(w.state, id)->tasks_leased == 3);
        CHECK(provider_view(w.state, w.address("alice"))->provider.running == 2);
        CHECK(provider_view(w.state, w.address("alice"))->provider.waiting == 1);
        const Amount provider_before = w.balance("alice");

        const Gas gas{500'000'000};
        std::uint64_t fees = 0;
        for (int round = 0; round < 3; ++round) {
            std::optional<LeaseView> head;
            for (const LeaseView& l : provider_leases(w.state, w.address("alice"), 10))
                if (l.lease.state == LeaseState::matched && !l.lease.waiting) head = l;
            REQUIRE(head.has_value());
            w.must("alice", LeaseStart{head->id});
            const LeaseReveal reveal = w.make_reveal(*head, gas);
            w.must("alice", w.make_commit(reveal, w.address("alice")));
            w.must("alice", reveal);
            fees += 1;
        }
        CHECK(fees == 3);
        w.wait(600);
        const auto job = job_view(w.state, id);
        REQUIRE(job.has_value());
        CHECK(job->tasks_settled == 3);
        CHECK(job->job.state == JobState::closed);

        // The clearing price is the ask grossed up by the fee: ceil(10^7 × 10^4 / 9,900).
        const Price price = leases.front().lease.price;
        CHECK(price.value == 10'101'011);
        const std::uint64_t pay = (500'000'000ULL * 10'101'011 + 999'999'999) / 1'000'000'000;
        CHECK(job->job.paid.value == 3 * pay);
        // The provider gets the pay less the fee; fees of its moves made its stake whole again.
        const std::uint64_t net = pay - pay / 100;
        const auto provider = provider_view(w.state, w.address("alice"));
        CHECK(provider->provider.stake == credits(1'000));
        CHECK(w.balance("alice").value <= provider_before.value + 3 * net);
        CHECK(w.balance("alice").value > provider_before.value + 3 * net - 1'000'000);
        // The buyer has paid price and rents, and gets the task rent back when the rows are gone.
        const std::uint64_t spent = buyer_before.value - w.balance("bob").value;
        CHECK(spent >= 3 * pay + 1'000'000 + 300'000);
        CHECK(spent < 3 * pay + 1'000'000 + 300'000 + 100'000);
        w.wait(3'700'000, 3'000);
        CHECK(!job_view(w.state, id).has_value());
        CHECK(provider_leases(w.state, w.address("alice"), 10).empty());
        CHECK(provider_view(w.state, w.address("alice"))->provider.locked == Amount{});
        CHECK(w.rebuilt_root() == w.head().state_root);
    }
}

}  // namespace millrace::market
