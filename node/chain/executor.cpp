#include "node/chain/executor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/ed25519.hpp"
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
                        const market::StateWrites& writes) {
    auto update = update_map(pages, root, market::map_changes(writes));
    if (!update.has_value())
        stop_on_ledger_fault(Error{kErrorChain, std::string("the state's tree is damaged (") +
                                                    enum_name(update.error()) +
                                                    "); restore the data folder or join anew"});
    return *std::move(update);
}

/// Computes roots over one parent and keeps the last update, which is the one that was asked for.
class MapCommitter final : public market::StateCommitter {
  public:
    MapCommitter(const MapPageStore& pages, const MapRoot& root) : pages_(pages), root_(root) {}
    StateRoot root_after(const market::StateWrites& writes) const override {
        update_ = commit_writes(pages_, root_, writes);
        return market::to_state_root(update_.root);
    }
    MapUpdate take() { return std::move(update_); }

  private:
    const MapPageStore& pages_;
    const MapRoot& root_;
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

    market::Block block;
    market::BlockOutcome outcome;
    BlockHash hash;
    MapRoot map;
    std::optional<market::Overlay> state;
    std::optional<MapOverlay> pages;

    /// Takes the outcome in; from then on children may stand on this block.
    void settle(market::Block executed, market::BlockOutcome result, MapUpdate update) {
        block = std::move(executed);
        outcome = std::move(result);
        hash = market::block_hash(block.header);
        map = update.root;
        state.emplace(state_link);
        state->absorb(outcome.writes);
        pages.emplace(pages_link, std::move(update.writes));
    }
};

Executor::Executor(Ports ports)
    : ports_(std::move(ports)),
      db_state_(ports_.db),
      db_pages_(ports_.db),
      tx_checks_(TxChecks::threads_here(),
                 [this](const TxHash& hash) { return ports_.mempool.find(hash); }) {}

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
    const MapCommitter committer(db_pages_, empty);
    const market::StateWrites writes = market::genesis_writes(genesis);
    StoredBlock stored;
    stored.block.header = market::genesis_header(genesis, committer);
    const MapUpdate update = commit_writes(db_pages_, empty, writes);
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
    if (parent == head_.hash) return std::make_shared<Speculative>(db_state_, db_pages_, head_.map);
    const std::shared_ptr<Speculative> below = find(parent);
    if (!below) return nullptr;
    auto block = std::make_shared<Speculative>(*below->state, *below->pages, below->map);
    block->parent = below;
    return block;
}

void Executor::keep(std::shared_ptr<Speculative> block) {
    blocks_[block->hash] = std::move(block);
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
    const std::vector<market::CheckedTx> candidates =
        ports_.mempool.candidates(market::load_params(fresh->state_link).time.block_bytes_max,
                                  [&](const Address& sender, std::uint8_t lane) {
                                      const auto account = market::load<market::Account>(
                                          fresh->state_link, market::account_key(sender));
                                      return account ? market::next_sequence(*account, lane) : 0;
                                  });
    MapCommitter committer(fresh->pages_link, fresh->parent_map);
    auto built = market::build_block(fresh->state_link, committer, input, candidates);
    if (!built.has_value()) {
        spdlog::error("cannot build a block: {}", market::sentence(built.error()));
        return std::nullopt;
    }
    // Dead in a state that is not final is not dead: its parent may come to nothing.
    if (wanted.parent.hash == head_.hash) ports_.mempool.drop(built->dead);
    // What waits and cannot go is no work: else one transaction with a nonce too high would keep
    // the chain making empty blocks at full speed. The idle pace tries it again.
    stuck_at_ = built->block.transactions.empty() ? std::optional(version) : std::nullopt;
    fresh->settle(std::move(built->block), std::move(built->outcome), committer.take());
    keep(fresh);
    return Built{encode(fresh->block), fresh->outcome.last_of_epoch};
}

Application::Checked Executor::check(const cs::CheckBlock& wanted) {
    if (const auto known = find(wanted.block->facts.hash))
        return {cs::Verdict::valid, known->outcome.last_of_epoch};
    const std::shared_ptr<Speculative> fresh = fresh_on(wanted.block->facts.parent);
    // A parent that is not here yet comes by itself; the machine asks again.
    if (!fresh) return {cs::Verdict::pending, false};
    auto block = decode<market::Block>(wanted.block->bytes);
    if (!block.has_value()) return {cs::Verdict::invalid, false};
    const market::Params params = market::load_params(fresh->state_link);
    const auto transactions = tx_checks_.begin(block->transactions, chain_, params);
    MapCommitter committer(fresh->pages_link, fresh->parent_map);
    auto outcome = market::check_block(fresh->state_link, committer, block->header, *transactions,
                                       block->votes);
    if (!outcome.has_value()) {
        spdlog::debug("invalid block at height {}: {}", block->header.height.value,
                      market::sentence(outcome.error()));
        return {cs::Verdict::invalid, false};
    }
    fresh->settle(*std::move(block), *std::move(outcome), committer.take());
    keep(fresh);
    return {cs::Verdict::valid, fresh->outcome.last_of_epoch};
}

Result<bool> Executor::finalize(const cs::Finalize& final) {
    std::vector<DbWrite> batch;
    MapPageWrites pages;
    market::StateWrites state;
    std::vector<FinalBlockPtr> news;
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
        for (const auto& [key, value] : executed->outcome.writes) state[key] = value;
        merge_writes(pages, executed->pages->writes());
        const bool is_last = block == final.blocks.back();
        StoredBlock stored{executed->block, executed->outcome.receipts, std::nullopt};
        if (is_last) stored.certificate = final.certificate;
        BlockStore::put_block(batch, stored, executed->hash);
        append_history(batch, {executed->block, executed->outcome.receipts,
                               executed->outcome.events, *executed->state});
        head.hash = executed->hash;
        head.height = executed->block.header.height;
        head.time = executed->block.header.time;
        head.epoch = executed->block.header.epoch;
        head.last_of_epoch = executed->outcome.last_of_epoch;
        head.map = executed->map;
        news.push_back(std::make_shared<const FinalBlock>(
            FinalBlock{executed->hash, executed->block.header, executed->outcome.receipts,
                       executed->outcome.events}));
    }
    // A finalization that is told again must not put an older proof in the place of a newer one.
    if (news.empty() && final.certificate.subject.view <= head_.view) return head_.last_of_epoch;
    head.view = final.certificate.subject.view;
    head.certificate = final.certificate;
    append_state(batch, state);
    append_pages(batch, pages);
    BlockStore::put_head(batch, head);
    MILLRACE_CHECK(ports_.db.commit(batch));
    head_ = std::move(head);
    ports_.db.release_history_below(
        history_floor(head_.height, ports_.history_blocks, Height{}).value);
    for (const FinalBlockPtr& block : news)
        if (const auto executed = find(block->hash))
            ports_.mempool.remove_final(executed->block.transactions);
    ports_.mempool.drop_expired(head_.time);
    forget_below(head_.height);
    forget_orphans();
    for (const FinalBlockPtr& block : news) ports_.on_final(block);
    return head_.last_of_epoch;
}

void Executor::forget_below(Height height) {
    for (auto it = blocks_.begin(); it != blocks_.end();) {
        Speculative& block = *it->second;
        if (block.block.header.height <= height) {
            it = blocks_.erase(it);
            continue;
        }
        // What stood on the new head reads the database from now on, which holds the same.
        if (block.block.header.parent == head_.hash) {
            block.state_link.turn_to(db_state_);
            block.pages_link.turn_to(db_pages_);
            block.parent.reset();
        }
        ++it;
    }
}

/// What stands on a block that came to nothing can never become final, and its overlay reads
/// through to a database that has gone another way.
void Executor::forget_orphans() {
    std::vector<std::shared_ptr<Speculative>> by_height;
    by_height.reserve(blocks_.size());
    for (const auto& [hash, block] : blocks_) by_height.push_back(block);
    std::sort(by_height.begin(), by_height.end(), [](const auto& a, const auto& b) {
        return a->block.header.height < b->block.header.height;
    });
    for (const std::shared_ptr<Speculative>& block : by_height) {
        const BlockHash& parent = block->block.header.parent;
        if (parent != head_.hash && !blocks_.contains(parent)) blocks_.erase(block->hash);
    }
}

std::optional<WallTime> Executor::wall_of(ActiveTime at) const {
    const market::ChainState chain = market::load_chain(db_state_);
    const std::uint64_t ahead =
        at.value > chain.active_time.value ? at.value - chain.active_time.value : 0;
    return WallTime{chain.time.value + ahead};
}

bool Executor::has_work() const {
    return ports_.mempool.usage().transactions > 0 && ports_.mempool.version() != stuck_at_;
}

std::optional<WallTime> Executor::work_due() const {
    const auto at = market::next_work(db_state_);
    return at ? wall_of(*at) : std::nullopt;
}

cs::Config Executor::next_epoch(const std::optional<Ed25519Key>& self) const {
    const market::ChainState chain = market::load_chain(db_state_);
    // The state after a boundary block is in the next epoch already.
    const Epoch epoch = chain.epoch;
    std::vector<cs::Validator> validators;
    const auto members = market::find_epoch_set(db_state_, epoch);
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
    config.timing.spacing_min_ms = market::load_params(db_state_).time.block_spacing_min_ms;
    // As the first block of an epoch the boundary is closed to nobody: the next one stands on it.
    config.floor.block = {head_.hash, head_.height, head_.time, false};
    if (!head_.last_of_epoch && head_.certificate) {
        config.floor.view = head_.view;
        config.floor.certificate = head_.certificate;
    }
    return config;
}

}  // namespace millrace::node
