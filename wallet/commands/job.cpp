#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "market/ledger/jobs.hpp"
#include "wallet/command_line.hpp"
#include "wallet/interrupt.hpp"
#include "wallet/job_fetch.hpp"
#include "wallet/job_post.hpp"
#include "wallet/job_watch.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

/// What the job commands share; each uses its part.
struct Options {
    JobOptions job;
    std::string id;
    std::optional<std::string> output;
    bool flat = false;
    bool overwrite = false;
    bool partial = false;
    bool with_tasks = false;
    std::uint32_t limit = 20;
    std::optional<std::string> from;
    std::string price;
    std::string credits;
};

/// More tasks than a job can have are refused later.
constexpr auto kTasksChecked = static_cast<std::uint32_t>(market::kTaskReplicasMax);

Try<PostedJob> prepare_and_post(Context& context, const JobOptions& options, PreparedJob& job) {
    MILLRACE_TRY(Signer signer, Signer::open(context, options.from));
    MILLRACE_TRY(const market::ChainView chain, chain_view(context));
    MILLRACE_TRY(job, prepare_job(context, options, chain));
    MILLRACE_TRY(PostedJob posted, post_job(context, signer, job));
    if (!options.pin) return posted;
    // The job is on the chain whatever becomes of its pin.
    MILLRACE_TRY(Client* const client, context.client());
    const std::string id = to_hex(posted.id.view());
    if (const auto pinned = client->call("blob_pin", {{"job", id}}); !pinned.has_value())
        context.announce(fmt::format("Warning: not pinned: {}; `millrace blob pin {}` tries again",
                                     pinned.error().message, id));
    return posted;
}

boost::json::object posted_json(const PostedJob& posted, const PreparedJob& job) {
    boost::json::object out = sent_json(posted.sent);
    out["job"] = to_hex(posted.id.view());
    out["image"] = to_hex(job.spec.image.view());
    out["limit"] = to_json(job.spec.limit);
    out["quote"] = to_json(job.quote);
    out["cost"] = to_json(job.cost);
    return out;
}

Try<Ok> post(Context& context, const Options& options) {
    PreparedJob job;
    MILLRACE_TRY(const PostedJob posted, prepare_and_post(context, options.job, job));
    const std::string id = to_hex(posted.id.view());
    context.print(posted_json(posted, job),
                  fmt::format("Posted in block {}. Next:\n  millrace job watch {}\n  millrace job "
                              "fetch {} --output DIR",
                              posted.sent.height.value, id, id));
    return Ok{};
}

std::string fetched_text(const FetchReport& report) {
    return fmt::format("output   {}: {} file{}, {}", report.folder, report.files,
                       report.files == 1 ? "" : "s", human_bytes(report.bytes));
}

/// What the only task of a job wrote to its streams; of more tasks the files tell.
Try<Ok> add_streams(Context& context, const JobReport& report, boost::json::object& out,
                    std::string& text) {
    if (report.tasks.size() != 1) return Ok{};
    MILLRACE_TRY(const auto tails, fetch_tails(context, report.tasks.front()));
    if (!tails) return Ok{};
    out["tails"] = to_json(*tails);
    const auto add = [&](const char* name, ByteView bytes) {
        if (!bytes.empty()) text += fmt::format("\n--- {} ---\n{}", name, as_text(bytes));
    };
    add("standard output", tails->out);
    add("standard error", tails->err);
    return Ok{};
}

/// A job that did not succeed ends the program so, after everything was shown.
Try<Ok> finish(Context& context, const JobReport& report, boost::json::object out,
               std::string text) {
    const auto failure = failure_of(report.summary, report.tasks);
    if (failure && context.json) {
        // One JSON value: the failure carries what would have been printed.
        Failure with_data = *failure;
        with_data.data = std::move(out);
        return Err{std::move(with_data)};
    }
    context.print(out, text);
    if (failure) return Err{*failure};
    return Ok{};
}

Try<Ok> follow(Context& context, const Options& options, const PreparedJob& job,
               const PostedJob& posted) {
    MILLRACE_TRY(const market::JobView ended, watch_job(context, posted.id));
    MILLRACE_TRY(const JobReport report, report_job(context, ended.id));
    boost::json::object out = to_json_object(report);
    out["posted"] = posted_json(posted, job);
    std::string text = summary_text(report.summary);
    if (options.output) {
        MILLRACE_TRY(const FetchReport fetched,
                     fetch_outputs(context, {*options.output, options.flat, options.overwrite},
                                   ended.spec.tasks, report.tasks));
        out["output"] = to_json(fetched);
        text += "\n" + fetched_text(fetched);
    } else {
        text += fmt::format("\noutput   `millrace job fetch {} --output DIR` gets it",
                            to_hex(ended.id.view()));
    }
    MILLRACE_CHECK(add_streams(context, report, out, text));
    return finish(context, report, std::move(out), std::move(text));
}

Try<Ok> run(Context& context, const Options& options) {
    // What is paid for must have a place to go.
    if (options.output)
        MILLRACE_CHECK(check_free({*options.output, options.flat, options.overwrite},
                                  std::min(options.job.tasks, kTasksChecked)));
    PreparedJob job;
    MILLRACE_TRY(const PostedJob posted, prepare_and_post(context, options.job, job));
    auto done = follow(context, options, job, posted);
    if (done.has_value()) return Ok{};
    // What was posted is never lost with this program.
    Failure failure = done.error();
    if (failure.exit == Exit::node_unreachable || failure.exit == Exit::failed ||
        failure.exit == Exit::bad_input)
        failure.message += fmt::format(
            "\nThe job is on the chain; `millrace job watch {0}`, "
            "`millrace job fetch {0} --output DIR`",
            to_hex(posted.id.view()));
    return Err{std::move(failure)};
}

Try<Ok> watch(Context& context, const Options& options) {
    MILLRACE_TRY(const JobId id, parse_id<JobId>("job", options.id));
    MILLRACE_CHECK(watch_job(context, id));
    MILLRACE_TRY(const JobReport report, report_job(context, id));
    return finish(context, report, to_json_object(report), summary_text(report.summary));
}

Try<Ok> fetch(Context& context, const Options& options) {
    MILLRACE_TRY(const JobId id, parse_id<JobId>("job", options.id));
    MILLRACE_TRY(const JobReport report, report_job(context, id));
    if (!has_ended(report.job) && !options.partial)
        return Err{Failure{Exit::not_yet,
                           fmt::format("the job is not at its end ({}); wait with `millrace job "
                                       "watch {}`, or fetch what is there with --partial",
                                       progress_detail(report.job), options.id)}};
    MILLRACE_TRY(const FetchReport fetched,
                 fetch_outputs(context, {*options.output, options.flat, options.overwrite},
                               report.job.spec.tasks, report.tasks));
    boost::json::object out = to_json_object(report);
    out["output"] = to_json(fetched);
    std::string text = fetched_text(fetched);
    MILLRACE_CHECK(add_streams(context, report, out, text));
    return finish(context, report, std::move(out), std::move(text));
}

Try<Ok> show(Context& context, const Options& options) {
    MILLRACE_TRY(const JobId id, parse_id<JobId>("job", options.id));
    MILLRACE_TRY(const NodeStatus node, node_status(context));
    MILLRACE_TRY(const JobReport report, report_job(context, id));
    const market::JobSpec& spec = report.job.spec;
    std::string text = fmt::format(
        "job      {}\nimage    {}\nstate    {} ({})\nlimit    {} credits per Ggas, {} a task\n"
        "held     {} credits in escrow\n",
        options.id, to_hex(spec.image.view()), enum_name(report.job.job.state),
        progress_detail(report.job), price_text(report.job.job.limit),
        human_gas(spec.task_gas.value), credits_text(report.job.job.escrow));
    if (report.job.job.standing != market::Standing::active)
        text += fmt::format("standing {}\n", enum_name(report.job.job.standing));
    text += summary_text(report.summary);
    if (options.with_tasks) {
        Table table({"TASK", "RESULT", "GAS", "OUTPUT ROOT"});
        for (const TaskOutcome& task : report.tasks)
            table.add({std::to_string(task.task), outcome_text(task),
                       task.result ? human_gas(task.result->gas.value) : "-",
                       task.result ? short_hash(to_hex(task.result->output_root.view())) : "-"});
        text += "\n\n" + table.text(Terminal::of(1));
    }
    boost::json::object out = to_json_object(report);
    out["job_view"] = to_json(report.job, {node.network});
    context.print(out, text);
    return Ok{};
}

Try<Ok> list(Context& context, const Options& options) {
    MILLRACE_TRY(const Keystore::Listed account, context.keystore().pick(options.from));
    const std::string buyer = to_text(account.address(), account.file.network);
    MILLRACE_TRY(Client* const client, context.client());
    boost::json::array rows;
    std::vector<market::JobView> jobs;
    for (;;) {
        MILLRACE_TRY(
            const boost::json::value raw,
            client->call("job_list",
                         {{"buyer", buyer}, {"skip", rows.size()}, {"limit", market::kPageMax}}));
        auto page = from_json<std::vector<market::JobView>>(raw);
        if (!page.has_value())
            return Err{Failure{Exit::failed, "job_list: " + page.error().sentence()}};
        for (const boost::json::value& row : raw.as_array()) rows.push_back(row);
        for (market::JobView& job : *page) jobs.push_back(std::move(job));
        if (page->size() < market::kPageMax) break;
        MILLRACE_CHECK(check_list_size("job_list", rows.size()));
    }
    Table table({"JOB", "STATE", "TASKS", "LIMIT", "PAID", "PROGRESS"});
    const std::size_t first = jobs.size() > options.limit ? jobs.size() - options.limit : 0;
    if (context.is_verifying())
        context.take_on_trust("that no job is missing, and those not shown");
    for (std::size_t i = first; i < jobs.size(); ++i) {
        market::JobView& job = jobs[i];
        if (context.is_verifying()) {
            MILLRACE_TRY(job, get_job(context, job.id));
            rows[i] = to_json(job, {account.file.network});
            rows[i].as_object()["verified"] = is_wholly_proven(job);
        }
        table.add({to_hex(job.id.view()), enum_name(job.job.state), std::to_string(job.spec.tasks),
                   price_text(job.job.limit), credits_text(job.job.paid), progress_detail(job)});
    }
    context.print(rows, jobs.empty() ? "No jobs of this account."
                                     : "Limits in credits per Ggas, what was paid in credits\n" +
                                           table.text(Terminal::of(1)));
    return Ok{};
}

bool is_off_market(const market::JobView& job) {
    return job.job.state != market::JobState::open && job.job.fresh == job.job.fresh_end &&
           job.job.open_lots == 0;
}

/// A clearing that has frozen its book may still sell lots of a cancelled job: the rest is taken
/// off, and its money comes back, after it. Longer than clearings take; Ctrl-C ends it, too.
constexpr std::uint64_t kClearingWaitMs = 15'000;

Try<market::JobView> wait_until_off(Context& context, const JobId& id) {
    Interrupt interrupt;
    for (std::uint64_t waited = 0;; waited += kPollLastMs) {
        MILLRACE_TRY(market::JobView job, get_job(context, id));
        if (is_off_market(job) || waited >= kClearingWaitMs || interrupt.wait_ms(kPollLastMs))
            return job;
    }
}

Try<Ok> cancel(Context& context, const Options& options) {
    MILLRACE_TRY(const JobId id, parse_id<JobId>("job", options.id));
    MILLRACE_TRY(Signer signer, Signer::open(context, options.from));
    MILLRACE_TRY(const market::JobView before, get_job(context, id));
    MILLRACE_TRY(const market::SignedTx tx, signer.sign(context, market::JobCancel{id}));
    MILLRACE_CHECK(context.confirm("Take what is not leased yet off the market?"));
    MILLRACE_TRY(const Sent sent, send_and_wait(context, tx));
    MILLRACE_TRY(const market::JobView job, wait_until_off(context, id));
    const Amount back{job.job.refunded.value -
                      std::min(job.job.refunded.value, before.job.refunded.value)};
    boost::json::object out = sent_json(sent);
    out["job"] = options.id;
    out["state"] = enum_name(job.job.state);
    out["came_back"] = to_json(back);
    out["refunded"] = to_json(job.job.refunded);
    out["is_off_market"] = is_off_market(job);
    context.print(
        out, fmt::format("Cancelled in block {}; {} credits came back{}. Tasks that are leased are "
                         "finished and paid ({}).",
                         sent.height.value, credits_text(back),
                         is_off_market(job) ? "" : ", and more will after the clearing under way",
                         progress_detail(job)));
    return Ok{};
}

/// What the ledger holds back for a raise: the difference for all that is not settled.
Amount raise_cost(const market::JobView& job, Price limit) {
    const auto before = market::chunk_escrow(job.spec, job.job.limit);
    const auto after = market::chunk_escrow(job.spec, limit);
    if (!before || !after || *after <= *before) return Amount{};
    return checked_mul(Amount{after->value - before->value}, job.job.chunks_left)
        .value_or(Amount{});
}

std::string raise_text(const market::JobView& job, Price limit) {
    const Amount cost = raise_cost(job, limit);
    const Amount spare = std::min(cost, job.job.spare);
    std::string out = fmt::format("It takes {} credits more at most", credits_text(cost));
    if (spare.value > 0)
        out += fmt::format(", {} of them from the job's spare funds", credits_text(spare));
    return out + "; what is not used comes back.";
}

Try<Ok> raise(Context& context, const Options& options) {
    MILLRACE_TRY(const JobId id, parse_id<JobId>("job", options.id));
    MILLRACE_TRY(const Price limit, parse_price("--max-price", options.price));
    MILLRACE_TRY(Signer signer, Signer::open(context, options.from));
    MILLRACE_TRY(const market::JobView job, get_job(context, id));
    const std::string cost = raise_text(job, limit);
    MILLRACE_CHECK(
        context.confirm(fmt::format("Raise the limit from {} to {} credits per Ggas? {}",
                                    price_text(job.job.limit), price_text(limit), cost)));
    MILLRACE_TRY(const market::SignedTx tx, signer.sign(context, market::JobRaise{id, limit}));
    MILLRACE_TRY(const Sent sent, send_and_wait(context, tx));
    boost::json::object out = sent_json(sent);
    out["job"] = options.id;
    out["limit"] = to_json(limit);
    out["cost"] = to_json(raise_cost(job, limit));
    context.print(out, fmt::format("The limit is {} credits per Ggas from block {} on. {}",
                                   price_text(limit), sent.height.value, cost));
    return Ok{};
}

Try<Ok> topup(Context& context, const Options& options) {
    MILLRACE_TRY(const JobId id, parse_id<JobId>("job", options.id));
    MILLRACE_TRY(const Amount amount, parse_credits("credits", options.credits));
    MILLRACE_TRY(Signer signer, Signer::open(context, options.from));
    MILLRACE_TRY(const market::SignedTx tx, signer.sign(context, market::JobTopup{id, amount}));
    MILLRACE_CHECK(context.confirm(
        fmt::format("Add {} credits to the job's spare funds?", to_credits(amount))));
    MILLRACE_TRY(const Sent sent, send_and_wait(context, tx));
    MILLRACE_TRY(const market::JobView job, get_job(context, id));
    boost::json::object out = sent_json(sent);
    out["job"] = options.id;
    out["spare"] = to_json(job.job.spare);
    context.print(out,
                  fmt::format("The job has {} credits to spare from block {} on; `millrace job "
                              "raise` draws on them, and what is left goes to its buyer.",
                              credits_text(job.job.spare), sent.height.value));
    return Ok{};
}

using Shared = std::shared_ptr<Options>;

void add_work_options(Command command, JobOptions& o) {
    command->add_option("module", o.module, "WebAssembly module, or a published image root")
        ->required();
    command->add_option("--input", o.input, "Folder that tasks see as /in")->existing_folder();
    command->add_option("--stdin", o.stdin_file, "File that tasks read as standard input")
        ->existing_file();
    command->add_option("--env", o.environment, "NAME=value in the tasks' environment")
        ->one_at_a_time();
    command->add_option("--tasks", o.tasks, "Tasks; each sees its index in MILLRACE_TASK")
        ->capture_default_str();
    command->add_option("--tasks-per-lot", o.tasks_per_lot,
                        "Tasks that one provider leases at once");
    command->add_option("--gas", o.gas, "Most gas of one task, such as 2G or 500M")
        ->capture_default_str();
    command->add_option("--memory-mib", o.memory_mib, "Memory of one task")->capture_default_str();
    command->add_option("--output-mib", o.output_mib, "Most output of one task")
        ->capture_default_str();
}

void add_price_options(Command command, JobOptions& o) {
    command->add_option("--max-price", o.max_price,
                        "Limit in credits per Ggas; else a quarter above the price now");
    command->add_option("--max-total", o.max_total, "Refuse to post what may cost more credits");
    command->add_option("--from", o.from, "Account that pays");
}

void add_terms_options(Command command, JobOptions& o) {
    command->add_option("--replicas", o.replicas, "Independent runs of every task")
        ->capture_default_str();
    command->add_option("--spread", o.spread, "Most lots of one provider; 0 for no bound")
        ->capture_default_str();
    command->add_option("--region", o.regions, "Region of providers, by number; may be repeated")
        ->one_at_a_time();
    command->add_option("--attempts", o.attempts, "Leases of a lot that may fail")
        ->capture_default_str();
    command->add_option("--window", o.window, "Challenge window; else the shortest allowed");
    command->add_option("--life", o.life, "How long tasks wait for a provider")
        ->capture_default_str();
    command->add_option("--retention", o.retention, "How long outputs are kept; else the chain's");
    command->add_option("--admission", o.admission,
                        "Credits for a place in a full book; they do not come back");
    command->add_flag("--stop-on-failure", o.stop_on_failure,
                      "Give the rest up when one task fails");
}

void add_pin_option(Command command, JobOptions& o) {
    command->add_flag("--pin", o.pin,
                      "The node keeps input and outputs until `millrace blob unpin`");
}

void add_output_options(Command command, Options& o, bool is_required) {
    command->add_option("--output", o.output, "Folder for the outputs")->required(is_required);
    command->add_flag("--flat", o.flat, "All tasks' outputs in one folder");
    command->add_flag("--overwrite", o.overwrite, "Replace files that are there");
}

void add_posting(Command group, Context& context, const Shared& options) {
    const auto common = [&](Command command) {
        add_work_options(command, options->job);
        add_price_options(command, options->job);
        add_terms_options(command, options->job);
        add_pin_option(command, options->job);
    };
    const Command post_command = group->add_subcommand("post", "Put a job on the market");
    common(post_command);
    post_command->footer(
        "Example:\n  millrace job post render.wasm --input scene --tasks 64 --gas 2G --max-price "
        "0.02 -- --size 800x600\n\nWhat it costs at most is shown before anything is signed. What "
        "stands behind -- goes to the program.");
    post_command->callback([&context, options] {
        context.takes_program_args = true;
        context.action = [&context, options] { return post(context, *options); };
    });
    const Command run_command =
        group->add_subcommand("run", "Post a job, wait for its end, fetch its outputs");
    common(run_command);
    add_output_options(run_command, *options, false);
    run_command->footer(
        "Example:\n  millrace job run render.wasm --input scene --tasks 64 --output "
        "tiles\n\nCtrl-C "
        "leaves the job alone; `millrace job watch JOB` goes on.");
    run_command->callback([&context, options] {
        context.takes_program_args = true;
        context.action = [&context, options] { return run(context, *options); };
    });
}

void add_following(Command group, Context& context, const Shared& options) {
    const auto add = [&](const char* name, const char* what, const char* example, auto handler) {
        const Command command = group->add_subcommand(name, what);
        command->add_option("job", options->id, "Job id")->required();
        command->footer(std::string("Example:\n  ") + example);
        command->callback([&context, options, handler] {
            context.action = [&context, options, handler] { return handler(context, *options); };
        });
        return command;
    };
    add("watch", "Show progress until the job's end", "millrace job watch 3fa9...", watch);
    const Command show_command = add("show", "A job's state, price, gas and credits",
                                     "millrace job show 3fa9... --tasks", show);
    show_command->add_flag("--tasks", options->with_tasks, "Each task with its result");
    const Command fetch_command =
        add("fetch", "Get the outputs of a job, verified against its claims",
            "millrace job fetch 3fa9... --output tiles", fetch);
    add_output_options(fetch_command, *options, true);
    fetch_command
        ->add_option("--from", context.holders,
                     "Node to fetch from before --node, http://HOST:PORT; may be repeated")
        ->one_at_a_time();
    fetch_command->add_flag("--partial", options->partial, "Also before the job's end");
    const Command cancel_command = add("cancel", "Take what is not leased yet off the market",
                                       "millrace job cancel 3fa9...", cancel);
    cancel_command->add_option("--from", options->from, "The buyer's account");
    const Command raise_command = add("raise", "A higher limit for what is not leased yet",
                                      "millrace job raise 3fa9... --max-price 0.03", raise);
    const Command topup_command = add("topup", "Add money for a later raise; anybody may",
                                      "millrace job topup 3fa9... 2.5", topup);
    topup_command->add_option("credits", options->credits, "Amount")->required();
    topup_command->add_option("--from", options->from, "Account that pays");
    raise_command->add_option("--max-price", options->price, "New limit in credits per Ggas")
        ->required();
    raise_command->add_option("--from", options->from, "The buyer's account");
}

}  // namespace

void add_job_commands(CLI::App& app, Context& context) {
    const auto options = std::make_shared<Options>();
    const Command group = Command(app).add_subcommand("job", "Work to be done for credits");
    group->require_subcommand();
    add_posting(group, context, options);
    add_following(group, context, options);
    add_job_result_commands(*group, context);
    add_job_explain_command(*group, context);
    add_job_history_commands(*group, context);
    const Command list_command = group->add_subcommand("list", "Jobs of an account, newest last");
    list_command->add_option("--from", options->from, "Whose jobs");
    list_command->add_option("--limit", options->limit, "The newest so many")
        ->capture_default_str();
    list_command->footer("Example:\n  millrace job list --json");
    list_command->callback([&context, options] {
        context.action = [&context, options] { return list(context, *options); };
    });
}

}  // namespace millrace::wallet
