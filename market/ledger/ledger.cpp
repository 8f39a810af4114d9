#include "market/ledger/ledger.hpp"

#include <algorithm>

namespace millrace::market {

namespace {
constexpr std::uint64_t kSupplyMax = 1ULL << 63U;
}

ChainState load_chain(const StateReader& state) {
    const auto chain = load<ChainState>(state, chain_key());
    MILLRACE_ASSERT(chain.has_value());
    return *chain;
}

Params load_params(const StateReader& state) {
    const auto params = load<Params>(state, params_key());
    MILLRACE_ASSERT(params.has_value());
    return *params;
}

std::uint64_t next_sequence(const Account& account, std::uint8_t lane) {
    for (const Lane& l : account.lanes)
        if (l.lane == lane) return l.next;
    return 0;
}

void use_sequence(Account& account, std::uint8_t lane) {
    const auto at = std::lower_bound(account.lanes.begin(), account.lanes.end(), lane,
                                     [](const Lane& l, std::uint8_t n) { return l.lane < n; });
    if (at != account.lanes.end() && at->lane == lane)
        ++at->next;
    else
        account.lanes.insert(at, Lane{lane, 1});
}

bool account_exists(const Ledger& ledger, const Address& address) {
    return ledger.state.get(account_key(address)).has_value();
}

Amount balance_of(const Ledger& ledger, const Address& address) {
    const auto account = load<Account>(ledger.state, account_key(address));
    return account ? account->balance : Amount{};
}

Amount spendable(const Ledger& ledger, const Address& address) {
    const Amount balance = balance_of(ledger, address);
    const Amount deposit = ledger.params.fees.existential_deposit;
    return balance > deposit ? minus(balance, deposit) : Amount{};
}

void credit(Ledger& ledger, const Address& address, Amount amount) {
    if (amount == Amount{}) return;
    Account account = load<Account>(ledger.state, account_key(address)).value_or(Account{});
    account.balance = plus(account.balance, amount);
    store(ledger.state, account_key(address), account);
    ledger.events.emplace_back(BalanceEvent{address, amount, {}});
}

void debit(Ledger& ledger, const Address& address, Amount amount) {
    if (amount == Amount{}) return;
    auto account = load<Account>(ledger.state, account_key(address));
    MILLRACE_ASSERT(account.has_value());
    account->balance = minus(account->balance, amount);
    store(ledger.state, account_key(address), *account);
    ledger.events.emplace_back(BalanceEvent{address, {}, amount});
}

void burn(Ledger& ledger, Amount amount) {
    ledger.chain.supply = minus(ledger.chain.supply, amount);
    ledger.chain.burnt = plus(ledger.chain.burnt, amount);
}

void issue(Ledger& ledger, Amount amount) {
    ledger.chain.supply = plus(ledger.chain.supply, amount);
    ledger.chain.issued = plus(ledger.chain.issued, amount);
}

Amount issuable(const ChainState& chain) {
    const std::uint64_t supply = chain.supply.value;
    const std::uint64_t issued = chain.issued.value;
    return Amount{std::min(supply < kSupplyMax ? kSupplyMax - supply : 0,
                           issued < kSupplyMax ? kSupplyMax - issued : 0)};
}

}  // namespace millrace::market
