#pragma once

#include "wallet/job_results.hpp"
#include "wallet/ledger_view.hpp"

/// A job on a node, followed and looked at.
namespace millrace::wallet {

/// Shows progress until nothing of the job changes any more. Ctrl-C ends the watching, not the
/// job: exit `interrupted`, with the command that goes on.
[[nodiscard]] Try<market::JobView> watch_job(Context& context, const JobId& id);
/// The tasks of a job that run on the node right now; none where the node tells nothing of them.
[[nodiscard]] std::vector<RunningTask> get_running(Context& context, const JobId& id);

struct JobReport {
    market::JobView job;
    std::vector<TaskOutcome> tasks;
    JobSummary summary;
};
[[nodiscard]] Try<JobReport> report_job(Context& context, const JobId& id);
/// The report under --json.
[[nodiscard]] boost::json::object to_json_object(const JobReport& report);

}  // namespace millrace::wallet
