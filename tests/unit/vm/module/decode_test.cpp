#include <algorithm>

#include "tests/support/wasm_builder.hpp"
#include "vm/module/detail/utf8.hpp"
#include "vm/module/limits.hpp"

namespace millrace::test {

using vm::ModuleRule;

namespace {

struct Row {
    const char* name;
    WasmBytes module;
    ModuleRule rule;
    std::uint32_t offset;
};

WasmBytes with_section(unsigned id, const WasmBytes& payload) {
    WasmBytes out = WasmBuilder::header();
    WasmBuilder::section(out, id, payload);
    return out;
}
WasmBytes bytes(std::initializer_list<std::uint8_t> raw) {
    return WasmBytes{}.raw(raw);
}
/// A section with this payload; its contents begin at byte 10 (id, one byte of size).
WasmBytes section(unsigned id, std::initializer_list<std::uint8_t> payload) {
    return with_section(id, bytes(payload));
}

void check_rows(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const auto decoded = vm::decode_module(row.module.bytes());
        REQUIRE_FALSE(decoded.has_value());
        CHECK(static_cast<int>(decoded.error().rule) == static_cast<int>(row.rule));
        CHECK(decoded.error().offset == row.offset);
        CHECK_FALSE(vm::rule_text(decoded.error().rule).empty());
    }
}

}  // namespace

TEST_SUITE("vm/module/decode") {
    TEST_CASE("an empty module is eight bytes") {
        const auto decoded = vm::decode_module(WasmBuilder::header().bytes());
        REQUIRE(decoded.has_value());
        CHECK(decoded->functions.empty());
    }

    TEST_CASE("each rule of the binary format refuses, and says at which byte") {
        check_rows({
            {"nothing", {}, ModuleRule::unexpected_end, 0},
            {"half a magic", bytes({0x00, 0x61}), ModuleRule::unexpected_end, 2},
            {"wrong magic", bytes({0x7f, 'E', 'L', 'F', 1, 0, 0, 0}), ModuleRule::magic, 0},
            {"half a version", bytes({0, 0x61, 0x73, 0x6d, 1}), ModuleRule::unexpected_end, 5},
            {"version 2", bytes({0, 0x61, 0x73, 0x6d, 2, 0, 0, 0}), ModuleRule::version, 4},
            {"component", bytes({0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0}), ModuleRule::component_model,
             4},
            {"section 14", section(14, {}), ModuleRule::section_id, 8},
            {"tag section", section(13, {0}), ModuleRule::exceptions, 8},
            {"section beyond the end", WasmBuilder::header().byte(1).u32(5).byte(0),
             ModuleRule::length_out_of_bounds, 10},
            {"types twice", WasmBuilder::header().raw({1, 1, 0, 1, 1, 0}),
             ModuleRule::section_order, 11},
            {"code before data count", WasmBuilder::header().raw({10, 1, 0, 12, 1, 0}),
             ModuleRule::section_order, 11},
            {"a byte left over", section(1, {0, 0}), ModuleRule::section_size, 11},
            {"custom without a name", section(0, {}), ModuleRule::unexpected_end, 10},
            {"custom name not UTF-8", section(0, {1, 0xff}), ModuleRule::utf8, 11},
            {"count too long", section(1, {0x80, 0x80, 0x80, 0x80, 0x80, 0}),
             ModuleRule::integer_too_long, 10},
            {"count too large", section(1, {0xff, 0xff, 0xff, 0xff, 0x7f}),
             ModuleRule::integer_too_large, 10},
            {"count beyond the bytes", section(1, {2, 0x60, 0, 0}), ModuleRule::unexpected_end, 10},
            {"type form", section(1, {1, 0x61, 0, 0}), ModuleRule::type_form, 11},
            {"struct type", section(1, {1, 0x5f, 0, 0}), ModuleRule::garbage_collection, 11},
            {"value type", section(1, {1, 0x60, 1, 0x40, 0}), ModuleRule::value_type, 13},
            {"v128", section(1, {1, 0x60, 1, 0x7b, 0}), ModuleRule::simd, 13},
            {"exnref", section(1, {1, 0x60, 1, 0x69, 0}), ModuleRule::exceptions, 13},
            {"anyref", section(1, {1, 0x60, 1, 0x6e, 0}), ModuleRule::garbage_collection, 13},
            {"typed reference", section(1, {1, 0x60, 1, 0x64, 0}), ModuleRule::function_references,
             13},
            {"import kind", section(2, {1, 0, 0, 5, 0}), ModuleRule::import_kind, 13},
            {"imported tag", section(2, {1, 0, 0, 4, 0, 0}), ModuleRule::exceptions, 13},
            {"table of i32", section(4, {1, 0x7f, 0, 0}), ModuleRule::reference_type, 11},
            {"table with a value", section(4, {1, 0x40, 0, 0x70, 0, 0}),
             ModuleRule::function_references, 11},
            {"shared memory", section(5, {1, 3, 0, 1}), ModuleRule::threads, 11},
            {"64-bit memory", section(5, {1, 4, 0}), ModuleRule::memory64, 11},
            {"custom page size", section(5, {1, 8, 0, 0}), ModuleRule::custom_page_sizes, 11},
            {"limits flags", section(5, {1, 0x10, 0}), ModuleRule::limits_flags, 11},
            {"mutability", section(6, {1, 0x7f, 2, 0x41, 0, 0x0b}), ModuleRule::mutability, 12},
            {"constant without end", section(6, {1, 0x7f, 0, 0x41, 0}), ModuleRule::end_expected,
             15},
            {"export kind", section(7, {1, 0, 5, 0}), ModuleRule::export_kind, 12},
            {"element flags", section(9, {1, 8, 0, 0}), ModuleRule::element_flags, 11},
            {"element kind", section(9, {1, 1, 1, 0}), ModuleRule::element_kind, 12},
            {"data flags", section(11, {1, 3, 0}), ModuleRule::data_flags, 11},
            {"data beyond the section", section(11, {1, 1, 2, 0}), ModuleRule::length_out_of_bounds,
             13},
            {"data count", WasmBuilder::header().raw({12, 1, 2, 11, 3, 1, 1, 0}),
             ModuleRule::data_count, 13},
            {"data count without data", section(12, {1}), ModuleRule::data_count, 10},
            {"code without functions", section(10, {1, 2, 0, 0x0b}), ModuleRule::function_count,
             10},
            {"functions without code", section(3, {1, 0}), ModuleRule::function_count, 12},
            // What only needs one look at a constant is refused here, though it is validation's.
            {"two constants", section(6, {1, 0x7f, 0, 0x41, 0, 0x41, 0, 0x0b}),
             ModuleRule::type_mismatch, 17},
            {"a load as a constant", section(6, {1, 0x7f, 0, 0x28, 0, 0, 0x0b}),
             ModuleRule::constant_expression, 13},
            {"an addition as a constant", section(6, {1, 0x7f, 0, 0x41, 0, 0x41, 0, 0x6a, 0x0b}),
             ModuleRule::extended_constants, 17},
        });
    }

    TEST_CASE("limits are refused at the count, before anything is reserved") {
        const auto counted = [](unsigned id, std::uint64_t count) {
            return with_section(id, WasmBytes{}.u32(count));
        };
        check_rows({
            {"types", counted(1, vm::kTypesMax + 1), ModuleRule::too_many_types, 10},
            {"imports", counted(2, vm::kImportsMax + 1), ModuleRule::too_many_imports, 10},
            {"functions", counted(3, vm::kFunctionsMax + 1), ModuleRule::too_many_functions, 10},
            {"tables", counted(4, vm::kTablesMax + 1), ModuleRule::too_many_tables, 10},
            {"globals", counted(6, vm::kGlobalsMax + 1), ModuleRule::too_many_globals, 10},
            {"exports", counted(7, vm::kExportsMax + 1), ModuleRule::too_many_exports, 10},
            {"elements", counted(9, vm::kElementSegmentsMax + 1),
             ModuleRule::too_many_element_segments, 10},
            {"data", counted(11, vm::kDataSegmentsMax + 1), ModuleRule::too_many_data_segments, 10},
            // One fewer passes the limit and fails for want of bytes.
            {"types at the limit", counted(1, vm::kTypesMax), ModuleRule::unexpected_end, 10},
            {"data at the limit", counted(11, vm::kDataSegmentsMax), ModuleRule::unexpected_end,
             10},
            {"all 2^32 - 1 of a br_table",
             section(6, {1, 0x7f, 0, 0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f}),
             ModuleRule::branch_table_too_large, 14},
        });
    }

    TEST_CASE("sections become tables, imports first in every space") {
        WasmBuilder b;
        const auto to_nothing = b.type({}, {});
        const auto binary = b.type({vm::ValType::i32, vm::ValType::i64}, {vm::ValType::f64});
        const auto again = b.type({}, {});
        b.import_function("m", "f", binary);
        b.import_global("m", "g", vm::ValType::i64, true);
        b.import_memory("m", "mem", 1, 2);
        const auto own = b.function(to_nothing, WasmCode{}.op(vm::Opcode::nop));
        b.table(3, 5);
        b.global(vm::ValType::i32, false, WasmCode{}.i32(-5));
        b.export_function("run", own);
        b.start(own);
        b.elements(1, {0, own});
        b.passive_data(as_bytes("abc"));
        b.announce_data_count();
        b.function_name(own, "runner");
        const auto decoded = vm::decode_module(b.build());
        REQUIRE(decoded.has_value());
        const vm::Module& m = *decoded;
        CHECK(m.types.size() == 3);
        CHECK(m.canonical_types == std::vector<std::uint32_t>{0, 1, 0});
        CHECK(again == 2);
        CHECK(m.params(m.types[1]).size() == 2);
        CHECK(m.params(m.types[1])[1] == vm::ValType::i64);
        CHECK(m.results(m.types[1])[0] == vm::ValType::f64);
        CHECK(m.functions == std::vector<std::uint32_t>{binary, to_nothing});
        CHECK(m.imported_functions == 1);
        CHECK(m.text(m.imports[0].name) == "f");
        CHECK(m.globals.size() == 2);
        CHECK(m.globals[0].type.is_mutable);
        CHECK(m.globals[1].init.bits == 0xffff'fffb);
        CHECK(m.memories[0].limits == vm::Limits{1, 2});
        CHECK(m.tables[0].limits == vm::Limits{3, 5});
        CHECK(m.text(m.exports[0].name) == "run");
        CHECK(m.start == own);
        CHECK(m.elements[0].start.bits == 1);
        CHECK(m.items(m.elements[0])[1].index() == own);
        CHECK(m.data[0].mode == vm::SegmentMode::passive);
        CHECK(m.text(m.data[0].bytes) == "abc");
        CHECK(m.data_count == 1u);
        const Bytes body{0, 0x01, 0x0b};
        CHECK(std::ranges::equal(m.bytes(m.body(own)), body));
        CHECK(m.name_section.size != 0);
    }

    TEST_CASE("types are compared by structure, whatever their order and number") {
        WasmBuilder b;
        // Parameters and results with the same types in a row must not be taken for each other.
        b.type({vm::ValType::i32}, {vm::ValType::i32});
        b.type({vm::ValType::i32, vm::ValType::i32}, {});
        b.type({}, {vm::ValType::i32, vm::ValType::i32});
        b.type({vm::ValType::i32, vm::ValType::i32}, {});
        b.type({vm::ValType::i32}, {vm::ValType::i32});
        const auto decoded = vm::decode_module(b.build());
        REQUIRE(decoded.has_value());
        CHECK(decoded->canonical_types == std::vector<std::uint32_t>{0, 1, 2, 1, 0});
    }

    TEST_CASE("a module beyond the largest size is refused before it is read") {
        Bytes raw(vm::kModuleSizeMax + 1);
        const auto decoded = vm::decode_module(std::move(raw));
        REQUIRE_FALSE(decoded.has_value());
        CHECK(decoded.error().rule == ModuleRule::module_too_large);
    }

    TEST_CASE("UTF-8 has one form for each character") {
        struct Utf8Row {
            Bytes raw;
            bool good;
        };
        const Utf8Row rows[] = {
            {{}, true},
            {{'a', 0x7f}, true},
            {{0xc2, 0x80}, true},
            {{0xdf, 0xbf}, true},
            {{0xe0, 0xa0, 0x80}, true},
            {{0xed, 0x9f, 0xbf}, true},
            {{0xee, 0x80, 0x80}, true},
            {{0xf0, 0x90, 0x80, 0x80}, true},
            {{0xf4, 0x8f, 0xbf, 0xbf}, true},
            {{0x80}, false},        // a continuation alone
            {{0xc0, 0x80}, false},  // zero in two bytes
            {{0xc1, 0xbf}, false},
            {{0xe0, 0x9f, 0xbf}, false},  // three bytes for what takes two
            {{0xed, 0xa0, 0x80}, false},  // a surrogate
            {{0xf0, 0x8f, 0xbf, 0xbf}, false},
            {{0xf4, 0x90, 0x80, 0x80}, false},  // above U+10FFFF
            {{0xf5, 0x80, 0x80, 0x80}, false},
            {{0xe2, 0x82}, false},  // cut
            {{0xe2, 0x82, 0x41}, false},
            {{0xff}, false},
        };
        for (const Utf8Row& row : rows) {
            CAPTURE(to_hex(row.raw));
            CHECK(vm::detail::is_utf8(row.raw) == row.good);
        }
    }
}

}  // namespace millrace::test
