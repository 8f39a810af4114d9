#include "node/chain/engine.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "common/codec.hpp"
#include "node/chain/evidence_store.hpp"

namespace millrace::node {

namespace cs = consensus;

namespace {

constexpr int kErrorHalt = 30;
/// The thread wakes at least this often, so that a stop is never far.
constexpr std::uint64_t kWakeMaxMs = 500;
/// Records of the vote log above which it is rewritten to what a restart needs.
constexpr std::uint64_t kLogRecordsMax = 512;

Bytes log_key(std::uint64_t sequence) {
    Bytes key(8);
    // Big-endian, so that byte order is the order of writing.
    for (std::size_t i = 0; i < 8; ++i)
        key[i] = static_cast<std::uint8_t>(sequence >> (8 * (7 - i)));
    return key;
}

template <class... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};

}  // namespace

class ChainEngine::Impl {
  public:
    explicit Impl(Ports ports)
        : ports_(std::move(ports)),
          watch_(ports_.clock, ports_.is_clock_gap_accepted),
          evidence_(ports_.db) {}
    ~Impl() { stop(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Status<> start() {
        MILLRACE_TRY(const std::vector<cs::Record> records, read_log());
        begin_epoch(records);
        ports_.app.wake_by([this] { notify_work(); });
        thread_ = std::thread([this] { run(); });
        return Ok{};
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        wake_.notify_all();
        ports_.app.wake_by({});
        if (thread_.joinable()) thread_.join();
    }

    void notify_work() {
        {
            const std::lock_guard lock(mutex_);
            has_news_ = true;
        }
        wake_.notify_all();
    }

    [[nodiscard]] bool is_waiting_for_clock() const { return watch_.is_waiting(); }

  private:
    cs::Instant now() { return watch_.read(engine_->finalized().block.timestamp); }

    Result<std::vector<cs::Record>> read_log() {
        std::vector<cs::Record> records;
        Bytes from;
        for (;;) {
            MILLRACE_TRY(const std::vector<KeyValue> page,
                         ports_.db.scan(Column::votes, {}, from, kLogRecordsMax));
            for (const auto& [key, value] : page) {
                auto record = decode<cs::Record>(value);
                if (!record.has_value())
                    // Damage in the middle of the log: to vote now could contradict an earlier
                    // vote.
                    return Err{Error{kErrorHalt,
                                     "the vote log is damaged; to be safe this validator must not "
                                     "vote with this data folder: move the folder away and join "
                                     "anew in the next epoch"}};
                records.push_back(*std::move(record));
                log_next_ = load_be(key) + 1;
                from = key;
                from.push_back(0);
            }
            log_count_ += page.size();
            if (page.size() < kLogRecordsMax) return records;
        }
    }

    static std::uint64_t load_be(ByteView key) {
        std::uint64_t value = 0;
        for (const std::uint8_t byte : key) value = (value << 8U) | byte;
        return value;
    }

    void begin_epoch(const std::vector<cs::Record>& records) {
        config_ = ports_.next_epoch();
        engine_ = std::make_unique<cs::Simplex>(config_, ports_.reader, ports_.verifier, records);
        if (config_.self && !engine_->may_vote())
            spdlog::warn(
                "the vote log does not hold this validator's votes of epoch {}: to contradict none "
                "that it may have signed, it does not vote before the next epoch",
                config_.epoch.value);
        timer_ms_.reset();
        is_waiting_told_.reset();
        events_.push_back({cs::Start{}});
    }

    void run() {
        for (;;) {
            drain();
            std::unique_lock lock(mutex_);
            if (is_stopping_ || is_dead_) return;
            if (!has_news_) {
                const std::uint64_t wait = rest_ms();
                if (wait > 0)
                    wake_.wait_for(lock, std::chrono::milliseconds(wait),
                                   [this] { return has_news_ || is_stopping_; });
            }
            has_news_ = false;
            if (is_stopping_) return;
            lock.unlock();
            tell_work();
            tell_time();
        }
    }

    /// How long there is nothing to do, unless news come.
    std::uint64_t rest_ms() {
        const std::uint64_t at = now().monotonic_ms;
        std::uint64_t wait = kWakeMaxMs;
        // While agreement's time stands still its timers come no nearer: to look at them would
        // spin.
        if (watch_.is_waiting()) return wait;
        if (timer_ms_) wait = std::min(wait, *timer_ms_ > at ? *timer_ms_ - at : 0);
        if (due_in_ms_) wait = std::min(wait, *due_in_ms_);
        return wait;
    }

    void tell_time() {
        const std::uint64_t at = now().monotonic_ms;
        const bool is_due = timer_ms_ && at >= *timer_ms_;
        // What was planned by a wall clock that was then set is planned anew in any step.
        if (!watch_.take_change() && !is_due) return;
        timer_ms_.reset();
        events_.push_back({cs::TimerFired{}});
    }

    /// Tells the machine when there begins or ceases to be something to do.
    void tell_work() {
        bool waiting = ports_.app.has_work();
        due_in_ms_.reset();
        if (!waiting) {
            if (const auto due = ports_.app.work_due()) {
                const WallTime now = ports_.clock.now().wall;
                if (*due <= now)
                    waiting = true;
                else
                    due_in_ms_ = due->value - now.value;
            }
        }
        if (is_waiting_told_ == waiting) return;
        is_waiting_told_ = waiting;
        events_.push_back({cs::WorkWaiting{waiting}});
    }

    void drain() {
        // What a step asks for is answered before the next outside event: the order of effects
        // holds.
        hear_durable(Application::Wait::no);
        while (!events_.empty() && !is_dead_) {
            const cs::Event event{now(), std::move(events_.front().what)};
            if (watch_.fault()) return die(*watch_.fault());
            events_.pop_front();
            std::vector<cs::Effect> effects = engine_->step(event);
            persist_first(effects);
            for (cs::Effect& effect : effects) {
                if (is_dead_) return;
                perform(effect);
            }
            hear_durable(Application::Wait::no);
            if (is_epoch_over_) {
                is_epoch_over_ = false;
                // The next epoch's log takes the place of this one's, which until then is what
                // would make its last blocks final again after a crash.
                hear_durable(Application::Wait::all);
                if (is_dead_) return;
                events_.clear();
                begin_epoch(engine_->snapshot_records());
            }
        }
    }

    /// All records of one step go out in one synced batch.
    void persist_first(const std::vector<cs::Effect>& effects) {
        std::vector<DbWrite> writes;
        for (const cs::Effect& effect : effects) {
            const auto* persist = std::get_if<cs::Persist>(&effect);
            if (persist == nullptr) continue;
            for (const cs::Record& record : persist->records)
                writes.push_back({Column::votes, log_key(log_next_++), encode(record)});
        }
        if (writes.empty()) return;
        log_count_ += writes.size();
        if (const auto done = ports_.db.commit(writes); !done.has_value()) die(done.error());
    }

    void perform(cs::Effect& effect) {
        std::visit(
            Overloaded{
                [&](const cs::Persist& e) { answer(cs::Persisted{e.id}); },
                [&](const cs::Sign& e) { sign(e); },
                [&](const cs::Broadcast&) {},  // one validator: nobody to tell yet
                [&](const cs::Send&) {}, [&](const cs::SetTimer& e) { timer_ms_ = e.at_ms; },
                [&](const cs::BuildBlock& e) { build(e); },
                [&](const cs::CheckBlock& e) { check(e); }, [&](const cs::ServeBlock&) {},
                [&](const cs::Finalize& e) { finalize(e); },
                [&](const cs::EpochEnded&) { is_epoch_over_ = true; },
                [&](const cs::FoundEvidence& e) { keep_evidence(e.evidence); },
                [&](const cs::Blame&) {},
                [&](const cs::FellBehind&) {
                    die(Error{kErrorHalt, "the chain is too far ahead to follow block by block"});
                },
                [&](const cs::Halt& e) {
                    die(Error{kErrorHalt,
                              std::string("agreement is broken (") + enum_name(e.reason) +
                                  "); this node stops voting: keep its data folder and compare it "
                                  "with other validators"});
                }},
            effect);
    }

    void sign(const cs::Sign& e) {
        MILLRACE_ASSERT(ports_.signer != nullptr);
        auto signature = ports_.signer->sign_vote(config_.chain, config_.epoch, e.subject);
        // A vote that is in the log and not signed now will be signed after a restart: the same
        // one.
        if (!signature.has_value()) return die(signature.error());
        answer(cs::Signed{e.subject, *signature});
    }

    void build(const cs::BuildBlock& e) {
        if (const auto good = watch_.check_gap(e.parent.timestamp); !good.has_value())
            return die(good.error());
        if (auto built = ports_.app.build(e))
            answer(cs::BlockBuilt{e.view, std::move(built->block), built->last_of_epoch});
        else
            answer(cs::BuildDeclined{e.view});
    }

    void check(const cs::CheckBlock& e) {
        const Application::Checked checked = ports_.app.check(e);
        answer(
            cs::BlockChecked{e.view, e.block->facts.hash, checked.verdict, checked.last_of_epoch});
    }

    void finalize(const cs::Finalize& e) {
        const Result<bool> is_boundary = ports_.app.finalize(e);
        if (!is_boundary.has_value()) return die(is_boundary.error());
        // After a restart a boundary block may be known by its certificate alone: the machine has
        // to hear that the epoch is over before it would build on it.
        if (*is_boundary) answer(cs::CloseEpoch{});
        is_waiting_told_.reset();
        tell_work();
    }

    /// Tells the machine what has reached the disk. Only what it was told may leave the vote log.
    void hear_durable(Application::Wait wait) {
        const auto newest = ports_.app.durable(wait);
        if (!newest.has_value()) return die(newest.error());
        if (!*newest) return;
        answer(cs::FinalizedDurably{**newest});
        is_waiting_told_.reset();
        tell_work();
        compact_log();
    }

    /// Evidence outlives a restart, for the block that will carry it. One validator alone never
    /// contradicts itself, so that in a chain of one any evidence means a key in two places.
    void keep_evidence(const cs::Evidence& evidence) {
        const Result<bool> is_first = evidence_.keep(evidence);
        if (!is_first.has_value()) return die(is_first.error());
        if (!*is_first) return;
        spdlog::critical("validator {} has signed two conflicting votes in view {}",
                         evidence.first.signer.value, evidence.first.subject.view.value);
    }

    void compact_log() {
        if (log_count_ < kLogRecordsMax) return;
        const std::vector<cs::Record> needed = engine_->snapshot_records();
        std::vector<DbWrite> writes;
        for (std::uint64_t i = log_next_ - log_count_; i < log_next_; ++i)
            writes.push_back({Column::votes, log_key(i), std::nullopt});
        for (const cs::Record& record : needed)
            writes.push_back({Column::votes, log_key(log_next_++), encode(record)});
        log_count_ = needed.size();
        if (const auto done = ports_.db.commit(writes); !done.has_value()) die(done.error());
    }

    template <class Answer>
    void answer(Answer&& what) {
        events_.push_back({std::forward<Answer>(what)});
    }

    void die(Error why) {
        if (is_dead_) return;
        is_dead_ = true;
        ports_.fatal(std::move(why));
    }

    struct Pending {
        decltype(cs::Event::what) what;
    };

    Ports ports_;
    ClockWatch watch_;
    EvidenceStore evidence_;
    cs::Config config_;
    std::unique_ptr<cs::Simplex> engine_;
    std::deque<Pending> events_;
    std::optional<std::uint64_t> timer_ms_;
    std::optional<std::uint64_t> due_in_ms_;
    std::optional<bool> is_waiting_told_;
    std::uint64_t log_next_ = 0;
    std::uint64_t log_count_ = 0;
    bool is_epoch_over_ = false;
    bool is_dead_ = false;

    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable wake_;
    // Guarded by mutex_, as all below.
    bool has_news_ = false;
    bool is_stopping_ = false;
};

ChainEngine::ChainEngine(Ports ports) : impl_(std::make_unique<Impl>(std::move(ports))) {}
ChainEngine::~ChainEngine() = default;
Status<> ChainEngine::start() {
    return impl_->start();
}
void ChainEngine::stop() {
    impl_->stop();
}
void ChainEngine::notify_work() {
    impl_->notify_work();
}
bool ChainEngine::is_waiting_for_clock() const {
    return impl_->is_waiting_for_clock();
}

}  // namespace millrace::node
