#pragma once

#include <cstdint>
#include <variant>

#include "consensus/types.hpp"

/// Everything that validators say to each other, and the exact bytes they sign.
/// Source: docs/protocol/consensus.md, "Messages".
namespace millrace::consensus {

enum class VoteKind : std::uint8_t { notarize = 1, nullify = 2, finalize = 3 };
BOOST_DESCRIBE_ENUM(VoteKind, notarize, nullify, finalize)

/// What a leader proposes in a view: a block, on top of what was agreed in an earlier view.
/// The parent view is 0 on top of the epoch's first block (the last one of the epoch before).
struct Proposal {
    View parent_view;
    BlockHash block;
    friend auto operator<=>(const Proposal&, const Proposal&) = default;
    friend bool operator==(const Proposal&, const Proposal&) = default;
};
BOOST_DESCRIBE_STRUCT(Proposal, (), (parent_view, block))

/// What a vote is about. `proposal` is all zero for nullify, and then not on the wire.
struct Subject {
    VoteKind kind = VoteKind::nullify;
    View view;
    Proposal proposal;

    static Subject notarize(View view, const Proposal& proposal);
    static Subject nullify(View view);
    static Subject finalize(View view, const Proposal& proposal);

    void encode_into(Encoder& out) const;
    void decode_from(Decoder& in);
    friend auto operator<=>(const Subject&, const Subject&) = default;
    friend bool operator==(const Subject&, const Subject&) = default;
};
BOOST_DESCRIBE_STRUCT(Subject, (), (kind, view, proposal))

/// One validator's signed word. The leader's notarize vote of a view is its proposal.
struct Vote {
    Epoch epoch;
    Subject subject;
    ValidatorIndex signer;
    Ed25519Signature signature;
    friend bool operator==(const Vote&, const Vote&) = default;
};
BOOST_DESCRIBE_STRUCT(Vote, (), (epoch, subject, signer, signature))

/// The bytes that a vote signs: a 16-byte tag of the kind, the chain id, epoch, view and, unless it
/// is a nullify, parent view and block. A vote for one chain, epoch, kind or view never passes as
/// another's.
[[nodiscard]] Bytes signed_bytes(const ChainId& chain, Epoch epoch, const Subject& subject);

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
