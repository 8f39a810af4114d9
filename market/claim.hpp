#pragma once

#include <span>

#include "common/codec.hpp"
#include "market/ids.hpp"
#include "vm/machine/claim.hpp"

/// How a lease binds itself to a list of claims.
/// Source: docs/protocol/transactions.md, "Commit and reveal".
namespace millrace::market {

/// What the machine says of a task is what a lease is bound to, member by member.
using vm::Claim;
using vm::ClaimEnd;

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
