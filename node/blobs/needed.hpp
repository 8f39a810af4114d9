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

/// Jobs and results that one look takes in. Beyond them the least recently used are evicted as if
/// nobody needed them; a node with more raises its quota and this.
inline constexpr std::size_t kNeededJobsMax = 4'096;
inline constexpr std::size_t kNeededResultsMax = 65'536;

/// Reads the ledger: module, input and standard input of every job with open lots, and the results
/// that `provider` has revealed of any job whose rows are still kept, which is at least as long as
/// its retention.
[[nodiscard]] Needed needed_by_jobs(const market::StateReader& state,
                                    const market::ProviderId& provider);

/// Keeps exactly these from eviction, until the next call.
void hold(BlobStore& blobs, TreeStore& trees, Needed needed);

}  // namespace millrace::node
