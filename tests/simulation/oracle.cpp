#include "tests/simulation/oracle.hpp"

#include <fmt/format.h>

namespace millrace::consensus::sim {
namespace {

/// The table of the protocol page, said again.
bool exclude_each_other(const std::set<Subject>& words) {
    std::set<Proposal> notarized;
    std::set<Proposal> finalized;
    bool nullified = false;
    for (const Subject& word : words) {
        if (word.kind == VoteKind::notarize) notarized.insert(word.proposal);
        if (word.kind == VoteKind::finalize) finalized.insert(word.proposal);
        if (word.kind == VoteKind::nullify) nullified = true;
    }
    if (notarized.size() > 1 || finalized.size() > 1) return true;
    if (finalized.empty()) return false;
    return nullified || (!notarized.empty() && *notarized.begin() != *finalized.begin());
}

}  // namespace

void Oracle::vote_leaves(std::size_t validator, const Vote& vote, bool durable) {
    auto& words = words_[{vote.epoch, vote.subject.view, vote.signer.value}];
    words.insert(vote.subject);
    if (!rules_.honest[validator]) return;
    if (!durable)
        fail(fmt::format("validator {} sent a vote of view {} before it was durable", validator,
                         vote.subject.view.value));
    if (exclude_each_other(words))
        fail(fmt::format("honest validator {} contradicts itself in view {}", validator,
                         vote.subject.view.value));
    if (vote.subject.kind != VoteKind::finalize) return;
    if (!words.contains(Subject::notarize(vote.subject.view, vote.subject.proposal)))
        fail(fmt::format("honest validator {} finalized in view {} what it did not notarize",
                         validator, vote.subject.view.value));
}

void Oracle::certificate_kept(const Certificate& certificate, const std::vector<Weight>& weights) {
    Weight total = 0;
    for (const Weight weight : weights) total += weight;
    Weight sum = 0;
    std::size_t signers = 0;
    for (std::size_t i = 0; i < weights.size() && i / 8 < certificate.signers.size(); ++i) {
        if (((certificate.signers[i / 8] >> (i % 8)) & 1U) == 0) continue;
        sum += weights[i];
        ++signers;
        words_[{certificate.epoch, certificate.subject.view, static_cast<std::uint16_t>(i)}].insert(
            certificate.subject);
    }
    const View view = certificate.subject.view;
    if (sum * 3 <= total * 2 || signers != certificate.signatures.size())
        fail(fmt::format("a certificate of view {} has weight {} of {}", view.value, sum, total));
    auto& here = certified_[{certificate.epoch, view}];
    here.insert(certificate.subject);
    if (!rules_.below_a_third) return;
    std::set<Proposal> agreed;
    bool is_final = false;
    bool is_null = false;
    for (const Subject& subject : here) {
        if (subject.kind == VoteKind::nullify) is_null = true;
        if (subject.kind == VoteKind::finalize) is_final = true;
        if (subject.kind != VoteKind::nullify) agreed.insert(subject.proposal);
    }
    if (is_final && is_null) fail(fmt::format("view {} is both final and skipped", view.value));
    if (agreed.size() > 1) fail(fmt::format("two blocks are agreed on in view {}", view.value));
}

void Oracle::block_final(std::size_t node, std::uint64_t height, const BlockHash& hash,
                         const BlockHash& parent, bool state_is_true) {
    Head& head = heads_[node];
    if (height != head.height + 1 || parent != head.hash)
        fail(fmt::format("node {} finalizes height {} on top of {}", node, height, head.height));
    head = {height, hash};
    if (!state_is_true) fail(fmt::format("node {} finalizes a false state at {}", node, height));
    const auto [it, is_new] = final_.try_emplace(height, hash);
    if (is_new || it->second == hash) return;
    forked_ = true;
    if (rules_.below_a_third) fail(fmt::format("two blocks are final at height {}", height));
}

void Oracle::restarted(std::size_t node, std::uint64_t height, const BlockHash& head) {
    heads_[node] = {height, head};
}

std::map<Epoch, std::set<std::uint16_t>> Oracle::guilty() const {
    std::map<Epoch, std::set<std::uint16_t>> out;
    for (const auto& [key, words] : words_) {
        if (exclude_each_other(words)) out[std::get<0>(key)].insert(std::get<2>(key));
    }
    return out;
}

}  // namespace millrace::consensus::sim
