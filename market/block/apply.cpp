#include "market/block/apply.hpp"

#include <algorithm>

#include "market/block/clearing.hpp"
#include "market/block/epoch.hpp"
#include "market/block/fees.hpp"
#include "market/rules/due.hpp"
#include "market/rules/rules.hpp"

namespace millrace::market {

std::string_view sentence(BlockFault fault) {
    switch (fault) {
        case BlockFault::time_too_early:
            return "the block's time is not far enough above its parent's";
        case BlockFault::proposer_unknown:
            return "the proposer is not in the validator set";
        case BlockFault::beacon_invalid:
            return "the beacon's proof is not the proposer's over the parent's beacon";
        case BlockFault::too_many_bytes:
            return "the block's transactions are too large together";
        case BlockFault::too_many_ordinary_bytes:
            return "ordinary transactions use the room that is reserved for moves";
        case BlockFault::transaction_invalid:
            return "a transaction of the block breaks a rule of the envelope";
        case BlockFault::header_mismatch:
            return "the header is not what the block's contents give";
        case BlockFault::version_unknown:
            return "the chain has moved to a protocol version that this software does not know";
        case BlockFault::votes_invalid:
            return "a vote in the block is not a sign of life that it needs";
    }
    return "unknown fault";
}

Hash beacon_input(const ChainId& chain, const Beacon& parent) {
    return Hasher("mill/beacon-in").update(chain).update(parent).finish();
}

Beacon beacon_of(const VrfOutput& output) {
    return hash_as<Beacon>(hash_bytes("mill/beacon", output.view()));
}

namespace {

/// One block being applied: the steps in their order.
class BlockRun {
  public:
    BlockRun(const StateReader& state, const BlockInput& input)
        : cache_(state), overlay_(cache_), ledger_(overlay_), input_(input) {}

    Status<BlockFault> begin() {
        ChainState& chain = ledger_.chain;
        if (chain.protocol_version > kProtocolVersion) return Err{BlockFault::version_unknown};
        const TimeParams& time = ledger_.params.time;
        if (input_.time.value < chain.time.value + time.block_spacing_min_ms)
            return Err{BlockFault::time_too_early};
        auto set = find_epoch_set(ledger_.state, chain.epoch);
        MILLRACE_ASSERT(set.has_value());
        set_ = *std::move(set);
        if (input_.proposer >= set_.members.size()) return Err{BlockFault::proposer_unknown};
        const SetMember& proposer = set_.members[input_.proposer];
        const auto output = verify(proposer.vrf_key, beacon_input(chain.chain, chain.beacon).view(),
                                   input_.beacon_proof);
        if (!output) return Err{BlockFault::beacon_invalid};
        proposer_ = find_validator(ledger_, proposer.owner)->payout_account;
        epoch_ = chain.epoch;
        elapsed_ = std::min(input_.time.value - chain.time.value, time.active_step_max_ms);
        chain.height = next(chain.height);
        chain.time = input_.time;
        chain.active_time.value += elapsed_;
        chain.beacon = beacon_of(*output);
        version_ = chain.protocol_version;
        count_signal();
        MILLRACE_CHECK(note_signs_of_life());
        const bool clears = chain.pending.has_value();
        freeze_if_due(ledger_);
        if (chain.active_time >= chain.epoch_end) change_epoch(ledger_, set_);
        for (const DueKind kind : kDueKinds)
            if (kind != DueKind::job_wind_down) sweep(kind);
        if (clears) {
            ledger_.events.emplace_back(StepEvent{Step::clearing, 0, {}, {}});
            run_clearing(ledger_);
        }
        // Lots leave the market between two clearings, never out of a frozen book; with a freeze
        // in every other block this is the only place where that is sure to come.
        if (!chain.pending) sweep(DueKind::job_wind_down);
        return Ok{};
    }

    /// Whether the transaction fits and is good here; then it is applied.
    Status<BlockFault> add(const CheckedTx& tx) {
        const Charge charge = charge_of(ledger_.state, ledger_.chain, ledger_.params, tx);
        const std::uint64_t bytes_max = ledger_.params.time.block_bytes_max;
        if (bytes_ + tx.size() > bytes_max) return Err{BlockFault::too_many_bytes};
        if (!charge.reserved && ordinary_bytes_ + tx.size() > bytes_max - bytes_max / 4)
            return Err{BlockFault::too_many_ordinary_bytes};
        if (const auto envelope =
                check_envelope(ledger_.state, ledger_.chain, ledger_.params, tx, input_.time);
            !envelope.has_value()) {
            last_refusal_ = envelope.error();
            return Err{BlockFault::transaction_invalid};
        }
        const auto index = static_cast<std::uint32_t>(receipts_.size());
        ledger_.events.emplace_back(StepEvent{Step::transaction, index, {}, {}});
        take_fee(ledger_, tx, charge, proposer_);
        const Refusal refusal = run_body(ledger_, {tx.sender(), tx.tx().nonce}, tx.tx().body);
        receipts_.push_back({tx.hash(), refusal, charge.fee, tx.tx().tip});
        bytes_ += tx.size();
        weight_ += tx.weight();
        if (!charge.reserved) ordinary_bytes_ += tx.size();
        return Ok{};
    }

    BlockOutcome finish(const StateCommitter& committer) {
        const std::uint64_t target =
            ledger_.params.fees.base_fee_target_bytes_per_s * elapsed_ / 1'000;
        ledger_.chain.base_fee =
            next_base_fee(ledger_.params.fees, ledger_.chain.base_fee, weight_, target);
        // Not before: sweeps, auction and transactions are of the version that the header names.
        begin_due_version(ledger_.chain);
        store(ledger_.state, chain_key(), ledger_.chain);
        BlockOutcome out;
        out.writes = std::move(overlay_).take();
        out.receipts = std::move(receipts_);
        out.events = std::move(ledger_.events);
        out.last_of_epoch = ledger_.chain.epoch != epoch_;
        out.header = make_header(out.receipts);
        out.header.state_root = committer.root_after(out.writes);
        return out;
    }

    [[nodiscard]] Refusal last_refusal() const { return last_refusal_; }

  private:
    Status<BlockFault> note_signs_of_life() {
        const auto attendance = load<Attendance>(ledger_.state, attendance_key());
        MILLRACE_ASSERT(attendance.has_value());
        if (!votes_are_good(ledger_, set_, *attendance, input_.proposer, input_.view, input_.votes))
            return Err{BlockFault::votes_invalid};
        note_votes(ledger_, input_.proposer, input_.votes);
        return Ok{};
    }

    /// Only what is above the present version is worth a row.
    void count_signal() {
        if (input_.version_signal <= ledger_.chain.protocol_version) return;
        store(ledger_.state, version_signal_key(input_.proposer), input_.version_signal);
    }

    void sweep(DueKind kind) { sweep_due(ledger_, kind); }

    [[nodiscard]] BlockHeader make_header(std::span<const Receipt> receipts) const {
        const ChainState& chain = ledger_.chain;
        BlockHeader header;
        header.protocol_version = version_;
        header.version_signal = input_.version_signal;
        header.chain = chain.chain;
        header.height = chain.height;
        header.parent = input_.parent;
        header.time = chain.time;
        header.active_time = chain.active_time;
        header.epoch = epoch_;
        header.recovery = set_.recovery;
        header.view = input_.view;
        header.proposer = input_.proposer;
        header.beacon_proof = input_.beacon_proof;
        header.beacon = chain.beacon;
        header.transactions_root = transactions_root_in(receipts);
        header.receipts_root = receipts_root(receipts);
        header.votes_root = votes_root(input_.votes);
        return header;
    }

    ReadCache cache_;
    Overlay overlay_;
    Ledger ledger_;
    const BlockInput& input_;
    /// The set that votes on this block, which may be the last of its epoch.
    EpochSet set_;
    Epoch epoch_;
    /// Who gets the tips.
    Address proposer_;
    std::uint16_t version_ = 0;
    std::uint64_t elapsed_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t ordinary_bytes_ = 0;
    std::uint64_t weight_ = 0;
    std::vector<Receipt> receipts_;
    Refusal last_refusal_ = Refusal::none;
};

/// Transactions that were all checked before.
class AllChecked final : public CheckedTxs {
  public:
    explicit AllChecked(std::span<const CheckedTx> all) : all_(all) {}
    [[nodiscard]] std::size_t count() const override { return all_.size(); }
    [[nodiscard]] const CheckedTx* at(std::size_t index) override { return &all_[index]; }

  private:
    std::span<const CheckedTx> all_;
};

Result<BlockOutcome, BlockFault> run_block(const StateReader& state,
                                           const StateCommitter& committer, const BlockInput& input,
                                           CheckedTxs& transactions) {
    BlockRun run(state, input);
    MILLRACE_CHECK(run.begin());
    for (std::size_t i = 0; i < transactions.count(); ++i) {
        const CheckedTx* tx = transactions.at(i);
        if (tx == nullptr) return Err{BlockFault::transaction_invalid};
        MILLRACE_CHECK(run.add(*tx));
    }
    return run.finish(committer);
}

Candidates::Fate fate_of(const Status<BlockFault>& added) {
    if (added.has_value()) return Candidates::Fate::added;
    return added.error() == BlockFault::transaction_invalid ? Candidates::Fate::refused
                                                            : Candidates::Fate::no_room;
}

}  // namespace

Result<BlockOutcome, BlockFault> apply_block(const StateReader& state,
                                             const StateCommitter& committer,
                                             const BlockInput& input) {
    AllChecked all(input.transactions);
    return run_block(state, committer, input, all);
}

Result<BlockOutcome, BlockFault> check_block(const StateReader& state,
                                             const StateCommitter& committer,
                                             const BlockHeader& header,
                                             std::span<const CheckedTx> transactions,
                                             std::span<const Vote> votes) {
    AllChecked all(transactions);
    return check_block(state, committer, header, all, votes);
}

Result<BlockOutcome, BlockFault> check_block(const StateReader& state,
                                             const StateCommitter& committer,
                                             const BlockHeader& header, CheckedTxs& transactions,
                                             std::span<const Vote> votes) {
    if (votes.size() > kBlockVotesMax) return Err{BlockFault::votes_invalid};
    BlockInput input;
    input.parent = header.parent;
    input.time = header.time;
    input.view = header.view;
    input.proposer = header.proposer;
    input.beacon_proof = header.beacon_proof;
    input.votes.assign(votes.begin(), votes.end());
    input.version_signal = header.version_signal;
    MILLRACE_TRY(BlockOutcome outcome, run_block(state, committer, input, transactions));
    if (outcome.header != header) return Err{BlockFault::header_mismatch};
    return outcome;
}

BoundedVector<Vote, kBlockVotesMax> choose_votes(const StateReader& state, const BlockInput& input,
                                                 std::span<const Vote> known) {
    Overlay overlay(state);
    Ledger ledger(overlay);
    const TimeParams& time = ledger.params.time;
    // The block's own active time, against which its votes are judged.
    ledger.chain.active_time.value +=
        std::min(input.time.value - ledger.chain.time.value, time.active_step_max_ms);
    const auto set = find_epoch_set(state, ledger.chain.epoch);
    const auto attendance = load<Attendance>(state, attendance_key());
    MILLRACE_ASSERT(set.has_value() && attendance.has_value());
    std::vector<Vote> good;
    for (const Vote& vote : known)
        if (votes_are_good(ledger, *set, *attendance, input.proposer, input.view, {&vote, 1}))
            good.push_back(vote);
    std::stable_sort(good.begin(), good.end(), [&](const Vote& a, const Vote& b) {
        return attendance->last[a.signer.value] < attendance->last[b.signer.value];
    });
    if (good.size() > kBlockVotesMax) good.resize(kBlockVotesMax);
    std::sort(good.begin(), good.end(),
              [](const Vote& a, const Vote& b) { return a.signer < b.signer; });
    BoundedVector<Vote, kBlockVotesMax> out;
    out.assign(good.begin(), good.end());
    return out;
}

Result<BuiltBlock, BlockFault> build_block(const StateReader& state,
                                           const StateCommitter& committer, const BlockInput& input,
                                           Candidates& candidates) {
    BlockRun run(state, input);
    MILLRACE_CHECK(run.begin());
    BuiltBlock out;
    while (out.block.transactions.size() < kBlockTransactionsMax) {
        const CheckedTx* tx = candidates.next();
        if (tx == nullptr) break;
        const Candidates::Fate fate = fate_of(run.add(*tx));
        if (fate == Candidates::Fate::added)
            out.block.transactions.push_back(tx->signed_tx());
        else if (fate == Candidates::Fate::refused && run.last_refusal() != Refusal::nonce_too_high)
            out.refused.push_back(tx->hash());
        candidates.tell(fate);
    }
    out.outcome = run.finish(committer);
    out.block.votes = input.votes;
    out.block.header = out.outcome.header;
    return out;
}

// ---- genesis -------------------------------------------------------------------------------

StateWrites genesis_writes(const Genesis& genesis) {
    MILLRACE_ASSERT(check_genesis(genesis).has_value());
    const MemoryState empty;
    Overlay state(empty);
    ChainState chain;
    chain.chain = chain_id_of(genesis);
    chain.protocol_version = genesis.protocol_version;
    chain.faucet = genesis.faucet;
    chain.time = genesis.time;
    chain.epoch_end = ActiveTime{genesis.params.time.epoch_ms};
    chain.beacon = hash_as<Beacon>(hash_bytes("mill/beacon-0", chain.chain.view()));
    chain.epoch_seeds = {chain.beacon, chain.beacon};
    chain.base_fee = genesis.params.fees.base_fee_initial;
    chain.next_cut_off = ActiveTime{genesis.params.auction.auction_interval_ms};
    for (const GenesisAllocation& a : genesis.allocations) {
        store(state, account_key(a.account), Account{a.amount, {}});
        chain.supply = plus(chain.supply, a.amount);
    }
    for (const GenesisValidator& v : genesis.validators) chain.supply = plus(chain.supply, v.stake);
    found_validators(state, genesis);
    store(state, params_key(), genesis.params);
    store(state, chain_key(), chain);
    return std::move(state).take();
}

BlockHeader genesis_header(const Genesis& genesis, const StateCommitter& committer) {
    BlockHeader header;
    header.protocol_version = genesis.protocol_version;
    header.version_signal = genesis.protocol_version;
    header.chain = chain_id_of(genesis);
    header.time = genesis.time;
    header.beacon = hash_as<Beacon>(hash_bytes("mill/beacon-0", header.chain.view()));
    header.transactions_root = transactions_root({});
    header.receipts_root = receipts_root({});
    header.votes_root = votes_root({});
    header.state_root = committer.root_after(genesis_writes(genesis));
    return header;
}

// ---- pacing --------------------------------------------------------------------------------

std::optional<ActiveTime> next_work(const StateReader& state) {
    const ChainState chain = load_chain(state);
    if (chain.pending) return chain.active_time;
    std::optional<ActiveTime> first;
    const auto consider = [&](ActiveTime at) { first = first ? std::min(*first, at) : at; };
    for (const DueKind kind : kDueKinds)
        if (const auto due = first_due(state, kind)) consider(*due);
    if (freeze_is_wanted(chain)) consider(chain.next_cut_off);
    return first;
}

bool has_work(const StateReader& state, ActiveTime at) {
    const auto first = next_work(state);
    return first && *first <= at;
}

}  // namespace millrace::market
