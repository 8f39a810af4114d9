#pragma once

#include "market/admit.hpp"
#include "market/block/event.hpp"
#include "market/block/header.hpp"
#include "market/genesis.hpp"

/// The ledger's transition: a block on the state before it. Pure: the same bytes in give the same
/// bytes out. Source: docs/protocol/block.md, "Order inside a block".
namespace millrace::market {

/// Why a block is invalid, whoever proposes it. A transaction that the market refuses does not
/// make it so.
enum class BlockFault : std::uint8_t {
    time_too_early = 1,
    proposer_unknown = 2,
    beacon_invalid = 3,
    too_many_bytes = 4,
    /// More than three quarters used by what is neither commit, reveal nor another move.
    too_many_ordinary_bytes = 5,
    /// A transaction breaks a rule of the envelope (`breaks_block`).
    transaction_invalid = 6,
    /// The header is not what the block's contents give.
    header_mismatch = 7,
    /// The chain has moved to rules that this software does not know: the node must stop and say
    /// so.
    version_unknown = 8,
    /// A vote in the block is not a sign of life that it needs (block/epoch.hpp).
    votes_invalid = 9,
};
BOOST_DESCRIBE_ENUM(BlockFault, time_too_early, proposer_unknown, beacon_invalid, too_many_bytes,
                    too_many_ordinary_bytes, transaction_invalid, header_mismatch, version_unknown,
                    votes_invalid)
[[nodiscard]] std::string_view sentence(BlockFault fault);

/// The newest version of the rules that this software follows.
inline constexpr std::uint16_t kProtocolVersion = 1;

/// What a proposer chooses.
struct BlockInput {
    BlockHash parent;
    WallTime time;
    View view;
    std::uint16_t proposer = 0;
    /// VRF over `beacon_input` of the state's beacon, by the proposer's VRF key.
    VrfProof beacon_proof;
    std::vector<CheckedTx> transactions;
    BoundedVector<Vote, kBlockVotesMax> votes;
    std::uint16_t version_signal = kProtocolVersion;
};

struct BlockOutcome {
    BlockHeader header;
    std::vector<Receipt> receipts;
    StateWrites writes;
    std::vector<Event> events;
    /// Its time reached the epoch's end: the next block belongs to the next epoch.
    bool last_of_epoch = false;
};

/// What the next proposer proves its VRF over; consensus/beacon.hpp has the same rule.
[[nodiscard]] Hash beacon_input(const ChainId& chain, const Beacon& parent);
[[nodiscard]] Beacon beacon_of(const VrfOutput& output);

/// Applies a block. `committer` computes the root of the same state that `state` reads.
[[nodiscard]] Result<BlockOutcome, BlockFault> apply_block(const StateReader& state,
                                                           const StateCommitter& committer,
                                                           const BlockInput& input);

/// Applies a block that another proposed and compares every field of its header.
/// `transactions` are those of the block, in its order; `votes` its votes.
[[nodiscard]] Result<BlockOutcome, BlockFault> check_block(const StateReader& state,
                                                           const StateCommitter& committer,
                                                           const BlockHeader& header,
                                                           CheckedTxs& transactions,
                                                           std::span<const Vote> votes);
/// The same for transactions that were checked before.
[[nodiscard]] Result<BlockOutcome, BlockFault> check_block(const StateReader& state,
                                                           const StateCommitter& committer,
                                                           const BlockHeader& header,
                                                           std::span<const CheckedTx> transactions,
                                                           std::span<const Vote> votes);

/// Where a block's transactions come from, one by one in the order of preference: a mempool's walk,
/// which hears what became of each. So only what went in takes of the block's room.
class Candidates {
  public:
    enum class Fate : std::uint8_t { added, no_room, refused };
    Candidates() = default;
    Candidates(const Candidates&) = delete;
    Candidates& operator=(const Candidates&) = delete;
    virtual ~Candidates() = default;
    /// Null when there are no more. Valid until the next call.
    [[nodiscard]] virtual const CheckedTx* next() = 0;
    /// What became of the last one.
    virtual void tell(Fate fate) = 0;
};

struct BuiltBlock {
    Block block;
    BlockOutcome outcome;
    /// Candidates that the envelope refuses here, but for a nonce that is too high. Whether that is
    /// for good is for a state to say that is final.
    std::vector<TxHash> refused;
};

/// Out of votes that a leader knows, at most one a signer, those that a block on this state may and
/// should carry: the longest silent first.
[[nodiscard]] BoundedVector<Vote, kBlockVotesMax> choose_votes(const StateReader& state,
                                                               const BlockInput& input,
                                                               std::span<const Vote> known);

/// Builds a block from candidates, leaving out what does not fit or is not good now.
/// `input.transactions` is ignored.
[[nodiscard]] Result<BuiltBlock, BlockFault> build_block(const StateReader& state,
                                                         const StateCommitter& committer,
                                                         const BlockInput& input,
                                                         Candidates& candidates);

/// The state that a chain begins with. The document is good (`check_genesis`).
[[nodiscard]] StateWrites genesis_writes(const Genesis& genesis);
/// Header of block 0: `committer` is of the empty state.
[[nodiscard]] BlockHeader genesis_header(const Genesis& genesis, const StateCommitter& committer);

/// Whether there is work for pacing at this active time: something due, a clearing pending, or an
/// interval over with a changed book. Waiting transactions are the mempool's to know.
[[nodiscard]] bool has_work(const StateReader& state, ActiveTime at);
/// The earliest active time at which `has_work` will be true if no transaction comes; none when
/// never.
[[nodiscard]] std::optional<ActiveTime> next_work(const StateReader& state);

}  // namespace millrace::market
