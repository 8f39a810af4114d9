#pragma once

#include "market/auction/clearing.hpp"
#include "market/ledger/jobs.hpp"
#include "market/ledger/leases.hpp"

/// What happened in a block, for subscriptions, the provider loop and history. Events follow from
/// the state and are not under any root.
namespace millrace::market {

/// A lease changed its state, or came to the head of its queue.
struct LeaseEvent {
    static constexpr const char* kName = "lease";
    LeaseId lease;
    JobId job;
    ProviderId provider;
    std::uint32_t chunk = 0;
    LeaseState state = LeaseState::matched;
    bool waiting = false;
    friend bool operator==(const LeaseEvent&, const LeaseEvent&) = default;
};
BOOST_DESCRIBE_STRUCT(LeaseEvent, (), (lease, job, provider, chunk, state, waiting))

/// A chunk's tasks changed their state, or its reveals opened.
struct ChunkEvent {
    static constexpr const char* kName = "chunk";
    JobId job;
    std::uint32_t chunk = 0;
    TaskState state = TaskState::open;
    bool reveals_open = false;
    friend bool operator==(const ChunkEvent&, const ChunkEvent&) = default;
};
BOOST_DESCRIBE_STRUCT(ChunkEvent, (), (job, chunk, state, reveals_open))

struct JobEvent {
    static constexpr const char* kName = "job";
    JobId job;
    JobState state = JobState::open;
    std::uint32_t chunks_left = 0;
    /// The job's rows are gone.
    bool deleted = false;
    friend bool operator==(const JobEvent&, const JobEvent&) = default;
};
BOOST_DESCRIBE_STRUCT(JobEvent, (), (job, state, chunks_left, deleted))

struct ClearingEvent {
    static constexpr const char* kName = "clearing";
    ClearingNumber number;
    std::uint32_t leases = 0;
    BoundedVector<ClassResult, kClassesMax> classes;
    friend bool operator==(const ClearingEvent&, const ClearingEvent&) = default;
};
BOOST_DESCRIBE_STRUCT(ClearingEvent, (), (number, leases, classes))

using Event = std::variant<LeaseEvent, ChunkEvent, JobEvent, ClearingEvent>;

}  // namespace millrace::market
