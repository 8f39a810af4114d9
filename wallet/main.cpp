#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "common/sodium_init.hpp"
#include "wallet/context.hpp"
#include "wallet/fold.hpp"

namespace {

using namespace millrace;
using namespace millrace::wallet;

std::filesystem::path default_keystore() {
    const char* home = std::getenv("HOME");
    return std::filesystem::path(home != nullptr ? home : ".") / ".millrace" / "wallet";
}

std::string exit_text() {
    std::string out = "Exit codes:\n";
    for (const ExitInfo& row : kExits)
        out += fmt::format("  {:>3}  {}\n", static_cast<int>(row.code), row.meaning);
    return out;
}

/// A wrong command line in one sentence, with the page that helps.
std::string usage_sentence(const CLI::App* app, const CLI::Error& error) {
    const CLI::App* command = app;
    std::string path = "millrace";
    for (auto chosen = command->get_subcommands(); !chosen.empty();
         chosen = command->get_subcommands()) {
        command = chosen.front();
        path += " " + command->get_name();
    }
    const std::vector<std::string> rest = app->remaining(true);
    std::string what = error.what();
    if (!rest.empty() && command->get_require_subcommand_min() > 0)
        what = fmt::format("there is no command \"{}\"", rest.front());
    else if (command->get_require_subcommand_min() > 0 && command->get_subcommands().empty())
        what = "a command is missing";
    return fmt::format("{}; see `{} --help`", what, path);
}

/// Every command with its options, in the order of --help.
void print_help(const CLI::App& app, const std::string& path) {
    fmt::print("{}\n", app.help(path));
    const std::string own = path.empty() ? app.get_name() : path + " " + app.get_name();
    for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; }))
        print_help(*child, own);
}

int report(const Context& context, const Failure& failure) {
    if (failure.exit == Exit::ok) {
        context.note(failure.message);
        fmt::print("{}\n", boost::json::serialize(failure.data));
        return 0;
    }
    if (context.json) {
        boost::json::object error{{"exit", static_cast<int>(failure.exit)},
                                  {"message", failure.message}};
        if (failure.rpc_code != 0) error["rpc_code"] = failure.rpc_code;
        const bool is_result = failure.exit == Exit::job_failed || failure.exit == Exit::differs;
        if (!failure.data.is_null())
            error["data"] = is_result ? context.marked(failure.data) : failure.data;
        fmt::print("{}\n",
                   boost::json::serialize(boost::json::object{{"error", std::move(error)}}));
    } else {
        fmt::print(stderr, "{}{}",
                   folded("millrace: " + failure.message, Terminal::of(STDERR_FILENO)),
                   failure.message.ends_with('\n') ? "" : "\n");
    }
    return static_cast<int>(failure.exit);
}

int run(int argc, char** argv) {
    if (const auto ready = init_sodium(); !ready.has_value()) {
        fmt::print(stderr, "millrace: {}\n", ready.error().message);
        return static_cast<int>(Exit::failed);
    }
    Context context;
    context.keystore_dir = default_keystore();
    CLI::App app(
        "millrace: post jobs to the Millrace compute market, and get paid for running them",
        "millrace");
    app.require_subcommand(1);
    app.set_version_flag("--version", "millrace 0.1.0");
    bool is_help_all = false;
    app.add_flag("--help-all", is_help_all, "Help of every command");
    app.add_option("--node", context.node, "Node to speak to")
        ->envname("MILLRACE_NODE")
        ->capture_default_str();
    app.add_option("--token-file", context.token_file,
                   "File whose first line is the node's token (or set MILLRACE_TOKEN)");
    app.add_option("--data-dir", context.data_dir,
                   "Data folder of a node on this machine, whose cookie is shown to it")
        ->envname("MILLRACE_DATA_DIR");
    app.add_option("--ca-file", context.ca_file,
                   "Certificates that an https:// node's must come from, PEM")
        ->envname("MILLRACE_CA_FILE");
    app.add_option("--keystore", context.keystore_dir, "Folder of encrypted keys")
        ->envname("MILLRACE_KEYSTORE")
        ->capture_default_str();
    app.add_option("--passphrase-file", context.passphrase.file,
                   "File whose first line is the passphrase (or set MILLRACE_PASSPHRASE)");
    app.add_flag("--verify,!--no-verify", context.verify,
                 "Check answers of the node by proof; else only of one that is not on this machine")
        ->envname("MILLRACE_VERIFY");
    app.add_option("--chain", context.chain,
                   "Id of the chain that is meant; else that of the first meeting with the node")
        ->envname("MILLRACE_CHAIN");
    app.add_option("--checkpoint", context.checkpoint,
                   "Hash of a block that ended an epoch, from a source that is trusted");
    app.add_flag("--json", context.json, "Print one JSON value instead of text");
    app.add_flag("-y,--yes", context.yes, "Do not ask before signing");
    app.add_flag("-q,--quiet", context.quiet, "No progress, no remarks");
    app.add_flag("--dry-run", context.dry_run,
                 "Print the unsigned transaction instead of signing and sending it");
    app.fallthrough();
    app.footer(exit_text());
    add_account_commands(app, context);
    add_send_commands(app, context);
    add_tx_commands(app, context);
    add_module_commands(app, context);
    add_chain_commands(app, context);
    add_job_commands(app, context);
    add_blob_commands(app, context);
    add_provider_commands(app, context);
    add_market_commands(app, context);
    add_check_command(app, context);
    add_run_command(app, context);
    add_completion_command(app, context);
    add_rpc_command(app, context);
    add_man_command(app, context);
    // What stands behind `--` is the program's, whatever it looks like.
    char** const end = argv + argc;
    char** const split = std::find(argv, end, std::string_view("--"));
    if (split != end) context.program_args.assign(split + 1, end);
    // A command line that cannot be read may still say how its user reads.
    context.json = std::any_of(argv, split,
                               [](const char* word) { return std::string_view(word) == "--json"; });
    // No command need be there for this, so that the parser would refuse it.
    if (std::any_of(argv, split,
                    [](const char* word) { return std::string_view(word) == "--help-all"; })) {
        print_help(app, "");
        return 0;
    }
    try {
        app.parse(static_cast<int>(split - argv), argv);
    } catch (const CLI::ParseError& trouble) {
        // --help and --version come this way too.
        if (trouble.get_exit_code() == 0) return app.exit(trouble, std::cout, std::cerr);
        return report(context, {Exit::usage, usage_sentence(&app, trouble)});
    }
    if (split != end && !context.takes_program_args)
        return report(context, {Exit::usage,
                                "this command hands no arguments on; leave out `--` and what "
                                "stands behind it"});
    const Try<Ok> ids = context.check_ids();
    const Try<Ok> done = ids.has_value() ? context.action() : ids;
    return done.has_value() ? context.exit_code : report(context, done.error());
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& trouble) {
        // A library's, where none was expected. What prints here must not throw itself.
        std::fprintf(stderr, "millrace: internal error: %s\n", trouble.what());
        return static_cast<int>(Exit::failed);
    }
}
