#pragma once

#include <cstdint>
#include <span>
#include <string>

/// The node's figures for Prometheus. What they mean is in one table, `kMetrics`, from which come
/// the text of `/metrics` and the manual's list.
namespace millrace::node {

/// Everything that is measured, read at one moment. Units are in the names.
struct Figures {
    std::uint64_t chain_height = 0;
    /// Wall time since the newest final block's time.
    std::uint64_t chain_head_age_ms = 0;
    /// By how much that time is ahead of the wall clock.
    std::uint64_t chain_clock_behind_ms = 0;
    std::uint64_t mempool_transactions = 0;
    std::uint64_t mempool_bytes = 0;
    std::uint64_t blob_bytes = 0;
    std::uint64_t blob_quota_bytes = 0;
    std::uint64_t market_bids = 0;
    std::uint64_t market_asks = 0;
    std::uint64_t rpc_connections = 0;
    std::uint64_t rpc_requests_total = 0;
    std::uint64_t rpc_refused_total = 0;
    std::uint64_t provider_tasks_running = 0;
    std::uint64_t process_resident_bytes = 0;
    std::uint64_t process_open_descriptors = 0;
    std::uint64_t uptime_ms = 0;
};

enum class MetricKind : std::uint8_t { gauge, counter };

struct Metric {
    const char* name;
    MetricKind kind;
    const char* help;
    double (*read)(const Figures&);
};

[[nodiscard]] std::span<const Metric> metrics();
/// Prometheus' text format, version 0.0.4.
[[nodiscard]] std::string metrics_text(const Figures& figures);
/// The manual's table, in Markdown.
[[nodiscard]] std::string metrics_markdown();
/// Fills in what the kernel knows of this process.
void read_process(Figures& figures);

}  // namespace millrace::node
