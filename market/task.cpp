#include "market/task.hpp"

#include "market/claim.hpp"

namespace millrace::market {

namespace {
constexpr std::uint64_t kNanosPerMilli = 1'000'000;
}

vm::TaskArguments task_arguments(const JobId& job, const JobSpec& spec, WallTime posted,
                                 std::uint32_t task) {
    vm::TaskArguments out;
    out.args.emplace_back(kProgramName);
    for (const Argument& argument : spec.arguments) out.args.push_back(argument);
    for (const Argument& entry : spec.environment) out.env.push_back(entry);
    if (spec.input) {
        out.input_form = vm::InputForm::tree;
        out.input_count = 1;
    }
    if (spec.stdin_blob) out.stdin_length = spec.stdin_blob->bytes;
    out.task_index = task;
    out.task_count = spec.tasks;
    out.job_time_ns = posted.value * kNanosPerMilli;
    out.gas_limit = spec.task_gas.value;
    out.memory_limit = memory_tier_bytes(spec.requirement.memory_tier);
    out.segment_gas = vm::segment_gas_of(spec.task_gas.value);
    out.output_bytes_max = spec.output_bytes_max;
    out.seed = hash_as<vm::Seed>(task_seed(job, task));
    return out;
}

}  // namespace millrace::market
