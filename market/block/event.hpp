#pragma once

#include "market/auction/clearing.hpp"
#include "market/ledger/jobs.hpp"
#include "market/ledger/leases.hpp"
#include "market/transaction.hpp"

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

/// What the events that follow come from, up to the next of this kind.
enum class Step : std::uint8_t {
    transaction = 1,  ///< `index` is its place in the block
    due = 2,          ///< a deadline; `due` and `subject` name it
    clearing = 3,
    epoch = 4,  ///< issuance at an epoch's end
};
BOOST_DESCRIBE_ENUM(Step, transaction, due, clearing, epoch)

struct StepEvent {
    static constexpr const char* kName = "step";
    Step step = Step::transaction;
    std::uint32_t index = 0;
    DueKind due = DueKind::lease_start;
    /// The lease, job or image of a due item.
    Hash subject;
    friend bool operator==(const StepEvent&, const StepEvent&) = default;
};
BOOST_DESCRIBE_STRUCT(StepEvent, (), (step, index, due, subject))

/// An account's balance changed: all that an account ever gets or gives is told by these.
struct BalanceEvent {
    static constexpr const char* kName = "balance";
    Address account;
    Amount in;
    Amount out;
    friend bool operator==(const BalanceEvent&, const BalanceEvent&) = default;
};
BOOST_DESCRIBE_STRUCT(BalanceEvent, (), (account, in, out))

/// A provider's stake changed: put up, refilled from pay, burnt, or on its way out.
struct StakeEvent {
    static constexpr const char* kName = "stake";
    ProviderId provider;
    Amount in;
    Amount out;
    friend bool operator==(const StakeEvent&, const StakeEvent&) = default;
};
BOOST_DESCRIBE_STRUCT(StakeEvent, (), (provider, in, out))

using Event = std::variant<LeaseEvent, ChunkEvent, JobEvent, ClearingEvent, StepEvent, BalanceEvent,
                           StakeEvent>;

}  // namespace millrace::market
