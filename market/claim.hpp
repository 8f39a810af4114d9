#pragma once

#include <span>

#include "common/codec.hpp"
#include "market/ids.hpp"

/// What a provider asserts of one task, and how a lease binds itself to a list of such claims.
/// Source: docs/protocol/transactions.md, "Commit and reveal".
namespace millrace::market {

/// How a run ended; a trap is a result like any other and is paid.
enum class ClaimEnd : std::uint8_t { exited = 1, trapped = 2, out_of_gas = 3 };
BOOST_DESCRIBE_ENUM(ClaimEnd, exited, trapped, out_of_gas)

/// One leaf of a lease's list.
struct Claim {
    std::uint32_t task = 0;
    MachineRoot final_root;
    /// Length and root of the list of (state root, next boundary): the initial state, one entry a
    /// yield, the last the final state.
    std::uint32_t boundary_count = 0;
    Hash boundary_root;
    ClaimEnd end = ClaimEnd::exited;
    /// Exit code, or the trap's number; zero when gas ran out.
    std::uint32_t code = 0;
    /// Index of the function that trapped; zero otherwise.
    std::uint32_t trap_function = 0;
    Gas gas;
    TreeRoot output_root;
    /// Hash of the bounded tails of stdout and stderr, which travel off chain.
    Hash tails;

    friend bool operator==(const Claim&, const Claim&) = default;
};
BOOST_DESCRIBE_STRUCT(Claim, (),
                      (task, final_root, boundary_count, boundary_root, end, code, trap_function,
                       gas, output_root, tails))

/// A lot holds at most this many tasks, so a reveal fits one transaction.
inline constexpr std::size_t kTasksPerLotMax = 1'024;

[[nodiscard]] Hash claim_hash(const Claim& claim);
/// H("mill/claims", count, Merkle root of the claims' hashes), in the order of their tasks.
[[nodiscard]] ListRoot claims_root(std::span<const Claim> claims);
/// H("mill/commit", chain, lease, provider, list root, salt): a copied commit is void.
[[nodiscard]] Commitment make_commitment(const ChainId& chain, const LeaseId& lease,
                                         const ProviderId& provider, const ListRoot& list,
                                         const Salt& salt);
/// The seed of a task's random bytes: the same for replicas, audits and retries.
[[nodiscard]] Hash task_seed(const JobId& job, std::uint32_t task);

}  // namespace millrace::market
