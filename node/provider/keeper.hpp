#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "node/blobs/needed.hpp"
#include "node/blobs/pins.hpp"
#include "node/chain/state_db.hpp"
#include "node/provider/journal.hpp"

namespace millrace::node {

/// Keeps from eviction what open jobs read and what this node's provider has promised to keep. It
/// does so whether the provider works or not: a node that only stands still must not lose, to
/// whoever uploads, what its stake or a buyer's money hangs on. Thread-safe.
class Keeper {
  public:
    struct Ports {
        const LedgerDb& db;
        BlobStore& blobs;
        TreeStore& trees;
        Pins& pins;
        market::ProviderId provider;
    };
    /// Takes over the results that the journal knows and the ledger may not know yet. Until the
    /// first look has ended nothing is evicted: built before the first upload can come.
    Keeper(Ports ports, const Journal& journal);
    ~Keeper() { stop(); }
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    /// Works it out anew; changes nothing once it was told to stop.
    /// Cost: reads every job, module and lease of the provider, and the list of each tree.
    void refresh() { finish(begin()); }
    /// The two halves of `refresh`: what it judges by, and what follows from that. Results that
    /// are told of in between stay.
    struct Look {
        /// Whose results were told of before the snapshot: only of these does it know enough to
        /// forget them. A lease that was granted since is unknown to it and has work all the same.
        std::set<LeaseId> told;
        StateSnapshot snapshot;
    };
    [[nodiscard]] Look begin();
    void finish(const Look& look);
    /// Does so at once, then now and then, on a thread of its own.
    void start();
    /// Waits so long for the end of the first look, false when that has not come.
    bool wait_for_look(std::chrono::milliseconds patience);
    /// From any thread: a look that is under way ends soon. `stop` waits for that.
    void give_up();
    void stop();
    /// A task of a lease was run here: its result is kept from now on, until the ledger knows it or
    /// no longer knows the lease.
    void keep_result(const LeaseId& lease, const market::Claim& claim);

  private:
    struct Output {
        TreeRoot tree;
        Hash tails;
        friend auto operator<=>(const Output&, const Output&) = default;
    };
    void run();
    void forget_known(const Look& look);
    void tell(Known known);

    Ports ports_;
    std::mutex mutex_;
    // Guarded by mutex_, as all below.
    std::map<LeaseId, std::set<Output>> results_;
    Known was_known_ = Known::all;

    std::mutex stop_mutex_;
    std::condition_variable wake_;
    bool has_looked_ = false;               // guarded by stop_mutex_
    std::atomic<bool> is_stopping_{false};  // set under stop_mutex_
    std::thread thread_;
};

}  // namespace millrace::node
