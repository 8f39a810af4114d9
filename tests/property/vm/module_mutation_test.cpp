#include "common/rng.hpp"
#include "tests/support/counting_new.hpp"
#include "tests/support/wasm_builder.hpp"
#include "vm/module/check.hpp"
#include "vm/module/reader.hpp"

namespace millrace::test {

using vm::Opcode;
using vm::ValType;

namespace {

/// A module with an entry in every section.
Bytes seed_module() {
    WasmBuilder b;
    const auto nothing = b.type({}, {});
    const auto pair = b.type({ValType::i32, ValType::f64}, {ValType::f64, ValType::i32});
    b.import_function("wasi_snapshot_preview1", "proc_exit", b.type({ValType::i32}, {}));
    b.import_global("env", "g", ValType::i32, false);
    b.table(4, 9);
    b.memory(1, 3);
    b.global(ValType::i64, true, WasmCode{}.i64(-1));
    const auto swap =
        b.function(pair, WasmCode{}.op(Opcode::local_get, 1).op(Opcode::local_get, 0));
    WasmCode body;
    body.i32(1).f64_bits(0x3ff0'0000'0000'0000).op(Opcode::call, swap).op(Opcode::drop);
    body.op(Opcode::drop).open(Opcode::block).open(Opcode::loop).op(Opcode::local_get, 0);
    body.br_table({0, 1, 1}, 2).end().end().i32(3).open(Opcode::if_, ValType::i64);
    body.op(Opcode::global_get, 1).op(Opcode::else_).i64(7).end().op(Opcode::global_set, 1);
    body.i32(0).i32(0).i32(2).op(Opcode::memory_init, 0, 0).op(Opcode::data_drop, 0);
    body.i32(0).op(Opcode::i32_load, 2, 4).op(Opcode::drop);
    const auto start = b.function(nothing, body, {{3, ValType::i32}, {2, ValType::funcref}});
    b.export_function("_start", start);
    b.export_memory("memory");
    b.elements(0, {swap, start});
    b.declare_functions({start});
    b.passive_data(as_bytes("xyz"));
    b.data(16, as_bytes("hello"));
    b.announce_data_count();
    b.function_name(start, "start");
    return b.build();
}

Bytes mutated(const Bytes& seed, Rng& rng) {
    Bytes out = seed;
    const std::uint64_t edits = 1 + rng.below(4);
    for (std::uint64_t i = 0; i < edits && !out.empty(); ++i) {
        const auto at = static_cast<std::ptrdiff_t>(rng.below(out.size()));
        switch (rng.below(4)) {
            case 0:
                out.erase(out.begin() + at);
                break;
            case 1:
                out.insert(out.begin() + at, static_cast<std::uint8_t>(rng.below(256)));
                break;
            case 2:
                out[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(rng.below(256));
                break;
            default:
                out[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1u << rng.below(8));
                break;
        }
    }
    return out;
}

}  // namespace

TEST_SUITE("property/vm/module") {
    TEST_CASE("a module cut anywhere is refused as malformed, at the cut or before it") {
        const Bytes seed = seed_module();
        REQUIRE(vm::load_module(seed).has_value());
        std::size_t accepted = 0;
        for (std::size_t size = 0; size < seed.size(); ++size) {
            CAPTURE(size);
            const auto loaded = vm::load_module(
                Bytes(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size)));
            if (loaded.has_value()) {
                ++accepted;
                continue;
            }
            CHECK(vm::is_malformed(loaded.error().rule));
            CHECK(loaded.error().offset <= size);
        }
        // Whole modules: the header alone, with types, with imports, and all but the names.
        CHECK(accepted == 4);
    }

    TEST_CASE("a mutated module never crashes the decoder, nor takes more than its share") {
        constexpr std::uint64_t kSeeds = 20'000;
        // Ten times the module, and what small lists round up to.
        const Bytes seed = seed_module();
        std::uint64_t accepted = 0;
        for (std::uint64_t number = 0; number < kSeeds; ++number) {
            CAPTURE(number);
            Rng rng(number);
            Bytes binary = mutated(seed, rng);
            const std::size_t memory_max = 10 * binary.size() + 16'384;
            reset_heap_peak();
            const std::size_t before = heap_bytes();
            const auto loaded = vm::load_module(binary);
            const std::size_t used = heap_peak() - before;
            if (used > memory_max) FAIL_CHECK("used " << used << " bytes");
            if (!loaded.has_value()) {
                if (loaded.error().offset > binary.size()) FAIL_CHECK("an offset beyond the end");
                continue;
            }
            ++accepted;
            // What validation accepts can be walked to the end.
            if (vm::make_report(*loaded).instructions == 0) FAIL_CHECK("no instruction is left");
        }
        // Some changes (a constant, a name) leave a module valid; if none did, nothing was tested.
        CHECK(accepted > kSeeds / 100);
        CHECK(accepted < kSeeds / 2);
    }

    TEST_CASE("decoding again what was decoded gives the same tables") {
        for (std::uint64_t number = 0; number < 200; ++number) {
            CAPTURE(number);
            Rng rng(number);
            const Bytes binary = mutated(seed_module(), rng);
            const auto first = vm::load_module(binary);
            const auto second = vm::load_module(binary);
            REQUIRE(first.has_value() == second.has_value());
            if (!first.has_value()) {
                CHECK(first.error().offset == second.error().offset);
                CHECK(first.error().rule == second.error().rule);
                CHECK(first.error().detail == second.error().detail);
            }
        }
    }
}

}  // namespace millrace::test
