#include "node/settings.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

namespace millrace::node {

namespace {

constexpr const char* kFooter = R"(Examples:
  millraced --dev                       a chain of your own, validating and providing, on this machine
  millraced --dev --data-dir /tmp/mill  the same with its data in another folder
  millrace chain status                 asks a running node

Every flag is also a variable, MILLRACE_RPC_PORT for --rpc-port, and a line of a --config file, rpc-port=8645.
Exit codes: 0 stopped when asked; 1 wrong usage; 2 the data folder cannot be used; 3 it is in use by another
millraced; 4 it has another version; 5 the port is taken; 6 the node met a fault and stopped.)";

std::filesystem::path default_data_dir() {
    const char* home = std::getenv("HOME");
    return std::filesystem::path(home != nullptr ? home : ".") / ".millrace";
}

/// One row a setting: the only list of them.
void add_rows(CLI::App& app, Settings& s) {
    const auto row = [&](const char* flag, auto& target, const char* help) {
        std::string variable = std::string("MILLRACE") + (flag + 1);
        for (char& c : variable) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
        return app.add_option(flag, target, help)->envname(variable)->capture_default_str();
    };
    row("--data-dir", s.data_dir, "Folder of the ledger, blobs and keys");
    app.add_flag("--dev", s.dev,
                 "A chain of one validator that also provides, with a faucet and short times")
        ->envname("MILLRACE_DEV");
    app.add_flag("--provide", s.provide, "Offer this machine for paid work (--dev implies it)")
        ->envname("MILLRACE_PROVIDE");
    row("--rpc-address", s.rpc_address, "Address that JSON-RPC listens on");
    row("--rpc-port", s.rpc_port, "Port that JSON-RPC listens on; 0 takes a free one");
    row("--log-level", s.log_level, "Least level that is logged")
        ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
    app.add_flag("--log-json", s.log_json, "Log one JSON object a line")
        ->envname("MILLRACE_LOG_JSON");
    row("--blob-quota-bytes", s.blob_quota_bytes, "Most bytes that stored blobs may take");
    row("--provider-cores", s.provider_cores, "Tasks run at once; 0 means one a core");
    row("--provider-memory-mib", s.provider_memory_mib,
        "Memory for running tasks; 0 means half of this machine's");
    row("--provider-ask-nano", s.provider_ask.value, "Price asked, nano-credits per Ggas");
    row("--provider-stake-nano", s.provider_stake.value,
        "Stake put up at registration, nano-credits");
    row("--mempool-bytes-max", s.mempool_bytes_max, "Most bytes of waiting transactions");
}

}  // namespace

Parsed parse_settings(int argc, char** argv) {
    Parsed out;
    out.settings.data_dir = default_data_dir();
    CLI::App app("millraced: a full node of the Millrace compute market", "millraced");
    app.footer(kFooter);
    app.set_version_flag("--version", "millraced 0.1.0");
    app.set_config("--config", "", "File of settings, one flag=value a line");
    add_rows(app, out.settings);
    app.add_flag("--print-config", out.settings.print_config,
                 "Print the settings in force as a config file, and end")
        ->configurable(false);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& trouble) {
        out.exit_code = app.exit(trouble, std::cout, std::cerr) == 0 ? 0 : 1;
        return out;
    }
    if (!out.settings.dev) {
        std::cerr
            << "millraced: only --dev is there yet: a network of many validators is not built. "
               "Start `millraced --dev`.\n";
        out.exit_code = 1;
        return out;
    }
    out.settings.provide = true;
    if (out.settings.print_config) {
        std::cout << to_config_text(out.settings);
        out.exit_code = 0;
    }
    return out;
}

std::string to_config_text(const Settings& settings) {
    Settings copy = settings;
    CLI::App app("", "millraced");
    add_rows(app, copy);
    // An empty command line leaves the copied values; CLI11 then writes each with its current
    // value.
    std::string text;
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_lnames().empty() || option->get_lnames().front() == "help") continue;
        const std::string& name = option->get_lnames().front();
        std::string value = option->get_default_str();
        if (name == "dev") value = copy.dev ? "true" : "false";
        if (name == "provide") value = copy.provide ? "true" : "false";
        if (name == "log-json") value = copy.log_json ? "true" : "false";
        text.append(name).append("=").append(value).append("\n");
    }
    return text;
}

}  // namespace millrace::node
