#include "market/block/epoch.hpp"

#include <algorithm>
#include <functional>
#include <map>

namespace millrace::market {

namespace {

/// Past sets that one epoch's end may forget; one is due on average.
constexpr int kForgottenPerEpoch = 4;
constexpr std::uint64_t kBasisPoints = 10'000;

Attendance load_attendance(const StateReader& state) {
    auto attendance = load<Attendance>(state, attendance_key());
    MILLRACE_ASSERT(attendance.has_value());
    return *std::move(attendance);
}

/// The highest version that more than two thirds of the weight signalled, by itself or by a later
/// one, begins a stated number of epochs later. Signals then start anew.
void tally_signals(Ledger& ledger, const EpochSet& set) {
    std::map<std::uint16_t, Uint128, std::greater<>> by_version;
    for (std::size_t i = 0; i < set.members.size(); ++i) {
        const Key key = version_signal_key(static_cast<std::uint16_t>(i));
        const auto signal = load<std::uint16_t>(ledger.state, key);
        if (!signal) continue;
        by_version[*signal] += set.members[i].weight;
        ledger.state.erase(key);
    }
    const Uint128 weight = weight_of(set.members);
    ledger.events.emplace_back(StepEvent{Step::epoch, 0, {}, {}});
    ChainState& chain = ledger.chain;
    Uint128 sum = 0;
    for (const auto& [version, part] : by_version) {
        sum += part;
        if (sum * 3 <= weight * 2) continue;
        if (!chain.upgrade || chain.upgrade->version < version)
            chain.upgrade = Upgrade{version, Epoch{chain.epoch.value + kUpgradeDelayEpochs}};
        return;
    }
}

bool is_absent(const Ledger& ledger, ActiveTime last) {
    return ledger.now().value - last.value > ledger.params.validators.absence_ms;
}

/// New money for the members by weight, rounded down; at most what supply may still grow. Who is
/// absent, jailed or expelled gets none, and its part is not made.
void pay_issuance(Ledger& ledger, const EpochSet& set, const Attendance& attendance) {
    const Amount whole = std::min(ledger.params.money.issuance_per_epoch, issuable(ledger.chain));
    if (whole == Amount{}) return;
    const Uint128 weight = weight_of(set.members);
    for (std::size_t i = 0; i < set.members.size(); ++i) {
        const SetMember& member = set.members[i];
        const Validator v = *find_validator(ledger, member.owner);
        if (v.standing != ValidatorStanding::good || is_absent(ledger, attendance.last[i]))
            continue;
        const Amount part{
            static_cast<std::uint64_t>(Uint128{whole.value} * member.weight / weight)};
        issue(ledger, part);
        credit(ledger, v.payout_account, part);
    }
}

/// Jails who was absent, the longest first, as long as their weight together stays within its
/// bound: a partition, or leaders who leave votes out, must not empty the set. No stake is lost.
void jail_absent(Ledger& ledger, const EpochSet& set, const Attendance& attendance) {
    if (set.members.size() == 1) return;
    std::vector<std::size_t> absent;
    for (std::size_t i = 0; i < set.members.size(); ++i)
        if (is_absent(ledger, attendance.last[i])) absent.push_back(i);
    std::stable_sort(absent.begin(), absent.end(), [&](std::size_t a, std::size_t b) {
        return attendance.last[a] < attendance.last[b];
    });
    const Uint128 bound =
        weight_of(set.members) * ledger.params.validators.jail_weight_max_bp / kBasisPoints;
    Uint128 jailed = 0;
    for (const std::size_t i : absent) {
        const SetMember& member = set.members[i];
        Validator v = *find_validator(ledger, member.owner);
        if (v.standing != ValidatorStanding::good || !has_other_candidate(ledger, v.owner))
            continue;
        if (jailed + member.weight > bound) continue;
        jailed += member.weight;
        v.standing = ValidatorStanding::jailed;
        v.jailed_until = ledger.in(ledger.params.validators.jail_ms);
        save_validator(ledger, v);
    }
}

/// Members who stay keep their time; for new ones it runs from here.
Attendance attendance_of(const Ledger& ledger, const EpochSet& old, const Attendance& before,
                         const EpochSet& fresh) {
    std::map<ValidatorId, ActiveTime> last;
    for (std::size_t i = 0; i < old.members.size(); ++i)
        last[old.members[i].owner] = before.last[i];
    Attendance out;
    for (const SetMember& member : fresh.members) {
        const auto known = last.find(member.owner);
        out.last.push_back(known == last.end() ? ledger.now() : known->second);
    }
    return out;
}

void forget_sets(Ledger& ledger) {
    ChainState& chain = ledger.chain;
    for (int i = 0; i < kForgottenPerEpoch; ++i) {
        // The last epoch's set stays: modules may be signed by it.
        if (chain.oldest_set.value + 1 >= chain.epoch.value) return;
        const auto set = find_epoch_set(ledger.state, chain.oldest_set);
        MILLRACE_ASSERT(set.has_value());
        if (is_accusable(*set, ledger.params, ledger.now())) return;
        ledger.state.erase(epoch_set_key(chain.oldest_set));
        const Key punished = Key(Table::punished).add_number(chain.oldest_set.value);
        for (const StateEntry& entry : ledger.state.scan(punished, {}, kValidatorsMax))
            ledger.state.erase(entry.key);
        chain.oldest_set = next(chain.oldest_set);
    }
}

/// Makes the set of the epoch after the next out of the stakes of now.
void make_set(Ledger& ledger, const EpochSet& fresh) {
    EpochSet made;
    made.recovery = ledger.chain.recoveries;
    made.members = elect_members(ledger.state, ledger.params);
    // All candidates are expelled: who votes now goes on, for somebody has to take others in.
    if (made.members.empty()) made.members = fresh.members;
    store(ledger.state, epoch_set_key(next(ledger.chain.epoch)), made);
}

}  // namespace

bool wants_sign(const Params& params, ActiveTime last, ActiveTime now) {
    return now.value - last.value >= params.validators.absence_ms / kAttendanceSteps;
}

bool votes_are_good(const Ledger& ledger, const EpochSet& set, const Attendance& attendance,
                    std::uint16_t proposer, View view, std::span<const Vote> votes) {
    const ChainId domain = vote_domain(ledger.chain.chain, set.recovery);
    int last_signer = -1;
    for (const Vote& vote : votes) {
        const std::uint16_t signer = vote.signer.value;
        if (signer <= last_signer || signer >= set.members.size() || signer == proposer)
            return false;
        last_signer = signer;
        if (vote.epoch != ledger.chain.epoch) return false;
        const std::uint64_t at = vote.subject.view.value;
        if (at == 0 || at >= view.value || view.value - at > kLateViews) return false;
        if (!wants_sign(ledger.params, attendance.last[signer], ledger.now())) return false;
    }
    return std::all_of(votes.begin(), votes.end(), [&](const Vote& vote) {
        return verify(set.members[vote.signer.value].vote_key,
                      signed_bytes(domain, vote.epoch, vote.subject), vote.signature);
    });
}

void note_votes(Ledger& ledger, std::uint16_t proposer, std::span<const Vote> votes) {
    Attendance attendance = load_attendance(ledger.state);
    const Attendance before = attendance;
    for (const Vote& vote : votes) attendance.last[vote.signer.value] = ledger.now();
    if (wants_sign(ledger.params, attendance.last[proposer], ledger.now()))
        attendance.last[proposer] = ledger.now();
    if (attendance != before) store(ledger.state, attendance_key(), attendance);
}

void change_epoch(Ledger& ledger, EpochSet set) {
    ChainState& chain = ledger.chain;
    const Epoch ended = chain.epoch;
    chain.epoch = next(chain.epoch);
    chain.epoch_end = ledger.in(ledger.params.time.epoch_ms);
    chain.epoch_seeds = {chain.epoch_seeds[1], chain.beacon};
    tally_signals(ledger, set);
    const Attendance attendance = load_attendance(ledger.state);
    pay_issuance(ledger, set, attendance);
    jail_absent(ledger, set, attendance);
    set.ended = ledger.now();
    store(ledger.state, epoch_set_key(ended), set);
    const auto fresh = find_epoch_set(ledger.state, chain.epoch);
    MILLRACE_ASSERT(fresh.has_value());
    make_set(ledger, *fresh);
    store(ledger.state, attendance_key(), attendance_of(ledger, set, attendance, *fresh));
    forget_sets(ledger);
}

void begin_due_version(ChainState& chain) {
    if (!chain.upgrade || chain.upgrade->epoch > chain.epoch) return;
    chain.protocol_version = chain.upgrade->version;
    chain.upgrade.reset();
}

void found_validators(Overlay& state, const Genesis& genesis) {
    for (const GenesisValidator& g : genesis.validators) {
        Validator v;
        v.owner = v.operator_account = v.payout_account = g.owner;
        v.vote_key = g.vote_key;
        v.vrf_key = g.vrf_key;
        v.peer_key = g.peer_key;
        v.stake = v.rank.emplace(g.stake);
        store(state, validator_key(g.owner), v);
        state.put(validator_rank_key(g.stake, g.owner).bytes(), Bytes{1});
        store(state, vote_key_key(g.vote_key), g.owner);
    }
    EpochSet set;
    set.members = elect_members(state, genesis.params);
    store(state, epoch_set_key(Epoch{0}), set);
    store(state, epoch_set_key(Epoch{1}), set);
    Attendance attendance;
    attendance.last.resize(set.members.size());
    store(state, attendance_key(), attendance);
}

}  // namespace millrace::market
