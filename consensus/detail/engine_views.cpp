#include <algorithm>

#include "consensus/detail/engine.hpp"
#include "consensus/detail/mutation.hpp"

/// The rules of a view: enter, lead, follow, certify, time out, finalize.
namespace millrace::consensus::detail {

Round& Engine::round(View view) {
    const auto it = rounds_.find(view);
    if (it != rounds_.end()) return it->second;
    return rounds_.try_emplace(view, view, leader_of(view), *config_.validators).first->second;
}
Round* Engine::find_round(View view) {
    const auto it = rounds_.find(view);
    return it == rounds_.end() ? nullptr : &it->second;
}
const Round* Engine::find_round(View view) const {
    const auto it = rounds_.find(view);
    return it == rounds_.end() ? nullptr : &it->second;
}

bool Engine::can_vote() const {
    return config_.self && config_.may_vote && !closed_ && !halted_;
}
bool Engine::has_nullified(View view) const {
    const auto* entry = table_.find(view);
    return entry != nullptr && entry->nullified;
}
bool Engine::has_notarized(View view) const {
    const auto* entry = table_.find(view);
    return entry != nullptr && entry->notarized.has_value();
}

/// Puts a vote into the table and the log; it is signed once the log is durable. False when the
/// table forbids it or has it.
bool Engine::cast(const Subject& subject) {
    if (!can_vote() || table_.contains(subject) || !table_.check(subject)) return false;
    table_.record(subject);
    records_.emplace_back(VoteRecord{config_.epoch, subject});
    to_sign_.push_back(subject);
    dirty_ = true;
    return true;
}

/// The block goes into the log with the vote: had all voters lost it in one power cut, a block that
/// some have finalized could be neither certified nor nullified any more.
bool Engine::cast_notarize(Round& at, const Proposal& proposal) {
    const BlockPtr block = find_block(proposal.block);
    const Subject subject = Subject::notarize(at.view, proposal);
    if (!can_vote() || table_.contains(subject) || !table_.check(subject)) return false;
    // Gone for want of room since it was checked. The last final block is the application's.
    if (block == nullptr && proposal.block != floor_.block.hash) {
        ask_block(proposal.block, at.view, at.leader);
        return false;
    }
    if (block != nullptr && logged_blocks_.insert(proposal.block).second) {
        records_.emplace_back(
            BlockRecord{config_.epoch, BoundedBytes<kBlockBytesMax>(block->bytes)});
    }
    return cast(subject);
}

/// The application lags behind finality; voting on would grow the log without end.
bool Engine::is_overrun() const {
    return undurable_.size() > kCatchUpBlocksMax;
}

View Engine::last_final_view() const {
    return best_final_ ? std::max(best_final_->subject.view, floor_.view) : floor_.view;
}

/// (R12) Time-outs grow by half for each view since the last finalization, beyond the one that is
/// usually still under way, up to the cap. The reset hangs on a finalization, never on a mere
/// change of view: otherwise an unknown network delay stalls the chain for ever.
std::uint64_t Engine::grown(std::uint64_t base_ms) const {
    std::uint64_t value = std::min(base_ms, config_.timing.timeout_max_ms);
    if (MILLRACE_MUTANT(no_backoff)) return value;
    for (std::uint64_t view = last_final_view().value + 2; view < current_.value; ++view) {
        if (value >= config_.timing.timeout_max_ms) return config_.timing.timeout_max_ms;
        value += value / 2 + 1;
    }
    return std::min(value, config_.timing.timeout_max_ms);
}

/// From when the leader is expected to act: at once with work waiting, else after the idle pace.
std::uint64_t Engine::waiting_base() const {
    const std::uint64_t idle_end = entered_ms_ + config_.timing.spacing_idle_ms;
    if (!work_since_ms_) return idle_end;
    return std::clamp(*work_since_ms_, entered_ms_, idle_end);
}

/// (R2) The leader was silent for the skip time while a quorum was heard. Any valid vote is a sign
/// of life; accusations by others are none of absence.
bool Engine::is_leader_absent(ValidatorIndex leader) const {
    // Longer than a view can last: else whoever votes last in long views would pass for absent.
    const Timing& timing = config_.timing;
    const std::uint64_t skip = timing.skip_ms + timing.spacing_idle_ms + grown(3 * timing.delta_ms);
    if (leader == config_.self || now_.monotonic_ms < started_ms_ + skip) return false;
    const auto is_active = [&](std::size_t i) {
        return last_seen_ms_[i] && now_.monotonic_ms - *last_seen_ms_[i] < skip;
    };
    if (MILLRACE_MUTANT(waits_for_the_absent)) return false;
    if (is_active(leader.value) && !MILLRACE_MUTANT(skips_the_living)) return false;
    Weight active = 0;
    for (std::size_t i = 0; i < config_.validators->size(); ++i) {
        const ValidatorIndex index{static_cast<std::uint16_t>(i)};
        if (index == config_.self || is_active(i)) active += config_.validators->at(index).weight;
    }
    return active >= config_.validators->quorum();
}

bool Engine::is_certified(const Round& at) const {
    const auto agreed = at.agreed();
    if (!agreed) return false;
    const auto check = at.checks.find(*agreed);
    return check != at.checks.end() && check->second.state == CheckState::valid;
}

/// What stands in a view as a parent: agreed on, and executed here.
std::optional<ParentBlock> Engine::parent_at(View view) const {
    if (view == floor_.view) return floor_executed_ ? std::optional(floor_.block) : std::nullopt;
    const Round* at = find_round(view);
    if (view < floor_.view || at == nullptr || !is_certified(*at)) return std::nullopt;
    const Proposal agreed = *at->agreed();
    const BlockCheck& check = at->checks.at(agreed);
    return ParentBlock{agreed.block, check.height, check.timestamp, check.last_of_epoch};
}

/// The best certificate by which a peer can leave this view: (R8) finalization, else nullification,
/// else a notarization that the application has certified.
const Certificate* Engine::entry_of(const Round& at) const {
    if (at.finalization) return &*at.finalization;
    if (at.nullification) return &*at.nullification;
    if (at.notarization && is_certified(at)) return &*at.notarization;
    return nullptr;
}

/// (R1) From the highest view that can be left.
void Engine::enter_next() {
    for (auto it = rounds_.rbegin(); it != rounds_.rend() && it->first >= current_; ++it) {
        const Certificate* entry = entry_of(it->second);
        if (entry == nullptr) continue;
        const View view = next(it->first);
        if (view.value <= last_final_view().value + kUnfinalizedViewsMax) {
            const Certificate copy = *entry;
            return enter(view, &copy);
        }
        if (it->first == current_) return halt(HaltReason::too_many_views);
        // Whoever was away for long has missed finalizations, and must not take that for a chain
        // that makes no blocks.
        ask_certificate(next(last_final_view()), VoteKind::finalize, it->second.leader);
    }
}

void Engine::enter(View view, const Certificate* entry) {
    current_ = view;
    entered_ms_ = now_.monotonic_ms;
    if (entry != nullptr) entry_ = *entry;
    retry_ms_.reset();
    build_ms_.reset();
    hold_ms_.reset();
    skip_leader_ = is_leader_absent(round(view).leader);
    dirty_ = true;
}

/// (R6), (R7) A notarized block is executed whether we voted for it or not, and also after our own
/// or the quorum's nullification of its view: otherwise two halves refuse each other's parents for
/// ever. Certification *is* the verdict of execution.
void Engine::certify_rounds() {
    for (auto it = rounds_.upper_bound(floor_.view); it != rounds_.end(); ++it) {
        Round& at = it->second;
        const auto agreed = at.agreed();
        if (!agreed || is_certified(at)) continue;
        if (MILLRACE_MUTANT(no_certify_after_nullify) && has_nullified(at.view)) continue;
        const auto check = examine(at, *agreed, true);
        if (check && check->state == CheckState::invalid && at.view == current_)
            cast(Subject::nullify(at.view));
    }
}

void Engine::ask_for_parent(View parent_view, ValidatorIndex hint) {
    if (parent_view <= floor_.view) return;
    const Round* at = find_round(parent_view);
    if (at == nullptr || !at->agreed()) ask_certificate(parent_view, VoteKind::notarize, hint);
}

std::optional<BlockCheck> Engine::examine(Round& at, const Proposal& proposal, bool certified) {
    const auto known = at.checks.find(proposal);
    if (known != at.checks.end()) {
        if (known->second.state == CheckState::asked) return std::nullopt;
        return known->second;
    }
    const auto parent = parent_at(proposal.parent_view);
    if (!parent) {
        ask_for_parent(proposal.parent_view, at.leader);
        return std::nullopt;
    }
    const auto conclude = [&](bool valid, bool last, Height height, WallTime timestamp) {
        const BlockCheck check{valid ? CheckState::valid : CheckState::invalid, last, height,
                               timestamp};
        at.checks[proposal] = check;
        return check;
    };
    // Only the block that ends the epoch may be said again.
    if (is_reproposal(*parent, proposal))
        return conclude(parent->last_of_epoch, parent->last_of_epoch, parent->height,
                        parent->timestamp);
    const BlockPtr block = find_block(proposal.block);
    if (block == nullptr) {
        if (certified || !at.unfit) ask_block(proposal.block, at.view, at.leader);
        return std::nullopt;
    }
    const BlockFacts& facts = block->facts;
    const Timing& timing = config_.timing;
    if (!check_link(*parent, facts, config_.epoch, at.view, timing.spacing_min_ms))
        return conclude(false, false, facts.height, facts.timestamp);
    const std::uint64_t due = facts.timestamp.value;
    if (!certified && due > now_.wall.value + timing.early_max_ms) {
        if (MILLRACE_MUTANT(early_block_nullified))
            return conclude(false, false, facts.height, facts.timestamp);
        // Held, not refused: a leader whose clock is a little fast loses nothing but the wait.
        hold_ms_ = now_.monotonic_ms + (due - now_.wall.value - timing.early_max_ms);
        return std::nullopt;
    }
    if (MILLRACE_MUTANT(skips_the_check) && floor_.view > View{0})
        return conclude(true, false, facts.height, facts.timestamp);
    at.checks[proposal] = BlockCheck{CheckState::asked, false, facts.height, facts.timestamp};
    emit(CheckBlock{at.view, at.leader, *parent, block, certified});
    return std::nullopt;
}

/// (R3) The parent is the highest view that can be justified: final, or notarized and certified,
/// with a nullification for every view above it. What is missing is asked for.
void Engine::lead() {
    const Round& at = round(current_);
    if (!can_vote() || at.leader != *config_.self || is_overrun()) return;
    const bool done = at.build_asked || has_notarized(current_);
    if (done || has_nullified(current_)) return;
    for (View view{current_.value - 1};; view = View{view.value - 1}) {
        if (const auto parent = parent_at(view)) return propose(*parent, view);
        if (view <= floor_.view) return;
        const Round* below = find_round(view);
        if (below != nullptr && below->nullification) continue;
        if (MILLRACE_MUTANT(ignores_missing_nullification)) continue;
        ask_certificate(view, VoteKind::nullify, at.leader);
        ask_for_parent(view, at.leader);
        return;
    }
}

void Engine::propose(const ParentBlock& parent, View parent_view) {
    Round& at = round(current_);
    if (parent.last_of_epoch && !MILLRACE_MUTANT(boundary_gets_a_child)) {
        const Proposal again{parent_view, parent.hash};
        at.proposed = again;
        at.checks[again] = BlockCheck{CheckState::valid, true, parent.height, parent.timestamp};
        cast_notarize(at, again);
        return;
    }
    const Timing& timing = config_.timing;
    const std::uint64_t spacing = work_since_ms_ ? timing.spacing_min_ms : timing.spacing_idle_ms;
    const std::uint64_t not_before =
        parent.timestamp.value + std::max(spacing, timing.spacing_min_ms);
    if (now_.wall.value < not_before) {
        build_ms_ = now_.monotonic_ms + (not_before - now_.wall.value);
        return;
    }
    build_ms_.reset();
    at.build_asked = true;
    at.build_parent_view = parent_view;
    const WallTime timestamp_min{parent.timestamp.value + timing.spacing_min_ms};
    emit(BuildBlock{current_, parent, timestamp_min, heard_votes()});
    if (MILLRACE_MUTANT(proposes_twice)) emit(BuildBlock{current_, parent, timestamp_min, {}});
}

std::vector<Vote> Engine::heard_votes() const {
    std::vector<Vote> out;
    for (std::size_t i = 0; i < config_.validators->size(); ++i) {
        const ValidatorIndex signer{static_cast<std::uint16_t>(i)};
        for (auto it = rounds_.lower_bound(current_); it != rounds_.begin();) {
            const Vote* vote = (--it)->second.tally.any_of(signer);
            if (vote == nullptr) continue;
            out.push_back(*vote);
            break;
        }
    }
    return out;
}

void Engine::on(const BlockBuilt& event) {
    Round* at = find_round(event.view);
    if (at == nullptr || event.view != current_ || !at->build_asked || !can_vote()) return;
    if (has_notarized(current_) && !MILLRACE_MUTANT(proposes_twice)) return;
    const auto facts = reader_.read(event.block);
    const auto parent = parent_at(at->build_parent_view);
    const bool fits =
        facts && parent &&
        check_link(*parent, *facts, config_.epoch, current_, config_.timing.spacing_min_ms)
            .has_value();
    if (!fits || !store_block(std::make_shared<const Block>(Block{*facts, event.block}))) {
        at->build_declined = true;
        return;
    }
    const Proposal proposal{at->build_parent_view, facts->hash};
    at->proposed = proposal;
    at->checks[proposal] =
        BlockCheck{CheckState::valid, event.last_of_epoch, facts->height, facts->timestamp};
    cast_notarize(*at, proposal);
}

void Engine::on(const BuildDeclined& event) {
    if (event.view != current_) return;
    round(current_).build_declined = true;
}

/// (R3) seen from a voter: a nullification for every view between the parent and this one. Asks for
/// the first few that are missing, the leader first: it must own them.
bool Engine::is_justified(const Round& at, const Proposal& proposal) {
    constexpr int kAskedAtOnce = 8;
    int missing = 0;
    for (View view = next(proposal.parent_view); view < at.view && missing < kAskedAtOnce;
         view = next(view)) {
        const Round* between = find_round(view);
        if (between != nullptr && between->nullification) continue;
        if (MILLRACE_MUTANT(ignores_missing_nullification)) continue;
        ask_certificate(view, VoteKind::nullify, at.leader);
        ++missing;
    }
    return missing == 0;
}

/// (R4), (R5) The leader's first proposal of the current view, executed, then notarized; refused
/// for good, then nullified at once.
void Engine::follow() {
    Round& at = round(current_);
    if (!can_vote() || !at.proposed || at.leader == *config_.self || is_overrun()) return;
    const bool voted = has_notarized(current_) && !MILLRACE_MUTANT(second_proposal_votes);
    if (has_nullified(current_) || voted) return;
    const Proposal proposal = *at.proposed;
    // Below what is final: nothing can justify it any more.
    if (proposal.parent_view < floor_.view) {
        cast(Subject::nullify(current_));
        return;
    }
    if (!is_justified(at, proposal)) return;
    const auto check = examine(at, proposal, false);
    if (!check) return;
    if (check->state == CheckState::valid) {
        cast_notarize(at, proposal);
    } else {
        cast(Subject::nullify(current_));
    }
}

/// (R8) A timer ran out, the leader skips its own view, cannot build, or is absent (R2).
void Engine::time_out() {
    if (!can_vote() || has_nullified(current_)) return;
    const Round& at = round(current_);
    const std::uint64_t waited_from = waiting_base();
    const std::uint64_t delta = config_.timing.delta_ms;
    const bool silent = !at.proposed && now_.monotonic_ms >= waited_from + grown(2 * delta);
    const bool stuck = now_.monotonic_ms >= waited_from + grown(3 * delta);
    const bool skipped = skip_leader_ || at.unfit || at.build_declined ||
                         at.tally.has_voted(at.leader, VoteKind::nullify);
    if (silent || stuck || skipped) cast(Subject::nullify(current_));
}

/// (R8) While a nullified view lasts, the nullify goes out again with the certificate that lets a
/// peer enter the view. The pace does not grow with the time-outs, so that a healed network is
/// quick to find itself; and it is slow enough for all to all.
void Engine::retry() {
    if (!can_vote() || !has_nullified(current_)) return;
    const std::uint64_t delta = config_.timing.delta_ms;
    const std::uint64_t pace = std::min(grown(2 * delta), 10 * delta);
    if (!retry_ms_) retry_ms_ = now_.monotonic_ms + pace;
    if (now_.monotonic_ms < *retry_ms_ || MILLRACE_MUTANT(no_retry)) return;
    retry_ms_ = now_.monotonic_ms + pace;
    if (entry_) emit(Broadcast{*entry_});
    const Vote* own = round(current_).tally.find(*config_.self, Subject::nullify(current_));
    if (own != nullptr) emit(Broadcast{*own});
}

/// (R6) finalize(c, v): v is notarized and certified, we did not nullify it, the leader did not
/// equivocate in it as far as we saw, and we notarized c ourselves, if need be now: whoever missed
/// the block in time still adds its weight to finality.
void Engine::cast_finalizes() {
    if (!can_vote()) return;
    for (auto it = rounds_.upper_bound(floor_.view); it != rounds_.end(); ++it) {
        Round& at = it->second;
        if (!at.notarization || at.finalization || at.nullification || !is_certified(at)) continue;
        const bool spoilt = has_nullified(at.view) && !MILLRACE_MUTANT(finalize_after_nullify);
        if (spoilt || at.tally.has_equivocated(at.leader)) continue;
        const Proposal proposal = at.notarization->subject.proposal;
        if (!MILLRACE_MUTANT(finalize_without_notarize)) cast_notarize(at, proposal);
        cast(Subject::finalize(at.view, proposal));
    }
}

}  // namespace millrace::consensus::detail
