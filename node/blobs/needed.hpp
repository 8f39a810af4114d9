#pragma once

#include <set>

#include "market/claim.hpp"
#include "market/state.hpp"
#include "node/blobs/trees.hpp"

namespace millrace::node {

/// What must stay on this machine whatever is uploaded: what running work reads, and what buyers
/// pay this provider to keep.
struct Needed {
    std::set<BlobId> blobs;
    /// What tasks read.
    std::set<TreeRoot> trees;
    /// What the tasks of this node's provider left.
    std::set<TreeRoot> outputs;
    std::set<Hash> tails;
    /// False: there is more than was looked through, so that nobody knows what else is needed.
    bool is_complete = true;

    /// The output of a task that was run here.
    void add_output(const TreeRoot& output, const Hash& tails_hash);
};

/// Of one job, where it is asked for whole.
inline constexpr std::size_t kNeededResultsMax = 65'536;

/// What one look takes in. Where there is more, the
/// look is not complete, and nothing is evicted: better to refuse an upload than to lose what stake
/// or a buyer's money hangs on.
struct NeededLimits {
    /// Jobs with open lots.
    std::size_t jobs = 65'536;
    std::size_t modules = 65'536;
    /// As many as the provider starts: no busy week of its own stops what makes room for it.
    std::size_t leases = kOwnResultsMax;
    /// Of these leases.
    std::size_t results = kOwnResultsMax;
    /// Rows of jobs, those included that have ended and are still listed.
    std::size_t job_rows = 1U << 20U;
};

/// Reads the ledger: published modules; module, input and standard input of every job with open
/// lots; and of the leases of `provider`, what their jobs read and what their tasks left, until the
/// retention that the buyer paid for is over in active time. A lease leaves its provider's list at
/// that moment, and then nothing of it is needed any more.
[[nodiscard]] Needed needed_by_jobs(const market::StateReader& state,
                                    const market::ProviderId& provider,
                                    const NeededLimits& limits = {});

/// Adds what a job reads and what all of its results left, as far as the ledger still has them;
/// false when it has no such job.
bool add_whole_job(const market::StateReader& state, const JobId& job, Needed& needed);

/// Keeps exactly these from eviction, until the next call; everything, where they are not complete
/// or the list of a tree cannot be read. Gives whether they were complete.
bool hold(BlobStore& blobs, TreeStore& trees, Needed needed);

}  // namespace millrace::node
