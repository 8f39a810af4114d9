#include "node/mempool/intake.hpp"

#include "market/ledger/chain.hpp"

namespace millrace::node {

Result<TxHash, IntakeRefusal> TxIntake::submit(market::SignedTx tx) {
    const StateSnapshot snapshot(db_);
    auto checked = market::check_tx(std::move(tx), chain_, market::load_params(snapshot.state()));
    if (!checked.has_value()) return Err{IntakeRefusal(checked.error())};
    const TxHash hash = checked->hash();
    if (mempool_.contains(hash)) return hash;
    const auto good = market::dry_run(snapshot.state(), *checked, clock_.now().wall);
    // A nonce above the next may wait for those between; what it would meet then nobody knows yet.
    if (!good.has_value() && good.error() != market::Refusal::nonce_too_high)
        return Err{IntakeRefusal(good.error())};
    if (const auto kept = mempool_.add(*std::move(checked)); !kept.has_value())
        return Err{IntakeRefusal(kept.error())};
    notify_work_();
    return hash;
}

}  // namespace millrace::node
