#include <algorithm>

#include "consensus/detail/engine.hpp"
#include "consensus/detail/mutation.hpp"

/// What is let in, and what it costs a peer to send something else. (R11)
namespace millrace::consensus::detail {

void Engine::blame(std::optional<ValidatorIndex> peer, PeerFault fault) {
    if (peer && peer != config_.self) emit(Blame{*peer, fault});
}

/// Votes are held for views up to the next one and down to the retention: that is all that honest
/// validators need, and it bounds what one key can make us keep. Certificates prove themselves.
bool Engine::is_admitted(View view) const {
    return view.value >= 1 && view.value <= current_.value + 1 &&
           view.value + kRetentionViews >= floor_.view.value;
}

void Engine::receive(std::optional<ValidatorIndex> from, const Vote& vote) {
    const Subject& subject = vote.subject;
    if (!config_.validators->contains(vote.signer)) return blame(from, PeerFault::unknown_signer);
    // Own votes are counted when they are signed; a copy from elsewhere says nothing new.
    if (vote.signer == config_.self) return;
    if (subject.kind == VoteKind::nullify && (closed_ || subject.view < current_))
        help(from, subject.view);
    // A halted engine goes on listening, and a closed one: what it hears may be the evidence.
    if (!is_admitted(subject.view)) return;
    if (subject.kind != VoteKind::nullify && subject.proposal.parent_view >= subject.view) return;
    if (const Vote* known = round(subject.view).tally.find(vote.signer, subject)) {
        // What its signer says again is a sign of life (R2); what others repeat, or another
        // signature that nobody has checked, is none.
        if (known->signature == vote.signature && from == vote.signer)
            last_seen_ms_[vote.signer.value] = now_.monotonic_ms;
        return;
    }
    const Bytes message = signed_bytes(config_.chain, vote.epoch, subject);
    if (!verifier_.verify(config_.validators->at(vote.signer).key, message, vote.signature))
        return blame(from, PeerFault::bad_signature);
    last_seen_ms_[vote.signer.value] = now_.monotonic_ms;
    count(vote);
}

/// Counts a vote whose signature is good.
void Engine::count(const Vote& vote) {
    Round& at = round(vote.subject.view);
    const Tally::Added added = at.tally.add(vote);
    for (const Evidence& evidence : added.evidence) emit(FoundEvidence{evidence});
    if (vote.subject.kind == VoteKind::notarize && vote.signer == at.leader && !at.proposed)
        at.proposed = vote.subject.proposal;
    if (MILLRACE_MUTANT(second_proposal_votes) && vote.subject.kind == VoteKind::notarize &&
        vote.signer == at.leader)
        at.proposed = vote.subject.proposal;
    if (added.counted) form_certificates(at);
}

void Engine::form_certificates(Round& at) {
    for (const VoteKind kind : {VoteKind::notarize, VoteKind::nullify, VoteKind::finalize}) {
        if (at.slot(kind)) continue;
        const auto subject = at.tally.quorum_subject(kind);
        if (!subject) continue;
        const Certificate certificate = at.tally.certificate(config_.epoch, *subject);
        keep(certificate);
        announce(certificate);
    }
}

/// To those whose vote of the kind has not been seen: the others count for themselves, and sending
/// every certificate to everybody is what costs the most bandwidth with single signatures. One of
/// them who has lost votes gets it with the next retry.
void Engine::announce(const Certificate& certificate) {
    const Round& at = round(certificate.subject.view);
    Send send{{}, certificate};
    for (std::size_t i = 0; i < config_.validators->size(); ++i) {
        const ValidatorIndex peer{static_cast<std::uint16_t>(i)};
        if (peer == config_.self || at.tally.has_voted(peer, certificate.subject.kind)) continue;
        send.to.push_back(peer);
    }
    if (!send.to.empty()) emit(std::move(send));
}

void Engine::receive(std::optional<ValidatorIndex> from, const Certificate& certificate) {
    const View view = certificate.subject.view;
    const VoteKind kind = certificate.subject.kind;
    if (view.value + kRetentionViews < floor_.view.value) return;
    if (MILLRACE_MUTANT(certificates_of_others_lost)) return;
    if (Round* known = find_round(view)) {
        const auto& slot = known->slot(kind);
        if (slot && slot->subject == certificate.subject) return;
    }
    const auto signers = check_certificate_form(certificate, config_.epoch, *config_.validators);
    if (!signers) return blame(from, PeerFault::bad_certificate);
    if (!verify_certificate(certificate, *signers)) return blame(from, PeerFault::bad_certificate);
    // Its votes are evidence like any others; and now they need no second check.
    keep(certificate);
    for (const Vote& vote : take_apart(certificate, *signers)) {
        if (vote.signer != config_.self) count(vote);
    }
}

bool Engine::verify_certificate(const Certificate& certificate,
                                const std::vector<ValidatorIndex>& signers) {
    const Round* known = find_round(certificate.subject.view);
    const Bytes message = signed_bytes(config_.chain, certificate.epoch, certificate.subject);
    for (std::size_t i = 0; i < signers.size(); ++i) {
        const Vote* vote =
            known == nullptr ? nullptr : known->tally.find(signers[i], certificate.subject);
        // Skipped only for the very same bytes: a cache must not vouch for another signature.
        if (vote != nullptr && vote->signature == certificate.signatures[i]) continue;
        const Ed25519Key& key = config_.validators->at(signers[i]).key;
        if (!verifier_.verify(key, message, certificate.signatures[i])) return false;
    }
    return true;
}

/// Remembers a certificate that has been checked or formed here, and logs it.
void Engine::keep(const Certificate& certificate) {
    Round& at = round(certificate.subject.view);
    auto& slot = at.slot(certificate.subject.kind);
    if (slot) {
        // Two finalizations of one view: more than a third signed both. The evidence is out.
        if (slot->subject != certificate.subject && certificate.subject.kind == VoteKind::finalize)
            halt(HaltReason::conflicting_finality);
        return;
    }
    slot = certificate;
    // The log of a closed engine has made way for the next one's.
    if (!closed_) records_.emplace_back(CertificateRecord{certificate});
    dirty_ = true;
    if (certificate.subject.kind != VoteKind::finalize) return;
    const View view = certificate.subject.view;
    // Nothing follows the block that ended the epoch but itself.
    if (closed_ && view > floor_.view && certificate.subject.proposal.block != floor_.block.hash)
        return halt(HaltReason::conflicting_finality);
    if (view > last_final_view()) best_final_ = certificate;
    if (view > floor_.view || final_by_view_.empty() || view < final_by_view_.begin()->first)
        return;
    // Late, and of a view that the final chain has passed: it must be in that chain.
    const auto in_chain = [&](const auto& item) {
        return item.second == certificate.subject.proposal.block;
    };
    if (std::none_of(final_by_view_.begin(), final_by_view_.end(), in_chain))
        halt(HaltReason::conflicting_finality);
}

const Certificate* Engine::latest_finalization() const {
    if (best_final_) return &*best_final_;
    return floor_.certificate ? &*floor_.certificate : nullptr;
}

/// A peer that still nullifies a view behind us has missed a certificate. At most one answer per
/// peer and delta, so that small votes cannot draw large certificates.
void Engine::help(std::optional<ValidatorIndex> peer, View seen) {
    if (!peer || peer == config_.self) return;
    auto& last = last_helped_ms_[peer->value];
    if (last && now_.monotonic_ms - *last < config_.timing.delta_ms) return;
    const Certificate* finalization = latest_finalization();
    const bool is_final = finalization != nullptr && finalization->subject.view >= seen;
    const Certificate* best = is_final ? finalization : (entry_ ? &*entry_ : nullptr);
    if (best == nullptr || best->subject.view < seen) return;
    last = now_.monotonic_ms;
    // The finalization first: an entry by notarization needs its block's chain, most of which it
    // spares, and an entry far above what the peer knows as final is none.
    if (!is_final && finalization != nullptr) emit(Send{{*peer}, *finalization});
    emit(Send{{*peer}, *best});
}

void Engine::receive(std::optional<ValidatorIndex> from, const ProposalMessage& message) {
    receive(from, message.vote);
    const Subject& subject = message.vote.subject;
    if (closed_ || subject.kind != VoteKind::notarize || !is_admitted(subject.view)) return;
    Round* at = find_round(subject.view);
    // Only what the leader itself has signed first, so one block per view at most is kept unasked.
    if (at == nullptr || message.vote.signer != at->leader || at->proposed != subject.proposal ||
        at->tally.find(at->leader, subject) == nullptr)
        return;
    if (find_block(subject.proposal.block) != nullptr) return;
    const auto facts = reader_.read(message.block);
    // Bytes are bound to the hash here, so that nobody passes a bad body off under a good vote.
    if (!facts || facts->hash != subject.proposal.block)
        return blame(from, PeerFault::malformed_block);
    // Nor one that could not leave memory when its view has passed.
    if (facts->view != subject.view || !is_possible(*facts)) {
        at->unfit = true;
        return;
    }
    store_block(std::make_shared<const Block>(Block{*facts, message.block}));
}

void Engine::receive(std::optional<ValidatorIndex> from, const CertificateRequest& request) {
    if (!from || from == config_.self) return;
    Round* known = find_round(request.view);
    if (known != nullptr && known->slot(request.kind))
        return emit(Send{{*from}, *known->slot(request.kind)});
    // The question is idle once the view is final; the answer says so, and only then.
    const Certificate* finalization = latest_finalization();
    if (finalization != nullptr && finalization->subject.view >= request.view)
        emit(Send{{*from}, *finalization});
}

void Engine::receive(std::optional<ValidatorIndex> from, const BlockRequest& request) {
    if (!from || from == config_.self) return;
    const BlockPtr block = find_block(request.block);
    if (block == nullptr) return emit(ServeBlock{*from, request.block});
    emit(Send{{*from}, BlockResponse{config_.epoch, BoundedBytes<kBlockBytesMax>(block->bytes)}});
}

void Engine::receive(std::optional<ValidatorIndex> from, const BlockResponse& response) {
    if (closed_) return;
    const auto facts = reader_.read(response.block);
    if (!facts) return blame(from, PeerFault::malformed_block);
    const auto asked = questions_.find(Question{View{0}, VoteKind::nullify, facts->hash});
    if (asked == questions_.end()) return;
    const View view_max = asked->second.block_view_max;
    questions_.erase(asked);
    // What cannot be in the chain is not kept even if asked for: its hash was made up.
    if (facts->view > view_max || !is_possible(*facts)) {
        // Unless it is final, and then our chain is not the only one.
        if (wanted_by_finality().contains(facts->hash))
            return halt(HaltReason::conflicting_finality);
        for (auto& [view, at] : rounds_)
            at.unfit = at.unfit || (at.proposed && at.proposed->block == facts->hash);
        return;
    }
    store_block(std::make_shared<const Block>(Block{*facts, response.block}));
    dirty_ = true;
}

}  // namespace millrace::consensus::detail
