#include <doctest/doctest.h>

#include "market/rules/rules.hpp"
#include "tests/support/market_world.hpp"

/// Lives of chunks and leases: what happens when everybody does, or does not do, his duty.
namespace millrace::market {
namespace {

/// A world with a buyer, a module and providers of one slot price.
struct Market {
    explicit Market(std::initializer_list<const char*> providers, Params params = Params::dev())
        : w(params) {
        w.must("bob", w.publication());
        for (const char* p : providers) w.must(p, w.registration(p));
    }
    JobId post(const JobSpec& spec) {
        const JobId id = w.next_job("bob");
        w.must("bob", JobPost{spec});
        return id;
    }
    LeaseView lease_of(const char* provider) { return w.await_leases(provider, 1).front(); }
    /// Starts and commits; returns what to reveal.
    LeaseReveal commit(const char* provider, Gas gas, std::uint8_t variant = 0) {
        const LeaseView l = lease_of(provider);
        w.must(provider, LeaseStart{l.id});
        const LeaseReveal reveal = w.make_reveal(l, gas, variant);
        w.must(provider, w.make_commit(reveal, w.address(provider)));
        return reveal;
    }
    Provider provider(const char* name) {
        return provider_view(w.state, w.address(name))->provider;
    }
    JobView job(const JobId& id) { return *job_view(w.state, id); }
    World w;
};

JobSpec two_replicas(World& w) {
    JobSpec spec = w.job_spec(1);
    spec.replicas = 2;
    return spec;
}

}  // namespace

TEST_SUITE("market/life") {
    TEST_CASE("replicas that agree are both paid; the buyer pays two lots") {
        Market m{{"alice", "carol"}};
        const JobId id = m.post(two_replicas(m.w));
        const LeaseReveal a = m.commit("alice", Gas{300'000'000});
        const LeaseReveal c = m.commit("carol", Gas{300'000'000});
        CHECK(a.lease != c.lease);
        m.w.must("alice", a);
        CHECK(m.job(id).tasks_revealed == 0);
        m.w.must("carol", c);
        CHECK(m.job(id).tasks_revealed == 1);
        m.w.wait(600);
        CHECK(m.job(id).tasks_settled == 1);
        CHECK(m.provider("alice").settled == 1);
        CHECK(m.provider("carol").settled == 1);
        const auto tasks = task_views(m.w.state, id, 0, 10);
        REQUIRE(tasks.size() == 1);
        CHECK(tasks.front().claims.size() == 2);
    }

    TEST_CASE("replicas that differ stop as disputed and everything stays held") {
        Market m{{"alice", "carol"}};
        const JobId id = m.post(two_replicas(m.w));
        const LeaseReveal a = m.commit("alice", Gas{300'000'000}, 1);
        const LeaseReveal c = m.commit("carol", Gas{300'000'000}, 2);
        m.w.must("alice", a);
        m.w.must("carol", c);
        CHECK(m.job(id).tasks_disputed == 1);
        const Amount locked = m.provider("alice").locked;
        CHECK(locked > m.w.params().leases.lease_reserve);
        m.w.wait(700'000, 3'000);
        CHECK(m.job(id).tasks_disputed == 1);
        CHECK(m.job(id).job.chunks_left == 1);
        CHECK(m.provider("alice").locked == locked);
        CHECK(m.provider("alice").settled == 0);
    }

    TEST_CASE("who commits and stays silent while a rival claim is out loses its stake at risk") {
        Market m{{"alice", "carol"}};
        const JobId id = m.post(two_replicas(m.w));
        const LeaseReveal a = m.commit("alice", Gas{300'000'000});
        m.commit("carol", Gas{300'000'000});
        m.w.must("alice", a);
        m.w.wait(12'000, 1'000);
        const Provider carol = m.provider("carol");
        // Reserve and k₀ × the lot's value: 20 million + 20 million nano-credits.
        CHECK(carol.stake.value == credits(1'000).value - 20'000'000 - 20'000'000);
        CHECK(carol.paused == PauseReason::missed_reveal);
        CHECK(carol.locked == Amount{});
        // The claim that is out is not auctioned again; it settles alone.
        CHECK(m.job(id).tasks_settled == 1);
        CHECK(m.provider("alice").settled == 1);
    }

    TEST_CASE(
        "a commit that nobody opens and nobody rivals is a fault: the reserve, not the stake") {
        Market m{"alice"};
        const JobId id = m.post(m.w.job_spec(1));
        m.commit("alice", Gas{5});
        m.w.wait(12'000, 1'000);
        CHECK(m.provider("alice").stake.value == credits(1'000).value - 20'000'000);
        CHECK(m.provider("alice").missed == 1);
        // The lot is on offer again, but not to who failed it.
        CHECK(m.job(id).tasks_open == 1);
        m.w.must("alice", ProviderResume{m.w.address("alice")});
        m.w.wait(3'000);
        CHECK(m.job(id).tasks_open == 1);
        m.w.must("carol", m.w.registration("carol"));
        CHECK(m.lease_of("carol").lease.job == id);
    }

    TEST_CASE("a missed start burns the reserve, pauses, frees the slot for the next lease") {
        Market m{"alice"};
        const JobId id = m.post(m.w.job_spec(5));
        m.w.await_leases("alice", 4);
        const Amount burnt = m.w.chain_state().burnt;
        m.w.wait(11'000, 1'000);
        CHECK(m.provider("alice").paused == PauseReason::missed_start);
        CHECK(m.provider("alice").missed == 2);
        CHECK(m.w.chain_state().burnt.value - burnt.value == 2 * 20'000'000);
        // The two that waited are at the head now, with a start clock of their own.
        const auto left = provider_leases(m.w.state, m.w.address("alice"), 10);
        REQUIRE(left.size() == 2);
        for (const LeaseView& l : left) {
            CHECK(!l.lease.waiting);
            CHECK(l.lease.deadline > m.w.chain_state().active_time);
        }
        CHECK(m.job(id).job.chunks_left == 5);
    }

    TEST_CASE("attempts used up fail the task and give its money back") {
        Market m{"alice"};
        JobSpec spec = m.w.job_spec(1);
        spec.attempts = 1;
        const Amount before = m.w.balance("bob");
        const JobId id = m.post(spec);
        m.lease_of("alice");
        m.w.wait(11'000, 1'000);
        CHECK(m.job(id).tasks_failed == 1);
        CHECK(m.job(id).job.state == JobState::closed);
        CHECK(m.job(id).job.refunded.value == 20'000'000);
        CHECK(before.value - m.w.balance("bob").value < 1'200'000);
    }

    TEST_CASE("a returned lease costs half its reserve and goes to somebody else") {
        Market m{"alice"};
        const JobId id = m.post(m.w.job_spec(1));
        const LeaseView l = m.lease_of("alice");
        m.w.must("alice", LeaseReturn{l.id});
        CHECK(m.provider("alice").stake.value == credits(1'000).value - 10'000'000);
        CHECK(m.provider("alice").paused == PauseReason::none);
        m.w.must("carol", m.w.registration("carol"));
        CHECK(m.lease_of("carol").lease.job == id);
        CHECK(lease_view(m.w.state, l.id)->lease.state == LeaseState::returned);
    }

    TEST_CASE("an input that cannot be had ends the lease with no loss") {
        Market m{"alice"};
        JobSpec spec = m.w.job_spec(1);
        spec.input = JobInput{TreeRoot{}, 5};
        spec.attempts = 1;
        const JobId id = m.post(spec);
        m.w.must("alice", LeaseReportInput{m.lease_of("alice").id});
        CHECK(m.provider("alice").stake == credits(1'000));
        // The lot's only attempt is not used up; another provider may find the input.
        CHECK(m.job(id).tasks_open == 1);
        CHECK(m.job(id).job.input_reports == 1);
        m.w.must("carol", m.w.registration("carol"));
        CHECK(m.lease_of("carol").lease.job == id);
    }

    TEST_CASE("an input that 64 providers could not have is not asked for again") {
        Market m{"alice"};
        JobSpec spec = m.w.job_spec(1);
        spec.input = JobInput{TreeRoot{}, 5};
        const JobId id = m.post(spec);
        const LeaseView l = m.lease_of("alice");
        Job job = m.job(id).job;
        job.input_reports = 63;
        m.w.plant({{job_key(id).bytes(), encode(job)}});
        m.w.must("alice", LeaseReportInput{l.id});
        m.w.wait(300);
        CHECK(m.job(id).job.state == JobState::cancelled);
        CHECK(m.job(id).tasks_failed == 1);
    }

    TEST_CASE("a replica that lies about a failure does not stop the job") {
        Market m{{"alice", "carol"}};
        JobSpec spec = m.w.job_spec(2);
        spec.replicas = 2;
        spec.on_failure = FailurePolicy::stop;
        const JobId id = m.post(spec);
        m.w.await_leases("alice", 2);
        const auto reveal_of = [&](const char* name, bool failing) {
            for (const LeaseView& l : provider_leases(m.w.state, m.w.address(name), 9)) {
                if (l.lease.chunk != 0) continue;
                m.w.must(name, LeaseStart{l.id});
                LeaseReveal r = m.w.make_reveal(l, Gas{5});
                if (failing) r.claims.front().code = 7;
                m.w.must(name, m.w.make_commit(r, m.w.address(name)));
                return r;
            }
            FAIL("no lease");
            return LeaseReveal{};
        };
        const LeaseReveal a = reveal_of("alice", true);
        const LeaseReveal c = reveal_of("carol", false);
        m.w.must("alice", a);
        m.w.must("carol", c);
        m.w.wait(900);
        CHECK(m.job(id).tasks_disputed == 1);
        CHECK(m.job(id).job.state == JobState::open);
    }

    TEST_CASE("shrinking the ask does not slow down what was sold from the larger one") {
        Market m{"alice"};
        m.post(m.w.job_spec(4));
        m.w.await_leases("alice", 4);
        Ask ask = m.w.registration("alice").ask;
        ask.steps.front().slots = 1;
        m.w.must("alice", ProviderAsk{m.w.address("alice"), ask});
        CHECK(slots_of(*m.provider("alice").ask) == 1);
        const auto waiting = [&] {
            std::size_t n = 0;
            for (const LeaseView& l : provider_leases(m.w.state, m.w.address("alice"), 9))
                n += l.lease.waiting;
            return n;
        };
        CHECK(waiting() == 2);
        for (const LeaseView& l : provider_leases(m.w.state, m.w.address("alice"), 9)) {
            if (l.lease.waiting) continue;
            m.w.must("alice", LeaseReturn{l.id});
        }
        CHECK(waiting() == 0);
        CHECK(m.provider("alice").running == 2);
    }

    TEST_CASE("a raise after the cut-off does not change what a lease of that clearing risks") {
        Market m({});
        ProviderRegister body = m.w.registration("alice");
        // One lot at the old limit is covered, at the raised one it is not.
        body.stake = credits(10);
        m.w.must("alice", body);
        m.w.wait(2'000);
        JobSpec spec = m.w.job_spec(1);
        spec.task_gas = Gas{60'000'000'000};
        spec.window_ms = 2'000;
        spec.limit = Price{150'000'000};
        const JobId id = m.post(spec);
        while (!m.w.chain_state().pending) {
            // The raise is in the block that freezes, behind the cut-off.
            if (m.w.chain_state().active_time.value + 100 >= m.w.chain_state().next_cut_off.value)
                m.w.queue("bob", JobRaise{id, Price{400'000'000}});
            m.w.block();
        }
        CHECK(m.job(id).job.limit == Price{400'000'000});
        m.w.block();
        const auto leases = provider_leases(m.w.state, m.w.address("alice"), 9);
        REQUIRE(leases.size() == 1);
        CHECK(leases.front().lease.at_risk.value == 9'000'000'000);
    }

    TEST_CASE("a lease that was granted frozen keeps the chunk's holders of the cut-off") {
        Market m{{"alice", "carol"}};
        const JobId id = m.post(two_replicas(m.w));
        m.w.await_leases("alice", 1);
        m.w.await_leases("carol", 1);
        m.w.must("dave", m.w.registration("dave"));
        m.w.wait(2'000);
        // Alice leaves: one replica is on offer, carol holds the other.
        m.w.must("alice", LeaseReturn{m.lease_of("alice").id});
        while (!m.w.chain_state().pending) {
            if (m.w.chain_state().active_time.value + 100 >= m.w.chain_state().next_cut_off.value)
                m.w.queue("carol", LeaseReturn{m.lease_of("carol").id});
            m.w.block();
        }
        const ChainState chain = m.w.chain_state();
        const Book book =
            read_book(m.w.state, m.w.params(), chain.pending->number, chain.pending->frozen);
        REQUIRE(book.bids.size() == 1);
        const ChunkRun& run = book.bids.front().chunks.front();
        CHECK(run.need == 1);
        CHECK(run.holders == BoundedVector<AccountId, kReplicasMax>{m.w.address("carol")});
        m.w.block();
        CHECK(m.job(id).tasks_leased == 1);
    }

    TEST_CASE("rows of a job that is kept for no time outlive a frozen book that names it") {
        Params params = Params::dev();
        params.jobs.record_keep_ms = 0;
        Market m{{"alice"}, params};
        JobSpec spec = m.w.job_spec(1);
        spec.attempts = 1;
        spec.replicas = 2;  // one replica stays on offer: the job has a row in the book
        const JobId id = m.post(spec);
        const LeaseView l = m.lease_of("alice");
        // Given back in the block that freezes: no attempt is left, the job is over at once.
        while (!m.w.chain_state().pending) {
            if (m.w.chain_state().active_time.value + 100 >= m.w.chain_state().next_cut_off.value)
                m.w.queue("alice", LeaseReturn{l.id});
            m.w.block();
        }
        CHECK(m.job(id).job.state == JobState::closed);
        m.w.wait(1'000);
        CHECK(!job_view(m.w.state, id).has_value());
        CHECK(m.w.chain_state().bids == 0);
    }

    TEST_CASE("a module that has ended may be published again before a sweep has met it") {
        Params params = Params::dev();
        params.sweeps.sweep_rows_per_queue = 1;
        World w(params);
        for (const char* name : {"a", "b", "c", "d"}) {
            ModulePublish body = w.publication(name);
            body.life_ms = 5'000;
            w.must("bob", body);
        }
        w.wait(4'800);
        w.block(1'000);
        std::size_t republished = 0;
        for (const char* name : {"a", "b", "c", "d"}) {
            const auto old = load<Module>(w.state, module_key(w.image(name)));
            if (!old) continue;
            REQUIRE(old->end <= w.chain_state().active_time);
            ModulePublish body = w.publication(name);
            w.must("bob", body);
            w.wait(1'000);
            CHECK(module_view(w.state, w.image(name)).has_value());
            ++republished;
            break;
        }
        CHECK(republished == 1);
    }

    TEST_CASE("a denied buyer is denied at once, whatever else waits for its notice") {
        Market m{"alice"};
        m.w.wait(1'500);
        Ask ask = m.w.registration("alice", 12'000'000, 2).ask;
        ask.deny = {m.w.address("bob")};
        m.w.must("alice", ProviderAsk{m.w.address("alice"), ask});
        CHECK(m.provider("alice").next.has_value());
        CHECK(m.provider("alice").ask->deny == ask.deny);
        CHECK(m.provider("alice").ask->steps.front().price == Price{10'000'000});
    }

    TEST_CASE("cancelling touches unleased lots only") {
        Market m{"alice"};
        const JobId id = m.post(m.w.job_spec(9));
        m.w.await_leases("alice", 4);
        m.w.wait(800);
        m.w.must("bob", JobCancel{id});
        m.w.wait(300);
        CHECK(m.job(id).job.state == JobState::cancelled);
        CHECK(m.job(id).tasks_failed == 5);
        CHECK(m.job(id).tasks_leased == 4);
        CHECK(m.job(id).job.refunded.value == 5 * 20'000'000);
        const auto head = provider_leases(m.w.state, m.w.address("alice"), 10);
        for (const LeaseView& l : head) {
            if (l.lease.waiting) continue;
            m.w.must("alice", LeaseStart{l.id});
            const LeaseReveal r = m.w.make_reveal(l, Gas{5});
            m.w.must("alice", m.w.make_commit(r, m.w.address("alice")));
            m.w.must("alice", r);
        }
        m.w.wait(600);
        CHECK(m.job(id).tasks_settled == 2);
    }

    TEST_CASE("a job that nobody serves expires and gives everything back but its posting rent") {
        Market m({});
        JobSpec spec = m.w.job_spec(64);
        spec.life_ms = 2'000;
        spec.retention_ms = 3'600'000;
        const Amount before = m.w.balance("bob");
        const JobId id = m.post(spec);
        m.w.wait(3'000);
        CHECK(m.job(id).job.state == JobState::expired);
        CHECK(m.job(id).tasks_failed == 64);
        m.w.wait(3'700'000, 3'000);
        CHECK(!job_view(m.w.state, id).has_value());
        const Amount gone{before.value - m.w.balance("bob").value};
        CHECK(gone.value >= 1'000'000);
        CHECK(gone.value < 1'100'000);
    }

    TEST_CASE("a failing task stops the rest of the job when its policy says so") {
        Market m{"alice"};
        JobSpec spec = m.w.job_spec(6);
        spec.on_failure = FailurePolicy::stop;
        const JobId id = m.post(spec);
        m.w.await_leases("alice", 4);
        LeaseView head = m.lease_of("alice");
        for (const LeaseView& l : provider_leases(m.w.state, m.w.address("alice"), 9))
            if (!l.lease.waiting) head = l;
        m.w.must("alice", LeaseStart{head.id});
        LeaseReveal reveal = m.w.make_reveal(head, Gas{5});
        reveal.claims.front().end = ClaimEnd::trapped;
        reveal.claims.front().code = 2;
        m.w.must("alice", m.w.make_commit(reveal, m.w.address("alice")));
        m.w.must("alice", reveal);
        // One provider's word stops nothing while it can be challenged.
        m.w.wait(200);
        CHECK(m.job(id).job.state == JobState::open);
        m.w.wait(700);
        CHECK(m.job(id).job.state == JobState::cancelled);
        // A trap is a result like any other and is paid.
        CHECK(m.job(id).tasks_settled == 1);
    }

    TEST_CASE("retention is paid at its end, and the reserve stays locked until then") {
        Market m{"alice"};
        JobSpec spec = m.w.job_spec(1);
        spec.retention_ms = 60'000;
        spec.output_bytes_max = 1ULL << 30U;
        m.post(spec);
        const LeaseReveal r = m.commit("alice", Gas{5});
        m.w.must("alice", r);
        m.w.wait(600);
        const Lease settled = lease_view(m.w.state, r.lease)->lease;
        CHECK(settled.state == LeaseState::settled);
        CHECK(m.provider("alice").locked == settled.reserve);
        // 1,024 MiB for a minute: 1,024 × 100,000 / 1,440, rounded up.
        CHECK(settled.retention.value == 71'112);
        const Amount before = m.w.balance("alice");
        m.w.wait(60'000, 3'000);
        CHECK(m.w.balance("alice").value - before.value == 71'112);
        CHECK(m.provider("alice").locked == Amount{});
    }

    TEST_CASE("a lot of many tasks is one lease, one commit, one reveal") {
        Market m{"alice"};
        JobSpec spec = m.w.job_spec(10);
        spec.tasks_per_lot = 4;
        const JobId id = m.post(spec);
        const auto leases = m.w.await_leases("alice", 3);
        std::uint32_t tasks = 0;
        for (const LeaseView& l : leases) tasks += l.tasks;
        CHECK(tasks == 10);
        CHECK(m.job(id).tasks_leased == 10);
    }

    TEST_CASE("an outage makes nobody late: active time stands still") {
        Market m{"alice"};
        m.post(m.w.job_spec(1));
        const LeaseView l = m.lease_of("alice");
        m.w.block(3'600'000);
        CHECK(lease_view(m.w.state, l.id)->lease.state == LeaseState::matched);
        m.w.must("alice", LeaseStart{l.id});
    }

    TEST_CASE("anyone may release what is due when a queue is long") {
        Params params = Params::dev();
        params.sweeps.sweep_rows_per_queue = 1;
        Market m({}, params);
        m.w.must("alice", m.w.registration("alice", 10'000'000, 5));
        m.post(m.w.job_spec(5));
        m.w.await_leases("alice", 5);
        m.w.wait(9'000, 1'000);
        m.w.block(3'000);
        std::optional<LeaseView> late;
        for (const LeaseView& l : provider_leases(m.w.state, m.w.address("alice"), 9))
            if (*l.lease.deadline <= m.w.chain_state().active_time && (!late || l.id > late->id))
                late = l;
        REQUIRE(late.has_value());
        CHECK(m.w.send("dave", LockRelease{DueKind::lease_start, *late->lease.deadline,
                                           Hash{late->id.bytes}, 0}) == Refusal::none);
        CHECK(lease_view(m.w.state, late->id)->lease.state == LeaseState::missed);
    }
}

}  // namespace millrace::market
