#include "vm/module/check.hpp"

#include "tests/support/wasm_builder.hpp"
#include "vm/module/names.hpp"

namespace millrace::test {

using vm::ModuleRule;
using vm::Opcode;
using vm::ValType;

namespace {

WasmCode code() {
    return {};
}

vm::Diagnosis diagnosis_of(const Bytes& binary) {
    const auto checked = vm::check_module(binary);
    REQUIRE_FALSE(checked.has_value());
    return checked.error();
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("vm/module/check") {
    TEST_CASE("a refusal names instruction, function, byte and compiler flag") {
        struct Row {
            const char* name;
            WasmBytes code;
            ModuleRule rule;
            const char* instruction;
            const char* flag;
        };
        const Row rows[] = {
            {"SIMD", code().i32(0).raw({0xfd, 0x0f}), ModuleRule::simd, "i8x16.splat",
             "-mno-simd128"},
            {"relaxed SIMD", code().raw({0xfd, 0x80, 0x02}), ModuleRule::relaxed_simd,
             "i8x16.relaxed_swizzle", "-mno-simd128"},
            {"threads", code().raw({0xfe, 0x03, 0x00}), ModuleRule::threads, "atomic.fence",
             "-mno-atomics"},
            {"exceptions", code().raw({0x06, 0x40, 0x0b}), ModuleRule::exceptions, "try",
             "-fno-exceptions"},
            {"tail calls", code().raw({0x12, 0x00}), ModuleRule::tail_calls, "return_call",
             "-mno-tail-call"},
            {"garbage collection", code().raw({0xfb, 0x1c}), ModuleRule::garbage_collection,
             "ref.i31", "linear memory"},
            {"typed calls", code().raw({0x14, 0x00}), ModuleRule::function_references, "call_ref",
             "linear memory"},
            {"memories", code().i32(0).op(Opcode::i32_load, 0x40, 0, 0),
             ModuleRule::multiple_memories_proposal, "i32.load", "-mno-multimemory"},
            {"wide arithmetic", code().raw({0xfc, 0x13}), ModuleRule::wide_arithmetic, "i64.add128",
             "-mno-wide-arithmetic"},
            {"a mistake", code().i64(1).op(Opcode::i32_eqz), ModuleRule::type_mismatch, "i32.eqz",
             ""},
            {"a bad immediate", code().op(Opcode::local_get, 1000), ModuleRule::unknown_local,
             "local.get", ""},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            WasmBuilder b;
            const auto type = b.type({}, {});
            b.import_function("wasi_snapshot_preview1", "sched_yield", b.type({}, {ValType::i32}));
            b.function(type, code().op(Opcode::nop));
            const auto bad = b.function(type, row.code);
            b.memory(1);
            b.function_name(bad, "tight_loop");
            const vm::Diagnosis found = diagnosis_of(b.build());
            CHECK(found.error.rule == row.rule);
            CHECK(found.section == "code");
            CHECK(found.function == 2u);
            CHECK(found.function_name == "tight_loop");
            CHECK(found.instruction == row.instruction);
            CHECK(contains(found.advice, row.flag));
            const std::string text = vm::to_text(found);
            CHECK(contains(text, "byte " + std::to_string(found.error.offset) + ":"));
            CHECK(contains(text, "2 \"tight_loop\""));
        }
    }

    TEST_CASE("outside of bodies a refusal names the section") {
        WasmBuilder b;
        b.type({ValType::v128}, {});
        const vm::Diagnosis found = diagnosis_of(b.build());
        CHECK(found.section == "type");
        CHECK_FALSE(found.function.has_value());
        CHECK(contains(found.advice, "-mno-simd128"));
        const vm::Diagnosis component =
            diagnosis_of(WasmBytes{}.raw({0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0}).bytes());
        CHECK(contains(component.advice, "wasm32-wasip1"));
    }

    TEST_CASE("without a name section the export names the function") {
        WasmBuilder b;
        b.export_function("run", b.function(b.type({}, {}), code().i32(1)));
        CHECK(diagnosis_of(b.build()).function_name == "run");
    }

    TEST_CASE("names of strangers are printed without their terminal escapes") {
        CHECK(vm::printable("a\x1b[2J\"b\\\n") == "a\\1b[2J\\22b\\5c\\0a");
        std::string cut(vm::kPrintedNameMax, 'x');
        cut += "...";
        CHECK(vm::printable(std::string(500, 'x')) == cut);
        CHECK(vm::printable("grün") == "grün");
        CHECK(vm::printable("\xff z\xc3") == "\\ff z\\c3");
        CHECK(vm::printable("\xc2\x9bm") == "\\c2\\9bm");
        // Cut between characters, not within one.
        std::string longer(vm::kPrintedNameMax - 1, 'x');
        longer += "ü";
        std::string expected = longer;
        expected += "...";
        longer += "y";
        CHECK(vm::printable(longer) == expected);
    }

    TEST_CASE("an accepted program is summed up") {
        WasmBuilder b;
        const auto type = b.type({}, {});
        b.import_function("wasi_snapshot_preview1", "sched_yield", b.type({}, {ValType::i32}));
        b.memory(2, 17);
        b.export_memory("memory");
        const auto start =
            b.function(type, code().op(Opcode::call, 0).op(Opcode::i32_extend8_s).op(Opcode::drop));
        b.export_function("_start", start);
        b.data(0, as_bytes("12345"));
        const Bytes binary = b.build();
        const auto checked = vm::check_module(binary);
        REQUIRE(checked.has_value());
        const vm::ModuleReport& report = *checked;
        CHECK_FALSE(report.profile.has_value());
        CHECK(report.size == binary.size());
        CHECK(report.functions == 1);
        CHECK(report.instructions == 4);
        CHECK(report.data_size == 5);
        CHECK(report.memory == vm::Limits{2, 17});
        CHECK(report.imports == std::vector<std::string>{"wasi_snapshot_preview1.sched_yield"});
        using vm::Feature;
        const auto uses = [&](Feature f) { return report.features[static_cast<std::size_t>(f)]; };
        CHECK(uses(Feature::sign_extension));
        CHECK_FALSE(uses(Feature::bulk_memory));
        CHECK_FALSE(uses(Feature::multi_value));
        const std::string text = vm::to_text(report);
        CHECK(contains(text, "accepted"));
        CHECK(contains(text, "sign-ext"));
        CHECK(contains(text, "2 pages of 64 KiB, at most 17"));
    }
}

TEST_SUITE("vm/module/profile") {
    TEST_CASE("the smallest command fits") {
        const auto loaded = vm::load_module(command_module({}));
        REQUIRE(loaded.has_value());
        CHECK(vm::check_profile(*loaded).has_value());
    }

    TEST_CASE("all that is missing is listed at once, with its reason") {
        WasmBuilder b;
        const auto nothing = b.type({}, {});
        const auto errno_of_one = b.type({ValType::i32}, {ValType::i32});
        b.import_function("env", "emscripten_get_now", nothing);
        b.import_function("wasi_snapshot_preview1", "fd_close", errno_of_one);
        b.import_function("wasi_snapshot_preview1", "fd_close", nothing);
        b.import_function("wasi_snapshot_preview1", "thread_spawn", errno_of_one);
        b.import_function("wasi_unstable", "fd_close", errno_of_one);
        b.import_global("wasi_snapshot_preview1", "g", ValType::i32, false);
        b.export_function("_start", b.function(errno_of_one, code().i32(0)));
        const auto loaded = vm::load_module(b.build());
        REQUIRE(loaded.has_value());
        const auto checked = vm::check_profile(*loaded);
        REQUIRE_FALSE(checked.has_value());
        const vm::ProfileError error = checked.error();
        using vm::MissingReason;
        const std::vector<std::pair<std::string, MissingReason>> expected{
            {"emscripten_get_now", MissingReason::unknown_module},
            {"fd_close", MissingReason::wrong_signature},
            {"thread_spawn", MissingReason::unknown_function},
            {"fd_close", MissingReason::unknown_module},
            {"g", MissingReason::not_a_function}};
        REQUIRE(error.missing.size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            CHECK(error.missing[i].name == expected[i].first);
            CHECK(error.missing[i].reason == expected[i].second);
        }
        CHECK(error.missing_count == 5);
        CHECK(error.start_takes_arguments);
        CHECK_FALSE(error.start_missing);
        CHECK(error.memory_missing);
        CHECK(contains(error.text(), "\"env\" \"emscripten_get_now\""));
        CHECK(contains(error.text(), "\"memory\""));
    }

    TEST_CASE("a library without _start is no program") {
        WasmBuilder b;
        b.memory(1);
        b.export_memory("memory");
        b.export_memory("_start");
        const auto loaded = vm::load_module(b.build());
        REQUIRE(loaded.has_value());
        const auto checked = vm::check_profile(*loaded);
        REQUIRE_FALSE(checked.has_value());
        CHECK(checked.error().start_missing);
        CHECK_FALSE(checked.error().memory_missing);
    }

    TEST_CASE("a list of a hundred thousand missing imports is cut and counted") {
        WasmBuilder b;
        for (int i = 0; i < 100'000; ++i) b.import_global("", "", ValType::i32, false);
        const auto loaded = vm::load_module(b.build());
        REQUIRE(loaded.has_value());
        const auto checked = vm::check_profile(*loaded);
        REQUIRE_FALSE(checked.has_value());
        CHECK(checked.error().missing.size() == vm::kMissingListedMax);
        CHECK(checked.error().missing_count == 100'000);
        CHECK(contains(checked.error().text(), "and 99744 more"));
    }
}

}  // namespace millrace::test
