#include "wallet/job_watch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "wallet/interrupt.hpp"

namespace millrace::wallet {

namespace {

/// Asked often at first, when a short job may end any moment, and seldom once it is a long one.
constexpr std::uint64_t kWatchFirstMs = 30;
constexpr std::uint64_t kWatchLastMs = 2'000;
/// A task tells how far it is every few seconds; asking more often would show nothing new.
constexpr std::uint64_t kProgressEveryMs = 1'000;
/// Where lines are not drawn over, a new one for so much more gas of the task that is furthest.
constexpr std::uint64_t kPercentALine = 10;

}  // namespace

std::vector<RunningTask> get_running(Context& context, const JobId& id) {
    Try<Client*> client = context.client();
    if (!client.has_value()) return {};
    // It is beside the point: that it is missing ends no watching.
    auto rows =
        (*client)->ask<std::vector<RunningTask>>("job_progress", {{"job", to_hex(id.view())}});
    return rows.has_value() ? furthest(*std::move(rows)) : std::vector<RunningTask>();
}

Try<market::JobView> watch_job(Context& context, const JobId& id) {
    Progress progress(context.quiet);
    Interrupt interrupt;
    std::optional<market::JobView> last;
    std::vector<RunningTask> running;
    std::uint64_t since_asked_ms = 0;
    for (std::uint64_t poll_ms = kWatchFirstMs;;) {
        Try<market::JobView> job = get_job(context, id);
        if (job.has_value()) {
            last = *std::move(job);
            if (last->tasks_leased == 0) {
                running.clear();
            } else if (since_asked_ms >= kProgressEveryMs) {
                running = get_running(context, id);
                since_asked_ms = 0;
            }
            std::uint64_t most = 0;
            for (const RunningTask& row : running) most = std::max(most, gas_percent(row));
            progress.show(phase_of(*last), ended_tasks(*last), last->spec.tasks,
                          progress_detail(*last, running), most / kPercentALine);
        } else if (last && job.error().exit == Exit::node_unreachable) {
            // The job is on the chain whatever becomes of this node; Ctrl-C ends the waiting.
            progress.show("no answer", ended_tasks(*last), last->spec.tasks,
                          "the node is away, trying again");
        } else {
            return Err{job.error()};
        }
        if (has_ended(*last)) {
            progress.finish();
            return *std::move(last);
        }
        if (interrupt.wait_ms(poll_ms)) {
            progress.finish();
            return Err{Failure{
                Exit::interrupted,
                fmt::format("the job goes on without this program; watch it with `millrace job "
                            "watch {0}`, take it off the market with `millrace job cancel {0}`",
                            to_hex(id.view()))}};
        }
        since_asked_ms += poll_ms;
        poll_ms = std::min(kWatchLastMs, poll_ms + poll_ms / 20);
    }
}

Try<JobReport> report_job(Context& context, const JobId& id) {
    JobReport report;
    MILLRACE_TRY(report.job, get_job(context, id));
    MILLRACE_TRY(const auto tasks, get_tasks(context, report.job));
    for (const market::TaskView& task : tasks) report.tasks.push_back(outcome_of(task));
    MILLRACE_TRY(const auto prices, get_prices(context, tasks));
    report.summary = summarise(report.job, report.tasks, prices);
    return report;
}

boost::json::object to_json_object(const JobReport& report) {
    boost::json::object out = to_json(report.summary).as_object();
    out["task_list"] = to_json(report.tasks);
    return out;
}

}  // namespace millrace::wallet
