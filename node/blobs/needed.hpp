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
    std::set<TreeRoot> trees;
    std::set<Hash> tails;

    /// The output of a task that was run here.
    void add_output(const TreeRoot& output, const Hash& tails_hash);
};

/// Rows of one kind that one look takes in. Beyond them the least recently used are evicted as if
/// nobody needed them; a node with more raises its quota and these.
inline constexpr std::size_t kNeededJobsMax = 16'384;
inline constexpr std::size_t kNeededModulesMax = 16'384;
inline constexpr std::size_t kNeededLeasesMax = 65'536;
inline constexpr std::size_t kNeededResultsMax = 65'536;

/// Reads the ledger: published modules; module, input and standard input of every job with open
/// lots; and of the leases of `provider`, what their jobs read and what their tasks left, until the
/// retention that the buyer paid for is over in active time. A lease leaves its provider's list at
/// that moment, and then nothing of it is needed any more.
[[nodiscard]] Needed needed_by_jobs(const market::StateReader& state,
                                    const market::ProviderId& provider);

/// Adds what a job reads and what all of its results left, as far as the ledger still has them;
/// false when it has no such job.
bool add_whole_job(const market::StateReader& state, const JobId& job, Needed& needed);

/// Keeps exactly these from eviction, until the next call.
void hold(BlobStore& blobs, TreeStore& trees, Needed needed);

}  // namespace millrace::node
