#include <algorithm>
#include <functional>

#include "tests/support/counting_new.hpp"
#include "tests/support/wasm_builder.hpp"
#include "vm/image/image.hpp"
#include "vm/module/limits.hpp"

/// Modules at the limits, beyond them, and made to hurt. Nothing is timed: a module that takes
/// more than linear time would run into the test's time limit, and memory is counted.
namespace millrace::test {

using vm::ModuleRule;
using vm::Opcode;
using vm::ValType;

namespace {

std::optional<ModuleRule> refusal_of(const Bytes& binary) {
    const auto loaded = vm::load_module(binary);
    if (loaded.has_value()) return std::nullopt;
    return loaded.error().rule;
}

Bytes with_body(const WasmBytes& code, const WasmBuilder::Locals& locals = {}) {
    WasmBuilder b;
    b.function(b.type({}, {}), code, locals);
    return b.build();
}

WasmBuilder::Types repeated(std::size_t count) {
    return WasmBuilder::Types(count, ValType::i32);
}

Bytes nested(std::uint32_t depth) {
    WasmCode code;
    for (std::uint32_t i = 0; i < depth; ++i) code.open(Opcode::block);
    for (std::uint32_t i = 0; i < depth; ++i) code.end();
    return with_body(code);
}

Bytes labels(std::uint32_t count) {
    return with_body(WasmCode{}.i32(0).br_table(std::vector<std::uint32_t>(count, 0), 0));
}

Bytes operands(std::uint32_t count) {
    WasmCode code;
    for (std::uint32_t i = 0; i < count; ++i) code.i32(0);
    for (std::uint32_t i = 0; i < count; ++i) code.op(Opcode::drop);
    return with_body(code);
}

Bytes of_type(std::size_t params, std::size_t results) {
    WasmBuilder b;
    b.function(b.type(repeated(params), repeated(results)), WasmCode{}.op(Opcode::unreachable));
    return b.build();
}

Bytes body_of(std::size_t size) {  // the last byte is `end`, the first the count of locals
    WasmBuilder b;
    Bytes body(size, 0x01);
    body.front() = 0;
    body.back() = 0x0b;
    b.function_raw(b.type({}, {}), body);
    return b.build();
}

/// A section of `count` equal entries, as many as the format's shortest entry allows.
WasmBytes filled_section(unsigned id, std::uint32_t count,
                         std::initializer_list<std::uint8_t> entry) {
    WasmBytes entries;
    for (std::uint32_t i = 0; i < count; ++i) entries.raw(entry);
    WasmBytes out = WasmBuilder::header();
    WasmBuilder::list_section(out, id, count, entries);
    return out;
}

/// What decoding and validating may hold at once: ten times the module, and the validator's stacks
/// (65,536 open blocks of 48 bytes, doubling).
std::size_t memory_max(std::size_t module_size) {
    return 10 * module_size + (12u << 20);
}

struct HurtfulRow {
    const char* name;
    Bytes module;
    std::optional<ModuleRule> refusal;
};

/// A million functions of 50,000 locals each, in 11 bytes a function.
Bytes many_locals(std::uint32_t functions) {
    WasmBuilder b;
    const auto type = b.type({}, {});
    const WasmBuilder::Locals locals{{50'000, ValType::i64}};
    const WasmCode code = WasmCode{}.op(Opcode::local_get, 49'999).op(Opcode::drop);
    for (std::uint32_t f = 0; f < functions; ++f) b.function(type, code, locals);
    return b.build();
}

/// Branches that carry 1,000 values each and leave them where they are.
Bytes wide_branches(std::uint32_t count) {
    WasmBuilder b;
    const auto type = b.type({}, repeated(vm::kResultsMax));
    WasmCode code;
    for (std::uint32_t i = 0; i < vm::kResultsMax; ++i) code.i32(0);
    for (std::uint32_t i = 0; i < count; ++i) code.i32(0).op(Opcode::br_if, 0);
    b.function(type, code);
    return b.build();
}

/// A br_table over blocks that all yield 1,000 values, in reachable code: one type, so one check.
Bytes wide_table(std::uint32_t blocks) {
    WasmBuilder b;
    const auto type = b.type({}, repeated(vm::kResultsMax));
    const auto callee = b.function(type, WasmCode{}.op(Opcode::unreachable));
    WasmCode code;
    std::vector<std::uint32_t> targets;
    for (std::uint32_t i = 0; i < blocks; ++i) {
        code.open_typed(Opcode::block, type);
        targets.push_back(i);
    }
    for (std::uint32_t i = 0; i < 100; ++i) {
        code.op(Opcode::call, callee).i32(0).br_table(targets, 0);
    }
    for (std::uint32_t i = 0; i < blocks; ++i) code.end();
    b.function(type, code);
    return b.build();
}

/// Labels of many different types that all match operands of no known type: the one case in which
/// a check costs the product of two lengths.
Bytes unknown_operands(std::uint32_t types) {
    WasmBuilder b;
    constexpr std::uint32_t kArity = 900;
    WasmCode code;
    std::vector<std::uint32_t> targets;
    for (std::uint32_t i = 0; i < types; ++i) {
        WasmBuilder::Types results = repeated(kArity);
        for (unsigned bit = 0; bit < 16; ++bit)
            if ((i >> bit & 1) != 0) results[bit] = ValType::i64;
        code.open_typed(Opcode::block, b.type({}, results));
        targets.push_back(i);
    }
    code.op(Opcode::unreachable);
    for (std::uint32_t i = 0; i < kArity; ++i) code.op(Opcode::select);
    code.i32(0).br_table(targets, 0);
    for (std::uint32_t i = 0; i < types; ++i) code.end().op(Opcode::unreachable);
    b.function(b.type({}, {}), code);
    return b.build();
}

}  // namespace

TEST_SUITE("vm/module/limits") {
    TEST_CASE("each limit holds, and one more is refused") {
        struct Row {
            const char* name;
            Bytes at_limit;
            Bytes beyond;
            ModuleRule rule;
        };
        const Row rows[] = {
            // The function itself is the outermost block.
            {"nesting", nested(vm::kNestingMax - 1), nested(vm::kNestingMax),
             ModuleRule::nesting_too_deep},
            {"br_table", labels(vm::kBranchTableMax), labels(vm::kBranchTableMax + 1),
             ModuleRule::branch_table_too_large},
            {"operands", operands(vm::kOperandsMax), operands(vm::kOperandsMax + 1),
             ModuleRule::too_many_operands},
            {"locals", with_body({}, {{vm::kLocalsMax, ValType::i32}}),
             with_body({}, {{vm::kLocalsMax, ValType::i32}, {1, ValType::i32}}),
             ModuleRule::too_many_locals},
            {"params", of_type(vm::kParamsMax, 0), of_type(vm::kParamsMax + 1, 0),
             ModuleRule::too_many_params},
            {"results", of_type(0, vm::kResultsMax), of_type(0, vm::kResultsMax + 1),
             ModuleRule::too_many_results},
            {"body", body_of(vm::kFunctionSizeMax), body_of(vm::kFunctionSizeMax + 1),
             ModuleRule::function_too_large},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            CHECK_FALSE(refusal_of(row.at_limit).has_value());
            CHECK(refusal_of(row.beyond) == row.rule);
        }
    }

    TEST_CASE("parameters count as locals") {
        WasmBuilder b;
        b.function(b.type(repeated(1), {}), {}, {{vm::kLocalsMax, ValType::i32}});
        CHECK(refusal_of(b.build()) == ModuleRule::too_many_locals);
    }

    TEST_CASE("locals that number 2^32 are malformed, fewer are only too many") {
        const auto of = [](std::uint32_t last) {
            return with_body({}, {{0xffff'ffff, ValType::i32}, {last, ValType::i64}});
        };
        CHECK(refusal_of(of(0)) == ModuleRule::too_many_locals);
        CHECK(refusal_of(of(1)) == ModuleRule::local_count);
    }

    TEST_CASE("a module made to hurt is refused, or validated and lowered, in ten times its size") {
        std::vector<HurtfulRow> rows;
        rows.push_back({"types", filled_section(1, 300'000, {0x60, 0, 0}).bytes(), {}});
        rows.push_back({"imports", filled_section(2, 100'000, {0, 0, 3, 0x7f, 0}).bytes(), {}});
        rows.push_back(
            {"globals", filled_section(6, 300'000, {0x7f, 0, 0x41, 0, 0x0b}).bytes(), {}});
        rows.push_back({"tables", filled_section(4, 100'000, {0x70, 0, 0}).bytes(), {}});
        rows.push_back({"memories", filled_section(5, 1'000'000, {0, 0}).bytes(),
                        ModuleRule::multiple_memories});
        rows.push_back({"data", filled_section(11, 100'000, {1, 0}).bytes(), {}});
        rows.push_back({"elements", filled_section(9, 100'000, {1, 0, 0}).bytes(), {}});
        rows.push_back(
            {"exports", filled_section(7, 300'000, {0, 2, 0}).bytes(), ModuleRule::unknown_memory});
        rows.push_back({"customs", filled_section(0, 1, {0}).bytes(), {}});
        rows.push_back({"locals", many_locals(50'000), {}});
        rows.push_back({"nesting", nested(vm::kNestingMax - 1), {}});
        rows.push_back({"wide branches", wide_branches(500'000), {}});
        rows.push_back({"wide table", wide_table(10'000), {}});
        rows.push_back(
            {"unknown operands", unknown_operands(1'000), ModuleRule::branch_table_too_large});
        for (HurtfulRow& row : rows) {
            CAPTURE(row.name);
            const std::size_t size = row.module.size();
            reset_heap_peak();
            const std::size_t before = heap_bytes();
            const auto loaded = vm::load_module(std::move(row.module));
            const std::size_t used = heap_peak() - before;
            CAPTURE(size);
            CHECK(used <= memory_max(size));
            REQUIRE(loaded.has_value() == !row.refusal.has_value());
            if (row.refusal) {
                CHECK(loaded.error().rule == *row.refusal);
                continue;
            }
            vm::ImageOptions options;
            options.for_harness = true;
            reset_heap_peak();
            const std::size_t held = heap_bytes();
            const auto image = vm::make_image(*loaded, options);
            const std::size_t lowering = heap_peak() - held;
            CHECK(lowering <= memory_max(size));
        }
    }

    TEST_CASE("announcing much and sending little allocates little") {
        constexpr std::uint32_t kMuch = 99'999;
        for (const unsigned id : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 9u, 10u, 11u}) {
            CAPTURE(id);
            WasmBytes module = WasmBuilder::header();
            WasmBuilder::section(module, id, WasmBytes{}.u32(kMuch).u32(0));
            Bytes binary = module.bytes();
            reset_heap_peak();
            const std::size_t before = heap_bytes();
            CHECK_FALSE(vm::decode_module(std::move(binary)).has_value());
            CHECK(heap_peak() - before < 4096);
        }
    }
}

}  // namespace millrace::test
