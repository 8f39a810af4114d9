#include "consensus/messages.hpp"

#include "consensus/detail/mutation.hpp"

namespace millrace::consensus {
namespace {

bool has_bit(ByteView bitmap, std::size_t i) {
    return ((unsigned{bitmap[i / 8]} >> (i % 8)) & 1U) != 0;
}

}  // namespace

Epoch epoch_of(const Message& message) {
    struct Visitor {
        Epoch operator()(const ProposalMessage& m) const { return m.vote.epoch; }
        Epoch operator()(const Vote& m) const { return m.epoch; }
        Epoch operator()(const Certificate& m) const { return m.epoch; }
        Epoch operator()(const CertificateRequest& m) const { return m.epoch; }
        Epoch operator()(const BlockRequest& m) const { return m.epoch; }
        Epoch operator()(const BlockResponse& m) const { return m.epoch; }
    };
    return std::visit(Visitor{}, message);
}

Result<std::vector<ValidatorIndex>, CertificateError> check_certificate_form(
    const Certificate& certificate, Epoch epoch, const ValidatorSet& validators) {
    const Subject& subject = certificate.subject;
    if (certificate.epoch != epoch) return Err{CertificateError::wrong_epoch};
    if (subject.view == View{0}) return Err{CertificateError::view_zero};
    if (subject.kind != VoteKind::nullify && subject.proposal.parent_view >= subject.view)
        return Err{CertificateError::parent_not_earlier};
    const ByteView bitmap = certificate.signers;
    if (bitmap.size() != (validators.size() + 7) / 8) return Err{CertificateError::bitmap_size};
    std::vector<ValidatorIndex> signers;
    Weight weight = 0;
    for (std::size_t i = 0; i < bitmap.size() * 8; ++i) {
        if (!has_bit(bitmap, i)) continue;
        if (i >= validators.size()) return Err{CertificateError::bit_out_of_range};
        const ValidatorIndex index{static_cast<std::uint16_t>(i)};
        signers.push_back(index);
        weight += validators.at(index).weight;
    }
    if (signers.size() != certificate.signatures.size())
        return Err{CertificateError::signature_count};
    if (weight < validators.quorum() && !MILLRACE_MUTANT(certificate_below_quorum))
        return Err{CertificateError::below_quorum};
    return signers;
}

Status<CertificateError> check_certificate(const Certificate& certificate, const ChainId& chain,
                                           Epoch epoch, const ValidatorSet& validators,
                                           const VoteVerifier& verifier) {
    MILLRACE_TRY(const auto signers, check_certificate_form(certificate, epoch, validators));
    const Bytes message = signed_bytes(chain, epoch, certificate.subject);
    for (std::size_t i = 0; i < signers.size(); ++i) {
        if (!verifier.verify(validators.at(signers[i]).key, message, certificate.signatures[i]))
            return Err{CertificateError::bad_signature};
    }
    return Ok{};
}

std::vector<Vote> take_apart(const Certificate& certificate,
                             const std::vector<ValidatorIndex>& signers) {
    std::vector<Vote> votes;
    votes.reserve(signers.size());
    for (std::size_t i = 0; i < signers.size(); ++i) {
        votes.push_back(
            {certificate.epoch, certificate.subject, signers[i], certificate.signatures[i]});
    }
    return votes;
}

}  // namespace millrace::consensus
