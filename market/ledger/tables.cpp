#include "market/ledger/tables.hpp"

#include <algorithm>

namespace millrace::market {

LeaseId lease_id_of(const JobId& job, std::uint64_t number) {
    return hash_as<LeaseId>(Hasher("mill/lease").update(job).update_u64(number).finish());
}

std::uint8_t tier_of(Amount value, Amount base, std::uint8_t tiers) {
    std::uint8_t tier = 0;
    Uint128 needed = base.value;
    while (tier + 1 < tiers && value.value >= needed) {
        ++tier;
        needed *= 4;
    }
    return tier;
}

void mature_ask(Provider& provider, ClearingNumber clearing) {
    if (!provider.next || provider.next_from > clearing) return;
    provider.ask = std::move(provider.next);
    provider.next.reset();
}

Amount lot_value(const JobSpec& spec, Price price) {
    return pay_for(lot_gas(spec), price).value();
}

std::optional<Amount> chunk_escrow(const JobSpec& spec, Price limit) {
    const auto out = checked_mul(lot_value(spec, limit), spec.replicas);
    if (!out.has_value()) return std::nullopt;
    return *out;
}

std::optional<Amount> retention_pay(const Params& params, const JobSpec& spec) {
    constexpr std::uint64_t kDayMs = 86'400'000;
    constexpr std::uint64_t kMib = 1U << 20U;
    // Bytes × time × price of a MiB-day, rounded up once. Bounds: 2^36 × 2^10 × 2^41 × 2^30 <
    // 2^128.
    const Uint128 byte_ms = Uint128{spec.output_bytes_max} * spec.tasks_per_lot * spec.retention_ms;
    const Uint128 scaled = byte_ms * params.jobs.retention_price_per_mib_day.value;
    const Uint128 unit = Uint128{kDayMs} * kMib;
    const Uint128 pay = scaled / unit + (scaled % unit != 0 ? 1 : 0);
    if (pay > UINT64_MAX) return std::nullopt;
    return Amount{static_cast<std::uint64_t>(pay)};
}

std::optional<Provider> find_provider(const Ledger& ledger, const ProviderId& id) {
    return load<Provider>(ledger.state, provider_key(id));
}
std::optional<Job> find_job(const Ledger& ledger, const JobId& id) {
    return load<Job>(ledger.state, job_key(id));
}
std::optional<Lease> find_lease(const Ledger& ledger, const LeaseId& id) {
    return load<Lease>(ledger.state, lease_key(id));
}
void save_lease(Ledger& ledger, const LeaseId& id, const Lease& lease) {
    store(ledger.state, lease_key(id), lease);
}

JobSpec spec_of(const Ledger& ledger, const JobId& id) {
    auto spec = load<JobSpec>(ledger.state, job_spec_key(id));
    MILLRACE_ASSERT(spec.has_value());
    return *std::move(spec);
}

void set_open_chunk(Ledger& ledger, const JobId& id, std::uint32_t chunk, ChunkOffer offer) {
    const Key key = open_chunk_key(id, chunk);
    if (offer.need == 0) {
        ledger.state.erase(key);
        return;
    }
    auto old = load<OpenChunk>(ledger.state, key);
    const ClearingNumber next = ledger.next_clearing();
    OpenChunk row{std::move(offer), {}, next};
    if (old) row.before = old->since == next ? std::move(old->before) : std::move(old->now);
    store(ledger.state, key, row);
}

bool exclude(Ledger& ledger, const JobId& id, Job& job, const ProviderId& provider) {
    const Key key = job_excluded_key(id);
    auto list = load<ExcludedList>(ledger.state, key).value_or(ExcludedList{});
    const auto by_provider = [](const Excluded& a, const Excluded& b) {
        return a.provider < b.provider;
    };
    const auto by_age = [](const Excluded& a, const Excluded& b) {
        return a.since != b.since ? a.since < b.since : a.provider < b.provider;
    };
    const Excluded added{provider, ledger.next_clearing()};
    auto at = std::lower_bound(list.begin(), list.end(), added, by_provider);
    if (at != list.end() && at->provider == provider) return false;
    // So many others have failed since that the oldest may try again.
    if (list.size() == kExcludedMax) list.erase(std::min_element(list.begin(), list.end(), by_age));
    at = std::lower_bound(list.begin(), list.end(), added, by_provider);
    list.insert(at, added);
    store(ledger.state, key, list);
    job.has_excluded = true;
    return true;
}

}  // namespace millrace::market
