#include "node/chain/finalizer.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "common/auth_map_proof.hpp"
#include "market/ledger/validators.hpp"
#include "node/chain/history.hpp"
#include "node/chain/state_db.hpp"

namespace millrace::node {

namespace {

constexpr int kErrorChain = 2;

/// What leads light clients from the voters of the epoch that this block ends to those of the epoch
/// after the next: its state has their set for the first time.
market::Handover handover_of(const ExecutedBlock& last, const consensus::Certificate& certificate,
                             const market::StateReader& state, const MapPageStore& pages) {
    const market::BlockHeader& header = last.block.header;
    const market::Key key = market::epoch_set_key(Epoch{header.epoch.value + 2});
    auto set = state.get(key);
    MILLRACE_ASSERT(set.has_value());
    const auto proof = prove_in_map(pages, last.map, map_path(key));
    if (!proof.has_value())
        stop_on_ledger_fault(Error{kErrorChain, std::string("the state's tree is damaged (") +
                                                    enum_name(proof.error()) +
                                                    "); restore the data folder or join anew"});
    return {header, encode(certificate), *std::move(set), encode(*proof)};
}

}  // namespace

class Finalizer::Impl {
  public:
    explicit Impl(Ports ports)
        : ports_(std::move(ports)),
          state_(ports_.db),
          pages_(ports_.db),
          thread_([this] { run(); }) {}
    ~Impl() {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void hand_over(Work work) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return queue_.size() < kUnderWayMax || error_; });
        queue_.push_back(std::move(work));
        lock.unlock();
        changed_.notify_all();
    }

    Result<std::optional<BlockHash>> take_durable(bool wait_for_all) {
        std::unique_lock lock(mutex_);
        if (wait_for_all) changed_.wait(lock, [this] { return queue_.empty() || error_; });
        if (error_) return Err{*error_};
        return std::exchange(durable_, std::nullopt);
    }

    void wake_by(std::function<void()> wake) {
        const std::lock_guard lock(wake_mutex_);
        wake_ = std::move(wake);
    }

  private:
    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return is_stopping_ || (!queue_.empty() && !error_); });
            if (queue_.empty() || error_) return;
            // It stays in the queue, and so under way, until it is durable.
            const Work& work = queue_.front();
            lock.unlock();
            const Status<> done = write(work);
            if (done.has_value()) tell(work);
            lock.lock();
            if (done.has_value()) {
                durable_ = work.proven;
                queue_.pop_front();
            } else {
                error_ = done.error();
            }
            changed_.notify_all();
            lock.unlock();
            {
                const std::lock_guard wake_lock(wake_mutex_);
                if (wake_) wake_();
            }
            lock.lock();
        }
    }

    Status<> write(const Work& work) {
        std::vector<DbWrite> batch;
        // All earlier work is in the database by now: there lies the state that this one stands on.
        // One block alone, the rule, is written as it is; several are laid over each other first.
        const bool is_alone = work.blocks.size() == 1;
        market::StateWrites several_state;
        MapPageWrites several_pages;
        const market::StateWrites& state =
            is_alone ? work.blocks.front()->outcome.writes : several_state;
        const MapPageWrites& pages = is_alone ? work.blocks.front()->pages : several_pages;
        const market::OverlayView after(state_, state);
        for (const ExecutedBlockPtr& one : work.blocks) {
            if (!is_alone) {
                for (const auto& [key, value] : one->outcome.writes)
                    several_state.insert_or_assign(key, value);
                merge_writes(several_pages, one->pages);
            }
            StoredBlock stored{one->block, one->outcome.receipts, std::nullopt};
            if (one == work.blocks.back()) stored.certificate = work.head.certificate;
            BlockStore::put_block(batch, stored, one->hash);
            append_history(batch, {one->block, one->outcome.receipts, one->outcome.events, after});
        }
        // The last that its epoch's agreement makes final has a certificate of its own.
        if (!work.blocks.empty() && work.blocks.back()->outcome.last_of_epoch)
            BlockStore::put_handover(batch, handover_of(*work.blocks.back(), *work.head.certificate,
                                                        after, MapOverlay(pages_, pages)));
        for (const auto& [key, value] : state) batch.push_back({Column::flat, key, value});
        for (const auto& [id, page] : pages) batch.push_back({Column::pages, id.key(), page});
        BlockStore::put_head(batch, work.head);
        return ports_.db.commit(batch);
    }

    void tell(const Work& work) {
        const Head& head = work.head;
        ports_.db.release_history_below(
            history_floor(head.height, ports_.history_blocks, Height{}).value);
        // Only now: who asks for a transaction finds it in the mempool or in the ledger, at any
        // moment.
        for (const ExecutedBlockPtr& one : work.blocks)
            ports_.mempool.remove_final(one->block.transactions);
        ports_.mempool.drop_expired(head.time);
        for (const ExecutedBlockPtr& one : work.blocks)
            ports_.on_final(std::make_shared<const FinalBlock>(FinalBlock{
                one->hash, one->block.header, one->outcome.receipts, one->outcome.events}));
    }

    Ports ports_;
    DbState state_;
    DbPages pages_;
    std::mutex wake_mutex_;
    std::function<void()> wake_;  // guarded by wake_mutex_
    std::mutex mutex_;
    std::condition_variable changed_;
    // Guarded by mutex_, as all below; the front is only read, by the thread, until it is durable.
    std::deque<Work> queue_;
    std::optional<BlockHash> durable_;
    std::optional<Error> error_;
    bool is_stopping_ = false;
    std::thread thread_;
};

Finalizer::Finalizer(Ports ports) : impl_(std::make_unique<Impl>(std::move(ports))) {}
Finalizer::~Finalizer() = default;
void Finalizer::hand_over(Work work) {
    impl_->hand_over(std::move(work));
}
Result<std::optional<BlockHash>> Finalizer::take_durable(bool wait_for_all) {
    return impl_->take_durable(wait_for_all);
}
void Finalizer::wake_by(std::function<void()> wake) {
    impl_->wake_by(std::move(wake));
}

}  // namespace millrace::node
