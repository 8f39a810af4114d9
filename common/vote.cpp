#include "common/vote.hpp"

#include <algorithm>
#include <string_view>

#include "common/hash.hpp"

namespace millrace {

namespace {

constexpr std::size_t kTagSize = 16;

std::string_view tag_of(VoteKind kind) {
    switch (kind) {
        case VoteKind::notarize:
            return "mill/notarize";
        case VoteKind::nullify:
            return "mill/nullify";
        case VoteKind::finalize:
            return "mill/finalize";
    }
    return "";
}

}  // namespace

Subject Subject::notarize(View view, const Proposal& proposal) {
    return {VoteKind::notarize, view, proposal};
}
Subject Subject::nullify(View view) {
    return {VoteKind::nullify, view, {}};
}
Subject Subject::finalize(View view, const Proposal& proposal) {
    return {VoteKind::finalize, view, proposal};
}

void Subject::encode_into(Encoder& out) const {
    millrace::encode_into(out, kind);
    millrace::encode_into(out, view);
    if (kind != VoteKind::nullify) millrace::encode_into(out, proposal);
}

void Subject::decode_from(Decoder& in) {
    millrace::decode_into(in, kind);
    millrace::decode_into(in, view);
    proposal = {};
    if (!in.failed() && kind != VoteKind::nullify) millrace::decode_into(in, proposal);
}

Bytes signed_bytes(const ChainId& domain, Epoch epoch, const Subject& subject) {
    Encoder out;
    Bytes tag(kTagSize, 0);
    const std::string_view text = tag_of(subject.kind);
    std::copy(text.begin(), text.end(), tag.begin());
    out.raw(tag);
    out.raw(domain.view());
    out.integer(epoch.value);
    out.integer(subject.view.value);
    if (subject.kind != VoteKind::nullify) {
        out.integer(subject.proposal.parent_view.value);
        out.raw(subject.proposal.block.view());
    }
    return std::move(out).take();
}

ChainId vote_domain(const ChainId& chain, std::uint32_t recovery) {
    if (recovery == 0) return chain;
    return hash_as<ChainId>(Hasher("mill/recovery").update(chain).update_u64(recovery).finish());
}

bool proves_fault(const Subject& a, const Subject& b) {
    // Two copies of one vote prove nothing (no. 2 of the checklist in docs/protocol/consensus.md).
    if (a.view != b.view || a == b) return false;
    if (a.kind == VoteKind::nullify || b.kind == VoteKind::nullify)
        return a.kind == VoteKind::finalize || b.kind == VoteKind::finalize;
    return a.proposal != b.proposal;
}

}  // namespace millrace
