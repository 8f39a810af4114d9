#pragma once

#include "market/auction/clearing.hpp"
#include "market/ledger/accounts.hpp"
#include "market/ledger/book.hpp"
#include "market/ledger/chain.hpp"
#include "market/ledger/leases.hpp"
#include "market/ledger/modules.hpp"
#include "market/state.hpp"

/// Read-only views of the ledger for RPC, wallet and provider. Each is a described struct, so its
/// JSON and schema follow. Absence is none; lists are paged by `from` and `limit`.
namespace millrace::market {

/// No list query returns more rows than this at once.
inline constexpr std::size_t kPageMax = 1'024;

struct AccountView {
    Address account;
    Amount balance;
    std::vector<Lane> lanes;
};
BOOST_DESCRIBE_STRUCT(AccountView, (), (account, balance, lanes))

struct ChainView {
    ChainState state;
    Params params;
};
BOOST_DESCRIBE_STRUCT(ChainView, (), (state, params))

struct ModuleView {
    ImageRoot image;
    Module record;
};
BOOST_DESCRIBE_STRUCT(ModuleView, (), (image, record))

struct ProviderView {
    ProviderId id;
    Provider provider;
    Amount free_stake;
    std::uint64_t slots = 0;
    std::uint8_t stake_tier = 0;
    std::uint8_t record_tier = 0;
};
BOOST_DESCRIBE_STRUCT(ProviderView, (), (id, provider, free_stake, slots, stake_tier, record_tier))

struct LeaseView {
    LeaseId id;
    Lease lease;
    /// Tasks [first_task, first_task + tasks).
    std::uint32_t first_task = 0;
    std::uint32_t tasks = 0;
    bool reveals_open = false;
};
BOOST_DESCRIBE_STRUCT(LeaseView, (), (id, lease, first_task, tasks, reveals_open))

struct JobView {
    JobId id;
    Job job;
    JobSpec spec;
    /// How many tasks are in each state.
    std::uint32_t tasks_open = 0;
    std::uint32_t tasks_leased = 0;
    std::uint32_t tasks_committed = 0;
    std::uint32_t tasks_revealed = 0;
    std::uint32_t tasks_disputed = 0;
    std::uint32_t tasks_settled = 0;
    std::uint32_t tasks_failed = 0;
    /// The block in which it had nothing left to do; a node's history knows it, the state does not.
    std::optional<Height> closed;
};
BOOST_DESCRIBE_STRUCT(JobView, (),
                      (id, job, spec, tasks_open, tasks_leased, tasks_committed, tasks_revealed,
                       tasks_disputed, tasks_settled, tasks_failed, closed))

/// One task, with what each provider claims of it.
struct TaskClaimView {
    ProviderId provider;
    TaskResult result;
};
BOOST_DESCRIBE_STRUCT(TaskClaimView, (), (provider, result))
struct TaskView {
    std::uint32_t task = 0;
    std::uint32_t chunk = 0;
    TaskState state = TaskState::open;
    std::uint8_t attempts = 0;
    std::vector<LeaseId> leases;
    std::optional<ActiveTime> window_end;
    std::vector<TaskClaimView> claims;
};
BOOST_DESCRIBE_STRUCT(TaskView, (), (task, chunk, state, attempts, leases, window_end, claims))

struct BidView {
    JobId job;
    BidRow row;
};
BOOST_DESCRIBE_STRUCT(BidView, (), (job, row))
struct AskView {
    ProviderId provider;
    AskRow row;
};
BOOST_DESCRIBE_STRUCT(AskView, (), (provider, row))
struct ClassPriceView {
    ClassId class_id;
    Capability capability;
    ClassPrice last;
};
BOOST_DESCRIBE_STRUCT(ClassPriceView, (), (class_id, capability, last))
/// The top of the book.
struct BookView {
    ClearingNumber clearing;
    bool pending = false;
    ActiveTime next_cut_off;
    std::uint32_t bids_total = 0;
    std::uint32_t asks_total = 0;
    std::vector<BidView> bids;
    std::vector<AskView> asks;
    std::vector<ClassPriceView> classes;
};
BOOST_DESCRIBE_STRUCT(BookView, (),
                      (clearing, pending, next_cut_off, bids_total, asks_total, bids, asks,
                       classes))

[[nodiscard]] ChainView chain_view(const StateReader& state);
[[nodiscard]] std::optional<AccountView> account_view(const StateReader& state,
                                                      const Address& account);
[[nodiscard]] std::optional<ModuleView> module_view(const StateReader& state,
                                                    const ImageRoot& image);
[[nodiscard]] std::vector<ModuleView> module_list(const StateReader& state,
                                                  const std::optional<ImageRoot>& from,
                                                  std::size_t limit);
[[nodiscard]] std::optional<ProviderView> provider_view(const StateReader& state,
                                                        const ProviderId& id);
[[nodiscard]] std::vector<ProviderView> provider_list(const StateReader& state,
                                                      const std::optional<ProviderId>& from,
                                                      std::size_t limit);
/// Leases of a provider that are not ended, in the order of their ids: those after `from`, whether
/// or not that one is still there.
[[nodiscard]] std::vector<LeaseView> provider_leases(
    const StateReader& state, const ProviderId& id, std::size_t limit,
    const std::optional<LeaseId>& from = std::nullopt);
[[nodiscard]] std::optional<LeaseView> lease_view(const StateReader& state, const LeaseId& id);
[[nodiscard]] std::optional<JobView> job_view(const StateReader& state, const JobId& id);
/// Jobs of an account, oldest first.
[[nodiscard]] std::vector<JobView> job_list(const StateReader& state, const Address& buyer,
                                            std::size_t skip, std::size_t limit);
/// Tasks [from, from + limit) of a job.
[[nodiscard]] std::vector<TaskView> task_views(const StateReader& state, const JobId& id,
                                               std::uint32_t from, std::size_t limit);
[[nodiscard]] BookView book_view(const StateReader& state, std::size_t limit);
/// The book that a freeze now would hold, for the auction's `quote` and `explain`. Bids that sit
/// out are in it with their standing, at most `kPageMax` of each kind, and that of `job` wherever
/// it stands: past the walk, asleep, or expired.
[[nodiscard]] Book current_book(const StateReader& state,
                                const std::optional<JobId>& job = std::nullopt);
[[nodiscard]] ClearingLimits clearing_limits(const Params& params);
/// The most that a job costs its buyer at posting: escrow, retention, rents.
struct JobCost {
    Amount escrow;
    Amount retention;
    Amount rent;
    Amount total;
};
BOOST_DESCRIBE_STRUCT(JobCost, (), (escrow, retention, rent, total))
/// The longest that a lease can wait for the head of its provider's queue: the clocks of the
/// largest lease that others are sold a place behind. Source: docs/decisions/0044-long-tasks.md.
[[nodiscard]] std::uint64_t longest_wait_ms(const Params& params);
/// From a job's posting to the end of the longest lease that it may still get: one made as its life
/// ends, which waits as long as one can, then uses up its own clocks and the
/// window. Its module must live so long. The job's times are in range.
[[nodiscard]] std::uint64_t longest_need_ms(const Params& params, const JobSpec& spec);
/// None when it does not fit an amount.
[[nodiscard]] std::optional<JobCost> job_cost(const Params& params, const JobSpec& spec);

}  // namespace millrace::market
