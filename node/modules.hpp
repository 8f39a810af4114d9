#pragma once

#include "common/ed25519.hpp"
#include "node/blobs/store.hpp"
#include "node/chain/state_db.hpp"
#include "node/rpc/node_api.hpp"

namespace millrace::node {

/// Lowers announced modules off the voting path and signs for their images, as a validator does.
class LocalAnnouncer final : public ModuleAnnouncer {
  public:
    LocalAnnouncer(const LedgerDb& db, BlobStore& blobs, const Ed25519Secret& vote_key)
        : db_(db), blobs_(blobs), vote_key_(vote_key) {}
    [[nodiscard]] Result<market::ModulePublish> announce(const BlobId& blob) override;

  private:
    const LedgerDb& db_;
    BlobStore& blobs_;
    const Ed25519Secret& vote_key_;
};

}  // namespace millrace::node
