#pragma once

#include "common/ed25519.hpp"
#include "common/vote.hpp"
#include "common/vrf.hpp"
#include "market/ids.hpp"
#include "market/transaction.hpp"

namespace millrace::node {

/// Port: where a validator's vote and VRF keys live. In this process, or later in another one that
/// keeps its own table of votes (consensus/vote_table.hpp). So nothing is handed over as bare
/// bytes: a signer knows what it signs and may refuse. An error stops the validator.
/// Called from the engine's thread and, for modules, from those of the RPC: calls may overlap.
class Signer {
  public:
    Signer() = default;
    Signer(const Signer&) = delete;
    Signer& operator=(const Signer&) = delete;
    virtual ~Signer() = default;

    [[nodiscard]] virtual const Ed25519Key& vote_key() const = 0;
    [[nodiscard]] virtual const VrfKey& vrf_key() const = 0;
    /// Signs `signed_bytes(domain, epoch, subject)`; its record is durable before.
    [[nodiscard]] virtual Result<Ed25519Signature> sign_vote(const ChainId& domain, Epoch epoch,
                                                             const Subject& subject) = 0;
    /// Proves the VRF over `beacon_input(chain, parent)`.
    [[nodiscard]] virtual Result<VrfProof> vrf_prove(const ChainId& chain,
                                                     const market::Beacon& parent) = 0;
    /// "This image is what the module lowers to": by the vote key.
    [[nodiscard]] virtual Result<Ed25519Signature> sign_module(
        const market::ModuleStatement& statement) = 0;
};

/// Keys in this process. Both must outlive it.
class LocalSigner final : public Signer {
  public:
    LocalSigner(const Ed25519Secret& vote, const VrfSecret& vrf) : vote_(vote), vrf_(vrf) {}
    [[nodiscard]] const Ed25519Key& vote_key() const override { return vote_.public_key(); }
    [[nodiscard]] const VrfKey& vrf_key() const override { return vrf_.public_key(); }
    [[nodiscard]] Result<Ed25519Signature> sign_vote(const ChainId& domain, Epoch epoch,
                                                     const Subject& subject) override;
    [[nodiscard]] Result<VrfProof> vrf_prove(const ChainId& chain,
                                             const market::Beacon& parent) override;
    [[nodiscard]] Result<Ed25519Signature> sign_module(
        const market::ModuleStatement& statement) override;

  private:
    const Ed25519Secret& vote_;
    const VrfSecret& vrf_;
};

}  // namespace millrace::node
