#pragma once

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

/// What became final, for those who watch: read-only, shared between threads.
struct FinalBlock {
    BlockHash hash;
    market::BlockHeader header;
    std::vector<market::Receipt> receipts;
    std::vector<market::Event> events;
};
using FinalBlockPtr = std::shared_ptr<const FinalBlock>;

/// The ledger under agreement: builds and executes blocks on overlays in memory, and writes only
/// what is final, all of it in one synced batch. Lives on the engine's thread.
class Executor final : public Application {
  public:
    struct Ports {
        LedgerDb& db;
        Mempool& mempool;
        const Clock& clock;
        /// The own keys, where this node validates.
        Signer* signer = nullptr;
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
    void keep(std::shared_ptr<Speculative> block);
    void forget_below(Height height);
    void forget_orphans();
    [[nodiscard]] std::optional<WallTime> wall_of(ActiveTime at) const;

    Ports ports_;
    DbState db_state_;
    DbPages db_pages_;
    ChainId chain_;
    Head head_;
    std::map<BlockHash, std::shared_ptr<Speculative>> blocks_;
    TxChecks tx_checks_;
    /// The mempool's version of which no transaction could go into the last block built here.
    std::optional<std::uint64_t> stuck_at_;
};

}  // namespace millrace::node
