#include "tests/support/linked_machine.hpp"

#include <algorithm>

#include "common/assert.hpp"
#include "tests/support/linked_access.hpp"
#include "tests/support/wasm_builder.hpp"
#include "vm/image/opcodes.hpp"
#include "vm/machine/execute.hpp"
#include "vm/machine/float_environment.hpp"

namespace millrace::test {

using vm::ExternKind;
using vm::TrapCode;
using vm::ValType;

namespace {

/// Calls from instance to instance are calls of C++ functions; no script nests deeply on purpose.
constexpr unsigned kNestedMax = 100;
/// Host numbers of stubs: a reference on top of this. Below lie the imports of the instance.
constexpr std::uint32_t kStubNumbers = 1u << 30;
constexpr std::uint64_t kGasPlenty = std::uint64_t{1} << 62;

bool same_types(std::span<const ValType> a, std::span<const ValType> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}
bool same_type(const vm::Module& a, const vm::FuncType& x, const vm::Module& b,
               const vm::FuncType& y) {
    return same_types(a.params(x), b.params(y)) && same_types(a.results(x), b.results(y));
}
/// What is there is at least what is wanted, and bounded at least as tightly.
bool limits_fit(std::uint64_t size, const vm::Limits& have, const vm::Limits& want) {
    if (size < want.min) return false;
    return !want.max || (have.max && *have.max <= *want.max);
}

/// The specification's host module, as a module: its functions do nothing that a script could see.
Bytes spectest_module() {
    WasmBuilder b;
    const auto print = [&](std::string_view name, const WasmBuilder::Types& params) {
        b.export_function(name, b.function(b.type(params, {}), {}));
    };
    print("print", {});
    print("print_i32", {ValType::i32});
    print("print_i64", {ValType::i64});
    print("print_f32", {ValType::f32});
    print("print_f64", {ValType::f64});
    print("print_i32_f32", {ValType::i32, ValType::f32});
    print("print_f64_f64", {ValType::f64, ValType::f64});
    const auto value = [&](std::string_view name, ValType type, const WasmBytes& init) {
        b.export_global(name, b.global(type, false, init));
    };
    value("global_i32", ValType::i32, WasmCode{}.i32(666));
    value("global_i64", ValType::i64, WasmCode{}.i64(666));
    value("global_f32", ValType::f32, WasmCode{}.f32_bits(0x4426'a666));            // 666.6
    value("global_f64", ValType::f64, WasmCode{}.f64_bits(0x4084'd4cc'cccc'cccd));  // 666.6
    b.export_table("table", b.table(10, 20));
    b.export_memory("memory", b.memory(1, 2));
    return b.build();
}

/// Answers what leaves an instance: imports by their number, stubs by the reference they carry.
struct LinkedHosts {
    Linker* linker;

    vm::HostOutcome call(LinkedAccess& state, std::uint32_t number, vm::Address args) {
        const LinkedInstance& caller = state.instance();
        const std::uint64_t target =
            number >= kStubNumbers ? number - kStubNumbers : caller.imported_functions.at(number);
        const Linker::Home home = linker->home(target);
        const vm::Module& module = *home.instance->module;
        const vm::FuncType& type = module.function_type(home.index);
        std::vector<std::uint64_t> values;
        for (std::uint32_t i = 0; i < type.param_count; ++i)
            values.push_back(state.load(args + 8 * i));
        const LinkedOutcome outcome = linker->call(target, values);
        if (outcome.trap != TrapCode::none) {
            state.set_reg(vm::Register::trap_code, static_cast<std::uint64_t>(outcome.trap));
            return vm::HostOutcome::trap;
        }
        for (std::size_t i = 0; i < outcome.results.size(); ++i)
            state.store(args + 8 * i, outcome.results[i]);
        return vm::HostOutcome::done;
    }
    vm::HostOutcome finish(LinkedAccess&) { return vm::HostOutcome::done; }
    bool fits_memory(LinkedAccess&, std::uint64_t) { return true; }
};

}  // namespace

const vm::Export* LinkedInstance::find_export(const std::string& name) const {
    for (const vm::Export& entry : module->exports)
        if (module->text(entry.name) == name) return &entry;
    return nullptr;
}

Linker::Linker() {
    auto loaded = vm::load_module(spectest_module());
    MILLRACE_ASSERT(loaded.has_value());
    auto instance = instantiate(*std::move(loaded));
    MILLRACE_ASSERT(instance.has_value());
    register_as("spectest", *instance);
}

Linker::Home Linker::home(std::uint64_t function) const {
    MILLRACE_ASSERT(function != 0);
    const auto after = std::upper_bound(
        instances_.begin(), instances_.end(), function - 1,
        [](std::uint64_t number, const auto& i) { return number < i->function_base; });
    LinkedInstance* instance = std::prev(after)->get();
    const auto index = static_cast<std::uint32_t>(function - 1 - instance->function_base);
    // Imports were resolved when their instance was linked, so this takes one step at most.
    if (index < instance->imported_functions.size())
        return home(instance->imported_functions[index]);
    return {instance, index};
}

vm::FunctionRecord Linker::record_for(LinkedInstance& caller, std::uint64_t function) {
    const Home target = home(function);
    if (target.instance == &caller) return caller.image.functions[target.index];
    if (const auto found = caller.stubs.find(function); found != caller.stubs.end())
        return found->second;
    const vm::Module& module = *target.instance->module;
    const vm::FuncType& type = module.function_type(target.index);
    vm::FunctionRecord record;
    record.entry = static_cast<std::uint32_t>(caller.image.code.size());
    record.param_count = type.param_count;
    record.result_count = type.result_count;
    record.frame_slots = std::max<std::uint32_t>({type.param_count, type.result_count, 1});
    // Types are numbered by module; one that the caller does not have matches none of its calls.
    record.type_id = ~std::uint32_t{0};
    const vm::Module& own = *caller.module;
    for (std::uint32_t t = 0; t < own.types.size(); ++t)
        if (same_type(own, own.types[t], module, type)) {
            record.type_id = own.canonical_types[t];
            break;
        }
    caller.image.code.push_back(
        vm::word::ax(vm::ImageOp::host, 0, kStubNumbers + static_cast<std::uint32_t>(function)));
    caller.image.code.push_back(vm::word::ax(vm::ImageOp::ret, 0, 0));
    return caller.stubs[function] = record;
}

LinkedOutcome Linker::call(std::uint64_t function, const std::vector<std::uint64_t>& args) {
    if (nested_ == kNestedMax) return {TrapCode::stack_exhausted, {}};
    ++nested_;
    LinkedOutcome outcome = run(home(function), args);
    --nested_;
    return outcome;
}

LinkedOutcome Linker::run(Home target, const std::vector<std::uint64_t>& args) {
    Stack stack;
    if (free_stacks_.empty()) {
        stack.slots = std::make_unique_for_overwrite<std::uint64_t[]>(vm::kSlotsMax);
        stack.frames = std::make_unique_for_overwrite<std::uint64_t[]>(3 * vm::kFramesMax);
    } else {
        stack = std::move(free_stacks_.back());
        free_stacks_.pop_back();
    }
    LinkedInstance& instance = *target.instance;
    LinkedAccess state(*this, instance, stack.slots.get(), stack.frames.get());
    std::copy(args.begin(), args.end(), stack.slots.get());
    const vm::FunctionRecord& record = instance.image.functions[target.index];
    state.push_frame(0, {vm::kFinishWord, 0, target.index});
    state.set_reg(vm::Register::pc, record.entry);
    state.set_reg(vm::Register::frame_depth, 1);
    state.set_reg(vm::Register::gas_limit, kGasPlenty);
    state.set_reg(vm::Register::next_boundary, ~std::uint64_t{0});
    LinkedHosts hosts{this};
    vm::StepBudget budget;
    const vm::FloatEnvironment floats;
    const vm::ExecuteStop stop = vm::execute<false>(state, hosts, budget);
    LinkedOutcome outcome;
    if (stop == vm::ExecuteStop::trap) {
        outcome.trap = static_cast<TrapCode>(state.reg(vm::Register::trap_code));
    } else {
        MILLRACE_ASSERT(stop == vm::ExecuteStop::finish);
        const vm::Module& module = *instance.module;
        const auto results = module.results(module.function_type(target.index));
        for (std::size_t i = 0; i < results.size(); ++i) {
            const bool narrow = results[i] == ValType::i32 || results[i] == ValType::f32;
            outcome.results.push_back(stack.slots[i] & (narrow ? 0xffff'ffffu : ~std::uint64_t{0}));
        }
    }
    free_stacks_.push_back(std::move(stack));
    return outcome;
}

bool Linker::link_one(LinkedInstance& instance, const vm::Import& entry) {
    const vm::Module& module = *instance.module;
    const auto found = registered_.find(std::string{module.text(entry.module)});
    if (found == registered_.end()) return false;
    LinkedInstance& other = *found->second;
    const vm::Export* exported = other.find_export(std::string{module.text(entry.name)});
    if (exported == nullptr || exported->kind != entry.kind) return false;
    switch (entry.kind) {
        case ExternKind::function: {
            const Home target = home(other.reference(exported->index));
            const vm::Module& definer = *target.instance->module;
            if (!same_type(module, module.function_type(entry.index), definer,
                           definer.function_type(target.index)))
                return false;
            instance.imported_functions.push_back(target.instance->reference(target.index));
            return true;
        }
        case ExternKind::table: {
            LinkedTable* table = other.tables.at(exported->index);
            const vm::TableType& want = module.tables[entry.index];
            instance.tables.push_back(table);
            return table->type.element == want.element &&
                   limits_fit(table->entries.size(), table->type.limits, want.limits);
        }
        case ExternKind::memory: {
            LinkedMemory* memory = other.memories.at(exported->index);
            instance.memories.push_back(memory);
            return limits_fit(memory->pages(), memory->limits, module.memories[entry.index].limits);
        }
        case ExternKind::global: {
            LinkedGlobal* global = other.globals.at(exported->index);
            instance.globals.push_back(global);
            return global->type == module.globals[entry.index].type;
        }
    }
    return false;
}

void Linker::allocate(LinkedInstance& instance) {
    const vm::Module& module = *instance.module;
    vm::ImageOptions options;
    for (const LinkedGlobal* global : instance.globals)
        options.imported_globals.push_back(global->bits);
    for (std::size_t t = module.imported_tables; t < module.tables.size(); ++t) {
        auto table = std::make_unique<LinkedTable>();
        table->type = module.tables[t];
        table->entries.resize(module.tables[t].limits.min);
        instance.tables.push_back(table.get());
        tables_.push_back(std::move(table));
    }
    for (std::size_t m = module.imported_memories; m < module.memories.size(); ++m) {
        auto memory = std::make_unique<LinkedMemory>();
        memory->limits = module.memories[m].limits;
        memory->bytes.resize(std::size_t{memory->limits.min} * 65'536);
        instance.memories.push_back(memory.get());
        memories_.push_back(std::move(memory));
    }
    options.function_reference_base = instance.function_base;
    for (std::size_t g = module.imported_globals; g < module.globals.size(); ++g) {
        auto global = std::make_unique<LinkedGlobal>();
        global->type = module.globals[g].type;
        global->bits = vm::constant_value(module.globals[g].init, options, module.imported_globals);
        instance.globals.push_back(global.get());
        globals_.push_back(std::move(global));
    }
}

/// Active segments in order: elements, then data. What was written before a trap stays.
std::optional<LinkFailure> Linker::run_segments(LinkedInstance& instance) {
    const vm::Module& module = *instance.module;
    vm::ImageOptions options;
    for (const LinkedGlobal* global : instance.globals)
        options.imported_globals.push_back(global->bits);
    options.function_reference_base = instance.function_base;
    for (const vm::ElementSegment& segment : module.elements) {
        if (segment.mode != vm::SegmentMode::active) continue;
        const std::uint64_t start =
            vm::constant_value(segment.start, options, module.imported_globals);
        std::vector<std::uint64_t>& entries = instance.tables.at(segment.table)->entries;
        if (start + segment.item_count > entries.size())
            return LinkFailure{true, std::string{to_text(TrapCode::table_out_of_bounds)}};
        std::uint64_t at = start;
        for (const vm::ElementItem item : module.items(segment)) {
            std::uint64_t bits = 0;
            if (item.kind() == vm::ElementItem::Kind::function)
                bits = instance.reference(item.index());
            else if (item.kind() == vm::ElementItem::Kind::global)
                bits = options.imported_globals.at(item.index());
            entries[at++] = bits;
        }
    }
    for (const vm::DataSegment& segment : module.data) {
        if (segment.mode != vm::SegmentMode::active) continue;
        const std::uint64_t start =
            vm::constant_value(segment.start, options, module.imported_globals);
        Bytes& bytes = instance.memories.front()->bytes;
        const ByteView from = module.bytes(segment.bytes);
        if (start + from.size() > bytes.size())
            return LinkFailure{true, std::string{to_text(TrapCode::memory_out_of_bounds)}};
        std::copy(from.begin(), from.end(), bytes.begin() + static_cast<std::ptrdiff_t>(start));
    }
    return std::nullopt;
}

Result<LinkedInstance*, LinkFailure> Linker::instantiate(vm::ValidModule valid) {
    auto owned = std::make_unique<LinkedInstance>(std::move(valid));
    LinkedInstance& instance = *owned;
    const vm::Module& module = *instance.module;
    for (const vm::Import& entry : module.imports)
        if (!link_one(instance, entry))
            return Err{LinkFailure{false, std::string{module.text(entry.module)} + "." +
                                              std::string{module.text(entry.name)}}};
    instance.function_base = next_function_;
    next_function_ += module.functions.size();
    allocate(instance);
    vm::ImageOptions options;
    options.for_harness = true;
    options.function_reference_base = instance.function_base;
    for (std::size_t g = 0; g < module.imported_globals; ++g)
        options.imported_globals.push_back(instance.globals[g]->bits);
    auto image = vm::make_image(instance.module, options);
    MILLRACE_ASSERT(image.has_value());
    instance.image = *std::move(image);
    // From here on the instance stays, even if it never becomes whole: tables may point into it.
    instances_.push_back(std::move(owned));
    if (auto failure = run_segments(instance)) return Err{*failure};
    if (module.start) {
        const LinkedOutcome outcome = call(instance.reference(*module.start), {});
        if (outcome.trap != TrapCode::none)
            return Err{LinkFailure{true, std::string{to_text(outcome.trap)}}};
    }
    return &instance;
}

}  // namespace millrace::test
