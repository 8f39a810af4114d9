#include <set>

#include "tests/support/wasm_builder.hpp"
#include "vm/module/cursor.hpp"
#include "vm/module/proposals.hpp"
#include "vm/module/reader.hpp"

namespace millrace::test {

using vm::Immediate;
using vm::ModuleRule;
using vm::Opcode;

namespace {

/// Numbers that take one byte and five, so that both ways of reading LEB128 are met.
constexpr std::uint32_t kFirst = 17;
constexpr std::uint32_t kSecond = 0xfedc'ba98;

/// An instruction with some immediates, and what reading it must give.
struct Sample {
    WasmCode code;
    vm::Instruction expected;
};

Sample sample(const vm::OpcodeInfo& row) {
    Sample s;
    s.expected.op = row.op;
    switch (row.immediate) {
        case Immediate::none:
            s.code.op(row.op);
            break;
        case Immediate::block_type:
            s.code.open_typed(row.op, kSecond);
            s.expected.block = {vm::BlockType::Kind::type, vm::ValType::i32, kSecond};
            break;
        case Immediate::label:
        case Immediate::function:
        case Immediate::local:
        case Immediate::global:
        case Immediate::table:
        case Immediate::data:
        case Immediate::element:
            s.code.op(row.op, kSecond);
            s.expected.index = kSecond;
            break;
        case Immediate::type_and_table:
        case Immediate::memarg:
        case Immediate::element_and_table:
        case Immediate::table_and_table:
            s.code.op(row.op, kFirst, kSecond);
            s.expected.index = kFirst;
            s.expected.second = kSecond;
            break;
        case Immediate::label_table:
            s.code.br_table({kSecond, 3}, kFirst);
            break;
        case Immediate::value_types:
            s.code.op(row.op, 1).type(vm::ValType::f64);
            s.expected.type = vm::ValType::f64;
            break;
        case Immediate::memory:
            s.code.op(row.op, 0);
            break;
        case Immediate::data_and_memory:
            s.code.op(row.op, kSecond, 0);
            s.expected.index = kSecond;
            break;
        case Immediate::memory_and_memory:
            s.code.op(row.op, 0, 0);
            break;
        case Immediate::i32:
            s.code.i32(-2);
            s.expected.bits = 0xffff'fffe;
            break;
        case Immediate::i64:
            s.code.i64(INT64_MIN);
            s.expected.bits = std::uint64_t{1} << 63;
            break;
        case Immediate::f32:
            s.code.f32_bits(0x7fa0'0001);
            s.expected.bits = 0x7fa0'0001;
            break;
        case Immediate::f64:
            s.code.f64_bits(0xfff4'0000'0000'0001);
            s.expected.bits = 0xfff4'0000'0000'0001;
            break;
        case Immediate::reference_type:
            s.code.op(row.op).type(vm::ValType::externref);
            s.expected.type = vm::ValType::externref;
            break;
    }
    return s;
}

struct LebRow {
    const char* name;
    Bytes raw;
    std::optional<ModuleRule> refusal;
    std::uint64_t value;
};

}  // namespace

TEST_SUITE("vm/module/reader") {
    TEST_CASE("every instruction is read back as it was written, up to its last byte") {
        for (const vm::OpcodeInfo& row : vm::kOpcodes) {
            CAPTURE(row.text);
            const Sample s = sample(row);
            vm::InstructionReader reader(s.code.bytes(), 1000);
            vm::Instruction found;
            REQUIRE(reader.next(found));
            CHECK(found.op == s.expected.op);
            CHECK(found.offset == 1000);
            CHECK(found.index == s.expected.index);
            CHECK(found.second == s.expected.second);
            CHECK(found.bits == s.expected.bits);
            CHECK(found.block == s.expected.block);
            CHECK(found.type == s.expected.type);
            CHECK(reader.offset() == 1000 + s.code.size());
            CHECK_FALSE(reader.next(found));
            CHECK_FALSE(reader.failed());
        }
    }

    TEST_CASE("every instruction cut short is refused") {
        for (const vm::OpcodeInfo& row : vm::kOpcodes) {
            const Sample s = sample(row);
            for (std::size_t size = 1; size < s.code.size(); ++size) {
                CAPTURE(row.text);
                CAPTURE(size);
                vm::InstructionReader reader(ByteView{s.code.bytes()}.first(size), 0);
                vm::Instruction found;
                CHECK_FALSE(reader.next(found));
                REQUIRE(reader.failed());
                CHECK(vm::is_malformed(reader.error().rule));
            }
        }
    }

    TEST_CASE("the labels of a br_table come in order, default last") {
        const WasmCode code = WasmCode{}.br_table({5, 1000, 0}, 7);
        vm::InstructionReader reader(code.bytes(), 0);
        vm::Instruction found;
        REQUIRE(reader.next(found));
        const std::vector<std::uint32_t> labels(found.labels.begin(), found.labels.end());
        CHECK(labels == std::vector<std::uint32_t>{5, 1000, 0, 7});
        CHECK(found.labels.size() == 4);
    }

    TEST_CASE("mnemonics and encodings name one instruction each") {
        std::set<std::string_view> texts;
        for (const vm::OpcodeInfo& row : vm::kOpcodes) {
            CHECK(vm::find_opcode(row.prefix, row.code) == row.op);
            // The two forms of select share their name.
            if (row.op != Opcode::select_t) CHECK(texts.insert(row.text).second);
        }
        CHECK_FALSE(vm::find_opcode(0xfc, 18).has_value());
        CHECK_FALSE(vm::find_opcode(0xfc, 0x100).has_value());
        CHECK_FALSE(vm::find_opcode(0, 0x1fc).has_value());
    }

    TEST_CASE("instructions of proposals are known by name") {
        struct Row {
            std::uint8_t prefix;
            std::uint32_t code;
            ModuleRule rule;
            std::string_view name;
        };
        const Row rows[] = {
            {0xfd, 0x00, ModuleRule::simd, "v128.load"},
            {0xfd, 0x0f, ModuleRule::simd, "i8x16.splat"},
            {0xfd, 0x7f, ModuleRule::simd, "i32x4.extadd_pairwise_i16x8_u"},
            {0xfd, 0xba, ModuleRule::simd, "i32x4.dot_i16x8_s"},
            {0xfd, 0xff, ModuleRule::simd, "f64x2.convert_low_i32x4_u"},
            {0xfd, 0x100, ModuleRule::relaxed_simd, "i8x16.relaxed_swizzle"},
            {0xfd, 0x113, ModuleRule::relaxed_simd, "i32x4.relaxed_dot_i8x16_i7x16_add_s"},
            {0xfd, 0x9a, ModuleRule::illegal_opcode, "opcode 0xfd 154"},
            {0xfd, 0x114, ModuleRule::illegal_opcode, "opcode 0xfd 276"},
            {0xfe, 0x03, ModuleRule::threads, "atomic.fence"},
            {0xfe, 0x4e, ModuleRule::threads, "i64.atomic.rmw32.cmpxchg_u"},
            {0xfb, 30, ModuleRule::garbage_collection, "i31.get_u"},
            {0xfc, 0x13, ModuleRule::wide_arithmetic, "i64.add128"},
            {0, 0x08, ModuleRule::exceptions, "throw"},
            {0, 0x13, ModuleRule::tail_calls, "return_call_indirect"},
            {0, 0x14, ModuleRule::function_references, "call_ref"},
            {0, 0x27, ModuleRule::illegal_opcode, "opcode 0x27"},
        };
        for (const Row& row : rows) {
            const vm::ProposalOp found = vm::find_proposal(row.prefix, row.code);
            CHECK(found.mnemonic == row.name);
            CHECK(found.rule == row.rule);
            // Whatever a compiler emits on request comes with the way not to request it.
            CHECK(vm::avoid_with(row.rule).empty() == (row.rule == ModuleRule::illegal_opcode));
        }
    }

    TEST_CASE("unsigned integers of 32 bits are read strictly") {
        const LebRow rows[] = {
            {"zero", {0x00}, {}, 0},
            {"zero in five bytes", {0x80, 0x80, 0x80, 0x80, 0x00}, {}, 0},
            {"largest", {0xff, 0xff, 0xff, 0xff, 0x0f}, {}, 0xffff'ffff},
            {"a bit too many", {0xff, 0xff, 0xff, 0xff, 0x1f}, ModuleRule::integer_too_large, 0},
            {"six bytes", {0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, ModuleRule::integer_too_long, 0},
            {"cut", {0x80}, ModuleRule::unexpected_end, 0},
            {"nothing", {}, ModuleRule::unexpected_end, 0},
        };
        for (const LebRow& row : rows) {
            CAPTURE(row.name);
            vm::ByteCursor in(row.raw, 0);
            CHECK(in.u32() == row.value);
            REQUIRE(in.failed() == row.refusal.has_value());
            if (row.refusal) CHECK(in.error().rule == *row.refusal);
        }
    }

    TEST_CASE("signed integers of 32, 33 and 64 bits are read strictly") {
        struct Row {
            const char* name;
            unsigned bits;
            Bytes raw;
            std::optional<ModuleRule> refusal;
            std::int64_t value;
        };
        const Row rows[] = {
            {"-1", 32, {0x7f}, {}, -1},
            {"-1 in five bytes", 32, {0xff, 0xff, 0xff, 0xff, 0x7f}, {}, -1},
            {"lowest", 32, {0x80, 0x80, 0x80, 0x80, 0x78}, {}, INT32_MIN},
            {"highest", 32, {0xff, 0xff, 0xff, 0xff, 0x07}, {}, INT32_MAX},
            {"sign bits differ",
             32,
             {0xff, 0xff, 0xff, 0xff, 0x0f},
             ModuleRule::integer_too_large,
             0},
            {"six bytes", 32, {0x80, 0x80, 0x80, 0x80, 0x80, 0}, ModuleRule::integer_too_long, 0},
            {"2^32 - 1", 33, {0xff, 0xff, 0xff, 0xff, 0x0f}, {}, 0xffff'ffff},
            {"2^32", 33, {0x80, 0x80, 0x80, 0x80, 0x10}, ModuleRule::integer_too_large, 0},
            {"lowest",
             64,
             {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f},
             {},
             INT64_MIN},
            {"highest",
             64,
             {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00},
             {},
             INT64_MAX},
            {"tenth byte",
             64,
             {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01},
             ModuleRule::integer_too_large,
             0},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            CAPTURE(row.bits);
            vm::ByteCursor in(row.raw, 0);
            const std::int64_t found = row.bits == 32   ? in.s32()
                                       : row.bits == 33 ? in.s33()
                                                        : in.s64();
            CHECK(found == row.value);
            REQUIRE(in.failed() == row.refusal.has_value());
            if (row.refusal) CHECK(in.error().rule == *row.refusal);
        }
    }
}

}  // namespace millrace::test
