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
    /// Said where nothing has happened; empty where that is no failure.
    std::string_view absent;
};
using SubjectOf = Try<Subject> (*)(Context& context, const Options& options);

Try<Subject> account_subject(Context& context, const Options& options) {
    MILLRACE_TRY(const Keystore::Known account, context.keystore().known(options.which));
    // An account begins with nothing.
    return Subject{"account_history",
                   {{"account", to_text(account.address, account.network)}},
                   account.network,
                   {}};
}

Try<Subject> job_subject(Context& context, const Options& options) {
    MILLRACE_TRY(const JobId id, parse_id<JobId>("job", options.which.value_or("")));
    MILLRACE_TRY(const NodeStatus node, node_status(context));
    return Subject{"job_history",
                   {{"job", to_hex(id.view())}},
                   node.network,
                   "this node keeps no history of such a job"};
}

Try<Subject> provider_subject(Context& context, const Options& options) {
    MILLRACE_TRY(const Keystore::Known provider, context.keystore().known(options.which));
    return Subject{"provider_history",
                   {{"provider", to_text(provider.address, provider.network)}},
                   provider.network,
                   "this node keeps no history of such a provider; `millrace provider list` shows "
                   "those that there are"};
}

/// A job begins with its posting and a provider with its registration: without rows there is none.
Try<Ok> check_found(const Subject& subject, const HistoryEnd& end) {
    if (end.rows > 0 || subject.absent.empty()) return Ok{};
    return Err{Failure{Exit::not_found, std::string(subject.absent)}};
}

std::string since_text(const HistoryEnd& end) {
    return fmt::format("This node keeps nothing from before block {}", end.since.value);
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

Try<Ok> show(Context& context, const Subject& subject, const Options& options) {
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
                                  if (newest.size() > options.limit) newest.pop_front();
                                  return Ok{};
                              }));
    MILLRACE_CHECK(check_found(subject, end));
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
    if (older > 0) text += counted(older, "older row") + "; --limit shows more\n";
    if (end.since.value > 0) text += since_text(end) + "\n";
    context.print(
        boost::json::object{
            {"rows", std::move(rows)}, {"older", older}, {"since", end.since.value}},
        text);
    return Ok{};
}

Failure cannot_write(const fs::path& path) {
    return {Exit::failed, "cannot write " + path.string() + "; is the disk full?"};
}

/// Through a temporary name, so that half an export is never taken for a whole one.
Try<HistoryEnd> export_to_file(Client& client, const Subject& subject, const fs::path& path) {
    const fs::path part = path.string() + ".part";
    std::ofstream file(part, std::ios::binary | std::ios::trunc);
    if (!file)
        return Err{
            Failure{Exit::bad_input, "cannot write " + path.string() +
                                         "; is there such a folder, and may you write to it?"}};
    file << csv_head();
    Try<HistoryEnd> end =
        read_history(client, subject.method, subject.params,
                     [&](const HistoryRow& row, const boost::json::value&) -> Try<Ok> {
                         file << csv_line(row, subject.network);
                         if (!file) return Err{cannot_write(part)};
                         return Ok{};
                     });
    file.close();
    if (end.has_value()) {
        const Try<Ok> found = check_found(subject, *end);
        if (!found.has_value()) end = Err{found.error()};
    }
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

Try<Ok> export_csv(Context& context, const Subject& subject, const Options& options) {
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
            *options.output + ": " + counted(end.rows, "row"));
        if (end.since.value > 0) context.note(since_text(end));
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
    MILLRACE_CHECK(check_found(subject, end));
    context.print(boost::json::object{{"rows", end.rows}, {"since", end.since.value}, {"csv", csv}},
                  csv);
    if (end.since.value > 0) context.note(since_text(end));
    return Ok{};
}

/// What differs between the three histories that there are.
struct Kind {
    SubjectOf subject;
    const char* argument;
    const char* argument_what;
    bool is_required;
    const char* history_what;
    const char* history_footer;
    const char* export_what;
    const char* export_footer;
};

void add_history_commands(CLI::App& group, Context& context, const Kind& kind) {
    const auto options = std::make_shared<Options>();
    const auto add = [&](const char* name, const char* what, const char* footer, auto handler) {
        const Command command = Command(group).add_subcommand(name, what);
        command->add_option(kind.argument, options->which, kind.argument_what)
            ->required(kind.is_required);
        command->footer(footer);
        command->callback([&context, options, subject_of = kind.subject, handler] {
            context.action = [&context, options, subject_of, handler]() -> Try<Ok> {
                MILLRACE_TRY(const Subject subject, subject_of(context, *options));
                return handler(context, subject, *options);
            };
        });
        return command;
    };
    add("history", kind.history_what, kind.history_footer, show)
        ->add_option("--limit", options->limit, "The newest so many")
        ->in_range(1U, kLimitMax)
        ->capture_default_str();
    const Command exports = add("export", kind.export_what, kind.export_footer, export_csv);
    exports->add_option("--out", options->output, "File to write; else standard output");
    exports->add_flag("--overwrite", options->overwrite, "Also over a file that is there");
}

}  // namespace

void add_account_history_commands(CLI::App& group, Context& context) {
    add_history_commands(group, context,
                         {account_subject, "account", "Name in the keystore, or any address", false,
                          "What happened to an account's money, newest last",
                          "Example:\n  millrace account history alice --limit 100",
                          "All that happened to an account's money, as CSV",
                          "Example:\n  millrace account export alice --out alice.csv"});
}

void add_job_history_commands(CLI::App& group, Context& context) {
    add_history_commands(
        group, context,
        {job_subject, "job", "Job id", true, "What happened to a job and its leases, newest last",
         "Example:\n  millrace job history 3fa9... --limit 100",
         "All that happened to a job and its leases, as CSV",
         "Example:\n  millrace job export 3fa9... --out job.csv"});
}

void add_provider_history_commands(CLI::App& group, Context& context) {
    add_history_commands(
        group, context,
        {provider_subject, "provider", "Address, or name in the keystore; else the own", false,
         "What happened to a provider and its leases, newest last",
         "Example:\n  millrace provider history tmill1... --limit 100",
         "All that happened to a provider and its leases, as CSV",
         "Example:\n  millrace provider export tmill1... --out provider.csv"});
}

}  // namespace millrace::wallet
