#pragma once

#include "market/refusal.hpp"
#include "market/transaction.hpp"

/// Blocks, their headers and receipts. Source: docs/protocol/block.md.
namespace millrace::market {

/// Commits to everything in a block and to the state after it.
struct BlockHeader {
    /// Rules by which this block was made.
    std::uint16_t protocol_version = 1;
    /// Newest version that its proposer's node can follow: a vote for an upgrade.
    std::uint16_t version_signal = 1;
    ChainId chain;
    Height height;
    BlockHash parent;
    /// Wall time, above the parent's by at least the spacing.
    WallTime time;
    ActiveTime active_time;
    Epoch epoch;
    /// Recovery number of the epoch's set: with `chain` it gives what its votes sign.
    std::uint32_t recovery = 0;
    /// View of this epoch whose leader first proposed the block; 0 for genesis. A boundary block
    /// that is proposed again keeps it.
    View view;
    /// Index into the epoch's validator set.
    std::uint16_t proposer = 0;
    /// VRF over the parent's beacon, and what it shows.
    VrfProof beacon_proof;
    Beacon beacon;
    ListRoot transactions_root;
    ListRoot receipts_root;
    ListRoot votes_root;
    /// Root of the authenticated map after this block.
    StateRoot state_root;
    friend bool operator==(const BlockHeader&, const BlockHeader&) = default;
};
BOOST_DESCRIBE_STRUCT(BlockHeader, (),
                      (protocol_version, version_signal, chain, height, parent, time, active_time,
                       epoch, recovery, view, proposer, beacon_proof, beacon, transactions_root,
                       receipts_root, votes_root, state_root))

/// H("mill/header", encoding).
[[nodiscard]] BlockHash block_hash(const BlockHeader& header);

/// More than any block can hold: 4 MiB of the smallest transaction is about 20,000.
inline constexpr std::size_t kBlockTransactionsMax = 32'768;

/// Votes that one block shows as signs of life. A set of 240 in which nobody proposes shows all of
/// its voices in 16 blocks, at half a millisecond of signature checks each.
inline constexpr std::size_t kBlockVotesMax = 16;

struct Block {
    BlockHeader header;
    BoundedVector<SignedTx, kBlockTransactionsMax> transactions;
    /// Late votes of this epoch, ascending by signer.
    BoundedVector<Vote, kBlockVotesMax> votes;
    friend bool operator==(const Block&, const Block&) = default;
};
BOOST_DESCRIBE_STRUCT(Block, (), (header, transactions, votes))

/// What a transaction did. Its refusal is `none` when it was applied.
struct Receipt {
    TxHash transaction;
    Refusal refusal = Refusal::none;
    /// Base fee, burnt.
    Amount fee;
    /// To the proposer.
    Amount tip;
    friend bool operator==(const Receipt&, const Receipt&) = default;
};
BOOST_DESCRIBE_STRUCT(Receipt, (), (transaction, refusal, fee, tip))

[[nodiscard]] ListRoot transactions_root(std::span<const SignedTx> transactions);
/// The same out of the receipts, which name the transactions in the same order.
[[nodiscard]] ListRoot transactions_root_in(std::span<const Receipt> receipts);
[[nodiscard]] ListRoot receipts_root(std::span<const Receipt> receipts);
[[nodiscard]] ListRoot votes_root(std::span<const Vote> votes);
/// Whether a block's body is what its header commits to. Receipts need its execution.
[[nodiscard]] bool body_matches(const Block& block);

}  // namespace millrace::market
