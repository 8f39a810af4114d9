#include "node/mempool/intake.hpp"

#include "market/block/fees.hpp"
#include "market/ledger/accounts.hpp"
#include "market/ledger/chain.hpp"

namespace millrace::node {

namespace {

Mempool::Standing standing_of(const market::StateReader& state, const market::Params& params,
                              const market::CheckedTx& tx) {
    Mempool::Standing out;
    const auto account = market::load<market::Account>(state, market::account_key(tx.sender()));
    if (account) out.next = market::next_sequence(*account, tx.tx().nonce.lane);
    out.is_reserved = market::may_be_reserved(tx.tx().body) &&
                      market::charge_of(state, market::load_chain(state), params, tx).reserved;
    return out;
}

}  // namespace

Result<TxHash, IntakeRefusal> TxIntake::submit(market::SignedTx tx) {
    const StateSnapshot snapshot(db_);
    const market::Params params = market::load_params(snapshot.state());
    auto checked = market::check_tx(std::move(tx), chain_, params);
    if (!checked.has_value()) return Err{IntakeRefusal(checked.error())};
    const TxHash hash = checked->hash();
    if (mempool_.contains(hash)) return hash;
    const WallTime now = clock_.now().wall;
    auto good = market::dry_run(snapshot.state(), *checked, now);
    // A nonce above the next may wait for those between, of an account that can pay for it now.
    if (!good.has_value() && good.error() == market::Refusal::nonce_too_high)
        good = market::check_waiting(snapshot.state(), *checked, now);
    if (!good.has_value()) return Err{IntakeRefusal(good.error())};
    const Mempool::Standing standing = standing_of(snapshot.state(), params, *checked);
    if (const auto kept = mempool_.add(*std::move(checked), standing); !kept.has_value())
        return Err{IntakeRefusal(kept.error())};
    notify_work_();
    return hash;
}

}  // namespace millrace::node
