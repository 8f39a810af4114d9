#include "wallet/light_client.hpp"

#include "common/auth_map_proof.hpp"
#include "consensus/messages.hpp"
#include "market/block/apply.hpp"

namespace millrace::wallet {

namespace {

namespace cs = consensus;

class StrictVerifier final : public cs::VoteVerifier {
  public:
    [[nodiscard]] bool verify(const Ed25519Key& key, ByteView message,
                              const Ed25519Signature& signature) const override {
        return millrace::verify(key, message, signature);
    }
};

std::optional<cs::ValidatorSet> voters_of(const market::EpochSet& set) {
    std::vector<cs::Validator> voters;
    voters.reserve(set.members.size());
    for (const market::SetMember& member : set.members)
        voters.push_back({member.vote_key, member.weight});
    auto made = cs::ValidatorSet::make(std::move(voters));
    if (!made.has_value()) return std::nullopt;
    return *std::move(made);
}

/// The set that votes in this epoch, where it is one of the two that are known.
Result<const market::EpochSet*, ProofFault> set_at(const Trust& trust, Epoch epoch) {
    if (epoch < trust.epoch) return Err{ProofFault::epoch_past};
    if (epoch == trust.epoch) return &trust.set;
    if (epoch == next(trust.epoch)) return &trust.next_set;
    return Err{ProofFault::epoch_ahead};
}

market::EpochSet genesis_set(const market::StateWrites& writes, Epoch epoch) {
    const auto row = writes.find(market::epoch_set_key(epoch).bytes());
    MILLRACE_ASSERT(row != writes.end() && row->second.has_value());
    return market::decode_state<market::EpochSet>(*row->second);
}

}  // namespace

std::string_view sentence(ProofFault fault) {
    switch (fault) {
        case ProofFault::other_chain:
            return "its block is of another chain";
        case ProofFault::version_unknown:
            return "its block follows rules that this program is too old for";
        case ProofFault::epoch_past:
            return "its block is of an epoch that this wallet has long verified the end of";
        case ProofFault::epoch_ahead:
            return "it does not show who the validators of its block's epoch are";
        case ProofFault::recovery_differs:
            return "its block names another recovery than its epoch's validators have";
        case ProofFault::certificate_missing:
            return "it shows no certificate of its block";
        case ProofFault::certificate_malformed:
            return "its block's certificate is no certificate";
        case ProofFault::not_a_finalization:
            return "its block's certificate makes nothing final";
        case ProofFault::certificate_of_another:
            return "its certificate is of another block than it shows";
        case ProofFault::certificate_invalid:
            return "its block is not signed by more than two thirds of the validators";
        case ProofFault::set_unproven:
            return "the validators that it names are not those that the ledger has";
        case ProofFault::set_malformed:
            return "the validators that it names cannot be a set";
        case ProofFault::row_unproven:
            return "what it says is not what the ledger of its block has";
        case ProofFault::row_count_differs:
            return "it proves other things than it was asked for";
        case ProofFault::head_old:
            return "its newest block is minutes old: the node is behind, or the chain stands "
                   "still, "
                   "or this machine's clock is wrong";
        case ProofFault::head_behind:
            return "its newest block is older than one that this wallet has verified before";
        case ProofFault::fork:
            return "its block is another than this wallet has verified at the same height, and "
                   "validators have signed both";
    }
    return "";
}

Trust trust_of(const market::Genesis& genesis) {
    const market::StateWrites writes = market::genesis_writes(genesis);
    Trust trust;
    trust.chain = market::chain_id_of(genesis);
    trust.network = genesis.network;
    trust.is_play_money = genesis.faucet;
    trust.accusable_ms = genesis.params.stake.evidence_window_ms;
    trust.set = genesis_set(writes, Epoch{0});
    trust.next_set = genesis_set(writes, Epoch{1});
    trust.since = genesis.time;
    trust.head_time = genesis.time;
    return trust;
}

Status<ProofFault> check_header(const Trust& trust, const market::BlockHeader& header,
                                const std::optional<Bytes>& certificate) {
    if (header.chain != trust.chain) return Err{ProofFault::other_chain};
    if (header.protocol_version > market::kProtocolVersion) return Err{ProofFault::version_unknown};
    MILLRACE_TRY(const market::EpochSet* const set, set_at(trust, header.epoch));
    if (header.recovery != set->recovery) return Err{ProofFault::recovery_differs};
    if (!certificate) return Err{ProofFault::certificate_missing};
    const auto shown = decode<cs::Certificate>(*certificate);
    if (!shown.has_value()) return Err{ProofFault::certificate_malformed};
    if (shown->subject.kind != VoteKind::finalize) return Err{ProofFault::not_a_finalization};
    if (shown->subject.proposal.block != market::block_hash(header))
        return Err{ProofFault::certificate_of_another};
    const auto voters = voters_of(*set);
    if (!voters) return Err{ProofFault::set_malformed};
    const auto good = cs::check_certificate(*shown, vote_domain(trust.chain, set->recovery),
                                            header.epoch, *voters, StrictVerifier());
    if (!good.has_value()) return Err{ProofFault::certificate_invalid};
    return Ok{};
}

Status<ProofFault> advance(Trust& trust, const market::Handover& handover) {
    const market::BlockHeader& header = handover.header;
    if (header.epoch > trust.epoch) return Err{ProofFault::epoch_ahead};
    MILLRACE_CHECK(check_header(trust, header, handover.certificate));
    // Only a block that ends its epoch has the set of the epoch after the next in its state.
    const Epoch proven = next(next(trust.epoch));
    if (!verify_presence(Hash{header.state_root.bytes}, market::epoch_set_key(proven), handover.set,
                         handover.proof)
             .has_value())
        return Err{ProofFault::set_unproven};
    auto set = decode<market::EpochSet>(handover.set);
    if (!set.has_value() || !voters_of(*set)) return Err{ProofFault::set_malformed};
    trust.epoch = next(trust.epoch);
    trust.set = std::exchange(trust.next_set, *std::move(set));
    trust.checkpoint = market::block_hash(header);
    trust.since = header.time;
    return Ok{};
}

Status<ProofFault> check_row(const StateRoot& root, ByteView key, const market::ProvenRow& row) {
    const Hash top{root.bytes};
    const auto good = row.value ? verify_presence(top, key, *row.value, row.proof)
                                : verify_absence(top, key, row.proof);
    if (!good.has_value()) return Err{ProofFault::row_unproven};
    return Ok{};
}

Status<ProofFault> take_head(Trust& trust, const market::BlockHeader& header, WallTime now) {
    const BlockHash hash = market::block_hash(header);
    if (header.height == trust.height && trust.height.value > 0 && hash != trust.head)
        return Err{ProofFault::fork};
    if (header.time.value + kStepBackMaxMs < trust.head_time.value)
        return Err{ProofFault::head_behind};
    if (header.time.value + kHeadAgeMaxMs < now.value) return Err{ProofFault::head_old};
    if (header.height > trust.height) {
        trust.height = header.height;
        trust.head = hash;
        trust.head_time = header.time;
    }
    return Ok{};
}

bool is_stale(const Trust& trust, WallTime now) {
    return !trust.is_play_money && now.value > trust.since.value &&
           now.value - trust.since.value > trust.accusable_ms;
}

}  // namespace millrace::wallet
