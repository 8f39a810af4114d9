#include "wallet/history.hpp"
#include "wallet/command_line.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <deque>
#include <fstream>
#include <memory>

#include "wallet/context.hpp"
#include "wallet/tx.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

namespace fs = std::filesystem;

struct Options {
    std::optional<std::string> which;
    std::string id;
    std::uint32_t limit = 20;
    std::optional<std::string> output;
    bool overwrite = false;
};

/// Rows that `history` shows at most: what a screen or a script takes at once; `export` gives all.
constexpr std::uint32_t kLimitMax = 100'000;

/// Whose history it is, and how its addresses are written.
struct Subject {
    std::string_view method;
    boost::json::object params;
    Network network = Network::test;
    bool is_job = false;
};

Try<Subject> account_subject(Context& context, const Options& options) {
    MILLRACE_TRY(const Keystore::Known account, context.keystore().known(options.which));
    return Subject{"account_history",
                   {{"account", to_text(account.address, account.network)}},
                   account.network,
                   false};
}

Try<Subject> job_subject(Context& context, const Options& options) {
    MILLRACE_TRY(const JobId id, parse_id<JobId>("job", options.id));
    MILLRACE_TRY(const NodeStatus node, node_status(context));
    return Subject{"job_history", {{"job", to_hex(id.view())}}, node.network, true};
}

/// The one other thing that a row is about.
std::string other_side(const HistoryRow& row, Network network) {
    if (row.other) return to_text(*row.other, network);
    if (row.lease) return "lease " + short_hash(to_hex(row.lease->view()));
    if (row.chunk) return fmt::format("chunk {}", *row.chunk);
    if (row.job) return "job " + short_hash(to_hex(row.job->view()));
    if (row.provider) return to_text(*row.provider, network);
    return row.transaction ? "transaction " + short_hash(to_hex(row.transaction->view())) : "";
}

Try<Ok> show(Context& context, const Subject& subject, std::uint32_t limit) {
    struct Kept {
        HistoryRow row;
        boost::json::value as_written;
    };
    std::deque<Kept> newest;
    context.take_on_trust("the history");
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const HistoryEnd end,
                 read_history(*client, subject.method, subject.params,
                              [&](const HistoryRow& row, const boost::json::value& raw) -> Try<Ok> {
                                  newest.push_back({row, raw});
                                  if (newest.size() > limit) newest.pop_front();
                                  return Ok{};
                              }));
    // An account begins with nothing; a job begins with its posting.
    if (end.rows == 0 && subject.is_job)
        return Err{Failure{Exit::not_found, "this node keeps no history of such a job"}};
    boost::json::array rows;
    Table table({"BLOCK", "TIME", "WHAT", "IN", "OUT", "WITH"});
    for (const Kept& one : newest) {
        const HistoryRow& row = one.row;
        std::string what(row.what);
        if (row.refusal != market::Refusal::none)
            what += fmt::format(" ({})", enum_name(row.refusal));
        table.add({std::to_string(row.height.value), time_text(row.time), what,
                   row.in.value == 0 ? "" : to_credits(row.in),
                   row.out.value == 0 ? "" : to_credits(row.out),
                   other_side(row, subject.network)});
        rows.push_back(one.as_written);
    }
    const std::uint64_t older = end.rows - newest.size();
    std::string text = end.rows == 0 ? "Nothing has happened yet.\n" : table.text(Terminal::of(1));
    if (!text.ends_with('\n')) text += '\n';
    if (older > 0) text += fmt::format("{} older rows; --limit shows more\n", older);
    if (end.since.value > 0)
        text += fmt::format("This node keeps nothing from before block {}\n", end.since.value);
    context.print(
        boost::json::object{
            {"rows", std::move(rows)}, {"older", older}, {"since", end.since.value}},
        text);
    return Ok{};
}

Try<Ok> history(Context& context, const Options& options) {
    MILLRACE_TRY(const Subject subject, account_subject(context, options));
    return show(context, subject, options.limit);
}

Try<Ok> job_history(Context& context, const Options& options) {
    MILLRACE_TRY(const Subject subject, job_subject(context, options));
    return show(context, subject, options.limit);
}

Failure cannot_write(const fs::path& path) {
    return {Exit::failed, "cannot write " + path.string() + "; is the disk full?"};
}

/// Through a temporary name, so that half an export is never taken for a whole one.
Try<HistoryEnd> export_to_file(Client& client, const Subject& subject, const fs::path& path) {
    const fs::path part = path.string() + ".part";
    std::ofstream file(part, std::ios::binary | std::ios::trunc);
    if (!file) return Err{Failure{Exit::bad_input, "cannot write " + part.string()}};
    file << csv_head();
    Try<HistoryEnd> end =
        read_history(client, subject.method, subject.params,
                     [&](const HistoryRow& row, const boost::json::value&) -> Try<Ok> {
                         file << csv_line(row, subject.network);
                         if (!file) return Err{cannot_write(part)};
                         return Ok{};
                     });
    file.close();
    std::error_code ec;
    if (end.has_value() && file) {
        fs::rename(part, path, ec);
        if (!ec) return end;
    }
    std::error_code ignored;
    fs::remove(part, ignored);
    if (!end.has_value()) return end;
    return Err{cannot_write(path)};
}

Try<Ok> export_csv(Context& context, const Options& options) {
    MILLRACE_TRY(const Subject subject, account_subject(context, options));
    MILLRACE_TRY(Client* const client, context.client());
    context.take_on_trust("the history");
    if (options.output) {
        std::error_code ignored;
        if (fs::exists(*options.output, ignored) && !options.overwrite)
            return Err{Failure{Exit::bad_input, *options.output + " is there already; --overwrite "
                                                                  "writes over it"}};
        MILLRACE_TRY(const HistoryEnd end, export_to_file(*client, subject, *options.output));
        context.print(
            boost::json::object{
                {"rows", end.rows}, {"since", end.since.value}, {"file", *options.output}},
            fmt::format("{}: {} rows", *options.output, end.rows));
        return Ok{};
    }
    // A long history goes out as it comes in; one JSON value can only be made at the end.
    std::string csv = csv_head();
    MILLRACE_TRY(
        const HistoryEnd end,
        read_history(*client, subject.method, subject.params,
                     [&](const HistoryRow& row, const boost::json::value&) -> Try<Ok> {
                         csv += csv_line(row, subject.network);
                         if (context.json) return Ok{};
                         if (std::fwrite(csv.data(), 1, csv.size(), stdout) != csv.size())
                             return Err{Failure{Exit::failed, "cannot write to standard output"}};
                         csv.clear();
                         return Ok{};
                     }));
    context.print(boost::json::object{{"rows", end.rows}, {"since", end.since.value}, {"csv", csv}},
                  csv);
    return Ok{};
}

Command add(CLI::App& group, Context& context, const std::shared_ptr<Options>& options,
            const char* name, const char* what, const char* footer, auto handler) {
    const Command command = Command(group).add_subcommand(name, what);
    command->footer(footer);
    command->callback([&context, options, handler] {
        context.action = [&context, options, handler] { return handler(context, *options); };
    });
    return command;
}

void add_limit(Command command, Options& options) {
    command->add_option("--limit", options.limit, "The newest so many")
        ->in_range(1U, kLimitMax)
        ->capture_default_str();
}

}  // namespace

void add_account_history_commands(CLI::App& group, Context& context) {
    const auto options = std::make_shared<Options>();
    const Command shows =
        add(group, context, options, "history", "What happened to an account's money, newest last",
            "Example:\n  millrace account history alice --limit 100", history);
    shows->add_option("account", options->which, "Name in the keystore, or any address");
    add_limit(shows, *options);
    const Command exports =
        add(group, context, options, "export", "All that happened to an account's money, as CSV",
            "Example:\n  millrace account export alice --out alice.csv", export_csv);
    exports->add_option("account", options->which, "Name in the keystore, or any address");
    exports->add_option("--out", options->output, "File to write; else standard output");
    exports->add_flag("--overwrite", options->overwrite, "Also over a file that is there");
}

void add_job_history_command(CLI::App& group, Context& context) {
    const auto options = std::make_shared<Options>();
    const Command shows = add(group, context, options, "history",
                              "What happened to a job and its leases, newest last",
                              "Example:\n  millrace job history 3fa9... --limit 100", job_history);
    shows->add_option("job", options->id, "Job id")->required();
    add_limit(shows, *options);
}

}  // namespace millrace::wallet
