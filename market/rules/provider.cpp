#include <algorithm>

#include "market/ledger/tables.hpp"
#include "market/rules/rules.hpp"

namespace millrace::market {

namespace {

bool is_sorted_once(const AccountList& list) {
    return std::adjacent_find(list.begin(), list.end(), [](const Address& a, const Address& b) {
               return !(a < b);
           }) == list.end();
}

bool steps_are_good(const Ask& ask) {
    if (ask.steps.empty()) return false;
    Price last{0};
    for (const AskStep& step : ask.steps) {
        if (step.price <= last || step.price.value >= kPriceBound || step.slots == 0) return false;
        last = step.price;
    }
    return true;
}

bool machine_is_good(const Machine& m) {
    return m.memory_tier < kMemoryTiers && m.tee < kTeeKinds && m.region < kRegions;
}

Refusal check_ask(const Ledger& ledger, const Ask& ask) {
    if (!steps_are_good(ask)) return Refusal::ask_steps_invalid;
    if (!machine_is_good(ask.machine)) return Refusal::ask_machine_invalid;
    if (slots_of(ask) > ledger.params.stake.slots_max) return Refusal::ask_slots_above_max;
    if (!is_sorted_once(ask.deny)) return Refusal::ask_deny_unsorted;
    if (ask.task_gas_max == Gas{}) return Refusal::ask_limits_zero;
    return Refusal::none;
}

bool is_owner_or_operator(const Actor& actor, const Provider& p) {
    return actor.account == p.owner || actor.account == p.operator_account;
}

/// The price of each slot, cheapest first; at most `slots_max` of them.
std::vector<Price> slot_prices(const Ask& ask) {
    std::vector<Price> out;
    for (const AskStep& step : ask.steps) out.insert(out.end(), step.slots, step.price);
    return out;
}

/// Whether nothing in `next` is worse for buyers or better supplied than in `now`: lower prices,
/// fewer slots, stricter limits. Such an ask counts at the next freeze; any other one is under
/// notice, so that nobody prices a clearing that it already sees.
bool counts_at_once(const Ask& now, const Ask& next) {
    const std::vector<Price> old_prices = slot_prices(now);
    const std::vector<Price> new_prices = slot_prices(next);
    if (new_prices.size() > old_prices.size()) return false;
    for (std::size_t i = 0; i < new_prices.size(); ++i)
        if (new_prices[i] > old_prices[i]) return false;
    return next.machine == now.machine && next.task_gas_max <= now.task_gas_max &&
           next.task_bytes_max <= now.task_bytes_max &&
           std::includes(next.deny.begin(), next.deny.end(), now.deny.begin(), now.deny.end());
}

/// Buyers that either ask denies; of the old ones only as many as there is room for.
AccountList joint_deny(const Ask& now, const Ask& next) {
    AccountList out = next.deny;
    for (const Address& buyer : now.deny)
        if (out.size() < kListMax && !std::binary_search(next.deny.begin(), next.deny.end(), buyer))
            out.push_back(buyer);
    std::sort(out.begin(), out.end());
    return out;
}

/// What of the old ask stays on offer while a new one is under notice: the slots, limits and buyers
/// that both have, at the old prices. Removals count at once.
Ask meanwhile(const Ask& now, const Ask& next) {
    Ask out = now;
    std::uint64_t keep = slots_of(next);
    for (AskStep& step : out.steps) {
        step.slots = static_cast<std::uint32_t>(std::min<std::uint64_t>(step.slots, keep));
        keep -= step.slots;
    }
    std::erase_if(out.steps, [](const AskStep& step) { return step.slots == 0; });
    out.task_gas_max = std::min(now.task_gas_max, next.task_gas_max);
    out.task_bytes_max = std::min(now.task_bytes_max, next.task_bytes_max);
    out.deny = joint_deny(now, next);
    return out;
}

/// While a clearing is pending the book is what it will be after it: else a block could overfill
/// it, or who pauses and resumes would put another one out each time for its one place.
bool asks_are_full(const Ledger& ledger) {
    const ChainState& chain = ledger.chain;
    const std::uint32_t asks = chain.pending ? chain.asks_coming : chain.asks;
    return asks >= ledger.params.auction.asks_max;
}

/// The ask that gives way in a full book: without leases, and it paid less for its place than this
/// one does.
std::optional<ProviderId> cheapest_place(const Ledger& ledger, Amount rent) {
    const auto page = ledger.state.scan(Key(Table::ask_admission), {}, 1);
    if (page.empty()) return std::nullopt;
    if (rent.value <= number_in_key<std::uint64_t>(page.front().key, 1)) return std::nullopt;
    return id_in_key<ProviderId>(page.front().key, 9);
}

bool has_room_for(const Ledger& ledger, Amount rent) {
    return !asks_are_full(ledger) || cheapest_place(ledger, rent).has_value();
}

/// Pays for a place in the book and, when it is full, puts the cheapest one out of it.
void take_place(Ledger& ledger, const Actor& actor, Provider& p, Amount rent) {
    if (rent != Amount{}) {
        debit(ledger, actor.account, rent);
        burn(ledger, rent);
    }
    p.admission = rent;
    if (asks_are_full(ledger)) {
        Provider other = *find_provider(ledger, *cheapest_place(ledger, rent));
        other.paused = PauseReason::displaced;
        save_provider(ledger, other);
    }
}

void put_under_notice(const Ledger& ledger, Provider& p, const Ask& ask) {
    p.next = ask;
    p.next_from =
        ClearingNumber{ledger.next_clearing().value + ledger.params.auction.ask_notice_clearings};
}

}  // namespace

// ---- register ------------------------------------------------------------------------------

Refusal check(const Ledger& ledger, const Actor& actor, const ProviderRegister& body) {
    if (!is_valid_key(body.vrf_key)) return Refusal::vrf_key_invalid;
    if (body.endpoint.empty()) return Refusal::endpoint_invalid;
    if (const Refusal ask = check_ask(ledger, body.ask); ask != Refusal::none) return ask;
    if (body.stake < ledger.params.stake.provider_stake_min) return Refusal::stake_below_min;
    if (find_provider(ledger, actor.account)) return Refusal::provider_exists;
    if (!account_exists(ledger, body.operator_account) ||
        !account_exists(ledger, body.payout_account))
        return Refusal::account_unknown;
    const Amount rent = body.admission.value_or(Amount{});
    const auto total = checked_add(body.stake, rent);
    if (!total.has_value() || spendable(ledger, actor.account) < *total)
        return Refusal::balance_too_low;
    if (!has_room_for(ledger, rent)) return Refusal::asks_full;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& actor, const ProviderRegister& body) {
    debit(ledger, actor.account, body.stake);
    Provider p;
    p.owner = actor.account;
    p.operator_account = body.operator_account;
    p.payout_account = body.payout_account;
    p.vrf_key = body.vrf_key;
    p.vrf_key_from = ledger.next_clearing();
    p.encryption_key = body.encryption_key;
    p.endpoint = body.endpoint;
    p.stake = body.stake;
    ledger.events.emplace_back(StakeEvent{p.owner, p.stake, {}});
    take_place(ledger, actor, p, body.admission.value_or(Amount{}));
    put_under_notice(ledger, p, body.ask);
    save_provider(ledger, p);
}

// ---- update, ask, pause, resume ------------------------------------------------------------

Refusal check(const Ledger& ledger, const Actor& actor, const ProviderUpdate& body) {
    if (body.vrf_key && !is_valid_key(*body.vrf_key)) return Refusal::vrf_key_invalid;
    if (body.endpoint && body.endpoint->empty()) return Refusal::endpoint_invalid;
    if (!body.endpoint && !body.encryption_key && !body.vrf_key) return Refusal::nothing_to_change;
    const auto p = find_provider(ledger, body.provider);
    if (!p) return Refusal::provider_unknown;
    if (!is_owner_or_operator(actor, *p)) return Refusal::not_owner_or_operator;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const ProviderUpdate& body) {
    Provider p = *find_provider(ledger, body.provider);
    if (body.endpoint) p.endpoint = *body.endpoint;
    if (body.encryption_key) p.encryption_key = *body.encryption_key;
    if (body.vrf_key) {
        p.vrf_key = *body.vrf_key;
        p.vrf_key_from = ledger.next_clearing();
    }
    save_provider(ledger, p);
}

Refusal check(const Ledger& ledger, const Actor& actor, const ProviderAsk& body) {
    if (const Refusal ask = check_ask(ledger, body.ask); ask != Refusal::none) return ask;
    const auto p = find_provider(ledger, body.provider);
    if (!p) return Refusal::provider_unknown;
    if (!is_owner_or_operator(actor, *p)) return Refusal::not_owner_or_operator;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const ProviderAsk& body) {
    Provider p = *find_provider(ledger, body.provider);
    mature_ask(p, ledger.next_clearing());
    if (p.ask && counts_at_once(*p.ask, body.ask)) {
        p.ask = body.ask;
        p.next.reset();
    } else {
        // Another machine is another seller: the old offer leaves, the new one waits.
        if (p.ask && p.ask->machine != body.ask.machine)
            p.ask.reset();
        else if (p.ask)
            p.ask = meanwhile(*p.ask, body.ask);
        put_under_notice(ledger, p, body.ask);
    }
    save_provider(ledger, p);
}

Refusal check(const Ledger& ledger, const Actor& actor, const ProviderPause& body) {
    const auto p = find_provider(ledger, body.provider);
    if (!p) return Refusal::provider_unknown;
    if (!is_owner_or_operator(actor, *p)) return Refusal::not_owner_or_operator;
    if (p->paused != PauseReason::none) return Refusal::already_paused;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const ProviderPause& body) {
    Provider p = *find_provider(ledger, body.provider);
    p.paused = PauseReason::by_itself;
    save_provider(ledger, p);
}

Refusal check(const Ledger& ledger, const Actor& actor, const ProviderResume& body) {
    const auto p = find_provider(ledger, body.provider);
    if (!p) return Refusal::provider_unknown;
    if (!is_owner_or_operator(actor, *p)) return Refusal::not_owner_or_operator;
    if (p->paused == PauseReason::none) return Refusal::not_paused;
    if (p->stake < ledger.params.stake.provider_stake_min) return Refusal::stake_below_min;
    const Amount rent = body.admission.value_or(Amount{});
    if (spendable(ledger, actor.account) < rent) return Refusal::balance_too_low;
    if (!has_room_for(ledger, rent)) return Refusal::asks_full;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& actor, const ProviderResume& body) {
    Provider p = *find_provider(ledger, body.provider);
    take_place(ledger, actor, p, body.admission.value_or(Amount{}));
    p.paused = PauseReason::none;
    // What comes back is a new ask: it is under notice like one.
    if (!p.next && p.ask) put_under_notice(ledger, p, *p.ask);
    if (p.next) put_under_notice(ledger, p, Ask(*p.next));
    p.ask.reset();
    save_provider(ledger, p);
}

// ---- stake ---------------------------------------------------------------------------------

Refusal check(const Ledger& ledger, const Actor& actor, const ProviderStake& body) {
    if (body.amount == Amount{}) return Refusal::amount_zero;
    if (!find_provider(ledger, body.provider)) return Refusal::provider_unknown;
    if (spendable(ledger, actor.account) < body.amount) return Refusal::balance_too_low;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& actor, const ProviderStake& body) {
    debit(ledger, actor.account, body.amount);
    Provider p = *find_provider(ledger, body.provider);
    p.stake = plus(p.stake, body.amount);
    ledger.events.emplace_back(StakeEvent{p.owner, body.amount, {}});
    save_provider(ledger, p);
}

Refusal check(const Ledger& ledger, const Actor& actor, const ProviderUnstake& body) {
    if (body.amount == Amount{}) return Refusal::amount_zero;
    const auto p = find_provider(ledger, body.provider);
    if (!p) return Refusal::provider_unknown;
    if (actor.account != p->owner) return Refusal::not_owner;
    if (free_stake(*p) < body.amount) return Refusal::stake_not_free;
    const Amount left = minus(p->stake, body.amount);
    if (left != Amount{} && left < ledger.params.stake.provider_stake_min)
        return Refusal::stake_left_below_min;
    if (p->unbonding.size() >= kUnbondingsMax) return Refusal::unbonding_full;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const ProviderUnstake& body) {
    Provider p = *find_provider(ledger, body.provider);
    p.stake = minus(p.stake, body.amount);
    ledger.events.emplace_back(StakeEvent{p.owner, {}, body.amount});
    p.unbonding.push_back({body.amount, ledger.in(ledger.params.stake.unbonding_ms)});
    if (p.stake == Amount{}) p.paused = PauseReason::left;
    save_provider(ledger, p);
}

Refusal check(const Ledger& ledger, const Actor& /*actor*/, const ProviderWithdraw& body) {
    const auto p = find_provider(ledger, body.provider);
    if (!p) return Refusal::provider_unknown;
    if (p->unbonding.empty() || p->unbonding.front().ready > ledger.now())
        return Refusal::nothing_to_withdraw;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const ProviderWithdraw& body) {
    Provider p = *find_provider(ledger, body.provider);
    while (!p.unbonding.empty() && p.unbonding.front().ready <= ledger.now()) {
        credit(ledger, p.owner, p.unbonding.front().amount);
        p.unbonding.erase(p.unbonding.begin());
    }
    save_provider(ledger, p);
}

Refusal check(const Ledger& ledger, const Actor& actor, const ProviderKeys& body) {
    if (!body.operator_account && !body.payout_account) return Refusal::nothing_to_change;
    const auto p = find_provider(ledger, body.provider);
    if (!p) return Refusal::provider_unknown;
    if (actor.account != p->owner) return Refusal::not_owner;
    if ((body.operator_account && !account_exists(ledger, *body.operator_account)) ||
        (body.payout_account && !account_exists(ledger, *body.payout_account)))
        return Refusal::account_unknown;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const ProviderKeys& body) {
    Provider p = *find_provider(ledger, body.provider);
    if (body.operator_account) p.operator_account = *body.operator_account;
    if (body.payout_account) p.payout_account = *body.payout_account;
    save_provider(ledger, p);
}

}  // namespace millrace::market
