#include "node/settings.hpp"

#include <arpa/inet.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>

#include "common/network.hpp"
#include "market/ask.hpp"
#include "market/params.hpp"

namespace millrace::node {

namespace {

/// More open connections than any machine's limit on open files allows, each taking two.
constexpr std::uint64_t kConnectionsMax = 500'000;
/// A transaction of the largest size must fit beside others.
constexpr std::uint64_t kMempoolLeast = 4U << 20U;
/// One task's output as jobs ask for it by default.
constexpr std::uint64_t kQuotaLeast = 16U << 20U;

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
        row("rpc-answers-bytes-max", s.rpc_answers_bytes_max,
            "Most bytes of answers that are made or wait to be read, on all connections together; "
            "above it long calls are refused as not_available"),
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

/// What the parser found wrong; where there is a config file, the setting may stand in it.
std::string mistake(const CLI::App& app, const CLI::ParseError& trouble) {
    std::string what = trouble.what();
    while (what.ends_with('\n')) what.pop_back();
    const CLI::Option* config = app.get_config_ptr();
    if (config == nullptr || config->empty()) return what;
    const std::string file = config->as<std::string>();
    if (what.find(file) != std::string::npos) return what;
    return what + " (on the command line, in a variable or in " + file + ")";
}

Err<Error> wrong(std::string why) {
    return Err{Error{1, std::move(why)}};
}

Status<> check_range(const char* name, std::uint64_t value, std::uint64_t least,
                     std::uint64_t most) {
    if (value >= least && value <= most) return Ok{};
    return wrong(std::string(name) + " " + std::to_string(value) + " is not in the range " +
                 std::to_string(least) + " to " + std::to_string(most));
}

Status<> check_readable(const char* name, const std::string& file) {
    if (file.empty() || std::ifstream(file).good()) return Ok{};
    return wrong(std::string(name) + " " + file + " cannot be read");
}

Status<> check_rpc(const Settings& s) {
    in6_addr v6{};
    in_addr v4{};
    if (::inet_pton(AF_INET6, s.rpc_address.c_str(), &v6) != 1 &&
        ::inet_pton(AF_INET, s.rpc_address.c_str(), &v4) != 1)
        return wrong("rpc-address " + s.rpc_address + " is no address, such as 127.0.0.1 or ::1");
    if (!s.rpc_require_token && !is_loopback(s.rpc_address))
        return wrong("rpc-address " + s.rpc_address +
                     " can be reached from other machines, and whoever reaches the RPC could use "
                     "it: add --rpc-require-token (clients then show the text of rpc.cookie or a "
                     "token), or listen on 127.0.0.1");
    if (s.rpc_tls_certificate.empty() != s.rpc_tls_key.empty())
        return wrong("rpc-tls-certificate and rpc-tls-key are given together or not at all");
    MILLRACE_CHECK(check_readable("rpc-tls-certificate", s.rpc_tls_certificate));
    MILLRACE_CHECK(check_readable("rpc-tls-key", s.rpc_tls_key));
    constexpr std::uint64_t kAny = UINT32_MAX;
    MILLRACE_CHECK(check_range("rpc-connections-max", s.rpc_connections_max, 1, kConnectionsMax));
    const std::pair<const char*, std::uint64_t> above_0[] = {
        {"rpc-client-connections-max", s.rpc_client_connections_max},
        {"rpc-body-bytes-max", s.rpc_body_bytes_max},
        {"rpc-response-bytes-max", s.rpc_response_bytes_max},
        {"rpc-batch-max", s.rpc_batch_max},
        {"rpc-idle-timeout-ms", s.rpc_idle_timeout_ms},
        {"rpc-request-timeout-ms", s.rpc_request_timeout_ms},
        {"rpc-slow-client-ms", s.rpc_slow_client_ms}};
    for (const auto& [name, value] : above_0) MILLRACE_CHECK(check_range(name, value, 1, kAny));
    if (s.rpc_answers_bytes_max < s.rpc_response_bytes_max)
        return wrong("rpc-answers-bytes-max " + std::to_string(s.rpc_answers_bytes_max) +
                     " is below rpc-response-bytes-max " +
                     std::to_string(s.rpc_response_bytes_max) +
                     ": no long call could ever be answered; raise the one or lower the other");
    return Ok{};
}

Status<> check_provider(const Settings& s) {
    if (!s.provide) return Ok{};
    const market::StakeParams stake = market::Params::dev().stake;
    MILLRACE_CHECK(
        check_range("provider-ask-nano", s.provider_ask.value, 1, market::kPriceBound - 1));
    MILLRACE_CHECK(check_range("provider-cores", s.provider_cores, 0, stake.slots_max));
    MILLRACE_CHECK(check_range("provider-stake-nano", s.provider_stake.value,
                               stake.provider_stake_min.value, UINT64_MAX));
    constexpr std::uint64_t kTaskMib = market::memory_tier_bytes(0) >> 20U;
    MILLRACE_CHECK(check_range("provider-memory-mib", s.provider_memory_mib, 0, UINT64_MAX >> 20U));
    const std::uint64_t needed = kTaskMib * std::max(1U, s.provider_cores);
    if (s.provider_memory_mib != 0 && s.provider_memory_mib < needed)
        return wrong("provider-memory-mib " + std::to_string(s.provider_memory_mib) +
                     " is too little: each task run at once takes " + std::to_string(kTaskMib) +
                     " MiB at least, " + std::to_string(needed) +
                     " in all; give more, or lower provider-cores, or --no-provide");
    if (s.provide_for.empty()) return Ok{};
    // The only network there is without a list of validators.
    const auto owner = parse_address(s.provide_for, Network::test);
    if (owner.has_value()) return Ok{};
    return wrong("provide-for " + s.provide_for + ": " + std::string(sentence(owner.error())));
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
        // --help and --version come this way, too.
        if (trouble.get_exit_code() == 0) {
            out.exit_code = app.exit(trouble, std::cout, std::cerr);
            return out;
        }
        std::cerr << "millraced: " << mistake(app, trouble) << "; see `millraced --help`\n";
        out.exit_code = 1;
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
    MILLRACE_CHECK(check_rpc(settings));
    MILLRACE_CHECK(check_provider(settings));
    MILLRACE_CHECK(
        check_range("mempool-bytes-max", settings.mempool_bytes_max, kMempoolLeast, UINT64_MAX));
    return check_range("blob-quota-bytes", settings.blob_quota_bytes, kQuotaLeast, UINT64_MAX);
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
