#include "market/ledger/jobs.hpp"
#include "market/query.hpp"
#include "node/rpc/node_api.hpp"

namespace millrace::node::rpc {

namespace {

struct JobParams {
    JobId job;
};
BOOST_DESCRIBE_STRUCT(JobParams, (), (job))
struct JobListParams {
    Address buyer;
    std::optional<std::uint32_t> skip;
    std::optional<std::uint32_t> limit;
};
BOOST_DESCRIBE_STRUCT(JobListParams, (), (buyer, skip, limit))
struct TasksParams {
    JobId job;
    std::optional<std::uint32_t> from;
    std::optional<std::uint32_t> limit;
};
BOOST_DESCRIBE_STRUCT(TasksParams, (), (job, from, limit))
struct CostParams {
    market::JobSpec spec;
};
BOOST_DESCRIBE_STRUCT(CostParams, (), (spec))
struct ModuleParams {
    ImageRoot image;
};
BOOST_DESCRIBE_STRUCT(ModuleParams, (), (image))
struct ModuleListParams {
    std::optional<ImageRoot> from;
    std::optional<std::uint32_t> limit;
};
BOOST_DESCRIBE_STRUCT(ModuleListParams, (), (from, limit))
struct AnnounceParams {
    BlobId blob;
};
BOOST_DESCRIBE_STRUCT(AnnounceParams, (), (blob))

constexpr std::uint32_t kPageDefault = 100;

market::JobSpec example_spec() {
    market::JobSpec spec;
    spec.tasks = 64;
    spec.task_gas = Gas{1'000'000'000};
    spec.output_bytes_max = 1U << 20U;
    spec.limit = Price{20'000'000};
    spec.window_ms = 60'000;
    spec.life_ms = 3'600'000;
    return spec;
}

std::size_t page(const std::optional<std::uint32_t>& limit) {
    return std::min<std::size_t>(limit.value_or(kPageDefault), market::kPageMax);
}

}  // namespace

void add_job_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    const std::string no_hash(64, '0');
    table
        .add<JobParams>(
            "job_get", "A job: specification, state, money, and how many tasks are in each state.",
            json::object{{"job", no_hash}},
            [&api](const JobParams& params) -> Result<market::JobView, RpcError> {
                const StateSnapshot snapshot(api.db);
                auto view = market::job_view(snapshot.state(), params.job);
                if (!view) return no_such("there is no such job, or it was deleted after its end");
                auto closed =
                    HistoryReader(snapshot.db(), history_floor(api, snapshot)).end_of(params.job);
                if (!closed.has_value()) stop_on_ledger_fault(closed.error());
                view->closed = *closed;
                return *std::move(view);
            })
        .fails_with({RpcCode::not_found})
        .example_shows(RpcCode::not_found);
    table
        .add<JobListParams>(
            "job_list", "The jobs of an account, oldest first.",
            json::object{{"buyer", to_text(api.provider, api.network)}},
            [&api](const JobListParams& params) -> Result<std::vector<market::JobView>, RpcError> {
                const StateSnapshot snapshot(api.db);
                auto jobs = market::job_list(snapshot.state(), params.buyer,
                                             params.skip.value_or(0), page(params.limit));
                const HistoryReader history(snapshot.db(), history_floor(api, snapshot));
                for (market::JobView& job : jobs) {
                    auto closed = history.end_of(job.id);
                    if (!closed.has_value()) stop_on_ledger_fault(closed.error());
                    job.closed = *closed;
                }
                return jobs;
            })
        .slow();
    table
        .add<TasksParams>(
            "job_tasks",
            "Tasks of a job from an index on: state, leases, and what is claimed of each.",
            json::object{{"job", no_hash}},
            [&api](const TasksParams& params) -> Result<std::vector<market::TaskView>, RpcError> {
                const StateSnapshot snapshot(api.db);
                if (!snapshot.state().get(market::job_key(params.job).bytes()))
                    return no_such("there is no such job, or it was deleted after its end");
                return market::task_views(snapshot.state(), params.job, params.from.value_or(0),
                                          page(params.limit));
            })
        .fails_with({RpcCode::not_found})
        .slow()
        .example_shows(RpcCode::not_found);
    table.add<JobParams>(
        "job_progress",
        "How far the tasks of a job are that run on this node now: gas at the last boundary and, "
        "in hexadecimal, the ends of standard output and error.",
        json::object{{"job", no_hash}},
        [&api](const JobParams& params) -> Result<std::vector<TaskProgress>, RpcError> {
            return api.progress.of_job(params.job);
        });
    table.add<CostParams>(
        "job_cost", "The most that a job would take at posting: escrow, retention, rent.",
        json::object{{"spec", to_json(example_spec())}},
        [&api](const CostParams& params) -> Result<market::JobCost, RpcError> {
            const StateSnapshot snapshot(api.db);
            const auto cost = market::job_cost(market::load_params(snapshot.state()), params.spec);
            if (!cost)
                return Err{
                    RpcError{RpcCode::invalid_params, "spec: this costs more than there can be"}};
            return *cost;
        });
    table
        .add<ModuleParams>(
            "module_get", "A published module by its image root.", json::object{{"image", no_hash}},
            [&api](const ModuleParams& params) -> Result<market::ModuleView, RpcError> {
                auto view = market::module_view(StateSnapshot(api.db).state(), params.image);
                if (!view)
                    return no_such(
                        "no module with this image root is published, or its time is over");
                return *std::move(view);
            })
        .fails_with({RpcCode::not_found})
        .example_shows(RpcCode::not_found);
    table
        .add<ModuleListParams>("module_list",
                               "Published modules in the order of their image roots, by page.",
                               json::object{},
                               [&api](const ModuleListParams& params)
                                   -> Result<std::vector<market::ModuleView>, RpcError> {
                                   return market::module_list(StateSnapshot(api.db).state(),
                                                              params.from, page(params.limit));
                               })
        .slow();
    table
        .add<AnnounceParams>(
            "module_announce",
            "Lowers a module that was uploaded as a blob and answers what a module_publish "
            "transaction "
            "needs: statement and validator's signature.",
            json::object{{"blob", no_hash}},
            [&api](const AnnounceParams& params) -> Result<market::ModulePublish, RpcError> {
                auto publish = api.modules.announce(params.blob);
                if (!publish.has_value())
                    return Err{RpcError{RpcCode::invalid_params, publish.error().message}};
                return *std::move(publish);
            })
        .needs(Scope::submit)
        .slow()
        .example_shows(RpcCode::invalid_params);
}

}  // namespace millrace::node::rpc
