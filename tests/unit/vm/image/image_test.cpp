#include "vm/image/image.hpp"

#include <doctest/doctest.h>

#include "common/rng.hpp"
#include "tests/support/machine_programs.hpp"
#include "vm/image/disassemble.hpp"
#include "vm/image/opcodes.hpp"
#include "vm/image/publish.hpp"

using namespace millrace;
using namespace millrace::vm;
using namespace millrace::test;

namespace {

/// The refusal of a module, which must be valid.
ImageRefusal refusal_of(const Bytes& module) {
    const auto valid = load_module(module);
    REQUIRE(valid.has_value());
    const auto image = make_image(*valid);
    REQUIRE(!image.has_value());
    return image.error().refusal;
}

/// Instructions of a whole image by name, in order, from the word after the prologue.
std::vector<std::string> names_of(const Image& image) {
    std::vector<std::string> out;
    for (std::size_t at = kPrologueWords; at < image.code.size();) {
        const std::uint64_t w = image.code[at];
        const ImageOpInfo& row = kImageOpcodes.at(word::op(w));
        out.emplace_back(row.text);
        at += word_count(row.form);
        if (row.op == ImageOp::br_table) at += (std::size_t{word::x(w)} + 2) / 2;
    }
    return out;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_SUITE("vm/image/image") {
    TEST_CASE("modules that make no program are refused by name") {
        WasmBuilder no_entry;
        no_entry.function(no_entry.type({}, {}), WasmCode{});
        CHECK(refusal_of(no_entry.build()) == ImageRefusal::no_entry);

        WasmBuilder typed;
        const auto f = typed.function(typed.type({ValType::i32}, {}), WasmCode{});
        typed.export_function("_start", f);
        CHECK(refusal_of(typed.build()) == ImageRefusal::entry_signature);

        WasmBuilder unknown;
        unknown.import_function("env", "magic", unknown.type({}, {}));
        CHECK(refusal_of(unknown.build()) == ImageRefusal::unknown_import);

        WasmBuilder mistyped;
        mistyped.import_function("wasi_snapshot_preview1", "fd_write", mistyped.type({}, {}));
        CHECK(refusal_of(mistyped.build()) == ImageRefusal::import_signature);

        WasmBuilder data;
        const auto g = data.function(data.type({}, {}), WasmCode{});
        data.export_function("_start", g);
        data.memory(1);
        data.data(65'530, as_bytes("too long"));
        CHECK(refusal_of(data.build()) == ImageRefusal::data_out_of_bounds);

        WasmBuilder elements;
        const auto h = elements.function(elements.type({}, {}), WasmCode{});
        elements.export_function("_start", h);
        elements.table(3);
        elements.elements(2, {h, h});
        CHECK(refusal_of(elements.build()) == ImageRefusal::element_out_of_bounds);
    }

    TEST_CASE("all missing imports are named at once") {
        WasmBuilder builder;
        const auto type = builder.type({}, {});
        builder.import_function("env", "first", type);
        builder.import_function("other", "second", type);
        const auto image = publish(builder.build());
        REQUIRE(!image.has_value());
        const std::string sentence = image.error().sentence();
        CHECK(sentence.find("\"env\" \"first\"") != std::string::npos);
        CHECK(sentence.find("\"other\" \"second\"") != std::string::npos);
    }

    TEST_CASE("small inputs that would make large images are refused") {
        // Values moved by each of many branches: four bytes of module, a thousand words of code.
        WasmBuilder builder;
        const auto none = builder.type({}, {});
        WasmBuilder::Types many(900, ValType::i32);
        const auto big = builder.type({}, many);
        WasmCode code;
        code.open_typed(Opcode::block, big);
        code.i32(1);
        for (int i = 0; i < 900; ++i) code.i32(i);
        for (int i = 0; i < 3000; ++i) code.op(Opcode::local_get, 0).op(Opcode::br_if, 0);
        code.op(Opcode::br, 0).end();
        for (int i = 0; i < 900; ++i) code.op(Opcode::drop);
        const auto f = builder.function(none, code, {{1, ValType::i32}});
        builder.export_function("_start", f);
        CHECK(refusal_of(builder.build()) == ImageRefusal::image_too_large);

        // One byte each on thousands of pages.
        WasmBuilder scattered;
        const auto g = scattered.function(scattered.type({}, {}), WasmCode{});
        scattered.export_function("_start", g);
        scattered.memory(1000);
        for (int i = 0; i < 10'000; ++i) scattered.data(i * 4096, as_bytes("x"));
        CHECK(refusal_of(scattered.build()) == ImageRefusal::image_too_large);
    }

    TEST_CASE("locals and constants become operands, results go straight into locals") {
        WasmCode code;
        code.op(Opcode::local_get, 0).i32(5).op(Opcode::i32_add).op(Opcode::local_set, 0);
        code.op(Opcode::local_get, 0).op(Opcode::local_get, 1).op(Opcode::i32_mul);
        code.op(Opcode::local_set, 1);
        const Image image = image_of(command_module(code, {{2, ValType::i32}}));
        CHECK(names_of(image) == Names{"zero_locals", "head", "i32_add_imm", "i32_mul", "ret"});
    }

    TEST_CASE("an alias keeps the value that its local had") {
        // local 0 is read, then set, then the old value is used.
        WasmCode code;
        code.i32(16).i32(41).op(Opcode::local_set, 0).op(Opcode::local_get, 0);
        code.i32(7).op(Opcode::local_set, 0).op(Opcode::i32_store, 2, 0);
        const Image image = image_of(command_module(code, {{1, ValType::i32}}));
        const auto state = load_task(image, inputs_of(1 << 20, 1 << 20));
        static_cast<void>(run_to_boundary(*state));
        CHECK((state->load(kMemoryBase + 16) & 0xffff'ffff) == 41);
    }

    TEST_CASE("comparison and branch are one instruction, negated ones too") {
        WasmCode code;
        code.open(Opcode::loop);
        code.op(Opcode::local_get, 0).i32(100).op(Opcode::i32_lt_s).op(Opcode::i32_eqz);
        code.op(Opcode::br_if, 0).end();
        code.open(Opcode::block);
        code.op(Opcode::local_get, 1).op(Opcode::local_get, 1).op(Opcode::f64_lt);
        code.op(Opcode::i32_eqz).op(Opcode::br_if, 0).end();
        const Image image = image_of(command_module(code, {{1, ValType::i32}, {1, ValType::f64}}));
        CHECK(names_of(image) == Names{"zero_locals", "head", "head", "br_i32_ge_s_imm",
                                       "br_not_f64_lt", "charge", "ret"});
    }

    TEST_CASE("one stub for each distinct label of a br_table") {
        const Image image = image_of(branches_program());
        const Names names = names_of(image);
        const auto copies = std::count(names.begin(), names.end(), "copy");
        // Label 0 keeps its value in place below nothing else; both labels have one to move.
        CHECK(copies <= 4);
        CHECK(std::count(names.begin(), names.end(), "br_table") == 1);
    }

    TEST_CASE("each block's charge is that of its WebAssembly instructions") {
        // Fused or not, two ways to write the same cost the same.
        const auto gas_of = [](const WasmCode& code) {
            const Image image = image_of(command_module(code, {{2, ValType::i32}}));
            const auto state = load_task(image, inputs_of(1 << 20, 1 << 20));
            static_cast<void>(run_to_boundary(*state));
            return state->reg(Register::gas_used);
        };
        WasmCode fused;
        fused.open(Opcode::block).op(Opcode::local_get, 0).op(Opcode::local_get, 1);
        fused.op(Opcode::i32_eq).op(Opcode::br_if, 0).end();
        WasmCode apart;  // a nop between costs nothing and a drop neither
        apart.open(Opcode::block).op(Opcode::local_get, 0).op(Opcode::local_get, 1);
        apart.op(Opcode::i32_eq).op(Opcode::nop).op(Opcode::br_if, 0).end();
        CHECK(gas_of(fused) == gas_of(apart));
    }

    TEST_CASE("the root names the program, and nothing else does") {
        const Image a = image_of(loop_program(200));
        const Image b = image_of(loop_program(200));
        const Image c = image_of(loop_program(201));
        CHECK(a.root == b.root);
        CHECK(a.root != c.root);
    }

    TEST_CASE("code reads back as words") {
        WasmCode code;
        code.op(Opcode::local_get, 0).i32(5).op(Opcode::i32_add).op(Opcode::local_set, 0);
        const Image image = image_of(command_module(code, {{1, ValType::i32}}));
        CHECK(disassemble(image.code, 0, static_cast<std::uint32_t>(image.code.size())) ==
              "0  boot 1 pages, at most 65536\n"
              "2  br ->4\n"
              "3  invalid\n"
              "4  call f0 base s0, entry 7, slots 3\n"
              "6  finish\n"
              "7  zero_locals s0 count 1\n"
              "8  head live 1, gas 6\n"
              "9  i32_add_imm s0 = s0, #5\n"
              "10  ret\n");
    }

    TEST_CASE("any words can be read, and none past the end") {
        const std::uint64_t seed = 3;
        CAPTURE(seed);
        Rng rng(seed);
        std::size_t shown = 0;
        for (int round = 0; round < 500; ++round) {
            std::vector<std::uint64_t> code(rng.between(1, 6));
            for (std::uint64_t& w : code)
                w = (rng.next() << 16) | rng.below(kImageOpcodeCount + 20);
            for (std::uint32_t at = 0; at < code.size();) {
                const Disassembled one = disassemble_at(code, at);
                REQUIRE(one.words >= 1);
                REQUIRE(at + one.words <= code.size());
                shown += one.text.size();
                at += one.words;
            }
        }
        CHECK(shown > 1'000);
    }

    TEST_CASE("the start function runs before _start") {
        WasmBuilder builder;
        const auto none = builder.type({}, {});
        WasmCode first;
        first.i32(8).i32(1).op(Opcode::i32_store, 2, 0);
        WasmCode second;
        second.i32(8).i32(8).op(Opcode::i32_load, 2, 0).i32(10).op(Opcode::i32_add);
        second.op(Opcode::i32_store, 2, 0);
        const auto start = builder.function(none, first);
        const auto entry = builder.function(none, second);
        builder.memory(1);
        builder.start(start);
        builder.export_memory("memory");
        builder.export_function("_start", entry);
        const Image image = image_of(builder.build());
        const auto state = load_task(image, inputs_of(1 << 20, 1 << 20));
        static_cast<void>(run_to_boundary(*state));
        CHECK(state->load(kMemoryBase + 8) == 11);
    }
}
