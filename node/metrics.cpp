#include "node/metrics.hpp"

#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace millrace::node {

namespace {

template <auto Member>
double read_member(const Figures& figures) {
    return static_cast<double>(figures.*Member);
}

/// Prometheus counts in seconds.
template <auto Member>
double read_seconds(const Figures& figures) {
    return static_cast<double>(figures.*Member) / 1e3;
}

constexpr std::array<Metric, 16> kMetrics{{
    {"millrace_chain_height", MetricKind::gauge, "Height of the newest final block",
     read_member<&Figures::chain_height>},
    {"millrace_chain_head_age_seconds", MetricKind::gauge,
     "Wall time since the newest final block's time", read_seconds<&Figures::chain_head_age_ms>},
    {"millrace_chain_clock_behind_seconds", MetricKind::gauge,
     "How far the newest final block's time is ahead of the wall clock; the chain waits for it",
     read_seconds<&Figures::chain_clock_behind_ms>},
    {"millrace_mempool_transactions", MetricKind::gauge, "Waiting transactions",
     read_member<&Figures::mempool_transactions>},
    {"millrace_mempool_bytes", MetricKind::gauge, "Bytes of waiting transactions",
     read_member<&Figures::mempool_bytes>},
    {"millrace_blob_bytes", MetricKind::gauge, "Bytes of stored blobs",
     read_member<&Figures::blob_bytes>},
    {"millrace_blob_quota_bytes", MetricKind::gauge, "Most bytes that stored blobs may take",
     read_member<&Figures::blob_quota_bytes>},
    {"millrace_market_bids", MetricKind::gauge, "Jobs with open lots in the book",
     read_member<&Figures::market_bids>},
    {"millrace_market_asks", MetricKind::gauge, "Providers with an ask in the book",
     read_member<&Figures::market_asks>},
    {"millrace_rpc_connections", MetricKind::gauge, "Open connections of the RPC server",
     read_member<&Figures::rpc_connections>},
    {"millrace_rpc_requests_total", MetricKind::counter, "HTTP requests answered",
     read_member<&Figures::rpc_requests_total>},
    {"millrace_rpc_refused_total", MetricKind::counter,
     "HTTP requests answered with a status of 400 or above",
     read_member<&Figures::rpc_refused_total>},
    {"millrace_provider_tasks_running", MetricKind::gauge, "Tasks that run on this machine now",
     read_member<&Figures::provider_tasks_running>},
    {"process_resident_memory_bytes", MetricKind::gauge, "Resident memory",
     read_member<&Figures::process_resident_bytes>},
    {"process_open_fds", MetricKind::gauge, "Open file descriptors",
     read_member<&Figures::process_open_descriptors>},
    {"millrace_uptime_seconds", MetricKind::gauge, "Time since the process began",
     read_seconds<&Figures::uptime_ms>},
}};

}  // namespace

std::span<const Metric> metrics() {
    return kMetrics;
}

std::string metrics_text(const Figures& figures) {
    std::vector<prometheus::MetricFamily> families;
    for (const Metric& row : kMetrics) {
        prometheus::MetricFamily family;
        family.name = row.name;
        family.help = row.help;
        family.type = row.kind == MetricKind::gauge ? prometheus::MetricType::Gauge
                                                    : prometheus::MetricType::Counter;
        prometheus::ClientMetric value;
        if (row.kind == MetricKind::gauge)
            value.gauge.value = row.read(figures);
        else
            value.counter.value = row.read(figures);
        family.metric.push_back(value);
        families.push_back(std::move(family));
    }
    return prometheus::TextSerializer().Serialize(families);
}

std::string metrics_markdown() {
    std::string out = "| metric | kind | what it is |\n| --- | --- | --- |\n";
    for (const Metric& row : kMetrics)
        out += std::string("| `") + row.name + "` | " +
               (row.kind == MetricKind::gauge ? "gauge" : "counter") + " | " + row.help + " |\n";
    return out;
}

void read_process(Figures& figures) {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t total_pages = 0;
    std::uint64_t resident_pages = 0;
    if (statm >> total_pages >> resident_pages)
        figures.process_resident_bytes =
            resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::error_code ec;
    std::uint64_t open = 0;
    for (std::filesystem::directory_iterator it("/proc/self/fd", ec), end; !ec && it != end;
         it.increment(ec))
        ++open;
    // The listing itself holds one.
    figures.process_open_descriptors = open > 0 ? open - 1 : 0;
}

}  // namespace millrace::node
