// Input: the bytes of a module, as they are.
#include "common/assert.hpp"
#include "vm/module/check.hpp"
#include "vm/module/names.hpp"
#include "vm/module/reader.hpp"

namespace {

using namespace millrace;

/// A refusal must point into the module and say something.
void look_at_refusal(const Bytes& binary, const vm::ModuleError& error) {
    MILLRACE_ASSERT(error.offset <= binary.size());
    MILLRACE_ASSERT(!vm::rule_text(error.rule).empty());
    const vm::Diagnosis diagnosis = vm::diagnose(binary, error);
    MILLRACE_ASSERT(!vm::to_text(diagnosis).empty());
}

/// Whoever comes after validation walks bodies without looking for errors.
void look_at_module(const vm::ValidModule& valid) {
    const vm::Module& module = *valid;
    const auto count = static_cast<std::uint32_t>(module.functions.size());
    vm::Instruction instruction;
    for (std::uint32_t f = module.imported_functions; f < count; ++f) {
        auto reader = vm::InstructionReader::of_function(module, f);
        vm::Opcode last = vm::Opcode::nop;
        while (reader.next(instruction)) last = instruction.op;
        MILLRACE_ASSERT(!reader.failed() && last == vm::Opcode::end);
    }
    MILLRACE_ASSERT(!vm::to_text(vm::make_report(valid)).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes binary(data, data + size);
    const auto loaded = vm::load_module(binary);
    if (loaded.has_value())
        look_at_module(*loaded);
    else
        look_at_refusal(binary, loaded.error());
    return 0;
}
