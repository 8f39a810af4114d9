#include <doctest/doctest.h>

#include <set>

#include "tests/support/market_world.hpp"

/// Long random histories of the whole ledger. After every block the world itself checks that the
/// sum of all money is the supply and that burnt and issued account for its changes; here the
/// actors misbehave in every way that the rules know: late, silent, wrong, greedy.
namespace millrace::market {
namespace {

const char* const kPeople[] = {"alice", "bob", "carol", "dave", "erin", "frank"};
const char* const kProviders[] = {"alice", "bob", "carol", "dave"};

struct Totals {
    std::size_t applied = 0;
    std::size_t refused = 0;
    std::map<LeaseState, std::size_t> leases;
    std::size_t disputed = 0;
    std::size_t deleted = 0;
    std::size_t freezes = 0;
    std::size_t shrunk = 0;
    std::size_t expelled = 0;
    std::size_t jailed = 0;
    std::size_t largest_set = 0;
    /// Long leases that began, and the longest that any lease has waited.
    std::size_t long_leases = 0;
    /// Providers that have lost their place, summed over blocks.
    std::size_t displaced = 0;
    std::uint64_t longest_wait_ms = 0;
};

/// Input of the largest job.
constexpr std::uint64_t kInputMax = 100'000;

class History {
  public:
    explicit History(std::uint64_t seed) : world(small_params()), rng(seed) {
        world.must("bob", world.publication());
        for (const char* name : kProviders) world.must(name, paid_registration(name));
    }

    /// The fourth one of them puts another one out.
    ProviderRegister paid_registration(const std::string& name) {
        ProviderRegister body = world.registration(name, 5'000'000 + rng.below(10'000'000),
                                                   1 + static_cast<std::uint32_t>(rng.below(3)));
        body.admission = Amount{++registered_};
        return body;
    }

    /// Windows and lives short enough that hundreds of blocks see whole lives; small bounds so that
    /// they bind.
    static Params small_params() {
        Params p = Params::dev();
        p.leases.start_base_ms = 1'500;
        p.leases.commit_base_ms = 1'500;
        p.leases.reveal_ms = 1'500;
        p.jobs.record_keep_ms = 4'000;
        p.stake.unbonding_ms = 2'000;
        p.stake.evidence_window_ms = 1'000;
        p.sweeps.sweep_rows_per_queue = 40;
        p.auction.bids_max = 8;
        p.auction.asks_max = 3;
        p.auction.leases_per_clearing = 6;
        // Three tasks fill a lot; some tasks are larger than one.
        p.jobs.lot_gas_max = 3'000'000'000;
        p.money.issuance_per_epoch = Amount{12'345};
        p.time.epoch_ms = 6'000;
        p.validators.validators_max = 4;
        p.validators.absence_ms = 16'000;
        p.validators.jail_ms = 3'000;
        p.validators.double_vote_slash_bp = 7'001;
        return p;
    }

    void step() {
        const std::uint64_t actions = rng.below(6);
        for (std::uint64_t i = 0; i < actions; ++i) act();
        work_on_leases();
        act_as_validators();
        const std::uint64_t ms = rng.chance(20) ? rng.between(2'000, 9'000) : rng.between(50, 400);
        MemoryState parent;
        for (const auto& [key, value] : world.state.entries()) parent.apply({{key, value}});
        for (const Receipt& r : world.block(ms))
            r.refusal == Refusal::none ? ++totals.applied : ++totals.refused;
        check_frozen(parent);
        watch();
    }

    /// Everybody stops; all that can end, ends.
    void finish() {
        for (int i = 0; i < 1'000 && !ended(); ++i) {
            world.block(3'000);
            watch();
        }
    }

    [[nodiscard]] bool ended() const {
        for (const StateEntry& e : world.state.scan(Key(Table::job), {}, SIZE_MAX)) {
            const auto job = decode_state<Job>(e.value);
            if (job.chunks_left != job.chunks_disputed) return false;
            if (job.chunks_left == 0) return false;
        }
        return true;
    }

    World world;
    Rng rng;
    Totals totals;

  private:
    std::string anyone() { return kPeople[rng.below(std::size(kPeople))]; }
    std::string any_provider() { return kProviders[rng.below(std::size(kProviders))]; }
    JobId any_job() { return jobs_.empty() ? JobId{} : jobs_[rng.below(jobs_.size())]; }

    void post() {
        const std::string from = anyone();
        JobSpec spec = world.job_spec(1 + static_cast<std::uint32_t>(rng.below(9)));
        spec.limit = Price{rng.between(4'000'000, 30'000'000)};
        spec.replicas = static_cast<std::uint8_t>(rng.chance(2) ? 1 : rng.between(2, 3));
        spec.tasks_per_lot = static_cast<std::uint16_t>(rng.between(1, 3));
        if (rng.chance(4)) {
            spec.tasks_per_lot = 1;
            spec.task_gas = Gas{rng.between(3'000'000'001, 9'000'000'000)};
        }
        spec.spread = static_cast<std::uint32_t>(rng.chance(3) ? rng.between(1, 3) : 0);
        spec.attempts = static_cast<std::uint8_t>(rng.between(1, 3));
        spec.life_ms = rng.between(1'200, 15'000);
        spec.retention_ms = rng.chance(2) ? 0 : rng.between(100, 5'000);
        spec.on_failure = rng.chance(3) ? FailurePolicy::stop : FailurePolicy::go_on;
        spec.first_fill = static_cast<std::uint32_t>(rng.chance(4) ? 1 : 0);
        if (rng.chance(3)) spec.input = JobInput{TreeRoot{}, rng.below(kInputMax)};
        if (rng.chance(3)) spec.admission = Amount{rng.below(1'000)};
        jobs_.push_back(world.next_job(from));
        world.queue(from, JobPost{spec});
    }

    void act() {
        switch (rng.below(14)) {
            case 0:
            case 1:
            case 2:
                return post();
            case 3:
                return world.queue(anyone(), JobCancel{any_job()});
            case 4:
                return world.queue(anyone(), JobTopup{any_job(), Amount{rng.below(1'000'000)}});
            case 5:
                return world.queue(anyone(),
                                   JobRaise{any_job(), Price{rng.between(5'000'000, 40'000'000)}});
            case 6:
                return world.queue(
                    anyone(), Transfer{world.address(anyone()), Amount{rng.below(5'000'000)}, {}});
            case 7:
                return world.queue(
                    anyone(), Faucet{world.address(anyone()), Amount{rng.below(3) * 1'000'000}});
            case 8: {
                const std::string p = any_provider();
                return world.queue(p, ProviderAsk{world.address(p), random_ask()});
            }
            case 9: {
                const std::string p = any_provider();
                return world.queue(p, ProviderPause{world.address(p)});
            }
            case 10:
            case 11: {
                const std::string p = any_provider();
                return world.queue(p, ProviderResume{world.address(p), Amount{rng.below(1'000)}});
            }
            case 12: {
                const std::string p = any_provider();
                if (rng.chance(2))
                    return world.queue(p,
                                       ProviderUnstake{world.address(p), credits(rng.below(400))});
                return world.queue(p, ProviderStake{world.address(p), credits(rng.below(300))});
            }
            default:
                return world.queue(anyone(), ProviderWithdraw{world.address(any_provider())});
        }
    }

    /// Who votes, stakes, contradicts itself; some are heard and some are not.
    void act_as_validators() {
        const auto members = load_validators(world.state);
        totals.largest_set = std::max(totals.largest_set, members.size());
        const std::string name = rng.chance(5) ? "validator" : anyone();
        const ValidatorId id = world.address(name);
        world.let_propose(rng.chance(2) ? "validator" : name);
        for (std::uint16_t i = 0; i < members.size(); ++i)
            if (world.view() > 0 && rng.chance(40)) world.hear(i);
        if (!rng.chance(3)) return;
        switch (rng.below(9)) {
            case 0:
            case 1:
                return world.queue(
                    name, world.validator_registration(name, credits(rng.between(900, 2'500))));
            case 2:
                return world.queue(anyone(), ValidatorStake{id, credits(rng.below(500))});
            case 3:
                return world.queue(name, ValidatorUnstake{id, credits(rng.below(2'000))});
            case 4:
            case 5:
                return world.queue(anyone(), ValidatorWithdraw{id});
            case 6:
                return world.queue(name, ValidatorUnjail{id});
            case 7: {
                const std::string seed = " of " + name + std::to_string(rng.below(6));
                return world.queue(name, ValidatorKeys{id, world.make_keys(name, seed),
                                                       std::nullopt, world.address(anyone())});
            }
            default:
                if (rng.chance(4)) contradict();
        }
    }

    /// Somebody shows two votes of one member that no honest one makes.
    void contradict() {
        const Epoch now = world.chain_state().epoch;
        const Epoch epoch{now.value - std::min<std::uint64_t>(now.value, rng.below(3))};
        const auto set = find_epoch_set(world.state, epoch);
        if (!set) return;
        const auto signer = static_cast<std::uint16_t>(rng.below(set->members.size()));
        world.queue(anyone(),
                    EvidenceVotes{
                        {world.vote_of(epoch, signer, Subject::nullify(View{7})),
                         world.vote_of(epoch, signer, Subject::finalize(View{7}, {View{6}, {}}))}});
    }

    Ask random_ask() {
        Ask ask = world.registration("alice").ask;
        ask.steps.clear();
        std::uint64_t price = rng.between(4'000'000, 12'000'000);
        for (std::uint64_t i = 0; i <= rng.below(3); ++i) {
            ask.steps.push_back({Price{price}, 1 + static_cast<std::uint32_t>(rng.below(3))});
            price += 1 + rng.below(3'000'000);
        }
        return ask;
    }

    /// Each provider with a temper of its own looks at its leases and may or may not do its duty.
    void work_on_leases() {
        for (const char* name : kProviders) {
            for (const LeaseView& l : provider_leases(world.state, world.address(name), 100)) {
                if (!rng.chance(3)) continue;
                work_on(name, l);
            }
        }
    }

    void work_on(const std::string& name, const LeaseView& l) {
        const std::uint8_t lane = static_cast<std::uint8_t>(1 + rng.below(3));
        if (l.lease.state == LeaseState::matched) {
            if (rng.chance(12)) return world.queue(name, LeaseReturn{l.id}, lane);
            if (rng.chance(12)) return world.queue(name, LeaseReportInput{l.id}, lane);
            return world.queue(name, LeaseStart{l.id}, lane);
        }
        if (l.lease.state == LeaseState::started) {
            const std::uint8_t variant = static_cast<std::uint8_t>(rng.chance(8) ? 1 : 0);
            LeaseReveal reveal = world.make_reveal(l, Gas{1 + rng.below(1'000'000'000)}, variant);
            // Replicas must agree on gas to agree at all: mostly they do.
            if (!rng.chance(6))
                for (Claim& c : reveal.claims) c.gas = Gas{400'000'000};
            if (rng.chance(10)) reveal.claims.front().code = 3;
            world.queue(name, world.make_commit(reveal, world.address(name)), lane);
            reveals_[l.id] = reveal;
            return;
        }
        if (l.lease.state == LeaseState::committed && l.lease.deadline) {
            if (!reveals_.contains(l.id)) return;
            LeaseReveal reveal = reveals_.at(l.id);
            if (rng.chance(10)) reveal.salt.bytes[1] = 9;
            world.queue(rng.chance(4) ? anyone() : name, reveal, lane);
        }
    }

    /// After a cut-off nothing of the book moves but lost stake: what the clearing will read is
    /// what the parent of the freezing block left. Only a chunk whose attempts were used up
    /// meanwhile is missing.
    void check_frozen(const MemoryState& parent) {
        const ChainState chain = world.chain_state();
        if (!chain.pending || load_chain(parent).pending) return;
        Overlay overlay(parent);
        Ledger ledger(overlay);
        ledger.chain.active_time = chain.pending->frozen;
        wake_bids(ledger);
        const auto read = [&](const StateReader& state) {
            return read_book(state, world.params(), chain.pending->number, chain.pending->frozen);
        };
        Book then = read(overlay);
        Book now = read(world.state);
        REQUIRE(then.bids.size() == now.bids.size());
        REQUIRE(then.asks.size() == now.asks.size());
        for (std::size_t i = 0; i < then.asks.size(); ++i) {
            CHECK(now.asks[i].free_stake <= then.asks[i].free_stake);
            now.asks[i].free_stake = then.asks[i].free_stake;
        }
        for (std::size_t i = 0; i < then.bids.size(); ++i) {
            const auto offers = chunks_in(then.bids[i]);
            for (const auto& [chunk, run] : chunks_in(now.bids[i])) {
                REQUIRE(offers.contains(chunk));
                CHECK(offers.at(chunk) == run);
            }
            if (now.bids[i].chunks != then.bids[i].chunks) ++totals.shrunk;
            now.bids[i].chunks = then.bids[i].chunks;
            now.bids[i].min_first_fill = then.bids[i].min_first_fill;
            now.bids[i].standing = then.bids[i].standing;
        }
        CHECK(now == then);
        ++totals.freezes;
    }
    static std::map<std::uint32_t, ChunkRun> chunks_in(const BidOrder& bid) {
        std::map<std::uint32_t, ChunkRun> out;
        for (const ChunkRun& run : bid.chunks)
            for (std::uint32_t i = 0; i < run.count && bid.standing == Standing::active; ++i)
                out[run.first + i] = {0, 1, run.need, run.holders};
        return out;
    }

    /// Ends of leases, each once; no lease is paid twice.
    void watch() {
        for (; seen_ < world.events().size(); ++seen_) {
            const Event& event = world.events()[seen_];
            if (const auto* lease = std::get_if<LeaseEvent>(&event)) {
                if (lease->state == LeaseState::settled) CHECK(paid_.insert(lease->lease).second);
                if (lease->state >= LeaseState::settled) ++totals.leases[lease->state];
            } else if (const auto* chunk = std::get_if<ChunkEvent>(&event)) {
                totals.disputed += chunk->state == TaskState::disputed;
                if (chunk->state == TaskState::settled || chunk->state == TaskState::failed)
                    CHECK(final_.insert({chunk->job, chunk->chunk}).second);
            } else if (const auto* job = std::get_if<JobEvent>(&event)) {
                totals.deleted += job->deleted;
            } else if (const auto* balance = std::get_if<BalanceEvent>(&event)) {
                told_[balance->account] += balance->in.value - balance->out.value;
            } else if (const auto* stake = std::get_if<StakeEvent>(&event)) {
                told_stake_[stake->provider] += stake->in.value - stake->out.value;
            }
        }
        check_told();
        check_jobs();
        check_validators();
    }

    /// The sets are whole, and the candidates are exactly those who may stand.
    void check_validators() {
        const ChainState chain = world.chain_state();
        const auto set = find_epoch_set(world.state, chain.epoch);
        REQUIRE(set.has_value());
        CHECK(!set->members.empty());
        CHECK(set->members.size() <= world.params().validators.validators_max);
        CHECK(find_epoch_set(world.state, next(chain.epoch)).has_value());
        CHECK(!find_epoch_set(world.state, Epoch{chain.epoch.value + 2}).has_value());
        CHECK(load<Attendance>(world.state, attendance_key())->last.size() == set->members.size());
        std::set<Bytes> ranked;
        for (const StateEntry& e : world.state.scan(Key(Table::validator), {}, SIZE_MAX)) {
            const auto v = decode_state<Validator>(e.value);
            CHECK(v.rank.has_value() == is_candidate(world.params(), v));
            if (v.rank) {
                CHECK(*v.rank == v.stake);
                ranked.insert(validator_rank_key(*v.rank, v.owner).bytes());
            }
            if (v.standing == ValidatorStanding::expelled) expelled_.insert(v.owner);
            if (v.standing == ValidatorStanding::jailed) jailed_.insert(v.owner);
        }
        std::set<Bytes> rows;
        for (const StateEntry& e : world.state.scan(Key(Table::validator_rank), {}, SIZE_MAX))
            rows.insert(e.key);
        CHECK(rows == ranked);
        totals.expelled = expelled_.size();
        totals.jailed = jailed_.size();
    }

    /// Events tell of every change of a balance and of a stake: history is made of them.
    void check_told() {
        std::map<Address, std::uint64_t> founded;
        for (const GenesisAllocation& a : world.genesis().allocations)
            founded[a.account] = a.amount.value;
        for (const StateEntry& e : world.state.scan(Key(Table::account), {}, SIZE_MAX)) {
            const auto id = id_in_key<Address>(e.key, 1);
            CHECK(decode_state<Account>(e.value).balance.value == founded[id] + told_[id]);
        }
        for (const StateEntry& e : world.state.scan(Key(Table::provider), {}, SIZE_MAX)) {
            const auto p = decode_state<Provider>(e.value);
            CHECK(p.stake.value == told_stake_[p.owner]);
        }
    }

    /// Every job's money is what its open chunks need, neither more nor less.
    void check_jobs() {
        std::map<JobId, Amount> in_leases;
        std::map<Address, Amount> locked;
        std::map<Address, Queue> queues;
        std::size_t places = 0;
        std::uint32_t asks = 0;
        for (const StateEntry& e : world.state.scan(Key(Table::lease), {}, SIZE_MAX)) {
            const auto l = decode_state<Lease>(e.value);
            in_leases[l.job] = plus(in_leases[l.job], l.escrow);
            locked[l.provider] = plus(locked[l.provider], plus(l.reserve, l.at_risk));
            check_queued(id_in_key<LeaseId>(e.key, 1), l, queues[l.provider]);
        }
        for (const StateEntry& e : world.state.scan(Key(Table::job), {}, SIZE_MAX)) {
            const auto id = id_in_key<JobId>(e.key, 1);
            const auto job = decode_state<Job>(e.value);
            const auto spec = *load<JobSpec>(world.state, job_spec_key(id));
            CHECK(plus(job.escrow, in_leases[id]) ==
                  times(*chunk_escrow(spec, job.limit), job.chunks_left));
            CHECK(job.retention == times(*retention_pay(world.params(), spec),
                                         std::uint64_t{job.chunks_left} * spec.replicas));
        }
        for (const StateEntry& e : world.state.scan(Key(Table::provider), {}, SIZE_MAX)) {
            const auto p = decode_state<Provider>(e.value);
            // Nothing is locked but by a lease that lives.
            CHECK(p.locked == locked[p.owner]);
            totals.displaced += p.paused == PauseReason::displaced;
            const Key place = ask_admission_key(p.admission, p.owner);
            CHECK(world.state.get(place).has_value() == p.replaceable);
            CHECK(p.replaceable == (p.paused == PauseReason::none && p.places == 0));
            places += p.replaceable;
            asks += p.paused == PauseReason::none && (p.ask || p.next);
            const Queue& queue = queues[p.owner];
            CHECK(p.running == queue.running);
            CHECK(p.waiting == queue.waiting);
            CHECK(p.places == queue.places);
            CHECK(p.widths.empty() == (p.waiting == 0));
        }
        CHECK(world.state.scan(Key(Table::ask_admission), {}, SIZE_MAX).size() == places);
        const ChainState chain = world.chain_state();
        CHECK(chain.asks <= world.params().auction.asks_max);
        // Also while a clearing is pending it is known how full the book will be.
        CHECK(asks <= world.params().auction.asks_max);
        CHECK(asks == (chain.pending ? chain.asks_coming : chain.asks));
    }

    struct Queue {
        std::uint32_t running = 0;
        std::uint32_t waiting = 0;
        std::uint32_t places = 0;
    };

    /// What a lease adds to its provider's queue; none waits longer than the largest lot takes that
    /// others may stand behind. Blocks come late and sweeps go on in the next ones, hence the rest.
    void check_queued(const LeaseId& id, const Lease& lease, Queue& queue) {
        if (lease.state != LeaseState::matched && lease.state != LeaseState::started) return;
        ++(lease.waiting ? queue.waiting : queue.running);
        queue.places += lease.places;
        const std::uint64_t gas =
            lot_gas(*load<JobSpec>(world.state, job_spec_key(lease.job))).value;
        CHECK(lease.places == (gas > world.params().jobs.lot_gas_max ? 2 : 1));
        const ActiveTime now = world.chain_state().active_time;
        const ActiveTime matched = matched_.emplace(id, now).first->second;
        if (!lease.waiting) {
            if (lease.places == 2 && long_.insert(id).second) ++totals.long_leases;
            return;
        }
        const std::uint64_t waited = now.value - matched.value;
        totals.longest_wait_ms = std::max(totals.longest_wait_ms, waited);
        const Gas largest{world.params().jobs.lot_gas_max};
        CHECK(waited <= start_time_ms(world.params(), kInputMax) +
                            commit_time_ms(world.params(), largest) + kLateMax);
    }
    static constexpr std::uint64_t kLateMax = 3 * 3'000;

    std::uint64_t registered_ = 0;
    std::vector<JobId> jobs_;
    std::map<LeaseId, ActiveTime> matched_;
    std::set<LeaseId> long_;
    std::map<LeaseId, LeaseReveal> reveals_;
    std::set<LeaseId> paid_;
    std::set<std::pair<JobId, std::uint32_t>> final_;
    std::size_t seen_ = 0;
    std::set<Address> expelled_;
    std::set<Address> jailed_;
    std::map<Address, std::uint64_t> told_;
    std::map<Address, std::uint64_t> told_stake_;
};

}  // namespace

TEST_SUITE("market/history") {
    TEST_CASE("random histories keep every credit, end every job and pay no lease twice") {
        Totals all;
        for (std::uint64_t seed = 1; seed <= 10; ++seed) {
            CAPTURE(seed);
            History history(seed);
            for (int i = 0; i < 250; ++i) history.step();
            history.finish();
            CHECK(history.ended());
            CHECK(history.world.rebuilt_root() == history.world.head().state_root);
            all.applied += history.totals.applied;
            all.refused += history.totals.refused;
            all.disputed += history.totals.disputed;
            all.deleted += history.totals.deleted;
            all.freezes += history.totals.freezes;
            all.shrunk += history.totals.shrunk;
            all.expelled += history.totals.expelled;
            all.jailed += history.totals.jailed;
            all.displaced += history.totals.displaced;
            all.long_leases += history.totals.long_leases;
            all.longest_wait_ms = std::max(all.longest_wait_ms, history.totals.longest_wait_ms);
            all.largest_set = std::max(all.largest_set, history.totals.largest_set);
            for (const auto& [state, n] : history.totals.leases) all.leases[state] += n;
        }
        // The histories reach what they are meant to reach.
        CHECK(all.applied > 1'000);
        CHECK(all.refused > 100);
        CHECK(all.disputed > 3);
        CHECK(all.deleted > 50);
        CHECK(all.freezes > 1'000);
        CHECK(all.shrunk < all.freezes / 10);
        CHECK(all.leases[LeaseState::settled] > 50);
        CHECK(all.leases[LeaseState::missed] > 20);
        CHECK(all.leases[LeaseState::returned] > 5);
        CHECK(all.leases[LeaseState::lost] > 3);
        CHECK(all.expelled > 3);
        CHECK(all.jailed > 3);
        CHECK(all.largest_set > 2);
        CHECK(all.long_leases > 50);
        CHECK(all.displaced > 50);
        CHECK(all.longest_wait_ms > 3'000);
        MESSAGE("applied " << all.applied << ", refused " << all.refused << ", settled "
                           << all.leases[LeaseState::settled] << ", missed "
                           << all.leases[LeaseState::missed] << ", lost "
                           << all.leases[LeaseState::lost] << ", returned "
                           << all.leases[LeaseState::returned] << ", disputed " << all.disputed
                           << ", jobs deleted " << all.deleted << ", freezes " << all.freezes
                           << ", expelled " << all.expelled << ", jailed " << all.jailed
                           << ", long leases " << all.long_leases << ", longest wait "
                           << all.longest_wait_ms << ", displaced " << all.displaced);
    }
}

}  // namespace millrace::market
