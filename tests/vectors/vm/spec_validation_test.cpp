#include <cstdio>

#include "tests/support/spec_script.hpp"
#include "vm/module/module.hpp"

/// The specification's core scripts, as far as decoding and validation alone decide.
namespace millrace::test {

namespace {

/// Counted by hand over the 90 scripts of tag wg-2.0, so that none can be skipped unseen.
constexpr int kMalformedBinary = 719;
constexpr int kMalformedText = 581;
constexpr int kInvalid = 1'477;
constexpr int kAccepted = 1'126 + 83 + 34;  // modules, unlinkable, uninstantiable
constexpr std::size_t kScripts = 90;

struct Tally {
    int malformed = 0;
    int malformed_text = 0;
    int invalid = 0;
    int accepted = 0;
};

void check_refused(const SpecScript& script, const SpecCommand& command, int& passed) {
    const bool malformed = command.type == "assert_malformed";
    const auto loaded = vm::load_module(script.module_bytes(command));
    CAPTURE(command.text);
    if (loaded.has_value()) {
        CHECK_MESSAGE(false, "accepted, though " << command.text);
        return;
    }
    const vm::ModuleError error = loaded.error();
    CAPTURE(error.sentence());
    // A byte without meaning in 2.0 may have one in a proposal, which is then named instead.
    const bool fits = vm::is_unsupported(error.rule) ||
                      (malformed ? vm::is_malformed(error.rule) : vm::is_invalid(error.rule));
    CHECK(fits);
    passed += fits ? 1 : 0;
}

void check_command(const SpecScript& script, const SpecCommand& command, Tally& tally) {
    CAPTURE(script.name);
    CAPTURE(command.line);
    CAPTURE(command.filename);
    if (command.is_text_format) {
        ++tally.malformed_text;
    } else if (command.type == "assert_malformed") {
        check_refused(script, command, tally.malformed);
    } else if (command.type == "assert_invalid") {
        check_refused(script, command, tally.invalid);
    } else if (!command.filename.empty()) {
        const auto loaded = vm::load_module(script.module_bytes(command));
        if (!loaded.has_value()) {
            CHECK_MESSAGE(false, "refused: " << loaded.error().sentence());
        } else {
            ++tally.accepted;
        }
    }
}

}  // namespace

TEST_SUITE("vectors/wasm-spec") {
    TEST_CASE("every core module is accepted or refused as the specification says") {
        const auto vectors = vectors_folder("wasm-spec validation");
        if (!vectors) return;
        const auto scripts = read_core_scripts(*vectors);
        CHECK(scripts.size() == kScripts);
        Tally tally;
        for (const SpecScript& script : scripts)
            for (const SpecCommand& command : script.commands)
                check_command(script, command, tally);
        std::printf("malformed %d/%d, invalid %d/%d, accepted %d/%d; text format, not ours: %d\n",
                    tally.malformed, kMalformedBinary, tally.invalid, kInvalid, tally.accepted,
                    kAccepted, tally.malformed_text);
        CHECK(tally.malformed == kMalformedBinary);
        CHECK(tally.malformed_text == kMalformedText);
        CHECK(tally.invalid == kInvalid);
        CHECK(tally.accepted == kAccepted);
    }
}

}  // namespace millrace::test
