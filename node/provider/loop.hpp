#pragma once

#include <functional>
#include <memory>

#include "common/account_key.hpp"
#include "common/vrf.hpp"
#include "market/transaction.hpp"
#include "node/chain/state_db.hpp"
#include "node/mempool/intake.hpp"
#include "node/provider/backend.hpp"
#include "node/provider/journal.hpp"
#include "node/provider/progress.hpp"

namespace millrace::node {

/// What this machine offers.
struct Offer {
    /// Where inputs and outputs are served, host:port.
    market::Endpoint endpoint;
    market::Ask ask;
    Amount stake;
    /// Tasks run at once.
    std::uint32_t cores = 1;
};

/// Takes a provider's leases through their life: prepare, start, run, commit, reveal. It keeps
/// no state of its own but the journal: each pass compares what the ledger says with what is there
/// and does the next thing, so that a restart at any point goes on where it was, and work for an
/// ended lease stops at once.
class ProviderLoop {
  public:
    struct Ports {
        const LedgerDb& db;
        TxIntake& intake;
        Mempool& mempool;
        const Clock& clock;
        Backend& backend;
        /// Where the running tasks can be seen.
        ProgressTable& progress;
        /// Told of each result before anybody else is: it must stay on this machine. From any
        /// thread.
        std::function<void(const LeaseId&, const market::Claim&)> keep_result;
        /// Signs: the operator's key.
        const AccountSecret& account;
        VrfKey vrf_key;
        ChainId chain;
        Network network;
        /// Whose leases are taken. None: the operator's own account, which registers itself. Else
        /// its owner has registered it with this operator; until then the loop waits.
        std::optional<market::ProviderId> provider = std::nullopt;
    };

    ProviderLoop(Ports ports, Offer offer, Journal journal);
    ~ProviderLoop();
    ProviderLoop(const ProviderLoop&) = delete;
    ProviderLoop& operator=(const ProviderLoop&) = delete;

    void start();
    /// Cancels running tasks and joins the threads.
    void stop();
    /// A block became final. From any thread.
    void notify();

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::node
