#include <algorithm>

#include "consensus/detail/engine.hpp"
#include "consensus/detail/mutation.hpp"

/// Final blocks in order, the restart from the log, and questions to peers.
namespace millrace::consensus::detail {
namespace {

/// How often a question goes out before it is dropped (and asked anew if still needed): every
/// validator once or twice.
std::uint32_t tries_max(std::size_t validators) {
    return static_cast<std::uint32_t>(2 * validators + 4);
}

}  // namespace

/// The log, in any order of its records: what matters is what it holds, not what came last.
void Engine::replay(const std::vector<Record>& records) {
    for (const Record& record : records) {
        if (const auto* floor = std::get_if<FloorRecord>(&record)) {
            if (floor->epoch == config_.epoch) table_.raise_floor(floor->floor);
        } else if (const auto* block = std::get_if<BlockRecord>(&record)) {
            const auto facts = reader_.read(block->block);
            if (block->epoch != config_.epoch || !facts) continue;
            if (store_block(std::make_shared<const Block>(Block{*facts, block->block})))
                logged_blocks_.insert(facts->hash);
        } else if (const auto* kept = std::get_if<CertificateRecord>(&record)) {
            const Certificate& certificate = kept->certificate;
            const auto signers =
                check_certificate_form(certificate, config_.epoch, *config_.validators);
            const bool old = certificate.subject.view.value + kRetentionViews < floor_.view.value;
            if (!signers || old) continue;
            keep(certificate);
            for (const Vote& vote : take_apart(certificate, *signers)) count(vote);
        }
    }
    if (MILLRACE_MUTANT(vote_table_forgets)) return;
    for (const Record& record : records) {
        const auto* vote = std::get_if<VoteRecord>(&record);
        if (vote == nullptr || vote->epoch != config_.epoch) continue;
        const Subject& subject = vote->subject;
        if (subject.view < table_.floor() || table_.contains(subject)) continue;
        // Own votes that contradict each other: the log is damaged, and we must not add to it.
        if (!table_.check(subject)) {
            config_.may_vote = false;
            continue;
        }
        table_.record(subject);
        Round& at = round(subject.view);
        if (subject.kind == VoteKind::notarize && at.leader == config_.self && !at.proposed)
            at.proposed = subject.proposal;
    }
    records_.clear();
    out_.clear();
}

/// Whether this log knows all that was signed in this epoch. A log that is not begun yet does where
/// there can have been no other: before the first block, and of a single validator, whom nobody can
/// contradict. Else it may stand in the place of a lost one, and until an epoch begins that is
/// later than itself nothing is signed.
void Engine::judge_table(const std::vector<Record>& records) {
    for (const Record& record : records)
        if (const auto* held = std::get_if<TableRecord>(&record)) held_ = *held;
    const bool is_alone = config_.validators->size() == 1;
    const bool is_whole = held_ ? held_->whole == config_.epoch || config_.began >= held_->since
                                : floor_.block.height == Height{0};
    if (!is_whole && !is_alone && !MILLRACE_MUTANT(votes_without_table)) config_.may_vote = false;
}

/// Begins the log, durably before the first vote. With a margin, for the lost one may have been on
/// another machine, and blocks may be ahead of the clock.
void Engine::begin_table() {
    const std::uint64_t wall = now_.wall.value;
    const std::uint64_t newest = floor_.block.timestamp.value;
    const bool is_first = floor_.block.height == Height{0};
    // A clock that is behind the chain would make the beginning earlier than votes that are lost.
    TableRecord begun{std::nullopt,
                      WallTime{std::max(wall, newest) + 2 * config_.timing.early_max_ms}};
    if (is_first || config_.validators->size() == 1) begun.whole = config_.epoch;
    // Who was there when the chain began may miss any number of epochs later.
    if (is_first && wall + config_.timing.early_max_ms >= newest && wall < newest + kGenesisFreshMs)
        begun.since = WallTime{0};
    held_ = begun;
    records_.emplace_back(begun);
}

std::vector<Record> Engine::snapshot_records() const {
    std::vector<Record> out;
    if (held_) out.emplace_back(*held_);
    out.emplace_back(FloorRecord{config_.epoch, table_.floor()});
    for (const BlockHash& hash : logged_blocks_) {
        const BlockPtr block = find_block(hash);
        if (block == nullptr) continue;
        out.emplace_back(BlockRecord{config_.epoch, BoundedBytes<kBlockBytesMax>(block->bytes)});
    }
    if (const Certificate* latest = latest_finalization())
        out.emplace_back(CertificateRecord{*latest});
    for (auto it = rounds_.lower_bound(table_.floor()); it != rounds_.end(); ++it) {
        const Round& at = it->second;
        for (const auto* slot : {&at.notarization, &at.nullification, &at.finalization}) {
            if (*slot) out.emplace_back(CertificateRecord{**slot});
        }
    }
    for (const Subject& subject : table_.subjects())
        out.emplace_back(VoteRecord{config_.epoch, subject});
    return out;
}

/// (R9), (R10) The highest finalization takes all its ancestors with it, oldest first.
void Engine::advance_finality() {
    if (!best_final_ || closed_) return;
    const Subject subject = best_final_->subject;
    if (subject.view <= floor_.view) {
        best_final_.reset();
        return;
    }
    auto chain = chain_to(subject.proposal.block);
    if (!chain) return;
    floor_.view = subject.view;
    floor_.certificate = *best_final_;
    best_final_.reset();
    for (const BlockPtr& block : *chain) final_by_view_[block->facts.view] = block->facts.hash;
    final_by_view_[subject.view] = subject.proposal.block;
    if (!chain->empty()) {
        const BlockFacts& facts = chain->back()->facts;
        floor_.block = {facts.hash, facts.height, facts.timestamp, false};
        floor_executed_ = false;
        undurable_.push_back({facts.hash, facts.height, subject.view});
    }
    const Round& at = round(subject.view);
    if (const auto check = at.checks.find(subject.proposal); check != at.checks.end()) {
        if (check->second.state == CheckState::invalid)
            return halt(HaltReason::invalid_certified_block);
        floor_executed_ = floor_executed_ || check->second.state == CheckState::valid;
        floor_.block.last_of_epoch =
            floor_.block.last_of_epoch ||
            (check->second.state == CheckState::valid && check->second.last_of_epoch);
    }
    emit(Finalize{std::move(*chain), *floor_.certificate});
    dirty_ = true;
    prune();
    if (floor_.block.last_of_epoch) close();
}

/// The blocks above the floor up to this one, oldest first; none while one is missing (it is asked
/// for), when they are too many, or when they do not stand on the floor's block.
std::optional<std::vector<BlockPtr>> Engine::chain_to(const BlockHash& hash) {
    std::vector<BlockPtr> chain;
    BlockHash at = hash;
    while (at != floor_.block.hash) {
        const BlockPtr block = find_block(at);
        if (block == nullptr && chain.size() < kCatchUpBlocksMax) {
            const View view = chain.empty() ? best_final_->subject.view : chain.back()->facts.view;
            ask_block(at, view, leader_of(best_final_->subject.view));
            return std::nullopt;
        }
        const bool far = block == nullptr ||
                         block->facts.height.value > floor_.block.height.value + kCatchUpBlocksMax;
        if (far) {
            // Once per finalization: a sync that failed is tried again with the next one.
            const View view = best_final_->subject.view;
            if (fell_behind_ < view) emit(FellBehind{*best_final_});
            fell_behind_ = std::max(fell_behind_, view);
            return std::nullopt;
        }
        const bool meets_floor = block->facts.height <= next(floor_.block.height);
        if (meets_floor && block->facts.parent != floor_.block.hash) {
            halt(HaltReason::conflicting_finality);
            return std::nullopt;
        }
        chain.push_back(block);
        at = block->facts.parent;
    }
    std::reverse(chain.begin(), chain.end());
    return chain;
}

void Engine::close() {
    if (closed_ || !floor_.certificate) return;
    closed_ = true;
    best_final_.reset();
    questions_.clear();
    emit(EpochEnded{floor_.block.hash, *floor_.certificate});
}

void Engine::prune() {
    const std::uint64_t oldest =
        floor_.view.value > kRetentionViews ? floor_.view.value - kRetentionViews : 0;
    rounds_.erase(rounds_.begin(), rounds_.lower_bound(View{oldest}));
    final_by_view_.erase(final_by_view_.begin(), final_by_view_.lower_bound(View{oldest}));
    drop_passed_blocks();
}

/// What was not voted for here and is not final while its view is, never will be: kept, it would
/// take the room of blocks that can be.
void Engine::drop_passed_blocks() {
    for (auto it = blocks_.begin(); it != blocks_.end();) {
        const BlockFacts& facts = it->second->facts;
        const auto final = final_by_view_.find(facts.view);
        const bool is_final = final != final_by_view_.end() && final->second == facts.hash;
        const bool passed =
            facts.view <= floor_.view && !is_final && !logged_blocks_.contains(facts.hash);
        it = passed ? blocks_.erase(it) : std::next(it);
    }
}

void Engine::on(const FinalizedDurably& event) {
    const auto done = std::find_if(undurable_.begin(), undurable_.end(),
                                   [&](const auto& item) { return item.hash == event.block; });
    if (done == undurable_.end()) return;
    const View view = done->view;
    const Height height = done->height;
    undurable_.erase(undurable_.begin(), std::next(done));
    if (event.block == floor_.block.hash) floor_executed_ = true;
    // Only now may the log below go: the floor is durable before anything relies on it.
    table_.raise_floor(next(view));
    records_.emplace_back(FloorRecord{config_.epoch, next(view)});
    for (auto it = blocks_.begin(); it != blocks_.end();) {
        const bool done_with = it->second->facts.height <= height;
        if (done_with) logged_blocks_.erase(it->first);
        it = done_with ? blocks_.erase(it) : std::next(it);
    }
}

BlockPtr Engine::find_block(const BlockHash& hash) const {
    const auto it = blocks_.find(hash);
    return it == blocks_.end() ? nullptr : it->second;
}

/// Whether a chain on the last final block can hold this block: views rise with heights. Without
/// this a leader could have any number of blocks kept that are never passed.
bool Engine::is_possible(const BlockFacts& facts) const {
    return facts.epoch == config_.epoch && facts.view > floor_.view &&
           facts.height > floor_.block.height &&
           facts.height.value - floor_.block.height.value <= facts.view.value - floor_.view.value;
}

bool Engine::store_block(const BlockPtr& block) {
    if (block->facts.height <= floor_.block.height) return false;
    const bool is_new = find_block(block->facts.hash) == nullptr;
    if (is_new && blocks_.size() >= kBlocksMax && !make_room()) return false;
    blocks_.emplace(block->facts.hash, block);
    dirty_ = true;
    return true;
}

/// The blocks of the best finalization above the floor, down to the first that is missing here.
std::set<BlockHash> Engine::wanted_by_finality() const {
    std::set<BlockHash> wanted;
    if (!best_final_) return wanted;
    BlockHash at = best_final_->subject.proposal.block;
    while (at != floor_.block.hash && wanted.insert(at).second) {
        const BlockPtr block = find_block(at);
        if (block == nullptr) break;
        at = block->facts.parent;
    }
    return wanted;
}

/// What nobody here voted for can be fetched again; the highest goes first, since the lowest are
/// needed first, and of equals the oldest. Never the chain that is being fetched because it is
/// final: of two missing blocks each would drive the other out.
bool Engine::make_room() {
    const std::set<BlockHash> wanted = wanted_by_finality();
    auto spare = blocks_.end();
    for (auto it = blocks_.begin(); it != blocks_.end(); ++it) {
        if (logged_blocks_.contains(it->first) || wanted.contains(it->first)) continue;
        const auto rank = [](const BlockPtr& block) {
            return std::pair(block->facts.height, View{~block->facts.view.value});
        };
        if (spare == blocks_.end() || rank(it->second) > rank(spare->second)) spare = it;
    }
    if (spare == blocks_.end()) return false;
    blocks_.erase(spare);
    return true;
}

void Engine::ask_certificate(View view, VoteKind kind, ValidatorIndex hint) {
    ask(Question{view, kind, std::nullopt}, View{0}, hint);
}
void Engine::ask_block(const BlockHash& hash, View view_max, ValidatorIndex hint) {
    ask(Question{View{0}, VoteKind::nullify, hash}, view_max, hint);
}

void Engine::ask(const Question& question, View block_view_max, ValidatorIndex hint) {
    if (questions_.size() >= kRequestsMax || is_answered(question)) return;
    const QuestionState fresh{hint, block_view_max, now_.monotonic_ms, 0};
    QuestionState& state = questions_.try_emplace(question, fresh).first->second;
    state.block_view_max = std::max(state.block_view_max, block_view_max);
}

bool Engine::is_answered(const Question& question) const {
    if (question.block) return find_block(*question.block) != nullptr;
    if (question.kind == VoteKind::finalize) return question.view <= last_final_view();
    if (question.view <= floor_.view) return true;
    const Round* at = find_round(question.view);
    if (at == nullptr) return false;
    return question.kind == VoteKind::nullify ? at->nullification.has_value()
                                              : at->agreed().has_value();
}

/// One peer at a time, the one that must know first, then round the circle.
void Engine::send_question(const Question& question, QuestionState& state) {
    const auto count = static_cast<std::uint32_t>(config_.validators->size());
    ValidatorIndex to{static_cast<std::uint16_t>((state.hint.value + state.tries) % count)};
    if (to == config_.self) {
        ++state.tries;
        to = ValidatorIndex{static_cast<std::uint16_t>((to.value + 1U) % count)};
    }
    ++state.tries;
    state.next_try_ms = now_.monotonic_ms + 2 * config_.timing.delta_ms;
    if (to == config_.self) return;
    if (question.block) {
        emit(Send{{to}, BlockRequest{config_.epoch, *question.block}});
    } else {
        emit(Send{{to}, CertificateRequest{config_.epoch, question.view, question.kind}});
    }
}

void Engine::tend_questions() {
    for (auto it = questions_.begin(); it != questions_.end();) {
        const bool over =
            is_answered(it->first) || it->second.tries > tries_max(config_.validators->size());
        if (over) {
            it = questions_.erase(it);
            continue;
        }
        if (now_.monotonic_ms >= it->second.next_try_ms) send_question(it->first, it->second);
        ++it;
    }
}

}  // namespace millrace::consensus::detail
