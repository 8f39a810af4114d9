#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/auth_map.hpp"
#include "market/block/apply.hpp"
#include "node/chain/block_store.hpp"
#include "node/mempool/mempool.hpp"
#include "node/storage/ledger_db.hpp"

namespace millrace::node {

/// What became final, for those who watch: read-only, shared between threads.
struct FinalBlock {
    BlockHash hash;
    market::BlockHeader header;
    std::vector<market::Receipt> receipts;
    std::vector<market::Event> events;
};
using FinalBlockPtr = std::shared_ptr<const FinalBlock>;

/// A block with all that it did: what is needed to build on it, and to make it final. Read-only
/// once made, shared between threads.
struct ExecutedBlock {
    market::Block block;
    market::BlockOutcome outcome;
    BlockHash hash;
    MapRoot map;
    MapPageWrites pages;
};
using ExecutedBlockPtr = std::shared_ptr<const ExecutedBlock>;

/// Makes final blocks durable on a thread of its own, in the order in which they were handed over,
/// one synced batch for each call, while the next block is executed: the disk takes about as long
/// for a full block as its execution. A crash in between loses nothing: the vote log, which is
/// synced before anybody hears of a vote, has the blocks and makes them final again.
class Finalizer {
  public:
    struct Ports {
        LedgerDb& db;
        Mempool& mempool;
        /// Told of each block once it is durable, in order, from this thread.
        std::function<void(const FinalBlockPtr&)> on_final;
        /// Newest blocks whose history is kept; 0 keeps all.
        std::uint64_t history_blocks = 0;
    };
    /// Blocks that are final together, oldest first, with the head that they make. No blocks: told
    /// again, at most a newer proof for the same head.
    struct Work {
        std::vector<ExecutedBlockPtr> blocks;
        Head head;
        /// The block that the proof names.
        BlockHash proven;
    };

    explicit Finalizer(Ports ports);
    /// What was handed over is durable afterwards, unless the disk failed.
    ~Finalizer();
    Finalizer(const Finalizer&) = delete;
    Finalizer& operator=(const Finalizer&) = delete;

    /// Waits while `kUnderWayMax` are under way.
    void hand_over(Work work);
    /// The block proven by the newest work that has become durable since this was asked last; waits
    /// for all on demand. After an error nothing more becomes durable.
    [[nodiscard]] Result<std::optional<BlockHash>> take_durable(bool wait_for_all);
    /// Called from the own thread when there is something to take; returns when no call runs.
    void wake_by(std::function<void()> wake);

    /// Their overlays stay in memory that long. The second keeps the disk busy while the engine's
    /// thread is still at a block and has not taken notice of the first.
    static constexpr std::size_t kUnderWayMax = 2;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::node
