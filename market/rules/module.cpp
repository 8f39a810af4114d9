#include "market/ledger/modules.hpp"

#include "market/ledger/queues.hpp"
#include "market/ledger/validators.hpp"
#include "market/rules/rules.hpp"

namespace millrace::market {

namespace {

/// Rent of a module for a time: MiB begun × days begun × price.
std::optional<Amount> module_rent(const Params& params, std::uint64_t size, std::uint64_t life_ms) {
    constexpr std::uint64_t kMib = 1U << 20U;
    constexpr std::uint64_t kDayMs = 86'400'000;
    const std::uint64_t mib = (size + kMib - 1) / kMib;
    const std::uint64_t days = (life_ms + kDayMs - 1) / kDayMs;
    const auto out = checked_mul(params.modules.module_rent_per_mib_day, mib * days);
    if (!out.has_value()) return std::nullopt;
    return *out;
}

Refusal check_signers(const Ledger& ledger, const ModulePublish& body) {
    // Of the statement's own epoch: the sets of this and the previous one are always kept.
    const auto set = find_epoch_set(ledger.state, body.statement.epoch);
    if (!set) return Refusal::module_epoch_wrong;
    const std::vector<SetMember>& validators = set->members;
    Uint128 signed_weight = 0;
    const Uint128 weight = weight_of(validators);
    int last = -1;
    for (const ModuleSignature& s : body.signatures) {
        if (s.validator <= last || s.validator >= validators.size())
            return Refusal::module_signers_invalid;
        last = s.validator;
        signed_weight += validators[s.validator].weight;
    }
    if (signed_weight * 3 <= weight * 2) return Refusal::module_quorum_missing;
    const Hash message = module_statement_hash(body.statement);
    for (const ModuleSignature& s : body.signatures)
        if (!verify(validators[s.validator].vote_key, message.view(), s.signature))
            return Refusal::module_signature_invalid;
    return Refusal::none;
}

Refusal check_statement(const Ledger& ledger, const ModuleStatement& s) {
    if (s.chain != ledger.chain.chain) return Refusal::module_chain_wrong;
    if (s.protocol_version != ledger.chain.protocol_version) return Refusal::module_version_wrong;
    if (s.size == 0 || s.size > ledger.params.modules.module_size_max)
        return Refusal::module_size_invalid;
    return Refusal::none;
}

bool life_is_good(const Ledger& ledger, std::uint64_t life_ms) {
    return life_ms != 0 && life_ms <= ledger.params.modules.module_life_max_ms;
}

}  // namespace

Refusal check(const Ledger& ledger, const Actor& actor, const ModulePublish& body) {
    if (const Refusal r = check_statement(ledger, body.statement); r != Refusal::none) return r;
    if (!life_is_good(ledger, body.life_ms)) return Refusal::module_life_invalid;
    const Epoch now = ledger.chain.epoch;
    if (body.statement.epoch != now && next(body.statement.epoch) != now)
        return Refusal::module_epoch_wrong;
    const auto old = load<Module>(ledger.state, module_key(body.statement.image));
    if (old && old->end > ledger.now()) return Refusal::module_exists;
    const auto rent = module_rent(ledger.params, body.statement.size, body.life_ms);
    if (!rent || spendable(ledger, actor.account) < *rent) return Refusal::balance_too_low;
    // Last, because it is dear: up to one signature check a validator.
    return check_signers(ledger, body);
}

void apply(Ledger& ledger, const Actor& actor, const ModulePublish& body) {
    const Amount rent = *module_rent(ledger.params, body.statement.size, body.life_ms);
    debit(ledger, actor.account, rent);
    burn(ledger, rent);
    const ModuleStatement& s = body.statement;
    // One that has ended and that no sweep has met yet.
    if (const auto old = load<Module>(ledger.state, module_key(s.image)))
        unschedule(ledger, due_item(DueKind::module_expiry, old->end, s.image));
    const Module module{
        s.blob,       actor.account,          s.size, s.features, s.protocol_version,
        ledger.now(), ledger.in(body.life_ms)};
    store(ledger.state, module_key(s.image), module);
    schedule(ledger, due_item(DueKind::module_expiry, module.end, s.image));
}

Refusal check(const Ledger& ledger, const Actor& actor, const ModuleRenew& body) {
    const auto module = load<Module>(ledger.state, module_key(body.image));
    if (!module || module->end <= ledger.now()) return Refusal::module_unknown;
    const std::uint64_t left = module->end.value - ledger.now().value;
    // Each alone before their sum: a life near 2^64 would wrap to a small one, cost nothing, and
    // take the module's end back.
    if (!life_is_good(ledger, body.life_ms) || !life_is_good(ledger, body.life_ms + left))
        return Refusal::module_life_invalid;
    const auto rent = module_rent(ledger.params, module->size, body.life_ms);
    if (!rent || spendable(ledger, actor.account) < *rent) return Refusal::balance_too_low;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& actor, const ModuleRenew& body) {
    Module module = *load<Module>(ledger.state, module_key(body.image));
    const Amount rent = *module_rent(ledger.params, module.size, body.life_ms);
    debit(ledger, actor.account, rent);
    burn(ledger, rent);
    unschedule(ledger, due_item(DueKind::module_expiry, module.end, body.image));
    module.end = ActiveTime{module.end.value + body.life_ms};
    schedule(ledger, due_item(DueKind::module_expiry, module.end, body.image));
    store(ledger.state, module_key(body.image), module);
}

}  // namespace millrace::market
