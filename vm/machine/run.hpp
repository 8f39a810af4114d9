#pragma once

#include <cstdint>

#include "vm/machine/execute.hpp"
#include "vm/machine/float_environment.hpp"
#include "vm/machine/normal_form.hpp"

/// A run of the machine from one boundary towards the next.
///
/// Positions count steps from a boundary: position 0 is the boundary's own state, and the step to
/// position 1 does nothing but set a yielded state running again. A state that has yielded or ended
/// steps to itself from then on, so a dispute may bisect a fixed range of positions.
/// Source: docs/protocol/machine.md, "Runs".
namespace millrace::vm {

/// Why `run_segment` came back.
enum class RunStop : std::uint8_t {
    steps,     ///< the position asked for is reached
    boundary,  ///< the state has yielded, in normal form
    ended,     ///< exited, trapped or out of gas, in normal form
    fault,     ///< the policy cannot serve the state
};

/// Who answers host calls: `call`, `finish` (one micro-step of writing the output at an exit) and
/// `fits_memory`. `WasiHosts` (vm/machine/wasi_hosts.hpp) on chain, the linker in the harness.
template <class H, class A>
concept HostsOf =
    requires(H& hosts, A& state, std::uint32_t number, Address args, std::uint64_t pages) {
        { hosts.call(state, number, args) } -> std::same_as<HostOutcome>;
        { hosts.finish(state) } -> std::same_as<HostOutcome>;
        { hosts.fits_memory(state, pages) } -> std::same_as<bool>;
    };

[[nodiscard]] constexpr bool is_end(std::uint64_t status) {
    return status != static_cast<std::uint64_t>(RunStatus::running) &&
           status != static_cast<std::uint64_t>(RunStatus::yielded);
}

namespace detail {

/// What follows from the way in which code stopped; part of the same step.
template <MachineAccess A>
void announce(A& state, ExecuteStop stop) {
    switch (stop) {
        case ExecuteStop::boundary:
            begin_yield(state);
            return;
        case ExecuteStop::finish:
            state.set_reg(Register::exit_code, 0);
            begin_end(state, RunStatus::exited);
            return;
        case ExecuteStop::exit:
            begin_end(state, RunStatus::exited);
            return;
        case ExecuteStop::trap:
            begin_end(state, RunStatus::trapped);
            return;
        case ExecuteStop::out_of_gas:
            begin_out_of_gas(state);
            return;
        case ExecuteStop::steps:
        case ExecuteStop::fault:
            return;
    }
}

/// One micro-step of an exit's output.
template <MachineAccess A, class Hosts>
void finish_step(A& state, Hosts& hosts) {
    switch (hosts.finish(state)) {
        case HostOutcome::again:
            return;
        case HostOutcome::out_of_gas:
            begin_out_of_gas(state);
            return;
        case HostOutcome::done:
        case HostOutcome::exit:
        case HostOutcome::trap:
            state.set_reg(Register::ending_stage, 1);
            return;
    }
}

}  // namespace detail

/// Runs to the next boundary, to the end, or (with `Counted`) until `budget.used` is `budget.max`.
/// Without counting the state is at a position that is no business of the caller's.
template <bool Counted, MachineAccess A, class Hosts>
    requires HostsOf<Hosts, A>
RunStop run_segment(A& state, Hosts& hosts, StepBudget& budget) {
    const FloatEnvironment floats;
    const auto spent = [&] { return Counted && budget.used == budget.max; };
    if (!Counted || budget.used == 0) {
        if (spent()) return RunStop::steps;
        ++budget.used;
        if (state.reg(Register::status) == static_cast<std::uint64_t>(RunStatus::yielded))
            state.set_reg(Register::status, static_cast<std::uint64_t>(RunStatus::running));
    }
    for (;;) {
        if (state.failed()) return RunStop::fault;
        const std::uint64_t status = state.reg(Register::status);
        if (is_end(status)) return RunStop::ended;
        if (status == static_cast<std::uint64_t>(RunStatus::yielded)) return RunStop::boundary;
        if (spent()) return RunStop::steps;
        if (state.reg(Register::pending_status) == 0) {
            const ExecuteStop stop = execute<Counted>(state, hosts, budget);
            if (stop == ExecuteStop::fault) return RunStop::fault;
            detail::announce(state, stop);
        } else if (state.reg(Register::ending_stage) == 0) {
            ++budget.used;
            detail::finish_step(state, hosts);
        } else if constexpr (Counted) {
            ++budget.used;
            normalise_step(state);
        } else {
            normalise_at_once(state);
        }
    }
}

}  // namespace millrace::vm
