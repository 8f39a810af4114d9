#include "consensus/detail/engine.hpp"

#include <algorithm>
#include <limits>

#include "consensus/detail/mutation.hpp"

namespace millrace::consensus::detail {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

}  // namespace

std::optional<Proposal> Round::agreed() const {
    if (finalization) return finalization->subject.proposal;
    if (notarization) return notarization->subject.proposal;
    return std::nullopt;
}

std::optional<Certificate>& Round::slot(VoteKind kind) {
    switch (kind) {
        case VoteKind::notarize:
            return notarization;
        case VoteKind::nullify:
            return nullification;
        case VoteKind::finalize:
            break;
    }
    return finalization;
}

Engine::Engine(Config config, const BlockReader& reader, const VoteVerifier& verifier,
               const std::vector<Record>& records)
    : config_(std::move(config)),
      reader_(reader),
      verifier_(verifier),
      current_(next(config_.floor.view)),
      floor_(config_.floor),
      last_seen_ms_(config_.validators->size()),
      last_helped_ms_(config_.validators->size()) {
    MILLRACE_ASSERT(!config_.self || config_.validators->contains(*config_.self));
    MILLRACE_ASSERT((floor_.view == View{0}) == !floor_.certificate.has_value());
    table_.raise_floor(next(floor_.view));
    replay(records);
    judge_table(records);
}

std::vector<Effect> Engine::step(const Event& event) {
    out_.clear();
    // A driver's mistake with the monotonic clock must not make time-outs go back.
    now_.monotonic_ms = std::max(now_.monotonic_ms, event.now.monotonic_ms);
    now_.wall = event.now.wall;
    std::visit([&](const auto& what) { on(what); }, event.what);
    if (started_) {
        progress();
        flush_log();
        set_timer();
    }
    return std::move(out_);
}

/// Applies the rules until nothing changes. Each turn of the loop enters a view, casts a vote or
/// makes a block final, and all three are bounded by the certificates and blocks at hand.
void Engine::progress() {
    do {
        dirty_ = false;
        if (halted_) return;
        advance_finality();
        if (halted_ || closed_) return;
        certify_rounds();
        enter_next();
        if (halted_) return;
        lead();
        follow();
        time_out();
        cast_finalizes();
    } while (dirty_);
    tend_questions();
    retry();
}

void Engine::on(const Start& /*event*/) {
    if (started_) return;
    started_ = true;
    started_ms_ = now_.monotonic_ms;
    if (!held_) begin_table();
    if (floor_.block.last_of_epoch) return close();
    enter(current_, entry_ ? &*entry_ : nullptr);
    // Own votes of the log count again, here and at the peers: had a quorum crashed right after
    // writing their nullifies, each would stay one vote short for ever.
    if (MILLRACE_MUTANT(own_votes_not_recounted) || !can_vote()) return;
    for (const Subject& subject : table_.subjects()) {
        if (subject.view > floor_.view) emit(Sign{subject});
    }
}

void Engine::on(const Received& event) {
    if (epoch_of(event.message) != config_.epoch || !started_) return;
    if (event.from && !config_.validators->contains(*event.from)) return;
    std::visit([&](const auto& message) { receive(event.from, message); }, event.message);
}

void Engine::on(const TimerFired& /*event*/) {
    timer_set_.reset();
}

void Engine::on(const Persisted& event) {
    while (!waiting_.empty() && waiting_.begin()->first <= event.id) {
        if (!halted_) {
            for (const Subject& subject : waiting_.begin()->second) emit(Sign{subject});
        }
        waiting_.erase(waiting_.begin());
    }
}

void Engine::on(const Signed& event) {
    if (!can_vote() || !table_.contains(event.subject)) return;
    const Vote vote{config_.epoch, event.subject, *config_.self, event.signature};
    count(vote);
    const Subject& subject = event.subject;
    const bool is_proposal =
        subject.kind == VoteKind::notarize && leader_of(subject.view) == *config_.self;
    const BlockPtr block = is_proposal ? find_block(subject.proposal.block) : nullptr;
    // A re-proposal needs no bytes: whoever lacks the block asks for it.
    if (block != nullptr && block->facts.view == subject.view) {
        emit(Broadcast{ProposalMessage{vote, BoundedBytes<kBlockBytesMax>(block->bytes)}});
    } else {
        emit(Broadcast{vote});
    }
}

void Engine::on(const BlockChecked& event) {
    Round* found = find_round(event.view);
    if (found == nullptr || event.verdict == Verdict::pending) return;
    for (auto& [proposal, check] : found->checks) {
        if (proposal.block != event.block || check.state != CheckState::asked) continue;
        check.state = event.verdict == Verdict::valid ? CheckState::valid : CheckState::invalid;
        check.last_of_epoch = event.last_of_epoch;
    }
    if (event.block == floor_.block.hash && floor_.view >= event.view) {
        if (event.verdict == Verdict::invalid) return halt(HaltReason::invalid_certified_block);
        floor_executed_ = true;
        floor_.block.last_of_epoch = event.last_of_epoch;
        if (event.last_of_epoch) close();
    }
}

void Engine::on(const WorkWaiting& event) {
    if (!event.waiting) {
        work_since_ms_.reset();
    } else if (!work_since_ms_) {
        work_since_ms_ = now_.monotonic_ms;
    }
}

void Engine::on(const CloseEpoch& /*event*/) {
    floor_.block.last_of_epoch = true;
    close();
}

/// One Persist for all that this step has to write: one sync covers it.
void Engine::flush_log() {
    if (records_.empty()) return;
    const PersistId id{++persist_count_};
    emit(Persist{id, std::move(records_)});
    records_.clear();
    if (to_sign_.empty()) return;
    if (MILLRACE_MUTANT(sign_before_durable)) {
        for (const Subject& subject : to_sign_) emit(Sign{subject});
    } else {
        waiting_[id] = std::move(to_sign_);
    }
    to_sign_.clear();
}

std::uint64_t Engine::next_wake() const {
    std::uint64_t wake = kNever;
    if (closed_ || halted_) return wake;
    const auto consider = [&](std::optional<std::uint64_t> at) {
        // What is due has had its chance in this step; asking for it again would spin.
        if (at && *at > now_.monotonic_ms) wake = std::min(wake, *at);
    };
    if (can_vote() && !has_nullified(current_)) {
        const Round* now = find_round(current_);
        const std::uint64_t base = waiting_base();
        if (now == nullptr || !now->proposed) consider(base + grown(2 * config_.timing.delta_ms));
        consider(base + grown(3 * config_.timing.delta_ms));
    }
    consider(retry_ms_);
    consider(build_ms_);
    consider(hold_ms_);
    for (const auto& [question, state] : questions_) consider(state.next_try_ms);
    return wake;
}

void Engine::set_timer() {
    const std::uint64_t wake = next_wake();
    if (wake == kNever || timer_set_ == wake) return;
    timer_set_ = wake;
    emit(SetTimer{wake});
}

void Engine::halt(HaltReason reason) {
    if (halted_) return;
    halted_ = true;
    records_.clear();
    to_sign_.clear();
    emit(Halt{reason});
    if (reason == HaltReason::conflicting_finality) publish_certificates();
}

/// Both sides of a fork lay open what they acted on. At the view where they part, one side's
/// finalization and the other's certificate share more than a third of the weight, so that each
/// honest node ends with evidence against all of it.
void Engine::publish_certificates() {
    for (const auto& [view, at] : rounds_) {
        for (const auto* slot : {&at.notarization, &at.nullification, &at.finalization}) {
            if (*slot) emit(Broadcast{**slot});
        }
    }
}

ValidatorIndex Engine::leader_of(View view) const {
    return elect_leader(*config_.validators, config_.seed, view);
}

Simplex::Sizes Engine::sizes() const {
    return {rounds_.size(), blocks_.size(), questions_.size()};
}

}  // namespace millrace::consensus::detail
