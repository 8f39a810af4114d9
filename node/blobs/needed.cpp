#include "node/blobs/needed.hpp"

#include "common/page_tree.hpp"
#include "market/ledger/jobs.hpp"
#include "market/ledger/modules.hpp"

namespace millrace::node {

namespace {

/// Places of the ids in the ledger's keys, after the table's byte.
constexpr std::size_t kJobAt = 1;
constexpr std::size_t kResultProviderAt = kJobAt + JobId::kSize + sizeof(std::uint32_t);
/// Rows of one read, so that no list of all jobs is ever in memory.
constexpr std::size_t kPageRows = 256;

/// Calls `use(entry)` for the rows under a prefix, page by page, at most `limit`.
template <class Use>
void each_row(const market::StateReader& state, const market::Key& prefix, std::size_t limit,
              Use use) {
    Bytes from;
    for (std::size_t seen = 0; seen < limit;) {
        const std::size_t wanted = std::min(kPageRows, limit - seen);
        const auto rows = state.scan(prefix, from, wanted);
        for (const market::StateEntry& row : rows) use(row);
        if (rows.size() < wanted) return;
        seen += rows.size();
        from = rows.back().key;
        from.push_back(0);
    }
}

void add_reads(const market::StateReader& state, const JobId& id, Needed& out) {
    const auto spec = market::load<market::JobSpec>(state, market::job_spec_key(id));
    if (!spec) return;
    if (const auto module = market::load<market::Module>(state, market::module_key(spec->image)))
        out.blobs.insert(hash_as<BlobId>(file_id(module->size, hash_as<Hash>(module->blob))));
    if (spec->input) out.trees.insert(spec->input->root);
    if (spec->stdin_blob) out.blobs.insert(hash_as<BlobId>(spec->stdin_blob->id));
}

}  // namespace

void Needed::add_output(const TreeRoot& output, const Hash& tails_hash) {
    trees.insert(output);
    tails.insert(tails_hash);
}

Needed needed_by_jobs(const market::StateReader& state, const market::ProviderId& provider) {
    Needed out;
    std::size_t results = kNeededResultsMax;
    each_row(
        state, market::Key(market::Table::job), kNeededJobsMax, [&](const market::StateEntry& row) {
            const auto id = market::id_in_key<JobId>(row.key, kJobAt);
            if (market::decode_state<market::Job>(row.value).chunks_left > 0)
                add_reads(state, id, out);
            each_row(state, market::Key(market::Table::task_result).add(id), results,
                     [&](const market::StateEntry& result) {
                         --results;
                         if (market::id_in_key<market::ProviderId>(result.key, kResultProviderAt) !=
                             provider)
                             return;
                         const auto is = market::decode_state<market::TaskResult>(result.value);
                         out.add_output(is.output_root, is.tails);
                     });
        });
    return out;
}

void hold(BlobStore& blobs, TreeStore& trees, Needed needed) {
    for (const TreeRoot& root : needed.trees)
        for (const BlobId& blob : trees.blobs_of(root)) needed.blobs.insert(blob);
    trees.hold(needed.trees, needed.tails);
    blobs.hold(std::move(needed.blobs));
}

}  // namespace millrace::node
