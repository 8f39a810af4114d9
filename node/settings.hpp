#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/amount.hpp"
#include "common/result.hpp"

namespace millrace::node {

/// Everything that an operator can set; each has one row in settings.cpp, and from it come the
/// flag, the environment variable, the line of `--config` files, the help and the manual's table.
/// Units are in the names.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order in which they are told;
// there is one.
struct Settings {
    std::filesystem::path data_dir;
    bool dev = false;
    bool provide = false;  ///< left out: whether `dev`
    /// The owner's address of the provider that this node works for; empty: its own account.
    std::string provide_for;
    std::string rpc_address = "127.0.0.1";
    std::uint16_t rpc_port = 8645;
    bool rpc_require_token = false;
    std::string rpc_tls_certificate;
    std::string rpc_tls_key;
    std::string rpc_allowed_hosts;
    std::string rpc_allowed_origins;
    std::uint32_t rpc_connections_max = 512;
    std::uint32_t rpc_client_connections_max = 64;
    std::uint32_t rpc_client_calls_per_second_max = 200;
    bool rpc_limit_loopback = false;
    std::uint32_t rpc_body_bytes_max = 4U << 20U;
    std::uint32_t rpc_response_bytes_max = 16U << 20U;
    std::uint64_t rpc_answers_bytes_max = 256ULL << 20U;
    std::uint32_t rpc_batch_max = 100;
    std::uint32_t rpc_subscriptions_max = 64;
    std::uint32_t rpc_idle_timeout_ms = 60'000;
    std::uint32_t rpc_request_timeout_ms = 30'000;
    std::uint32_t rpc_slow_client_ms = 10'000;
    std::string log_level = "info";
    bool log_json = false;
    std::uint64_t blob_quota_bytes = 20ULL << 30U;
    std::uint32_t provider_cores = 0;       ///< 0: all of this machine's
    std::uint64_t provider_memory_mib = 0;  ///< 0: half of this machine's
    Price provider_ask{5'000'000};          ///< nano-credits per Ggas
    Amount provider_stake{1'000 * kNanoPerCredit};
    std::uint64_t mempool_bytes_max = 64ULL << 20U;
    std::uint64_t history_blocks = 10'000'000;  ///< 0 keeps all
    bool accept_clock_gap = false;
    bool print_config = false;
    bool print_provider_keys = false;
};

/// The parts of a comma-separated setting, empty ones left out.
[[nodiscard]] std::vector<std::string> parts_of(const std::string& list);
/// Settings that contradict each other, or would put the node at risk; the sentence says what to
/// do.
[[nodiscard]] Status<> check_settings(const Settings& settings);

/// What `main` does next.
struct Parsed {
    /// Set when the program should end here (help, version, a mistake): the exit code.
    std::optional<int> exit_code;
    Settings settings;
};

/// Reads flags, `MILLRACE_*` variables and the file named by `--config`, the earlier of these
/// winning; prints help or the mistake.
[[nodiscard]] Parsed parse_settings(int argc, char** argv);
/// The settings as a config file that reads back to the same.
[[nodiscard]] std::string to_config_text(const Settings& settings);
/// The manual's table of settings, in Markdown.
[[nodiscard]] std::string settings_markdown();

}  // namespace millrace::node
