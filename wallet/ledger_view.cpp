#include "wallet/ledger_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "market/ledger/leases.hpp"
#include "market/ledger/tables.hpp"

namespace millrace::wallet {

namespace {

constexpr std::uint32_t kTasksAPage = 1'000;
/// The chain's state and parameters, a job's row and its specification.
constexpr std::size_t kOtherRows = 4;
/// Tasks whose lots and results one proof surely takes: each has a lot of its own at worst, and as
/// many results as it has replicas.
std::size_t tasks_a_proof(const market::JobSpec& spec) {
    return (market::kProofKeysMax - kOtherRows) /
           (1 + std::clamp<std::size_t>(spec.replicas, 1, market::kReplicasMax));
}

/// Of views that are small enough to be proven whatever is in them.
template <class View>
Try<View> must_prove(Try<std::optional<View>> read) {
    if (!read.has_value()) return Err{read.error()};
    MILLRACE_ASSERT(read->has_value());
    return **std::move(read);
}

template <class View>
Try<std::optional<View>> or_none(Try<View> answer) {
    if (answer.has_value()) return std::optional<View>(*std::move(answer));
    if (answer.error().exit == Exit::not_found) return std::optional<View>();
    return Err{answer.error()};
}

Failure no_job() {
    return {Exit::not_found, "there is no such job, or it was deleted after its end"};
}

Try<market::JobView> ask_job(Context& context, const JobId& id) {
    MILLRACE_TRY(Client* const client, context.client());
    return client->ask<market::JobView>("job_get", {{"job", to_hex(id.view())}});
}

/// The job's own rows, without a look at its lots.
struct JobRows {
    market::Job job;
    market::JobSpec spec;
};

/// Of a job with many lots the two rows that hold its money and terms are proven, and the counts
/// come from the node.
Try<market::JobView> half_proven_job(Context& context, ProofReader& proofs, const JobId& id) {
    MILLRACE_TRY(market::JobView view, ask_job(context, id));
    MILLRACE_TRY(const auto rows,
                 must_prove(proofs.read(
                     "job " + short_hash(to_hex(id.view())), [&](const market::StateReader& state) {
                         auto job = market::load<market::Job>(state, market::job_key(id));
                         auto spec = market::load<market::JobSpec>(state, market::job_spec_key(id));
                         return job && spec ? std::optional(JobRows{*job, *spec}) : std::nullopt;
                     })));
    if (!rows) return Err{no_job()};
    view.id = id;
    view.job = rows->job;
    view.spec = rows->spec;
    view.closed.reset();
    context.take_on_trust("how many tasks are in each state");
    return view;
}

}  // namespace

Try<market::ChainView> chain_view(Context& context) {
    MILLRACE_TRY(ProofReader* const proofs, context.proofs());
    if (proofs != nullptr)
        return must_prove(proofs->read(
            "the chain's parameters", [](const auto& state) { return market::chain_view(state); }));
    MILLRACE_TRY(Client* const client, context.client());
    return client->ask<market::ChainView>("chain_state");
}

Try<std::optional<market::AccountView>> find_account(Context& context, const Address& address,
                                                     Network network) {
    MILLRACE_TRY(ProofReader* const proofs, context.proofs());
    const std::string text = to_text(address, network);
    if (proofs != nullptr)
        return must_prove(proofs->read("account " + text, [&](const auto& state) {
            return market::account_view(state, address);
        }));
    MILLRACE_TRY(Client* const client, context.client());
    return or_none(client->ask<market::AccountView>("state_account", {{"account", text}}));
}

Try<std::optional<market::ModuleView>> find_module(Context& context, const ImageRoot& image) {
    MILLRACE_TRY(ProofReader* const proofs, context.proofs());
    const std::string text = to_hex(image.view());
    if (proofs != nullptr)
        return must_prove(proofs->read("module " + short_hash(text), [&](const auto& state) {
            return market::module_view(state, image);
        }));
    MILLRACE_TRY(Client* const client, context.client());
    return or_none(client->ask<market::ModuleView>("module_get", {{"image", text}}));
}

Try<market::ProviderView> get_provider(Context& context, const Address& id, Network network) {
    MILLRACE_TRY(ProofReader* const proofs, context.proofs());
    const std::string text = to_text(id, network);
    if (proofs != nullptr) {
        MILLRACE_TRY(auto view, must_prove(proofs->read("provider " + text, [&](const auto& state) {
                         return market::provider_view(state, id);
                     })));
        if (view) return *std::move(view);
        return Err{Failure{Exit::not_found, fmt::format("no provider {} is registered", text)}};
    }
    MILLRACE_TRY(Client* const client, context.client());
    return client->ask<market::ProviderView>("provider_get", {{"provider", text}});
}

Try<market::JobView> get_job(Context& context, const JobId& id) {
    MILLRACE_TRY(ProofReader* const proofs, context.proofs());
    if (proofs == nullptr) return ask_job(context, id);
    MILLRACE_TRY(auto read,
                 proofs->read("job " + short_hash(to_hex(id.view())),
                              [&](const auto& state) { return market::job_view(state, id); }));
    if (!read) return half_proven_job(context, *proofs, id);
    if (!*read) return Err{no_job()};
    return **std::move(read);
}

bool is_wholly_proven(const market::JobView& job) {
    return job.job.fresh + kOtherRows <= market::kProofKeysMax;
}

Try<Ok> check_list_size(std::string_view method, std::size_t rows) {
    // More than a table is good for; `rpc` reads on by page.
    constexpr std::size_t kRowsMax = 100'000;
    if (rows < kRowsMax) return Ok{};
    return Err{
        Failure{Exit::failed,
                fmt::format("the node lists more than {} rows; `millrace rpc {}` reads a part "
                            "of them",
                            kRowsMax, method)}};
}

Try<std::vector<market::TaskView>> get_tasks(Context& context, const market::JobView& job) {
    const JobId& id = job.id;
    const std::uint32_t tasks = job.spec.tasks;
    MILLRACE_TRY(ProofReader* const proofs, context.proofs());
    MILLRACE_TRY(Client* const client, context.client());
    std::vector<market::TaskView> out;
    while (out.size() < tasks) {
        const auto from = static_cast<std::uint32_t>(out.size());
        std::vector<market::TaskView> page;
        if (proofs != nullptr) {
            MILLRACE_TRY(
                page,
                must_prove(proofs->read(
                    fmt::format("tasks from {} on of job {}", from, short_hash(to_hex(id.view()))),
                    [&](const auto& state) {
                        return market::task_views(state, id, from, tasks_a_proof(job.spec));
                    })));
        } else {
            MILLRACE_TRY(page,
                         client->ask<std::vector<market::TaskView>>(
                             "job_tasks",
                             {{"job", to_hex(id.view())}, {"from", from}, {"limit", kTasksAPage}}));
        }
        if (page.empty()) break;
        // A node that gives more than there is would hold this program for ever.
        page.resize(std::min<std::size_t>(page.size(), tasks - from));
        out.insert(out.end(), page.begin(), page.end());
    }
    return out;
}

Try<std::vector<Price>> get_prices(Context& context, std::span<const market::TaskView> tasks) {
    std::set<LeaseId> leases;
    for (const market::TaskView& task : tasks)
        for (const LeaseId& lease : task.leases)
            if (leases.size() < kLeasesAsked) leases.insert(lease);
    MILLRACE_TRY(ProofReader* const proofs, context.proofs());
    if (proofs != nullptr)
        return must_prove(proofs->read("prices of leases", [&](const auto& state) {
            std::vector<Price> out;
            for (const LeaseId& id : leases)
                if (const auto lease = market::load<market::Lease>(state, market::lease_key(id)))
                    out.push_back(lease->price);
            return out;
        }));
    MILLRACE_TRY(Client* const client, context.client());
    std::vector<Price> out;
    for (const LeaseId& id : leases) {
        MILLRACE_TRY(const auto lease, or_none(client->ask<market::LeaseView>(
                                           "lease_get", {{"lease", to_hex(id.view())}})));
        if (lease) out.push_back(lease->lease.price);
    }
    return out;
}

Try<market::JobCost> get_cost(Context& context, const market::Params& params,
                              const market::JobSpec& spec) {
    if (context.is_verifying()) {
        const auto cost = market::job_cost(params, spec);
        if (cost) return *cost;
        return Err{Failure{Exit::bad_input, "this costs more than there can be"}};
    }
    MILLRACE_TRY(Client* const client, context.client());
    return client->ask<market::JobCost>("job_cost", {{"spec", to_json(spec)}});
}

}  // namespace millrace::wallet
