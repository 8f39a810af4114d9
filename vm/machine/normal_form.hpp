#pragma once

#include <algorithm>
#include <cstdint>

#include "vm/image/opcodes.hpp"
#include "vm/machine/machine_access.hpp"

/// The stack's normal form at a boundary or an end, made in micro-steps of one page each, so that a
/// state does not depend on who ran. At a boundary the meaningful slots are a prefix: all frames
/// lie without gaps, and the safe point's word says how far the innermost one reaches. At an end
/// nothing of the stack is meaningful.
/// Source: docs/protocol/machine.md, "Normal form".
namespace millrace::vm {

/// What remains of the stack: slots [0, first_slot), records [0, depth).
struct StackBounds {
    std::uint64_t first_slot = 0;
    std::uint64_t depth = 0;

    static constexpr std::uint64_t kSlotsPerPage = kPageSize / 8;
    static constexpr std::uint64_t kRecordsPerPage = kPageSize / kFrameRecordSize;
    static constexpr std::uint64_t kSlotPages = kSlotsMax / kSlotsPerPage;
    static constexpr std::uint64_t kRecordPages = kFramesMax / kRecordsPerPage;

    [[nodiscard]] std::uint64_t slot_steps() const {
        return kSlotPages - std::min(first_slot, kSlotsMax) / kSlotsPerPage;
    }
    [[nodiscard]] std::uint64_t record_steps() const {
        return kRecordPages - std::min(depth, kFramesMax) / kRecordsPerPage;
    }
    /// Micro-steps until everything above is zero; at least one, which also ends the run.
    [[nodiscard]] std::uint64_t steps() const {
        return std::max<std::uint64_t>(slot_steps() + record_steps(), 1);
    }
};

template <MachineAccess A>
StackBounds stack_bounds(A& state) {
    if (state.reg(Register::pending_status) != static_cast<std::uint64_t>(RunStatus::yielded))
        return {};
    const std::uint64_t safe_point = state.code(state.reg(Register::pc)).word(0);
    return {state.reg(Register::frame_pointer) + word::a(safe_point),
            state.reg(Register::frame_depth)};
}

/// Announces a boundary: the same step in which the threshold was found passed.
template <MachineAccess A>
void begin_yield(A& state) {
    state.set_reg(Register::pending_status, static_cast<std::uint64_t>(RunStatus::yielded));
    state.set_reg(Register::ending_stage, 1);
}

/// Announces an end: nothing of the stack is needed any more. An exit first lets the host write its
/// output.
template <MachineAccess A>
void begin_end(A& state, RunStatus status) {
    state.set_reg(Register::pending_status, static_cast<std::uint64_t>(status));
    state.set_reg(Register::ending_stage, status == RunStatus::exited ? 0 : 1);
    state.set_reg(Register::pc, 0);
    state.set_reg(Register::frame_pointer, 0);
    state.set_reg(Register::frame_depth, 0);
    if (status != RunStatus::trapped) return;
    state.set_reg(Register::exit_code, 0);
}

/// Out of gas, also when an exit cannot pay for its output.
template <MachineAccess A>
void begin_out_of_gas(A& state) {
    begin_end(state, RunStatus::out_of_gas);
    state.set_reg(Register::exit_code, 0);
    state.set_reg(Register::gas_used, state.reg(Register::gas_limit));
}

/// The last micro-step's second half: the state becomes what was announced.
template <MachineAccess A>
void complete(A& state) {
    const std::uint64_t pending = state.reg(Register::pending_status);
    const std::uint64_t gas = state.reg(Register::gas_used);
    if (pending == static_cast<std::uint64_t>(RunStatus::yielded)) {
        // The first multiple above, however far the last path went.
        const std::uint64_t segment = std::max<std::uint64_t>(state.reg(Register::segment_gas), 1);
        state.set_reg(Register::next_boundary, (gas / segment + 1) * segment);
    } else {
        state.set_reg(Register::gas_used, std::min(gas, state.reg(Register::gas_limit)));
    }
    state.set_reg(Register::status, pending);
    state.set_reg(Register::pending_status, 0);
    state.set_reg(Register::ending_stage, 0);
    state.set_reg(Register::progress_a, 0);
}

/// One micro-step: zeroes what is left of one page. True when it was the last.
template <MachineAccess A>
bool normalise_step(A& state) {
    const StackBounds bounds = stack_bounds(state);
    const std::uint64_t done = state.reg(Register::progress_a);
    if (done < bounds.slot_steps()) {
        const std::uint64_t page = bounds.first_slot / StackBounds::kSlotsPerPage + done;
        const std::uint64_t first = std::max(bounds.first_slot, page * StackBounds::kSlotsPerPage);
        const std::uint64_t end = (page + 1) * StackBounds::kSlotsPerPage;
        state.fill(kSlotsBase + 8 * first, 0, static_cast<std::uint32_t>(8 * (end - first)));
    } else if (done < bounds.slot_steps() + bounds.record_steps()) {
        const std::uint64_t page =
            bounds.depth / StackBounds::kRecordsPerPage + (done - bounds.slot_steps());
        const std::uint64_t first = std::max(bounds.depth, page * StackBounds::kRecordsPerPage);
        const std::uint64_t end = (page + 1) * StackBounds::kRecordsPerPage;
        state.fill(kFramesBase + kFrameRecordSize * first, 0,
                   static_cast<std::uint32_t>(kFrameRecordSize * (end - first)));
    }
    if (done + 1 >= bounds.steps()) {
        complete(state);
        return true;
    }
    state.set_reg(Register::progress_a, done + 1);
    return false;
}

/// All micro-steps at once; their number is `stack_bounds(state).steps()`.
template <MachineAccess A>
void normalise_at_once(A& state) {
    const StackBounds bounds = stack_bounds(state);
    state.clear_stack(bounds.first_slot, bounds.depth);
    complete(state);
}

}  // namespace millrace::vm
