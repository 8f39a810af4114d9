#include "node/signer.hpp"

#include "market/block/apply.hpp"

namespace millrace::node {

Result<Ed25519Signature> LocalSigner::sign_vote(const ChainId& domain, Epoch epoch,
                                                const Subject& subject) {
    return vote_.sign(signed_bytes(domain, epoch, subject));
}

Result<VrfProof> LocalSigner::vrf_prove(const ChainId& chain, const market::Beacon& parent) {
    return vrf_.prove(market::beacon_input(chain, parent).view());
}

Result<Ed25519Signature> LocalSigner::sign_module(const market::ModuleStatement& statement) {
    return vote_.sign(market::module_statement_hash(statement).view());
}

}  // namespace millrace::node
