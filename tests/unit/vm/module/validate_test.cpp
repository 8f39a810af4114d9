#include <functional>

#include "tests/support/wasm_builder.hpp"

namespace millrace::test {

using vm::ModuleRule;
using vm::Opcode;
using vm::ValType;

namespace {

/// A module with one of everything, and the given body for its last function () -> i32.
struct Workshop {
    WasmBuilder b;
    std::uint32_t nothing = b.type({}, {});
    std::uint32_t number = b.type({}, {ValType::i32});
    std::uint32_t pair = b.type({ValType::i32, ValType::i64}, {ValType::i32, ValType::i64});

    static Bytes with(const WasmBytes& code, const WasmBuilder::Locals& locals = {}) {
        Workshop w;
        w.b.import_global("m", "g", ValType::i32, false);
        w.b.function(w.nothing, {});
        w.b.function(w.pair, WasmCode{}.op(Opcode::local_get, 0).op(Opcode::local_get, 1));
        w.b.function(w.number, code, locals);
        w.b.table(1);
        w.b.table(1, {}, ValType::externref);
        w.b.memory(1);
        w.b.global(ValType::i64, true, WasmCode{}.i64(1));
        w.b.global(ValType::i32, false, WasmCode{}.i32(1));
        w.b.declare_functions({0});
        w.b.passive_data(as_bytes("x"));
        w.b.announce_data_count();
        return w.b.build();
    }
};

struct BodyRow {
    const char* name;
    WasmBytes code;
    std::optional<ModuleRule> refusal;
};

WasmCode code() {
    return {};
}

void check_rows(const std::vector<BodyRow>& rows) {
    for (const BodyRow& row : rows) {
        CAPTURE(row.name);
        const auto loaded = vm::load_module(Workshop::with(row.code, {{1, ValType::f32}}));
        const std::string why = loaded.has_value() ? "accepted" : loaded.error().sentence();
        CAPTURE(why);
        REQUIRE(loaded.has_value() == !row.refusal.has_value());
        if (row.refusal)
            CHECK(static_cast<int>(loaded.error().rule) == static_cast<int>(*row.refusal));
    }
}

}  // namespace

TEST_SUITE("vm/module/validate") {
    TEST_CASE("each rule on bodies refuses, and its near miss passes") {
        check_rows({
            {"a constant", code().i32(1), {}},
            {"nothing left", code(), ModuleRule::type_mismatch},
            {"one too many", code().i32(1).i32(2), ModuleRule::type_mismatch},
            {"another type", code().i64(1), ModuleRule::type_mismatch},
            {"operand of another type", code().i32(1).i64(1).op(Opcode::i32_add),
             ModuleRule::type_mismatch},
            {"operand missing", code().i32(1).op(Opcode::i32_add), ModuleRule::type_mismatch},
            {"operand below the block", code().i32(1).open(Opcode::block).op(Opcode::drop).end(),
             ModuleRule::type_mismatch},
            {"anything after unreachable", code().op(Opcode::unreachable).op(Opcode::i32_add), {}},
            {"but not of another type",
             code().op(Opcode::unreachable).i64(1).op(Opcode::i32_eqz).op(Opcode::drop),
             ModuleRule::type_mismatch},
            {"local", code().op(Opcode::local_get, 0).op(Opcode::drop).i32(1), {}},
            {"local of another type", code().op(Opcode::local_get, 0), ModuleRule::type_mismatch},
            {"no such local", code().op(Opcode::local_get, 1), ModuleRule::unknown_local},
            {"global", code().op(Opcode::global_get, 0), {}},
            {"no such global", code().op(Opcode::global_get, 3), ModuleRule::unknown_global},
            {"writable global", code().i64(1).op(Opcode::global_set, 1).i32(1), {}},
            {"immutable global", code().i32(1).op(Opcode::global_set, 2).i32(1),
             ModuleRule::immutable_global},
            {"immutable before its type", code().i64(1).op(Opcode::global_set, 2).i32(1),
             ModuleRule::immutable_global},
            {"call", code().op(Opcode::call, 2), {}},
            {"no such function", code().op(Opcode::call, 3), ModuleRule::unknown_function},
            {"call with operands in order",
             code().i32(1).i64(2).op(Opcode::call, 1).op(Opcode::drop),
             {}},
            {"call with operands swapped",
             code().i64(2).i32(1).op(Opcode::call, 1).op(Opcode::drop), ModuleRule::type_mismatch},
            {"indirect call", code().i32(0).op(Opcode::call_indirect, 1, 0), {}},
            {"indirect call of no type", code().i32(0).op(Opcode::call_indirect, 9, 0),
             ModuleRule::unknown_type},
            {"indirect call through no table", code().i32(0).op(Opcode::call_indirect, 1, 9),
             ModuleRule::unknown_table},
            {"indirect call through external references",
             code().i32(0).op(Opcode::call_indirect, 1, 1), ModuleRule::type_mismatch},
            {"no such label", code().op(Opcode::br, 1), ModuleRule::unknown_label},
            {"label of the function", code().i32(1).op(Opcode::br, 0), {}},
            {"br_if keeps its operands", code().i32(1).i32(1).op(Opcode::br_if, 0), {}},
            {"loop label takes parameters, of which there are none",
             code().open(Opcode::loop, ValType::i32).op(Opcode::br, 0).end(),
             {}},
            {"br_table of labels of different length",
             code().open(Opcode::block).i32(1).i32(0).br_table({0}, 1).end().i32(1),
             ModuleRule::type_mismatch},
            {"the same where nothing is reached",
             code().open(Opcode::block).op(Opcode::unreachable).br_table({0}, 1).end().i32(1),
             ModuleRule::type_mismatch},
            {"br_table of different types where nothing is reached",
             code()
                 .open(Opcode::block, ValType::f32)
                 .op(Opcode::unreachable)
                 .br_table({0}, 1)
                 .end()
                 .op(Opcode::drop)
                 .i32(1),
             {}},
            {"no such label in br_table", code().i32(1).i32(1).br_table({0, 9}, 0),
             ModuleRule::unknown_label},
            {"if without else that leaves a value",
             code().i32(1).open(Opcode::if_, ValType::i32).i32(1).end(), ModuleRule::type_mismatch},
            {"if with else",
             code().i32(1).open(Opcode::if_, ValType::i32).i32(1).op(Opcode::else_).i32(2).end(),
             {}},
            {"if that passes its parameter through",
             code().i32(7).i64(7).i32(1).open_typed(Opcode::if_, 2).end().op(Opcode::drop),
             {}},
            {"else twice",
             code().i32(1).open(Opcode::if_).op(Opcode::else_).op(Opcode::else_).end().i32(1),
             ModuleRule::illegal_opcode},
            {"else without if", code().op(Opcode::else_).i32(1), ModuleRule::illegal_opcode},
            {"block of no type", code().open_typed(Opcode::block, 9).end(),
             ModuleRule::unknown_type},
            {"block with parameters",
             code().i32(1).i64(2).open_typed(Opcode::block, 2).end().op(Opcode::drop),
             {}},
            {"select of numbers", code().i32(1).i32(2).i32(3).op(Opcode::select), {}},
            {"select of two types", code().i32(1).i64(2).i32(3).op(Opcode::select),
             ModuleRule::type_mismatch},
            {"select of references without their type",
             code()
                 .op(Opcode::ref_func, 0)
                 .op(Opcode::ref_func, 0)
                 .i32(0)
                 .op(Opcode::select)
                 .op(Opcode::ref_is_null),
             ModuleRule::type_mismatch},
            {"reference of a declared function",
             code().op(Opcode::ref_func, 0).op(Opcode::ref_is_null),
             {}},
            {"reference of an undeclared function",
             code().op(Opcode::ref_func, 1).op(Opcode::ref_is_null),
             ModuleRule::undeclared_reference},
            {"reference of no function", code().op(Opcode::ref_func, 9).op(Opcode::ref_is_null),
             ModuleRule::unknown_function},
            {"is null of a number", code().i32(1).op(Opcode::ref_is_null),
             ModuleRule::type_mismatch},
            {"load at its alignment", code().i32(0).op(Opcode::i32_load, 2, 0), {}},
            {"load beyond its alignment", code().i32(0).op(Opcode::i32_load, 3, 0),
             ModuleRule::alignment_too_large},
            {"alignment of 2^32", code().i32(0).op(Opcode::i32_load, 32, 0),
             ModuleRule::memory_flags},
            {"load from a named memory", code().i32(0).op(Opcode::i32_load, 0x42, 0, 0),
             ModuleRule::multiple_memories_proposal},
            {"data.drop", code().op(Opcode::data_drop, 0).i32(1), {}},
            {"no such data", code().op(Opcode::data_drop, 1).i32(1),
             ModuleRule::unknown_data_segment},
            {"elem.drop", code().op(Opcode::elem_drop, 0).i32(1), {}},
            {"no such elements", code().op(Opcode::elem_drop, 1).i32(1),
             ModuleRule::unknown_element_segment},
            {"table.copy between kinds",
             code().i32(0).i32(0).i32(0).op(Opcode::table_copy, 0, 1).i32(1),
             ModuleRule::type_mismatch},
            {"table.init of the other kind",
             code().i32(0).i32(0).i32(0).op(Opcode::table_init, 0, 1).i32(1),
             ModuleRule::type_mismatch},
            {"table.get of no table", code().i32(0).op(Opcode::table_get, 5).op(Opcode::drop),
             ModuleRule::unknown_table},
            {"memory.grow's byte", WasmCode{}.i32(0).op(Opcode::memory_grow, 1),
             ModuleRule::zero_byte_expected},
            {"SIMD", code().i32(0).raw({0xfd, 0x0f}), ModuleRule::simd},
            {"end too many", code().i32(1).end(), ModuleRule::body_size},
            {"end too few", code().open(Opcode::block), ModuleRule::end_expected},
        });
    }

    TEST_CASE("each rule outside of bodies refuses") {
        struct Row {
            const char* name;
            std::function<void(WasmBuilder&)> build;
            ModuleRule rule;
        };
        const Row rows[] = {
            {"function of no type", [](WasmBuilder& b) { b.function(7, {}); },
             ModuleRule::unknown_type},
            {"imported function of no type", [](WasmBuilder& b) { b.import_function("m", "f", 7); },
             ModuleRule::unknown_type},
            {"table larger than its maximum", [](WasmBuilder& b) { b.table(2, 1); },
             ModuleRule::limits_order},
            {"table of too many entries", [](WasmBuilder& b) { b.table(10'000'001); },
             ModuleRule::table_too_large},
            {"memory larger than its maximum", [](WasmBuilder& b) { b.memory(2, 1); },
             ModuleRule::limits_order},
            {"memory beyond 4 GiB", [](WasmBuilder& b) { b.memory(65'537); },
             ModuleRule::memory_size},
            {"maximum beyond 4 GiB", [](WasmBuilder& b) { b.memory(0, 65'537); },
             ModuleRule::memory_size},
            {"two memories",
             [](WasmBuilder& b) {
                 b.memory(0);
                 b.memory(0);
             },
             ModuleRule::multiple_memories},
            {"an imported and an own memory",
             [](WasmBuilder& b) {
                 b.import_memory("m", "m", 0);
                 b.memory(0);
             },
             ModuleRule::multiple_memories},
            {"global of another type",
             [](WasmBuilder& b) { b.global(ValType::i32, false, WasmCode{}.i64(0)); },
             ModuleRule::type_mismatch},
            {"global from an own one",
             [](WasmBuilder& b) {
                 b.global(ValType::i32, false, WasmCode{}.i32(0));
                 b.global(ValType::i32, false, WasmCode{}.op(Opcode::global_get, 0));
             },
             ModuleRule::unknown_global},
            {"global from a changing one",
             [](WasmBuilder& b) {
                 b.import_global("m", "g", ValType::i32, true);
                 b.global(ValType::i32, false, WasmCode{}.op(Opcode::global_get, 0));
             },
             ModuleRule::constant_expression},
            {"export of no function", [](WasmBuilder& b) { b.export_function("x", 0); },
             ModuleRule::unknown_function},
            {"export of no table", [](WasmBuilder& b) { b.export_table("x", 0); },
             ModuleRule::unknown_table},
            {"export of no memory", [](WasmBuilder& b) { b.export_memory("x", 0); },
             ModuleRule::unknown_memory},
            {"export of no global", [](WasmBuilder& b) { b.export_global("x", 0); },
             ModuleRule::unknown_global},
            {"two exports of one name",
             [](WasmBuilder& b) {
                 b.memory(0);
                 b.export_memory("x", 0);
                 b.export_memory("y", 0);
                 b.export_memory("x", 0);
             },
             ModuleRule::duplicate_export},
            {"start of no function", [](WasmBuilder& b) { b.start(0); },
             ModuleRule::unknown_function},
            {"start with a result",
             [](WasmBuilder& b) {
                 b.function(b.type({}, {ValType::i32}), WasmCode{}.i32(1));
                 b.start(0);
             },
             ModuleRule::start_function},
            {"elements without a table", [](WasmBuilder& b) { b.elements(0, {}); },
             ModuleRule::unknown_table},
            {"elements for external references",
             [](WasmBuilder& b) {
                 b.table(1, {}, ValType::externref);
                 b.elements(0, {});
             },
             ModuleRule::type_mismatch},
            {"elements of no function", [](WasmBuilder& b) { b.passive_elements({0}); },
             ModuleRule::unknown_function},
            {"data without a memory", [](WasmBuilder& b) { b.data(0, {}); },
             ModuleRule::unknown_memory},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            WasmBuilder b;
            row.build(b);
            const auto loaded = vm::load_module(b.build());
            REQUIRE_FALSE(loaded.has_value());
            CHECK(static_cast<int>(loaded.error().rule) == static_cast<int>(row.rule));
        }
    }

    TEST_CASE("of two broken rules the first in the order of checks is named") {
        // Decoding before validation, sections before bodies, bodies in order, each from its front.
        WasmBuilder b;
        const auto type = b.type({}, {});
        std::vector<ModuleRule> found;
        const auto note = [&] {
            const auto loaded = vm::load_module(b.build());
            REQUIRE_FALSE(loaded.has_value());
            found.push_back(loaded.error().rule);
        };
        b.function(type, WasmCode{}.op(Opcode::br, 5).op(Opcode::local_get, 5));
        note();
        b.function_raw(type, {});
        note();
        b.start(77);
        note();
        b.export_function("x", 77);
        b.export_global("x", 77);
        note();
        b.memory(0);
        b.memory(70'000);
        note();
        b.table(2, 1);
        note();
        b.function(99, {});
        note();
        b.announce_data_count();
        b.data(0, {});
        Bytes cut = b.build();
        cut.pop_back();
        const auto last = vm::load_module(cut);
        REQUIRE_FALSE(last.has_value());
        found.push_back(last.error().rule);
        CHECK(found ==
              std::vector<ModuleRule>{ModuleRule::unknown_label, ModuleRule::unknown_label,
                                      ModuleRule::unknown_function, ModuleRule::unknown_function,
                                      ModuleRule::memory_size, ModuleRule::limits_order,
                                      ModuleRule::unknown_type, ModuleRule::length_out_of_bounds});
    }

    TEST_CASE("data segments are counted before bodies that name them") {
        WasmBuilder b;
        b.memory(1);
        b.passive_data(as_bytes("x"));
        b.function(b.type({}, {}), WasmCode{}.op(Opcode::data_drop, 0));
        const auto without = vm::load_module(b.build());
        REQUIRE_FALSE(without.has_value());
        CHECK(without.error().rule == ModuleRule::data_count_required);
        b.announce_data_count();
        CHECK(vm::load_module(b.build()).has_value());
    }

    TEST_CASE("locals beyond those laid out are found in their runs") {
        WasmBuilder b;
        const auto type = b.type({ValType::i64}, {ValType::f64});
        const WasmBuilder::Locals locals{{20'000, ValType::i32},
                                         {0, ValType::f32},
                                         {20'000, ValType::f64},
                                         {9'999, ValType::funcref}};
        const auto with = [&](std::uint32_t local) {
            WasmBuilder copy = b;
            copy.function(type, WasmCode{}.op(Opcode::local_get, local), locals);
            return vm::load_module(copy.build()).has_value();
        };
        CHECK_FALSE(with(0));
        CHECK_FALSE(with(20'000));
        CHECK(with(20'001));
        CHECK(with(40'000));
        CHECK_FALSE(with(40'001));
        CHECK_FALSE(with(49'999));
        CHECK_FALSE(with(50'000));
    }
}

}  // namespace millrace::test
