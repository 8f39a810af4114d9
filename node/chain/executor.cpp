#include "node/chain/executor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/ed25519.hpp"
#include "market/block/fees.hpp"
#include "market/ledger/accounts.hpp"
#include "market/ledger/chain.hpp"
#include "market/ledger/validators.hpp"
#include "market/state_root.hpp"
#include "node/chain/history.hpp"

namespace millrace::node {

namespace cs = consensus;

namespace {

constexpr int kErrorChain = 2;

/// A reader that can be turned from the parent's overlay to the database once the parent is final.
class StateLink final : public market::StateReader {
  public:
    explicit StateLink(const market::StateReader& target) : target_(&target) {}
    void turn_to(const market::StateReader& target) { target_ = &target; }
    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override {
        return target_->get(key);
    }
    [[nodiscard]] std::vector<market::StateEntry> scan(ByteView prefix, ByteView from,
                                                       std::size_t limit) const override {
        return target_->scan(prefix, from, limit);
    }

  private:
    const market::StateReader* target_;
};

class PagesLink final : public MapPageStore {
  public:
    explicit PagesLink(const MapPageStore& target) : target_(&target) {}
    void turn_to(const MapPageStore& target) { target_ = &target; }
    [[nodiscard]] std::optional<Bytes> get(const MapPageId& id) const override {
        return target_->get(id);
    }

  private:
    const MapPageStore* target_;
};

MapUpdate commit_writes(const MapPageStore& pages, const MapRoot& root,
                        const market::StateWrites& writes, Fork& fork) {
    auto update = update_map(pages, root, market::map_changes(writes, fork), fork);
    if (!update.has_value())
        stop_on_ledger_fault(Error{kErrorChain, std::string("the state's tree is damaged (") +
                                                    enum_name(update.error()) +
                                                    "); restore the data folder or join anew"});
    return *std::move(update);
}

/// Computes roots over one parent and keeps the last update, which is the one that was asked for.
class MapCommitter final : public market::StateCommitter {
  public:
    MapCommitter(const MapPageStore& pages, const MapRoot& root, Fork& fork)
        : pages_(pages), root_(root), fork_(fork) {}
    StateRoot root_after(const market::StateWrites& writes) const override {
        update_ = commit_writes(pages_, root_, writes, fork_);
        return market::to_state_root(update_.root);
    }
    MapUpdate take() { return std::move(update_); }

  private:
    const MapPageStore& pages_;
    const MapRoot& root_;
    Fork& fork_;
    mutable MapUpdate update_;
};

cs::BlockFacts facts_of(const market::BlockHeader& header) {
    return {market::block_hash(header),
            header.parent,
            header.epoch,
            header.view,
            header.height,
            header.time};
}

void append_state(std::vector<DbWrite>& batch, const market::StateWrites& writes) {
    for (const auto& [key, value] : writes) batch.push_back({Column::flat, key, value});
}
void append_pages(std::vector<DbWrite>& batch, const MapPageWrites& writes) {
    for (const auto& [id, page] : writes) batch.push_back({Column::pages, id.key(), page});
}

}  // namespace

std::optional<cs::BlockFacts> MarketBlockReader::read(ByteView bytes) const {
    const auto block = decode<market::Block>(bytes);
    if (!block.has_value()) return std::nullopt;
    // The hash is the header's: a body that is not the header's must not pass under it, or whoever
    // answers first could have a good block judged by a bad body.
    if (!market::body_matches(*block)) return std::nullopt;
    return facts_of(block->header);
}

bool Ed25519Verifier::verify(const Ed25519Key& key, ByteView message,
                             const Ed25519Signature& signature) const {
    return millrace::verify(key, message, signature);
}

/// A block that was executed and is not final: its writes over its parent's.
struct Executor::Speculative {
    Speculative(const market::StateReader& parent_state, const MapPageStore& parent_pages,
                const MapRoot& parent_root)
        : state_link(parent_state), pages_link(parent_pages), parent_map(parent_root) {}

    StateLink state_link;
    PagesLink pages_link;
    MapRoot parent_map;
    /// Kept while this one reads through it; let go once it is final.
    std::shared_ptr<Speculative> parent;

    ExecutedBlockPtr done;
    std::optional<market::OverlayView> state;
    std::optional<MapOverlay> pages;

    /// Takes the outcome in; from then on children may stand on this block.
    void settle(market::Block executed, market::BlockOutcome result, MapUpdate update) {
        const BlockHash hash = market::block_hash(executed.header);
        done = std::make_shared<const ExecutedBlock>(ExecutedBlock{
            std::move(executed), std::move(result), hash, update.root, std::move(update.writes)});
        state.emplace(state_link, done->outcome.writes);
        pages.emplace(pages_link, done->pages);
    }
    [[nodiscard]] const market::BlockHeader& header() const { return done->block.header; }
};

Executor::Executor(Ports ports)
    : ports_(std::move(ports)),
      db_state_(ports_.db),
      db_pages_(ports_.db),
      workers_(Workers::threads_here()),
      tx_checks_(workers_,
                 [this](const market::SignedTx& tx) -> std::optional<market::CheckedTx> {
                     // A node that catches up knows nothing: it is spared the hash.
                     if (ports_.mempool.usage().transactions == 0) return std::nullopt;
                     // The hash covers the signature too: the same hash was the same check.
                     return ports_.mempool.find(market::tx_hash(tx));
                 }),
      finalizer_({ports_.db, ports_.mempool, ports_.on_final, ports_.history_blocks}) {}

Result<std::unique_ptr<Executor>> Executor::open(Ports ports, const market::Genesis& genesis) {
    std::unique_ptr<Executor> executor(new Executor(std::move(ports)));
    executor->chain_ = market::chain_id_of(genesis);
    MILLRACE_TRY(std::optional<Head> head, BlockStore(executor->ports_.db).head());
    if (head) {
        executor->head_ = *std::move(head);
        if (market::load_chain(executor->db_state_).chain != executor->chain_)
            return Err{Error{kErrorChain,
                             "the data folder holds another chain than the genesis document names; "
                             "choose another folder with --data-dir"}};
        return executor;
    }
    MILLRACE_CHECK(executor->begin(genesis));
    return executor;
}

Status<> Executor::begin(const market::Genesis& genesis) {
    const MapRoot empty;
    const MapCommitter committer(db_pages_, empty, workers_);
    const market::StateWrites writes = market::genesis_writes(genesis);
    StoredBlock stored;
    stored.block.header = market::genesis_header(genesis, committer);
    const MapUpdate update = commit_writes(db_pages_, empty, writes, workers_);
    head_.hash = market::block_hash(stored.block.header);
    head_.height = stored.block.header.height;
    head_.time = stored.block.header.time;
    head_.epoch = stored.block.header.epoch;
    head_.map = update.root;
    std::vector<DbWrite> batch;
    append_state(batch, writes);
    append_pages(batch, update.writes);
    BlockStore::put_block(batch, stored, head_.hash);
    BlockStore::put_head(batch, head_);
    BlockStore::put_history_since(batch, head_.height);
    append_genesis_history(batch, genesis);
    return ports_.db.commit(batch);
}

std::shared_ptr<Executor::Speculative> Executor::find(const BlockHash& hash) const {
    const auto found = blocks_.find(hash);
    return found == blocks_.end() ? nullptr : found->second;
}

std::shared_ptr<Executor::Speculative> Executor::fresh_on(const BlockHash& parent) const {
    if (parent == head_.hash && under_way_.empty())
        return std::make_shared<Speculative>(db_state_, db_pages_, head_.map);
    const std::shared_ptr<Speculative> below = find(parent);
    // What lies under the head is on its way into the database: nothing can stand on it any more.
    if (!below || below->header().height < head_.height) return nullptr;
    auto block = std::make_shared<Speculative>(*below->state, *below->pages, below->done->map);
    block->parent = below;
    return block;
}

void Executor::keep(std::shared_ptr<Speculative> block) {
    const BlockHash hash = block->done->hash;
    blocks_[hash] = std::move(block);
}

const market::StateReader& Executor::head_state() const {
    if (under_way_.empty()) return db_state_;
    return *find(head_.hash)->state;
}

std::optional<Application::Built> Executor::build(const cs::BuildBlock& wanted) {
    if (ports_.signer == nullptr) return std::nullopt;
    const std::shared_ptr<Speculative> fresh = fresh_on(wanted.parent.hash);
    if (!fresh) return std::nullopt;
    const market::ChainState before = market::load_chain(fresh->state_link);
    market::BlockInput input;
    input.parent = wanted.parent.hash;
    input.view = wanted.view;
    input.time = std::max(ports_.clock.now().wall, wanted.timestamp_min);
    const std::vector<market::SetMember> members = market::load_validators(fresh->state_link);
    const auto self = std::find_if(members.begin(), members.end(), [&](const auto& member) {
        return member.vote_key == ports_.signer->vote_key();
    });
    if (self == members.end()) return std::nullopt;
    input.proposer = static_cast<std::uint16_t>(self - members.begin());
    input.votes = market::choose_votes(fresh->state_link, input, wanted.votes);
    const auto proof = ports_.signer->vrf_prove(before.chain, before.beacon);
    if (!proof.has_value()) {
        spdlog::error("cannot build a block: {}", proof.error().message);
        return std::nullopt;
    }
    input.beacon_proof = *proof;
    const std::uint64_t version = ports_.mempool.version();
    const market::Params params = market::load_params(fresh->state_link);
    Mempool::Walk candidates(
        ports_.mempool,
        [&](const Address& sender, std::uint8_t lane) {
            const auto account =
                market::load<market::Account>(fresh->state_link, market::account_key(sender));
            return account ? market::next_sequence(*account, lane) : 0;
        },
        [&](const market::CheckedTx& tx) {
            return market::charge_of(fresh->state_link, before, params, tx).reserved;
        });
    MapCommitter committer(fresh->pages_link, fresh->parent_map, workers_);
    auto built = market::build_block(fresh->state_link, committer, input, candidates);
    if (!built.has_value()) {
        spdlog::error("cannot build a block: {}", market::sentence(built.error()));
        return std::nullopt;
    }
    drop_refused(built->refused, input.time);
    // What waits and cannot go is no work: else one transaction with a nonce too high would keep
    // the chain making empty blocks at full speed. The idle pace tries it again.
    stuck_at_ = built->block.transactions.empty() ? std::optional(version) : std::nullopt;
    fresh->settle(std::move(built->block), std::move(built->outcome), committer.take());
    keep(fresh);
    return Built{encode(fresh->done->block), fresh->done->outcome.last_of_epoch};
}

/// What the newest final state refuses, too, goes: it ranked above what is good, and would do so
/// again in every block until its expiry. Refused only where the parent is not final is not enough,
/// for that may come to nothing.
void Executor::drop_refused(const std::vector<TxHash>& refused, WallTime time) {
    std::vector<TxHash> dead;
    for (const TxHash& hash : refused) {
        const auto tx = ports_.mempool.find(hash);
        if (!tx) continue;
        const auto good = market::check_envelope(head_state(), *tx, time);
        if (!good.has_value() && good.error() != market::Refusal::nonce_too_high)
            dead.push_back(hash);
    }
    ports_.mempool.drop(dead);
}

Application::Checked Executor::check(const cs::CheckBlock& wanted) {
    if (const auto known = find(wanted.block->facts.hash))
        return {cs::Verdict::valid, known->done->outcome.last_of_epoch};
    const std::shared_ptr<Speculative> fresh = fresh_on(wanted.block->facts.parent);
    // A parent that is not here yet comes by itself; the machine asks again.
    if (!fresh) return {cs::Verdict::pending, false};
    auto block = decode<market::Block>(wanted.block->bytes);
    if (!block.has_value()) return {cs::Verdict::invalid, false};
    const market::Params params = market::load_params(fresh->state_link);
    const auto transactions = tx_checks_.begin(block->transactions, chain_, params);
    MapCommitter committer(fresh->pages_link, fresh->parent_map, workers_);
    auto outcome = market::check_block(fresh->state_link, committer, block->header, *transactions,
                                       block->votes);
    if (!outcome.has_value()) {
        spdlog::debug("invalid block at height {}: {}", block->header.height.value,
                      market::sentence(outcome.error()));
        return {cs::Verdict::invalid, false};
    }
    fresh->settle(*std::move(block), *std::move(outcome), committer.take());
    keep(fresh);
    return {cs::Verdict::valid, fresh->done->outcome.last_of_epoch};
}

Result<bool> Executor::finalize(const cs::Finalize& final) {
    Finalizer::Work work;
    std::deque<UnderWay> fresh;
    Head head = head_;
    for (const cs::BlockPtr& block : final.blocks) {
        if (block->facts.height <= head_.height) continue;  // told again after a restart
        std::shared_ptr<Speculative> executed = find(block->facts.hash);
        if (!executed) {
            // After a restart the log has the block and the overlays are gone: execute it again.
            cs::CheckBlock again;
            again.block = block;
            if (check(again).verdict != cs::Verdict::valid)
                return Err{
                    Error{kErrorChain,
                          "a final block at height " + std::to_string(block->facts.height.value) +
                              " does not execute here as it did for the quorum; this build or "
                              "this data folder differs from the validators'"}};
            executed = find(block->facts.hash);
        }
        const ExecutedBlockPtr& done = executed->done;
        head.hash = done->hash;
        head.height = done->block.header.height;
        head.time = done->block.header.time;
        head.epoch = done->block.header.epoch;
        head.last_of_epoch = done->outcome.last_of_epoch;
        head.map = done->map;
        work.blocks.push_back(done);
        fresh.push_back({done->hash, done->block.transactions.size()});
    }
    // A finalization that is told again must not put an older proof in the place of a newer one.
    if (!work.blocks.empty() || final.certificate.subject.view > head_.view) {
        head.view = final.certificate.subject.view;
        head.certificate = final.certificate;
    }
    head_ = head;
    under_way_.insert(under_way_.end(), fresh.begin(), fresh.end());
    forget_orphans();
    work.head = std::move(head);
    work.proven = final.certificate.subject.proposal.block;
    finalizer_.hand_over(std::move(work));
    return head_.last_of_epoch;
}

Result<std::optional<BlockHash>> Executor::durable(Wait wait) {
    MILLRACE_TRY(const std::optional<BlockHash> newest, finalizer_.take_durable(wait == Wait::all));
    if (newest) forget_durable(*newest);
    return newest;
}

void Executor::forget_durable(const BlockHash& newest) {
    const auto last = std::find_if(under_way_.begin(), under_way_.end(),
                                   [&](const UnderWay& one) { return one.hash == newest; });
    // Told again, and durable before.
    if (last == under_way_.end()) return;
    for (auto it = under_way_.begin(); it != std::next(last); ++it) blocks_.erase(it->hash);
    under_way_.erase(under_way_.begin(), std::next(last));
    // What stood on it reads the database from now on, which holds the same.
    for (const auto& [hash, block] : blocks_) {
        if (block->header().parent != newest) continue;
        block->state_link.turn_to(db_state_);
        block->pages_link.turn_to(db_pages_);
        block->parent.reset();
    }
}

/// What stands on a block that came to nothing can never become final, and its overlay would read
/// through to a database that goes another way.
void Executor::forget_orphans() {
    std::vector<std::shared_ptr<Speculative>> by_height;
    by_height.reserve(blocks_.size());
    for (const auto& [hash, block] : blocks_) by_height.push_back(block);
    std::sort(by_height.begin(), by_height.end(),
              [](const auto& a, const auto& b) { return a->header().height < b->header().height; });
    for (const std::shared_ptr<Speculative>& block : by_height) {
        const bool is_final =
            std::any_of(under_way_.begin(), under_way_.end(),
                        [&](const UnderWay& one) { return one.hash == block->done->hash; });
        const BlockHash& parent = block->header().parent;
        const bool stands = block->header().height > head_.height &&
                            (parent == head_.hash || blocks_.contains(parent));
        if (!is_final && !stands) blocks_.erase(block->done->hash);
    }
}

std::optional<WallTime> Executor::wall_of(ActiveTime at) const {
    const market::ChainState chain = market::load_chain(head_state());
    const std::uint64_t ahead =
        at.value > chain.active_time.value ? at.value - chain.active_time.value : 0;
    return WallTime{chain.time.value + ahead};
}

bool Executor::has_work() const {
    // What is final leaves the mempool once it is durable. Should some of it have come from others
    // and never been here, this counts too low until then, and no longer.
    std::size_t is_final = 0;
    for (const UnderWay& one : under_way_) is_final += one.transactions;
    return ports_.mempool.usage().transactions > is_final && ports_.mempool.version() != stuck_at_;
}

std::optional<WallTime> Executor::work_due() const {
    const auto at = market::next_work(head_state());
    return at ? wall_of(*at) : std::nullopt;
}

cs::Config Executor::next_epoch(const std::optional<Ed25519Key>& self) const {
    const market::StateReader& state = head_state();
    const market::ChainState chain = market::load_chain(state);
    // The state after a boundary block is in the next epoch already.
    const Epoch epoch = chain.epoch;
    std::vector<cs::Validator> validators;
    const auto members = market::find_epoch_set(state, epoch);
    MILLRACE_ASSERT(members.has_value());
    for (const market::SetMember& member : members->members)
        validators.push_back({member.vote_key, member.weight});
    auto set = cs::ValidatorSet::make(std::move(validators));
    MILLRACE_ASSERT(set.has_value());
    cs::Config config;
    config.chain = vote_domain(chain.chain, members->recovery);
    config.epoch = epoch;
    config.validators = std::make_shared<const cs::ValidatorSet>(*std::move(set));
    config.seed = cs::leader_seed(hash_as<cs::Beacon>(chain.epoch_seeds[0]), epoch);
    if (self) config.self = config.validators->find(*self);
    config.timing.spacing_min_ms = market::load_params(state).time.block_spacing_min_ms;
    // As the first block of an epoch the boundary is closed to nobody: the next one stands on it.
    config.floor.block = {head_.hash, head_.height, head_.time, false};
    if (head_.last_of_epoch) {
        config.began = head_.time;
    } else if (epoch > Epoch{0}) {
        const auto before = BlockStore(ports_.db).handovers(Epoch{epoch.value - 1}, 1);
        if (!before.has_value()) stop_on_ledger_fault(before.error());
        // Folders of earlier builds may lack it: then it is not known.
        if (!before->empty() && before->front().header.epoch == Epoch{epoch.value - 1})
            config.began = before->front().header.time;
    }
    if (!head_.last_of_epoch && head_.certificate) {
        config.floor.view = head_.view;
        config.floor.certificate = head_.certificate;
    }
    return config;
}

}  // namespace millrace::node
