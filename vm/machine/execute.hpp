#pragma once

#include <algorithm>
#include <cstdint>

#include "vm/image/gas.hpp"
#include "vm/image/opcodes.hpp"
#include "vm/machine/bulk.hpp"
#include "vm/machine/floating.hpp"
#include "vm/machine/integer.hpp"
#include "vm/machine/machine_access.hpp"
#include "vm/wasi/calls.hpp"

/// What each instruction of the image does: written once, instantiated for every policy.
/// Source: docs/protocol/machine.md, "Instructions".
namespace millrace::vm {

/// Steps from the last boundary, and where to stop. Counted only where `Counted` is set; never part
/// of the state.
struct StepBudget {
    std::uint64_t used = 0;
    std::uint64_t max = ~std::uint64_t{0};
};

/// Why `execute` came back. The registers page is complete then.
enum class ExecuteStop : std::uint8_t {
    steps,       ///< the budget is used up; the next word has not begun
    boundary,    ///< at a safe point past the next boundary; its word has not been charged
    finish,      ///< `_start` returned
    exit,        ///< a host call ended the program; `Register::exit_code` is set
    trap,        ///< `Register::trap_code` and `trap_function` are set
    out_of_gas,  ///< at a safe point, or before work that cannot be paid
    fault,       ///< the policy cannot serve the state
};

// Computed goto is no ISO C++, but the fastest dispatch there is with both compilers.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#if defined(__clang__)
#pragma GCC diagnostic ignored "-Wgnu-label-as-value"
#endif

/// Runs words from the registers' pc until something of `ExecuteStop` happens. The state is
/// running and no end is pending.
///
/// `Hosts` offers `call(state, number, address of first argument)`, and `fits_memory(state, pages)`
/// for `memory.grow`.
template <bool Counted, MachineAccess A, class Hosts>
ExecuteStop execute(A& state, Hosts& hosts, StepBudget& budget) {
    typename A::Code pc = state.code(state.reg(Register::pc));
    typename A::Frame frame = state.frame(state.reg(Register::frame_pointer));
    typename A::Memory memory = state.memory();
    std::uint64_t depth = state.reg(Register::frame_depth);
    std::uint64_t gas = state.reg(Register::gas_used);
    const std::uint64_t gas_limit = state.reg(Register::gas_limit);
    // Out of gas wins over a boundary; one comparison finds both. The limit itself may be used up.
    // `boot` lets no limit pass that could wrap; a made-up state may hold one.
    const std::uint64_t threshold =
        std::min(gas_limit == ~std::uint64_t{0} ? gas_limit : gas_limit + 1,
                 state.reg(Register::next_boundary));
    std::uint64_t w = 0;
    TrapCode trap = TrapCode::none;
    ExecuteStop stop = ExecuteStop::steps;
    FunctionRecord callee;
    std::uint64_t callee_index = 0;
    std::uint64_t progress = 0;
    bulk::Outcome outcome = bulk::Outcome::done;
    HostOutcome host_outcome = HostOutcome::done;

    static const void* const kLabels[] = {
        &&op_invalid,
#define X(name, form) &&op_##name,
        MILLRACE_IMAGE_OTHER(X)
#undef X
#define X(name) &&op_##name, &&op_##name##_imm,
            MILLRACE_IMAGE_INT_BINARY(X) MILLRACE_IMAGE_INT_DIVIDE(X)
#undef X
#define X(name) &&op_##name, &&op_##name##_imm, &&op_br_##name, &&op_br_##name##_imm,
                MILLRACE_IMAGE_INT_COMPARE(X)
#undef X
#define X(name) &&op_##name,
                    MILLRACE_IMAGE_FLOAT_BINARY(X)
#undef X
#define X(name) &&op_##name, &&op_br_##name, &&op_br_not_##name,
                        MILLRACE_IMAGE_FLOAT_COMPARE(X)
#undef X
#define X(name) &&op_##name,
                            MILLRACE_IMAGE_UNARY(X) MILLRACE_IMAGE_UNARY_TRAP(X)
#undef X
#define X(name, type, extended) &&op_##name, &&op_##name##_wide, &&op_##name##_at,
                                MILLRACE_IMAGE_LOAD(X)
#undef X
#define X(name, type) &&op_##name, &&op_##name##_wide, &&op_##name##_at,
                                    MILLRACE_IMAGE_STORE(X)
#undef X
    };
    static_assert(sizeof(kLabels) / sizeof(kLabels[0]) == kImageOpcodeCount);

#define MILLRACE_DISPATCH()                                               \
    do {                                                                  \
        if constexpr (Counted) {                                          \
            if (budget.used == budget.max || state.failed()) goto paused; \
            ++budget.used;                                                \
        }                                                                 \
        w = pc.word(0);                                                   \
        if constexpr (A::kUntrusted) {                                    \
            if (word::op(w) >= kImageOpcodeCount) goto op_invalid;        \
        }                                                                 \
        goto* kLabels[word::op(w)];                                       \
    } while (false)
#define MILLRACE_NEXT(words) \
    do {                     \
        pc.advance(words);   \
        MILLRACE_DISPATCH(); \
    } while (false)
#define MILLRACE_A word::a(w)
#define MILLRACE_B word::b(w)
#define MILLRACE_C word::c(w)
#define MILLRACE_X word::x(w)

    MILLRACE_DISPATCH();

    // ---- numbers --------------------------------------------------------------------------
#define X(name)                                                                               \
    op_##name                                                                                 \
        : frame.set(MILLRACE_A, numeric::name(frame.get(MILLRACE_B), frame.get(MILLRACE_C))); \
    MILLRACE_NEXT(1);
    MILLRACE_IMAGE_INT_BINARY(X)
    MILLRACE_IMAGE_INT_COMPARE(X)
    MILLRACE_IMAGE_FLOAT_BINARY(X)
    MILLRACE_IMAGE_FLOAT_COMPARE(X)
#undef X
#define X(name)                                                                             \
    op_##name##_imm                                                                         \
        : frame.set(MILLRACE_A, numeric::name(frame.get(MILLRACE_B),                        \
                                              static_cast<std::uint64_t>(word::imm_c(w)))); \
    MILLRACE_NEXT(1);
    MILLRACE_IMAGE_INT_BINARY(X)
    MILLRACE_IMAGE_INT_COMPARE(X)
#undef X
#define X(name)                                                                       \
    op_##name : {                                                                     \
        const std::uint64_t value =                                                   \
            numeric::name(frame.get(MILLRACE_B), frame.get(MILLRACE_C), trap);        \
        if (trap != TrapCode::none) goto trapped;                                     \
        frame.set(MILLRACE_A, value);                                                 \
        MILLRACE_NEXT(1);                                                             \
    }                                                                                 \
    op_##name##_imm : {                                                               \
        const std::uint64_t value = numeric::name(                                    \
            frame.get(MILLRACE_B), static_cast<std::uint64_t>(word::imm_c(w)), trap); \
        if (trap != TrapCode::none) goto trapped;                                     \
        frame.set(MILLRACE_A, value);                                                 \
        MILLRACE_NEXT(1);                                                             \
    }
    MILLRACE_IMAGE_INT_DIVIDE(X)
#undef X
#define X(name)                                                              \
    op_##name : frame.set(MILLRACE_A, numeric::name(frame.get(MILLRACE_B))); \
    MILLRACE_NEXT(1);
    MILLRACE_IMAGE_UNARY(X)
#undef X
#define X(name)                                                                 \
    op_##name : {                                                               \
        const std::uint64_t value = numeric::name(frame.get(MILLRACE_B), trap); \
        if (trap != TrapCode::none) goto trapped;                               \
        frame.set(MILLRACE_A, value);                                           \
        MILLRACE_NEXT(1);                                                       \
    }
    MILLRACE_IMAGE_UNARY_TRAP(X)
#undef X

op_copy:
    frame.set(MILLRACE_A, frame.get(MILLRACE_B));
    MILLRACE_NEXT(1);
op_const_u32:
    frame.set(MILLRACE_A, MILLRACE_X);
    MILLRACE_NEXT(1);
op_const_s32:
    frame.set(MILLRACE_A,
              static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(MILLRACE_X)}));
    MILLRACE_NEXT(1);
op_const_64:
    frame.set(MILLRACE_A, pc.word(1));
    MILLRACE_NEXT(2);
op_select: {
    const bool first = (frame.get(word::low(pc.word(1)) & 0xffff) & 0xffff'ffff) != 0;
    frame.set(MILLRACE_A, frame.get(first ? MILLRACE_B : MILLRACE_C));
    MILLRACE_NEXT(2);
}

    // ---- control --------------------------------------------------------------------------
op_head:
    if (gas >= threshold) [[unlikely]]
        goto safe_point;
    gas += MILLRACE_X;
    MILLRACE_NEXT(1);
op_charge:
    gas += MILLRACE_X;
    MILLRACE_NEXT(1);
op_br:
    pc.jump(static_cast<std::int32_t>(MILLRACE_X));
    MILLRACE_DISPATCH();

#define MILLRACE_BRANCH(condition)                                                 \
    do {                                                                           \
        const std::uint64_t link = pc.word(1);                                     \
        if (condition) {                                                           \
            pc.jump(1 + std::int64_t{static_cast<std::int32_t>(word::low(link))}); \
            MILLRACE_DISPATCH();                                                   \
        }                                                                          \
        gas += word::x(link);                                                      \
        MILLRACE_NEXT(2);                                                          \
    } while (false)
#define X(name)                                                                              \
    op_br_##name                                                                             \
        : MILLRACE_BRANCH(numeric::name(frame.get(MILLRACE_A), frame.get(MILLRACE_B)) != 0); \
    op_br_##name##_imm                                                                       \
        : MILLRACE_BRANCH(numeric::name(frame.get(MILLRACE_A),                               \
                                        static_cast<std::uint64_t>(word::imm_b(w))) != 0);
    MILLRACE_IMAGE_INT_COMPARE(X)
#undef X
#define X(name)                                                                              \
    op_br_##name                                                                             \
        : MILLRACE_BRANCH(numeric::name(frame.get(MILLRACE_A), frame.get(MILLRACE_B)) != 0); \
    op_br_not_##name                                                                         \
        : MILLRACE_BRANCH(numeric::name(frame.get(MILLRACE_A), frame.get(MILLRACE_B)) == 0);
    MILLRACE_IMAGE_FLOAT_COMPARE(X)
#undef X

op_br_table: {
    const std::uint64_t wanted = frame.get(MILLRACE_A) & 0xffff'ffff;
    const std::uint64_t entry = std::min<std::uint64_t>(wanted, MILLRACE_X);
    const std::uint64_t pair = pc.word(1 + entry / 2);
    const std::uint32_t distance = (entry & 1) != 0 ? word::x(pair) : word::low(pair);
    pc.jump(static_cast<std::int64_t>(1 + entry / 2) + static_cast<std::int32_t>(distance));
    MILLRACE_DISPATCH();
}
op_call: {
    const std::uint64_t link = pc.word(1);
    callee.entry = word::low(link);
    callee.frame_slots = word::x(link);
    callee_index = MILLRACE_X;
    goto enter;
}
op_call_indirect: {
    const std::uint64_t link = pc.word(1);
    const std::uint32_t table = word::x(link);
    const std::uint64_t element = frame.get(MILLRACE_B) & 0xffff'ffff;
    if (element >= state.table_size(table)) {
        trap = TrapCode::undefined_element;
        goto trapped;
    }
    const std::uint64_t entry = state.table_entry(table, element);
    if (entry == 0) {
        trap = TrapCode::uninitialized_element;
        goto trapped;
    }
    callee = state.function(entry);
    if (callee.type_id != word::low(link)) {
        trap = TrapCode::indirect_type_mismatch;
        goto trapped;
    }
    callee_index = state.function_index(entry);
    goto enter;
}
enter: {
    const std::uint64_t base = MILLRACE_A;
    if (depth >= kFramesMax || frame.index() + base + callee.frame_slots > kSlotsMax) {
        trap = TrapCode::stack_exhausted;
        goto trapped;
    }
    state.push_frame(depth, {pc.index() + 2, frame.index(), callee_index});
    ++depth;
    frame = frame.moved(base);
    pc = state.code(callee.entry);
    MILLRACE_DISPATCH();
}
op_ret_one:
    frame.set(0, frame.get(MILLRACE_A));
op_ret: {
    --depth;
    const FrameRecord record = state.frame_record(depth);
    pc = state.code(record.return_pc);
    frame = state.frame(record.caller_frame);
    MILLRACE_DISPATCH();
}
op_zero_locals:
    if constexpr (!Counted) {
        // At once; the number of micro-steps matters to nobody here.
        if (const std::uint64_t cost = gas::zeroed_locals(MILLRACE_X);
            state.reg(Register::progress_a) == 0) {
            if (gas + cost > gas_limit) goto broke;
            gas += cost;
            frame.clear(MILLRACE_A, MILLRACE_X);
            MILLRACE_NEXT(1);
        }
    }
    progress = state.reg(Register::progress_a);
    for (;;) {
        outcome =
            bulk::zero_locals<A>({progress, gas, gas_limit, trap}, frame, MILLRACE_A, MILLRACE_X);
        if (outcome != bulk::Outcome::again) break;
        if constexpr (Counted) {
            if (budget.used == budget.max || state.failed()) goto paused_in_work;
            ++budget.used;
        }
    }
    state.set_reg(Register::progress_a, 0);
    if (outcome == bulk::Outcome::out_of_gas) goto broke;
    MILLRACE_NEXT(1);

op_host:
    state.set_reg(Register::gas_used, gas);
    for (;;) {
        host_outcome = hosts.call(state, MILLRACE_X, kSlotsBase + 8 * (frame.index() + MILLRACE_A));
        if (host_outcome != HostOutcome::again || state.failed()) break;
        if constexpr (Counted) {
            if (budget.used == budget.max) {
                gas = state.reg(Register::gas_used);
                goto paused;
            }
            ++budget.used;
        }
    }
    gas = state.reg(Register::gas_used);
    memory = state.memory();
    // An input that cannot be read: at once, not at the next boundary.
    if (state.failed()) goto stopped;
    switch (host_outcome) {
        case HostOutcome::again:
        case HostOutcome::done:
            break;
        case HostOutcome::exit:
            stop = ExecuteStop::exit;
            goto stopped;
        case HostOutcome::trap:
            trap = static_cast<TrapCode>(state.reg(Register::trap_code));
            if (trap == TrapCode::none) trap = TrapCode::host_fault;
            goto trapped;
        case HostOutcome::out_of_gas:
            goto broke;
    }
    MILLRACE_NEXT(1);

op_boot: {
    const std::uint64_t entry_pages =
        state.load(kImageHeader + 8 * static_cast<std::uint64_t>(HeaderWord::table_pages));
    const std::uint64_t pages = std::uint64_t{MILLRACE_X} * (65'536 / kPageSize) + entry_pages;
    if (gas_limit > kGasLimitMax || !hosts.fits_memory(state, pages)) {
        trap = TrapCode::memory_limit;
        goto trapped;
    }
    if (entry_pages != 0)
        state.set_reg(Register::pages_live, state.reg(Register::pages_live) + entry_pages);
    state.set_reg(Register::memory_pages_max, pc.word(1));
    state.set_memory_pages(MILLRACE_X);
    memory = state.memory();
    MILLRACE_NEXT(2);
}
op_unreachable:
    trap = TrapCode::unreachable;
    goto trapped;
op_finish:
    stop = ExecuteStop::finish;
    goto stopped;
op_invalid:
    trap = TrapCode::invalid_code;
    goto trapped;

    // ---- memory ---------------------------------------------------------------------------
    // An effective address is the 32-bit operand plus a 32-bit offset, in 64 bits; compared with
    // the size before anything else, by every tier.
#define MILLRACE_LOAD_FROM(address, Type, Extended, words)  \
    do {                                                    \
        const std::uint64_t at = (address);                 \
        if (at + sizeof(Type) > memory.size()) [[unlikely]] \
            goto out_of_bounds;                             \
        const Type narrow = memory.template load<Type>(at); \
        const auto loaded = static_cast<Extended>(narrow);  \
        frame.set(MILLRACE_A, std::uint64_t{loaded});       \
        MILLRACE_NEXT(words);                               \
    } while (false)
#define MILLRACE_STORE_TO(address, Type, words)                                    \
    do {                                                                           \
        const std::uint64_t at = (address);                                        \
        if (at + sizeof(Type) > memory.size()) [[unlikely]]                        \
            goto out_of_bounds;                                                    \
        memory.template store<Type>(at, static_cast<Type>(frame.get(MILLRACE_A))); \
        MILLRACE_NEXT(words);                                                      \
    } while (false)
#define MILLRACE_BASE (frame.get(MILLRACE_B) & 0xffff'ffff)
#define X(name, Type, Extended)                                                         \
    op_##name : MILLRACE_LOAD_FROM(MILLRACE_BASE + MILLRACE_C, Type, Extended, 1);      \
    op_##name##_wide                                                                    \
        : MILLRACE_LOAD_FROM(MILLRACE_BASE + word::low(pc.word(1)), Type, Extended, 2); \
    op_##name##_at : MILLRACE_LOAD_FROM(MILLRACE_X, Type, Extended, 1);
    MILLRACE_IMAGE_LOAD(X)
#undef X
#define X(name, Type)                                                                     \
    op_##name : MILLRACE_STORE_TO(MILLRACE_BASE + MILLRACE_C, Type, 1);                   \
    op_##name##_wide : MILLRACE_STORE_TO(MILLRACE_BASE + word::low(pc.word(1)), Type, 2); \
    op_##name##_at : MILLRACE_STORE_TO(MILLRACE_X, Type, 1);
    MILLRACE_IMAGE_STORE(X)
#undef X

op_memory_size:
    frame.set(MILLRACE_A, state.memory_pages());
    MILLRACE_NEXT(1);
op_memory_grow: {
    const std::uint64_t pages = state.memory_pages();
    const std::uint64_t added = frame.get(MILLRACE_B) & 0xffff'ffff;
    state.set_reg(Register::gas_used, gas);
    if (added > state.memory_pages_max() || pages > state.memory_pages_max() - added ||
        !hosts.fits_memory(state, added * (65'536 / kPageSize))) {
        frame.set(MILLRACE_A, 0xffff'ffff);
        MILLRACE_NEXT(1);
    }
    if (gas + added * gas::kMemoryPage > gas_limit) goto broke;
    gas += added * gas::kMemoryPage;
    state.set_memory_pages(pages + added);
    memory = state.memory();
    frame.set(MILLRACE_A, pages);
    MILLRACE_NEXT(1);
}
op_global_get:
    frame.set(MILLRACE_A, state.global(MILLRACE_X));
    MILLRACE_NEXT(1);
op_global_set:
    state.set_global(MILLRACE_X, frame.get(MILLRACE_A));
    MILLRACE_NEXT(1);

    // ---- bulk work ------------------------------------------------------------------------
#define MILLRACE_WORK                  \
    bulk::Work {                       \
        progress, gas, gas_limit, trap \
    }
#define MILLRACE_LOW(slot) (frame.get(slot) & 0xffff'ffff)
#define MILLRACE_BULK(expression, words)                                              \
    do {                                                                              \
        progress = state.reg(Register::progress_a);                                   \
        for (;;) {                                                                    \
            outcome = (expression);                                                   \
            if (outcome != bulk::Outcome::again) break;                               \
            if constexpr (Counted) {                                                  \
                if (budget.used == budget.max || state.failed()) goto paused_in_work; \
                ++budget.used;                                                        \
            }                                                                         \
        }                                                                             \
        state.set_reg(Register::progress_a, 0);                                       \
        if (outcome == bulk::Outcome::trap) goto trapped;                             \
        if (outcome == bulk::Outcome::out_of_gas) goto broke;                         \
    } while (false)

op_memory_fill:
    MILLRACE_BULK(bulk::memory_fill(state, MILLRACE_WORK, MILLRACE_LOW(MILLRACE_A),
                                    frame.get(MILLRACE_B), MILLRACE_LOW(MILLRACE_C), memory.size()),
                  1);
    MILLRACE_NEXT(1);
op_memory_copy:
    MILLRACE_BULK(
        bulk::memory_copy(state, MILLRACE_WORK, MILLRACE_LOW(MILLRACE_A), MILLRACE_LOW(MILLRACE_B),
                          MILLRACE_LOW(MILLRACE_C), memory.size()),
        1);
    MILLRACE_NEXT(1);
op_memory_init:
    MILLRACE_BULK(
        bulk::memory_init(state, MILLRACE_WORK, word::low(pc.word(1)), MILLRACE_LOW(MILLRACE_A),
                          MILLRACE_LOW(MILLRACE_B), MILLRACE_LOW(MILLRACE_C), memory.size()),
        2);
    MILLRACE_NEXT(2);
op_data_drop:
    bulk::drop_segment(state, kSegmentFlags, MILLRACE_X);
    MILLRACE_NEXT(1);
op_elem_drop:
    bulk::drop_segment(state, kElementFlags, MILLRACE_X);
    MILLRACE_NEXT(1);
op_table_get: {
    const std::uint64_t element = MILLRACE_LOW(MILLRACE_B);
    if (element >= state.table_size(MILLRACE_C)) goto table_out_of_bounds;
    frame.set(MILLRACE_A, state.table_entry(MILLRACE_C, element));
    MILLRACE_NEXT(1);
}
op_table_set: {
    const std::uint64_t element = MILLRACE_LOW(MILLRACE_A);
    if (element >= state.table_size(MILLRACE_C)) goto table_out_of_bounds;
    state.set_table_entry(MILLRACE_C, element, frame.get(MILLRACE_B));
    MILLRACE_NEXT(1);
}
op_table_size:
    frame.set(MILLRACE_A, state.table_size(MILLRACE_X));
    MILLRACE_NEXT(1);
op_table_grow: {
    std::uint64_t answer = 0;
    MILLRACE_BULK(
        bulk::table_grow(state, MILLRACE_WORK, word::low(pc.word(1)), frame.get(MILLRACE_B),
                         MILLRACE_LOW(MILLRACE_C), answer,
                         [&](std::uint64_t pages) { return hosts.fits_memory(state, pages); }),
        2);
    frame.set(MILLRACE_A, answer);
    MILLRACE_NEXT(2);
}
op_table_fill:
    MILLRACE_BULK(
        bulk::table_fill(state, MILLRACE_WORK, word::low(pc.word(1)), MILLRACE_LOW(MILLRACE_A),
                         frame.get(MILLRACE_B), MILLRACE_LOW(MILLRACE_C)),
        2);
    MILLRACE_NEXT(2);
op_table_copy:
    MILLRACE_BULK(bulk::table_copy(state, MILLRACE_WORK, word::low(pc.word(1)), word::x(pc.word(1)),
                                   MILLRACE_LOW(MILLRACE_A), MILLRACE_LOW(MILLRACE_B),
                                   MILLRACE_LOW(MILLRACE_C)),
                  2);
    MILLRACE_NEXT(2);
op_table_init:
    MILLRACE_BULK(bulk::table_init(state, MILLRACE_WORK, word::low(pc.word(1)), word::x(pc.word(1)),
                                   MILLRACE_LOW(MILLRACE_A), MILLRACE_LOW(MILLRACE_B),
                                   MILLRACE_LOW(MILLRACE_C)),
                  2);
    MILLRACE_NEXT(2);

    // ---- ways out -------------------------------------------------------------------------
safe_point:
    stop = gas > gas_limit ? ExecuteStop::out_of_gas : ExecuteStop::boundary;
    goto stopped;
broke:
    stop = ExecuteStop::out_of_gas;
    goto stopped;
out_of_bounds:
    trap = TrapCode::memory_out_of_bounds;
    goto trapped;
table_out_of_bounds:
    trap = TrapCode::table_out_of_bounds;
    goto trapped;
trapped:
    stop = ExecuteStop::trap;
    state.set_reg(Register::trap_code, static_cast<std::uint64_t>(trap));
    // Every word runs inside a function, but for the image's first ones.
    state.set_reg(Register::trap_function, depth == 0 ? 0 : state.frame_record(depth - 1).function);
    goto stopped;
paused_in_work:
    __attribute__((unused));
    state.set_reg(Register::progress_a, progress);
paused:
    __attribute__((unused));
    stop = ExecuteStop::steps;
stopped:
    state.set_reg(Register::pc, pc.index());
    state.set_reg(Register::frame_pointer, frame.index());
    state.set_reg(Register::frame_depth, depth);
    state.set_reg(Register::gas_used, gas);
    return state.failed() ? ExecuteStop::fault : stop;

#undef MILLRACE_DISPATCH
#undef MILLRACE_NEXT
#undef MILLRACE_A
#undef MILLRACE_B
#undef MILLRACE_C
#undef MILLRACE_X
#undef MILLRACE_BRANCH
#undef MILLRACE_LOAD_FROM
#undef MILLRACE_STORE_TO
#undef MILLRACE_BASE
#undef MILLRACE_WORK
#undef MILLRACE_LOW
#undef MILLRACE_BULK
}

#pragma GCC diagnostic pop

}  // namespace millrace::vm
