#include "market/query.hpp"

#include <algorithm>

#include "market/ledger/tables.hpp"

namespace millrace::market {

namespace {

/// Rows after `from`, so that a page's last id begins the next one.
std::vector<StateEntry> page_after(const StateReader& state, const Key& prefix,
                                   const std::optional<Key>& from, std::size_t limit) {
    Bytes start;
    if (from) {
        start = from->bytes();
        start.push_back(0);
    }
    return state.scan(prefix, start, std::min(limit, kPageMax));
}

ProviderView make_provider_view(const StateReader& state, const ProviderId& id, const Provider& p) {
    const StakeParams tiers = load_params(state).stake;
    ProviderView view;
    view.id = id;
    view.provider = p;
    view.free_stake = free_stake(p);
    if (p.ask) view.slots = slots_of(*p.ask);
    view.stake_tier = tier_of(p.stake, tiers.stake_tier_base, kStakeTiers);
    view.record_tier = tier_of(p.fees_paid, tiers.record_tier_base, kRecordTiers);
    return view;
}

/// The state of a chunk, also of one that was never leased and has no row.
Chunk chunk_of(const StateReader& state, const JobId& id, const Job& job, std::uint32_t index) {
    if (auto chunk = load<Chunk>(state, chunk_key(id, index))) return *std::move(chunk);
    Chunk chunk;
    if (index >= job.fresh_end) chunk.state = TaskState::failed;
    return chunk;
}

void count_tasks(JobView& view, TaskState state, std::uint32_t tasks) {
    switch (state) {
        case TaskState::open:
            view.tasks_open += tasks;
            return;
        case TaskState::leased:
            view.tasks_leased += tasks;
            return;
        case TaskState::committed:
            view.tasks_committed += tasks;
            return;
        case TaskState::revealed:
            view.tasks_revealed += tasks;
            return;
        case TaskState::disputed:
            view.tasks_disputed += tasks;
            return;
        case TaskState::settled:
            view.tasks_settled += tasks;
            return;
        case TaskState::failed:
            view.tasks_failed += tasks;
            return;
    }
}

}  // namespace

ChainView chain_view(const StateReader& state) {
    return {load_chain(state), load_params(state)};
}

std::optional<AccountView> account_view(const StateReader& state, const Address& address) {
    const auto account = load<Account>(state, account_key(address));
    if (!account) return std::nullopt;
    return AccountView{address, account->balance, account->lanes};
}

std::optional<ModuleView> module_view(const StateReader& state, const ImageRoot& image) {
    const auto module = load<Module>(state, module_key(image));
    if (!module) return std::nullopt;
    return ModuleView{image, *module};
}

std::vector<ModuleView> module_list(const StateReader& state, const std::optional<ImageRoot>& from,
                                    std::size_t limit) {
    std::vector<ModuleView> out;
    const auto start = from ? std::optional(module_key(*from)) : std::nullopt;
    for (const StateEntry& entry : page_after(state, Key(Table::module), start, limit))
        out.push_back({id_in_key<ImageRoot>(entry.key, 1), decode_state<Module>(entry.value)});
    return out;
}

std::optional<ProviderView> provider_view(const StateReader& state, const ProviderId& id) {
    const auto p = load<Provider>(state, provider_key(id));
    if (!p) return std::nullopt;
    return make_provider_view(state, id, *p);
}

std::vector<ProviderView> provider_list(const StateReader& state,
                                        const std::optional<ProviderId>& from, std::size_t limit) {
    std::vector<ProviderView> out;
    const auto start = from ? std::optional(provider_key(*from)) : std::nullopt;
    for (const StateEntry& entry : page_after(state, Key(Table::provider), start, limit))
        out.push_back(make_provider_view(state, id_in_key<ProviderId>(entry.key, 1),
                                         decode_state<Provider>(entry.value)));
    return out;
}

std::optional<LeaseView> lease_view(const StateReader& state, const LeaseId& id) {
    const auto lease = load<Lease>(state, lease_key(id));
    if (!lease) return std::nullopt;
    const auto spec = load<JobSpec>(state, job_spec_key(lease->job));
    const auto chunk = load<Chunk>(state, chunk_key(lease->job, lease->chunk));
    if (!spec || !chunk) return std::nullopt;
    return LeaseView{id, *lease, lease->chunk * spec->tasks_per_lot,
                     tasks_in_chunk(*spec, lease->chunk), chunk->reveals_open};
}

std::vector<LeaseView> provider_leases(const StateReader& state, const ProviderId& id,
                                       std::size_t limit, const std::optional<LeaseId>& from) {
    std::vector<LeaseView> out;
    const auto start = from ? std::optional(provider_lease_key(id, *from)) : std::nullopt;
    for (const StateEntry& entry :
         page_after(state, Key(Table::provider_lease).add(id), start, limit))
        if (auto view = lease_view(state, id_in_key<LeaseId>(entry.key, 21)))
            out.push_back(*std::move(view));
    return out;
}

std::optional<JobView> job_view(const StateReader& state, const JobId& id) {
    const auto job = load<Job>(state, job_key(id));
    const auto spec = load<JobSpec>(state, job_spec_key(id));
    if (!job || !spec) return std::nullopt;
    JobView view;
    view.id = id;
    view.job = *job;
    view.spec = *spec;
    for (const StateEntry& entry : state.scan(Key(Table::chunk).add(id), {}, kTaskReplicasMax)) {
        const auto index = number_in_key<std::uint32_t>(entry.key, 33);
        count_tasks(view, decode_state<Chunk>(entry.value).state, tasks_in_chunk(*spec, index));
    }
    // Chunks [fresh, chunks) have no rows: on offer, or taken off.
    const auto tasks_before = [&](std::uint32_t chunk) {
        return std::min(spec->tasks, chunk * spec->tasks_per_lot);
    };
    count_tasks(view, TaskState::open, tasks_before(job->fresh_end) - tasks_before(job->fresh));
    count_tasks(view, TaskState::failed, spec->tasks - tasks_before(job->fresh_end));
    return view;
}

std::vector<JobView> job_list(const StateReader& state, const Address& buyer, std::size_t skip,
                              std::size_t limit) {
    std::vector<JobView> out;
    Bytes from;
    const Key prefix = Key(Table::account_job).add(buyer);
    while (out.size() < std::min(limit, kPageMax)) {
        const auto page = state.scan(prefix, from, kPageMax);
        for (const StateEntry& entry : page) {
            if (skip > 0) {
                --skip;
                continue;
            }
            if (out.size() == std::min(limit, kPageMax)) return out;
            if (auto view = job_view(state, id_in_key<JobId>(entry.key, 29)))
                out.push_back(*std::move(view));
        }
        if (page.size() < kPageMax) break;
        from = page.back().key;
        from.push_back(0);
    }
    return out;
}

std::vector<TaskView> task_views(const StateReader& state, const JobId& id, std::uint32_t from,
                                 std::size_t limit) {
    std::vector<TaskView> out;
    const auto job = load<Job>(state, job_key(id));
    const auto spec = load<JobSpec>(state, job_spec_key(id));
    if (!job || !spec || from >= spec->tasks) return out;
    const auto count = static_cast<std::uint32_t>(
        std::min<std::size_t>({limit, kPageMax, std::size_t{spec->tasks} - from}));
    for (std::uint32_t task = from; task < from + count; ++task) {
        const std::uint32_t index = task / spec->tasks_per_lot;
        const Chunk chunk = chunk_of(state, id, *job, index);
        TaskView view{task, index, chunk.state, chunk.attempts, {}, chunk.window_end, {}};
        for (const ChunkLease& lease : chunk.leases) {
            view.leases.push_back(lease.lease);
            if (auto result = load<TaskResult>(state, task_result_key(id, task, lease.provider)))
                view.claims.push_back({lease.provider, *result});
        }
        out.push_back(std::move(view));
    }
    return out;
}

BookView book_view(const StateReader& state, std::size_t limit) {
    const ChainState chain = load_chain(state);
    BookView view;
    view.clearing = chain.clearing;
    view.pending = chain.pending.has_value();
    view.next_cut_off = chain.next_cut_off;
    view.bids_total = chain.bids;
    view.asks_total = chain.asks;
    const std::size_t rows = std::min(limit, kPageMax);
    for (const StateEntry& entry : state.scan(Key(Table::bid), {}, rows))
        view.bids.push_back({id_in_key<JobId>(entry.key, 9), decode_state<BidRow>(entry.value)});
    for (const StateEntry& entry : state.scan(Key(Table::ask), {}, rows))
        view.asks.push_back(
            {id_in_key<ProviderId>(entry.key, 9), decode_state<AskRow>(entry.value)});
    for (const StateEntry& entry : state.scan(Key(Table::class_price), {}, kClassesMax)) {
        const ClassId id{number_in_key<std::uint64_t>(entry.key, 1)};
        view.classes.push_back({id, capability_of(id), decode_state<ClassPrice>(entry.value)});
    }
    return view;
}

Book current_book(const StateReader& state, const std::optional<JobId>& job) {
    const ChainState chain = load_chain(state);
    const ClearingNumber next{chain.clearing.value + 1};
    Book book = read_book(state, load_params(state), next, chain.active_time);
    add_sleeping_bids(state, book, next, chain.active_time, kPageMax, job);
    return book;
}

ClearingLimits clearing_limits(const Params& params) {
    ClearingLimits limits;
    limits.leases_per_clearing = params.auction.leases_per_clearing;
    return limits;
}

}  // namespace millrace::market
