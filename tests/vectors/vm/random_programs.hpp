#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/rng.hpp"
#include "tests/support/wasm_builder.hpp"
#include "vm/module/opcodes.hpp"
#include "vm/wasi/abi.hpp"

/// Valid random modules that between them use every instruction of WebAssembly 2.0 without SIMD,
/// with operands near the edges of their types. They end as it happens: return, exit, trap. No two
/// arguments of one call draw from the generator: their order would be the compiler's, and a seed
/// is one module everywhere.
namespace millrace::test {

class RandomModule {
  public:
    using Opcode = vm::Opcode;
    using ValType = vm::ValType;

    explicit RandomModule(std::uint64_t seed) : rng_(seed) {
        for (const vm::OpcodeInfo& row : vm::kOpcodes) {
            const bool plain = row.immediate == vm::Immediate::none && !row.signature.special &&
                               row.signature.push_count == 1;
            if (plain) numeric_.push_back(row.op);
            if (row.immediate != vm::Immediate::memarg) continue;
            (row.signature.push_count == 1 ? loads_ : stores_).push_back(row.op);
        }
        next_numeric_ = rng_.below(numeric_.size());
        arithmetic_ = rng_.chance(4);
    }

    [[nodiscard]] Bytes build() {
        none_ = builder_.type({}, {});
        binary_ = builder_.type({ValType::i32, ValType::i32}, {ValType::i32});
        import_calls();
        builder_.table(12, 2000);
        builder_.table(3, 40);
        builder_.memory(2, 6);
        global(ValType::i32);
        global(ValType::i64);
        global(ValType::f32);
        global(ValType::f64);
        const std::uint64_t helpers = rng_.between(1, 4);
        for (std::uint64_t i = 0; i < helpers; ++i)
            callable_.push_back(function(rng_.between(2, 8)));
        WasmCode start;
        start.i32(small())
            .i32(small())
            .op(Opcode::call, function(arithmetic_ ? 150 : 40))
            .op(Opcode::drop);
        const std::uint32_t entry = builder_.function(none_, start);
        std::vector<std::uint32_t> entries;
        for (int i = 0; i < 10; ++i) entries.push_back(pick(callable_));
        entries[rng_.below(entries.size())] = entry;  // of another type
        builder_.elements(0, entries);
        builder_.passive_elements(entries);
        builder_.declare_functions(callable_);
        const auto at = static_cast<std::int32_t>(rng_.below(9000));
        builder_.data(at, noise(600));
        builder_.passive_data(noise(6000));
        builder_.announce_data_count();
        builder_.export_memory("memory");
        builder_.export_function("_start", entry);
        return builder_.build();
    }

  private:
    static constexpr std::array kTypes{ValType::i32, ValType::i64, ValType::f32, ValType::f64};
    // Locals of a function: two parameters, then three of each type, then counters of loops.
    static constexpr std::uint32_t kOfType = 3;
    static constexpr std::uint32_t kCounters = 2 + 4 * kOfType;

    template <class T>
    [[nodiscard]] T pick(const std::vector<T>& from) {
        return from[rng_.below(from.size())];
    }
    [[nodiscard]] Bytes noise(std::size_t size) {
        Bytes out(size);
        rng_.fill(out);
        return out;
    }
    void global(ValType type) {
        WasmCode init;
        constant(init, type);
        builder_.global(type, true, init);
    }
    void import_calls() {
        // What the calls read and write lies in the first page: see host_call.
        for (const std::string_view name : {"fd_write",
                                            "fd_read",
                                            "fd_pread",
                                            "fd_pwrite",
                                            "poll_oneoff",
                                            "args_get",
                                            "args_sizes_get",
                                            "environ_get",
                                            "environ_sizes_get",
                                            "clock_res_get",
                                            "clock_time_get",
                                            "random_get",
                                            "fd_advise",
                                            "fd_close",
                                            "fd_datasync",
                                            "fd_fdstat_get",
                                            "fd_fdstat_set_flags",
                                            "fd_fdstat_set_rights",
                                            "fd_filestat_get",
                                            "fd_prestat_get",
                                            "fd_prestat_dir_name",
                                            "fd_renumber",
                                            "fd_seek",
                                            "fd_sync",
                                            "fd_tell",
                                            "path_link",
                                            "proc_exit",
                                            "proc_raise",
                                            "sched_yield",
                                            "sock_recv"}) {
            const auto row = std::find_if(vm::kHostFunctions.begin(), vm::kHostFunctions.end(),
                                          [&](const auto& f) { return f.name == name; });
            std::vector<ValType> params;
            for (const char letter : row->params)
                params.push_back(letter == 'i' ? ValType::i32 : ValType::i64);
            const std::uint32_t type =
                row->has_result ? builder_.type(params, {ValType::i32}) : builder_.type(params, {});
            calls_.push_back({*row, builder_.import_function(vm::kWasiModule, name, type)});
        }
    }

    // --- operands
    [[nodiscard]] std::int32_t small() { return static_cast<std::int32_t>(rng_.below(40)) - 8; }
    [[nodiscard]] std::uint64_t word() {
        constexpr std::array<std::uint64_t, 8> kEdges{0,
                                                      1,
                                                      ~std::uint64_t{0},
                                                      0x7fffffff,
                                                      0x80000000,
                                                      0x8000000000000000,
                                                      0x7fffffffffffffff,
                                                      0xffffffff};
        switch (rng_.below(4)) {
            case 0:
                return kEdges.at(rng_.below(kEdges.size()));
            case 1:
                return static_cast<std::uint64_t>(static_cast<std::int64_t>(small()));
            default:
                return rng_.next() >> rng_.below(64);
        }
    }
    /// Bits of a float: no numbers, infinities, subnormals, halves, whole numbers near the bounds
    /// of integers, or anything.
    [[nodiscard]] std::uint64_t float_bits(unsigned exponent_bits, unsigned mantissa_bits) {
        const std::uint64_t sign = rng_.below(2) << (exponent_bits + mantissa_bits);
        const std::uint64_t top = (std::uint64_t{1} << exponent_bits) - 1;
        const std::uint64_t bias = top / 2;
        const std::uint64_t mantissa = rng_.next() >> (64 - mantissa_bits);
        const auto with = [&](std::uint64_t exponent, std::uint64_t m) {
            return sign | (exponent << mantissa_bits) | m;
        };
        switch (rng_.below(9)) {
            case 0:
                return with(top, rng_.chance(2) ? 0 : mantissa);
            case 1:
                return with(0, rng_.chance(3) ? 0 : mantissa >> rng_.below(mantissa_bits));
            case 2:  // n + 1/2
                return with(bias + 2, (mantissa >> (mantissa_bits - 3)) << (mantissa_bits - 3));
            case 3:
                return with(bias + rng_.between(30, 65), (mantissa & 1) != 0 ? 0 : mantissa);
            case 4:
                return with(rng_.below(top), mantissa);
            default:
                return with(bias + rng_.below(12), mantissa);
        }
    }
    void constant(WasmCode& code, ValType type) {
        if (type == ValType::i32) code.i32(static_cast<std::int32_t>(word()));
        if (type == ValType::i64) code.i64(static_cast<std::int64_t>(word()));
        if (type == ValType::f32) code.f32_bits(static_cast<std::uint32_t>(float_bits(8, 23)));
        if (type == ValType::f64) code.f64_bits(float_bits(11, 52));
    }
    [[nodiscard]] std::uint32_t local(ValType type) {
        const auto at = static_cast<std::uint32_t>(std::find(kTypes.begin(), kTypes.end(), type) -
                                                   kTypes.begin());
        return 2 + kOfType * at + static_cast<std::uint32_t>(rng_.below(kOfType));
    }
    void operand(WasmCode& code, ValType type, int depth = 1) {
        switch (rng_.below(depth > 0 ? 7 : 5)) {
            case 0:
                constant(code, type);
                return;
            case 5:
                computed(code, type, depth - 1);
                return;
            case 6:
                if (rng_.chance(3)) {
                    const auto at = std::find(kTypes.begin(), kTypes.end(), type) - kTypes.begin();
                    code.op(Opcode::global_get, at);
                    return;
                }
                operand(code, type, 0);
                operand(code, type, 0);
                condition(code, 0);
                code.op(Opcode::select);
                return;
            default:
                code.op(Opcode::local_get, local(type));
        }
    }
    /// An instruction with a result of this type.
    void computed(WasmCode& code, ValType type, int depth) {
        Opcode op = pick(numeric_);
        while (vm::info(op).signature.push != type) op = pick(numeric_);
        apply(code, op, depth);
    }
    void apply(WasmCode& code, Opcode op, int depth) {
        const vm::OpcodeInfo& row = vm::info(op);
        const bool may_trap = (row.text.find("trunc_f") != std::string_view::npos ||
                               row.text.find("div_") != std::string_view::npos ||
                               row.text.find("rem_") != std::string_view::npos) &&
                              !rng_.chance(40);
        const ValType right = row.signature.pops.at(row.signature.pop_count - 1U);
        const bool whole = right == ValType::i32 || right == ValType::i64;
        if (row.signature.pop_count == 2 && whole &&
            rng_.chance(2)) {  // of the form with a constant
            code.op(Opcode::local_get, local(right));
            const std::int32_t number =
                may_trap ? 3 + static_cast<std::int32_t>(rng_.below(60)) : small();
            right == ValType::i32 ? code.i32(number) : code.i64(number);
            code.op(op);
            return;
        }
        for (unsigned i = 0; i < row.signature.pop_count; ++i) {
            const ValType type = row.signature.pops.at(i);
            const bool last = i + 1 == row.signature.pop_count;
            if (!may_trap || !last) {
                operand(code, type, depth);
            } else if (type == ValType::i32 || type == ValType::i64) {
                if (rng_.chance(2)) {  // not as a constant that fits the instruction
                    code.op(Opcode::local_get, local(type));
                    type == ValType::i32 ? code.i32(0x100003).op(Opcode::i32_or)
                                         : code.i64(0x100003).op(Opcode::i64_or);
                } else if (type == ValType::i32) {
                    code.i32(3 + static_cast<std::int32_t>(rng_.below(60)));
                } else {
                    code.i64(3 + static_cast<std::int64_t>(rng_.below(60)));
                }
            } else if (type == ValType::f32) {
                code.f32_bits(0x3f800000U + static_cast<std::uint32_t>(rng_.below(0xf000000)));
            } else {
                code.f64_bits(0x3ff0000000000000U + rng_.below(0x1e0000000000000));
            }
        }
        code.op(op);
    }
    void condition(WasmCode& code, int depth) {
        if (rng_.chance(3)) {
            code.op(Opcode::local_get, local(ValType::i32));
            if (rng_.chance(2)) code.op(Opcode::i32_eqz);
            return;
        }
        Opcode op = pick(numeric_);
        const auto compares = [&] {
            const vm::OpSignature& s = vm::info(op).signature;
            return s.push == ValType::i32 &&
                   (s.pop_count == 2 || op == Opcode::i32_eqz || op == Opcode::i64_eqz) &&
                   op >= Opcode::i32_eqz && op <= Opcode::f64_ge;
        };
        while (!compares()) op = pick(numeric_);
        apply(code, op, depth);
        if (rng_.chance(4)) code.op(Opcode::i32_eqz);
    }
    /// An address that mostly lies in memory, often across a page's end.
    void address(WasmCode& code) {
        if (rng_.chance(3)) {
            code.i32(static_cast<std::int32_t>(rng_.chance(2) ? rng_.below(60'000)
                                                              : 4096 * rng_.between(1, 12) - 3));
            return;
        }
        code.op(Opcode::local_get, local(ValType::i32)).i32(0xfffe).op(Opcode::i32_and);
    }
    [[nodiscard]] std::uint64_t offset() {
        if (rng_.chance(60)) return 0xfffffff0U;  // outside
        return rng_.chance(3) ? 65'536 + rng_.below(600) : rng_.below(5000);
    }
    void clipped(WasmCode& code, std::int32_t mask) {
        code.op(Opcode::local_get, local(ValType::i32)).i32(mask).op(Opcode::i32_and);
    }

    // --- statements
    void statement(WasmCode& code, int depth) {
        switch (rng_.below(arithmetic_ ? 3 : depth > 0 ? 19 : 9)) {
            case 0:
            case 1:
            case 2: {
                if (rng_.chance(4)) {  // out of a block, over nothing
                    code.open(Opcode::block);
                    condition(code, 0);
                    code.op(Opcode::br_if, 0).end();
                    return;
                }
                // Each in its turn, from a random place on.
                const Opcode op = numeric_[next_numeric_++ % numeric_.size()];
                apply(code, op, 1);
                const bool sets = rng_.chance(2);
                code.op(sets ? Opcode::local_set : Opcode::local_tee,
                        local(vm::info(op).signature.push));
                if (!sets) code.op(Opcode::drop);
                return;
            }
            case 3:
            case 4: {
                const Opcode op = pick(loads_);
                address(code);
                code.op(op, 0, offset()).op(Opcode::local_set, local(vm::info(op).signature.push));
                return;
            }
            case 5:
            case 6: {
                const Opcode op = pick(stores_);
                address(code);
                operand(code, vm::info(op).signature.pops[1]);
                code.op(op, 0, offset());
                return;
            }
            case 7: {
                const std::uint64_t at = rng_.below(4);
                operand(code, kTypes.at(at));
                code.op(Opcode::global_set, at);
                return;
            }
            case 8:
                host_call(code);
                return;
            case 9:
            case 10:
                condition(code, 1);
                code.open(Opcode::if_);
                statement(code, depth - 1);
                if (rng_.chance(2)) {
                    code.op(Opcode::else_);
                    statement(code, depth - 1);
                }
                code.end();
                return;
            case 11:
            case 12:
                loop(code, depth);
                return;
            case 13:
                branch_table(code, depth);
                return;
            case 14:
                carried(code);
                return;
            case 15:
                call(code);
                return;
            case 16:
                memory_work(code);
                return;
            default:
                table_work(code);
        }
    }
    void loop(WasmCode& code, int depth) {
        const std::uint32_t counter = kCounters + static_cast<std::uint32_t>(depth);
        code.i32(static_cast<std::int32_t>(rng_.between(1, 5))).op(Opcode::local_set, counter);
        code.open(Opcode::loop);
        for (std::uint64_t i = rng_.between(1, 4); i > 0; --i) statement(code, depth - 1);
        code.op(Opcode::local_get, counter).i32(1).op(Opcode::i32_sub);
        code.op(Opcode::local_tee, counter).op(Opcode::br_if, 0).end();
    }
    void branch_table(WasmCode& code, int depth) {
        code.open(Opcode::block).open(Opcode::block).open(Opcode::block);
        clipped(code, 7);
        code.br_table({0, 1, 2, 1, 0}, 2).end();
        statement(code, depth - 1);
        code.op(Opcode::br, 1).end();
        statement(code, depth - 1);
        code.end();
    }
    /// Values that branches carry.
    void carried(WasmCode& code) {
        const ValType type = kTypes.at(rng_.below(4));
        code.open(Opcode::block, type);
        operand(code, type);
        if (rng_.chance(2)) {
            condition(code, 1);
            code.op(Opcode::br_if, 0).op(Opcode::drop);
        } else {
            clipped(code, 3);
            code.br_table({0, 0}, 0);
        }
        operand(code, type);
        code.end().op(Opcode::local_set, local(type));
    }
    void call(WasmCode& code) {
        if (callable_.empty()) return;
        operand(code, ValType::i32);
        operand(code, ValType::i32);
        if (rng_.chance(2)) {
            code.op(Opcode::call, pick(callable_));
        } else {
            // Ten entries, two empty ones, then none; one is of another type.
            code.i32(static_cast<std::int32_t>(rng_.chance(12) ? rng_.below(14) : rng_.below(10)));
            code.op(Opcode::call_indirect, binary_, 0);
        }
        code.op(Opcode::local_set, local(ValType::i32));
    }
    void memory_work(WasmCode& code) {
        const auto size = [&] {
            code.i32(static_cast<std::int32_t>(rng_.below(rng_.chance(3) ? 9000 : 300)));
        };
        switch (rng_.below(6)) {
            case 0:
                address(code);
                operand(code, ValType::i32);
                size();
                code.op(Opcode::memory_fill, 0);
                return;
            case 1:
            case 2:
                address(code);
                address(code);
                size();
                code.op(Opcode::memory_copy, 0, 0);
                return;
            case 3:
                address(code);
                code.i32(static_cast<std::int32_t>(rng_.below(2000)));
                code.i32(static_cast<std::int32_t>(rng_.below(4010)));
                code.op(Opcode::memory_init, 1, 0);
                return;
            case 4:
                code.i32(static_cast<std::int32_t>(rng_.below(3)));
                code.op(Opcode::memory_grow, 0).op(Opcode::local_set, local(ValType::i32));
                return;
            default:
                code.op(Opcode::memory_size, 0).op(Opcode::local_set, local(ValType::i32));
                if (rng_.chance(8)) code.op(Opcode::data_drop, rng_.below(2));
        }
    }
    void reference(WasmCode& code) {
        if (rng_.chance(3))
            code.op(Opcode::ref_null, 0x70);
        else
            code.op(Opcode::ref_func, pick(callable_));
    }
    void table_work(WasmCode& code) {
        if (callable_.empty()) return;
        const std::uint64_t table = rng_.below(2);
        const auto number = [&](std::uint64_t below) {
            code.i32(static_cast<std::int32_t>(rng_.below(below)));
        };
        switch (rng_.below(8)) {
            case 0:
                number(3);
                code.op(Opcode::table_get, table).op(Opcode::ref_is_null);
                code.op(Opcode::local_set, local(ValType::i32));
                return;
            case 1:
                number(3);
                reference(code);
                code.op(Opcode::table_set, table);
                return;
            case 2:
            case 3:
                reference(code);
                number(table == 0 ? 1100 : 15);
                code.op(Opcode::table_grow, table).op(Opcode::local_set, local(ValType::i32));
                return;
            case 4:
                number(2);
                reference(code);
                code.op(Opcode::table_size, table).i32(2).op(Opcode::i32_sub);
                code.op(Opcode::table_fill, table);
                return;
            case 5: {
                // All of it but one, up or down.
                const bool up = rng_.chance(2);
                code.i32(up ? 0 : 1).i32(up ? 1 : 0);
                code.op(Opcode::table_size, table).i32(1).op(Opcode::i32_sub);
                code.op(Opcode::table_copy, table, table);
                return;
            }
            case 6:
                number(2);
                number(5);
                number(2);
                code.op(Opcode::table_init, 1, table);
                return;
            default:
                code.op(Opcode::table_size, table).op(Opcode::local_set, local(ValType::i32));
                if (rng_.chance(8)) code.op(Opcode::elem_drop, rng_.below(2));
        }
    }
    struct Imported {
        vm::HostFunction row;
        std::uint32_t function;
    };
    void host_call(WasmCode& code) {
        constexpr std::uint64_t kPrepared =
            5;  // the first of them, whose structures are written first
        const Imported& call = calls_[rng_.below(rng_.chance(3) ? kPrepared : calls_.size())];
        const std::string_view name = call.row.name;
        const bool parts = name == "proc_exit" || name == "proc_raise" || name == "fd_close" ||
                           name == "fd_renumber";
        if (parts && !rng_.chance(8)) return;
        if (name == "poll_oneoff") {
            poll_arguments(code);
        } else if (name.ends_with("read") || name.ends_with("write")) {
            transfer_arguments(code, name);
        } else {
            for (std::size_t i = 0; i < call.row.params.size(); ++i)
                argument(code, name, i, call.row.params[i]);
        }
        code.op(Opcode::call, call.function);
        if (call.row.has_result) code.op(Opcode::local_set, local(ValType::i32));
    }
    /// Three vectors at 16: short, long and empty ones; the count goes to 8.
    void transfer_arguments(WasmCode& code, std::string_view name) {
        for (int i = 0; i < 3; ++i) {
            code.i32(16 + 8 * i);
            code.i32(static_cast<std::int32_t>(rng_.below(60'000))).op(Opcode::i32_store, 2, 0);
            code.i32(20 + 8 * i);
            code.i32(static_cast<std::int32_t>(rng_.below(rng_.chance(2) ? 6000 : 40)));
            code.op(Opcode::i32_store, 2, 0);
        }
        if (rng_.chance(10))
            code.i32(static_cast<std::int32_t>(rng_.below(7)));
        else
            code.i32(name.ends_with("read") ? 0 : static_cast<std::int32_t>(rng_.between(1, 2)));
        code.i32(16).i32(static_cast<std::int32_t>(rng_.below(4)));
        if (name.starts_with("fd_p")) code.i64(static_cast<std::int64_t>(rng_.below(10'000)));
        code.i32(8);
    }
    /// Up to three subscriptions at 512; events go to 1024, their number to 8.
    void poll_arguments(WasmCode& code) {
        const auto count = static_cast<std::int32_t>(rng_.below(4));
        for (std::int32_t at = 512; at < 512 + 48 * count; at += 48) {
            code.i32(at + 8)
                .i32(static_cast<std::int32_t>(rng_.below(4)))
                .op(Opcode::i32_store, 0, 0);
            code.i32(at + 16).i32(static_cast<std::int32_t>(rng_.below(5)));
            code.op(Opcode::i32_store, 0, 0);
            const std::uint64_t timeout =
                rng_.chance(2) ? rng_.below(100'000) : 1'700'000'000'000'000'000 + rng_.below(9000);
            code.i32(at + 24).i64(static_cast<std::int64_t>(timeout)).op(Opcode::i64_store, 0, 0);
            code.i32(at + 40).i32(static_cast<std::int32_t>(rng_.below(2)));
            code.op(Opcode::i32_store, 0, 0);
        }
        code.i32(512).i32(1024).i32(count).i32(8);
    }
    void argument(WasmCode& code, std::string_view name, std::size_t at, char letter) {
        if (letter == 'I') {
            // Rights as they mostly are, or a small offset.
            code.i64(name == "fd_fdstat_set_rights" && rng_.chance(2)
                         ? 0x8200042
                         : static_cast<std::int64_t>(rng_.below(50)));
            return;
        }
        const bool descriptor =
            (at == 0 && (name.starts_with("fd_") || name.starts_with("sock_"))) ||
            name == "fd_renumber";
        const bool clock = at == 0 && name.starts_with("clock_");
        if (descriptor || clock || name == "proc_raise")
            code.i32(static_cast<std::int32_t>(rng_.below(7)));
        else if (name == "fd_seek" && at == 2)
            code.i32(static_cast<std::int32_t>(rng_.below(3)));
        else if (name == "fd_fdstat_set_flags" || (name == "fd_advise" && at == 3))
            code.i32(static_cast<std::int32_t>(rng_.below(34)));
        else if (name == "random_get" && at == 1)
            code.i32(static_cast<std::int32_t>(rng_.below(1500)));
        else if (rng_.chance(25))
            code.i32(-5);  // outside the memory
        else
            address(code);
    }

    [[nodiscard]] std::uint32_t function(std::uint64_t statements) {
        WasmCode code;
        for (std::uint32_t i = 2; i < kCounters; ++i) {
            constant(code, kTypes.at((i - 2) / kOfType));
            code.op(Opcode::local_set, i);
        }
        code.op(Opcode::local_get, rng_.below(2)).op(Opcode::local_set, 2);
        for (std::uint64_t i = 0; i < statements; ++i) statement(code, 2);
        if (rng_.chance(30)) code.op(Opcode::unreachable);
        operand(code, ValType::i32);
        WasmBuilder::Locals locals;
        for (const ValType type : kTypes) locals.push_back({kOfType, type});
        locals.push_back({3, ValType::i32});
        // Frames that cross pages.
        if (rng_.chance(2))
            locals.push_back({static_cast<std::uint32_t>(rng_.between(1, 700)), ValType::i64});
        return builder_.function(binary_, code, locals);
    }

    Rng rng_;
    WasmBuilder builder_;
    std::vector<Opcode> numeric_, loads_, stores_;
    std::size_t next_numeric_ = 0;
    bool arithmetic_ = false;  // nothing but operations on numbers, all of them
    std::vector<Imported> calls_;
    std::vector<std::uint32_t> callable_;
    std::uint32_t none_ = 0, binary_ = 0;
};

}  // namespace millrace::test
