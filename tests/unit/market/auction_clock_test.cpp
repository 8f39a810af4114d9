#include <doctest/doctest.h>

#include <functional>

#include "tests/support/market_world.hpp"

/// The auction seen from the ledger: cut-off, frozen book, notice, what changes meanwhile.
namespace millrace::market {
namespace {

/// Blocks until a clearing is frozen but not run.
void to_frozen(World& w) {
    for (int i = 0; i < 50 && !w.chain_state().pending; ++i) w.block();
    REQUIRE(w.chain_state().pending.has_value());
}
/// Past the next cut-off, and past its clearing if there was anything to freeze.
void past_clearing(World& w) {
    const ActiveTime cut_off = w.chain_state().next_cut_off;
    while (w.chain_state().next_cut_off == cut_off) w.block();
    if (w.chain_state().pending) w.block();
    REQUIRE(!w.chain_state().pending.has_value());
}
/// Changes the book, so that the next cut-off freezes: a bid that is below every price.
void stir(World& w) {
    JobSpec spec = w.job_spec(1);
    spec.limit = Price{200'000};
    w.must("frank", JobPost{spec});
}
std::size_t leases_of(World& w, const char* provider) {
    return provider_leases(w.state, w.address(provider), 100).size();
}

}  // namespace

TEST_SUITE("market/auction_clock") {
    TEST_CASE("the clearing runs in the block after the one that gives its seed") {
        World w;
        w.must("bob", w.publication());
        w.must("alice", w.registration("alice"));
        past_clearing(w);
        past_clearing(w);
        past_clearing(w);
        w.must("bob", JobPost{w.job_spec(1)});
        to_frozen(w);
        CHECK(w.chain_state().pending->seed == w.head().beacon);
        CHECK(leases_of(w, "alice") == 0);
        w.block();
        CHECK(leases_of(w, "alice") == 1);
    }

    TEST_CASE("what is sent after the cut-off waits for the next clearing") {
        World w;
        w.must("bob", w.publication());
        w.must("alice", w.registration("alice"));
        for (int i = 0; i < 4; ++i) past_clearing(w);
        stir(w);
        to_frozen(w);
        // The book is frozen: a bid that comes in this block or later is not in it.
        w.must("bob", JobPost{w.job_spec(1)});
        CHECK(leases_of(w, "alice") == 0);
        past_clearing(w);
        CHECK(leases_of(w, "alice") == 1);
    }

    TEST_CASE("a bid cancelled after the cut-off still trades; its other lots are given back") {
        World w;
        w.must("bob", w.publication());
        const JobId id = w.next_job("bob");
        w.must("bob", JobPost{w.job_spec(6)});
        for (int i = 0; i < 3; ++i) past_clearing(w);
        w.must("alice", w.registration("alice"));
        const ClearingNumber visible =
            provider_view(w.state, w.address("alice"))->provider.next_from;
        while (w.chain_state().clearing < visible) w.block();
        REQUIRE(w.chain_state().pending.has_value());
        w.queue("bob", JobCancel{id});
        const auto receipts = w.block();
        CHECK(receipts.front().refusal == Refusal::none);
        // The clearing ran in this block, before the transaction: it sold four lots.
        CHECK(leases_of(w, "alice") == 4);
        w.block();
        CHECK(job_view(w.state, id)->tasks_failed == 2);
    }

    TEST_CASE("a cancellation while the book is frozen is done right after its clearing") {
        World w;
        w.must("bob", w.publication());
        w.must("alice", w.registration("alice"));
        const JobId id = w.next_job("bob");
        JobSpec spec = w.job_spec(6);
        spec.limit = Price{1'000'000};  // below every ask
        w.must("bob", JobPost{spec});
        for (int i = 0; i < 3; ++i) past_clearing(w);
        stir(w);
        // Into the block that freezes.
        while (w.chain_state().active_time.value + 100 < w.chain_state().next_cut_off.value)
            w.block();
        w.queue("bob", JobCancel{id});
        w.block();
        REQUIRE(w.chain_state().pending.has_value());
        CHECK(job_view(w.state, id)->job.state == JobState::cancelled);
        CHECK(job_view(w.state, id)->tasks_open == 6);
        w.block();
        CHECK(job_view(w.state, id)->tasks_failed == 6);
        CHECK(w.chain_state().bids == 1);
    }

    TEST_CASE("a new ask is under notice; a lower one counts at once; a higher one waits") {
        World w;
        w.must("bob", w.publication());
        w.must("alice", w.registration("alice", 10'000'000, 2));
        const auto provider = [&] { return provider_view(w.state, w.address("alice"))->provider; };
        const std::uint64_t posted = w.chain_state().clearing.value;
        CHECK(provider().next_from.value == posted + 1 + w.params().auction.ask_notice_clearings);
        for (int i = 0; i < 4; ++i) past_clearing(w);
        Ask ask = w.registration("alice", 9'000'000, 2).ask;
        w.must("alice", ProviderAsk{w.address("alice"), ask});
        CHECK(provider().ask->steps.front().price.value == 9'000'000);
        CHECK(!provider().next.has_value());
        ask.steps = {{Price{11'000'000}, 1}};
        w.must("alice", ProviderAsk{w.address("alice"), ask});
        // The slot that leaves is gone at once, the price of the other rises after the notice.
        CHECK(provider().ask->steps == std::vector<AskStep>{{Price{9'000'000}, 1}});
        CHECK(provider().next->steps.front().price.value == 11'000'000);
        w.must("bob", JobPost{w.job_spec(1)});
        const auto leases = w.await_leases("alice", 1);
        CHECK(leases.front().lease.price < Price{10'000'000});
    }

    TEST_CASE("the order of transactions in a batch and of batches in an interval is nothing") {
        // Prices, leases and who gets which chunk do not depend on the order of arrival.
        const auto run = [](std::vector<int> order, bool split) {
            World w;
            w.must("frank", w.publication());
            for (const char* p : {"alice", "carol"}) w.must(p, w.registration(p, 9'000'000, 2));
            for (int i = 0; i < 4; ++i) past_clearing(w);
            std::vector<std::function<void()>> sends;
            int limit = 10'000'000;
            for (const char* b : {"bob", "dave", "erin"}) {
                JobSpec spec = w.job_spec(3);
                spec.limit = Price{static_cast<std::uint64_t>(limit += 1'000'000)};
                sends.emplace_back([&w, b, spec] { w.queue(b, JobPost{spec}); });
            }
            Ask lower = w.registration("carol", 8'500'000, 2).ask;
            sends.emplace_back(
                [&w, lower] { w.queue("carol", ProviderAsk{w.address("carol"), lower}); });
            for (const int i : order) {
                sends[static_cast<std::size_t>(i)]();
                if (split) w.block(50);
            }
            w.block(split ? 50 : 50 * (order.size() + 1));
            past_clearing(w);
            std::map<std::pair<Address, std::string>, Price> out;
            for (const StateEntry& e : w.state.scan(Key(Table::lease), {}, SIZE_MAX)) {
                const auto l = decode_state<Lease>(e.value);
                out[{l.provider, to_hex(l.job.view()) + std::to_string(l.chunk)}] = l.price;
            }
            return std::pair(out, w.head().state_root);
        };
        const auto first = run({0, 1, 2, 3}, false);
        CHECK(first.first.size() == 8);
        for (const std::vector<int>& order :
             std::vector<std::vector<int>>{{3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}}) {
            const auto other = run(order, false);
            CHECK(other.first == first.first);
            CHECK(other.second == first.second);
        }
        const auto split = run({0, 1, 2, 3}, true);
        const auto split_other = run({3, 1, 0, 2}, true);
        CHECK(split_other.first == split.first);
    }

    TEST_CASE("however a batch is ordered and split into blocks, its clearing is the same bytes") {
        // Each sender's transactions stay in their order, as their nonces do; all else is free.
        const auto run = [](std::uint64_t seed) {
            Rng rng(seed);
            World w;
            w.must("frank", w.publication());
            for (const char* p : {"alice", "carol"}) w.must(p, w.registration(p, 9'000'000, 3));
            for (int i = 0; i < 4; ++i) past_clearing(w);
            std::map<std::string, std::vector<TxBody>> sends;
            for (const char* buyer : {"bob", "dave", "erin"}) {
                const JobId first = w.next_job(buyer);
                for (std::uint32_t i = 0; i < 3; ++i) {
                    JobSpec spec = w.job_spec(1 + i);
                    spec.limit = Price{10'000'000 + 500'000 * sends.size() + 100'000 * i};
                    spec.replicas = i == 1 ? 2 : 1;
                    sends[buyer].push_back(JobPost{spec});
                }
                sends[buyer].push_back(JobRaise{first, Price{15'000'000}});
                sends[buyer].push_back(JobTopup{first, Amount{1'000}});
            }
            for (const std::uint64_t price : {8'800'000U, 8'500'000U})
                sends["carol"].push_back(
                    ProviderAsk{w.address("carol"), w.registration("carol", price, 3).ask});
            sends["alice"].push_back(ProviderStake{w.address("alice"), credits(9)});
            std::uint64_t left =
                w.chain_state().next_cut_off.value - w.chain_state().active_time.value - 1;
            while (!sends.empty()) {
                auto at =
                    std::next(sends.begin(), static_cast<std::ptrdiff_t>(rng.below(sends.size())));
                w.queue(at->first, at->second.front());
                at->second.erase(at->second.begin());
                if (at->second.empty()) sends.erase(at);
                if (left < 120 || !rng.chance(3)) continue;
                w.block(50);
                left -= 50;
            }
            w.block(left);
            REQUIRE(!w.chain_state().pending.has_value());
            w.block();
            const ChainState chain = w.chain_state();
            REQUIRE(chain.pending.has_value());
            const Book book =
                read_book(w.state, w.params(), chain.pending->number, chain.pending->frozen);
            // The beacon is that of the freezing block, and so not the same for every split.
            const Hash tie = hash_bytes("mill/test-golden", as_bytes("tie"));
            return std::pair(encode(book), encode(clear(book, tie, clearing_limits(w.params()))));
        };
        const auto first = run(1);
        CHECK(decode<Clearing>(first.second)->grants.size() == 12);
        for (std::uint64_t seed = 2; seed <= 24; ++seed) {
            CAPTURE(seed);
            const auto other = run(seed);
            CHECK(other.first == first.first);
            CHECK(other.second == first.second);
        }
    }

    TEST_CASE("a bid that no ask can serve sits out, and wakes when supply comes") {
        World w;
        w.must("bob", w.publication());
        w.must("alice", w.registration("alice"));
        JobSpec spec = w.job_spec(1);
        spec.requirement.memory_tier = 3;
        const JobId id = w.next_job("bob");
        w.must("bob", JobPost{spec});
        for (int i = 0; i < 4; ++i) past_clearing(w);
        CHECK(job_view(w.state, id)->job.standing == Standing::no_capable_ask);
        ProviderRegister big = w.registration("carol");
        big.ask.machine.memory_tier = 4;
        w.must("carol", big);
        CHECK(w.await_leases("carol", 1).front().lease.job == id);
        CHECK(w.chain_state().clearing < job_view(w.state, id)->job.sits_until);
    }

    TEST_CASE("pacing knows when there is work") {
        World w;
        CHECK(!next_work(w.state).has_value());
        w.must("bob", w.publication());
        w.must("bob", JobPost{w.job_spec(1)});
        CHECK(next_work(w.state) == w.chain_state().next_cut_off);
        to_frozen(w);
        CHECK(has_work(w.state, w.chain_state().active_time));
        past_clearing(w);
    }
}

}  // namespace millrace::market
