#pragma once

#include <cstdint>
#include <variant>

#include "consensus/types.hpp"

/// Everything that validators say to each other, and the exact bytes they sign.
/// Source: docs/protocol/consensus.md, "Messages".
namespace millrace::consensus {

using millrace::Proposal;
using millrace::signed_bytes;
using millrace::Subject;
using millrace::Vote;
using millrace::VoteKind;

/// Votes of more than two thirds of the weight on one subject: a bitmap of the signers (bit i of
/// byte i/8, least significant first, exactly ceil(n/8) bytes) and their signatures in order.
struct Certificate {
    Epoch epoch;
    Subject subject;
    BoundedBytes<(kValidatorsMax + 7) / 8> signers;
    BoundedVector<Ed25519Signature, kValidatorsMax> signatures;
    friend bool operator==(const Certificate&, const Certificate&) = default;
};
BOOST_DESCRIBE_STRUCT(Certificate, (), (epoch, subject, signers, signatures))

/// The leader's notarize vote together with the block's bytes.
struct ProposalMessage {
    Vote vote;
    BoundedBytes<kBlockBytesMax> block;
    friend bool operator==(const ProposalMessage&, const ProposalMessage&) = default;
};
BOOST_DESCRIBE_STRUCT(ProposalMessage, (), (vote, block))

/// "Show me the certificate of this kind for this view." Kind matters: a notarization and a
/// nullification of one view answer opposite questions. The answer is the certificate, or the
/// latest finalization when that makes the question idle.
struct CertificateRequest {
    Epoch epoch;
    View view;
    VoteKind kind = VoteKind::nullify;
    friend bool operator==(const CertificateRequest&, const CertificateRequest&) = default;
};
BOOST_DESCRIBE_STRUCT(CertificateRequest, (), (epoch, view, kind))

struct BlockRequest {
    Epoch epoch;
    BlockHash block;
    friend bool operator==(const BlockRequest&, const BlockRequest&) = default;
};
BOOST_DESCRIBE_STRUCT(BlockRequest, (), (epoch, block))

struct BlockResponse {
    Epoch epoch;
    BoundedBytes<kBlockBytesMax> block;
    friend bool operator==(const BlockResponse&, const BlockResponse&) = default;
};
BOOST_DESCRIBE_STRUCT(BlockResponse, (), (epoch, block))

/// One message on the wire: the alternative's number, one byte, then its fields.
using Message = std::variant<Vote, Certificate, ProposalMessage, CertificateRequest, BlockRequest,
                             BlockResponse>;
[[nodiscard]] Epoch epoch_of(const Message& message);

enum class CertificateError : std::uint8_t {
    wrong_epoch = 1,
    view_zero = 2,
    parent_not_earlier = 3,
    bitmap_size = 4,
    bit_out_of_range = 5,
    signature_count = 6,
    below_quorum = 7,
    bad_signature = 8,
};
BOOST_DESCRIBE_ENUM(CertificateError, wrong_epoch, view_zero, parent_not_earlier, bitmap_size,
                    bit_out_of_range, signature_count, below_quorum, bad_signature)

/// The signers of a certificate in order, after the checks of form. Refuses in the order of
/// `CertificateError`, without looking at a signature.
[[nodiscard]] Result<std::vector<ValidatorIndex>, CertificateError> check_certificate_form(
    const Certificate& certificate, Epoch epoch, const ValidatorSet& validators);
/// Form, then every signature. What a light client, a joiner and the ledger call.
[[nodiscard]] Status<CertificateError> check_certificate(const Certificate& certificate,
                                                         const ChainId& chain, Epoch epoch,
                                                         const ValidatorSet& validators,
                                                         const VoteVerifier& verifier);
/// The single votes that a well-formed certificate is made of: evidence may be among them.
[[nodiscard]] std::vector<Vote> take_apart(const Certificate& certificate,
                                           const std::vector<ValidatorIndex>& signers);

}  // namespace millrace::consensus
