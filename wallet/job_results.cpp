#include "wallet/job_results.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "vm/machine/trap.hpp"
#include "wallet/print.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

/// Tasks that are named in a sentence; the rest is counted.
constexpr std::size_t kNamedMax = 5;
/// Running tasks that are named in a line of progress.
constexpr std::size_t kSharesMax = 3;

/// Short tasks end before they tell anything, and are not named.
std::string shares_text(std::span<const RunningTask> running) {
    std::string out;
    std::size_t told = 0;
    for (const RunningTask& row : running) {
        if (row.gas_used.value == 0) continue;
        if (++told <= kSharesMax)
            out += fmt::format("{}task {}: {}%{}", out.empty() ? "" : ", ", row.task,
                               gas_percent(row), out.empty() ? " of its gas" : "");
    }
    if (told > kSharesMax) out += fmt::format(", {} more", told - kSharesMax);
    return out.empty() ? out : " (" + out + ")";
}

void count_settled(JobSummary& out, const TaskOutcome& task) {
    if (!task.result) return;
    out.gas.value += task.result->gas.value;
    out.gas_max = std::max(out.gas_max, task.result->gas);
    switch (task.result->end) {
        case market::ClaimEnd::exited:
            (task.result->code == 0 ? out.succeeded : out.exited_nonzero) += 1;
            return;
        case market::ClaimEnd::trapped:
            ++out.trapped;
            return;
        case market::ClaimEnd::out_of_gas:
            ++out.out_of_gas;
            return;
    }
}

}  // namespace

std::uint32_t ended_tasks(const market::JobView& job) {
    return job.tasks_settled + job.tasks_failed + job.tasks_disputed;
}

bool has_ended(const market::JobView& job) {
    return ended_tasks(job) >= job.spec.tasks;
}

std::string_view phase_of(const market::JobView& job) {
    if (has_ended(job)) return "done";
    if (job.tasks_leased + job.tasks_committed > 0) return "running";
    if (job.tasks_revealed > 0) return "checking";
    return "waiting";
}

std::vector<RunningTask> furthest(std::vector<RunningTask> rows) {
    std::sort(rows.begin(), rows.end(), [](const RunningTask& a, const RunningTask& b) {
        return a.task != b.task ? a.task < b.task : a.gas_used > b.gas_used;
    });
    const auto end =
        std::unique(rows.begin(), rows.end(),
                    [](const RunningTask& a, const RunningTask& b) { return a.task == b.task; });
    rows.erase(end, rows.end());
    return rows;
}

std::uint64_t gas_percent(const RunningTask& row) {
    constexpr std::uint64_t kAll = 100;
    if (row.gas_used >= row.gas_limit) return kAll;
    // Limits are far below the bound at which this would wrap, where the node is honest.
    const std::uint64_t hundredth = std::max<std::uint64_t>(row.gas_limit.value / kAll, 1);
    return std::min(kAll, row.gas_used.value / hundredth);
}

std::string progress_detail(const market::JobView& job, std::span<const RunningTask> running) {
    struct Row {
        std::uint32_t count;
        std::string name;
    };
    const Row rows[] = {
        {job.tasks_open, "open"},           {job.tasks_leased, "running" + shares_text(running)},
        {job.tasks_committed, "committed"}, {job.tasks_revealed, "checking"},
        {job.tasks_disputed, "disputed"},   {job.tasks_failed, "failed"},
        {job.tasks_settled, "settled"}};
    std::string out;
    for (const Row& row : rows)
        if (row.count > 0)
            out += fmt::format("{}{} {}", out.empty() ? "" : ", ", row.count, row.name);
    return out;
}

TaskOutcome outcome_of(const market::TaskView& task) {
    TaskOutcome out{task.task, task.state, std::nullopt};
    if (!task.claims.empty()) out.result = task.claims.front().result;
    return out;
}

bool is_success(const TaskOutcome& outcome) {
    return outcome.state == market::TaskState::settled && outcome.result &&
           outcome.result->end == market::ClaimEnd::exited && outcome.result->code == 0;
}

std::string outcome_text(const TaskOutcome& outcome) {
    if (outcome.state != market::TaskState::settled || !outcome.result)
        return enum_name(outcome.state);
    const market::TaskResult& result = *outcome.result;
    switch (result.end) {
        case market::ClaimEnd::exited:
            return fmt::format("exit {}", result.code);
        case market::ClaimEnd::trapped:
            return fmt::format("trap: {} in function {}",
                               vm::to_text(static_cast<vm::TrapCode>(result.code)),
                               result.trap_function);
        case market::ClaimEnd::out_of_gas:
            break;
    }
    return "out of gas";
}

JobSummary summarise(const market::JobView& job, std::span<const TaskOutcome> tasks,
                     std::span<const Price> prices) {
    JobSummary out;
    out.job = job.id;
    out.state = job.job.state;
    out.tasks = job.spec.tasks;
    std::uint32_t settled = 0;
    for (const TaskOutcome& task : tasks) {
        switch (task.state) {
            case market::TaskState::settled:
                ++settled;
                count_settled(out, task);
                break;
            case market::TaskState::failed:
                ++out.failed;
                break;
            case market::TaskState::disputed:
                ++out.disputed;
                break;
            case market::TaskState::open:
            case market::TaskState::leased:
            case market::TaskState::committed:
            case market::TaskState::revealed:
                ++out.unfinished;
                break;
        }
    }
    if (!prices.empty()) {
        out.price_low = *std::min_element(prices.begin(), prices.end());
        out.price_high = *std::max_element(prices.begin(), prices.end());
    }
    out.paid = job.job.paid;
    out.refunded = job.job.refunded;
    out.closed = job.closed;
    if (settled > 0) out.paid_per_task = Amount{(out.paid.value + settled - 1) / settled};
    return out;
}

std::string summary_text(const JobSummary& summary) {
    const auto line = [](std::uint32_t count, const char* what) {
        return count == 0 ? std::string() : fmt::format(", {} {}", count, what);
    };
    std::string out = fmt::format("tasks    {} of {} succeeded", summary.succeeded, summary.tasks);
    out += line(summary.exited_nonzero, "with another exit code");
    out += line(summary.trapped, "trapped");
    out += line(summary.out_of_gas, "out of gas");
    out += line(summary.failed, "given up");
    out += line(summary.disputed, "in dispute");
    out += line(summary.unfinished, "unfinished");
    const std::uint32_t settled =
        summary.succeeded + summary.exited_nonzero + summary.trapped + summary.out_of_gas;
    if (summary.price_low) {
        out += fmt::format("\nprice    {}", price_text(*summary.price_low));
        if (summary.price_high != summary.price_low)
            out += fmt::format(" to {}", price_text(*summary.price_high));
        out += " credits per Ggas";
    }
    if (settled > 0)
        out += fmt::format("\ngas      {} in all, {} a task, {} the most",
                           human_gas(summary.gas.value), human_gas(summary.gas.value / settled),
                           human_gas(summary.gas_max.value));
    // To the last digit: this is money that has moved.
    out += fmt::format("\ncredits  {} paid, {} a task; {} came back", to_credits(summary.paid),
                       to_credits(summary.paid_per_task), to_credits(summary.refunded));
    if (summary.closed)
        out += fmt::format("\nfinal    all of it by block {}", summary.closed->value);
    return out;
}

std::optional<Failure> failure_of(const JobSummary& summary, std::span<const TaskOutcome> tasks) {
    if (summary.succeeded == summary.tasks) return std::nullopt;
    std::string named;
    std::size_t count = 0;
    for (const TaskOutcome& task : tasks) {
        if (is_success(task)) continue;
        if (++count <= kNamedMax)
            named += fmt::format("{}task {}: {}", named.empty() ? "" : "; ", task.task,
                                 outcome_text(task));
    }
    if (count > kNamedMax) named += fmt::format("; and {} more", count - kNamedMax);
    std::string message = fmt::format("{} of {} tasks did not succeed ({})",
                                      summary.tasks - summary.succeeded, summary.tasks, named);
    if (summary.out_of_gas > 0) message += "; give them more with --gas";
    if (summary.failed > 0 && summary.exited_nonzero + summary.trapped + summary.out_of_gas == 0)
        message += "; what was given up is refunded";
    return Failure{Exit::job_failed, std::move(message), 0, to_json(summary)};
}

}  // namespace millrace::wallet
