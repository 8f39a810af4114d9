#pragma once

#include <set>
#include <utility>

#include "consensus/evidence.hpp"
#include "node/storage/ledger_db.hpp"

namespace millrace::node {

/// Evidence that this node has found, kept over restarts in the ledger's `meta` column.
/// One of an epoch and signer is kept: a signer is punished once for an epoch, and one that
/// contradicts itself in every view must not take the room of another's evidence. So the number is
/// bounded by the validators of each epoch, and there is no other quota.
class EvidenceStore {
  public:
    explicit EvidenceStore(LedgerDb& db) : db_(db) {}

    /// True when this is the first against its signer in its epoch, and is durable now; false when
    /// one is kept already. Refuses with what the disk says.
    [[nodiscard]] Result<bool> keep(const consensus::Evidence& evidence);

  private:
    LedgerDb& db_;
    /// Asked before the disk: an equivocator proves itself guilty in every view.
    std::set<std::pair<Epoch, consensus::ValidatorIndex>> kept_;
};

}  // namespace millrace::node
