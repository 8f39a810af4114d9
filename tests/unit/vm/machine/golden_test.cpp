#include <doctest/doctest.h>

#include "common/codec.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/machine_programs.hpp"
#include "vm/image/opcodes.hpp"
#include "vm/machine/task_run.hpp"

using namespace millrace;
using namespace millrace::vm;
using namespace millrace::test;

/// Image roots, state roots, gas and claims of the small programs. Every compiler and optimisation
/// level must reproduce them: the image format and the semantics are consensus.
TEST_SUITE("vm/machine/golden") {
    TEST_CASE("images, runs and claims are the committed ones") {
        Golden golden("machine.txt");
        for (const Program& program : all_programs()) {
            const Image image = image_of(program.module);
            golden.check(program.name + ".module", to_hex(program.module));
            golden.check(program.name + ".image", to_hex(image.root.view()));
            const TaskInputs inputs = inputs_of(std::uint64_t{1} << 30, 5000);
            InitialState initial;
            initial.image = image.root;
            initial.arguments = inputs.arguments;
            golden.check(program.name + ".initial", to_hex(initial_state_root(initial).view()));
            const auto state = load_task(image, inputs);
            const auto run = run_task(*state, 0);
            REQUIRE(run.has_value());
            golden.check(program.name + ".final", to_hex(run->claim.final_state.view()));
            golden.check(program.name + ".gas", std::to_string(run->claim.gas));
            golden.check(program.name + ".claim", to_hex(encode(run->claim)));
        }
        golden.finish();
    }

    TEST_CASE("image opcodes keep their numbers") {
        Golden golden("image_opcodes.txt");
        for (const ImageOpInfo& row : kImageOpcodes)
            golden.check(std::string{row.text}, std::to_string(static_cast<unsigned>(row.op)) +
                                                    " " + std::string{form_text(row.form)});
        golden.finish();
    }
}
