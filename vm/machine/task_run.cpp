#include "vm/machine/task_run.hpp"

#include <algorithm>

#include "common/sparse_page_tree.hpp"
#include "vm/machine/wasi_hosts.hpp"
#include "vm/wasi/calls_impl.hpp"
#include "vm/wasi/limits.hpp"

namespace millrace::vm {

template HostOutcome host_micro_step<DirectAccess>(DirectAccess&, HostCall, Address);
template HostOutcome exit_micro_step<DirectAccess>(DirectAccess&);
template bool fits_memory_limit<DirectAccess>(DirectAccess&, std::uint64_t);
template RunStop run_segment<false>(DirectAccess&, WasiHosts&, StepBudget&);
template RunStop run_segment<true>(DirectAccess&, WasiHosts&, StepBudget&);

std::unique_ptr<DirectAccess> load_task(const Image& image, const TaskInputs& inputs) {
    auto state = std::make_unique<DirectAccess>(image, inputs.mounts);
    state->write(kRegistersPage, initial_registers(inputs.arguments));
    state->write(kArgumentsPage, inputs.arguments);
    return state;
}

RunStop run_to_boundary(DirectAccess& state) {
    WasiHosts hosts;
    StepBudget budget;
    return run_segment<false>(state, hosts, budget);
}

RunStop run_to_position(DirectAccess& state, std::uint64_t from, std::uint64_t position) {
    WasiHosts hosts;
    StepBudget budget{from, position};
    return run_segment<true>(state, hosts, budget);
}

namespace {

/// Byte `i` of a stream lies in its head or, later on, in the ring of its tail.
BoundedBytes<kTailMax> read_tail(const DirectAccess& state, Address stream) {
    const std::uint64_t total = state.load(stream);
    const std::uint64_t size = std::min<std::uint64_t>(total, kTailMax);
    BoundedBytes<kTailMax> out;
    for (std::uint64_t i = total - size; i < total; ++i) {
        const Address at = i < kStreamHeadMax
                               ? stream + kStreamHeadOffset + i
                               : stream + kStreamTailOffset + (i - kStreamHeadMax) % kStreamTailMax;
        std::uint8_t byte = 0;
        state.read(at, {&byte, 1});
        out.push_back(byte);
    }
    return out;
}

MachineRoot root_of(const DirectAccess& state) {
    return hash_as<MachineRoot>(state.root());
}

}  // namespace

Tails read_tails(const DirectAccess& state) {
    return {read_tail(state, kStdout), read_tail(state, kStderr)};
}

Result<TaskRun, TaskStop> run_task(DirectAccess& state, std::uint32_t task_index,
                                   const std::function<bool(std::uint64_t gas)>& progress) {
    TaskRun run;
    run.boundaries.push_back({root_of(state), state.reg(Register::next_boundary)});
    RunStop stop = run_to_boundary(state);
    for (; stop == RunStop::boundary; stop = run_to_boundary(state)) {
        // More yields than a list may hold mean a segment far below what posting allows.
        if (run.boundaries.size() + 1 >= kBoundariesMax) return Err{TaskStop::too_many_boundaries};
        run.boundaries.push_back({root_of(state), state.reg(Register::next_boundary)});
        if (progress && !progress(state.reg(Register::gas_used))) return Err{TaskStop::stopped};
    }
    if (stop == RunStop::fault) return Err{TaskStop::unreadable_input};
    const std::vector<Subtree> leaves = state.leaves();
    SparsePageTree tree;
    tree.update(leaves);
    run.boundaries.push_back(
        {hash_as<MachineRoot>(tree.root()), state.reg(Register::next_boundary)});
    run.tails = read_tails(state);

    PageBytes registers{};
    state.read_page(kRegistersPage >> kPageBits, registers);
    const auto output = tree.subtree(kOutputLevels, kOutputIndex);
    MILLRACE_ASSERT(output.has_value());
    const auto facts = facts_of(registers, hash_as<TreeRoot>(*output));
    MILLRACE_ASSERT(facts.has_value());
    Claim& claim = run.claim;
    claim.task = task_index;
    claim.final_root = run.boundaries.back().state;
    claim.boundary_count = static_cast<std::uint32_t>(run.boundaries.size());
    claim.boundary_root = boundary_list_root(run.boundaries);
    claim.end = facts->end;
    claim.code = facts->code;
    claim.trap_function = facts->trap_function;
    claim.gas = facts->gas;
    claim.output_root = facts->output_root;
    claim.tails = tails_hash(run.tails);
    return run;
}

}  // namespace millrace::vm
