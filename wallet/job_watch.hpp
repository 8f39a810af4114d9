#pragma once

#include "wallet/context.hpp"
#include "wallet/job_results.hpp"

/// A job on a node, followed and looked at.
namespace millrace::wallet {

[[nodiscard]] Try<market::JobView> get_job(Context& context, const JobId& id);
/// Shows progress until nothing of the job changes any more. Ctrl-C ends the watching, not the
/// job: exit `interrupted`, with the command that goes on.
[[nodiscard]] Try<market::JobView> watch_job(Context& context, const JobId& id);
/// The tasks of a job that run on the node right now; none where the node tells nothing of them.
[[nodiscard]] std::vector<RunningTask> get_running(Context& context, const JobId& id);
[[nodiscard]] Try<std::vector<market::TaskView>> get_tasks(Context& context, const JobId& id,
                                                           std::uint32_t tasks);

/// Leases of a job that are asked for their prices; of a larger job the first ones stand for all.
inline constexpr std::size_t kLeasesAsked = 256;
/// Prices at which leases of these tasks were cleared; those that the ledger has forgotten are left
/// out.
[[nodiscard]] Try<std::vector<Price>> get_prices(Context& context,
                                                 std::span<const market::TaskView> tasks);

struct JobReport {
    market::JobView job;
    std::vector<TaskOutcome> tasks;
    JobSummary summary;
};
[[nodiscard]] Try<JobReport> report_job(Context& context, const JobId& id);
/// The report under --json.
[[nodiscard]] boost::json::object to_json_object(const JobReport& report);

}  // namespace millrace::wallet
