#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "consensus/simplex.hpp"
#include "node/chain/application.hpp"
#include "node/chain/clock_watch.hpp"
#include "node/signer.hpp"
#include "node/storage/ledger_db.hpp"

namespace millrace::node {

/// Drives one epoch after another of Simplex on a thread of its own: feeds events one at a time,
/// performs effects in order, and keeps the vote log in the ledger's `votes` column, synced before
/// anything is signed.
class ChainEngine {
  public:
    struct Ports {
        LedgerDb& db;
        Application& app;
        const consensus::BlockReader& reader;
        const consensus::VoteVerifier& verifier;
        const Clock& clock;
        /// None: an observer.
        Signer* signer = nullptr;
        /// The configuration of an epoch that begins on this final block.
        std::function<consensus::Config()> next_epoch;
        /// Called once, from the engine's thread, when the node must stop; says why.
        std::function<void(Error)> fatal;
        /// The operator says that the clock is right although the newest block is very old.
        bool is_clock_gap_accepted = false;
    };

    explicit ChainEngine(Ports ports);
    ~ChainEngine();
    ChainEngine(const ChainEngine&) = delete;
    ChainEngine& operator=(const ChainEngine&) = delete;

    /// Reads the vote log and begins to take part.
    [[nodiscard]] Status<> start();
    /// Ends the thread; what was final is durable already.
    void stop();
    /// News for pacing: a transaction has arrived. From any thread.
    void notify_work();
    /// The newest final block is ahead of this machine's clock: no block comes until the clock has
    /// come to it. From any thread.
    [[nodiscard]] bool is_waiting_for_clock() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::node
