#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "common/codec.hpp"
#include "common/hash.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/golden_programs.hpp"
#include "vm/image/opcodes.hpp"
#include "vm/machine/task_run.hpp"
#include "vm/machine/witness.hpp"

using namespace millrace;
using namespace millrace::vm;
using namespace millrace::test;

namespace {

constexpr std::uint64_t kSegmentGas = 5'000;

/// The instructions that stand in the code of an image.
std::set<ImageOp> ops_of(const Image& image) {
    std::set<ImageOp> out;
    for (std::size_t at = 0; at < image.code.size();) {
        const std::uint64_t word = image.code[at];
        const ImageOpInfo& row = info(static_cast<ImageOp>(word::op(word)));
        out.insert(row.op);
        at += word_count(row.form);
        if (row.form == ImageForm::table) at += (word::x(word) + 2) / 2;
    }
    return out;
}

/// Where witnesses are taken: dense at the start, then ever further apart; past the end, where the
/// state steps to itself, too.
std::vector<std::uint64_t> witness_positions() {
    std::vector<std::uint64_t> out;
    for (std::uint64_t at = 0; at < 20'000; at += 1 + at / 4) out.push_back(at);
    return out;
}

/// Every byte of the witnesses of a program's first segment, and the roots after them.
Hash witnesses_of(const Image& image, const TaskInputs& inputs) {
    Bytes all;
    const auto state = load_task(image, inputs);
    SparsePageTree tree;
    std::uint64_t at = 0;
    for (const std::uint64_t position : witness_positions()) {
        if (position != at) static_cast<void>(run_to_position(*state, at, position));
        at = position;
        tree.update(state->leaves());
        const std::uint64_t steps = 1 + position % 7;
        const auto made = make_witness(DirectReader(*state), tree, position, steps);
        REQUIRE(made.has_value());
        const Bytes one = encode(made->witness);
        all.insert(all.end(), one.begin(), one.end());
        all.insert(all.end(), made->after.bytes.begin(), made->after.bytes.end());
    }
    return hash_bytes("mill/test-golden", all);
}

}  // namespace

/// Image roots, state roots, gas, claims and witnesses of the small programs. Every compiler and
/// optimisation level must reproduce them: the image format and the semantics are consensus.
TEST_SUITE("vm/machine/golden") {
    TEST_CASE("images, runs, claims and witnesses are the committed ones") {
        Golden golden("machine.txt");
        for (const GoldenProgram& program : golden_programs()) {
            CAPTURE(program.name);
            const Image image = image_of(program.module);
            golden.check(program.name + ".module", to_hex(program.module));
            golden.check(program.name + ".image", to_hex(image.root.view()));
            const TaskInputs inputs = inputs_of(program.gas_limit, kSegmentGas);
            InitialState initial;
            initial.image = image.root;
            initial.arguments = inputs.arguments;
            golden.check(program.name + ".initial", to_hex(initial_state_root(initial).view()));
            const auto state = load_task(image, inputs);
            const auto run = run_task(*state, 0);
            REQUIRE(run.has_value());
            golden.check(program.name + ".final", to_hex(run->claim.final_root.view()));
            golden.check(program.name + ".gas", std::to_string(run->claim.gas.value));
            golden.check(program.name + ".claim", to_hex(encode(run->claim)));
            golden.check(program.name + ".witnesses", to_hex(witnesses_of(image, inputs).view()));
        }
        golden.finish();
    }

    TEST_CASE("the golden programs use every instruction of the image, and end in every way") {
        std::set<ImageOp> used;
        std::set<TrapCode> traps;
        std::set<ClaimEnd> ends;
        for (const GoldenProgram& program : golden_programs()) {
            const Image image = image_of(program.module);
            used.merge(ops_of(image));
            const auto state = load_task(image, inputs_of(program.gas_limit, kSegmentGas));
            const auto run = run_task(*state, 0);
            REQUIRE(run.has_value());
            ends.insert(run->claim.end);
            traps.insert(run->claim.end == ClaimEnd::trapped
                             ? static_cast<TrapCode>(run->claim.code)
                             : TrapCode::none);
            const bool meant_to_trap = program.name.starts_with("trap_") ||
                                       program.name == "too_deep" || program.name == "branches";
            CAPTURE(program.name);
            CHECK((run->claim.end == ClaimEnd::trapped) == meant_to_trap);
        }
        std::string missing;
        for (const ImageOpInfo& row : kImageOpcodes)
            if (row.op != ImageOp::invalid && !used.contains(row.op))
                missing += std::string(row.text) + " ";
        CHECK_MESSAGE(missing.empty(), "in no golden program: ", missing);
        CHECK(ends.size() == 3);
        // `none` is one of them; invalid_code, which no published image has, and host_fault are
        // not.
        CHECK(traps.size() == 12);
    }

    TEST_CASE("image opcodes keep their numbers") {
        Golden golden("image_opcodes.txt");
        for (const ImageOpInfo& row : kImageOpcodes)
            golden.check(std::string{row.text}, std::to_string(static_cast<unsigned>(row.op)) +
                                                    " " + std::string{form_text(row.form)});
        golden.finish();
    }
}
