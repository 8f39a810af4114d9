#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/wasm_builder.hpp"
#include "vm/image/publish.hpp"
#include "vm/machine/task_run.hpp"

/// Small programs that together use every kind of instruction and every way to end, and what is
/// needed to run them.
namespace millrace::test {

using vm::Opcode;
using vm::ValType;

struct Program {
    std::string name;
    Bytes module;
};

/// Counts down from `rounds`, mixing 32- and 64-bit arithmetic into memory, across pages.
inline Bytes loop_program(std::int32_t rounds) {
    WasmCode code;
    code.i32(rounds).op(Opcode::local_set, 0);
    code.open(Opcode::loop);
    code.op(Opcode::local_get, 0).i32(3).op(Opcode::i32_mul).op(Opcode::local_set, 1);
    // memory[(i * 511) & 0xffff] ^= i * 0x9e3779b97f4a7c15
    code.op(Opcode::local_get, 0).i32(511).op(Opcode::i32_mul).i32(0xfff0).op(Opcode::i32_and);
    code.op(Opcode::local_tee, 2);
    code.op(Opcode::local_get, 2).op(Opcode::i64_load, 0, 3);
    code.op(Opcode::local_get, 0).op(Opcode::i64_extend_i32_u);
    code.i64(static_cast<std::int64_t>(0x9e3779b97f4a7c15)).op(Opcode::i64_mul);
    code.op(Opcode::i64_xor).op(Opcode::i64_store, 0, 3);
    code.op(Opcode::local_get, 0).i32(1).op(Opcode::i32_sub).op(Opcode::local_tee, 0);
    code.op(Opcode::br_if, 0).end();
    return command_module(code, {{3, ValType::i32}});
}

/// Recursion with many locals in each frame, so frames cross pages; ends in a trap when
/// `deep` is too deep for the stack.
inline Bytes recursion_program(std::int32_t deep) {
    WasmBuilder builder;
    const std::uint32_t none = builder.type({}, {});
    const std::uint32_t unary = builder.type({ValType::i32}, {ValType::i32});
    WasmCode descend;
    descend.op(Opcode::local_get, 0).op(Opcode::i32_eqz).open(Opcode::if_);
    descend.i32(7).op(Opcode::return_).end();
    descend.i32(100).op(Opcode::local_get, 0).i32(1).op(Opcode::i32_sub);
    descend.op(Opcode::call, 0).op(Opcode::i32_add);
    descend.op(Opcode::local_get, 150).op(Opcode::i32_add);
    const std::uint32_t function = builder.function(unary, descend, {{600, ValType::i32}});
    WasmCode start;
    start.i32(16).i32(deep).op(Opcode::call, function).op(Opcode::i32_store, 2, 0);
    const std::uint32_t entry = builder.function(none, start);
    builder.memory(1);
    builder.export_memory("memory");
    builder.export_function("_start", entry);
    return builder.build();
}

/// Fills, copies both ways over page borders, initialises from segments, grows memory and tables,
/// calls through a table.
inline Bytes bulk_program() {
    WasmBuilder builder;
    const std::uint32_t none = builder.type({}, {});
    const std::uint32_t unary = builder.type({ValType::i32}, {ValType::i32});
    builder.table(4, 3000);
    builder.memory(1, 4);
    builder.global(ValType::i32, true, WasmCode{}.i32(5));
    WasmCode twice;
    twice.op(Opcode::local_get, 0).i32(1).op(Opcode::i32_shl);
    const std::uint32_t callee = builder.function(unary, twice);
    WasmCode code;
    code.i32(100).i32(0xab).i32(9000).op(Opcode::memory_fill, 0);
    code.i32(5000).i32(100).i32(12000).op(Opcode::memory_copy, 0, 0);
    code.i32(200).i32(4100).i32(10000).op(Opcode::memory_copy, 0, 0);
    code.i32(4090).i32(1).i32(9).op(Opcode::memory_init, 0, 0).op(Opcode::data_drop, 0);
    code.i32(2).op(Opcode::memory_grow, 0).op(Opcode::drop);
    code.op(Opcode::ref_func, callee).i32(1500).op(Opcode::table_grow, 0).op(Opcode::drop);
    code.i32(1).op(Opcode::ref_func, callee).i32(1000).op(Opcode::table_fill, 0);
    code.i32(600).i32(3).i32(700).op(Opcode::table_copy, 0, 0);
    code.i32(0).i32(0).i32(2).op(Opcode::table_init, 0, 0).op(Opcode::elem_drop, 0);
    code.op(Opcode::global_get, 0).i32(0).op(Opcode::call_indirect, unary, 0);
    code.op(Opcode::global_set, 0);
    code.op(Opcode::global_get, 0).op(Opcode::f64_convert_i32_s).op(Opcode::f64_sqrt);
    code.op(Opcode::i32_trunc_f64_s).op(Opcode::global_set, 0);
    const std::uint32_t entry = builder.function(none, code);
    builder.passive_elements({callee, callee});
    builder.passive_data(as_bytes("a segment of data"));
    builder.announce_data_count();
    builder.export_memory("memory");
    builder.export_function("_start", entry);
    return builder.build();
}

/// br_table with values to move, blocks with results, select, traps at the end on a division.
inline Bytes branches_program() {
    WasmBuilder builder;
    const std::uint32_t none = builder.type({}, {});
    const std::uint32_t pick = builder.type({ValType::i32}, {ValType::i32});
    WasmCode table;
    table.open(Opcode::block, ValType::i32).open(Opcode::block, ValType::i32);
    table.i32(1000).i32(20).op(Opcode::local_get, 0);
    table.br_table({0, 1, 0, 1}, 1).end();
    table.i32(1).op(Opcode::i32_add).end();
    table.i32(3).i32(4).op(Opcode::local_get, 0).op(Opcode::select).op(Opcode::i32_mul);
    const std::uint32_t function = builder.function(pick, table);
    WasmCode code;
    code.i32(6).op(Opcode::local_set, 0).open(Opcode::loop);
    code.op(Opcode::local_get, 0).i32(4).op(Opcode::i32_mul);
    code.op(Opcode::local_get, 0).op(Opcode::call, function).op(Opcode::i32_store, 2, 0);
    code.op(Opcode::local_get, 0).i32(1).op(Opcode::i32_sub).op(Opcode::local_tee, 0);
    code.op(Opcode::br_if, 0).end();
    code.i32(1).op(Opcode::local_get, 0).op(Opcode::i32_div_u).op(Opcode::drop);
    const std::uint32_t entry = builder.function(none, code, {{1, ValType::i32}});
    builder.memory(1);
    builder.export_memory("memory");
    builder.export_function("_start", entry);
    return builder.build();
}

/// Writes to standard output, reads the clock and random bytes, makes a file, exits with 3.
inline Bytes host_program() {
    WasmBuilder builder;
    const std::uint32_t none = builder.type({}, {});
    const std::uint32_t write_type =
        builder.type({ValType::i32, ValType::i32, ValType::i32, ValType::i32}, {ValType::i32});
    const std::uint32_t exit_type = builder.type({ValType::i32}, {});
    const std::uint32_t random_type = builder.type({ValType::i32, ValType::i32}, {ValType::i32});
    const std::uint32_t open_type =
        builder.type({ValType::i32, ValType::i32, ValType::i32, ValType::i32, ValType::i32,
                      ValType::i64, ValType::i64, ValType::i32, ValType::i32},
                     {ValType::i32});
    const std::string_view wasi = "wasi_snapshot_preview1";
    const std::uint32_t fd_write = builder.import_function(wasi, "fd_write", write_type);
    const std::uint32_t proc_exit = builder.import_function(wasi, "proc_exit", exit_type);
    const std::uint32_t random_get = builder.import_function(wasi, "random_get", random_type);
    const std::uint32_t path_open = builder.import_function(wasi, "path_open", open_type);
    WasmCode code;
    code.i32(0).i32(64).op(Opcode::i32_store, 2, 0).i32(4).i32(6).op(Opcode::i32_store, 2, 0);
    code.i32(1).i32(0).i32(1).i32(8).op(Opcode::call, fd_write).op(Opcode::drop);
    code.i32(4000).i32(200).op(Opcode::call, random_get).op(Opcode::drop);
    code.i32(3).i32(0).i32(70).i32(4).i32(1).i64(-1).i64(-1).i32(0).i32(16);
    code.op(Opcode::call, path_open).op(Opcode::drop);
    code.i32(16).op(Opcode::i32_load, 2, 0).i32(0).i32(1).i32(8);
    code.op(Opcode::call, fd_write).op(Opcode::drop);
    code.i32(3).op(Opcode::call, proc_exit);
    const std::uint32_t entry = builder.function(none, code);
    builder.memory(1);
    builder.data(64, as_bytes("hello\nnote"));
    builder.export_memory("memory");
    builder.export_function("_start", entry);
    return builder.build();
}

inline std::vector<Program> all_programs() {
    return {{"loop", loop_program(200)},           {"recursion", recursion_program(12)},
            {"too_deep", recursion_program(5000)}, {"bulk", bulk_program()},
            {"branches", branches_program()},      {"host", host_program()}};
}

inline vm::Image image_of(const Bytes& module) {
    // Not `publish`: programs here need not export a memory.
    auto valid = vm::load_module(module);
    if (!valid.has_value()) FAIL(valid.error().sentence());
    auto image = vm::make_image(*valid);
    if (!image.has_value()) FAIL(image.error().sentence());
    return std::move(image).value();
}

/// A task's inputs with the given limits; the segment may be far below what posting allows.
inline vm::TaskInputs inputs_of(std::uint64_t gas_limit, std::uint64_t segment_gas) {
    vm::TaskArguments arguments;
    arguments.args = {"program"};
    arguments.gas_limit = gas_limit;
    arguments.segment_gas = segment_gas;
    arguments.memory_limit = std::uint64_t{64} << 20;
    const auto page = vm::encode_arguments(arguments);
    REQUIRE(page.has_value());
    return {*page, {}};
}

}  // namespace millrace::test
