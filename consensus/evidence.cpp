#include "consensus/evidence.hpp"

#include "consensus/detail/mutation.hpp"

namespace millrace::consensus {

bool is_conflict(const Subject& a, const Subject& b) {
    if (a == b) return MILLRACE_MUTANT(same_vote_is_evidence);
    return proves_fault(a, b);
}

std::optional<Evidence> make_evidence(const Vote& a, const Vote& b) {
    if (a.epoch != b.epoch || a.signer != b.signer || !is_conflict(a.subject, b.subject))
        return std::nullopt;
    return a.subject < b.subject ? Evidence{a, b} : Evidence{b, a};
}

Status<EvidenceError> check_evidence(const Evidence& evidence, const EvidenceContext& context) {
    const Vote& a = evidence.first;
    const Vote& b = evidence.second;
    if (a.epoch != context.epoch) return Err{EvidenceError::wrong_epoch};
    if (b.epoch != a.epoch) return Err{EvidenceError::different_epoch};
    if (a.subject.view != b.subject.view) return Err{EvidenceError::different_view};
    if (a.signer != b.signer) return Err{EvidenceError::different_signer};
    if (a.subject == b.subject && !MILLRACE_MUTANT(same_vote_is_evidence))
        return Err{EvidenceError::same_subject};
    if (!is_conflict(a.subject, b.subject)) return Err{EvidenceError::not_slashable};
    if (b.subject < a.subject) return Err{EvidenceError::not_ordered};
    if (!context.validators->contains(a.signer)) return Err{EvidenceError::unknown_signer};
    if (a.epoch < context.oldest) return Err{EvidenceError::outside_window};
    if (context.already_punished) return Err{EvidenceError::already_punished};
    const Ed25519Key& key = context.validators->at(a.signer).key;
    for (const Vote* vote : {&a, &b}) {
        const Bytes message = signed_bytes(context.chain, vote->epoch, vote->subject);
        if (!context.verifier->verify(key, message, vote->signature))
            return Err{EvidenceError::bad_signature};
    }
    return Ok{};
}

std::vector<Evidence> accuse(const Certificate& a, const Certificate& b,
                             const ValidatorSet& validators) {
    std::vector<Evidence> out;
    const auto signers_a = check_certificate_form(a, a.epoch, validators);
    const auto signers_b = check_certificate_form(b, a.epoch, validators);
    if (!signers_a || !signers_b) return out;
    const std::vector<Vote> votes_b = take_apart(b, *signers_b);
    for (const Vote& vote : take_apart(a, *signers_a)) {
        for (const Vote& other : votes_b) {
            if (const auto found = make_evidence(vote, other)) out.push_back(*found);
        }
    }
    return out;
}

}  // namespace millrace::consensus
