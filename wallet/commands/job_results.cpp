#include <fmt/format.h>
#include <sodium/randombytes.h>
#include <unistd.h>

#include <memory>

#include "wallet/command_line.hpp"
#include "wallet/interrupt.hpp"
#include "wallet/job_fetch.hpp"
#include "wallet/job_verify.hpp"
#include "wallet/job_watch.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

namespace fs = std::filesystem;

struct Options {
    std::string id;
    std::optional<std::uint32_t> task;
    std::uint32_t sample = 1;
    bool all = false;
};

/// A folder that is gone with the command.
class Scratch {
  public:
    Scratch() : path_(fs::temp_directory_path() / fmt::format("millrace.{}", ::getpid())) {}
    ~Scratch() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    [[nodiscard]] const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

Try<std::vector<TaskOutcome>> chosen_tasks(const JobReport& report,
                                           const std::optional<std::uint32_t>& task) {
    std::vector<TaskOutcome> out;
    for (const TaskOutcome& one : report.tasks)
        if (one.result && (!task || one.task == *task)) out.push_back(one);
    if (!out.empty()) return out;
    if (task && *task >= report.job.spec.tasks)
        return Err{Failure{Exit::usage, fmt::format("--task: the job has tasks 0 to {}",
                                                    report.job.spec.tasks - 1)}};
    return Err{Failure{Exit::not_yet,
                       fmt::format("there is no result yet ({}); wait with `millrace job watch {}`",
                                   progress_detail(report.job), to_hex(report.job.id.view()))}};
}

void add_streams(std::string& text, const vm::Tails& tails) {
    const auto add = [&](const char* name, ByteView bytes) {
        if (bytes.empty()) return;
        text += fmt::format("--- {} ---\n{}", name, as_text(bytes));
        if (!text.ends_with('\n')) text += '\n';
    };
    add("standard output", tails.out);
    add("standard error", tails.err);
}

/// Tasks without a result that run on the node; what they have written so far is its word alone.
std::vector<RunningTask> running_tasks(Context& context, const JobReport& report,
                                       const std::optional<std::uint32_t>& task) {
    std::vector<RunningTask> out;
    if (has_ended(report.job)) return out;
    for (RunningTask& row : get_running(context, report.job.id)) {
        const bool has_result = row.task >= report.tasks.size() || report.tasks[row.task].result;
        if (!has_result && (!task || row.task == *task)) out.push_back(std::move(row));
    }
    return out;
}

Try<Ok> logs(Context& context, const Options& options) {
    MILLRACE_TRY(const JobId id, parse_id<JobId>("job", options.id));
    MILLRACE_TRY(const JobReport report, report_job(context, id));
    const std::vector<RunningTask> running = running_tasks(context, report, options.task);
    Try<std::vector<TaskOutcome>> tasks = chosen_tasks(report, options.task);
    if (!tasks.has_value() && running.empty()) return Err{tasks.error()};
    if (!running.empty()) context.take_on_trust("what running tasks have written so far");
    boost::json::array rows;
    std::string text;
    for (const RunningTask& task : running) {
        rows.push_back({{"task", task.task},
                        {"end", "running"},
                        {"gas_used", task.gas_used.value},
                        {"gas_limit", task.gas_limit.value},
                        {"tails", to_json(task.tail)}});
        text += fmt::format("=== task {}: running, {}% of its gas used; so far ===\n", task.task,
                            gas_percent(task));
        add_streams(text, task.tail);
    }
    if (!tasks.has_value()) tasks = std::vector<TaskOutcome>();
    for (const TaskOutcome& task : *tasks) {
        MILLRACE_TRY(const auto tails, fetch_tails(context, task));
        boost::json::object row{{"task", task.task}, {"end", outcome_text(task)}};
        if (tails) row["tails"] = to_json(*tails);
        rows.push_back(std::move(row));
        text += fmt::format("=== task {}: {}{} ===\n", task.task, outcome_text(task),
                            tails ? "" : ", its streams are not kept here any more");
        if (tails) add_streams(text, *tails);
    }
    context.print(rows, text);
    return Ok{};
}

/// As many as are asked for, drawn so that no provider can know which.
std::vector<TaskOutcome> draw(std::vector<TaskOutcome> tasks, std::size_t count) {
    for (std::size_t i = 0; i < tasks.size() && i < count; ++i) {
        const auto left = static_cast<std::uint32_t>(tasks.size() - i);
        std::swap(tasks[i], tasks[i + randombytes_uniform(left)]);
    }
    tasks.resize(std::min(tasks.size(), count));
    return tasks;
}

Try<Ok> verify(Context& context, const Options& options) {
    MILLRACE_TRY(const JobId id, parse_id<JobId>("job", options.id));
    MILLRACE_TRY(const JobReport report, report_job(context, id));
    MILLRACE_TRY(std::vector<TaskOutcome> tasks, chosen_tasks(report, options.task));
    if (!options.all && !options.task) tasks = draw(std::move(tasks), options.sample);
    const Scratch scratch;
    MILLRACE_TRY(const Verifier verifier, Verifier::prepare(context, report.job, scratch.path()));
    Progress progress(context.quiet);
    Interrupt interrupt;
    std::vector<Verified> rows;
    std::string text;
    std::size_t wrong = 0;
    for (const TaskOutcome& task : tasks) {
        progress.show("verifying", rows.size(), tasks.size(), fmt::format("task {}", task.task));
        if (interrupt.wait_ms(0)) break;
        MILLRACE_TRY(Verified row, verifier.verify(task));
        text += fmt::format("task {}: {}\n", row.task,
                            row.agrees ? "the same here: " + outcome_text(task) : row.difference);
        wrong += row.agrees ? 0 : 1;
        rows.push_back(std::move(row));
    }
    progress.finish();
    const boost::json::object out{{"job", options.id}, {"tasks", to_json(rows)}};
    if (wrong > 0)
        return Err{Failure{Exit::differs,
                           fmt::format("{}{} of {} tasks come out differently here; anybody may "
                                       "challenge such a result before its window closes",
                                       text, wrong, rows.size()),
                           0, out}};
    context.print(out, text + fmt::format("{} of {} tasks run again, all as claimed", rows.size(),
                                          report.job.spec.tasks));
    if (rows.size() < tasks.size())
        return Err{Failure{Exit::interrupted, "stopped before all were run again"}};
    return Ok{};
}

}  // namespace

void add_job_result_commands(CLI::App& group, Context& context) {
    const auto options = std::make_shared<Options>();
    const auto add = [&](const char* name, const char* what, const char* example, auto handler) {
        const Command command = Command(group).add_subcommand(name, what);
        command->add_option("job", options->id, "Job id")->required();
        command->add_option("--task", options->task, "This task only");
        command->footer(std::string("Example:\n  ") + example);
        command->callback([&context, options, handler] {
            context.action = [&context, options, handler] { return handler(context, *options); };
        });
        return command;
    };
    add("logs", "What tasks wrote to their streams, the last 4 KiB of each",
        "millrace job logs 3fa9... --task 3", logs);
    const Command verify_command =
        add("verify", "Run tasks again on this machine and compare them with what was claimed",
            "millrace job verify 3fa9... --sample 3\n\nProgram and input are checked against the "
            "job's own roots. Tasks are drawn at random, so that nobody knows which.",
            verify);
    verify_command->add_option("--sample", options->sample, "So many tasks, drawn at random")
        ->in_range(1U, 65'536U)
        ->capture_default_str();
    verify_command->add_flag("--all", options->all, "All tasks");
}

}  // namespace millrace::wallet
