#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "consensus/simplex.hpp"
#include "node/chain/application.hpp"
#include "node/signer.hpp"
#include "node/storage/ledger_db.hpp"

namespace millrace::node {

/// The clocks of this machine, in the language of consensus. A port, so that tests can move time.
class Clock {
  public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual consensus::Instant now() const = 0;
};
class SystemClock final : public Clock {
  public:
    [[nodiscard]] consensus::Instant now() const override;
};

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

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::node
