#include "market/params.hpp"

#include <algorithm>

#include "common/vote.hpp"
#include "market/claim.hpp"
#include "market/job_spec.hpp"

namespace millrace::market {

namespace {

constexpr std::uint64_t kMsPerSecond = 1'000;
/// Encoded size of a commit, and of a reveal without its claims, with room to spare.
constexpr std::uint64_t kCommitBytes = 400;
constexpr std::uint64_t kRevealBytes = 400;
/// Encoded size of one claim in a reveal, rounded up: what a lease prepays follows from it.
constexpr std::uint64_t kClaimBytes = 192;
/// Above a century in milliseconds no sum of two durations can overflow the rules' arithmetic.
constexpr std::uint64_t kDurationMax = 100ULL * 366 * 86'400'000;
constexpr std::uint64_t kBasisPoints = 10'000;

std::uint64_t ceil_div(Uint128 a, Uint128 b) {
    return static_cast<std::uint64_t>(a / b + (a % b != 0 ? 1 : 0));
}

}  // namespace

Params Params::dev() {
    Params p;
    p.auction.auction_interval_ms = 400;
    p.auction.ask_notice_clearings = 2;
    p.disputes.audit_draw_ms = 150;
    p.jobs.window_min_ms = 400;
    p.jobs.window_rate_scale = 100;
    p.leases.start_base_ms = 10'000;
    p.leases.reveal_ms = 10'000;
    p.disputes.game_clock_ms = 60'000;
    p.time.epoch_ms = 30'000;
    p.stake.unbonding_ms = 120'000;
    p.stake.evidence_window_ms = 60'000;
    p.validators.absence_ms = 60'000;
    p.validators.jail_ms = 60'000;
    p.jobs.retention_default_ms = 3'600'000;
    p.jobs.record_keep_ms = 3'600'000;
    return p;
}

Status<const char*> check_params(const Params& p) {
    const auto in = [](std::uint64_t value, std::uint64_t low, std::uint64_t high) {
        return value >= low && value <= high;
    };
    struct Row {
        const char* name;
        std::uint64_t value, low, high;
    };
    const Row rows[] = {
        {"active_step_max_ms", p.time.active_step_max_ms, 1, 60'000},
        {"block_spacing_min_ms", p.time.block_spacing_min_ms, 1, 60'000},
        {"block_bytes_max", p.time.block_bytes_max, 4 * p.time.tx_bytes_max / 3, 64U << 20U},
        {"tx_bytes_max", p.time.tx_bytes_max, 1'024, 16U << 20U},
        {"tx_expiry_max_wall_ms", p.time.tx_expiry_max_wall_ms, 1'000, kDurationMax},
        {"epoch_ms", p.time.epoch_ms, 1'000, kDurationMax},
        {"base_fee_initial", p.fees.base_fee_initial.value, p.fees.base_fee_min.value,
         kNanoPerCredit},
        {"base_fee_min", p.fees.base_fee_min.value, 8, kNanoPerCredit},
        {"base_fee_target_bytes_per_s", p.fees.base_fee_target_bytes_per_s, 1'000, 1U << 30U},
        {"signature_weight_bytes", p.fees.signature_weight_bytes, 0, 65'536},
        {"move_fee_per_byte_max", p.fees.move_fee_per_byte_max.value, p.fees.base_fee_min.value,
         kNanoPerCredit},
        {"existential_deposit", p.fees.existential_deposit.value, 1, kNanoPerCredit},
        {"auction_interval_ms", p.auction.auction_interval_ms, 1, kDurationMax},
        {"ask_notice_clearings", p.auction.ask_notice_clearings, 0, 100'000},
        {"bid_life_min_clearings", p.auction.bid_life_min_clearings, 0, 100'000},
        {"leases_per_clearing", p.auction.leases_per_clearing, 1, 65'536},
        {"bids_max", p.auction.bids_max, 1, 1U << 20U},
        {"asks_max", p.auction.asks_max, 1, 1U << 20U},
        {"bids_walked_per_clearing", p.auction.bids_walked_per_clearing, 1, 1U << 20U},
        {"asks_walked_per_clearing", p.auction.asks_walked_per_clearing, 1, 1U << 20U},
        {"market_fee_bp", p.auction.market_fee_bp, 0, kBasisPoints - 1},
        {"lot_gas_max", p.jobs.lot_gas_max, 1, kTaskGasMax},
        {"reference_rate", p.jobs.reference_rate, 1'000, kTaskGasMax},
        {"min_rate", p.jobs.min_rate, 1'000, kTaskGasMax},
        {"window_min_ms", p.jobs.window_min_ms, 1, kDurationMax},
        {"window_rate_scale", p.jobs.window_rate_scale, 1, 1'000'000},
        {"window_max_ms", p.jobs.window_max_ms, p.jobs.window_min_ms, kDurationMax},
        {"job_life_max_ms", p.jobs.job_life_max_ms, 1, kDurationMax},
        {"retention_max_ms", p.jobs.retention_max_ms, 0, kDurationMax},
        {"retention_default_ms", p.jobs.retention_default_ms, 0, p.jobs.retention_max_ms},
        {"record_keep_ms", p.jobs.record_keep_ms, 0, kDurationMax},
        {"attempts_max", p.jobs.attempts_max, 1, 64},
        {"replicas_max", p.jobs.replicas_max, 1, 16},
        {"task_rent", p.jobs.task_rent.value, 0, kNanoPerCredit},
        {"job_rent", p.jobs.job_rent.value, 0, 1'000 * kNanoPerCredit},
        {"retention_price_per_mib_day", p.jobs.retention_price_per_mib_day.value, 0,
         kNanoPerCredit},
        {"start_base_ms", p.leases.start_base_ms, 1, kDurationMax},
        {"input_bytes_per_s", p.leases.input_bytes_per_s, 1'000, 1ULL << 40U},
        {"commit_base_ms", p.leases.commit_base_ms, 1, kDurationMax},
        {"reveal_ms", p.leases.reveal_ms, 1, kDurationMax},
        {"lease_reserve", p.leases.lease_reserve.value, 0, 1'000 * kNanoPerCredit},
        {"stake_risk_min_bp", p.leases.stake_risk_min_bp, 0, 1'000'000},
        {"stake_risk_unaudited_bp", p.leases.stake_risk_unaudited_bp, p.leases.stake_risk_min_bp,
         1'000'000},
        {"slash_burnt_bp", p.disputes.slash_burnt_bp, kBasisPoints / 2, kBasisPoints},
        {"provider_stake_min", p.stake.provider_stake_min.value, 1, 1ULL << 60U},
        {"stake_tier_base", p.stake.stake_tier_base.value, 1, 1ULL << 60U},
        {"record_tier_base", p.stake.record_tier_base.value, 1, 1ULL << 60U},
        {"slots_max", p.stake.slots_max, 1, 65'536},
        {"unbonding_ms", p.stake.unbonding_ms, 0, kDurationMax},
        {"evidence_window_ms", p.stake.evidence_window_ms, 0, p.stake.unbonding_ms},
        {"validators_max", p.validators.validators_max, 1, kValidatorsMax},
        // At least one unit of weight.
        {"validator_stake_min", p.validators.validator_stake_min.value, kNanoPerCredit,
         1ULL << 60U},
        {"absence_ms", p.validators.absence_ms, 1'000, kDurationMax},
        {"jail_ms", p.validators.jail_ms, 0, kDurationMax},
        // More than a third could hand the rest a quorum that they did not have.
        {"jail_weight_max_bp", p.validators.jail_weight_max_bp, 0, kBasisPoints / 3},
        {"double_vote_slash_bp", p.validators.double_vote_slash_bp, 1, kBasisPoints},
        {"module_rent_per_mib_day", p.modules.module_rent_per_mib_day.value, 0, kNanoPerCredit},
        {"module_life_max_ms", p.modules.module_life_max_ms, 1, kDurationMax},
        {"module_size_max", p.modules.module_size_max, 1, 1U << 30U},
        {"sweep_rows_per_queue", p.sweeps.sweep_rows_per_queue, 1, 1U << 20U},
    };
    for (const Row& row : rows)
        if (!in(row.value, row.low, row.high)) return Err{row.name};
    if (shortest_life_ms(p) > p.jobs.job_life_max_ms) return Err{"job_life_max_ms"};
    // The largest task has a window like any other time.
    if (shortest_window_ms(p, Gas{kTaskGasMax}) > kDurationMax) return Err{"reference_rate"};
    // The reserve prepays the moves of the largest lot.
    if (p.leases.lease_reserve < prepaid_move_fees(p, kTasksPerLotMax)) return Err{"lease_reserve"};
    return Ok{};
}

std::uint64_t shortest_window_ms(const Params& p, Gas lot_gas) {
    const Uint128 rate = Uint128{p.jobs.window_rate_scale} * p.jobs.reference_rate;
    return std::max(p.jobs.window_min_ms,
                    ceil_div(Uint128{2} * lot_gas.value * kMsPerSecond, rate));
}

std::uint64_t longest_window_ms(const Params& p, Gas lot_gas) {
    return std::max(p.jobs.window_max_ms, shortest_window_ms(p, lot_gas));
}

std::uint64_t commit_time_ms(const Params& p, Gas lot_gas) {
    return p.leases.commit_base_ms +
           ceil_div(Uint128{lot_gas.value} * kMsPerSecond, p.jobs.min_rate);
}

std::uint64_t start_time_ms(const Params& p, std::uint64_t input_bytes) {
    return p.leases.start_base_ms +
           ceil_div(Uint128{input_bytes} * kMsPerSecond, p.leases.input_bytes_per_s);
}

std::uint64_t shortest_life_ms(const Params& p) {
    return (p.auction.bid_life_min_clearings + 1ULL) * p.auction.auction_interval_ms;
}

Amount prepaid_move_fees(const Params& p, std::uint32_t tasks) {
    const std::uint64_t bytes = kCommitBytes + kRevealBytes + 2 * p.fees.signature_weight_bytes +
                                kClaimBytes * std::uint64_t{tasks};
    return Amount{bytes * p.fees.move_fee_per_byte_max.value};
}

}  // namespace millrace::market
