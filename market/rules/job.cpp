#include <algorithm>

#include "market/ledger/modules.hpp"
#include "market/ledger/queues.hpp"
#include "market/query.hpp"
#include "market/rules/chunk.hpp"
#include "market/rules/rules.hpp"
#include "market/task.hpp"

namespace millrace::market {

namespace {

bool list_is_good(const JobSpec& spec) {
    if ((spec.list_kind == ListKind::none) != spec.list.empty()) return false;
    // Replicas run at different providers: with fewer on the list no chunk could ever finish.
    if (spec.list_kind == ListKind::allow && spec.list.size() < spec.replicas) return false;
    return std::adjacent_find(spec.list.begin(), spec.list.end(),
                              [](const Address& a, const Address& b) { return !(a < b); }) ==
           spec.list.end();
}

std::size_t argument_bytes(const JobSpec& spec) {
    std::size_t sum = 0;
    for (const Argument& a : spec.arguments) sum += a.size() + 1;
    for (const Argument& e : spec.environment) sum += e.size() + 1;
    return sum;
}

/// Whether a task can be made of it, by the rule of the machine itself: a job that it refuses would
/// cost every provider that took it its reserve. Tasks differ in nothing that is judged but the
/// number's length, so the last one stands for all.
Refusal check_arguments(const JobSpec& spec) {
    if (argument_bytes(spec) > kArgumentBytesMax) return Refusal::arguments_too_large;
    const auto page =
        vm::encode_arguments(task_arguments(JobId{}, spec, WallTime{}, spec.tasks - 1));
    if (page.has_value()) return Refusal::none;
    switch (page.error()) {
        case vm::ArgumentsRefusal::bad_task_index:
            return Refusal::tasks_out_of_range;
        case vm::ArgumentsRefusal::bad_input:
            return Refusal::data_too_large;
        case vm::ArgumentsRefusal::stdin_too_long:
            return Refusal::stdin_too_large;
        case vm::ArgumentsRefusal::nul_in_string:
            return Refusal::arguments_hold_nul;
        case vm::ArgumentsRefusal::bad_environment:
            return Refusal::environment_invalid;
        case vm::ArgumentsRefusal::reserved_environment:
            return Refusal::environment_reserved;
        case vm::ArgumentsRefusal::too_long:
            return Refusal::arguments_too_large;
        case vm::ArgumentsRefusal::gas_limit_too_high:
            return Refusal::task_gas_out_of_range;
    }
    return Refusal::arguments_too_large;
}

/// What a lot can be: gas, tasks, replicas, price.
Refusal check_lots(const Params& params, const JobSpec& spec) {
    if (spec.replicas == 0 || spec.replicas > params.jobs.replicas_max)
        return Refusal::replicas_out_of_range;
    if (spec.tasks == 0 || std::uint64_t{spec.tasks} * spec.replicas > kTaskReplicasMax)
        return Refusal::tasks_out_of_range;
    if (spec.task_gas == Gas{} || spec.task_gas.value > kTaskGasMax)
        return Refusal::task_gas_out_of_range;
    const std::uint64_t fits =
        std::max<std::uint64_t>(1, params.jobs.lot_gas_max / spec.task_gas.value);
    if (spec.tasks_per_lot == 0 ||
        spec.tasks_per_lot > std::min<std::uint64_t>(kTasksPerLotMax, fits))
        return Refusal::tasks_per_lot_out_of_range;
    if (spec.limit == Price{} || spec.limit.value >= kPriceBound)
        return Refusal::limit_out_of_range;
    return Refusal::none;
}

/// Whom the job will take.
Refusal check_matching(const JobSpec& spec) {
    if (!is_valid(spec.requirement)) return Refusal::requirement_invalid;
    const std::uint32_t lots = chunks_of(spec);
    if (spec.first_fill > std::min(lots, kMinFirstFillMax)) return Refusal::first_fill_out_of_range;
    if (!list_is_good(spec)) return Refusal::list_invalid;
    if (spec.spread != 0 &&
        std::uint64_t{lots} * spec.replicas > std::uint64_t{spec.spread} * kHeldMax)
        return Refusal::spread_too_small;
    return Refusal::none;
}

/// A window may be empty only among providers that the buyer chose by name.
bool window_is_short(const Params& params, const JobSpec& spec) {
    if (spec.window_ms == 0 && spec.list_kind == ListKind::allow) return false;
    return spec.window_ms < shortest_window_ms(params, lot_gas(spec));
}

/// How results are checked, and for how long things last.
Refusal check_times(const Params& params, const JobSpec& spec) {
    if (spec.audit_rate_bp != 0) return Refusal::audits_not_active;
    if (spec.attempts == 0 || spec.attempts > params.jobs.attempts_max)
        return Refusal::attempts_out_of_range;
    if (window_is_short(params, spec)) return Refusal::window_too_short;
    if (spec.window_ms > longest_window_ms(params, lot_gas(spec))) return Refusal::window_too_long;
    if (spec.life_ms < shortest_life_ms(params) || spec.life_ms > params.jobs.job_life_max_ms)
        return Refusal::life_out_of_range;
    if (spec.retention_ms > params.jobs.retention_max_ms) return Refusal::retention_too_long;
    if (spec.output_bytes_max > kOutputBytesMax ||
        (spec.input && spec.input->bytes > kOutputBytesMax))
        return Refusal::data_too_large;
    return check_arguments(spec);
}

/// Counts bids that come after the pending clearing, or a block of them could overfill the book.
bool book_is_full(const Ledger& ledger) {
    const std::uint64_t bids = std::uint64_t{ledger.chain.bids} + ledger.chain.bids_coming;
    return bids >= ledger.params.auction.bids_max;
}

/// The bid that gives way in a full book: never leased, and it paid less for its place than this
/// one does. A job with live leases is never put out.
std::optional<JobId> cheapest_place(const Ledger& ledger, const JobSpec& spec) {
    const auto page = ledger.state.scan(Key(Table::admission), {}, 1);
    if (page.empty()) return std::nullopt;
    const auto paid = number_in_key<std::uint64_t>(page.front().key, 1);
    if (spec.admission.value_or(Amount{}).value <= paid) return std::nullopt;
    return id_in_key<JobId>(page.front().key, 9);
}

Refusal check_money(const Ledger& ledger, const Actor& actor, const JobSpec& spec) {
    if (lot_value(spec, spec.limit) < prepaid_move_fees(ledger.params, spec.tasks_per_lot))
        return Refusal::lot_below_fees;
    const auto cost = job_cost(ledger.params, spec);
    if (!cost) return Refusal::total_too_large;
    if (spendable(ledger, actor.account) < cost->total) return Refusal::balance_too_low;
    return Refusal::none;
}

}  // namespace

std::optional<JobCost> job_cost(const Params& params, const JobSpec& spec) {
    JobCost out;
    const auto chunk = chunk_escrow(spec, spec.limit);
    const auto retention = retention_pay(params, spec);
    if (!chunk || !retention) return std::nullopt;
    const std::uint32_t chunks = chunks_of(spec);
    const auto escrow = checked_mul(*chunk, chunks);
    const auto kept = checked_mul(*retention, std::uint64_t{chunks} * spec.replicas);
    const auto rent = checked_mul(params.jobs.task_rent, std::uint64_t{spec.tasks} * spec.replicas);
    if (!escrow.has_value() || !kept.has_value() || !rent.has_value()) return std::nullopt;
    out.escrow = *escrow;
    out.retention = *kept;
    out.rent = *rent;
    out.total = params.jobs.job_rent;
    const Amount admission = spec.admission.value_or(Amount{});
    for (const Amount part : {out.escrow, out.retention, out.rent, admission}) {
        const auto sum = checked_add(out.total, part);
        if (!sum.has_value()) return std::nullopt;
        out.total = *sum;
    }
    return out;
}

std::uint64_t longest_wait_ms(const Params& params) {
    return start_time_ms(params, 2 * kOutputBytesMax) +
           commit_time_ms(params, Gas{params.jobs.lot_gas_max});
}

std::uint64_t longest_need_ms(const Params& params, const JobSpec& spec) {
    const std::uint64_t own = start_time_ms(params, input_bytes(spec)) +
                              commit_time_ms(params, lot_gas(spec)) + params.leases.reveal_ms +
                              spec.window_ms;
    return spec.life_ms + 2 * params.auction.auction_interval_ms + longest_wait_ms(params) + own;
}

// ---- post ----------------------------------------------------------------------------------

Refusal check(const Ledger& ledger, const Actor& actor, const JobPost& body) {
    const JobSpec& spec = body.spec;
    if (const Refusal r = check_lots(ledger.params, spec); r != Refusal::none) return r;
    if (const Refusal r = check_matching(spec); r != Refusal::none) return r;
    if (const Refusal r = check_times(ledger.params, spec); r != Refusal::none) return r;
    const auto module = load<Module>(ledger.state, module_key(spec.image));
    if (!module || module->end <= ledger.now()) return Refusal::module_unknown;
    if (module->end < ledger.in(longest_need_ms(ledger.params, spec)))
        return Refusal::module_ends_too_early;
    if ((spec.requirement.features & module->features) != module->features)
        return Refusal::features_missing;
    if (book_is_full(ledger) && !cheapest_place(ledger, spec)) return Refusal::book_full;
    return check_money(ledger, actor, spec);
}

void apply(Ledger& ledger, const Actor& actor, const JobPost& body) {
    const JobSpec& spec = body.spec;
    const JobId id = job_id_of(ledger.chain.chain, actor.account, actor.nonce);
    const JobCost cost = *job_cost(ledger.params, spec);
    debit(ledger, actor.account, cost.total);
    burn(ledger, plus(ledger.params.jobs.job_rent, spec.admission.value_or(Amount{})));
    if (book_is_full(ledger)) {
        const JobId gives_way = *cheapest_place(ledger, spec);
        Job other = *find_job(ledger, gives_way);
        const JobSpec other_spec = spec_of(ledger, gives_way);
        stop_offering(ledger, gives_way, other, other_spec, JobState::expired);
        save_job(ledger, gives_way, other, other_spec);
    }

    Job job;
    job.buyer = actor.account;
    job.posted = ledger.chain.time;
    job.posted_active = ledger.now();
    job.expires = ledger.in(spec.life_ms);
    job.protocol_version = ledger.chain.protocol_version;
    job.posted_clearing = ledger.chain.clearing;
    ledger.chain.clock_until = std::max(
        ledger.chain.clock_until,
        ClearingNumber{ledger.chain.clearing.value + ledger.params.auction.bid_life_min_clearings});
    if (ledger.chain.pending) ++ledger.chain.bids_coming;
    job.limit = spec.limit;
    job.escrow = cost.escrow;
    job.retention = cost.retention;
    job.rent = cost.rent;
    job.chunks = chunks_of(spec);
    job.fresh_end = job.chunks;
    job.chunks_left = job.chunks;

    store(ledger.state, job_spec_key(id), spec);
    ledger.state.put(account_job_key(actor.account, job.posted_active, id).bytes(), Bytes{1});
    ledger.state.put(admission_key(spec, id).bytes(), Bytes{1});
    schedule(ledger, due_item(DueKind::job_expiry, job.expires, id));
    save_job(ledger, id, job, spec);
    ledger.events.emplace_back(JobEvent{id, job.state, job.chunks_left, false});
}

// ---- cancel, top-up, raise -----------------------------------------------------------------

Refusal check(const Ledger& ledger, const Actor& actor, const JobCancel& body) {
    const auto job = find_job(ledger, body.job);
    if (!job) return Refusal::job_unknown;
    if (job->buyer != actor.account) return Refusal::not_buyer;
    if (job->state != JobState::open || job->expires <= ledger.now()) return Refusal::job_not_open;
    const std::uint64_t seen = ledger.chain.clearing.value - job->posted_clearing.value;
    if (seen < ledger.params.auction.bid_life_min_clearings) return Refusal::bid_too_young;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& /*actor*/, const JobCancel& body) {
    Job job = *find_job(ledger, body.job);
    const JobSpec spec = spec_of(ledger, body.job);
    stop_offering(ledger, body.job, job, spec, JobState::cancelled);
    save_job(ledger, body.job, job, spec);
}

Refusal check(const Ledger& ledger, const Actor& actor, const JobTopup& body) {
    if (body.amount == Amount{}) return Refusal::amount_zero;
    const auto job = find_job(ledger, body.job);
    if (!job) return Refusal::job_unknown;
    if (job->state != JobState::open || job->expires <= ledger.now()) return Refusal::job_not_open;
    if (spendable(ledger, actor.account) < body.amount) return Refusal::balance_too_low;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& actor, const JobTopup& body) {
    debit(ledger, actor.account, body.amount);
    Job job = *find_job(ledger, body.job);
    job.spare = plus(job.spare, body.amount);
    save_job(ledger, body.job, job, spec_of(ledger, body.job));
}

namespace {

/// What a raise costs: the difference for every chunk that is not settled, so that a lot that
/// comes back can be auctioned at the new limit. None when it does not fit an amount.
std::optional<Amount> raise_cost(const Job& job, const JobSpec& spec, Price limit) {
    const auto before = chunk_escrow(spec, job.limit);
    const auto after = chunk_escrow(spec, limit);
    if (!before || !after) return std::nullopt;
    const auto cost = checked_mul(minus(*after, *before), job.chunks_left);
    if (!cost.has_value()) return std::nullopt;
    const auto sum = checked_add(job.escrow, *cost);
    if (!sum.has_value()) return std::nullopt;
    return *cost;
}

}  // namespace

Refusal check(const Ledger& ledger, const Actor& actor, const JobRaise& body) {
    if (body.limit.value >= kPriceBound) return Refusal::limit_out_of_range;
    const auto job = find_job(ledger, body.job);
    if (!job) return Refusal::job_unknown;
    if (job->buyer != actor.account) return Refusal::not_buyer;
    if (job->state != JobState::open || job->expires <= ledger.now()) return Refusal::job_not_open;
    if (body.limit <= job->limit) return Refusal::limit_not_higher;
    const auto cost = raise_cost(*job, spec_of(ledger, body.job), body.limit);
    if (!cost) return Refusal::total_too_large;
    const Amount from_spare = std::min(*cost, job->spare);
    if (spendable(ledger, actor.account) < minus(*cost, from_spare))
        return Refusal::balance_too_low;
    return Refusal::none;
}

void apply(Ledger& ledger, const Actor& actor, const JobRaise& body) {
    Job job = *find_job(ledger, body.job);
    const JobSpec spec = spec_of(ledger, body.job);
    const Amount cost = *raise_cost(job, spec, body.limit);
    const Amount from_spare = std::min(cost, job.spare);
    job.spare = minus(job.spare, from_spare);
    debit(ledger, actor.account, minus(cost, from_spare));
    job.escrow = plus(job.escrow, cost);
    job.limit = body.limit;
    save_job(ledger, body.job, job, spec);
}

}  // namespace millrace::market
