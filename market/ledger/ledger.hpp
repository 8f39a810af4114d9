#pragma once

#include "market/block/event.hpp"
#include "market/ledger/accounts.hpp"
#include "market/ledger/chain.hpp"

/// The state that one block works on: an overlay, the chain's own row, the parameters, the events.
/// Money moves only through the functions below, so that they are the whole list of where supply
/// may change. Arithmetic is checked; a failure is our mistake, because every rule has checked
/// first that the money is there.
namespace millrace::market {

[[nodiscard]] inline Amount plus(Amount a, Amount b) {
    return checked_add(a, b).value();
}
[[nodiscard]] inline Amount minus(Amount a, Amount b) {
    return checked_sub(a, b).value();
}
[[nodiscard]] inline Amount times(Amount a, std::uint64_t factor) {
    return checked_mul(a, factor).value();
}

struct Ledger {
    Overlay& state;
    const Params params;
    ChainState chain;
    std::vector<Event> events;

    explicit Ledger(Overlay& overlay)
        : state(overlay), params(load_params(overlay)), chain(load_chain(overlay)) {}

    [[nodiscard]] ActiveTime now() const { return chain.active_time; }
    [[nodiscard]] ActiveTime in(std::uint64_t ms) const {
        return ActiveTime{chain.active_time.value + ms};
    }
    /// The first clearing that sees what changes now.
    [[nodiscard]] ClearingNumber next_clearing() const {
        return ClearingNumber{chain.clearing.value + 1};
    }
};

// ---- accounts ------------------------------------------------------------------------------
[[nodiscard]] bool account_exists(const Ledger& ledger, const Address& address);
/// Zero for an account that does not exist.
[[nodiscard]] Amount balance_of(const Ledger& ledger, const Address& address);
/// What an account can spend beside its existential deposit.
[[nodiscard]] Amount spendable(const Ledger& ledger, const Address& address);
/// Adds to an account, and makes it if there is none.
void credit(Ledger& ledger, const Address& address, Amount amount);
/// Takes from an account that has it.
void debit(Ledger& ledger, const Address& address, Amount amount);

// ---- supply --------------------------------------------------------------------------------
/// Money that was taken from somewhere ceases to exist: base fees, the market fee, burnt reserves
/// and stakes, rents of jobs and modules.
void burn(Ledger& ledger, Amount amount);
/// New money that is then credited: faucet, issuance at an epoch's end.
void issue(Ledger& ledger, Amount amount);
/// How much may still be issued: supply stays below 2^63, so that no sum of amounts overflows.
[[nodiscard]] Amount issuable(const ChainState& chain);

}  // namespace millrace::market
