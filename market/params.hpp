#pragma once

#include <cstdint>

#include "common/amount.hpp"
#include "common/codec.hpp"

/// Every number of the rules that a chain may choose, fixed at genesis and kept under the state
/// root. docs/protocol/parameters.md gives each with its reason. Durations are active milliseconds
/// unless the name says wall.
namespace millrace::market {

/// Time and blocks.
struct TimeParams {
    std::uint64_t active_step_max_ms = 3'000;
    std::uint64_t block_spacing_min_ms = 50;
    std::uint64_t block_bytes_max = 4U << 20U;
    std::uint64_t tx_bytes_max = (1U << 20U) + (64U << 10U);
    std::uint64_t tx_expiry_max_wall_ms = 3'600'000;
    std::uint64_t epoch_ms = 3'600'000;
    friend bool operator==(const TimeParams&, const TimeParams&) = default;
};
BOOST_DESCRIBE_STRUCT(TimeParams, (),
                      (active_step_max_ms, block_spacing_min_ms, block_bytes_max, tx_bytes_max,
                       tx_expiry_max_wall_ms, epoch_ms))

/// Fees, in nano-credits a byte of weight where nothing else is said.
struct FeeParams {
    Amount base_fee_initial{10};
    Amount base_fee_min{10};
    std::uint64_t base_fee_target_bytes_per_s = 512U << 10U;
    std::uint64_t signature_weight_bytes = 64;
    Amount move_fee_per_byte_max{100};
    Amount existential_deposit{1'000'000};
    friend bool operator==(const FeeParams&, const FeeParams&) = default;
};
BOOST_DESCRIBE_STRUCT(FeeParams, (),
                      (base_fee_initial, base_fee_min, base_fee_target_bytes_per_s,
                       signature_weight_bytes, move_fee_per_byte_max, existential_deposit))

/// Interval, notice and bounds of the batch auction.
struct AuctionParams {
    std::uint64_t auction_interval_ms = 2'000;
    std::uint32_t ask_notice_clearings = 15;
    std::uint32_t bid_life_min_clearings = 2;
    std::uint32_t leases_per_clearing = 4'096;
    std::uint32_t bids_max = 1U << 17U;
    std::uint32_t asks_max = 1U << 16U;
    std::uint32_t bids_walked_per_clearing = 1U << 14U;
    std::uint32_t asks_walked_per_clearing = 1U << 15U;
    std::uint32_t market_fee_bp = 100;
    friend bool operator==(const AuctionParams&, const AuctionParams&) = default;
};
BOOST_DESCRIBE_STRUCT(AuctionParams, (),
                      (auction_interval_ms, ask_notice_clearings, bid_life_min_clearings,
                       leases_per_clearing, bids_max, asks_max, bids_walked_per_clearing,
                       asks_walked_per_clearing, market_fee_bp))

/// What a job may ask for and what it pays beside its price.
struct JobParams {
    std::uint64_t lot_gas_max = 60'000'000'000;
    std::uint64_t reference_rate = 1'000'000'000;
    std::uint64_t min_rate = 250'000'000;
    std::uint64_t window_min_ms = 600'000;
    std::uint64_t window_rate_scale = 1;
    std::uint64_t window_max_ms = 7ULL * 86'400'000;
    std::uint64_t job_life_max_ms = 30ULL * 86'400'000;
    std::uint64_t retention_max_ms = 90ULL * 86'400'000;
    std::uint64_t retention_default_ms = 7ULL * 86'400'000;
    std::uint64_t record_keep_ms = 7ULL * 86'400'000;
    std::uint32_t attempts_max = 8;
    std::uint32_t replicas_max = 8;
    Amount task_rent{100'000};
    Amount job_rent{1'000'000};
    Amount retention_price_per_mib_day{100'000};
    friend bool operator==(const JobParams&, const JobParams&) = default;
};
BOOST_DESCRIBE_STRUCT(JobParams, (),
                      (lot_gas_max, reference_rate, min_rate, window_min_ms, window_rate_scale,
                       window_max_ms, job_life_max_ms, retention_max_ms, retention_default_ms,
                       record_keep_ms, attempts_max, replicas_max, task_rent, job_rent,
                       retention_price_per_mib_day))

/// Clocks of a lease and what it locks.
struct LeaseParams {
    std::uint64_t start_base_ms = 120'000;
    std::uint64_t input_bytes_per_s = 1'000'000;
    std::uint64_t commit_base_ms = 60'000;
    std::uint64_t reveal_ms = 1'800'000;
    Amount lease_reserve{20'000'000};
    std::uint32_t stake_risk_min_bp = 5'000;
    std::uint32_t stake_risk_unaudited_bp = 10'000;
    friend bool operator==(const LeaseParams&, const LeaseParams&) = default;
};
BOOST_DESCRIBE_STRUCT(LeaseParams, (),
                      (start_base_ms, input_bytes_per_s, commit_base_ms, reveal_ms, lease_reserve,
                       stake_risk_min_bp, stake_risk_unaudited_bp))

/// Audits and the game: fixed now, read by the rules of disputes.
struct DisputeParams {
    std::uint64_t audit_draw_ms = 3'000;
    std::uint64_t game_clock_ms = 4ULL * 3'600'000;
    std::uint32_t slash_burnt_bp = 5'000;
    friend bool operator==(const DisputeParams&, const DisputeParams&) = default;
};
BOOST_DESCRIBE_STRUCT(DisputeParams, (), (audit_draw_ms, game_clock_ms, slash_burnt_bp))

/// Stake of providers, its tiers, unbonding.
struct StakeParams {
    Amount provider_stake_min{10'000'000'000};
    Amount stake_tier_base{100'000'000'000};
    Amount record_tier_base{1'000'000'000};
    std::uint32_t slots_max = 1'024;
    std::uint64_t unbonding_ms = 7ULL * 86'400'000;
    std::uint64_t evidence_window_ms = 6ULL * 86'400'000;
    friend bool operator==(const StakeParams&, const StakeParams&) = default;
};
BOOST_DESCRIBE_STRUCT(StakeParams, (),
                      (provider_stake_min, stake_tier_base, record_tier_base, slots_max,
                       unbonding_ms, evidence_window_ms))

/// Who votes, and what absence and contradiction cost.
struct ValidatorParams {
    std::uint32_t validators_max = 100;
    Amount validator_stake_min{1'000'000'000'000};
    std::uint64_t absence_ms = 12ULL * 3'600'000;
    std::uint64_t jail_ms = 12ULL * 3'600'000;
    std::uint32_t jail_weight_max_bp = 3'333;
    std::uint32_t double_vote_slash_bp = 10'000;
    friend bool operator==(const ValidatorParams&, const ValidatorParams&) = default;
};
BOOST_DESCRIBE_STRUCT(ValidatorParams, (),
                      (validators_max, validator_stake_min, absence_ms, jail_ms, jail_weight_max_bp,
                       double_vote_slash_bp))

/// Published programs.
struct ModuleParams {
    Amount module_rent_per_mib_day{1'000'000};
    std::uint64_t module_life_max_ms = 366ULL * 86'400'000;
    std::uint64_t module_size_max = 64U << 20U;
    friend bool operator==(const ModuleParams&, const ModuleParams&) = default;
};
BOOST_DESCRIBE_STRUCT(ModuleParams, (),
                      (module_rent_per_mib_day, module_life_max_ms, module_size_max))

/// Where supply may grow.
struct MoneyParams {
    Amount issuance_per_epoch{0};
    Amount faucet_max{1'000'000'000'000};
    friend bool operator==(const MoneyParams&, const MoneyParams&) = default;
};
BOOST_DESCRIBE_STRUCT(MoneyParams, (), (issuance_per_epoch, faucet_max))

/// Bounds of a block's own work.
struct SweepParams {
    std::uint32_t sweep_rows_per_queue = 8'192;
    friend bool operator==(const SweepParams&, const SweepParams&) = default;
};
BOOST_DESCRIBE_STRUCT(SweepParams, (), (sweep_rows_per_queue))

struct Params {
    TimeParams time;
    FeeParams fees;
    AuctionParams auction;
    JobParams jobs;
    LeaseParams leases;
    DisputeParams disputes;
    StakeParams stake;
    ValidatorParams validators;
    ModuleParams modules;
    MoneyParams money;
    SweepParams sweeps;

    friend bool operator==(const Params&, const Params&) = default;

    /// The values of a chain in production.
    [[nodiscard]] static Params defaults() { return {}; }
    /// The values of `millraced --dev`: the same rules with short times.
    [[nodiscard]] static Params dev();
};
BOOST_DESCRIBE_STRUCT(Params, (),
                      (time, fees, auction, jobs, leases, disputes, stake, validators, modules,
                       money, sweeps))

/// A parameter set that would break the rules' arithmetic names the first field that does.
[[nodiscard]] Status<const char*> check_params(const Params& params);

/// The shortest challenge window of a job with this lot gas: max(window_min, 2 × lot gas /
/// (scale × reference rate)), in milliseconds, rounded up.
[[nodiscard]] std::uint64_t shortest_window_ms(const Params& params, Gas lot_gas);
/// The longest one: `window_max`, or the shortest of a lot for which that is longer. A window locks
/// the provider's stake, so nobody may choose one that the lot does not need.
[[nodiscard]] std::uint64_t longest_window_ms(const Params& params, Gas lot_gas);
/// How long a started lease may compute: lot gas / min_rate + commit_base, rounded up.
[[nodiscard]] std::uint64_t commit_time_ms(const Params& params, Gas lot_gas);
/// How long the head of a queue may take to begin: start_base + input bytes at the stated rate.
[[nodiscard]] std::uint64_t start_time_ms(const Params& params, std::uint64_t input_bytes);
/// A bid stays for its least number of clearings; the first of them may be an interval away, and a
/// shorter life would be a way round it.
[[nodiscard]] std::uint64_t shortest_life_ms(const Params& params);
/// What a lease prepays for its commit and its reveal of `tasks` claims, at the capped fee.
[[nodiscard]] Amount prepaid_move_fees(const Params& params, std::uint32_t tasks);

}  // namespace millrace::market
