#include "market/claim.hpp"

#include <vector>

#include "market/list_root.hpp"

namespace millrace::market {

Hash claim_hash(const Claim& claim) {
    return hash_bytes("mill/claim", encode(claim));
}

ListRoot claims_root(std::span<const Claim> claims) {
    std::vector<Hash> leaves;
    leaves.reserve(claims.size());
    for (const Claim& claim : claims) leaves.push_back(claim_hash(claim));
    return list_root("mill/claims", leaves);
}

Commitment make_commitment(const ChainId& chain, const LeaseId& lease, const ProviderId& provider,
                           const ListRoot& list, const Salt& salt) {
    return hash_as<Commitment>(Hasher("mill/commit")
                                   .update(chain)
                                   .update(lease)
                                   .update(provider.view())
                                   .update(list)
                                   .update(salt)
                                   .finish());
}

Hash task_seed(const JobId& job, std::uint32_t task) {
    return Hasher("mill/taskseed").update(job).update_u64(task).finish();
}

}  // namespace millrace::market
