#include "market/rules/rules.hpp"

namespace millrace::market {

namespace {
Refusal check_receiver(const Ledger& ledger, const Address& to, Amount amount) {
    if (amount < ledger.params.fees.existential_deposit && !account_exists(ledger, to))
        return Refusal::receiver_below_deposit;
    return Refusal::none;
}
}  // namespace

Refusal check(const Ledger& ledger, const Actor& actor, const Transfer& body) {
    if (body.amount == Amount{}) return Refusal::amount_zero;
    if (spendable(ledger, actor.account) < body.amount) return Refusal::balance_too_low;
    return check_receiver(ledger, body.to, body.amount);
}

void apply(Ledger& ledger, const Actor& actor, const Transfer& body) {
    debit(ledger, actor.account, body.amount);
    credit(ledger, body.to, body.amount);
}

Refusal check(const Ledger& ledger, const Actor& /*actor*/, const Faucet& body) {
    if (!ledger.chain.faucet) return Refusal::faucet_disabled;
    if (body.amount == Amount{}) return Refusal::amount_zero;
    if (body.amount > ledger.params.money.faucet_max || body.amount > issuable(ledger))
        return Refusal::faucet_above_max;
    return check_receiver(ledger, body.to, body.amount);
}

void apply(Ledger& ledger, const Actor& /*actor*/, const Faucet& body) {
    issue(ledger, body.amount);
    credit(ledger, body.to, body.amount);
}

}  // namespace millrace::market
