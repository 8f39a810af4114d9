#include "consensus/tally.hpp"

#include <algorithm>

#include "consensus/detail/mutation.hpp"

namespace millrace::consensus {
namespace {

/// One nullify, and two of each other kind: the second is the proof of fault.
std::size_t kept_of(VoteKind kind) {
    return kind == VoteKind::nullify ? 1 : 2;
}

}  // namespace

Tally::Tally(const ValidatorSet& validators)
    : validators_(&validators), by_signer_(validators.size()) {}

Tally::Added Tally::add(const Vote& vote) {
    Added added;
    MILLRACE_ASSERT(validators_->contains(vote.signer));
    std::vector<Vote>& votes = by_signer_[vote.signer.value];
    std::size_t same_kind = 0;
    for (const Vote& other : votes) {
        if (other.subject == vote.subject) {
            if (MILLRACE_MUTANT(same_vote_is_evidence)) added.evidence.push_back({other, vote});
            return added;
        }
        if (other.subject.kind == vote.subject.kind) ++same_kind;
    }
    if (same_kind >= kept_of(vote.subject.kind)) return added;
    for (const Vote& other : votes) {
        if (const auto found = make_evidence(other, vote)) added.evidence.push_back(*found);
    }
    votes.push_back(vote);
    weights_[vote.subject] += validators_->at(vote.signer).weight;
    added.counted = true;
    return added;
}

const Vote* Tally::find(ValidatorIndex signer, const Subject& subject) const {
    for (const Vote& vote : by_signer_[signer.value]) {
        if (vote.subject == subject) return &vote;
    }
    return nullptr;
}

const Vote* Tally::any_of(ValidatorIndex signer) const {
    const auto& votes = by_signer_[signer.value];
    return votes.empty() ? nullptr : &votes.front();
}

bool Tally::has_voted(ValidatorIndex signer, VoteKind kind) const {
    const auto& votes = by_signer_[signer.value];
    return std::any_of(votes.begin(), votes.end(),
                       [&](const Vote& vote) { return vote.subject.kind == kind; });
}

Weight Tally::weight(const Subject& subject) const {
    const auto it = weights_.find(subject);
    return it == weights_.end() ? 0 : it->second;
}

std::optional<Subject> Tally::quorum_subject(VoteKind kind) const {
    for (const auto& [subject, weight] : weights_) {
        if (subject.kind == kind && weight >= validators_->quorum()) return subject;
    }
    return std::nullopt;
}

Certificate Tally::certificate(Epoch epoch, const Subject& subject) const {
    MILLRACE_ASSERT(weight(subject) >= validators_->quorum());
    Certificate out{epoch, subject, {}, {}};
    out.signers.resize((validators_->size() + 7) / 8);
    for (std::size_t i = 0; i < by_signer_.size(); ++i) {
        const Vote* vote = find(ValidatorIndex{static_cast<std::uint16_t>(i)}, subject);
        if (vote == nullptr) continue;
        out.signers[i / 8] = static_cast<std::uint8_t>(out.signers[i / 8] | (1U << (i % 8)));
        out.signatures.push_back(vote->signature);
    }
    return out;
}

bool Tally::has_equivocated(ValidatorIndex signer) const {
    const auto& votes = by_signer_[signer.value];
    return std::count_if(votes.begin(), votes.end(), [](const Vote& vote) {
               return vote.subject.kind == VoteKind::notarize;
           }) > 1;
}

}  // namespace millrace::consensus
