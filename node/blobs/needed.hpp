#pragma once

#include <atomic>
#include <set>

#include "market/claim.hpp"
#include "market/params.hpp"
#include "market/state.hpp"
#include "node/blobs/trees.hpp"

namespace millrace::node {

/// What must stay on this machine whatever is uploaded: what running work reads, and what buyers
/// pay this provider to keep.
struct Needed {
    std::set<BlobId> blobs;
    /// What the tasks of this node's provider read.
    std::set<TreeRoot> trees;
    /// What those of open jobs read, whoever runs them.
    std::set<TreeRoot> trees_of_jobs;
    /// What the tasks of this node's provider left.
    std::set<TreeRoot> outputs;
    std::set<Hash> tails;
    /// False: the provider has more than was looked through, so that nobody knows what else its
    /// stake or a buyer's money hangs on.
    bool is_complete = true;
    /// False: there are more jobs or modules than were looked through. Whoever pays their rent
    /// could bring that about on every node, so it stops nothing.
    bool has_all_jobs = true;

    /// The output of a task that was run here.
    void add_output(const TreeRoot& output, const Hash& tails_hash);
};

/// Of one job, where it is asked for whole.
inline constexpr std::size_t kNeededResultsMax = 65'536;

/// What one look takes in.
struct NeededLimits {
    /// Jobs with lots that are not settled. A full book of the largest that the parameters ask for
    /// is no reason to know less.
    std::size_t jobs = std::size_t{1} << 18U;
    std::size_t modules = 65'536;
    /// As many as the provider starts: no busy week of its own stops what makes room for it.
    std::size_t leases = kOwnResultsMax;
    /// Of these leases.
    std::size_t results = kOwnResultsMax;
    /// Rows of jobs, those included that have ended and are still listed.
    std::size_t job_rows = 1U << 20U;
};
static_assert(NeededLimits{}.jobs >= market::AuctionParams{}.bids_max);

/// For looks that nobody stops.
inline const std::atomic<bool> kNeverStops{false};

/// Reads the ledger: published modules; module, input and standard input of every job with open
/// lots; and of the leases of `provider`, what their jobs read and what their tasks left, until the
/// retention that the buyer paid for is over in active time. A lease leaves its provider's list at
/// that moment, and then nothing of it is needed any more. Gives up, not complete, soon after
/// `is_stopping` turns true.
[[nodiscard]] Needed needed_by_jobs(const market::StateReader& state,
                                    const market::ProviderId& provider,
                                    const NeededLimits& limits = {},
                                    const std::atomic<bool>& is_stopping = kNeverStops);

/// Adds what a job reads and what all of its results left, as far as the ledger still has them;
/// false when it has no such job. Gives up as `needed_by_jobs` does.
bool add_whole_job(const market::StateReader& state, const JobId& job, Needed& needed,
                   const std::atomic<bool>& is_stopping = kNeverStops);

/// Adds the blobs of its trees; reads the list of each. Where one of the provider's cannot be read,
/// `needed` is not complete any more. Gives up as `needed_by_jobs` does.
void add_blobs_of_trees(TreeStore& trees, Needed& needed,
                        const std::atomic<bool>& is_stopping = kNeverStops);

/// How much was known of what is needed.
enum class Known : std::uint8_t {
    /// All of it.
    all,
    /// What the provider has promised; of what jobs read, a part.
    own,
    /// Not even that.
    too_little,
};

/// Keeps exactly these from eviction, until the next call. Where not all of the provider's is
/// known, nothing at all is evicted: better to refuse an upload than to lose what stake or a
/// buyer's money hangs on. What is not known of others' jobs is evicted like anything else, the
/// longest unused first.
Known hold(BlobStore& blobs, TreeStore& trees, Needed needed);

}  // namespace millrace::node
