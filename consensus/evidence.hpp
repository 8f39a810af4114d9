#pragma once

#include <optional>

#include "consensus/messages.hpp"

/// The judge of evidence (common/vote.hpp says what proves a fault).
namespace millrace::consensus {

using millrace::Evidence;

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
    /// This validator has been punished for this epoch.
    bool already_punished = false;
};
/// Every check, cheap ones first, in the order of `EvidenceError`.
[[nodiscard]] Status<EvidenceError> check_evidence(const Evidence& evidence,
                                                   const EvidenceContext& context);
/// All evidence among the votes of two certificates of one epoch and view.
[[nodiscard]] std::vector<Evidence> accuse(const Certificate& a, const Certificate& b,
                                           const ValidatorSet& validators);

}  // namespace millrace::consensus
