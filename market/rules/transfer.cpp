#include "market/rules/faucet.hpp"
#include "market/rules/rules.hpp"

namespace millrace::market {

namespace {
Refusal check_receiver(const StateReader& state, const Params& params, const Address& to,
                       Amount amount) {
    if (amount < params.fees.existential_deposit && !state.get(account_key(to)))
        return Refusal::receiver_below_deposit;
    return Refusal::none;
}
}  // namespace

Refusal check(const Ledger& ledger, const Actor& actor, const Transfer& body) {
    if (body.amount == Amount{}) return Refusal::amount_zero;
    if (spendable(ledger, actor.account) < body.amount) return Refusal::balance_too_low;
    return check_receiver(ledger.state, ledger.params, body.to, body.amount);
}

void apply(Ledger& ledger, const Actor& actor, const Transfer& body) {
    debit(ledger, actor.account, body.amount);
    credit(ledger, body.to, body.amount);
}

Refusal check_faucet(const StateReader& state, const ChainState& chain, const Params& params,
                     const Faucet& body) {
    if (!chain.faucet) return Refusal::faucet_disabled;
    if (body.amount == Amount{}) return Refusal::amount_zero;
    if (body.amount > params.money.faucet_max || body.amount > issuable(chain))
        return Refusal::faucet_above_max;
    return check_receiver(state, params, body.to, body.amount);
}

bool is_free(const StateReader& state, const ChainState& chain, const Params& params,
             const Address& sender, const TxBody& body) {
    const auto* faucet = std::get_if<Faucet>(&body);
    return faucet != nullptr && faucet->amount >= params.fees.existential_deposit &&
           (faucet->to == sender || state.get(account_key(sender)).has_value()) &&
           check_faucet(state, chain, params, *faucet) == Refusal::none;
}

Refusal check(const Ledger& ledger, const Actor& /*actor*/, const Faucet& body) {
    return check_faucet(ledger.state, ledger.chain, ledger.params, body);
}

void apply(Ledger& ledger, const Actor& /*actor*/, const Faucet& body) {
    issue(ledger, body.amount);
    credit(ledger, body.to, body.amount);
}

}  // namespace millrace::market
