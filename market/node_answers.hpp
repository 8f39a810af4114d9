#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/bounded.hpp"
#include "common/network.hpp"
#include "common/units.hpp"
#include "market/auction/explain.hpp"
#include "market/block/header.hpp"
#include "market/ids.hpp"
#include "market/refusal.hpp"
#include "market/state.hpp"
#include "market/transaction.hpp"

/// What a node answers about itself and about transactions (docs/manual/rpc.md), described once for
/// the node that writes it and for the wallet that reads it.
namespace millrace::market {

/// Answer of `node_status`.
struct NodeStatus {
    BoundedString<32> version;
    ChainId chain;
    Network network = Network::test;
    Height height;
    BlockHash head;
    WallTime head_time;
    std::uint64_t uptime_ms = 0;
    std::uint64_t waiting_transactions = 0;
    std::uint64_t blob_bytes = 0;
    std::uint64_t blob_quota_bytes = 0;
    std::optional<Address> provider;
};
BOOST_DESCRIBE_STRUCT(NodeStatus, (),
                      (version, chain, network, height, head, head_time, uptime_ms,
                       waiting_transactions, blob_bytes, blob_quota_bytes, provider))

/// Answer of `tx_send`.
struct TxSent {
    TxHash hash;
};
BOOST_DESCRIBE_STRUCT(TxSent, (), (hash))

enum class TxState : std::uint8_t { unknown = 1, waiting = 2, final = 3 };
BOOST_DESCRIBE_ENUM(TxState, unknown, waiting, final)
/// Answer of `tx_status`; height, index and receipt once the transaction is final.
struct TxStatus {
    TxState state = TxState::unknown;
    std::optional<Height> height;
    std::optional<std::uint32_t> index;
    std::optional<Receipt> receipt;
};
BOOST_DESCRIBE_STRUCT(TxStatus, (), (state, height, index, receipt))

/// One thing that happened to one account, job or provider: a row of `account_history`,
/// `job_history` and `provider_history`.
struct HistoryRow {
    Height height;
    /// Place among what happened in the block; ascending, with gaps.
    std::uint32_t index = 0;
    WallTime time;
    /// The transaction that did it; none for what the block did by itself (deadlines, clearings).
    std::optional<TxHash> transaction;
    /// A transaction's type, a deadline's kind, or `lease_…`, `chunk_…`, `job_…` with the new
    /// state.
    BoundedString<32> what;
    /// Why the transaction did nothing but pay its fee; `none` otherwise.
    Refusal refusal = Refusal::none;
    /// Money that came to and left the account, job or provider with this.
    Amount in;
    Amount out;
    /// The other account of a transfer.
    std::optional<Address> other;
    std::optional<JobId> job;
    std::optional<LeaseId> lease;
    std::optional<Address> provider;
    std::optional<std::uint32_t> chunk;
    friend bool operator==(const HistoryRow&, const HistoryRow&) = default;
};
BOOST_DESCRIBE_STRUCT(HistoryRow, (),
                      (height, index, time, transaction, what, refusal, in, out, other, job, lease,
                       provider, chunk))

/// Answer of `market_explain`: why an order waits, and what would change it.
struct OrderAnswer {
    /// Lots that the next clearing would lease, and lots that it would leave, as orders stand now.
    std::uint32_t filled = 0;
    std::uint32_t left = 0;
    /// Why those are left; none when nothing is.
    std::optional<Reason> reason;
    /// The same in a sentence, and what would change it.
    std::string sentence;
    std::string advice;
    /// With `below_price`: the limit, or the ask, at which lots would trade.
    std::optional<Price> price_needed;
    std::optional<Demand> demand;
    /// The clearing that this is about, and when its book is frozen.
    ClearingNumber clearing;
    ActiveTime cut_off;
    /// The block whose orders these are.
    BlockHash block;
};
BOOST_DESCRIBE_STRUCT(OrderAnswer, (),
                      (filled, left, reason, sentence, advice, price_needed, demand, clearing,
                       cut_off, block))

/// More than any proof in the state's map has: its depth is at most 256.
inline constexpr std::size_t kMapProofBytesMax = 16U << 10U;
/// A finalization by all of a set of 240 is 15.5 KiB.
inline constexpr std::size_t kCertificateBytesMax = 16U << 10U;
/// Keys of one `state_proofs` call: each costs a walk through the state's tree and some 2 KB.
inline constexpr std::size_t kProofKeysMax = 256;

/// A value of the state, or that there is none, with its proof.
struct ProvenRow {
    std::optional<BoundedBytes<kStateValueMax>> value;
    /// Canonical encoding of the map's proof (docs/protocol/trees.md).
    BoundedBytes<kMapProofBytesMax> proof;
};
BOOST_DESCRIBE_STRUCT(ProvenRow, (), (value, proof))

/// Answer of `state_proofs`: rows of one final block's state, in the order of the keys.
struct ProvenRows {
    BlockHeader header;
    /// Canonical encoding of the finalization of this very block; none on the first block of all,
    /// which nobody voted for.
    std::optional<BoundedBytes<kCertificateBytesMax>> certificate;
    BoundedVector<ProvenRow, kProofKeysMax> rows;
};
BOOST_DESCRIBE_STRUCT(ProvenRows, (), (header, certificate, rows))

/// How one validator set hands over to another: the block that ends epoch e, which the set of e
/// finalized, and in the state after it the set of e+2. From the sets of 0 and 1, which the genesis
/// document names, such rows lead to those of today. Source: docs/decisions/0041.
struct Handover {
    BlockHeader header;
    BoundedBytes<kCertificateBytesMax> certificate;
    /// Canonical encoding of the set's row (docs/protocol/state.md, 09), and its proof.
    BoundedBytes<kStateValueMax> set;
    BoundedBytes<kMapProofBytesMax> proof;
};
BOOST_DESCRIBE_STRUCT(Handover, (), (header, certificate, set, proof))
/// Rows of one `chain_handovers` answer: each may have 50 KiB, twice that in hexadecimal.
inline constexpr std::size_t kHandoversMax = 64;

}  // namespace millrace::market
