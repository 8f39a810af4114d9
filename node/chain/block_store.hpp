#pragma once

#include <optional>
#include <vector>

#include "common/auth_map.hpp"
#include "consensus/messages.hpp"
#include "market/block/header.hpp"
#include "market/node_answers.hpp"
#include "node/storage/ledger_db.hpp"

namespace millrace::node {

/// A final block as it is kept: with its receipts, and the certificate where this very block got
/// one (its ancestors are final by it).
struct StoredBlock {
    market::Block block;
    BoundedVector<market::Receipt, market::kBlockTransactionsMax> receipts;
    std::optional<consensus::Certificate> certificate;
};
BOOST_DESCRIBE_STRUCT(StoredBlock, (), (block, receipts, certificate))

/// The newest final block and what a restart needs beside the state.
struct Head {
    BlockHash hash;
    Height height;
    WallTime time;
    Epoch epoch;
    /// It ends its epoch.
    bool last_of_epoch = false;
    /// View in which it became final, with the proof; none for genesis.
    View view;
    std::optional<consensus::Certificate> certificate;
    MapRoot map;
};
BOOST_DESCRIBE_STRUCT(Head, (), (hash, height, time, epoch, last_of_epoch, view, certificate, map))

/// Where a transaction stands.
struct TxPlace {
    Height height;
    std::uint32_t index = 0;
    /// Beside its place, so that to ask for it does not read a whole block.
    market::Receipt receipt;
};
BOOST_DESCRIBE_STRUCT(TxPlace, (), (height, index, receipt))

/// Blocks, head and indices in the ledger's columns. Values that do not decode are corruption,
/// never absence.
class BlockStore {
  public:
    explicit BlockStore(const DbReader& reader) : reader_(reader) {}
    [[nodiscard]] Result<std::optional<Head>> head() const;
    [[nodiscard]] Result<std::optional<StoredBlock>> block(Height height) const;
    /// Of a block, without reading what may be megabytes of transactions.
    [[nodiscard]] Result<std::optional<market::BlockHeader>> header(Height height) const;
    [[nodiscard]] Result<std::optional<Height>> height_of(const BlockHash& hash) const;
    [[nodiscard]] Result<std::optional<TxPlace>> place_of(const TxHash& hash) const;
    /// How the sets of epochs from `from` on handed over, in order, at most `limit`; the first is
    /// that of `from`, or there is none.
    [[nodiscard]] Result<std::vector<market::Handover>> handovers(Epoch from,
                                                                  std::size_t limit) const;

    /// Adds the writes that keep this block to a batch.
    static void put_block(std::vector<DbWrite>& batch, const StoredBlock& block,
                          const BlockHash& hash);
    /// Under the epoch of its header. Kept for ever: a wallet that was away needs each of them.
    static void put_handover(std::vector<DbWrite>& batch, const market::Handover& handover);
    static void put_head(std::vector<DbWrite>& batch, const Head& head);
    /// The first height with history; none in a ledger that has not begun.
    [[nodiscard]] Result<std::optional<Height>> history_since() const;
    static void put_history_since(std::vector<DbWrite>& batch, Height since);

  private:
    const DbReader& reader_;
};

}  // namespace millrace::node
