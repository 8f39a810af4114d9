// Input: the bytes of a module. What publishes is run with little gas, at full speed and counting
// its steps; both must reach the same boundaries and the same end, and a witness of a stretch, at a
// position that the input picks, must lead where the run leads.
#include "common/assert.hpp"
#include "common/sparse_page_tree.hpp"
#include "vm/image/disassemble.hpp"
#include "vm/image/publish.hpp"
#include "vm/machine/task_run.hpp"
#include "vm/machine/witness.hpp"

namespace {

using namespace millrace;

constexpr std::uint64_t kGasLimit = 30'000;
constexpr std::uint64_t kSegmentGas = 4'000;
constexpr std::uint64_t kForEver = std::uint64_t{1} << 40;

vm::TaskInputs inputs() {
    vm::TaskArguments arguments;
    arguments.args = {"fuzz"};
    arguments.gas_limit = kGasLimit;
    arguments.segment_gas = kSegmentGas;
    arguments.memory_limit = std::uint64_t{8} << 20;
    const auto page = vm::encode_arguments(arguments);
    MILLRACE_ASSERT(page.has_value());
    return {*page, {}};
}

void compare_runs(const vm::Image& image) {
    const auto fast = vm::load_task(image, inputs());
    const auto counted = vm::load_task(image, inputs());
    for (;;) {
        const vm::RunStop stop = vm::run_to_boundary(*fast);
        MILLRACE_ASSERT(vm::run_to_position(*counted, 0, kForEver) == stop);
        MILLRACE_ASSERT(fast->root() == counted->root());
        if (stop == vm::RunStop::ended) break;
    }
    MILLRACE_ASSERT(fast->reg(vm::Register::gas_used) <= kGasLimit);
}

void prove(const vm::Image& image, std::uint64_t position, std::uint64_t steps) {
    const auto state = vm::load_task(image, inputs());
    if (position != 0) static_cast<void>(vm::run_to_position(*state, 0, position));
    SparsePageTree tree;
    const auto leaves = state->leaves();
    tree.update(leaves);
    const vm::DirectReader reader(*state);
    const auto made = vm::make_witness(reader, tree, position, steps);
    if (!made) return;  // too many pages for one witness
    static_cast<void>(vm::run_to_position(*state, position, position + steps));
    MILLRACE_ASSERT(made->after == state->root());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes binary(data, data + size);
    const auto image = vm::publish(binary);
    if (!image.has_value()) {
        MILLRACE_ASSERT(!image.error().sentence().empty());
        return 0;
    }
    MILLRACE_ASSERT(!vm::disassemble(image->code, 0, 200).empty());
    compare_runs(*image);
    const std::uint64_t pick = size == 0 ? 0 : std::uint64_t{data[size / 2]} * 7 + data[size - 1];
    prove(*image, pick, 1 + pick % 13);
    return 0;
}
