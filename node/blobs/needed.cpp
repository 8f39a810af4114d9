#include "node/blobs/needed.hpp"

#include <algorithm>

#include "common/page_tree.hpp"
#include "market/ledger/jobs.hpp"
#include "market/ledger/leases.hpp"
#include "market/ledger/modules.hpp"
#include "market/ledger/providers.hpp"

namespace millrace::node {

namespace {

/// Places of the ids in the ledger's keys, after the table's byte.
constexpr std::size_t kIdAt = 1;
constexpr std::size_t kLeaseAt = kIdAt + Address::kSize;
/// Rows of one read, so that no list of all jobs is ever in memory.
constexpr std::size_t kPageRows = 256;

/// Calls `use(entry)` for the rows under a prefix, page by page, at most `limit` and until
/// `is_stopping`; gives whether these were all.
template <class Use>
bool each_row(const market::StateReader& state, const market::Key& prefix, std::size_t limit,
              const std::atomic<bool>& is_stopping, Use use) {
    Bytes from;
    for (std::size_t seen = 0; seen < limit;) {
        const std::size_t wanted = std::min(kPageRows, limit - seen);
        const auto rows = state.scan(prefix, from, wanted);
        for (const market::StateEntry& row : rows) {
            if (is_stopping) return false;
            use(row);
        }
        if (rows.size() < wanted) return true;
        seen += rows.size();
        from = rows.back().key;
        from.push_back(0);
    }
    return state.scan(prefix, from, 1).empty();
}

BlobId blob_of(const market::Module& module) {
    return hash_as<BlobId>(file_id(module.size, hash_as<Hash>(module.blob)));
}

void add_reads(const market::StateReader& state, const market::JobSpec& spec,
               std::set<TreeRoot>& trees, std::set<BlobId>& blobs) {
    if (const auto module = market::load<market::Module>(state, market::module_key(spec.image)))
        blobs.insert(blob_of(*module));
    if (spec.input) trees.insert(spec.input->root);
    if (spec.stdin_blob) blobs.insert(hash_as<BlobId>(spec.stdin_blob->id));
}

void add_result(const market::TaskResult& result, Needed& out) {
    out.add_output(result.output_root, result.tails);
}

/// What the tasks of one lease read and left.
void add_lease(const market::StateReader& state, const market::Lease& lease, std::size_t& results,
               const std::atomic<bool>& is_stopping, Needed& out) {
    const auto spec = market::load<market::JobSpec>(state, market::job_spec_key(lease.job));
    if (!spec) return;
    add_reads(state, *spec, out.trees, out.blobs);
    const std::uint64_t first = std::uint64_t{lease.chunk} * spec->tasks_per_lot;
    const std::uint64_t end = std::min<std::uint64_t>(spec->tasks, first + spec->tasks_per_lot);
    for (std::uint64_t task = first; task < end; ++task) {
        const auto result = market::load<market::TaskResult>(
            state,
            market::task_result_key(lease.job, static_cast<std::uint32_t>(task), lease.provider));
        if (!result) continue;
        if (results == 0 || is_stopping) {
            out.is_complete = false;
            return;
        }
        --results;
        add_result(*result, out);
    }
}

}  // namespace

void Needed::add_output(const TreeRoot& output, const Hash& tails_hash) {
    outputs.insert(output);
    tails.insert(tails_hash);
}

Needed needed_by_jobs(const market::StateReader& state, const market::ProviderId& provider,
                      const NeededLimits& limits, const std::atomic<bool>& is_stopping) {
    Needed out;
    const bool has_all_modules =
        each_row(state, market::Key(market::Table::module), limits.modules, is_stopping,
                 [&](const market::StateEntry& row) {
                     out.blobs.insert(blob_of(market::decode_state<market::Module>(row.value)));
                 });
    std::size_t jobs = 0;
    const bool has_all_rows = each_row(
        state, market::Key(market::Table::job), limits.job_rows, is_stopping,
        [&](const market::StateEntry& row) {
            if (market::decode_state<market::Job>(row.value).chunks_left == 0) return;
            if (++jobs > limits.jobs) return;
            const auto id = market::id_in_key<JobId>(row.key, kIdAt);
            if (const auto spec = market::load<market::JobSpec>(state, market::job_spec_key(id)))
                add_reads(state, *spec, out.trees_of_jobs, out.blobs);
        });
    std::size_t results = limits.results;
    const bool has_all_leases =
        each_row(state, market::Key(market::Table::provider_lease).add(provider), limits.leases,
                 is_stopping, [&](const market::StateEntry& row) {
                     const auto lease = market::load<market::Lease>(
                         state, market::lease_key(market::id_in_key<LeaseId>(row.key, kLeaseAt)));
                     if (lease) add_lease(state, *lease, results, is_stopping, out);
                 });
    out.is_complete = out.is_complete && has_all_leases;
    out.has_all_jobs = has_all_modules && has_all_rows && jobs <= limits.jobs;
    return out;
}

bool add_whole_job(const market::StateReader& state, const JobId& job, Needed& needed,
                   const std::atomic<bool>& is_stopping) {
    const auto spec = market::load<market::JobSpec>(state, market::job_spec_key(job));
    if (!spec) return false;
    add_reads(state, *spec, needed.trees, needed.blobs);
    const bool has_all =
        each_row(state, market::Key(market::Table::task_result).add(job), kNeededResultsMax,
                 is_stopping, [&](const market::StateEntry& row) {
                     add_result(market::decode_state<market::TaskResult>(row.value), needed);
                 });
    needed.is_complete = needed.is_complete && has_all;
    return true;
}

void add_blobs_of_trees(TreeStore& trees, Needed& needed, const std::atomic<bool>& is_stopping) {
    const auto add = [&](const std::set<TreeRoot>& roots) {
        bool has_all = true;
        for (const TreeRoot& root : roots) {
            if (is_stopping) return false;
            const auto of_tree = trees.blobs_of(root);
            has_all = has_all && of_tree.has_value();
            if (of_tree.has_value()) needed.blobs.insert(of_tree->begin(), of_tree->end());
        }
        return has_all;
    };
    for (const auto* roots : {&needed.trees, &needed.outputs})
        needed.is_complete = add(*roots) && needed.is_complete;
    needed.has_all_jobs = add(needed.trees_of_jobs) && needed.has_all_jobs;
}

Known hold(BlobStore& blobs, TreeStore& trees, Needed needed) {
    needed.trees.merge(needed.trees_of_jobs);
    trees.hold(needed.trees, needed.outputs, needed.tails, needed.is_complete);
    blobs.hold(std::move(needed.blobs), needed.is_complete);
    if (!needed.is_complete) return Known::too_little;
    return needed.has_all_jobs ? Known::all : Known::own;
}

}  // namespace millrace::node
