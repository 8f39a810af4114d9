#include <algorithm>
#include <string>
#include <utility>

#include "vm/module/detail/function_validator.hpp"
#include "vm/module/limits.hpp"
#include "vm/module/module.hpp"
#include "vm/module/names.hpp"

namespace millrace::vm {

namespace {

using Check = Status<ModuleError>;

Err<ModuleError> refuse(std::uint32_t at, ModuleRule rule, std::string detail) {
    return Err{ModuleError{at, rule, std::move(detail)}};
}
std::string number(std::uint64_t value) {
    return std::to_string(value);
}

/// Everything outside of function bodies, in the order of the sections.
class ModuleValidator {
  public:
    explicit ModuleValidator(const Module& module)
        : module_(module), context_{module, std::vector<bool>(module.functions.size())} {}

    Check run() {
        MILLRACE_CHECK(check_functions());
        MILLRACE_CHECK(check_tables());
        MILLRACE_CHECK(check_memories());
        MILLRACE_CHECK(check_globals());
        MILLRACE_CHECK(check_exports());
        MILLRACE_CHECK(check_start());
        MILLRACE_CHECK(check_elements());
        MILLRACE_CHECK(check_data());
        detail::FunctionValidator bodies(context_);
        const auto count = static_cast<std::uint32_t>(module_.functions.size());
        for (std::uint32_t f = module_.imported_functions; f < count; ++f)
            if (!bodies.check(f)) return Err{bodies.error()};
        return Ok{};
    }

  private:
    [[nodiscard]] Check check_functions() const;
    [[nodiscard]] Check check_tables() const;
    [[nodiscard]] Check check_memories() const;
    Check check_globals();
    Check check_exports();
    [[nodiscard]] Check check_export_names() const;
    [[nodiscard]] Check check_start() const;
    Check check_elements();
    Check check_items(const ElementSegment& segment);
    Check check_data();
    Check check_constant(const ConstExpr& constant, ValType wanted);
    Check constant_type(const ConstExpr& constant, ValType& out);
    [[nodiscard]] Check check_constant_global(std::uint64_t index, std::uint32_t at,
                                              ValType& out) const;
    Check declare_function(std::uint64_t index, std::uint32_t at);

    const Module& module_;
    detail::ModuleContext context_;
};

Check ModuleValidator::check_functions() const {
    for (std::size_t f = 0; f < module_.functions.size(); ++f) {
        if (module_.functions[f] < module_.types.size()) continue;
        return refuse(0, ModuleRule::unknown_type,
                      number(module_.functions[f]) + " of function " + number(f));
    }
    return Ok{};
}

Check ModuleValidator::check_tables() const {
    for (std::size_t t = 0; t < module_.tables.size(); ++t) {
        const Limits& limits = module_.tables[t].limits;
        if (limits.max && limits.min > *limits.max)
            return refuse(0, ModuleRule::limits_order, "table " + number(t));
        // An import's minimum is a demand on whoever supplies it, not a size of ours.
        if (t >= module_.imported_tables && limits.min > kTableSizeMax)
            return refuse(0, ModuleRule::table_too_large,
                          "table " + number(t) + " has " + number(limits.min) +
                              " entries, at most " + number(kTableSizeMax));
    }
    return Ok{};
}

Check ModuleValidator::check_memories() const {
    for (const MemoryType& memory : module_.memories) {
        const Limits& limits = memory.limits;
        if (limits.min > kMemoryPagesMax || limits.max.value_or(0) > kMemoryPagesMax)
            return refuse(0, ModuleRule::memory_size,
                          number(std::max(limits.min, limits.max.value_or(0))) + " pages");
        if (limits.max && limits.min > *limits.max)
            return refuse(0, ModuleRule::limits_order, "the memory");
    }
    if (module_.memories.size() > kMemoriesMax)
        return refuse(0, ModuleRule::multiple_memories, number(module_.memories.size()));
    return Ok{};
}

Check ModuleValidator::check_globals() {
    for (std::size_t g = module_.imported_globals; g < module_.globals.size(); ++g)
        MILLRACE_CHECK(check_constant(module_.globals[g].init, module_.globals[g].type.type));
    return Ok{};
}

Check ModuleValidator::check_constant(const ConstExpr& constant, ValType wanted) {
    ValType found = ValType::i32;
    MILLRACE_CHECK(constant_type(constant, found));
    if (found == wanted) return Ok{};
    return refuse(
        constant.offset, ModuleRule::type_mismatch,
        "needs " + std::string{to_text(wanted)} + " and finds " + std::string{to_text(found)});
}

Check ModuleValidator::constant_type(const ConstExpr& constant, ValType& out) {
    switch (constant.op) {
        case Opcode::global_get:
            return check_constant_global(constant.bits, constant.offset, out);
        case Opcode::ref_null:
            out = constant.null_type;
            return Ok{};
        case Opcode::ref_func:
            out = ValType::funcref;
            return declare_function(constant.bits, constant.offset);
        default:
            out = info(constant.op).signature.push;
            return Ok{};
    }
}

/// Constants may read imported, immutable globals only.
Check ModuleValidator::check_constant_global(std::uint64_t index, std::uint32_t at,
                                             ValType& out) const {
    if (index >= module_.imported_globals)
        return refuse(at, ModuleRule::unknown_global,
                      number(index) + " in a constant, which may read imported globals only");
    const GlobalType& type = module_.globals[index].type;
    if (type.is_mutable)
        return refuse(at, ModuleRule::constant_expression, "global " + number(index) + " changes");
    out = type.type;
    return Ok{};
}

Check ModuleValidator::declare_function(std::uint64_t index, std::uint32_t at) {
    if (index >= module_.functions.size())
        return refuse(at, ModuleRule::unknown_function, number(index));
    context_.declared_functions[index] = true;
    return Ok{};
}

Check ModuleValidator::check_exports() {
    for (const Export& entry : module_.exports) {
        switch (entry.kind) {
            case ExternKind::function:
                MILLRACE_CHECK(declare_function(entry.index, entry.offset));
                break;
            case ExternKind::table:
                if (entry.index >= module_.tables.size())
                    return refuse(entry.offset, ModuleRule::unknown_table, number(entry.index));
                break;
            case ExternKind::memory:
                if (entry.index >= module_.memories.size())
                    return refuse(entry.offset, ModuleRule::unknown_memory, number(entry.index));
                break;
            case ExternKind::global:
                if (entry.index >= module_.globals.size())
                    return refuse(entry.offset, ModuleRule::unknown_global, number(entry.index));
                break;
        }
    }
    return check_export_names();
}

Check ModuleValidator::check_export_names() const {
    std::vector<const Export*> sorted;
    sorted.reserve(module_.exports.size());
    for (const Export& entry : module_.exports) sorted.push_back(&entry);
    const auto name = [&](const Export* entry) { return module_.text(entry->name); };
    std::sort(sorted.begin(), sorted.end(), [&](const Export* a, const Export* b) {
        const int order = name(a).compare(name(b));
        return order != 0 ? order < 0 : a->offset < b->offset;
    });
    const auto twin =
        std::adjacent_find(sorted.begin(), sorted.end(),
                           [&](const Export* a, const Export* b) { return name(a) == name(b); });
    if (twin == sorted.end()) return Ok{};
    return refuse((*std::next(twin))->offset, ModuleRule::duplicate_export, printable(name(*twin)));
}

Check ModuleValidator::check_start() const {
    if (!module_.start) return Ok{};
    if (*module_.start >= module_.functions.size())
        return refuse(module_.start_offset, ModuleRule::unknown_function, number(*module_.start));
    const FuncType& type = module_.function_type(*module_.start);
    if (type.param_count != 0 || type.result_count != 0)
        return refuse(module_.start_offset, ModuleRule::start_function,
                      "function " + number(*module_.start));
    return Ok{};
}

Check ModuleValidator::check_elements() {
    for (const ElementSegment& segment : module_.elements) {
        if (segment.mode == SegmentMode::active) {
            if (segment.table >= module_.tables.size())
                return refuse(segment.offset, ModuleRule::unknown_table, number(segment.table));
            if (module_.tables[segment.table].element != segment.type)
                return refuse(segment.offset, ModuleRule::type_mismatch,
                              "the table holds other references than the segment");
            MILLRACE_CHECK(check_constant(segment.start, ValType::i32));
        }
        MILLRACE_CHECK(check_items(segment));
    }
    return Ok{};
}

Check ModuleValidator::check_items(const ElementSegment& segment) {
    for (const ElementItem item : module_.items(segment)) {
        ValType found = ValType::funcref;
        switch (item.kind()) {
            case ElementItem::Kind::null:
                found = static_cast<ValType>(item.index());
                break;
            case ElementItem::Kind::function:
                MILLRACE_CHECK(declare_function(item.index(), segment.offset));
                break;
            case ElementItem::Kind::global:
                MILLRACE_CHECK(check_constant_global(item.index(), segment.offset, found));
                break;
        }
        if (found != segment.type)
            return refuse(segment.offset, ModuleRule::type_mismatch,
                          "needs " + std::string{to_text(segment.type)} + " and finds " +
                              std::string{to_text(found)});
    }
    return Ok{};
}

Check ModuleValidator::check_data() {
    for (const DataSegment& segment : module_.data) {
        if (segment.mode != SegmentMode::active) continue;
        if (segment.memory >= module_.memories.size())
            return refuse(segment.offset, ModuleRule::unknown_memory, number(segment.memory));
        MILLRACE_CHECK(check_constant(segment.start, ValType::i32));
    }
    return Ok{};
}

}  // namespace

Result<ValidModule, ModuleError> validate(Module module) {
    MILLRACE_CHECK(ModuleValidator(module).run());
    return ValidModule(std::move(module));
}

}  // namespace millrace::vm
