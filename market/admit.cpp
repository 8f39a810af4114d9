#include "market/admit.hpp"

#include <algorithm>

#include "market/block/fees.hpp"
#include "market/rules/faucet.hpp"
#include "market/rules/rules.hpp"

namespace millrace::market {

namespace {

/// One signature a transaction, and those that its rule checks.
std::uint64_t signatures_in(const Tx& tx) {
    constexpr std::uint64_t kTwo = 2;
    if (const auto* publish = std::get_if<ModulePublish>(&tx.body))
        return 1 + publish->signatures.size();
    const bool has_two = std::holds_alternative<EvidenceVotes>(tx.body) ||
                         std::holds_alternative<ValidatorRegister>(tx.body) ||
                         std::holds_alternative<ValidatorKeys>(tx.body);
    return 1 + (has_two ? kTwo : 0);
}

}  // namespace

Result<CheckedTx, Refusal> check_tx(SignedTx tx, const ChainId& chain, const Params& params) {
    if (tx.tx.chain != chain) return Err{Refusal::wrong_chain};
    const Bytes raw = encode(tx);
    if (raw.size() > params.time.tx_bytes_max) return Err{Refusal::tx_too_large};
    if (tx.tx.nonce.lane >= kNonceLanes) return Err{Refusal::lane_unknown};
    if (!verify(tx.tx.sender, signing_hash(tx.tx).view(), tx.signature))
        return Err{Refusal::signature_invalid};
    CheckedTx out;
    out.hash_ = hash_as<TxHash>(hash_bytes("mill/tx", raw));
    out.sender_ = to_address(tx.tx.sender);
    out.size_ = raw.size();
    out.weight_ = raw.size() + signatures_in(tx.tx) * params.fees.signature_weight_bytes;
    out.signed_ = std::move(tx);
    return out;
}

namespace {

enum class Order : std::uint8_t { must_be_next, may_wait };

Status<Refusal> check_all(const StateReader& state, const ChainState& chain, const Params& params,
                          const CheckedTx& checked, WallTime time, Order order) {
    const Tx& tx = checked.tx();
    if (tx.expiry <= time) return Err{Refusal::expired};
    if (tx.expiry.value - time.value > params.time.tx_expiry_max_wall_ms)
        return Err{Refusal::expiry_too_far};

    auto account = load<Account>(state, account_key(checked.sender()));
    if (!account && !is_free(state, chain, params, checked.sender(), tx.body))
        return Err{Refusal::sender_unknown};
    if (!account) account.emplace();
    const std::uint64_t expected = next_sequence(*account, tx.nonce.lane);
    if (tx.nonce.sequence < expected) return Err{Refusal::nonce_too_low};
    if (tx.nonce.sequence > expected && order == Order::must_be_next)
        return Err{Refusal::nonce_too_high};

    const Charge charge = charge_of(state, chain, params, checked);
    // What is prepaid has its room; a stranger who relays a reveal pays like anybody, and may tip.
    if (charge.prepaid_by && tx.tip != Amount{}) return Err{Refusal::tip_on_move};
    const auto total = checked_add(charge.fee, tx.tip);
    if (!total.has_value() || *total > tx.fee_max) return Err{Refusal::fee_max_too_low};
    const Amount from_sender = charge.prepaid_by ? Amount{} : *total;
    if (from_sender == Amount{}) return Ok{};
    const auto needed = checked_add(from_sender, params.fees.existential_deposit);
    if (!needed.has_value() || account->balance < *needed) return Err{Refusal::fee_unaffordable};
    return Ok{};
}

}  // namespace

Status<Refusal> check_envelope(const StateReader& state, const CheckedTx& tx, WallTime time) {
    return check_envelope(state, load_chain(state), load_params(state), tx, time);
}

Status<Refusal> check_envelope(const StateReader& state, const ChainState& chain,
                               const Params& params, const CheckedTx& tx, WallTime time) {
    return check_all(state, chain, params, tx, time, Order::must_be_next);
}

Status<Refusal> check_waiting(const StateReader& state, const CheckedTx& tx, WallTime time) {
    const ChainState chain = load_chain(state);
    return check_all(state, chain, load_params(state), tx, std::max(time, chain.time),
                     Order::may_wait);
}

Amount base_fee_of(const StateReader& state, const CheckedTx& tx) {
    return charge_of(state, load_chain(state), load_params(state), tx).fee;
}

Status<Refusal> dry_run(const StateReader& state, const CheckedTx& tx, WallTime time) {
    Overlay overlay(state);
    Ledger ledger(overlay);
    const WallTime soonest = std::max(time, ledger.chain.time);
    MILLRACE_CHECK(check_envelope(overlay, ledger.chain, ledger.params, tx, soonest));
    const Charge charge = charge_of(overlay, ledger.chain, ledger.params, tx);
    take_fee(ledger, tx, charge, tx.sender());
    const Refusal refusal = run_body(ledger, {tx.sender(), tx.tx().nonce}, tx.tx().body);
    if (refusal != Refusal::none) return Err{refusal};
    return Ok{};
}

}  // namespace millrace::market
