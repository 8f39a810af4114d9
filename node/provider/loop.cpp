#include "node/provider/loop.hpp"

#include <sodium/randombytes.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "common/page_tree.hpp"
#include "market/ledger/chain.hpp"
#include "market/ledger/providers.hpp"

namespace millrace::node {

namespace {

/// A pass at least this often: retries what failed, even when no block comes.
constexpr std::uint64_t kPassMs = 1'000;
/// A transaction that is neither waiting nor has had its effect is sent anew after this long.
constexpr std::uint64_t kResendMs = 2'000;
/// A task that this machine failed to run is tried again after this long, while its lease lasts.
constexpr std::uint64_t kRetryMs = 2'000;
constexpr std::uint64_t kExpiryMs = 300'000;
/// Listed leases that a pass looks through; the next pass goes on behind them. Rows of those whose
/// output is only kept stay in the ledger for all of the retention, however many they become.
constexpr std::size_t kLeasesPerPass = 16'384;
/// Rows of one read.
constexpr std::size_t kLeasePage = 1'024;
/// Place of the lease's id in its provider's index, after the table's byte and the provider.
constexpr std::size_t kLeaseAt = 1 + Address::kSize;
/// Lanes of the provider's account: a payment of its owner (lane 0) never holds up a reveal.
constexpr std::uint8_t kLaneRegister = 1;
constexpr std::uint8_t kLaneStart = 2;
constexpr std::uint8_t kLaneMove = 3;
constexpr std::uint64_t kFeeHeadroom = 4;

/// What a run gets beyond the lease's time that is left, in milliseconds. Leases live on active
/// time, which stands still while the chain does, so an outage must not cost the work of hours.
/// While blocks come the ledger ends the lease, and with it the run, to the second.
constexpr std::uint64_t kOutageMs = 3'600'000;

/// One step of one lease, by which repeated sending is recognised.
enum class Step : std::uint8_t { registration, start, commit, reveal };
struct StepKey {
    LeaseId lease;
    Step step = Step::start;
    friend auto operator<=>(const StepKey&, const StepKey&) = default;
};
struct Attempt {
    TxHash hash;
    std::uint64_t sent_ms = 0;
};

/// What is known of a lease's computation; owned by the loop, results come in under the mutex.
struct Work {
    market::LeaseView view;
    market::JobSpec spec;
    WallTime posted;
    BlobId module;
    std::map<std::uint32_t, market::Claim> claims;
    std::set<std::uint32_t> running;
    std::map<std::uint32_t, std::uint64_t> retry_at_ms;
    std::shared_ptr<std::atomic<bool>> is_cancelled = std::make_shared<std::atomic<bool>>(false);
    bool is_prepared = false;
    std::uint64_t prepare_at_ms = 0;
    /// When it is asked again whether the results would find room; 0 where that was not refused.
    std::uint64_t room_at_ms = 0;
    /// Monotonic time after which no result is of use, were the chain to go on without a pause.
    std::uint64_t end_ms = 0;
};

struct PoolItem {
    LeaseId lease;
    TaskOrder order;
    std::shared_ptr<std::atomic<bool>> is_cancelled;
};

}  // namespace

class ProviderLoop::Impl {
  public:
    Impl(Ports ports, Offer offer, Journal journal)
        : ports_(std::move(ports)),
          offer_(std::move(offer)),
          journal_(std::move(journal)),
          operator_(to_address(ports_.account.public_key())),
          provider_(ports_.provider.value_or(operator_)) {}
    ~Impl() { stop(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void start() {
        thread_ = std::thread([this] { run(); });
        for (std::uint32_t i = 0; i < offer_.cores; ++i)
            pool_.emplace_back([this] { run_tasks(); });
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
            for (auto& [lease, work] : work_) work.is_cancelled->store(true);
        }
        wake_.notify_all();
        pool_wake_.notify_all();
        if (thread_.joinable()) thread_.join();
        for (std::thread& thread : pool_)
            if (thread.joinable()) thread.join();
        pool_.clear();
    }

    void notify() {
        {
            const std::lock_guard lock(mutex_);
            has_news_ = true;
        }
        wake_.notify_all();
    }

  private:
    void run() {
        for (;;) {
            {
                std::unique_lock lock(mutex_);
                wake_.wait_for(lock, std::chrono::milliseconds(kPassMs),
                               [this] { return has_news_ || is_stopping_; });
                if (is_stopping_) return;
                has_news_ = false;
            }
            pass();
        }
    }

    [[nodiscard]] std::uint64_t now_ms() const { return ports_.clock.now().monotonic_ms; }

    void pass() {
        const StateSnapshot snapshot(ports_.db);
        const auto served = market::provider_view(snapshot.state(), provider_);
        if (!served && provider_ == operator_) return register_self(snapshot);
        if (!is_entrusted(served)) return;
        forget_ended(snapshot.state());
        for (const LeaseId& id : next_leases(snapshot.state())) {
            if (settled_.contains(id)) continue;
            const auto lease = market::lease_view(snapshot.state(), id);
            if (!lease || lease->lease.provider != provider_) continue;
            if (lease->lease.state == market::LeaseState::settled) settled_.insert(id);
            advance(snapshot, *lease);
        }
    }

    /// Whether the provider is registered with this node's key as its operator's. Says so when it
    /// changes, since only the owner can mend it.
    [[nodiscard]] bool is_entrusted(const std::optional<market::ProviderView>& served) {
        const bool is_so =
            served && (provider_ == operator_ || served->provider.operator_account == operator_);
        if (was_entrusted_ == is_so) return is_so;
        was_entrusted_ = is_so;
        const std::string name = to_text(provider_, ports_.network);
        const std::string self = to_text(operator_, ports_.network);
        if (is_so)
            spdlog::info("provider: works for {}", name);
        else if (served)
            spdlog::warn("provider: the operator of {} is {}, not this node's {}; nothing is done",
                         name, to_text(served->provider.operator_account, ports_.network), self);
        else
            spdlog::warn(
                "provider: {} is not registered; its owner does it with `millrace provider "
                "register --operator {}`",
                name, self);
        return is_so;
    }

    /// The next stretch of the leases that the ledger lists of this provider, and those that are
    /// under way here, which every pass looks at.
    [[nodiscard]] std::set<LeaseId> next_leases(const market::StateReader& state) {
        std::set<LeaseId> out;
        for (std::size_t seen = 0; seen < kLeasesPerPass; seen += kLeasePage) {
            const auto rows = state.scan(market::Key(market::Table::provider_lease).add(provider_),
                                         next_lease_, kLeasePage);
            for (const market::StateEntry& row : rows)
                out.insert(market::id_in_key<LeaseId>(row.key, kLeaseAt));
            if (rows.size() < kLeasePage) {
                next_lease_.clear();
                break;
            }
            next_lease_ = rows.back().key;
            next_lease_.push_back(0);
        }
        for (const auto& [lease, entry] : journal_.entries()) out.insert(lease);
        const std::lock_guard lock(mutex_);
        for (const auto& [lease, work] : work_) out.insert(lease);
        return out;
    }

    /// Whether the ledger still lists a lease of this provider. Asked for each by itself: a salt is
    /// never erased because a list was cut short.
    [[nodiscard]] bool is_listed(const market::StateReader& state, const LeaseId& id) const {
        return state.get(market::provider_lease_key(provider_, id)).has_value();
    }

    void register_self(const StateSnapshot& snapshot) {
        market::ProviderRegister body;
        body.operator_account = operator_;
        body.payout_account = operator_;
        body.vrf_key = ports_.vrf_key;
        body.endpoint = offer_.endpoint;
        body.stake = offer_.stake;
        body.ask = offer_.ask;
        send(snapshot, {LeaseId{}, Step::registration}, kLaneRegister, body);
    }

    /// Leases that the ledger no longer lists need nothing more; their tasks stop at once.
    void forget_ended(const market::StateReader& state) {
        // Once a round: it costs a read for each.
        if (next_lease_.empty())
            std::erase_if(settled_, [&](const LeaseId& id) { return !is_listed(state, id); });
        const auto has_ended = [&](const LeaseId& id) {
            return settled_.contains(id) || !is_listed(state, id);
        };
        const std::lock_guard lock(mutex_);
        for (auto it = work_.begin(); it != work_.end();) {
            if (!has_ended(it->first)) {
                ++it;
                continue;
            }
            it->second.is_cancelled->store(true);
            it = work_.erase(it);
        }
        std::erase_if(sent_, [&](const auto& entry) {
            return entry.first.step != Step::registration && has_ended(entry.first.lease);
        });
        std::vector<LeaseId> gone;
        for (const auto& [lease, entry] : journal_.entries())
            if (has_ended(lease) && !is_of_another(state, lease)) gone.push_back(lease);
        for (const LeaseId& lease : gone) journal_.erase(lease);
    }

    /// A lease of a provider that this node worked for before: its salt is kept, for its stake
    /// hangs on it, and the node may be set back to it.
    [[nodiscard]] bool is_of_another(const market::StateReader& state, const LeaseId& id) const {
        const auto lease = market::lease_view(state, id);
        return lease && lease->lease.provider != provider_;
    }

    void advance(const StateSnapshot& snapshot, const market::LeaseView& lease) {
        switch (lease.lease.state) {
            case market::LeaseState::matched:
                if (!lease.lease.waiting && prepare(snapshot, lease) && has_room(lease.id)) {
                    send(snapshot, {lease.id, Step::start}, kLaneStart,
                         market::LeaseStart{lease.id});
                    compute(snapshot, lease);
                }
                return;
            case market::LeaseState::started:
                if (is_too_late(snapshot, lease)) return cancel(lease.id);
                if (prepare(snapshot, lease)) compute(snapshot, lease);
                if (const JournalEntry* entry = journal_.find(lease.id)) commit(snapshot, *entry);
                return;
            case market::LeaseState::committed:
                if (!lease.reveals_open) return;
                if (const JournalEntry* entry = journal_.find(lease.id)) reveal(snapshot, *entry);
                return;
            case market::LeaseState::revealed:
            case market::LeaseState::settled:
            case market::LeaseState::missed:
            case market::LeaseState::lost:
            case market::LeaseState::returned:
                return;
        }
    }

    /// Module and input are here; tried again later when they are not.
    bool prepare(const StateSnapshot& snapshot, const market::LeaseView& lease) {
        if (journal_.find(lease.id) != nullptr) return true;
        Work* work = nullptr;
        {
            const std::lock_guard lock(mutex_);
            work = &work_[lease.id];
            work->view = lease;
            if (work->is_prepared) return true;
            if (now_ms() < work->prepare_at_ms) return false;
        }
        const auto job = market::job_view(snapshot.state(), lease.lease.job);
        const auto module =
            job ? market::module_view(snapshot.state(), job->spec.image) : std::nullopt;
        if (!job || !module) return false;
        const BlobId blob =
            hash_as<BlobId>(file_id(module->record.size, hash_as<Hash>(module->record.blob)));
        const Status<> ready = ports_.backend.prepare(job->spec, blob);
        const std::lock_guard lock(mutex_);
        if (!ready.has_value()) {
            spdlog::warn("lease {}: {}", to_hex(lease.id.view()).substr(0, 12),
                         ready.error().message);
            work->prepare_at_ms = now_ms() + kRetryMs;
            return false;
        }
        work->spec = job->spec;
        work->posted = job->job.posted;
        work->module = blob;
        work->is_prepared = true;
        return true;
    }

    /// Whether the results of a lease that is not started would find room. Says so once a lease: it
    /// is the owner who can make some.
    bool has_room(const LeaseId& id) {
        if (sent_.contains({id, Step::start})) return true;
        market::JobSpec spec;
        {
            const std::lock_guard lock(mutex_);
            const auto work = work_.find(id);
            if (work == work_.end()) return true;  // in the journal: its results are here
            if (now_ms() < work->second.room_at_ms) return false;
            spec = work->second.spec;
        }
        const Status<> room = ports_.backend.check_room(spec);
        if (room.has_value()) return true;
        const std::lock_guard lock(mutex_);
        Work& work = work_[id];
        if (work.room_at_ms == 0)
            spdlog::warn("lease {} is not started: {}", to_hex(id.view()).substr(0, 12),
                         room.error().message);
        work.room_at_ms = now_ms() + kRetryMs;
        return false;
    }

    /// The time to commit is over, and the block that takes the lease away is not there yet.
    static bool is_too_late(const StateSnapshot& snapshot, const market::LeaseView& lease) {
        return lease.lease.deadline &&
               *lease.lease.deadline <= market::load_chain(snapshot.state()).active_time;
    }
    void cancel(const LeaseId& id) {
        const std::lock_guard lock(mutex_);
        if (const auto work = work_.find(id); work != work_.end())
            work->second.is_cancelled->store(true);
    }

    /// Active time until the commit is due; all of it for a lease whose start is on its way.
    static std::uint64_t time_to_commit(const StateSnapshot& snapshot,
                                        const market::LeaseView& lease,
                                        const market::JobSpec& spec) {
        if (lease.lease.state == market::LeaseState::started && lease.lease.deadline)
            return lease.lease.deadline->value -
                   market::load_chain(snapshot.state()).active_time.value;
        return market::commit_time_ms(market::load_params(snapshot.state()), market::lot_gas(spec));
    }

    /// Puts the lease's missing tasks into the pool, and closes the lot when all are there.
    void compute(const StateSnapshot& snapshot, const market::LeaseView& lease) {
        if (journal_.find(lease.id) != nullptr) return;
        JournalEntry entry;
        {
            const std::lock_guard lock(mutex_);
            Work& work = work_[lease.id];
            const std::uint64_t now = now_ms();
            work.end_ms = now + time_to_commit(snapshot, lease, work.spec);
            for (std::uint32_t i = 0; i < lease.tasks; ++i) {
                const std::uint32_t task = lease.first_task + i;
                if (work.claims.contains(task) || work.running.contains(task)) continue;
                const auto retry = work.retry_at_ms.find(task);
                if (retry != work.retry_at_ms.end() && now < retry->second) continue;
                work.running.insert(task);
                queue_.push_back({lease.id,
                                  {lease.lease.job, work.spec, work.posted, task, work.module,
                                   std::chrono::milliseconds{0}},
                                  work.is_cancelled});
            }
            pool_wake_.notify_all();
            if (work.claims.size() < lease.tasks) return;
            entry.lease = lease.id;
            entry.job = lease.lease.job;
            for (const auto& [task, claim] : work.claims) entry.claims.push_back(claim);
        }
        randombytes_buf(entry.salt.bytes.data(), entry.salt.bytes.size());
        if (const auto kept = journal_.put(std::move(entry)); !kept.has_value())
            spdlog::error("{}; the lease is not committed", kept.error().message);
        else
            notify();
    }

    void commit(const StateSnapshot& snapshot, const JournalEntry& entry) {
        market::LeaseCommit body;
        body.lease = entry.lease;
        body.commitment = market::make_commitment(ports_.chain, entry.lease, provider_,
                                                  market::claims_root(entry.claims), entry.salt);
        send(snapshot, {entry.lease, Step::commit}, kLaneMove, body);
    }

    void reveal(const StateSnapshot& snapshot, const JournalEntry& entry) {
        market::LeaseReveal body;
        body.lease = entry.lease;
        body.salt = entry.salt;
        body.claims = entry.claims;
        send(snapshot, {entry.lease, Step::reveal}, kLaneMove, body);
    }

    /// Signs and submits, unless the same step is on its way.
    void send(const StateSnapshot& snapshot, const StepKey& key, std::uint8_t lane,
              market::TxBody body) {
        if (const auto before = sent_.find(key); before != sent_.end()) {
            if (ports_.mempool.contains(before->second.hash)) return;
            if (now_ms() < before->second.sent_ms + kResendMs) return;
        }
        const market::ChainState chain = market::load_chain(snapshot.state());
        const market::Params params = market::load_params(snapshot.state());
        market::SignedTx tx;
        tx.tx.chain = ports_.chain;
        tx.tx.sender = ports_.account.public_key();
        tx.tx.nonce = {lane, next_sequence(snapshot, lane)};
        tx.tx.expiry = WallTime{std::max(ports_.clock.now().wall, chain.time).value + kExpiryMs};
        tx.tx.body = std::move(body);
        const std::uint64_t weight = encode(tx).size() + params.fees.signature_weight_bytes;
        const auto fee = checked_mul(chain.base_fee, weight * kFeeHeadroom);
        if (!fee.has_value()) return;
        tx.tx.fee_max = *fee;
        SigningEntropy entropy;
        randombytes_buf(entropy.data(), entropy.size());
        tx.signature = ports_.account.sign(market::signing_hash(tx.tx).view(), entropy);
        const auto taken = ports_.intake.submit(tx);
        sent_[key] = {market::tx_hash(tx), now_ms()};
        if (taken.has_value()) return;
        const IntakeRefusal refusal = taken.error();
        const auto* rule = std::get_if<market::Refusal>(&refusal);
        spdlog::log(key.step == Step::registration ? spdlog::level::warn : spdlog::level::debug,
                    "provider: a transaction was refused: {}",
                    rule != nullptr ? std::string(market::sentence(*rule))
                                    : enum_name(std::get<MempoolRefusal>(refusal)));
    }

    [[nodiscard]] std::uint64_t next_sequence(const StateSnapshot& snapshot,
                                              std::uint8_t lane) const {
        std::uint64_t next = 0;
        if (const auto account = market::account_view(snapshot.state(), operator_))
            for (const market::Lane& row : account->lanes)
                if (row.lane == lane) next = row.next;
        return ports_.mempool.next_sequence(operator_, lane, next);
    }

    void run_tasks() {
        for (;;) {
            PoolItem item;
            {
                std::unique_lock lock(mutex_);
                pool_wake_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
                if (is_stopping_) return;
                item = std::move(queue_.front());
                queue_.pop_front();
                // It may have waited long: what is left is known now.
                const auto work = work_.find(item.lease);
                if (work == work_.end() || item.is_cancelled->load()) continue;
                item.order.time_left = time_left(work->second);
            }
            const Result<market::Claim> claim = run_one(item);
            if (claim.has_value()) ports_.keep_result(item.lease, *claim);
            {
                const std::lock_guard lock(mutex_);
                const auto work = work_.find(item.lease);
                if (work == work_.end() || item.is_cancelled->load()) continue;
                work->second.running.erase(item.order.task);
                if (claim.has_value()) {
                    work->second.claims[item.order.task] = *claim;
                } else {
                    work->second.retry_at_ms[item.order.task] = now_ms() + kRetryMs;
                    spdlog::warn("task {} of job {}: {}", item.order.task,
                                 to_hex(item.order.job.view()).substr(0, 12),
                                 claim.error().message);
                }
            }
            notify();
        }
    }

    [[nodiscard]] std::chrono::milliseconds time_left(const Work& work) const {
        const std::uint64_t now = now_ms();
        const std::uint64_t left = work.end_ms > now ? work.end_ms - now : 0;
        return std::chrono::milliseconds{static_cast<std::int64_t>(left + kOutageMs)};
    }
    Result<market::Claim> run_one(const PoolItem& item) {
        ProgressTable::Running row(ports_.progress, item.order.job, item.lease, item.order.task,
                                   item.order.spec.task_gas);
        return ports_.backend.run(item.order, *item.is_cancelled, [&row](Gas gas, vm::Tails tails) {
            row.tell(gas, std::move(tails));
        });
    }

    Ports ports_;
    Offer offer_;
    /// Touched by the loop's thread only.
    Journal journal_;
    std::map<StepKey, Attempt> sent_;
    /// Settled leases that the ledger still lists: nothing is to be done for them.
    std::set<LeaseId> settled_;
    /// Where the next pass goes on in the ledger's list; empty at its begin.
    Bytes next_lease_;
    Address operator_;
    market::ProviderId provider_;
    std::optional<bool> was_entrusted_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable pool_wake_;
    // Guarded by mutex_, as all below.
    std::map<LeaseId, Work> work_;
    std::deque<PoolItem> queue_;
    bool has_news_ = true;
    bool is_stopping_ = false;

    std::thread thread_;
    std::vector<std::thread> pool_;
};

ProviderLoop::ProviderLoop(Ports ports, Offer offer, Journal journal)
    : impl_(std::make_unique<Impl>(std::move(ports), std::move(offer), std::move(journal))) {}
ProviderLoop::~ProviderLoop() = default;
void ProviderLoop::start() {
    impl_->start();
}
void ProviderLoop::stop() {
    impl_->stop();
}
void ProviderLoop::notify() {
    impl_->notify();
}

}  // namespace millrace::node
