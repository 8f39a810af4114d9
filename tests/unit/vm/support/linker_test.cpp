#include "tests/support/linked_machine.hpp"
#include "tests/support/wasm_builder.hpp"

/// The harness's linker, without the published scripts.
namespace millrace::test {

using vm::Opcode;
using vm::TrapCode;
using vm::ValType;

namespace {

LinkedInstance* must_link(Linker& linker, const WasmBuilder& b) {
    auto loaded = vm::load_module(b.build());
    REQUIRE(loaded.has_value());
    auto instance = linker.instantiate(*std::move(loaded));
    REQUIRE(instance.has_value());
    return *instance;
}

LinkedOutcome call(Linker& linker, const LinkedInstance& instance, const std::string& name,
                   const std::vector<std::uint64_t>& args = {}) {
    const vm::Export* exported = instance.find_export(name);
    REQUIRE(exported != nullptr);
    return linker.call(instance.reference(exported->index), args);
}

/// Exports a memory, a counter and `bump`, which adds its argument to the counter and traps on 13.
WasmBuilder counter_module() {
    WasmBuilder b;
    const auto type = b.type({ValType::i32}, {ValType::i32});
    b.memory(1);
    const auto counter = b.global(ValType::i32, true, WasmCode{}.i32(100));
    WasmCode code;
    code.op(Opcode::local_get, 0).i32(13).op(Opcode::i32_eq).open(Opcode::if_);
    code.op(Opcode::unreachable).end();
    code.op(Opcode::global_get, counter).op(Opcode::local_get, 0).op(Opcode::i32_add);
    code.op(Opcode::global_set, counter).i32(0).op(Opcode::global_get, counter);
    code.op(Opcode::i32_store, 2, 0).op(Opcode::global_get, counter);
    b.export_function("bump", b.function(type, code));
    b.export_memory("memory");
    b.export_global("counter", counter);
    return b;
}

}  // namespace

TEST_SUITE("support/linker") {
    TEST_CASE("instances share memory, globals and functions, and traps pass through") {
        Linker linker;
        linker.register_as("counter", must_link(linker, counter_module()));
        WasmBuilder b;
        const auto type = b.type({ValType::i32}, {ValType::i32});
        const auto bump = b.import_function("counter", "bump", type);
        b.import_memory("counter", "memory", 1);
        const auto shared = b.import_global("counter", "counter", ValType::i32, true);
        WasmCode code;
        code.op(Opcode::local_get, 0).op(Opcode::call, bump).op(Opcode::drop);
        code.i32(0).op(Opcode::i32_load, 2, 0).op(Opcode::global_get, shared);
        code.op(Opcode::i32_add);
        b.export_function("twice", b.function(type, code));
        const LinkedInstance* user = must_link(linker, b);
        CHECK(call(linker, *user, "twice", {5}).results == std::vector<std::uint64_t>{210});
        CHECK(call(linker, *user, "twice", {1}).results == std::vector<std::uint64_t>{212});
        CHECK(call(linker, *user, "twice", {13}).trap == TrapCode::unreachable);
        CHECK(call(linker, *user, "twice", {0}).results == std::vector<std::uint64_t>{212});
    }

    TEST_CASE("an import of another type, or one that is not there, does not link") {
        Linker linker;
        linker.register_as("counter", must_link(linker, counter_module()));
        const auto links = [&](const WasmBuilder& b) {
            auto loaded = vm::load_module(b.build());
            REQUIRE(loaded.has_value());
            const auto instance = linker.instantiate(*std::move(loaded));
            if (!instance.has_value()) CHECK_FALSE(instance.error().is_trap);
            return instance.has_value();
        };
        WasmBuilder other_type;
        other_type.import_function("counter", "bump", other_type.type({}, {}));
        CHECK_FALSE(links(other_type));
        WasmBuilder absent;
        absent.import_function("counter", "pump", absent.type({}, {}));
        CHECK_FALSE(links(absent));
        WasmBuilder too_small;
        too_small.import_memory("counter", "memory", 2);
        CHECK_FALSE(links(too_small));
        WasmBuilder constant;
        constant.import_global("counter", "counter", ValType::i32, false);
        CHECK_FALSE(links(constant));
    }

    TEST_CASE("calls from instance to instance without end exhaust the stack") {
        Linker linker;
        WasmBuilder host;
        const auto nothing = host.type({}, {});
        host.export_table("table", host.table(1));
        host.export_function(
            "go", host.function(nothing, WasmCode{}.i32(0).op(Opcode::call_indirect, nothing, 0)));
        LinkedInstance* first = must_link(linker, host);
        linker.register_as("host", first);
        CHECK(call(linker, *first, "go").trap == TrapCode::uninitialized_element);
        WasmBuilder guest;
        // Another type first, so that type numbers differ between the two modules.
        guest.type({ValType::i64}, {});
        const auto same = guest.type({}, {});
        const auto go = guest.import_function("host", "go", same);
        guest.export_function("back", guest.function(same, WasmCode{}.op(Opcode::call, go)));
        LinkedInstance* second = must_link(linker, guest);
        first->tables.front()->entries.front() =
            second->reference(second->find_export("back")->index);
        CHECK(call(linker, *first, "go").trap == TrapCode::stack_exhausted);
    }
}

}  // namespace millrace::test
