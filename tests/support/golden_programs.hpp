#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/machine_programs.hpp"
#include "vm/module/opcodes.hpp"
#include "vm/wasi/abi.hpp"

/// The programs of the golden files of the machine: those of machine_programs.hpp and, beside them,
/// every numeric instruction over the edges of its type, every access across a page border, tables
/// and references, several results, each call of WASI, each trap, and the end of the gas. Written
/// against the opcode table, so that a new instruction is in a program, or fails the test that
/// asks.
namespace millrace::test {

struct GoldenProgram {
    std::string name;
    Bytes module;
    std::uint64_t gas_limit = std::uint64_t{1} << 30;
};

namespace golden {

constexpr std::uint32_t kA = 0, kB = 1, kFolded = 2;  // locals of `fold` functions

/// i64 on the stack into the folded word.
inline void fold(WasmCode& code) {
    code.op(Opcode::local_get, kFolded).i64(7).op(Opcode::i64_rotl);
    code.op(Opcode::i64_xor).op(Opcode::local_set, kFolded);
}
inline void fold_constant(WasmCode& code, std::int64_t value) {
    code.i64(value);
    fold(code);
}
inline void push_operand(WasmCode& code, ValType type, std::uint32_t local) {
    code.op(Opcode::local_get, local);
    if (type == ValType::i32 || type == ValType::f32) code.op(Opcode::i32_wrap_i64);
    if (type == ValType::f32) code.op(Opcode::f32_reinterpret_i32);
    if (type == ValType::f64) code.op(Opcode::f64_reinterpret_i64);
}
inline void fold_result(WasmCode& code, ValType type) {
    if (type == ValType::f32) code.op(Opcode::i32_reinterpret_f32);
    if (type == ValType::f64) code.op(Opcode::i64_reinterpret_f64);
    if (type == ValType::i32 || type == ValType::f32) code.op(Opcode::i64_extend_i32_u);
    fold(code);
}
inline void push_constant(WasmCode& code, ValType type, std::int32_t value) {
    if (type == ValType::i32)
        code.i32(value);
    else
        code.i64(value);
}
inline bool is_integer(ValType type) {
    return type == ValType::i32 || type == ValType::i64;
}
inline bool divides(const vm::OpcodeInfo& row) {
    return row.text.find("div_") != std::string_view::npos ||
           row.text.find("rem_") != std::string_view::npos;
}

/// Operands that the instruction does not trap on.
inline void push_operands(WasmCode& code, const vm::OpcodeInfo& row) {
    const ValType type = row.signature.pops.at(0);
    if (row.text.find(".trunc_f") != std::string_view::npos) {
        const bool is_signed = row.text.ends_with("_s");
        push_operand(code, ValType::i32, kA);
        code.i32(2).op(is_signed ? Opcode::i32_shr_s : Opcode::i32_shr_u);
        if (type == ValType::f32)
            code.op(Opcode::f32_convert_i32_s);
        else
            code.op(Opcode::f64_convert_i32_s);
        return;
    }
    push_operand(code, type, kA);
    if (divides(row)) {
        push_constant(code, type, 1);
        code.op(type == ValType::i32 ? Opcode::i32_shr_s : Opcode::i64_shr_s);
    }
    if (row.signature.pop_count < 2) return;
    push_operand(code, type, kB);
    if (divides(row)) {
        push_constant(code, type, 1);
        code.op(type == ValType::i32 ? Opcode::i32_or : Opcode::i64_or);
    }
}

/// (a, b) -> everything that the instructions on `type` make of them: as values, with an immediate,
/// and as conditions of both kinds of branch.
inline WasmCode fold_numeric(ValType type) {
    WasmCode code;
    for (const vm::OpcodeInfo& row : vm::kOpcodes) {
        const vm::OpSignature& signature = row.signature;
        if (row.immediate != vm::Immediate::none || signature.special ||
            signature.push_count != 1 || signature.pops.at(0) != type)
            continue;
        const auto number = static_cast<std::int64_t>(row.op);
        push_operands(code, row);
        code.op(row.op);
        fold_result(code, signature.push);
        const bool binary = signature.pop_count == 2;
        // Two of each that fuse: one may meet a safe point, which keeps its parts apart.
        for (const std::int32_t immediate : {13, -300}) {
            if (!binary || !is_integer(type)) break;
            push_operand(code, type, kA);
            push_constant(code, type, immediate);
            code.op(row.op);
            fold_result(code, signature.push);
        }
        // What a condition can be made of.
        const bool compares = binary && signature.push == ValType::i32 &&
                              (type != ValType::i32 || row.op <= Opcode::i32_ge_u);
        const bool tests = row.op == Opcode::i32_eqz || row.op == Opcode::i64_eqz;
        if (!compares && !tests) continue;
        for (const bool immediate : {false, true}) {
            if (immediate && (!is_integer(type) || tests)) continue;
            const auto push_condition = [&] {
                push_operand(code, type, kA);
                if (immediate)
                    push_constant(code, type, -1);
                else if (!tests)
                    push_operand(code, type, kB);
                code.op(row.op);
            };
            code.open(Opcode::block);
            push_condition();
            code.op(Opcode::br_if, 0);
            fold_constant(code, number);
            code.end();
            push_condition();
            code.open(Opcode::if_);
            fold_constant(code, ~number);
            code.end();
            code.open(Opcode::block);
            push_condition();
            code.op(Opcode::i32_eqz).op(Opcode::br_if, 0);
            fold_constant(code, number + 1'000);
            code.end();
        }
    }
    code.op(Opcode::local_get, kFolded);
    return code;
}

inline std::vector<std::uint64_t> edges_of(ValType type) {
    switch (type) {
        case ValType::i32:
            return {0, 1, 0xffffffff, 0x7fffffff, 0x80000000, 0x12345678, 0x8081, 0xffff8000};
        case ValType::i64:
            return {0,
                    1,
                    ~std::uint64_t{0},
                    0x7fffffffffffffff,
                    0x8000000000000000,
                    0x123456789abcdef0,
                    0x80000000,
                    0xffffffff00008080};
        case ValType::f32:  // zeros, ones, a half, subnormals, the largest, infinities, both NaNs
            return {0x00000000, 0x80000000, 0x3f800000, 0xbf000000, 0x00000001,
                    0x807fffff, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00000,
                    0xffa12345, 0x4f000000, 0x5f800000, 0x3fc00000};
        default:
            return {0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbfe0000000000000,
                    0x0000000000000001, 0x800fffffffffffff, 0x7fefffffffffffff, 0x7ff0000000000000,
                    0xfff0000000000000, 0x7ff8000000000000, 0xfff4123456789abc, 0x41dfffffffc00000,
                    0x43f0000000000000, 0x3ff8000000000000, 0x36a0000000000000, 0x47efffffe0000000};
    }
}

/// Every instruction whose first operand is a `type`, over all pairs of edges; each pair's word is
/// kept in memory.
inline Bytes numeric_program(ValType type) {
    constexpr std::int32_t kWords = 0x400;
    const std::vector<std::uint64_t> edges = edges_of(type);
    const auto bytes = static_cast<std::int32_t>(8 * edges.size());
    WasmBuilder builder;
    const std::uint32_t none = builder.type({}, {});
    const std::uint32_t folds = builder.type({ValType::i64, ValType::i64}, {ValType::i64});
    const std::uint32_t function = builder.function(folds, fold_numeric(type), {{1, ValType::i64}});
    WasmCode start;  // locals: place of a, place of b, place of the word
    start.i32(kWords).op(Opcode::local_set, 2);
    start.open(Opcode::loop).i32(0).op(Opcode::local_set, 1).open(Opcode::loop);
    start.op(Opcode::local_get, 2);
    start.op(Opcode::local_get, 0).op(Opcode::i64_load, 3, 0);
    start.op(Opcode::local_get, 1).op(Opcode::i64_load, 3, 0);
    start.op(Opcode::call, function).op(Opcode::i64_store, 3, 0);
    for (const std::uint32_t local : {2U, 1U}) {
        start.op(Opcode::local_get, local).i32(8).op(Opcode::i32_add);
        start.op(Opcode::local_set, local);
    }
    start.op(Opcode::local_get, 1).i32(bytes).op(Opcode::i32_lt_u).op(Opcode::br_if, 0).end();
    start.op(Opcode::local_get, 0).i32(8).op(Opcode::i32_add).op(Opcode::local_tee, 0);
    start.i32(bytes).op(Opcode::i32_lt_u).op(Opcode::br_if, 0).end();
    const std::uint32_t entry = builder.function(none, start, {{3, ValType::i32}});
    builder.memory(1);
    WasmBytes table;
    for (const std::uint64_t edge : edges) table.fixed64(edge);
    builder.data(0, table.bytes());
    builder.export_memory("memory");
    builder.export_function("_start", entry);
    return builder.build();
}

/// Every load and store at each place around a page's border, with the offset in the instruction
/// small, wide, and all there is.
inline Bytes access_program() {
    constexpr std::uint32_t kFar = 70'000;
    WasmBuilder builder;
    const std::uint32_t none = builder.type({}, {});
    const std::uint32_t folds = builder.type({ValType::i64, ValType::i64}, {ValType::i64});
    WasmCode code;  // a: the address, b: the value
    std::uint32_t shift = 0;
    for (const vm::OpcodeInfo& row : vm::kOpcodes) {
        if (row.immediate != vm::Immediate::memarg || row.signature.push_count != 0) continue;
        for (const std::uint32_t offset : {shift++ % 5, kFar}) {
            push_operand(code, ValType::i32, kA);
            push_operand(code, row.signature.pops.at(1), kB);
            code.op(row.op, 0, offset);
        }
        code.i32(static_cast<std::int32_t>(9'000 + 8 * shift));
        push_operand(code, row.signature.pops.at(1), kB);
        code.op(row.op, 0, 3);
    }
    for (const vm::OpcodeInfo& row : vm::kOpcodes) {
        if (row.immediate != vm::Immediate::memarg || row.signature.push_count != 1) continue;
        for (const std::uint32_t offset : {shift++ % 5, kFar}) {
            push_operand(code, ValType::i32, kA);
            code.op(row.op, 0, offset);
            fold_result(code, row.signature.push);
        }
        code.i32(static_cast<std::int32_t>(8'950 + 8 * shift)).op(row.op, 0, 3);
        fold_result(code, row.signature.push);
    }
    code.op(Opcode::local_get, kFolded);
    const std::uint32_t function = builder.function(folds, code, {{1, ValType::i64}});
    WasmCode start;
    start.i64(4'084).op(Opcode::local_set, 0).open(Opcode::loop);
    start.op(Opcode::local_get, 0).op(Opcode::i32_wrap_i64);
    start.op(Opcode::local_get, 0).op(Opcode::local_get, 0);
    start.i64(static_cast<std::int64_t>(0xc2b2ae3d27d4eb4f)).op(Opcode::i64_mul);
    start.op(Opcode::call, function).op(Opcode::i64_store, 0, 16'384);
    start.op(Opcode::local_get, 0).i64(1).op(Opcode::i64_add).op(Opcode::local_tee, 0);
    start.i64(4'100).op(Opcode::i64_lt_u).op(Opcode::br_if, 0).end();
    const std::uint32_t entry = builder.function(none, start, {{1, ValType::i64}});
    builder.memory(2);
    builder.export_memory("memory");
    builder.export_function("_start", entry);
    return builder.build();
}

/// Tables of both kinds of reference: set, get, grown, filled, compared with null, selected.
inline Bytes references_program() {
    WasmBuilder builder;
    const std::uint32_t none = builder.type({}, {});
    const std::uint32_t number = builder.type({}, {ValType::i32});
    builder.table(10, 600);
    builder.table(4, 40, ValType::externref);
    builder.memory(1);
    WasmCode init;
    init.op(Opcode::ref_null).type(ValType::funcref);
    const std::uint32_t kept = builder.global(ValType::funcref, true, init);
    const std::uint32_t one = builder.function(number, WasmCode{}.i32(11));
    const std::uint32_t two = builder.function(number, WasmCode{}.i32(22));
    WasmCode code;
    std::int32_t place = 0;
    const auto keep = [&](auto push) {
        code.i32(place);
        place += 4;
        push();
        code.op(Opcode::i32_store, 2, 0);
    };
    code.i32(3).op(Opcode::ref_func, one).op(Opcode::table_set, 0);
    code.i32(4).op(Opcode::ref_func, two).op(Opcode::table_set, 0);
    keep([&] { code.i32(3).op(Opcode::table_get, 0).op(Opcode::ref_is_null); });
    keep([&] { code.i32(5).op(Opcode::table_get, 0).op(Opcode::ref_is_null); });
    keep([&] { code.i32(4).op(Opcode::call_indirect, number, 0); });
    code.op(Opcode::ref_func, one).op(Opcode::ref_func, two).op(Opcode::local_get, 0);
    code.op(Opcode::select_t, 1).type(ValType::funcref);
    code.op(Opcode::global_set, kept);
    code.i32(9).op(Opcode::global_get, kept).op(Opcode::table_set, 0);
    keep([&] { code.i32(9).op(Opcode::call_indirect, number, 0); });
    keep([&] { code.op(Opcode::ref_func, one).i32(500).op(Opcode::table_grow, 0); });
    keep([&] { code.op(Opcode::ref_func, one).i32(500).op(Opcode::table_grow, 0); });
    keep([&] { code.op(Opcode::table_size, 0); });
    keep([&] {
        code.op(Opcode::ref_null).type(ValType::externref);
        code.i32(30).op(Opcode::table_grow, 1);
    });
    code.i32(2);
    code.op(Opcode::ref_null).type(ValType::externref);
    code.i32(20).op(Opcode::table_fill, 1);
    code.i32(8).i32(0).i32(7).op(Opcode::table_copy, 1, 1);
    keep([&] { code.op(Opcode::table_size, 1); });
    keep([&] { code.i32(21).op(Opcode::table_get, 1).op(Opcode::ref_is_null); });
    const std::uint32_t entry = builder.function(none, code, {{1, ValType::i32}});
    builder.declare_functions({one, two});
    builder.export_memory("memory");
    builder.export_function("_start", entry);
    return builder.build();
}

/// Several results and parameters of blocks, loops and functions; globals of every type; a start
/// function; both branches of an if; a br_table with values; memory grown, and refused to grow.
inline Bytes control_program() {
    WasmBuilder builder;
    const std::uint32_t none = builder.type({}, {});
    const std::uint32_t swap =
        builder.type({ValType::i32, ValType::i64}, {ValType::i64, ValType::i32});
    const std::uint32_t pair =
        builder.type({ValType::i32, ValType::i32}, {ValType::i32, ValType::i32});
    const std::uint32_t choose = builder.type({ValType::i32}, {ValType::i32});
    builder.memory(1, 3);
    const std::uint32_t g32 = builder.global(ValType::i32, true, WasmCode{}.i32(-5));
    const std::uint32_t g64 = builder.global(ValType::i64, true, WasmCode{}.i64(-6));
    const std::uint32_t f32 = builder.global(ValType::f32, true, WasmCode{}.f32_bits(0x40490fdb));
    const std::uint32_t f64 =
        builder.global(ValType::f64, true, WasmCode{}.f64_bits(0x400921fb54442d18));
    WasmCode swapping;
    swapping.op(Opcode::local_get, 1).op(Opcode::local_get, 0);
    const std::uint32_t swaps = builder.function(swap, swapping);
    WasmCode fibonacci;  // a loop that carries two values
    fibonacci.op(Opcode::local_get, 0).op(Opcode::local_get, 1).open_typed(Opcode::loop, pair);
    fibonacci.op(Opcode::local_tee, 3).op(Opcode::local_set, 4).op(Opcode::local_set, 2);
    fibonacci.op(Opcode::local_get, 3);
    fibonacci.op(Opcode::local_get, 2).op(Opcode::local_get, 4).op(Opcode::i32_add);
    fibonacci.op(Opcode::local_tee, 2).op(Opcode::local_get, 2).i32(1'000).op(Opcode::i32_lt_s);
    fibonacci.op(Opcode::br_if, 0).end();
    const std::uint32_t fib = builder.function(pair, fibonacci, {{3, ValType::i32}});
    WasmCode nested;
    for (int i = 0; i < 4; ++i) nested.open(Opcode::block);
    nested.op(Opcode::local_get, 0).br_table({2, 0, 1}, 3).end();
    nested.i32(100).op(Opcode::return_).end();
    nested.i32(200).op(Opcode::return_).end();
    nested.op(Opcode::local_get, 0).open(Opcode::if_, ValType::i32).i32(300);
    nested.op(Opcode::else_).i32(400).end().op(Opcode::return_).end();
    nested.op(Opcode::local_get, 0).i32(3).op(Opcode::i32_gt_u).open(Opcode::if_);
    nested.i32(500).op(Opcode::return_).op(Opcode::unreachable).end();
    nested.i32(600);
    const std::uint32_t picks = builder.function(choose, nested);
    WasmCode before;
    before.op(Opcode::global_get, g32).i32(3).op(Opcode::i32_mul).op(Opcode::global_set, g32);
    before.op(Opcode::global_get, g64).i64(77).op(Opcode::i64_xor).op(Opcode::global_set, g64);
    before.op(Opcode::global_get, f32).f32_bits(0x3f000000).op(Opcode::f32_mul);
    before.op(Opcode::global_set, f32);
    before.op(Opcode::global_get, f64).f64_bits(0x3fe0000000000000).op(Opcode::f64_div);
    before.op(Opcode::global_set, f64);
    const std::uint32_t starts = builder.function(none, before);
    WasmCode code;
    code.i32(8).i32(-7).i64(std::int64_t{1} << 40).op(Opcode::call, swaps);
    code.op(Opcode::drop).op(Opcode::i64_store, 3, 0);
    code.i32(1).i32(1).op(Opcode::call, fib).op(Opcode::i32_add).op(Opcode::local_set, 0);
    code.i32(16).op(Opcode::local_get, 0).op(Opcode::i32_store, 2, 0);
    for (std::int32_t i = 0; i < 6; ++i)
        code.i32(32 + 4 * i).i32(i).op(Opcode::call, picks).op(Opcode::i32_store, 2, 0);
    code.i32(64).i32(1).op(Opcode::memory_grow, 0).op(Opcode::i32_store, 2, 0);
    code.i32(68).i32(5).op(Opcode::memory_grow, 0).op(Opcode::i32_store, 2, 0);
    code.i32(72).op(Opcode::memory_size, 0).op(Opcode::i32_store, 2, 0);
    code.i32(80).op(Opcode::global_get, f64).op(Opcode::f64_store, 3, 0);
    code.i32(88).op(Opcode::global_get, f32).op(Opcode::f32_store, 2, 0);
    code.i32(96).i32(-9).i32(5).op(Opcode::local_get, 0).op(Opcode::select);
    code.op(Opcode::i32_store, 2, 0);
    const std::uint32_t entry = builder.function(none, code, {{1, ValType::i32}});
    builder.start(starts);
    builder.export_memory("memory");
    builder.export_function("_start", entry);
    return builder.build();
}

/// An argument of a host call: a number, or the word in memory at an address.
struct Loaded {
    std::int32_t at;
};
using CallArgument = std::variant<std::int64_t, Loaded>;

/// Makes every call of the table at least once, on files of its own; each error number is kept in
/// memory, and a folder with one file is left.
inline Bytes files_program() {
    constexpr std::int32_t kErrors = 0x6000, kFd = 0x210, kFd2 = 0x228, kOut = 0x240;
    constexpr std::int32_t kWrite = 0x200, kRead = 0x208, kBuffer = 0x3000, kPoll = 0x2a00;
    constexpr std::int32_t kDir = 0x100, kOne = 0x110, kTwo = 0x120, kText = 0x130;
    WasmBuilder builder;
    const std::uint32_t none = builder.type({}, {});
    std::array<std::uint32_t, vm::kHostCallCount> imports{};
    for (const vm::HostFunction& row : vm::kHostFunctions) {
        WasmBuilder::Types params;
        for (const char letter : row.params)
            params.push_back(letter == 'i' ? ValType::i32 : ValType::i64);
        const std::uint32_t type =
            row.has_result ? builder.type(params, {ValType::i32}) : builder.type(params, {});
        imports.at(static_cast<std::size_t>(row.call)) =
            builder.import_function(vm::kWasiModule, row.name, type);
    }
    WasmCode code;
    std::int32_t errors = kErrors;
    const auto call = [&](vm::HostCall which, const std::vector<CallArgument>& arguments) {
        const vm::HostFunction& row = vm::host_function(which);
        if (row.has_result) code.i32(errors);
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            if (const auto* loaded = std::get_if<Loaded>(&arguments[i]))
                code.i32(loaded->at).op(Opcode::i32_load, 2, 0);
            else if (row.params[i] == 'i')
                code.i32(static_cast<std::int32_t>(std::get<std::int64_t>(arguments[i])));
            else
                code.i64(std::get<std::int64_t>(arguments[i]));
        }
        code.op(Opcode::call, imports.at(static_cast<std::size_t>(which)));
        if (row.has_result) code.op(Opcode::i32_store16, 1, 0);
        errors += 2;
    };
    using enum vm::HostCall;
    const Loaded fd{kFd}, fd2{kFd2};
    call(path_create_directory, {3, kDir, 3});
    call(path_open, {3, 0, kOne, 7, 1, -1, -1, 0, kFd});
    call(fd_write, {fd, kWrite, 1, kOut});
    call(fd_write, {fd, kWrite, 1, kOut});
    call(fd_seek, {fd, 5, 0, kOut});
    call(fd_read, {fd, kRead, 1, kOut});
    call(fd_pread, {fd, kRead, 1, 3, kOut});
    call(fd_pwrite, {fd, kWrite, 1, 5'000, kOut});
    call(fd_tell, {fd, kOut});
    call(fd_filestat_get, {fd, 0x2800});
    call(fd_filestat_set_size, {fd, 9'000});
    call(fd_filestat_set_times, {fd, 1, 2, 5});
    call(fd_allocate, {fd, 0, 20'000});
    call(fd_fdstat_get, {fd, 0x2840});
    call(fd_fdstat_set_flags, {fd, 1});
    call(fd_fdstat_set_rights, {fd, 0x1fffff, 0});
    call(fd_sync, {fd});
    call(fd_datasync, {fd});
    call(fd_advise, {fd, 0, 0, 0});
    call(path_rename, {3, kOne, 7, 3, kTwo, 7});
    call(path_filestat_get, {3, 0, kTwo, 7, 0x2880});
    call(path_filestat_set_times, {3, 0, kTwo, 7, 3, 4, 5});
    call(path_open, {3, 0, kDir, 3, 2, 1 << 14, 0, 0, kFd2});
    call(fd_readdir, {fd2, 0x3100, 512, 0, kOut});
    call(fd_prestat_get, {3, 0x2600});
    call(fd_prestat_dir_name, {3, 0x2610, 1});
    call(args_sizes_get, {kOut, kOut + 4});
    call(args_get, {0x3400, 0x3500});
    call(environ_sizes_get, {kOut + 8, kOut + 12});
    call(environ_get, {0x3600, 0x3700});
    call(clock_time_get, {1, 1, 0x2620});
    call(clock_res_get, {0, 0x2628});
    call(random_get, {0x2ff0, 40});
    call(poll_oneoff, {kPoll, kPoll + 48, 1, kOut});
    call(sched_yield, {});
    call(path_symlink, {kDir, 3, 3, kOne, 7});
    call(path_link, {3, 0, kTwo, 7, 3, kOne, 7});
    call(path_readlink, {3, kTwo, 7, kBuffer, 10, kOut});
    call(sock_accept, {fd, 0, kOut});
    call(sock_recv, {fd, kRead, 1, 0, kOut, kOut});
    call(sock_send, {fd, kWrite, 1, 0, kOut});
    call(sock_shutdown, {fd, 1});
    call(path_unlink_file, {3, kTwo, 7});
    call(path_open, {3, 0, kOne, 7, 1, -1, -1, 0, kFd + 4});
    call(fd_write, {Loaded{kFd + 4}, kWrite, 1, kOut});
    call(fd_renumber, {Loaded{kFd + 4}, fd2});
    call(fd_close, {fd2});
    call(fd_close, {fd2});
    call(path_remove_directory, {3, kDir, 3});
    call(proc_raise, {0});
    call(proc_exit, {70});
    const std::uint32_t entry = builder.function(none, code);
    builder.memory(1);
    builder.data(kDir, as_bytes("dir"));
    builder.data(kOne, as_bytes("dir/one"));
    builder.data(kTwo, as_bytes("dir/two"));
    builder.data(kText, as_bytes("a line of text\n"));
    const WasmBytes vectors = WasmBytes{}.fixed32(kText).fixed32(15).fixed32(kBuffer).fixed32(100);
    builder.data(kWrite, vectors.bytes());
    builder.export_memory("memory");
    builder.export_function("_start", entry);
    return builder.build();
}

/// Ends in one trap each. The operand that decides comes out of memory, which is zero.
inline std::vector<std::pair<std::string, Bytes>> trap_programs() {
    const auto zero = [](WasmCode& code) -> WasmCode& {
        return code.i32(0).op(Opcode::i32_load, 2, 0);
    };
    const auto with_table = [&](std::int32_t entry) {
        WasmBuilder builder;
        const std::uint32_t none = builder.type({}, {});
        const std::uint32_t number = builder.type({}, {ValType::i32});
        builder.table(4);
        builder.memory(1);
        WasmCode code;
        zero(code).i32(entry).op(Opcode::i32_add).op(Opcode::call_indirect, number, 0);
        code.op(Opcode::drop);
        const std::uint32_t start = builder.function(none, code);
        builder.elements(1, {start});
        builder.export_memory("memory");
        builder.export_function("_start", start);
        return builder.build();
    };
    WasmCode unreachable, overflow, conversion, bounds, fill;
    unreachable.op(Opcode::unreachable);
    zero(overflow).i32(static_cast<std::int32_t>(0x80000000)).op(Opcode::i32_or);
    zero(overflow).i32(1).op(Opcode::i32_sub).op(Opcode::i32_div_s).op(Opcode::drop);
    zero(conversion).i32(0x7fc00000).op(Opcode::i32_or).op(Opcode::f32_reinterpret_i32);
    conversion.op(Opcode::i32_trunc_f32_u).op(Opcode::drop);
    zero(bounds).op(Opcode::i64_load, 3, 65'529).op(Opcode::drop);
    zero(fill).i32(1).i32(65'537).op(Opcode::memory_fill, 0);
    WasmBuilder beyond;
    const std::uint32_t none = beyond.type({}, {});
    beyond.table(4);
    beyond.memory(1);
    WasmCode get;
    zero(get).i32(4).op(Opcode::i32_add).op(Opcode::table_get, 0).op(Opcode::drop);
    const std::uint32_t start = beyond.function(none, get);
    beyond.export_memory("memory");
    beyond.export_function("_start", start);
    WasmBuilder large;
    const std::uint32_t large_none = large.type({}, {});
    const std::uint32_t large_start = large.function(large_none, WasmCode{});
    large.memory(2'000);
    large.export_memory("memory");
    large.export_function("_start", large_start);
    return {{"trap_unreachable", command_module(unreachable)},
            {"trap_overflow", command_module(overflow)},
            {"trap_conversion", command_module(conversion)},
            {"trap_bounds", command_module(bounds)},
            {"trap_fill", command_module(fill)},
            {"trap_null", with_table(2)},
            {"trap_undefined", with_table(4)},
            {"trap_mismatch", with_table(1)},
            {"trap_table", beyond.build()},
            {"trap_memory_limit", large.build()}};
}

}  // namespace golden

inline std::vector<GoldenProgram> golden_programs() {
    std::vector<GoldenProgram> out;
    for (const Program& program : all_programs()) out.push_back({program.name, program.module});
    out.push_back({"i32", golden::numeric_program(ValType::i32)});
    out.push_back({"i64", golden::numeric_program(ValType::i64)});
    out.push_back({"f32", golden::numeric_program(ValType::f32)});
    out.push_back({"f64", golden::numeric_program(ValType::f64)});
    out.push_back({"access", golden::access_program()});
    out.push_back({"references", golden::references_program()});
    out.push_back({"control", golden::control_program()});
    out.push_back({"files", golden::files_program()});
    for (auto& [name, module] : golden::trap_programs()) out.push_back({name, std::move(module)});
    // Stops in the middle of a segment, and of a block of code.
    out.push_back({"out_of_gas", loop_program(1'000'000), 23'456});
    return out;
}

}  // namespace millrace::test
