#include <doctest/doctest.h>

#include <algorithm>

#include "market/ledger/queues.hpp"
#include "market/query.hpp"
#include "tests/support/market_world.hpp"

/// Tasks above the gas of a lot: each is a lot by itself, and nobody is sold a place behind it.
namespace millrace::market {
namespace {

struct LongMarket {
    explicit LongMarket(std::uint32_t slots) {
        w.must("bob", w.publication());
        w.must("alice", w.registration("alice", 10'000'000, slots));
        // The ask's notice ends, so that a posting meets it in the next clearing.
        w.wait(2'000);
    }
    JobSpec spec(std::uint64_t gas, std::uint32_t tasks = 1) {
        JobSpec out = w.job_spec(tasks);
        out.task_gas = Gas{gas};
        out.window_ms = shortest_window_ms(w.params(), lot_gas(out));
        return out;
    }
    JobSpec long_spec(std::uint32_t tasks = 1) {
        return spec(w.params().jobs.lot_gas_max + 1, tasks);
    }
    JobId post(const JobSpec& spec) {
        const JobId id = w.next_job("bob");
        w.must("bob", JobPost{spec});
        w.wait(1'500);
        return id;
    }
    std::vector<LeaseView> leases() { return provider_leases(w.state, w.address("alice"), 100); }
    Provider alice() { return provider_view(w.state, w.address("alice"))->provider; }
    std::uint32_t leased(const JobId& id) { return job_view(w.state, id)->tasks_leased; }
    /// The one lease that runs.
    LeaseView head() {
        for (const LeaseView& l : leases())
            if (!l.lease.waiting) return l;
        FAIL("nothing runs");
        return {};
    }
    void finish(const LeaseView& l) {
        w.must("alice", LeaseStart{l.id});
        const LeaseReveal reveal = w.make_reveal(l, Gas{5});
        w.must("alice", w.make_commit(reveal, w.address("alice")));
        w.must("alice", reveal);
    }
    World w;
};

}  // namespace

TEST_SUITE("market/long_tasks") {
    TEST_CASE("a task may need as much as a machine can count; above a lot's gas it stays alone") {
        LongMarket m(1);
        const std::uint64_t most = m.w.params().jobs.lot_gas_max;
        struct Row {
            const char* name;
            std::uint64_t gas;
            std::uint16_t tasks_per_lot;
            Refusal refusal;
        };
        const Row rows[] = {
            {"a lot's gas", most, 1, Refusal::none},
            {"one more", most + 1, 1, Refusal::none},
            {"the most", kTaskGasMax, 1, Refusal::none},
            {"above the most", kTaskGasMax + 1, 1, Refusal::task_gas_out_of_range},
            {"two of half", most / 2, 2, Refusal::none},
            {"two of more than half", most / 2 + 1, 2, Refusal::tasks_per_lot_out_of_range},
            {"two of more than all", most + 1, 2, Refusal::tasks_per_lot_out_of_range},
            {"two of the most", kTaskGasMax, 2, Refusal::tasks_per_lot_out_of_range},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            JobSpec spec = m.spec(row.gas, 2);
            spec.tasks_per_lot = row.tasks_per_lot;
            spec.window_ms = 2 * spec.window_ms;
            spec.limit = Price{10'000};
            CHECK(m.w.send("bob", JobPost{spec}) == row.refusal);
        }
        // Also on a chain with the production times.
        const Params params = Params::defaults();
        JobSpec longest = m.spec(kTaskGasMax);
        longest.window_ms = longest_window_ms(params, lot_gas(longest));
        longest.life_ms = params.jobs.job_life_max_ms;
        CHECK(longest_need_ms(params, longest) < params.modules.module_life_max_ms);
    }

    TEST_CASE("only a lot that needs it has a window above the usual most") {
        const Params params = Params::defaults();
        const std::uint64_t week = 7ULL * 86'400'000;
        struct Row {
            const char* name;
            std::uint64_t gas;
            std::uint64_t longest_ms;
        };
        const Row rows[] = {
            {"a lot", params.jobs.lot_gas_max, week},
            {"its least is the most", 302'400'000'000'000, week},
            {"one gas more", 302'400'000'000'001, week + 1},
            {"the largest", kTaskGasMax, 2'251'799'814},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            CHECK(longest_window_ms(params, Gas{row.gas}) == row.longest_ms);
        }
        Params dev = Params::dev();
        dev.jobs.window_max_ms = 1'000;
        World w(dev);
        w.must("bob", w.publication());
        JobSpec spec = w.job_spec(1);
        spec.limit = Price{10'000};
        spec.task_gas = Gas{kTaskGasMax};
        const std::uint64_t least = shortest_window_ms(dev, spec.task_gas);
        REQUIRE(least > dev.jobs.window_max_ms);
        spec.window_ms = least + 1;
        CHECK(w.send("bob", JobPost{spec}) == Refusal::window_too_long);
        spec.window_ms = least;
        CHECK(w.send("bob", JobPost{spec}) == Refusal::none);
        spec.task_gas = Gas{1};
        CHECK(w.send("bob", JobPost{spec}) == Refusal::window_too_long);
    }

    TEST_CASE("a chain on which the largest task had no window is refused") {
        Params params = Params::defaults();
        params.jobs.reference_rate = 1'000;
        const auto window = check_params(params);
        REQUIRE(!window.has_value());
        CHECK(std::string(window.error()) == "reference_rate");
        params.jobs.reference_rate = 1'000'000;
        CHECK(check_params(params).has_value());
    }

    TEST_CASE("who closes the slot of the drawn provider does not become all replicas") {
        LongMarket m(1);
        // The draw is by stake: it names Alice.
        m.w.must("alice", ProviderStake{m.w.address("alice"), credits(90'000)});
        for (const char* cheap : {"carol", "erin"}) {
            ProviderRegister body = m.w.registration(cheap, 1'000'000, 1);
            body.stake = m.w.params().stake.provider_stake_min;
            m.w.must(cheap, body);
        }
        m.w.wait(2'000);
        JobSpec victim = m.w.job_spec(1);
        victim.replicas = 2;
        JobSpec closing = m.long_spec();
        closing.limit = Price{30'000'000};
        closing.list_kind = ListKind::allow;
        closing.list = {m.w.address("alice")};
        const JobId id = m.w.next_job("bob");
        const JobId other = m.w.next_job("dave");
        m.w.queue("bob", JobPost{victim});
        m.w.queue("dave", JobPost{closing});
        for (const Receipt& receipt : m.w.block()) REQUIRE(receipt.refusal == Refusal::none);
        const ClearingNumber before = m.w.chain_state().clearing;
        while (m.w.chain_state().clearing == before || m.w.chain_state().pending) m.w.block();
        REQUIRE(m.leases().size() == 1);
        REQUIRE(m.head().lease.job == other);
        // The chunk goes without the other replica, too.
        CHECK(provider_leases(m.w.state, m.w.address("carol"), 9).empty());
        CHECK(provider_leases(m.w.state, m.w.address("erin"), 9).empty());
        CHECK(m.leased(id) == 0);
        m.finish(m.head());
        m.w.wait(2'000);
        const auto leases = m.leases();
        CHECK(std::any_of(leases.begin(), leases.end(),
                          [&](const LeaseView& l) { return l.lease.job == id; }));
    }

    TEST_CASE("nobody is sold a place behind a long lease, in the same clearing or later") {
        LongMarket m(1);
        const JobId id = m.post(m.long_spec(3));
        REQUIRE(m.leases().size() == 1);
        CHECK(!m.head().lease.waiting);
        CHECK(m.alice().running == 1);
        const JobId small = m.post(m.w.job_spec(2));
        CHECK(m.leases().size() == 1);
        CHECK(m.leased(small) == 0);
        // What was not sold stays on offer; the slot is free again with the commit.
        CHECK(job_view(m.w.state, id)->tasks_open == 2);
        m.finish(m.head());
        m.w.wait(1'500);
        CHECK(m.alice().running == 1);
        CHECK(m.leased(id) + m.leased(small) >= 1);
    }

    TEST_CASE("a minimum first fill counts lots sold: what is sold and closed may be half of it") {
        struct Row {
            const char* name;
            std::uint32_t first_fill;
            std::uint32_t leased;
        };
        const Row rows[] = {{"as many as lots", 2, 1}, {"more than lots", 3, 0}};
        for (const Row& row : rows) {
            CAPTURE(row.name);
            LongMarket m(1);
            JobSpec spec = m.long_spec(3);
            spec.first_fill = row.first_fill;
            const JobId id = m.post(spec);
            CHECK(m.leased(id) == row.leased);
            CHECK(job_view(m.w.state, id)->tasks_open == 3 - row.leased);
        }
    }

    TEST_CASE("a long lease may wait behind a short one, and closes the slot behind it") {
        LongMarket m(1);
        const JobId first = m.post(m.w.job_spec(1));
        const JobId second = m.post(m.long_spec());
        const JobId third = m.post(m.w.job_spec(1));
        CHECK(m.leased(first) == 1);
        CHECK(m.leased(second) == 1);
        CHECK(m.leased(third) == 0);
        CHECK(m.alice().waiting == 1);
        m.finish(m.head());
        CHECK(m.alice().running == 1);
        CHECK(m.head().lease.job == second);
        m.w.wait(1'500);
        CHECK(m.leased(third) == 0);
        m.w.must("alice", LeaseStart{m.head().id});
        const Lease started = m.head().lease;
        CHECK(started.deadline->value - started.started->value ==
              commit_time_ms(m.w.params(), Gas{m.w.params().jobs.lot_gas_max + 1}));
    }

    TEST_CASE("a long lease takes one slot to run: the others go on selling") {
        LongMarket m(2);
        const JobId id = m.post(m.long_spec());
        REQUIRE(m.leased(id) == 1);
        const JobId small = m.post(m.w.job_spec(5));
        CHECK(m.leased(small) == 2);
        CHECK(m.alice().running == 2);
        CHECK(m.alice().waiting == 1);
    }

    TEST_CASE("slots that an ask gains are used by what waits, not only by what comes") {
        LongMarket m(1);
        m.post(m.w.job_spec(2));
        REQUIRE(m.alice().running == 1);
        REQUIRE(m.alice().waiting == 1);
        Ask wider = m.w.registration("alice", 10'000'000, 6).ask;
        m.w.must("alice", ProviderAsk{m.w.address("alice"), wider});
        m.w.wait(2'000);
        m.post(m.w.job_spec(5));
        CHECK(m.alice().running == 6);
        CHECK(m.alice().waiting == 1);
    }
}

}  // namespace millrace::market
