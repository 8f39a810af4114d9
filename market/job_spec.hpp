#pragma once

#include "market/ask.hpp"

/// What a buyer asks for. Fixed at posting; only the limit price can be raised later.
/// Source: docs/protocol/transactions.md, "Posting a job".
namespace millrace::market {

/// What a non-zero exit or a trap of one task means for the rest of the job.
enum class FailurePolicy : std::uint8_t { go_on = 1, stop = 2 };
BOOST_DESCRIBE_ENUM(FailurePolicy, go_on, stop)

/// The job's input: a tree of files by its root, with the bytes that a provider has to fetch.
struct JobInput {
    TreeRoot root;
    std::uint64_t bytes = 0;
    friend bool operator==(const JobInput&, const JobInput&) = default;
};
BOOST_DESCRIBE_STRUCT(JobInput, (), (root, bytes))

/// What standard input reads: a blob by its id, with its length, which the id commits to.
struct JobStdin {
    Hash id;
    std::uint64_t bytes = 0;
    friend bool operator==(const JobStdin&, const JobStdin&) = default;
};
BOOST_DESCRIBE_STRUCT(JobStdin, (), (id, bytes))

/// Arguments and environment together stay below this, so that they fit the one arguments page of
/// a run's initial state beside seed, times and limits.
inline constexpr std::size_t kArgumentBytesMax = 3'072;
inline constexpr std::size_t kArgumentsMax = 128;
using Argument = BoundedString<kArgumentBytesMax>;

/// Tasks × replicas of one job; its lots are then at most kLotsPerJobMax.
inline constexpr std::uint64_t kTaskReplicasMax = 65'536;
/// A task's gas limit; bounds the game's range.
inline constexpr std::uint64_t kTaskGasMax = 1ULL << 50U;
/// Bytes of one task's output that may be promised for retention.
inline constexpr std::uint64_t kOutputBytesMax = 1ULL << 36U;

struct JobSpec {
    ImageRoot image;
    std::optional<JobInput> input;
    /// Standard input; empty when absent.
    std::optional<JobStdin> stdin_blob;
    BoundedVector<Argument, kArgumentsMax> arguments;
    BoundedVector<Argument, kArgumentsMax> environment;

    std::uint32_t tasks = 1;
    /// t: tasks of one lot, 1 ≤ t ≤ min(1024, max(1, floor(W / G))).
    std::uint16_t tasks_per_lot = 1;
    /// G: gas limit of one task.
    Gas task_gas;
    /// Cap on the output of one task, in bytes.
    std::uint64_t output_bytes_max = 0;

    /// b: nano-credits per Ggas, the most that a lot may cost.
    Price limit;
    Requirement requirement;
    /// c: lots that one provider may take over the job's life; 0 means no cap.
    std::uint32_t spread = 0;
    /// m: lots that the first fill must reach, or the bid waits.
    std::uint32_t first_fill = 0;
    ListKind list_kind = ListKind::none;
    /// Providers of the list, ascending.
    AccountList list;

    /// r: independent runs of every task, by different providers.
    std::uint8_t replicas = 1;
    /// ρ in basis points.
    std::uint16_t audit_rate_bp = 0;
    /// Leases of one lot that may fail before the lot is given up.
    std::uint8_t attempts = 3;
    std::uint64_t window_ms = 0;
    /// How long unleased lots stay on offer, from posting.
    std::uint64_t life_ms = 0;
    std::uint64_t retention_ms = 0;
    FailurePolicy on_failure = FailurePolicy::go_on;
    /// Rent for a place in the book, never given back. When the book is full, a new bid takes the
    /// place of the unleased one that paid least, if it pays more.
    std::optional<Amount> admission;

    friend bool operator==(const JobSpec&, const JobSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(JobSpec, (),
                      (image, input, stdin_blob, arguments, environment, tasks, tasks_per_lot,
                       task_gas, output_bytes_max, limit, requirement, spread, first_fill,
                       list_kind, list, replicas, audit_rate_bp, attempts, window_ms, life_ms,
                       retention_ms, on_failure, admission))

/// Lots that the job needs once: ceil(tasks / tasks per lot). Chunk i is the tasks
/// [i × t, min((i + 1) × t, tasks)).
[[nodiscard]] constexpr std::uint32_t chunks_of(const JobSpec& spec) {
    return (spec.tasks + spec.tasks_per_lot - 1U) / spec.tasks_per_lot;
}
[[nodiscard]] constexpr std::uint32_t tasks_in_chunk(const JobSpec& spec, std::uint32_t chunk) {
    const std::uint32_t first = chunk * spec.tasks_per_lot;
    const std::uint32_t left = spec.tasks - first;
    return left < spec.tasks_per_lot ? left : spec.tasks_per_lot;
}
/// Bytes that a provider has to fetch before it can start.
[[nodiscard]] constexpr std::uint64_t input_bytes(const JobSpec& spec) {
    return (spec.input ? spec.input->bytes : 0) + (spec.stdin_blob ? spec.stdin_blob->bytes : 0);
}
/// Bytes in and out of one task, which an ask's largest task bounds.
[[nodiscard]] constexpr std::uint64_t task_bytes(const JobSpec& spec) {
    return input_bytes(spec) + spec.output_bytes_max;
}
/// Lot gas = t × G, also for a shorter last chunk: lots of a job are alike.
[[nodiscard]] constexpr Gas lot_gas(const JobSpec& spec) {
    return Gas{spec.task_gas.value * spec.tasks_per_lot};
}

}  // namespace millrace::market
