#pragma once

#include "common/auth_map_proof.hpp"
#include "consensus/messages.hpp"
#include "market/node_answers.hpp"
#include "tests/support/market_world.hpp"

/// A chain of several epochs whose every answer is proven: what an honest node shows to a wallet
/// that does not believe it.
namespace millrace::test {

class ProvenChain {
  public:
    explicit ProvenChain(bool faucet = true,
                         const std::vector<std::string>& validators = {"validator", "v1", "v2",
                                                                       "v3"})
        : world(params(), faucet, validators) {}
    /// Nobody is jailed for being silent.
    static market::Params params() {
        market::Params out = market::Params::dev();
        out.validators.absence_ms = 3'600'000;
        return out;
    }

    /// Votes of all members but `silent`, as one certificate.
    [[nodiscard]] consensus::Certificate certify(const market::BlockHeader& header,
                                                 VoteKind kind = VoteKind::finalize,
                                                 std::size_t silent = 0) {
        const market::EpochSet set = *market::find_epoch_set(world.state, header.epoch);
        const Proposal proposal{View{header.view.value - 1}, market::block_hash(header)};
        Subject subject = Subject::nullify(header.view);
        if (kind == VoteKind::finalize) subject = Subject::finalize(header.view, proposal);
        if (kind == VoteKind::notarize) subject = Subject::notarize(header.view, proposal);
        consensus::Certificate out;
        out.epoch = header.epoch;
        out.subject = subject;
        out.signers.resize((set.members.size() + 7) / 8);
        for (std::uint16_t i = 0; i + silent < set.members.size(); ++i) {
            out.signers[i / 8] = static_cast<std::uint8_t>(out.signers[i / 8] | (1U << (i % 8)));
            out.signatures.push_back(world.vote_of(header.epoch, i, subject).signature);
        }
        return out;
    }

    [[nodiscard]] market::ProvenRow row(ByteView key) const {
        const auto proof = prove_in_map(world.map, world.map.map_root(), map_path(key));
        REQUIRE(proof.has_value());
        market::ProvenRow out;
        if (auto value = world.state.get(key)) out.value.emplace(*std::move(value));
        out.proof = encode(*proof);
        return out;
    }
    template <class Keys>
    [[nodiscard]] market::ProvenRows rows(const Keys& keys) {
        market::ProvenRows out;
        out.header = world.head();
        if (out.header.height.value > 0) out.certificate.emplace(encode(certify(out.header)));
        for (const auto& key : keys) out.rows.push_back(row(key));
        return out;
    }

    /// Blocks to the end of the epoch, and how its set hands over.
    market::Handover end_epoch() {
        world.end_epoch();
        market::Handover out;
        out.header = world.head();
        out.certificate = encode(certify(out.header));
        const market::ProvenRow set = row(market::epoch_set_key(Epoch{out.header.epoch.value + 2}));
        REQUIRE(set.value.has_value());
        out.set = *set.value;
        out.proof = set.proof;
        handovers.push_back(out);
        return out;
    }

    market::World world;
    std::vector<market::Handover> handovers;
};

}  // namespace millrace::test
