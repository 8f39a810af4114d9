#include "market/block/fees.hpp"

#include <algorithm>

#include "market/rules/evidence.hpp"
#include "market/rules/faucet.hpp"
#include "market/rules/stake.hpp"

namespace millrace::market {

Amount next_base_fee(const FeeParams& params, Amount now, std::uint64_t used,
                     std::uint64_t target) {
    if (target == 0) return now;
    if (used >= target) {
        const std::uint64_t over = std::min(used - target, target);
        const std::uint64_t step =
            static_cast<std::uint64_t>(Uint128{now.value} * over / target / 8);
        // The cap keeps any transaction's fee far from overflow.
        return Amount{std::min(now.value + step, kNanoPerCredit)};
    }
    const std::uint64_t step =
        static_cast<std::uint64_t>(Uint128{now.value} * (target - used) / target / 8);
    return std::max(params.base_fee_min, Amount{now.value - step});
}

namespace {

std::optional<LeaseId> lease_of_move(const TxBody& body) {
    if (const auto* commit = std::get_if<LeaseCommit>(&body)) return commit->lease;
    if (const auto* reveal = std::get_if<LeaseReveal>(&body)) return reveal->lease;
    return std::nullopt;
}

bool is_next_step(const TxBody& body, const Lease& lease) {
    return lease.state == (std::holds_alternative<LeaseCommit>(body) ? LeaseState::started
                                                                     : LeaseState::committed);
}

}  // namespace

Charge charge_of(const StateReader& state, const ChainState& chain, const Params& params,
                 const CheckedTx& tx) {
    Charge charge;
    charge.fee = times(chain.base_fee, tx.weight());
    if (is_free(state, chain, params, tx.sender(), tx.tx().body)) charge.fee = {};
    if (const auto* evidence = std::get_if<EvidenceVotes>(&tx.tx().body)) {
        // Only what convicts has the reserved room: else anybody fills it with votes that do not.
        if (check_evidence(state, chain, params, evidence->evidence) != Refusal::none)
            return charge;
        const Amount rate = std::min(chain.base_fee, params.fees.move_fee_per_byte_max);
        return {times(rate, tx.weight()), std::nullopt, true};
    }
    const std::optional<LeaseId> id = lease_of_move(tx.tx().body);
    if (!id) return charge;
    const auto lease = load<Lease>(state, lease_key(*id));
    if (!lease || !is_next_step(tx.tx().body, *lease)) return charge;
    const auto provider = load<Provider>(state, provider_key(lease->provider));
    MILLRACE_ASSERT(provider.has_value());
    if (tx.sender() != provider->owner && tx.sender() != provider->operator_account) return charge;
    const Amount rate = std::min(chain.base_fee, params.fees.move_fee_per_byte_max);
    const Amount capped = times(rate, tx.weight());
    if (lease->reserve < capped) return charge;
    return {capped, id, true};
}

bool may_be_reserved(const TxBody& body) {
    return is_move(body) || std::holds_alternative<EvidenceVotes>(body);
}

void take_fee(Ledger& ledger, const CheckedTx& tx, const Charge& charge, const Address& proposer) {
    const Key key = account_key(tx.sender());
    Account account = load<Account>(ledger.state, key).value_or(Account{});
    use_sequence(account, tx.tx().nonce.lane);
    const Amount from_sender = charge.prepaid_by ? tx.tx().tip : plus(charge.fee, tx.tx().tip);
    account.balance = minus(account.balance, from_sender);
    store(ledger.state, key, account);
    if (from_sender != Amount{})
        ledger.events.emplace_back(BalanceEvent{tx.sender(), {}, from_sender});
    if (charge.prepaid_by) {
        Lease lease = *find_lease(ledger, *charge.prepaid_by);
        Provider provider = *find_provider(ledger, lease.provider);
        lease.reserve = minus(lease.reserve, charge.fee);
        lease.move_fees = plus(lease.move_fees, charge.fee);
        burn_locked(ledger, provider, charge.fee);
        save_lease(ledger, *charge.prepaid_by, lease);
        save_provider(ledger, provider);
    } else {
        burn(ledger, charge.fee);
    }
    credit(ledger, proposer, tx.tx().tip);
}

}  // namespace millrace::market
