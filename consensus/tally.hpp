#pragma once

#include <map>

#include "consensus/evidence.hpp"

namespace millrace::consensus {

/// The votes of one view, kept as evidence even after a certificate has formed.
/// Each validator has at most two notarizes, two finalizes and one nullify here: the second of a
/// kind already proves its fault, and a third would prove nothing more, so an equivocator cannot
/// make this grow. Signatures have been checked by the caller.
class Tally {
  public:
    explicit Tally(const ValidatorSet& validators);

    struct Added {
        /// False: this very vote was here, or it is one of a known equivocator too many.
        bool counted = false;
        /// What the vote proves together with the earlier ones.
        std::vector<Evidence> evidence;
    };
    Added add(const Vote& vote);

    /// The vote of this signer on exactly this subject.
    [[nodiscard]] const Vote* find(ValidatorIndex signer, const Subject& subject) const;
    /// A vote of this signer; none when it was not heard in this view.
    [[nodiscard]] const Vote* any_of(ValidatorIndex signer) const;
    [[nodiscard]] bool has_voted(ValidatorIndex signer, VoteKind kind) const;
    [[nodiscard]] Weight weight(const Subject& subject) const;
    /// The subject of this kind that a quorum has voted for.
    [[nodiscard]] std::optional<Subject> quorum_subject(VoteKind kind) const;
    /// All votes on a subject as a certificate; a quorum must be there.
    [[nodiscard]] Certificate certificate(Epoch epoch, const Subject& subject) const;
    /// Two different notarizes of one validator are here.
    [[nodiscard]] bool has_equivocated(ValidatorIndex signer) const;

  private:
    const ValidatorSet* validators_;
    std::vector<std::vector<Vote>> by_signer_;
    std::map<Subject, Weight> weights_;
};

}  // namespace millrace::consensus
