#include "node/settings.hpp"

#include <arpa/inet.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>

namespace millrace::node {

namespace {

constexpr const char* kFooter = R"(Examples:
  millraced --dev                       a chain of your own, validating and providing, on this machine
  millraced --dev --data-dir /tmp/mill  the same with its data in another folder
  millraced --dev --no-provide          the same without work for others
  millraced --dev --provide-for tmill1...  the provider is its owner's, whose key is in a wallet elsewhere
  millrace chain status                 asks a running node

Every flag is also a variable, MILLRACE_RPC_PORT for --rpc-port, and a line of a --config file, rpc-port=8645.
A flag wins over a variable, a variable over the file.
Exit codes: 0 stopped when asked; 1 wrong usage; 2 the data folder cannot be used; 3 it is in use by another
millraced; 4 it has another version; 5 the port is taken; 6 the node met a fault and stopped;
7 stopped when asked, without waiting any longer for what would not end.)";

std::filesystem::path default_data_dir() {
    const char* home = std::getenv("HOME");
    return std::filesystem::path(home != nullptr ? home : ".") / ".millrace";
}

std::string text_of(const std::filesystem::path& value) {
    return value.string();
}
std::string text_of(const std::string& value) {
    return value;
}
std::string text_of(bool value) {
    return value ? "true" : "false";
}
template <class Integer>
std::string text_of(Integer value) {
    return std::to_string(value);
}

/// What is not an address is found when it is listened on.
bool is_loopback(const std::string& address) {
    in6_addr v6{};
    if (::inet_pton(AF_INET6, address.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
    in_addr v4{};
    if (::inet_pton(AF_INET, address.c_str(), &v4) != 1) return true;
    constexpr std::uint32_t kLoopbackNet = 127;
    return ntohl(v4.s_addr) >> 24U == kLoopbackNet;
}

/// One setting: its name is the flag, the variable and the line of a config file.
struct Row {
    std::string name;
    const char* help;
    std::function<CLI::Option*(CLI::App&)> add;
    std::function<std::string()> text;

    [[nodiscard]] std::string flag() const { return "--" + name; }
    [[nodiscard]] std::string variable() const {
        std::string out = "MILLRACE_" + name;
        for (char& c : out)
            c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        return out;
    }
};

template <class T>
Row row(const char* name, T& target, const char* help) {
    Row out{name, help, {}, [&target] { return text_of(target); }};
    const std::string flag = out.flag();
    out.add = [flag, &target, help](CLI::App& app) {
        CLI::Option* option = nullptr;
        if constexpr (std::is_same_v<T, bool>)
            option = app.add_flag(flag + ",!--no-" + flag.substr(2), target, help);
        else
            option = app.add_option(flag, target, help)->capture_default_str();
        return option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    };
    return out;
}

/// The only list of the settings.
std::vector<Row> rows_of(Settings& s) {
    std::vector<Row> rows{
        row("data-dir", s.data_dir, "Folder of the ledger, blobs and keys"),
        row("dev", s.dev,
            "A chain of one validator that also provides, with a faucet and short times"),
        row("provide", s.provide,
            "Offer this machine for paid work; --dev does, unless --no-provide is given"),
        row("provide-for", s.provide_for,
            "Work for this provider, named by its owner's address and registered with `millrace "
            "provider register`; left out, the node's own account registers itself"),
        row("rpc-address", s.rpc_address, "Address that JSON-RPC listens on"),
        row("rpc-port", s.rpc_port, "Port that JSON-RPC listens on; 0 takes a free one"),
        row("rpc-require-token", s.rpc_require_token,
            "Answer only who shows the cookie or a token; needed to listen beyond this machine"),
        row("rpc-tls-certificate", s.rpc_tls_certificate,
            "PEM file of the certificate chain; with it the RPC speaks TLS only"),
        row("rpc-tls-key", s.rpc_tls_key, "PEM file of the certificate's private key"),
        row("rpc-allowed-hosts", s.rpc_allowed_hosts,
            "Host names, separated by commas, under which the RPC may be called beside localhost "
            "and "
            "addresses"),
        row("rpc-allowed-origins", s.rpc_allowed_origins,
            "Origins of web pages, such as https://example.org, separated by commas, that may "
            "call"),
        row("rpc-connections-max", s.rpc_connections_max,
            "Most connections; above it those that wait without asking anything make room"),
        row("rpc-client-connections-max", s.rpc_client_connections_max,
            "Most connections of one other machine"),
        row("rpc-client-calls-per-second-max", s.rpc_client_calls_per_second_max,
            "Most calls a second of one other machine; 0 means no bound"),
        row("rpc-limit-loopback", s.rpc_limit_loopback,
            "Hold this machine's own programs to the bounds on one client, too"),
        row("rpc-body-bytes-max", s.rpc_body_bytes_max, "Most bytes of one request"),
        row("rpc-response-bytes-max", s.rpc_response_bytes_max, "Most bytes of one answer"),
        row("rpc-batch-max", s.rpc_batch_max, "Most calls in one batch"),
        row("rpc-subscriptions-max", s.rpc_subscriptions_max,
            "Most subscriptions of one WebSocket"),
        row("rpc-idle-timeout-ms", s.rpc_idle_timeout_ms,
            "How long a connection may wait between requests; a sixth of it for the first"),
        row("rpc-request-timeout-ms", s.rpc_request_timeout_ms,
            "How long a request's body, and an answer's way out, may take"),
        row("rpc-slow-client-ms", s.rpc_slow_client_ms,
            "A subscriber that does not take a message within this is told to resume, and closed"),
        row("log-level", s.log_level,
            "Least level that is logged: trace, debug, info, warn or error"),
        row("log-json", s.log_json, "Log one JSON object a line"),
        row("blob-quota-bytes", s.blob_quota_bytes, "Most bytes that stored blobs may take"),
        row("provider-cores", s.provider_cores, "Tasks run at once; 0 means one a core"),
        row("provider-memory-mib", s.provider_memory_mib,
            "Memory for running tasks; 0 means half of this machine's"),
        row("provider-ask-nano", s.provider_ask.value, "Price asked, nano-credits per Ggas"),
        row("provider-stake-nano", s.provider_stake.value,
            "Stake put up at registration, nano-credits"),
        row("mempool-bytes-max", s.mempool_bytes_max, "Most bytes of waiting transactions"),
        row("history-blocks", s.history_blocks,
            "Newest blocks whose history of accounts, jobs, providers and clearings is kept; 0 "
            "keeps "
            "all"),
        row("accept-clock-gap", s.accept_clock_gap,
            "Make blocks though the newest one is more than 30 days old by this machine's clock; "
            "needed once after as long an outage"),
    };
    return rows;
}

/// A value as the config file's reader takes it back: quoted where it is not a plain word.
std::string quoted(const std::string& value) {
    const bool is_plain =
        !value.empty() && value.find_first_of(" \t#;,=[]\"'") == std::string::npos;
    if (is_plain) return value;
    const char quote = value.find('"') == std::string::npos ? '"' : '\'';
    return quote + value + quote;
}

/// The command line behind the variables that are set, so that the later word, the flag, wins.
std::vector<std::string> arguments(const std::vector<Row>& rows, int argc, char** argv) {
    std::vector<std::string> out;
    for (const Row& one : rows)
        if (const char* value = std::getenv(one.variable().c_str()))
            out.push_back(one.flag() + "=" + value);
    for (int i = 1; i < argc; ++i) out.emplace_back(argv[i]);
    // CLI11 takes a list from its back.
    std::reverse(out.begin(), out.end());
    return out;
}

}  // namespace

Parsed parse_settings(int argc, char** argv) {
    Parsed out;
    out.settings.data_dir = default_data_dir();
    CLI::App app("millraced: a full node of the Millrace compute market", "millraced");
    app.footer(kFooter);
    app.set_version_flag("--version", "millraced 0.1.0");
    app.set_config("--config", "", "File of settings, one flag=value a line");
    // A mistyped line is a mistake, not a comment.
    app.allow_config_extras(CLI::config_extras_mode::error);
    const std::vector<Row> rows = rows_of(out.settings);
    const CLI::Option* provide = nullptr;
    for (const Row& one : rows) {
        CLI::Option* option = one.add(app);
        if (one.name == "provide") provide = option;
        if (one.name == "log-level")
            option->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
    }
    app.add_flag("--print-config", out.settings.print_config,
                 "Print the settings in force as a config file, and end")
        ->configurable(false);
    bool check_config = false;
    app.add_flag("--check-config", check_config,
                 "Read all settings, say what is wrong with them, and end")
        ->configurable(false);
    app.add_flag("--print-provider-keys", out.settings.print_provider_keys,
                 "Print the public keys that `millrace provider register` needs, and end")
        ->configurable(false);
    try {
        app.parse(arguments(rows, argc, argv));
    } catch (const CLI::ParseError& trouble) {
        out.exit_code = app.exit(trouble, std::cout, std::cerr) == 0 ? 0 : 1;
        return out;
    }
    if (out.settings.print_provider_keys) return out;
    if (!out.settings.dev) {
        std::cerr
            << "millraced: only --dev is there yet: a network of many validators is not built. "
               "Start `millraced --dev`.\n";
        out.exit_code = 1;
        return out;
    }
    if (provide->empty()) out.settings.provide = out.settings.dev;
    if (!out.settings.provide && !out.settings.provide_for.empty()) {
        std::cerr << "millraced: --provide-for needs --provide; leave --no-provide out\n";
        out.exit_code = 1;
        return out;
    }
    if (const auto good = check_settings(out.settings); !good.has_value()) {
        std::cerr << "millraced: " << good.error().message << "\n";
        out.exit_code = 1;
        return out;
    }
    if (check_config) {
        std::cout << "The settings are good.\n";
        out.exit_code = 0;
    }
    if (out.settings.print_config) {
        std::cout << to_config_text(out.settings);
        out.exit_code = 0;
    }
    return out;
}

std::vector<std::string> parts_of(const std::string& list) {
    std::vector<std::string> out;
    for (std::size_t from = 0; from < list.size();) {
        const std::size_t comma = std::min(list.find(',', from), list.size());
        const std::size_t first = list.find_first_not_of(' ', from);
        if (first < comma) {
            const std::size_t last = list.find_last_not_of(' ', comma - 1);
            out.push_back(list.substr(first, last - first + 1));
        }
        from = comma + 1;
    }
    return out;
}

Status<> check_settings(const Settings& settings) {
    const auto wrong = [](std::string why) { return Err{Error{1, std::move(why)}}; };
    if (!settings.rpc_require_token && !is_loopback(settings.rpc_address))
        return wrong("rpc-address " + settings.rpc_address +
                     " can be reached from other machines, and whoever reaches the RPC could use "
                     "it: add --rpc-require-token (clients then show the text of rpc.cookie or a "
                     "token), or listen on 127.0.0.1");
    if (settings.rpc_tls_certificate.empty() != settings.rpc_tls_key.empty())
        return wrong("rpc-tls-certificate and rpc-tls-key are given together or not at all");
    if (settings.rpc_batch_max == 0 || settings.rpc_body_bytes_max == 0 ||
        settings.rpc_response_bytes_max == 0 || settings.rpc_connections_max == 0 ||
        settings.rpc_client_connections_max == 0 || settings.rpc_idle_timeout_ms == 0 ||
        settings.rpc_request_timeout_ms == 0 || settings.rpc_slow_client_ms == 0)
        return wrong("the RPC's bounds on bytes, batches, connections and times are above 0");
    return Ok{};
}

std::string to_config_text(const Settings& settings) {
    Settings copy = settings;
    std::string text;
    for (const Row& one : rows_of(copy)) text += one.name + "=" + quoted(one.text()) + "\n";
    return text;
}

std::string settings_markdown() {
    Settings defaults;
    defaults.data_dir = "~/.millrace";
    std::string text = "| flag | variable | default | meaning |\n| --- | --- | --- | --- |\n";
    for (const Row& one : rows_of(defaults)) {
        text += "| `" + one.flag() + "` | `" + one.variable() + "` | `" + one.text() + "` | ";
        text += one.help;
        text += " |\n";
    }
    return text;
}

}  // namespace millrace::node
