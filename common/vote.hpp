#pragma once

#include <boost/describe.hpp>
#include <compare>
#include <cstdint>

#include "common/codec.hpp"
#include "common/ed25519.hpp"
#include "common/units.hpp"

/// A validator's vote and the bytes it signs. Agreement counts votes, and the ledger reads them: as
/// evidence and as signs of life. So their format is here, below both, and is written once.
/// Source: docs/protocol/consensus.md, "What is signed"; docs/decisions/0036.
namespace millrace {

/// Position in an epoch's validator set.
using ValidatorIndex = Unit<struct ValidatorIndexTag, std::uint16_t>;

/// A certificate of all of them (30 bytes of bitmap, 240 signatures) stays below 16 KiB, the cap of
/// its message on the wire; votes are all-to-all, so that more would not be served by this design.
inline constexpr std::size_t kValidatorsMax = 240;

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

/// Two signed votes of one view that no honest validator makes: proof of fault by itself.
/// | pair                               | slashable |
/// | notarize(c) + notarize(c')         | yes |
/// | finalize(c) + finalize(c')         | yes |
/// | nullify + finalize(c)              | yes |
/// | notarize(c) + finalize(c')         | yes: finalize(c) is only signed by who notarized c |
/// | notarize + nullify, one vote twice | never |
/// | votes of different views           | never |
/// `first` and `second` in the order of their subjects, so that one fault has one encoding.
struct Evidence {
    Vote first;
    Vote second;
    friend bool operator==(const Evidence&, const Evidence&) = default;
};
BOOST_DESCRIBE_STRUCT(Evidence, (), (first, second))

/// The bytes that a vote signs: a 16-byte tag of the kind, the domain, epoch, view and, unless it
/// is a nullify, parent view and block. A vote for one chain, epoch, kind or view never passes as
/// another's. `domain` is `vote_domain` of the chain.
[[nodiscard]] Bytes signed_bytes(const ChainId& domain, Epoch epoch, const Subject& subject);

/// What stands for the chain in everything that vote keys sign: the chain id itself, and after the
/// n-th recovery H("mill/recovery", chain id ‖ n). Validators who lost their vote tables and began
/// anew under the next number can contradict their forgotten votes only across two domains, where
/// votes neither count together nor are evidence.
[[nodiscard]] ChainId vote_domain(const ChainId& chain, std::uint32_t recovery);

/// Whether two subjects of one validator, epoch and domain prove its fault (table above).
[[nodiscard]] bool proves_fault(const Subject& a, const Subject& b);

}  // namespace millrace
