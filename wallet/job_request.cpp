#include "wallet/job_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "market/task.hpp"
#include "vm/wasi/arguments.hpp"
#include "wallet/print.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20U;

Err<Failure> usage(std::string sentence) {
    return Err{Failure{Exit::usage, std::move(sentence)}};
}

Try<Ok> check_arguments(const market::JobSpec& spec) {
    const vm::TaskArguments arguments =
        market::task_arguments(JobId{}, spec, WallTime{}, spec.tasks - 1);
    const auto page = vm::encode_arguments(arguments);
    if (!page.has_value())
        return usage("the program's arguments: " + vm::to_sentence(page.error()));
    std::size_t bytes = 0;
    for (const auto& text : spec.arguments) bytes += text.size() + 1;
    for (const auto& text : spec.environment) bytes += text.size() + 1;
    if (bytes > market::kArgumentBytesMax)
        return usage(fmt::format(
            "arguments and --env take {} bytes; at most {} travel with a job, the rest belongs "
            "into a file of --input",
            bytes, market::kArgumentBytesMax));
    return Ok{};
}

Try<Ok> set_strings(market::JobSpec& spec, const JobOptions& options,
                    const std::vector<std::string>& program_args) {
    if (program_args.size() > market::kArgumentsMax ||
        options.environment.size() > market::kArgumentsMax)
        return usage(fmt::format("at most {} arguments and {} --env entries", market::kArgumentsMax,
                                 market::kArgumentsMax));
    for (const std::string& text : program_args) spec.arguments.push_back(text);
    for (const std::string& text : options.environment) spec.environment.push_back(text);
    return check_arguments(spec);
}

Try<Ok> set_times(market::JobSpec& spec, const JobOptions& options, const market::Params& params) {
    const std::uint64_t shortest = market::shortest_window_ms(params, market::lot_gas(spec));
    const std::uint64_t longest = market::longest_window_ms(params, market::lot_gas(spec));
    spec.window_ms = shortest;
    if (options.window) {
        MILLRACE_TRY(spec.window_ms, parse_duration("--window", *options.window));
        if (spec.window_ms < shortest || spec.window_ms > longest)
            return usage(fmt::format("--window: from {} to {} for lots of {}",
                                     human_duration(shortest), human_duration(longest),
                                     human_gas(market::lot_gas(spec).value)));
    }
    MILLRACE_TRY(spec.life_ms, parse_duration("--life", options.life));
    if (spec.life_ms < market::shortest_life_ms(params) ||
        spec.life_ms > params.jobs.job_life_max_ms)
        return usage(fmt::format("--life: {} to {}",
                                 human_duration(market::shortest_life_ms(params)),
                                 human_duration(params.jobs.job_life_max_ms)));
    spec.retention_ms = params.jobs.retention_default_ms;
    if (options.retention) {
        MILLRACE_TRY(spec.retention_ms, parse_duration("--retention", *options.retention));
        if (spec.retention_ms > params.jobs.retention_max_ms)
            return usage(fmt::format("--retention: at most {}",
                                     human_duration(params.jobs.retention_max_ms)));
    }
    return Ok{};
}

/// A task above the gas of a lot is a lot by itself.
std::uint64_t most_tasks_of_lot(const market::Params& params, Gas task_gas) {
    return std::clamp<std::uint64_t>(params.jobs.lot_gas_max / task_gas.value, 1,
                                     market::kTasksPerLotMax);
}

Try<Ok> set_lots(market::JobSpec& spec, const JobOptions& options, const market::Params& params) {
    if (options.replicas == 0 || options.replicas > params.jobs.replicas_max)
        return usage(fmt::format("--replicas: 1 to {}", params.jobs.replicas_max));
    if (options.tasks == 0 ||
        std::uint64_t{options.tasks} * options.replicas > market::kTaskReplicasMax)
        return usage(fmt::format("--tasks: 1 to {}, replicas counted", market::kTaskReplicasMax));
    spec.replicas = options.replicas;
    spec.tasks = options.tasks;
    MILLRACE_TRY(spec.task_gas, parse_gas("--gas", options.gas));
    if (spec.task_gas.value > market::kTaskGasMax)
        return usage(
            fmt::format("--gas: a task may use at most 2^50 ({}); cut the work into more "
                        "tasks",
                        human_gas(market::kTaskGasMax)));
    const std::uint64_t fits = most_tasks_of_lot(params, spec.task_gas);
    if (options.tasks_per_lot && (*options.tasks_per_lot == 0 || *options.tasks_per_lot > fits))
        return usage(fmt::format("--tasks-per-lot: 1 to {} at this --gas", fits));
    spec.tasks_per_lot = options.tasks_per_lot.value_or(
        lot_size_for(params, spec.tasks, spec.task_gas, Price{market::kPriceBound - 1}));
    return Ok{};
}

struct Exclusion {
    market::Demand demand;
    const char* what;
};
constexpr std::array<Exclusion, 6> kDemands{{
    {market::Demand::memory_tier, "so much memory: lower --memory-mib"},
    {market::Demand::features, "the features that the module needs"},
    {market::Demand::region, "that region: leave --region out, or name more"},
    {market::Demand::stake_tier, "so much stake"},
    {market::Demand::record_tier, "so long a record"},
    {market::Demand::tee, "that trusted hardware"},
}};

}  // namespace

std::optional<std::uint8_t> memory_tier_for(std::uint64_t memory_mib) {
    for (std::uint8_t tier = 0; tier < market::kMemoryTiers; ++tier)
        if (memory_mib <= market::memory_tier_bytes(tier) / kMib) return tier;
    return std::nullopt;
}

Try<market::Requirement> make_requirement(std::uint64_t memory_mib,
                                          const std::vector<unsigned>& regions,
                                          std::uint32_t features) {
    market::Requirement out;
    const auto tier = memory_tier_for(memory_mib);
    if (!tier)
        return usage(fmt::format("--memory-mib: at most {}",
                                 market::memory_tier_bytes(market::kMemoryTiers - 1) / kMib));
    out.memory_tier = *tier;
    out.features = features;
    for (const unsigned region : regions) {
        if (region >= market::kRegions)
            return usage(fmt::format("--region: a number below {}", market::kRegions));
        out.regions |= std::uint64_t{1} << region;
    }
    return out;
}

std::uint16_t lot_size_for(const market::Params& params, std::uint32_t tasks, Gas task_gas,
                           Price price) {
    const std::uint64_t fits = most_tasks_of_lot(params, task_gas);
    std::uint64_t size = std::min<std::uint64_t>(fits, (tasks + kLotsWanted - 1) / kLotsWanted);
    // Both sides grow with the size, the worth faster or never: the first that will do is taken.
    for (std::uint64_t wider = size; wider <= fits; ++wider) {
        const auto worth = pay_for(Gas{task_gas.value * wider}, price);
        if (!worth.has_value() ||
            *worth >= market::prepaid_move_fees(params, static_cast<std::uint32_t>(wider))) {
            size = wider;
            break;
        }
    }
    return static_cast<std::uint16_t>(std::max<std::uint64_t>(size, 1));
}

Try<market::JobSpec> make_spec(const JobOptions& options, const JobFiles& files,
                               const std::vector<std::string>& program_args,
                               const market::Params& params) {
    market::JobSpec spec;
    spec.image = files.image;
    spec.input = files.input;
    spec.stdin_blob = files.stdin_blob;
    MILLRACE_CHECK(set_lots(spec, options, params));
    MILLRACE_CHECK(set_strings(spec, options, program_args));
    MILLRACE_TRY(spec.requirement,
                 make_requirement(options.memory_mib, options.regions, files.features));
    if (options.output_mib > market::kOutputBytesMax / kMib)
        return usage(fmt::format("--output-mib: at most {}", market::kOutputBytesMax / kMib));
    spec.output_bytes_max = options.output_mib * kMib;
    if (options.attempts == 0 || options.attempts > params.jobs.attempts_max)
        return usage(fmt::format("--attempts: 1 to {}", params.jobs.attempts_max));
    spec.attempts = options.attempts;
    spec.spread = options.spread;
    if (options.admission) {
        MILLRACE_TRY(spec.admission, parse_credits("--admission", *options.admission));
    }
    spec.on_failure =
        options.stop_on_failure ? market::FailurePolicy::stop : market::FailurePolicy::go_on;
    MILLRACE_CHECK(set_times(spec, options, params));
    return spec;
}

Price default_limit(const market::Quote& quote) {
    constexpr std::uint64_t kNumerator = 5;
    constexpr std::uint64_t kDenominator = 4;
    const std::uint64_t price = (quote.price.value * kNumerator + kDenominator - 1) / kDenominator;
    return Price{std::clamp<std::uint64_t>(price, 1, market::kPriceBound - 1)};
}

boost::json::object quote_params(const market::JobSpec& spec) {
    return {{"requirement", to_json(spec.requirement)},
            {"lots", market::chunks_of(spec)},
            {"replicas", spec.replicas},
            {"spread_cap", spec.spread},
            {"task_gas", spec.task_gas.value},
            {"task_bytes", market::task_bytes(spec)}};
}

namespace {

/// Offers, each of another provider; also what is under notice, since it can be had in a moment.
std::vector<market::AskOrder> offers_of(const std::vector<market::AskView>& asks) {
    std::vector<market::AskOrder> out;
    for (const market::AskView& ask : asks)
        if (const auto& order = ask.row.order ? ask.row.order : ask.row.next) out.push_back(*order);
    return out;
}

bool can_do(const market::AskOrder& ask, const market::JobSpec& spec) {
    return market::is_compatible(ask.capability, spec.requirement) &&
           ask.task_gas_max >= spec.task_gas && ask.task_bytes_max >= market::task_bytes(spec);
}

}  // namespace

std::string why_not_all(const std::vector<market::AskView>& asks, const market::JobSpec& spec) {
    const std::vector<market::AskOrder> offers = offers_of(asks);
    const auto able = static_cast<std::uint64_t>(
        std::count_if(offers.begin(), offers.end(),
                      [&](const market::AskOrder& ask) { return can_do(ask, spec); }));
    const std::string who = fmt::format("{} provider{} can do it", able, able == 1 ? "" : "s");
    if (able < spec.replicas)
        return fmt::format(
            "each task is to be run by {} different providers, and {}: lower "
            "--replicas",
            spec.replicas, who);
    const std::uint64_t lots = std::uint64_t{market::chunks_of(spec)} * spec.replicas;
    if (spec.spread > 0 && able * spec.spread < lots)
        return fmt::format("one provider may have {} of the {} lots, and {}: raise --spread",
                           spec.spread, lots, who);
    return "";
}

std::string why_nobody(const std::vector<market::AskView>& asks, const market::JobSpec& spec) {
    const std::vector<market::AskOrder> offers = offers_of(asks);
    if (offers.empty()) return "no provider offers anything at this time";
    std::string out;
    std::size_t most = 0;
    const auto consider = [&](std::size_t excluded, const char* what) {
        if (excluded <= most) return;
        most = excluded;
        out = fmt::format("{} of {} offers have not {}", excluded, offers.size(), what);
    };
    const auto count = [&](const auto& fails) {
        return static_cast<std::size_t>(std::count_if(offers.begin(), offers.end(), fails));
    };
    const std::uint64_t bytes = market::task_bytes(spec);
    const auto fails_any = [&](const market::AskOrder& ask) { return !can_do(ask, spec); };
    if (count(fails_any) < offers.size()) return "";
    for (const Exclusion& row : kDemands)
        consider(count([&](const market::AskOrder& ask) {
                     return !market::meets(ask.capability, spec.requirement, row.demand);
                 }),
                 row.what);
    consider(count([&](const market::AskOrder& ask) { return ask.task_gas_max < spec.task_gas; }),
             "so much gas for one task: lower --gas");
    consider(count([&](const market::AskOrder& ask) { return ask.task_bytes_max < bytes; }),
             "so much room for input and output: lower --output-mib or send less");
    return out;
}

}  // namespace millrace::wallet
