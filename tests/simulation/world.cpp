#include "tests/simulation/world.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tests/simulation/adversary.hpp"

namespace millrace::consensus::sim {
namespace {

/// Wall clocks start here, so that skews cannot go below zero.
constexpr std::uint64_t kWallBase = 1'800'000'000'000;
/// A run that needs more events than this is a flood, which is a failure of its own.
constexpr std::uint64_t kStepsMax = 4'000'000;

}  // namespace

World::World(Options options)
    : options_(std::move(options)), rng_(options_.seed ^ 0x51ed270b8d5cbfa1U), trace_("sim/trace") {
    Rng ids(options_.seed);
    ids.fill(chain_.bytes);
    Oracle::Rules rules;
    Weight total = 0;
    Weight faulty = 0;
    for (std::size_t i = 0; i < options_.weights.size(); ++i) {
        rules.honest.push_back(options_.adversaries[i] == Adversary::none);
        total += options_.weights[i];
        if (!rules.honest[i]) faulty += options_.weights[i];
        const int engines = options_.adversaries[i] == Adversary::twin ? 2 : 1;
        for (int k = 0; k < engines; ++k) {
            auto node = std::make_unique<Node>();
            node->id = nodes_.size();
            node->validator = i;
            node->adversary = options_.adversaries[i];
            if (options_.skew_ms_max > 0) {
                node->skew_ms = static_cast<std::int64_t>(rng_.below(2 * options_.skew_ms_max)) -
                                static_cast<std::int64_t>(options_.skew_ms_max);
            }
            if (i == 0) node->skew_ms += static_cast<std::int64_t>(options_.fast_leader_ms);
            nodes_.push_back(std::move(node));
        }
    }
    rules.below_a_third = faulty * 3 < total;
    oracle_.set_rules(rules);
    side_.assign(nodes_.size(), 0);
}

void World::trace(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    trace_.update_u64(now_ms_).update_u64(a).update_u64(b).update_u64(c);
}

void World::schedule(std::uint64_t in_ms, std::function<void()> run) {
    tasks_.push({now_ms_ + in_ms, rng_.next(), ++task_count_, std::move(run)});
}

void World::schedule_for(Node& node, std::uint64_t in_ms, std::function<void()> run) {
    const std::uint64_t incarnation = node.incarnation;
    schedule(in_ms, [&node, incarnation, run = std::move(run)] {
        if (node.alive && node.incarnation == incarnation) run();
    });
}

Instant World::instant(const Node& node) const {
    const std::uint64_t wall = kWallBase + now_ms_ + static_cast<std::uint64_t>(node.skew_ms);
    return {now_ms_, WallTime{wall}};
}

Epoch World::epoch_at(std::uint64_t height) const {
    if (options_.epoch_heights == 0 || height == 0) return Epoch{0};
    return Epoch{(height - 1) / options_.epoch_heights};
}
bool World::is_last(std::uint64_t height) const {
    return options_.epoch_heights != 0 && height != 0 && height % options_.epoch_heights == 0;
}

/// Validators change places from epoch to epoch, so that an index of one epoch means another
/// validator in the next; and honest ones swap weights.
std::shared_ptr<const ValidatorSet> World::set_of(Epoch epoch) const {
    auto& set = sets_[epoch];
    if (set) return set;
    const std::size_t count = options_.weights.size();
    std::vector<Validator> validators(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = index_of(i, epoch).value;
        validators[at] = {key_of(i), options_.weights[i] + (epoch.value * i) % 2};
    }
    // The honest gain at most what keeps the faulty below a third; twins and others never gain.
    for (std::size_t i = 0; i < count; ++i) {
        if (options_.adversaries[i] != Adversary::none)
            validators[index_of(i, epoch).value].weight = options_.weights[i];
    }
    set = std::make_shared<const ValidatorSet>(*ValidatorSet::make(validators));
    return set;
}

ValidatorIndex World::index_of(std::size_t validator, Epoch epoch) const {
    return ValidatorIndex{
        static_cast<std::uint16_t>((validator + epoch.value) % options_.weights.size())};
}
std::size_t World::validator_of(ValidatorIndex index, Epoch epoch) const {
    const std::size_t count = options_.weights.size();
    return (index.value + count - epoch.value % count) % count;
}

Ed25519Signature World::sign(std::size_t validator, Epoch epoch, const Subject& subject) const {
    return sign_with(key_of(validator), signed_bytes(chain_, epoch, subject));
}

BlockFacts World::genesis() const {
    BlockFacts facts;
    facts.timestamp = WallTime{kWallBase};
    return facts;
}

std::uint64_t World::state_of(const Node& node, const BlockHash& hash) const {
    if (hash == genesis().hash) return 0;
    const auto it = node.executed.find(hash);
    return it == node.executed.end() ? 0 : it->second;
}

Config World::config_of(const Node& node, Epoch epoch, Floor floor) const {
    Config config;
    config.chain = chain_;
    config.epoch = epoch;
    config.validators = set_of(epoch);
    config.seed = leader_seed(genesis_beacon(chain_), epoch);
    config.self = index_of(node.validator, epoch);
    config.timing = options_.timing;
    config.floor = std::move(floor);
    if (epoch > Epoch{0}) {
        const std::size_t boundary = epoch.value * options_.epoch_heights - 1;
        config.began = node.chain[boundary].block.timestamp;
    }
    return config;
}

/// From what the disk holds: the head of the chain is the floor, the log does the rest.
void World::start_engine(Node& node) {
    ++node.incarnation;
    node.inbox.clear();
    node.unsynced.clear();
    node.unsynced_chain.clear();
    node.executed.clear();
    node.timer_at.reset();
    node.epoch_over = false;
    for (const FinalBlock& block : node.chain) node.executed[block.hash] = block.block.state;
    Floor floor;
    Epoch epoch{0};
    if (node.chain.empty()) {
        floor.block = {genesis().hash, Height{0}, genesis().timestamp, false};
    } else {
        const FinalBlock& head = node.chain.back();
        const std::uint64_t height = node.chain.size();
        floor.block = {head.hash, Height{height}, head.block.timestamp, false};
        epoch = epoch_at(height);
        if (is_last(height)) {
            epoch = next(epoch);
        } else {
            floor.certificate = head.certificate;
            floor.view = head.certificate->subject.view;
        }
    }
    oracle_.restarted(node.id, node.chain.size(), floor.block.hash);
    // Records of earlier epochs go before the new epoch's first one is written.
    std::erase_if(node.log, [&](const Record& record) {
        struct EpochOf {
            Epoch operator()(const VoteRecord& r) const { return r.epoch; }
            Epoch operator()(const CertificateRecord& r) const { return r.certificate.epoch; }
            Epoch operator()(const BlockRecord& r) const { return r.epoch; }
            Epoch operator()(const FloorRecord& r) const { return r.epoch; }
            // What a log says of itself stays.
            Epoch operator()(const TableRecord& /*r*/) const { return of; }
            Epoch of;
        };
        return std::visit(EpochOf{epoch}, record) < epoch;
    });
    node.engine =
        std::make_unique<Simplex>(config_of(node, epoch, floor), reader_, verifier_, node.log);
    deliver(node, Start{});
    if (node.alive) deliver(node, WorkWaiting{!options_.idle});
}

void World::start(Node& node) {
    if (node.alive || node.gone) return;
    node.alive = true;
    start_engine(node);
}

/// Whatever was not synced is gone, but for a prefix that the disk happened to write.
void World::crash(Node& node) {
    if (!node.alive) return;
    trace(node.id, 1000, node.unsynced.size());
    std::uint64_t kept = rng_.below(3) == 0 ? rng_.below(8) : 0;
    for (auto& [id, records] : node.unsynced) {
        for (Record& record : records) {
            if (kept == 0) break;
            --kept;
            if (const auto* vote = std::get_if<VoteRecord>(&record))
                node.durable_votes.insert({vote->epoch, vote->subject});
            node.log.push_back(std::move(record));
        }
    }
    node.alive = false;
    ++node.incarnation;
    node.engine.reset();
    node.previous.reset();
    node.inbox.clear();
    node.unsynced.clear();
    node.unsynced_chain.clear();
    schedule(rng_.below(3'000), [this, &node] { start(node); });
}

void World::leave(Node& node) {
    node.gone = true;
    crash(node);
}

/// Only the log is gone, as when somebody deletes it: the chain is there, and so is the key.
void World::lose_table(Node& node) {
    // Where it has voted in epochs that it can leave behind.
    if (node.durable_votes.empty() || node.durable_votes.rbegin()->first == Epoch{0})
        return schedule(100, [this, &node] { lose_table(node); });
    crash(node);
    node.log.clear();
    node.lost = node.durable_votes.rbegin()->first;
}

void World::deliver(Node& node, decltype(Event::what) what) {
    node.inbox.push_back({instant(node), std::move(what)});
    if (node.draining) return;
    node.draining = true;
    const std::uint64_t incarnation = node.incarnation;
    while (node.incarnation == incarnation && !node.inbox.empty()) {
        const Event event = std::move(node.inbox.front());
        node.inbox.pop_front();
        ++steps_;
        trace(node.id, event.what.index(), 0);
        std::vector<Effect> effects = node.engine->step(event);
        for (Effect& effect : effects) {
            if (node.incarnation != incarnation) break;
            trace(node.id, event.what.index(), effect.index() + 1);
            perform(node, std::move(effect));
        }
        const auto sizes =
            node.incarnation == incarnation ? node.engine->sizes() : Simplex::Sizes{};
        if (sizes.blocks > kBlocksMax || sizes.requests > kRequestsMax)
            oracle_.fail("a bound is broken");
    }
    node.draining = false;
}

void World::perform(Node& node, Effect effect) {
    std::visit([&](const auto& what) { on(node, what); }, effect);
}

void World::on(Node& node, const Persist& effect) {
    for (const Record& record : effect.records) {
        const auto* kept = std::get_if<CertificateRecord>(&record);
        if (kept == nullptr || !node.honest()) continue;
        std::vector<Weight> weights;
        for (const Validator& validator : set_of(kept->certificate.epoch)->all())
            weights.push_back(validator.weight);
        oracle_.certificate_kept(kept->certificate, weights);
    }
    node.unsynced.emplace_back(effect.id, effect.records);
    if (!healed_ && rng_.below(1'000) < options_.crash_at_write_permille) return crash(node);
    const PersistId id = effect.id;
    schedule_for(node, rng_.below(options_.sync_ms_max + 1), [this, &node, id] {
        if (node.unsynced.empty() || id < node.unsynced.front().first) return;
        while (!node.unsynced.empty() && node.unsynced.front().first <= id) write_log(node);
        // A crash between the sync and its answer.
        if (!healed_ && rng_.below(1'000) < options_.crash_at_write_permille) return crash(node);
        deliver(node, Persisted{id});
        if (node.alive && node.unsynced.empty() && node.log.size() > 200)
            node.log = node.engine->snapshot_records();
    });
}

void World::write_log(Node& node) {
    for (Record& record : node.unsynced.front().second) {
        if (const auto* vote = std::get_if<VoteRecord>(&record))
            node.durable_votes.insert({vote->epoch, vote->subject});
        node.log.push_back(std::move(record));
    }
    node.unsynced.pop_front();
}

void World::on(Node& node, const Sign& effect) {
    if (node.halted) return;
    const Epoch epoch = node.engine->epoch();
    deliver(node, Signed{effect.subject, sign(node.validator, epoch, effect.subject)});
}

void World::on(Node& node, const Broadcast& effect) {
    if (!node.honest() && Meddler(*this, node).on_outgoing(effect.message)) return;
    for (std::size_t i = 0; i < options_.weights.size(); ++i) {
        if (i != node.validator) transmit(node, i, effect.message);
    }
}

void World::on(Node& node, const Send& effect) {
    for (const ValidatorIndex to : effect.to)
        transmit(node, validator_of(to, epoch_of(effect.message)), effect.message);
}

void World::on(Node& node, const SetTimer& effect) {
    node.timer_at = effect.at_ms;
    const std::uint64_t in_ms = effect.at_ms > now_ms_ ? effect.at_ms - now_ms_ : 0;
    schedule_for(node, in_ms, [this, &node, at = effect.at_ms] {
        if (node.timer_at != at) return;
        node.timer_at.reset();
        deliver(node, TimerFired{});
    });
}

void World::on(Node& node, const BuildBlock& effect) {
    schedule_for(node, rng_.below(options_.execute_ms_max + 1), [this, &node, effect] {
        if (!healed_ && rng_.below(1'000) < options_.decline_permille)
            return deliver(node, BuildDeclined{effect.view});
        SimBlock block;
        block.epoch = node.engine->epoch();
        block.view = effect.view;
        block.height = next(effect.parent.height);
        block.parent = effect.parent.hash;
        block.timestamp = std::max(instant(node).wall, effect.timestamp_min);
        block.salt = rng_.next();
        block.state = mix(state_of(node, block.parent), block.height, block.salt);
        Meddler(*this, node).on_build(block);
        const Bytes bytes = encode(block);
        node.executed[reader_.read(bytes)->hash] = block.state;
        deliver(node, BlockBuilt{effect.view, bytes, is_last(block.height.value)});
    });
}

void World::on(Node& node, const CheckBlock& effect) {
    const std::uint64_t delay = rng_.below(options_.execute_ms_max + 1);
    const bool late = !healed_ && rng_.below(1'000) < options_.pending_permille;
    if (late) deliver(node, BlockChecked{effect.view, effect.block->facts.hash, Verdict::pending});
    schedule_for(node, late ? delay + 700 : delay, [this, &node, effect] {
        const auto block = *decode<SimBlock>(effect.block->bytes);
        const bool right =
            block.state == mix(state_of(node, block.parent), block.height, block.salt) &&
            block.epoch == epoch_at(block.height.value) && block.parent == effect.parent.hash;
        if (right) node.executed[effect.block->facts.hash] = block.state;
        deliver(node, BlockChecked{effect.view, effect.block->facts.hash,
                                   right ? Verdict::valid : Verdict::invalid,
                                   is_last(block.height.value)});
    });
}

void World::on(Node& node, const ServeBlock& effect) {
    const Epoch epoch = node.engine->epoch();
    const auto found = std::find_if(node.chain.rbegin(), node.chain.rend(),
                                    [&](const auto& item) { return item.hash == effect.block; });
    if (found == node.chain.rend()) return;
    transmit(node, validator_of(effect.to, epoch),
             BlockResponse{epoch, BoundedBytes<kBlockBytesMax>(found->bytes)});
}

void World::on(Node& node, const Finalize& effect) {
    for (const BlockPtr& block : effect.blocks) {
        const auto body = *decode<SimBlock>(block->bytes);
        const bool right = body.state == mix(state_of(node, body.parent), body.height, body.salt);
        node.executed[block->facts.hash] = body.state;
        if (node.honest()) {
            oracle_.block_final(node.id, body.height.value, block->facts.hash, body.parent,
                                right && body.epoch == epoch_at(body.height.value));
        }
        node.unsynced_chain.push_back({body, block->facts.hash, block->bytes, std::nullopt});
    }
    if (effect.blocks.empty()) return;
    node.unsynced_chain.back().certificate = effect.certificate;
    if (!healed_ && rng_.below(1'000) < options_.crash_at_write_permille) return crash(node);
    const BlockHash head = effect.blocks.back()->facts.hash;
    schedule_for(node, rng_.below(2 * options_.sync_ms_max + 1), [this, &node, head] {
        const auto is_head = [&](const FinalBlock& block) { return block.hash == head; };
        auto& pending = node.unsynced_chain;
        const auto at = std::find_if(pending.begin(), pending.end(), is_head);
        if (at == pending.end()) return;
        for (auto it = pending.begin(); it != std::next(at); ++it) node.chain.push_back(*it);
        pending.erase(pending.begin(), std::next(at));
        outcome_.height = std::max(outcome_.height, node.durable_height());
        const bool over = is_last(node.durable_height());
        if (over) deliver(node, CloseEpoch{});
        if (node.alive) deliver(node, FinalizedDurably{head});
        if (node.alive && over) next_epoch(node);
    });
}

/// The old engine goes on answering; the new one starts on the final boundary block.
void World::next_epoch(Node& node) {
    // Chain and log lie in one database: what was written before the boundary block is durable with
    // it.
    while (!node.unsynced.empty()) write_log(node);
    auto old = std::move(node.engine);
    start_engine(node);
    node.previous = std::move(old);
    ++outcome_.epochs;
}

void World::on(Node& node, const EpochEnded& /*effect*/) {
    node.epoch_over = true;
}

void World::on(Node& node, const FoundEvidence& effect) {
    const Evidence& evidence = effect.evidence;
    const Epoch epoch = evidence.first.epoch;
    const std::size_t guilty = validator_of(evidence.first.signer, epoch);
    const auto set = set_of(epoch);
    const EvidenceContext context{chain_, epoch, set.get(), &verifier_, Epoch{0}, false};
    if (!check_evidence(evidence, context)) oracle_.fail("the engine found evidence that is none");
    if (is_innocent(options_.adversaries[guilty]))
        oracle_.fail(fmt::format("evidence against honest validator {}", guilty));
    ++outcome_.evidence;
    if (node.honest()) outcome_.accused_by[node.id].insert(guilty);
}

void World::on(Node& node, const Blame& effect) {
    const std::size_t peer = validator_of(effect.peer, node.engine->epoch());
    if (is_innocent(options_.adversaries[peer]))
        oracle_.fail(fmt::format("node {} blames honest validator {} for {}", node.id, peer,
                                 enum_name(effect.fault)));
}

void World::on(Node& node, const FellBehind& effect) {
    for (auto& peer : nodes_) {
        if (peer->id == node.id || !peer->alive || is_cut(node, *peer)) continue;
        if (peer->durable_height() <= node.durable_height()) continue;
        trace(node.id, 1001, effect.certificate.subject.view.value);
        schedule_for(node, options_.delay_max_ms,
                     [this, &node, other = peer.get()] { sync_from(node, *other); });
        return;
    }
}

void World::on(Node& node, const Halt& effect) {
    if (!node.honest()) return;
    node.halted = true;
    if (effect.reason == HaltReason::conflicting_finality) outcome_.forked = true;
    if (!options_.split_twins)
        oracle_.fail(fmt::format("node {} halts: {}", node.id, enum_name(effect.reason)));
}

/// Stands for block sync: blocks with the certificates that prove them, checked one epoch at a
/// time.
void World::sync_from(Node& node, Node& peer) {
    if (!peer.alive || is_cut(node, peer)) return;
    std::size_t good = node.chain.size();
    if (good < peer.chain.size() && good > 0 &&
        peer.chain[good].block.parent != node.chain.back().hash) {
        outcome_.forked = true;
        if (!options_.split_twins) oracle_.fail("a peer's final chain is another one");
        return;
    }
    for (std::size_t i = good; i < peer.chain.size(); ++i) {
        const FinalBlock& block = peer.chain[i];
        if (!block.certificate) continue;
        const Epoch epoch = block.certificate->epoch;
        if (!check_certificate(*block.certificate, chain_, epoch, *set_of(epoch), verifier_) ||
            block.certificate->subject.proposal.block != block.hash)
            return oracle_.fail("a synced block has a bad certificate");
        good = i + 1;
    }
    if (good == node.chain.size()) return;
    while (!node.unsynced.empty()) write_log(node);
    oracle_.restarted(node.id, node.chain.size(),
                      node.chain.empty() ? genesis().hash : node.chain.back().hash);
    for (std::size_t i = node.chain.size(); i < good; ++i) {
        const FinalBlock& block = peer.chain[i];
        node.chain.push_back(block);
        if (node.honest())
            oracle_.block_final(node.id, i + 1, block.hash, block.block.parent, true);
    }
    node.previous.reset();
    start_engine(node);
}

bool World::is_cut(const Node& a, const Node& b) const {
    const bool apart = side_[a.id] != side_[b.id];
    return apart && !(one_way_ && side_[a.id] == 0);
}

void World::transmit(Node& from, std::size_t validator, const Message& message) {
    const Vote* vote = std::get_if<Vote>(&message);
    if (const auto* proposal = std::get_if<ProposalMessage>(&message)) vote = &proposal->vote;
    if (vote != nullptr && from.honest()) {
        const bool durable = from.durable_votes.contains({vote->epoch, vote->subject});
        oracle_.vote_leaves(from.validator, *vote, durable);
        if (from.lost && vote->epoch <= *from.lost)
            oracle_.fail("a validator votes in an epoch whose table it has lost");
        if (from.lost) ++outcome_.votes_after_loss;
    }
    for (auto& to : nodes_) {
        if (to->validator == validator) transmit_to(from, *to, message);
    }
}

void World::transmit_to(Node& from, Node& to, const Message& message) {
    if (is_cut(from, to)) return;
    if (!healed_ && rng_.below(1'000) < options_.loss_permille) return;
    const bool again = !healed_ && rng_.below(1'000) < options_.duplicate_permille;
    // Everything goes through the codec, both ways.
    const Bytes raw = encode(message);
    for (int copies = again ? 2 : 1; copies > 0; --copies) {
        const std::uint64_t delay = rng_.between(options_.delay_min_ms, options_.delay_max_ms);
        schedule(delay, [this, &from, &to, raw] {
            if (!to.alive || is_cut(from, to)) return;
            const auto decoded = decode<Message>(raw);
            if (!decoded || encode(*decoded) != raw) return oracle_.fail("a message is malleable");
            arrive(to, from.validator, *decoded);
        });
    }
}

void World::arrive(Node& node, std::size_t from, const Message& message) {
    if (!node.honest()) Meddler(*this, node).on_arrival(from, message);
    const Epoch epoch = epoch_of(message);
    const Epoch own = node.engine->epoch();
    if (epoch == own) return deliver(node, Received{index_of(from, epoch), message});
    if (node.previous && epoch == node.previous->epoch()) {
        const Event event{instant(node), Received{index_of(from, epoch), message}};
        for (const Effect& effect : node.previous->step(event)) {
            if (const auto* send = std::get_if<Send>(&effect)) on(node, *send);
            if (const auto* broadcast = std::get_if<Broadcast>(&effect)) on(node, *broadcast);
            if (const auto* found = std::get_if<FoundEvidence>(&effect)) on(node, *found);
            if (const auto* stop = std::get_if<Halt>(&effect)) on(node, *stop);
            if (std::holds_alternative<Persist>(effect))
                oracle_.fail("a closed engine writes into the log of the next");
        }
        return;
    }
    if (epoch < own || now_ms_ < node.last_sync_ask_ms + 300) return;
    node.last_sync_ask_ms = now_ms_;
    for (auto& peer : nodes_) {
        if (peer->validator != from) continue;
        schedule_for(node, options_.delay_max_ms,
                     [this, &node, other = peer.get()] { sync_from(node, *other); });
    }
}

/// Crashes and partitions, rolled every 100 ms of the bad phase.
void World::misfortunes() {
    if (healed_) return;
    for (auto& node : nodes_) {
        if (rng_.below(10'000) < options_.crash_permille_per_s) crash(*node);
    }
    if (now_ms_ >= partition_until_ms_ && !options_.split_twins) {
        side_.assign(nodes_.size(), 0);
        if (rng_.below(10'000) < options_.partition_permille_per_s) {
            one_way_ = rng_.chance(4);
            const bool isolate = rng_.chance(2);
            const std::size_t lone = rng_.below(nodes_.size());
            for (std::size_t i = 0; i < nodes_.size(); ++i)
                side_[i] = isolate ? (i == lone ? 1 : 0) : rng_.below(2);
            partition_until_ms_ = now_ms_ + rng_.between(100, 4'000);
        }
    }
    schedule(100, [this] { misfortunes(); });
}

void World::heal() {
    healed_ = true;
    side_.assign(nodes_.size(), 0);
    if (!options_.slow_for_ever) {
        options_.delay_max_ms = std::min(options_.delay_max_ms, options_.timing.delta_ms);
        options_.delay_min_ms = std::min(options_.delay_min_ms, options_.delay_max_ms);
    }
    for (auto& node : nodes_) start(*node);
    for (const auto& node : nodes_) {
        if (node->honest()) height_at_heal_ = std::max(height_at_heal_, node->durable_height());
    }
}

bool World::goal_reached() const {
    if (!healed_) return false;
    return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
        return !node->honest() ||
               node->durable_height() >= height_at_heal_ + options_.heights_after_heal;
    });
}

Outcome World::run() {
    if (options_.split_twins) {
        // Honest validators and the engines of each twin alternate between the sides.
        std::map<bool, std::size_t> count;
        for (std::size_t i = 0; i < nodes_.size(); ++i) side_[i] = count[nodes_[i]->honest()]++ % 2;
    }
    for (auto& node : nodes_) {
        node->gone = node->adversary == Adversary::dead;
        schedule(rng_.below(200), [this, other = node.get()] { start(*other); });
        if (node->adversary == Adversary::goes_silent)
            schedule(rng_.below(options_.fault_ms), [this, other = node.get()] { leave(*other); });
    }
    misfortunes();
    if (options_.all_crash_once) {
        schedule(options_.fault_ms / 2, [this] {
            for (auto& node : nodes_) crash(*node);
        });
    }
    if (options_.table_loser)
        schedule(options_.fault_ms / 2, [this] { lose_table(*nodes_[*options_.table_loser]); });
    schedule(options_.fault_ms, [this] { heal(); });
    const std::uint64_t end_ms = now_ms_ + options_.fault_ms + options_.heal_ms_max;
    const bool wait_for_evidence = options_.split_twins;
    while (!tasks_.empty() && oracle_.failure().empty() && now_ms_ < end_ms) {
        if (goal_reached() && !wait_for_evidence) break;
        const Task task = tasks_.top();
        tasks_.pop();
        now_ms_ = std::max(now_ms_, task.at);
        task.run();
        if (steps_ > kStepsMax) oracle_.fail("too many events: a flood");
    }
    if (!wait_for_evidence && oracle_.failure().empty() && !goal_reached()) {
        std::string where;
        for (const auto& node : nodes_) {
            if (!node->honest()) continue;
            where += fmt::format(" node {}: height {}", node->id, node->durable_height());
            if (node->engine) where += fmt::format(" view {}", node->engine->current_view().value);
        }
        oracle_.fail(
            fmt::format("no progress after healing at height {}:{}", height_at_heal_, where));
    }
    outcome_.failure = oracle_.failure();
    outcome_.ok = outcome_.failure.empty();
    outcome_.forked = outcome_.forked || oracle_.forked();
    outcome_.guilty = oracle_.guilty();
    outcome_.trace = trace_.finish();
    outcome_.steps = steps_;
    outcome_.simulated_ms = now_ms_;
    return outcome_;
}

}  // namespace millrace::consensus::sim
