#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "consensus/simplex.hpp"
#include "market/block/apply.hpp"
#include "market/genesis.hpp"
#include "market/query.hpp"
#include "node/chain/application.hpp"
#include "node/chain/block_store.hpp"
#include "node/chain/engine.hpp"
#include "node/chain/finalizer.hpp"
#include "node/chain/state_db.hpp"
#include "node/chain/tx_checks.hpp"
#include "node/mempool/mempool.hpp"

namespace millrace::node {

/// Reads what agreement needs out of a block's bytes.
class MarketBlockReader final : public consensus::BlockReader {
  public:
    [[nodiscard]] std::optional<consensus::BlockFacts> read(ByteView bytes) const override;
};

/// The strict Ed25519 rule of common/.
class Ed25519Verifier final : public consensus::VoteVerifier {
  public:
    [[nodiscard]] bool verify(const Ed25519Key& key, ByteView message,
                              const Ed25519Signature& signature) const override;
};

/// The ledger under agreement: builds and executes blocks on overlays in memory, and hands what is
/// final to the thread that writes it. Lives on the engine's thread.
class Executor final : public Application {
  public:
    struct Ports {
        LedgerDb& db;
        Mempool& mempool;
        const Clock& clock;
        /// The own keys, where this node validates.
        Signer* signer = nullptr;
        /// Told of each block once it is durable, from a thread of the executor's.
        std::function<void(const FinalBlockPtr&)> on_final;
        /// Newest blocks whose history is kept; 0 keeps all.
        std::uint64_t history_blocks = 0;
    };

    /// Opens the chain that the database holds, or begins it with this genesis. Refuses a database
    /// of another chain.
    [[nodiscard]] static Result<std::unique_ptr<Executor>> open(Ports ports,
                                                                const market::Genesis& genesis);

    [[nodiscard]] std::optional<Built> build(const consensus::BuildBlock& wanted) override;
    [[nodiscard]] Checked check(const consensus::CheckBlock& block) override;
    [[nodiscard]] Result<bool> finalize(const consensus::Finalize& final) override;
    [[nodiscard]] Result<std::optional<BlockHash>> durable(Wait wait) override;
    void wake_by(std::function<void()> wake) override { finalizer_.wake_by(std::move(wake)); }
    [[nodiscard]] bool has_work() const override;
    [[nodiscard]] std::optional<WallTime> work_due() const override;

    /// Configuration of the epoch that the head is in, or that begins after it.
    [[nodiscard]] consensus::Config next_epoch(const std::optional<Ed25519Key>& self) const;

  private:
    struct Speculative;
    explicit Executor(Ports ports);
    [[nodiscard]] Status<> begin(const market::Genesis& genesis);
    [[nodiscard]] std::shared_ptr<Speculative> find(const BlockHash& hash) const;
    [[nodiscard]] std::shared_ptr<Speculative> fresh_on(const BlockHash& parent) const;
    /// The state after the head, durable or not.
    [[nodiscard]] const market::StateReader& head_state() const;
    void keep(std::shared_ptr<Speculative> block);
    void drop_refused(const std::vector<TxHash>& refused, WallTime time);
    void forget_durable(const BlockHash& newest);
    void forget_orphans();
    [[nodiscard]] std::optional<WallTime> wall_of(ActiveTime at) const;

    Ports ports_;
    DbState db_state_;
    DbPages db_pages_;
    ChainId chain_;
    /// The newest final block, which the database has once `under_way_` is empty.
    Head head_;
    /// Final blocks that are not durable yet, oldest first.
    struct UnderWay {
        BlockHash hash;
        std::size_t transactions = 0;
    };
    std::deque<UnderWay> under_way_;
    /// Blocks above the newest durable one.
    std::map<BlockHash, std::shared_ptr<Speculative>> blocks_;
    Workers workers_;
    TxChecks tx_checks_;
    /// The mempool's version of which no transaction could go into the last block built here.
    std::optional<std::uint64_t> stuck_at_;
    /// Last: its thread ends before what it uses.
    Finalizer finalizer_;
};

}  // namespace millrace::node
