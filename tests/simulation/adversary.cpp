#include "tests/simulation/adversary.hpp"

namespace millrace::consensus::sim {
namespace {

constexpr std::size_t kSeenMax = 64;

}  // namespace

Vote Meddler::vote(Epoch epoch, const Subject& subject) const {
    return {epoch, subject, world_.index_of(node_.validator, epoch),
            world_.sign(node_.validator, epoch, subject)};
}

void Meddler::send(std::size_t validator, const Message& message) {
    world_.transmit(node_, validator, message);
}

void Meddler::send_all(const Message& message) {
    for (std::size_t i = 0; i < world_.options_.weights.size(); ++i) {
        if (i != node_.validator) send(i, message);
    }
}

ProposalMessage Meddler::proposal_of(Epoch epoch, View view, View parent_view,
                                     const SimBlock& block) const {
    const Bytes bytes = encode(block);
    const BlockHash hash = world_.reader_.read(bytes)->hash;
    return {vote(epoch, Subject::notarize(view, {parent_view, hash})),
            BoundedBytes<kBlockBytesMax>(bytes)};
}

bool Meddler::equivocate(const ProposalMessage& message) {
    auto other = *decode<SimBlock>(message.block);
    const std::uint64_t parent_state = world_.state_of(node_, other.parent);
    other.salt += 1;
    other.state = mix(parent_state, other.height, other.salt);
    const Subject& subject = message.vote.subject;
    const ProposalMessage second =
        proposal_of(message.vote.epoch, subject.view, subject.proposal.parent_view, other);
    for (std::size_t i = 0; i < world_.options_.weights.size(); ++i) {
        if (i == node_.validator) continue;
        const bool both = world_.rng_.chance(4);
        if (both || i % 2 == 0) send(i, message);
        if (both || i % 2 == 1) send(i, second);
    }
    return true;
}

bool Meddler::skip_parent(const ProposalMessage& message) {
    const Floor& floor = node_.engine->finalized();
    const Subject& subject = message.vote.subject;
    auto block = *decode<SimBlock>(message.block);
    if (subject.proposal.parent_view == floor.view) return false;
    block.parent = floor.block.hash;
    block.height = next(floor.block.height);
    block.state = mix(world_.state_of(node_, block.parent), block.height, block.salt);
    send_all(proposal_of(message.vote.epoch, subject.view, floor.view, block));
    return true;
}

bool Meddler::give_boundary_a_child(const Vote& own) {
    const View view = own.subject.view;
    if (node_.engine->leader_of(view) != own.signer) return false;
    SimBlock block;
    block.epoch = own.epoch;
    block.view = view;
    block.parent = own.subject.proposal.block;
    block.height = next(node_.engine->finalized().block.height);
    block.timestamp = world_.instant(node_).wall;
    send_all(proposal_of(own.epoch, view, own.subject.proposal.parent_view, block));
    return true;
}

/// Everything that must be thrown away by whoever gets it.
void Meddler::forge(const Vote& like) {
    Vote bad = like;
    bad.signature.bytes[0] ^= 1U;
    bad.subject.view = next(bad.subject.view);
    send_all(bad);
    Vote stranger = like;
    stranger.signer = ValidatorIndex{static_cast<std::uint16_t>(kValidatorsMax + 7)};
    send_all(stranger);
    send_all(vote(like.epoch, Subject::nullify(View{like.subject.view.value + 1'000})));
    const auto set = world_.set_of(like.epoch);
    Certificate thin{like.epoch, like.subject, {}, {like.signature}};
    thin.signers.resize((set->size() + 7) / 8);
    thin.signers[like.signer.value / 8] = static_cast<std::uint8_t>(1U << (like.signer.value % 8U));
    send_all(thin);
    Certificate null = thin;
    const Subject skipped = Subject::nullify(like.subject.view);
    null.subject = skipped;
    null.signatures[0] = vote(like.epoch, skipped).signature;
    send_all(null);
    Certificate full = thin;
    full.signatures.clear();
    for (std::size_t i = 0; i < set->size(); ++i) {
        full.signers[i / 8] = static_cast<std::uint8_t>(full.signers[i / 8] | (1U << (i % 8)));
        full.signatures.push_back(like.signature);
    }
    send_all(full);
    Certificate wide = full;
    wide.signers.push_back(1);
    send_all(wide);
}

bool Meddler::on_outgoing(const Message& message) {
    const auto* proposal = std::get_if<ProposalMessage>(&message);
    const auto* own = std::get_if<Vote>(&message);
    Rng& rng = world_.rng_;
    switch (node_.adversary) {
        case Adversary::none:
        case Adversary::dead:
        case Adversary::goes_silent:
        case Adversary::wrong_root:
        case Adversary::early_bird:
        case Adversary::replayer:
        case Adversary::twin:
        case Adversary::liar:
            return false;
        case Adversary::silent_leader:
            return proposal != nullptr;
        case Adversary::equivocator:
            return proposal != nullptr && equivocate(*proposal);
        case Adversary::parent_skipper:
            return proposal != nullptr && skip_parent(*proposal);
        case Adversary::boundary_child:
            return own != nullptr && own->subject.kind == VoteKind::notarize &&
                   give_boundary_a_child(*own);
        case Adversary::nuller:
            if (own == nullptr || own->subject.kind != VoteKind::notarize) return false;
            send_all(vote(own->epoch, Subject::nullify(own->subject.view)));
            send_all(vote(own->epoch, Subject::finalize(own->subject.view, own->subject.proposal)));
            return false;
        case Adversary::double_voter: {
            if (own == nullptr || own->subject.kind == VoteKind::nullify) return false;
            Subject second = own->subject;
            rng.fill(second.proposal.block.bytes);
            send_all(vote(own->epoch, second));
            return false;
        }
        case Adversary::withholder:
            for (std::size_t i = 0; i < world_.options_.weights.size(); ++i) {
                if (i != node_.validator && rng.chance(2)) send(i, message);
            }
            return true;
        case Adversary::forger:
            if (own != nullptr) forge(*own);
            return false;
    }
    return false;
}

void Meddler::on_arrival(std::size_t from, const Message& message) {
    if (node_.adversary != Adversary::replayer && node_.adversary != Adversary::liar) return;
    Rng& rng = world_.rng_;
    const bool is_certificate = std::holds_alternative<Certificate>(message);
    if (node_.adversary == Adversary::replayer || is_certificate) {
        if (node_.seen.size() < kSeenMax) {
            node_.seen.push_back(message);
        } else {
            node_.seen[rng.below(kSeenMax)] = message;
        }
    }
    if (node_.seen.empty()) return;
    const Message old = node_.seen[rng.below(node_.seen.size())];
    if (node_.adversary == Adversary::replayer && rng.chance(8)) send_all(old);
    if (node_.adversary == Adversary::liar && std::holds_alternative<CertificateRequest>(message))
        send(from, old);
}

void Meddler::on_build(SimBlock& block) {
    if (node_.adversary == Adversary::wrong_root) block.state ^= 1U;
    if (node_.adversary == Adversary::early_bird) block.timestamp.value += world_.rng_.below(2'000);
}

}  // namespace millrace::consensus::sim
