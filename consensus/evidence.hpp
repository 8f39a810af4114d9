#pragma once

#include <optional>

#include "consensus/messages.hpp"

/// Two signed votes of one view that no honest validator makes: proof of fault by itself.
/// | pair                               | slashable |
/// | notarize(c) + notarize(c')         | yes |
/// | finalize(c) + finalize(c')         | yes |
/// | nullify + finalize(c)              | yes |
/// | notarize(c) + finalize(c')         | yes: finalize(c) is only signed by who notarized c |
/// | notarize + nullify, one vote twice | never |
/// | votes of different views           | never |
namespace millrace::consensus {

/// `first` and `second` in the order of their subjects, so that one fault has one encoding.
struct Evidence {
    Vote first;
    Vote second;
    friend bool operator==(const Evidence&, const Evidence&) = default;
};
BOOST_DESCRIBE_STRUCT(Evidence, (), (first, second))

enum class EvidenceError : std::uint8_t {
    wrong_epoch = 1,
    different_epoch = 2,
    different_view = 3,
    different_signer = 4,
    same_subject = 5,
    not_slashable = 6,
    not_ordered = 7,
    unknown_signer = 8,
    outside_window = 9,
    already_punished = 10,
    bad_signature = 11,
};
BOOST_DESCRIBE_ENUM(EvidenceError, wrong_epoch, different_epoch, different_view, different_signer,
                    same_subject, not_slashable, not_ordered, unknown_signer, outside_window,
                    already_punished, bad_signature)

/// Do these two subjects of one validator prove a fault?
[[nodiscard]] bool is_conflict(const Subject& a, const Subject& b);
/// The evidence in two votes, in canonical order; none if there is none. Looks at no signature.
[[nodiscard]] std::optional<Evidence> make_evidence(const Vote& a, const Vote& b);

/// What the ledger knows when it judges.
struct EvidenceContext {
    ChainId chain;
    /// The epoch of the votes and its validators.
    Epoch epoch;
    const ValidatorSet* validators = nullptr;
    const VoteVerifier* verifier = nullptr;
    /// Evidence of older epochs comes too late: the stake may have left.
    Epoch oldest;
    /// This validator has been punished for this epoch and view.
    bool already_punished = false;
};
/// Every check, cheap ones first, in the order of `EvidenceError`.
[[nodiscard]] Status<EvidenceError> check_evidence(const Evidence& evidence,
                                                   const EvidenceContext& context);
/// All evidence among the votes of two certificates of one epoch and view.
[[nodiscard]] std::vector<Evidence> accuse(const Certificate& a, const Certificate& b,
                                           const ValidatorSet& validators);

}  // namespace millrace::consensus
