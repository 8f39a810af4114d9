#include <charconv>
#include <cstdio>
#include <map>

#include "tests/support/linked_machine.hpp"
#include "tests/support/spec_script.hpp"

/// The specification's 90 core scripts, every command in order, on the interpreter.
namespace millrace::test {

namespace {

using vm::TrapCode;
using vm::ValType;

/// Counted over the scripts of tag wg-2.0 by a program apart, so that neither a script nor a kind
/// of assertion can be skipped unseen. They add up to 26,135.
const std::map<std::string, int> kExpected{
    {"assert_return", 21'453},     {"assert_trap", 2'354},    {"assert_exhaustion", 15},
    {"assert_invalid", 1'477},     {"assert_malformed", 719}, {"assert_unlinkable", 83},
    {"assert_uninstantiable", 34},
};
constexpr int kBinaryAssertions = 26'135;
constexpr int kTextFormat = 581;
constexpr int kModules = 1'126;
constexpr int kActions = 155;
constexpr int kRegisters = 21;
/// Scripts in which instances share state: these need the harness's linker.
constexpr int kLinkedScripts = 8;

std::uint64_t number_of(const std::string& text) {
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    REQUIRE(parsed.ptr == text.data() + text.size());
    return value;
}

/// References of the host are its numbers, past null.
std::uint64_t bits_of(const SpecValue& value) {
    if (value.value == "null") return 0;
    return number_of(value.value) + (value.type == "externref" ? 1 : 0);
}

/// A canonical NaN has only the top bit of its payload, an arithmetic one at least that; either
/// sign will do.
bool matches(const SpecValue& expected, std::uint64_t bits) {
    const bool narrow = expected.type == "f32";
    const std::uint64_t quiet = narrow ? 0x7fc0'0000 : 0x7ff8'0000'0000'0000;
    const std::uint64_t magnitude = narrow ? 0x7fff'ffff : 0x7fff'ffff'ffff'ffff;
    if (expected.value == "nan:canonical") return (bits & magnitude) == quiet;
    if (expected.value == "nan:arithmetic") return (bits & quiet) == quiet;
    // `ref.func` without a number: any function.
    if (expected.type == "funcref" && expected.value.empty()) return bits != 0;
    return bits == bits_of(expected);
}

class ScriptRunner {
  public:
    explicit ScriptRunner(const SpecScript& script) : script_(script) {}

    std::map<std::string, int> passed;
    int text_format = 0;
    int modules = 0;
    int actions = 0;
    int registers = 0;

    void run() {
        for (const SpecCommand& command : script_.commands) {
            CAPTURE(script_.name);
            CAPTURE(command.line);
            CAPTURE(command.type);
            run_command(command);
        }
    }

  private:
    void run_command(const SpecCommand& command) {
        if (command.is_text_format) {
            ++text_format;
        } else if (command.type == "module") {
            define(command);
        } else if (command.type == "register") {
            LinkedInstance* instance = instance_of(command.name);
            REQUIRE(instance != nullptr);
            linker_.register_as(command.as, instance);
            ++registers;
        } else if (command.type == "action") {
            const auto outcome = perform(*command.action);
            CHECK(outcome.trap == TrapCode::none);
            ++actions;
        } else if (command.is_assertion()) {
            const bool holds = check_assertion(command);
            CHECK(holds);
            if (holds) ++passed[command.type];
        } else {
            FAIL_CHECK("an unknown command");
        }
    }

    void define(const SpecCommand& command) {
        auto loaded = vm::load_module(script_.module_bytes(command));
        REQUIRE_MESSAGE(loaded.has_value(), "a valid module is refused");
        auto instance = linker_.instantiate(*std::move(loaded));
        REQUIRE_MESSAGE(instance.has_value(), "a module does not link");
        current_ = *instance;
        if (!command.name.empty()) named_[command.name] = current_;
        ++modules;
    }

    LinkedInstance* instance_of(const std::string& name) {
        if (name.empty()) return current_;
        const auto found = named_.find(name);
        return found == named_.end() ? nullptr : found->second;
    }

    LinkedOutcome perform(const SpecAction& action) {
        LinkedInstance* instance = instance_of(action.module);
        REQUIRE(instance != nullptr);
        const vm::Export* exported = instance->find_export(action.field);
        REQUIRE_MESSAGE(exported != nullptr, "no export " << action.field);
        if (!action.is_invoke) {
            REQUIRE(exported->kind == vm::ExternKind::global);
            return {TrapCode::none, {instance->globals.at(exported->index)->bits}};
        }
        REQUIRE(exported->kind == vm::ExternKind::function);
        std::vector<std::uint64_t> args;
        for (const SpecValue& value : action.args) args.push_back(bits_of(value));
        return linker_.call(instance->reference(exported->index), args);
    }

    bool check_assertion(const SpecCommand& command) {
        if (command.type == "assert_return") return check_return(command);
        if (command.type == "assert_trap" || command.type == "assert_exhaustion")
            return trapped_as(perform(*command.action).trap, command.text);
        if (command.type == "assert_malformed" || command.type == "assert_invalid")
            return !vm::load_module(script_.module_bytes(command)).has_value();
        return check_no_instance(command);
    }

    bool check_return(const SpecCommand& command) {
        const LinkedOutcome outcome = perform(*command.action);
        if (outcome.trap != TrapCode::none || outcome.results.size() != command.expected.size()) {
            MESSAGE("trap: " << to_text(outcome.trap));
            return false;
        }
        for (std::size_t i = 0; i < outcome.results.size(); ++i) {
            if (matches(command.expected[i], outcome.results[i])) continue;
            MESSAGE("wanted " << command.expected[i].type << " " << command.expected[i].value
                              << ", found " << outcome.results[i]);
            return false;
        }
        return true;
    }

    /// The specification's words may go on ("uninitialized element 7").
    static bool trapped_as(TrapCode trap, const std::string& text) {
        if (trap != TrapCode::none && text.starts_with(to_text(trap))) return true;
        MESSAGE("wanted \"" << text << "\", found \"" << to_text(trap) << "\"");
        return false;
    }

    bool check_no_instance(const SpecCommand& command) {
        auto loaded = vm::load_module(script_.module_bytes(command));
        REQUIRE_MESSAGE(loaded.has_value(), "a valid module is refused");
        const auto instance = linker_.instantiate(*std::move(loaded));
        if (instance.has_value()) return false;
        const LinkFailure failure = instance.error();
        if (command.type == "assert_unlinkable") return !failure.is_trap;
        return failure.is_trap && command.text.starts_with(failure.text);
    }

    const SpecScript& script_;
    Linker linker_;
    LinkedInstance* current_ = nullptr;
    std::map<std::string, LinkedInstance*> named_;
};

}  // namespace

TEST_SUITE("vectors/wasm-spec") {
    TEST_CASE("every assertion of the core scripts holds on the interpreter") {
        const auto vectors = vectors_folder("wasm-spec");
        if (!vectors) return;
        std::map<std::string, int> passed;
        int text_format = 0;
        int modules = 0;
        int actions = 0;
        int registers = 0;
        int linked_scripts = 0;
        for (const SpecScript& script : read_core_scripts(*vectors)) {
            ScriptRunner runner(script);
            runner.run();
            for (const auto& [kind, count] : runner.passed) passed[kind] += count;
            text_format += runner.text_format;
            modules += runner.modules;
            actions += runner.actions;
            registers += runner.registers;
            if (runner.registers != 0) ++linked_scripts;
        }
        int total = 0;
        for (const auto& [kind, count] : kExpected) {
            std::printf("%-22s %6d of %d\n", kind.c_str(), passed[kind], count);
            CHECK_MESSAGE(passed[kind] == count, kind);
            total += passed[kind];
        }
        std::printf(
            "binary assertions      %6d passed, %d failed, 0 skipped; %d of the text format are "
            "not "
            "ours\nmodules %d, actions %d, registers %d in %d linked scripts\n",
            total, kBinaryAssertions - total, text_format, modules, actions, registers,
            linked_scripts);
        CHECK(total == kBinaryAssertions);
        CHECK(text_format == kTextFormat);
        CHECK(modules == kModules);
        CHECK(actions == kActions);
        CHECK(registers == kRegisters);
        CHECK(linked_scripts == kLinkedScripts);
    }
}

}  // namespace millrace::test
