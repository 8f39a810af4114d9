#pragma once

#include "node/blobs/store.hpp"
#include "node/chain/state_db.hpp"
#include "node/rpc/node_api.hpp"
#include "node/signer.hpp"

namespace millrace::node {

/// Lowers announced modules off the voting path and signs for their images, as a validator does.
class LocalAnnouncer final : public ModuleAnnouncer {
  public:
    LocalAnnouncer(const LedgerDb& db, BlobStore& blobs, Signer& signer)
        : db_(db), blobs_(blobs), signer_(signer) {}
    [[nodiscard]] Result<market::ModulePublish> announce(const BlobId& blob) override;

  private:
    const LedgerDb& db_;
    BlobStore& blobs_;
    Signer& signer_;
};

}  // namespace millrace::node
