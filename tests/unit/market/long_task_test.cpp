#include <doctest/doctest.h>

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
        CHECK(shortest_window_ms(params, Gas{kTaskGasMax}) <= params.jobs.window_max_ms);
        JobSpec longest = m.spec(kTaskGasMax);
        longest.window_ms = params.jobs.window_max_ms;
        longest.life_ms = params.jobs.job_life_max_ms;
        CHECK(longest_need_ms(params, longest) < params.modules.module_life_max_ms);
    }

    TEST_CASE("a chain on which a permitted task could not be posted is refused") {
        Params params = Params::defaults();
        params.jobs.window_max_ms = shortest_window_ms(params, Gas{kTaskGasMax}) - 1;
        const auto window = check_params(params);
        REQUIRE(!window.has_value());
        CHECK(std::string(window.error()) == "window_max_ms");
        ++params.jobs.window_max_ms;
        CHECK(check_params(params).has_value());
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
