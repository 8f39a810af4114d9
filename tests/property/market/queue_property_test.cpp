#include <doctest/doctest.h>

#include "market/ledger/queues.hpp"
#include "market/query.hpp"
#include "market/rules/stake.hpp"
#include "tests/support/market_world.hpp"

/// The queue of one provider under random sales, departures and changes of its ask: whatever is
/// sold, nothing waits for the head longer than the clocks of the largest lease that others may
/// stand behind.
namespace millrace::market {
namespace {

JobId job_named(std::uint8_t name) {
    JobId id;
    id.bytes[0] = name;
    return id;
}

class Queue {
  public:
    explicit Queue(std::uint64_t seed) : overlay_(world_.state), ledger_(overlay_), rng(seed) {
        JobSpec spec = world_.job_spec(1);
        spec.task_gas = Gas{ledger_.params.jobs.lot_gas_max};
        spec.input = JobInput{TreeRoot{}, 2 * kOutputBytesMax};
        store(overlay_, job_spec_key(kShort), spec);
        spec.task_gas = Gas{4 * ledger_.params.jobs.lot_gas_max};
        store(overlay_, job_spec_key(kLong), spec);
        provider_.owner = world_.address("alice");
    }

    void step() {
        if (rng.chance(20))
            slots_ =
                static_cast<std::uint32_t>(rng.chance(3) ? rng.between(8, 40) : rng.between(1, 6));
        const std::uint64_t sales = rng.chance(3) ? rng.below(30) : 0;
        for (std::uint64_t i = 0; i < sales; ++i) sell(rng.chance(5) ? kLong : kShort);
        pass(rng.below(longest_wait_ms(ledger_.params) / 3));
    }

    std::size_t waited = 0;
    std::size_t unsold = 0;
    std::uint64_t longest = 0;

  private:
    static inline const JobId kShort = job_named(1);
    static inline const JobId kLong = job_named(2);
    /// Leases that come to a clock's end, of ten: they show how long others wait at most.
    static constexpr std::uint64_t kSlow = 8;

    void sell(const JobId& job) {
        if (!has_place(provider_, slots_)) {
            ++unsold;
            return;
        }
        Lease lease;
        lease.job = job;
        lease.number = ++number_;
        lease.places = places_of(ledger_.params, spec_of(ledger_, job));
        const LeaseId id = lease_id_of(job, lease.number);
        enqueue_lease(ledger_, provider_, id, lease, spec_of(ledger_, job), slots_);
        save_lease(ledger_, id, lease);
        living_[id] = {ledger_.now(), rng.below(10) < kSlow};
        waited += lease.waiting;
        CHECK(provider_.running + provider_.waiting <= 2 * std::max(slots_, widest_));
        widest_ = std::max(widest_, slots_);
    }

    void leave(const LeaseId& id) {
        Lease lease = *find_lease(ledger_, id);
        leave_queue(ledger_, provider_, id, lease);
        lease.state = LeaseState::returned;
        save_lease(ledger_, id, lease);
        living_.erase(id);
        CHECK(provider_.widths.empty() == (provider_.waiting == 0));
    }

    /// Time goes on from one end of a clock to the next, as sweeps would see them.
    void pass(std::uint64_t ms) {
        const std::uint64_t until = ledger_.now().value + ms;
        for (;;) {
            std::optional<LeaseId> next;
            std::uint64_t at = until;
            for (const auto& [id, one] : living_) {
                const Lease lease = *find_lease(ledger_, id);
                if (lease.waiting || lease.deadline->value > at) continue;
                if (next && lease.deadline->value == at) continue;
                next = id;
                at = lease.deadline->value;
            }
            if (!next) break;
            ledger_.chain.active_time = ActiveTime{at};
            check_waiting();
            end_clock(*next);
        }
        ledger_.chain.active_time = ActiveTime{until};
        check_waiting();
        // Those who hurry are done before, and some give a waiting lease back.
        std::vector<LeaseId> gone;
        for (const auto& [id, one] : living_)
            if (!one.slow && rng.chance(find_lease(ledger_, id)->waiting ? 20 : 2))
                gone.push_back(id);
        for (const LeaseId& id : gone) leave(id);
    }

    /// The last moment of a start clock begins the commit clock, whose end ends the lease.
    void end_clock(const LeaseId& id) {
        Lease lease = *find_lease(ledger_, id);
        if (lease.state == LeaseState::started) return leave(id);
        unschedule(ledger_, due_item(DueKind::lease_start, *lease.deadline, id));
        lease.state = LeaseState::started;
        lease.deadline =
            ledger_.in(commit_time_ms(ledger_.params, lot_gas(spec_of(ledger_, lease.job))));
        save_lease(ledger_, id, lease);
    }

    void check_waiting() {
        for (const auto& [id, one] : living_) {
            if (!find_lease(ledger_, id)->waiting) continue;
            const std::uint64_t ms = ledger_.now().value - one.matched.value;
            longest = std::max(longest, ms);
            CHECK(ms <= longest_wait_ms(ledger_.params));
        }
    }

    struct Living {
        ActiveTime matched;
        bool slow = false;
    };
    World world_;
    Overlay overlay_;
    Ledger ledger_;
    Provider provider_;
    std::uint32_t slots_ = 1;
    std::uint32_t widest_ = 1;
    std::uint64_t number_ = 0;
    std::map<LeaseId, Living> living_;

  public:
    Rng rng;
};

}  // namespace

TEST_SUITE("market/queue") {
    TEST_CASE("no lease waits longer than the largest lease that others stand behind may take") {
        std::size_t waited = 0;
        std::size_t unsold = 0;
        std::uint64_t longest = 0;
        std::uint64_t bound = longest_wait_ms(Params::dev());
        for (std::uint64_t seed = 1; seed <= 60; ++seed) {
            CAPTURE(seed);
            Queue queue(seed);
            for (int i = 0; i < 120; ++i) queue.step();
            waited += queue.waited;
            unsold += queue.unsold;
            longest = std::max(longest, queue.longest);
        }
        CHECK(waited > 1'000);
        CHECK(unsold > 1'000);
        // The bound is met, not only kept.
        CHECK(longest > bound - bound / 50);
        MESSAGE("waited " << waited << ", longest " << longest << " of " << bound << " ms, refused "
                          << unsold);
    }
}

}  // namespace millrace::market
