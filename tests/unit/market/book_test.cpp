#include <doctest/doctest.h>

#include "market/auction/explain.hpp"
#include "market/block/clearing.hpp"
#include "market/rules/chunk.hpp"
#include "market/rules/due.hpp"
#include "market/rules/rules.hpp"
#include "tests/support/market_world.hpp"

/// The book against those who would stop it: piles of bids that nobody can serve, jobs with many
/// rows, transactions that touch many.
namespace millrace::market {
namespace {

/// Writes on top of a world, past the rules: what a long history would have left.
struct Bench {
    explicit Bench(World& world) : w(world), overlay(world.state), ledger(overlay) {}

    /// A job with `open` chunks that were leased once and are on offer again.
    JobId put_job(std::uint8_t number, std::uint64_t limit, std::uint32_t open,
                  std::uint32_t fresh = 0, std::uint64_t expires = 1'000'000) {
        JobId id;
        id.bytes[0] = number;
        JobSpec spec = w.job_spec(open + fresh);
        spec.limit = Price{limit};
        Job job;
        job.buyer = w.address("bob");
        job.limit = spec.limit;
        job.expires = ActiveTime{expires};
        job.chunks = job.chunks_left = open + fresh;
        job.fresh = open;
        job.fresh_end = open + fresh;
        job.open_lots = open;
        job.filled = true;
        job.escrow = times(*chunk_escrow(spec, spec.limit), job.chunks);
        job.retention = times(*retention_pay(w.params(), spec), job.chunks);
        store(overlay, job_spec_key(id), spec);
        Chunk chunk;
        chunk.need = 1;
        for (std::uint32_t i = 0; i < open; ++i) {
            set_open_chunk(ledger, id, i, {1, {}});
            store(overlay, chunk_key(id, i), chunk);
        }
        save_job(ledger, id, job, spec);
        return id;
    }
    Book read(ActiveTime frozen = {}) {
        store(overlay, chain_key(), ledger.chain);
        return read_book(overlay, ledger.params, ledger.next_clearing(), frozen);
    }
    static const BidOrder* find(const Book& book, const JobId& id) {
        for (const BidOrder& bid : book.bids)
            if (bid.id == id) return &bid;
        return nullptr;
    }
    static std::uint32_t chunks_of_bid(const BidOrder& bid) {
        std::uint32_t sum = 0;
        for (const ChunkRun& run : bid.chunks) sum += run.count;
        return sum;
    }

    World& w;
    Overlay overlay;
    Ledger ledger;
};

}  // namespace

TEST_SUITE("market/book") {
    TEST_CASE("one job's many open chunks do not keep the bids below it out of the book") {
        World w;
        Bench bench(w);
        const JobId greedy = bench.put_job(1, 90'000'000, 20'000);
        const JobId below = bench.put_job(2, 50'000'000, 3, 5);
        const Book book = bench.read();
        REQUIRE(book.bids.size() == 2);
        const BidOrder* first = Bench::find(book, greedy);
        const BidOrder* second = Bench::find(book, below);
        REQUIRE(first != nullptr);
        REQUIRE(second != nullptr);
        // The greedy one offers its first chunks, the other one everything.
        CHECK(Bench::chunks_of_bid(*first) == 256);
        CHECK(first->chunks.front().first == 0);
        CHECK(Bench::chunks_of_bid(*second) == 8);
        CHECK(second->standing == Standing::active);
    }

    TEST_CASE(
        "when the rows of a clearing are used up, what needs none goes on and the rest says why") {
        World w;
        Bench bench(w);
        for (std::uint8_t i = 1; i <= 128; ++i) bench.put_job(i, 90'000'000 - i, 256);
        const JobId fresh = bench.put_job(200, 40'000'000, 2, 7);
        const JobId open_only = bench.put_job(201, 30'000'000, 4);
        const Book book = bench.read();
        REQUIRE(book.bids.size() == 130);
        CHECK(Bench::find(book, fresh)->standing == Standing::active);
        CHECK(Bench::chunks_of_bid(*Bench::find(book, fresh)) == 7);
        CHECK(Bench::find(book, open_only)->standing == Standing::unread);
        const Clearing clearing = clear(book, Hash{}, clearing_limits(w.params()));
        const auto why = Explainer(book, Hash{}, clearing).bid(open_only);
        REQUIRE(why.has_value());
        CHECK(why->reason == Reason::work_limit);
        CHECK(why->left == 4);
    }

    TEST_CASE(
        "providers that failed a job are read whole: the newest 64, the oldest may try again") {
        World w;
        Bench bench(w);
        const JobId id = bench.put_job(1, 90'000'000, 1);
        Job job = *find_job(bench.ledger, id);
        const auto provider = [](std::uint8_t n) {
            Address a;
            a.bytes[19] = n;
            return a;
        };
        for (std::uint8_t n = 100; n > 30; --n) {
            CHECK(exclude(bench.ledger, id, job, provider(n)));
            CHECK(!exclude(bench.ledger, id, job, provider(n)));
            bench.ledger.chain.clearing = bench.ledger.next_clearing();
        }
        save_job(bench.ledger, id, job, spec_of(bench.ledger, id));
        const Book book = bench.read();
        const auto& out = Bench::find(book, id)->excluded;
        CHECK(out.size() == kExcludedMax);
        CHECK(std::is_sorted(out.begin(), out.end()));
        CHECK(!std::binary_search(out.begin(), out.end(), provider(100)));
        CHECK(std::binary_search(out.begin(), out.end(), provider(31)));
    }

    TEST_CASE("what a cap counts is read whole, or the bid waits") {
        World w;
        Bench bench(w);
        const JobId id = bench.put_job(1, 90'000'000, 0, 9);
        Job job = *find_job(bench.ledger, id);
        JobSpec spec = spec_of(bench.ledger, id);
        spec.spread = 3;
        store(bench.overlay, job_spec_key(id), spec);
        for (std::uint16_t n = 0; n < kHeldMax; ++n) {
            Address a;
            a.bytes[0] = static_cast<std::uint8_t>(n);
            store(bench.overlay, job_held_key(id, a), std::uint32_t{2});
        }
        job.providers_had = kHeldMax;
        save_job(bench.ledger, id, job, spec);
        const Book book = bench.read();
        const BidOrder& bid = *Bench::find(book, id);
        CHECK(bid.held.size() == kHeldMax);
        // A provider that it never had is not taken any more: its lots could not be counted.
        Grant grant;
        grant.bid = id;
        grant.provider = w.address("alice");
        w.must("alice", w.registration("alice"));
        Bench later(w);
        for (const auto& [key, value] : bench.overlay.writes())
            if (value) later.overlay.put(key, *value);
        store(later.overlay, provider_key(grant.provider),
              *load<Provider>(w.state, provider_key(grant.provider)));
        CHECK(!make_lease(later.ledger, grant, 2, job, spec));
        job.providers_had = kHeldMax - 1;
        CHECK(make_lease(later.ledger, grant, 2, job, spec));
        CHECK(job.providers_had == kHeldMax);
    }

    TEST_CASE("expired bids take no place in the walk, and leave the book once met") {
        Params params = Params::dev();
        params.auction.bids_walked_per_clearing = 4;
        World w(params);
        Bench bench(w);
        for (std::uint8_t i = 1; i <= 3; ++i) bench.put_job(i, 90'000'000 - i, 0, 1, 500);
        for (std::uint8_t i = 11; i <= 14; ++i) bench.put_job(i, 80'000'000 - i, 0, 1);
        const Book book = bench.read(ActiveTime{500});
        std::size_t active = 0;
        for (const BidOrder& bid : book.bids) active += bid.standing == Standing::active;
        CHECK(active == 4);
        CHECK(book.bids.size() == 7);
    }

    TEST_CASE("bids that nobody can serve do not stop trade below them; they are explained") {
        Params params = Params::dev();
        params.auction.bids_walked_per_clearing = 4;
        World w(params);
        w.must("bob", w.publication());
        w.must("alice", w.registration("alice"));
        JobId last;
        for (int i = 0; i < 9; ++i) {
            JobSpec hopeless = w.job_spec(1);
            hopeless.limit = Price{50'000'000};
            hopeless.requirement.memory_tier = 7;
            last = w.next_job("carol");
            w.must("carol", JobPost{hopeless});
        }
        const JobId good = w.next_job("bob");
        w.must("bob", JobPost{w.job_spec(1)});
        CHECK(w.await_leases("alice", 1).front().lease.job == good);
        w.wait(800);
        CHECK(job_view(w.state, last)->job.standing == Standing::no_capable_ask);
        CHECK(w.chain_state().bids == 9);
        const Book book = current_book(w.state, last);
        const Clearing clearing = clear(book, Hash{}, clearing_limits(params));
        const auto why = Explainer(book, Hash{}, clearing).bid(last);
        REQUIRE(why.has_value());
        CHECK(why->reason == Reason::no_capable_ask);
        CHECK(why->demand == Demand::memory_tier);
    }

    TEST_CASE("a bid that nobody could serve wakes when a provider's tier rises") {
        World w;
        w.must("bob", w.publication());
        w.must("alice", w.registration("alice"));
        const auto post = [&](auto change) {
            JobSpec spec = w.job_spec(1);
            change(spec.requirement);
            const JobId id = w.next_job("bob");
            w.must("bob", JobPost{spec});
            return id;
        };
        const JobId by_stake = post([](Requirement& r) { r.stake_tier = 3; });
        const JobId by_record = post([](Requirement& r) { r.record_tier = 1; });
        // Until nothing changes any more and nothing is cleared: only supply can wake them.
        w.wait(4'000);
        REQUIRE(!freeze_is_wanted(w.chain_state()));
        REQUIRE(job_view(w.state, by_stake)->job.standing == Standing::no_capable_ask);
        REQUIRE(job_view(w.state, by_record)->job.standing == Standing::no_capable_ask);
        w.must("alice", ProviderStake{w.address("alice"), credits(1'000)});
        CHECK(w.await_leases("alice", 1).front().lease.job == by_stake);
        w.wait(4'000);
        REQUIRE(job_view(w.state, by_record)->job.standing == Standing::no_capable_ask);
        Overlay overlay(w.state);
        Ledger ledger(overlay);
        Provider alice = *find_provider(ledger, w.address("alice"));
        alice.fees_paid = w.params().stake.record_tier_base;
        save_provider(ledger, alice);
        store(overlay, chain_key(), ledger.chain);
        w.plant(overlay.writes());
        CHECK(w.await_leases("alice", 2).size() == 2);
    }

    TEST_CASE("each notice wakes bids when it ends, whatever was registered before and after") {
        Params params = Params::dev();
        params.auction.ask_notice_clearings = 5;
        World w(params);
        w.must("bob", w.publication());
        JobSpec spec = w.job_spec(1);
        spec.requirement.memory_tier = 2;
        w.must("bob", JobPost{spec});
        w.wait(1'000);
        const auto register_after = [&](const char* name, std::uint8_t memory_tier) {
            w.wait(400);
            ProviderRegister body = w.registration(name);
            body.ask.machine.memory_tier = memory_tier;
            w.must(name, body);
            return provider_view(w.state, w.address(name))->provider.next_from;
        };
        const ClearingNumber before = register_after("carol", 0);
        const ClearingNumber due = register_after("alice", 2);
        const ClearingNumber after = register_after("dave", 0);
        REQUIRE(before < due);
        REQUIRE(due < after);
        CHECK(w.await_leases("alice", 1).front().lease.clearing == due);
    }

    TEST_CASE("a cancellation writes a few rows, whatever the job's size; sweeps do the rest") {
        Params params = Params::dev();
        params.sweeps.sweep_rows_per_queue = 200;
        World w(params);
        Bench bench(w);
        const JobId id = bench.put_job(1, 90'000'000, 300, 50);
        bench.ledger.chain.clearing = ClearingNumber{9};
        const Actor bob{w.address("bob"), {}};
        REQUIRE(check(bench.ledger, bob, JobCancel{id}) == Refusal::none);
        std::uint64_t before = bench.overlay.touched();
        apply(bench.ledger, bob, JobCancel{id});
        CHECK(bench.overlay.touched() - before <= 8);
        CHECK(find_job(bench.ledger, id)->chunks_left == 350);
        CHECK(bench.ledger.chain.bids == 0);
        // What anyone may release at once is as small.
        const auto due =
            due_items(bench.overlay, DueKind::job_wind_down, bench.ledger.now(), {}, 9);
        REQUIRE(due.size() == 1);
        const LockRelease release{due.front().kind, due.front().due, due.front().subject, 0};
        before = bench.overlay.touched();
        apply(bench.ledger, bob, release);
        CHECK(bench.overlay.touched() - before <= 2 * kRowsPerRelease);
        CHECK(find_job(bench.ledger, id)->chunks_left < 300);
        int sweeps = 0;
        while (find_job(bench.ledger, id)->chunks_left != 0 && sweeps < 100) {
            before = bench.overlay.touched();
            sweep_due(bench.ledger, DueKind::job_wind_down);
            CHECK(bench.overlay.touched() - before <= 200 + 32);
            ++sweeps;
        }
        CHECK(sweeps > 3);
        CHECK(sweeps < 100);
    }

    TEST_CASE("a chain on which no order changes has nothing to freeze") {
        World w;
        w.must("bob", w.publication());
        w.must("alice", w.registration("alice"));
        JobSpec cheap = w.job_spec(1);
        cheap.limit = Price{1'000'000};
        w.must("bob", JobPost{cheap});
        w.wait(4'000);
        const ClearingNumber clearing = w.chain_state().clearing;
        // The notice of the ask is over, the bid has had its least number of clearings.
        CHECK(clearing.value >= 3);
        w.wait(4'000);
        CHECK(w.chain_state().clearing == clearing);
        const auto next = next_work(w.state);
        REQUIRE(next.has_value());
        CHECK(next->value > w.chain_state().active_time.value + 500'000);  // the bid's expiry
        // A change is work again, from the next cut-off on.
        Ask lower = w.registration("alice", 900'000).ask;
        w.must("alice", ProviderAsk{w.address("alice"), lower});
        CHECK(next_work(w.state) == w.chain_state().next_cut_off);
        CHECK(w.await_leases("alice", 1).size() == 1);
    }

    TEST_CASE("bids that come while a clearing is pending count for a full book") {
        Params params = Params::dev();
        params.auction.bids_max = 2;
        World w(params);
        w.must("bob", w.publication());
        w.must("bob", JobPost{w.job_spec(1)});
        while (!w.chain_state().pending) {
            if (w.chain_state().active_time.value + 100 >= w.chain_state().next_cut_off.value)
                for (const char* name : {"carol", "dave", "erin"})
                    w.queue(name, JobPost{w.job_spec(1)});
            w.block();
        }
        w.block();
        CHECK(w.chain_state().bids == 2);
    }

    TEST_CASE("in a full book who pays more takes the place of the cheapest one without leases") {
        Params params = Params::dev();
        params.auction.asks_max = 2;
        World w(params);
        w.must("bob", w.publication());
        const auto registration = [&](const char* name, std::uint64_t rent) {
            // The first one's rent is the lowest, and so is its price: it has the work.
            ProviderRegister body = w.registration(name, 10'000'000 + rent);
            body.admission = Amount{rent};
            return body;
        };
        const auto pause_of = [&](const char* name) {
            return provider_view(w.state, w.address(name))->provider.paused;
        };
        w.must("alice", registration("alice", 3));
        w.must("carol", registration("carol", 7));
        w.must("bob", JobPost{w.job_spec(1)});
        const bool alice_works = !w.await_leases("alice", 1).empty();
        REQUIRE(alice_works);
        // Alice paid less, but she has a lease.
        CHECK(w.send("dave", registration("dave", 7)) == Refusal::asks_full);
        const Amount burnt = w.chain_state().burnt;
        w.must("dave", registration("dave", 8));
        CHECK(w.chain_state().burnt.value >= burnt.value + 8);
        CHECK(pause_of("alice") == PauseReason::none);
        CHECK(pause_of("carol") == PauseReason::displaced);
        CHECK(w.chain_state().asks == 2);
        // Carol keeps her stake and may come back for more; what she paid is gone.
        CHECK(provider_view(w.state, w.address("carol"))->provider.stake == credits(1'000));
        CHECK(w.send("carol", ProviderResume{w.address("carol"), Amount{8}}) == Refusal::asks_full);
        w.must("carol", ProviderResume{w.address("carol"), Amount{9}});
        CHECK(pause_of("dave") == PauseReason::displaced);
    }

    TEST_CASE("a place taken while a clearing is pending changes nothing of the frozen book") {
        Params params = Params::dev();
        params.auction.asks_max = 1;
        World w(params);
        w.must("bob", w.publication());
        w.must("alice", w.registration("alice"));
        w.wait(2'000);
        const JobId id = w.next_job("bob");
        w.must("bob", JobPost{w.job_spec(1)});
        while (!w.chain_state().pending) {
            if (w.chain_state().active_time.value + 100 >= w.chain_state().next_cut_off.value) {
                ProviderRegister carol = w.registration("carol");
                carol.admission = Amount{1};
                ProviderRegister dave = w.registration("dave");
                dave.admission = Amount{1};
                w.queue("carol", carol);
                w.queue("dave", dave);
            }
            w.block();
        }
        const auto alice = [&] { return provider_view(w.state, w.address("alice"))->provider; };
        CHECK(alice().paused == PauseReason::displaced);
        w.block();
        // The clearing sold what it had frozen; one of the two that came has the place.
        CHECK(job_view(w.state, id)->tasks_leased == 1);
        CHECK(provider_leases(w.state, w.address("alice"), 9).size() == 1);
        CHECK(w.chain_state().asks == 1);
        CHECK(provider_view(w.state, w.address("carol")).has_value());
        CHECK(!provider_view(w.state, w.address("dave")).has_value());
    }

    TEST_CASE("a lease that has been committed keeps no place in a full book") {
        Params params = Params::dev();
        params.auction.asks_max = 1;
        World w(params);
        w.must("bob", w.publication());
        w.must("alice", w.registration("alice"));
        w.must("bob", JobPost{w.job_spec(1)});
        const LeaseView l = w.await_leases("alice", 1).front();
        w.must("alice", LeaseStart{l.id});
        ProviderRegister carol = w.registration("carol");
        carol.admission = Amount{1};
        CHECK(w.send("carol", carol) == Refusal::asks_full);
        const LeaseReveal reveal = w.make_reveal(l, Gas{5});
        w.must("alice", w.make_commit(reveal, w.address("alice")));
        REQUIRE(provider_view(w.state, w.address("alice"))->provider.locked != Amount{});
        w.must("carol", carol);
        // It is only a pause: the lease goes on, and nothing is lost.
        CHECK(provider_view(w.state, w.address("alice"))->provider.paused ==
              PauseReason::displaced);
        w.must("alice", reveal);
        w.wait(1'000);
        const Provider alice = provider_view(w.state, w.address("alice"))->provider;
        CHECK(alice.settled == 1);
        CHECK(alice.missed == 0);
    }

    TEST_CASE("pausing and resuming while a clearing is pending puts nobody out") {
        Params params = Params::dev();
        params.auction.asks_max = 4;
        World w(params);
        w.must("bob", w.publication());
        for (const char* name : {"alice", "carol", "dave", "erin"})
            w.must(name, w.registration(name));
        w.wait(2'000);
        w.must("bob", JobPost{w.job_spec(1)});
        const auto paused = [&](const char* name) {
            return provider_view(w.state, w.address(name))->provider.paused;
        };
        const ProviderResume dear{w.address("erin"), Amount{9}};
        while (w.chain_state().active_time.value + 100 < w.chain_state().next_cut_off.value)
            w.block();
        for (int i = 0; i < 20; ++i) {
            w.queue("erin", ProviderPause{w.address("erin")});
            w.queue("erin", dear);
        }
        for (const Receipt& receipt : w.block()) CHECK(receipt.refusal == Refusal::none);
        REQUIRE(w.chain_state().pending.has_value());
        CHECK(w.chain_state().asks_coming == 4);
        for (const char* name : {"alice", "carol", "dave", "erin"})
            CHECK(paused(name) == PauseReason::none);

        // The place that somebody leaves may be taken at once; then coming back has its price.
        w.wait(1'000);
        w.must("bob", JobPost{w.job_spec(1)});
        while (w.chain_state().active_time.value + 100 < w.chain_state().next_cut_off.value)
            w.block();
        w.queue("erin", ProviderPause{w.address("erin")});
        w.queue("frank", w.registration("frank"));
        w.queue("erin", ProviderResume{w.address("erin"), {}});
        w.queue("erin", dear);
        const auto receipts = w.block();
        REQUIRE(w.chain_state().pending.has_value());
        REQUIRE(receipts.size() == 4);
        CHECK(receipts[0].refusal == Refusal::none);
        CHECK(receipts[1].refusal == Refusal::none);
        CHECK(receipts[2].refusal == Refusal::asks_full);
        CHECK(receipts[3].refusal == Refusal::none);
        CHECK(w.chain_state().asks_coming == 4);
        while (w.chain_state().pending) w.block();
        CHECK(w.chain_state().asks == 4);
        CHECK(w.chain_state().asks_coming == 0);
        int displaced = 0;
        for (const char* name : {"alice", "carol", "dave", "erin", "frank"})
            displaced += paused(name) == PauseReason::displaced;
        CHECK(displaced == 1);
        CHECK(paused("erin") == PauseReason::none);
    }

    TEST_CASE("the last prices are kept of as many classes as a clearing can have") {
        World w;
        StateWrites rows;
        for (std::uint64_t i = 0; i < kClassesMax; ++i)
            rows[class_price_key(ClassId{1'000 + i}).bytes()] =
                encode(ClassPrice{ClearingNumber{i == 77 ? 0U : 1U}, {}, Price{1}, 1, 1, 0});
        w.plant(rows);
        w.must("bob", w.publication());
        w.must("alice", w.registration("alice"));
        w.must("bob", JobPost{w.job_spec(1)});
        w.await_leases("alice", 1);
        CHECK(w.state.scan(Key(Table::class_price), {}, 1'000).size() == kClassesMax);
        CHECK(!w.state.get(class_price_key(ClassId{1'077})).has_value());
    }

    TEST_CASE("what standard input brings counts for a task's size") {
        World w;
        JobSpec spec = w.job_spec(1);
        spec.output_bytes_max = 100;
        spec.input = JobInput{{}, 20};
        spec.stdin_blob = JobStdin{{}, 3};
        w.must("bob", w.publication());
        w.must("bob", JobPost{spec});
        const Book book = current_book(w.state);
        REQUIRE(book.bids.size() == 1);
        CHECK(book.bids.front().task_bytes == 123);
    }
}

}  // namespace millrace::market
