#include "node/chain/evidence_store.hpp"

#include <string_view>

#include "common/codec.hpp"

namespace millrace::node {
namespace {

constexpr std::string_view kPrefix = "evidence/";

}  // namespace

Result<bool> EvidenceStore::keep(const consensus::Evidence& evidence) {
    const Epoch epoch = evidence.first.epoch;
    const consensus::ValidatorIndex signer = evidence.first.signer;
    if (kept_.contains({epoch, signer})) return false;
    Bytes key(kPrefix.begin(), kPrefix.end());
    for (const Bytes& part : {encode(epoch), encode(signer)})
        key.insert(key.end(), part.begin(), part.end());
    MILLRACE_TRY(const std::optional<Bytes> known, db_.get(Column::meta, key));
    if (!known) {
        const DbWrite write{Column::meta, std::move(key), encode(evidence)};
        MILLRACE_CHECK(db_.commit({&write, 1}));
    }
    // Epochs only rise: what is older than the last one is asked of the disk.
    if (!kept_.empty() && next(kept_.begin()->first) < epoch) kept_.clear();
    kept_.emplace(epoch, signer);
    return !known.has_value();
}

}  // namespace millrace::node
