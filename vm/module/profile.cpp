#include "vm/module/profile.hpp"

#include <optional>

#include "vm/module/names.hpp"
#include "vm/wasi/abi.hpp"

namespace millrace::vm {

namespace {

/// Value types are their encoding, one byte each.
ByteView encoded(std::span<const ValType> types) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): uint8_t may alias.
    return {reinterpret_cast<const std::uint8_t*>(types.data()), types.size()};
}

std::optional<MissingReason> missing_reason(const Module& module, const Import& entry) {
    if (module.text(entry.module) != kWasiModule) return MissingReason::unknown_module;
    if (entry.kind != ExternKind::function) return MissingReason::not_a_function;
    const FuncType& type = module.function_type(entry.index);
    const std::string_view name = module.text(entry.name);
    if (find_import(name, encoded(module.params(type)), encoded(module.results(type))))
        return std::nullopt;
    return import_refusal(name) == ImportRefusal::unknown_name ? MissingReason::unknown_function
                                                               : MissingReason::wrong_signature;
}

void find_missing(const Module& module, ProfileError& error) {
    for (const Import& entry : module.imports) {
        const auto reason = missing_reason(module, entry);
        if (!reason) continue;
        ++error.missing_count;
        if (error.missing.size() < kMissingListedMax)
            error.missing.push_back({std::string{module.text(entry.module)},
                                     std::string{module.text(entry.name)}, entry.kind, *reason});
    }
}

void find_exports(const Module& module, ProfileError& error) {
    error.start_missing = true;
    error.memory_missing = true;
    for (const Export& entry : module.exports) {
        const std::string_view name = module.text(entry.name);
        if (entry.kind == ExternKind::memory && name == kMemoryName) error.memory_missing = false;
        if (entry.kind != ExternKind::function || name != kStartName) continue;
        error.start_missing = false;
        const FuncType& type = module.function_type(entry.index);
        error.start_takes_arguments = type.param_count != 0 || type.result_count != 0;
    }
}

std::string_view reason_text(MissingReason reason) {
    switch (reason) {
        case MissingReason::unknown_module:
            return "only wasi_snapshot_preview1 may be imported from";
        case MissingReason::unknown_function:
            return "WASI preview 1 has no such function";
        case MissingReason::wrong_signature:
            return "WASI preview 1 has it with other parameters or results";
        case MissingReason::not_a_function:
            return "only functions can be imported";
    }
    return "";
}

}  // namespace

std::string ProfileError::text() const {
    std::string out;
    for (const MissingImport& entry : missing) {
        out += "missing import: ";
        out += to_text(entry.kind);
        out += " \"" + printable(entry.module) + "\" \"" + printable(entry.name) + "\": ";
        out += reason_text(entry.reason);
        out += ".\n";
    }
    if (missing_count > missing.size())
        out += "and " + std::to_string(missing_count - missing.size()) + " more missing imports.\n";
    if (start_missing)
        out += "There is no exported function \"_start\": build a command, not a library.\n";
    if (start_takes_arguments) out += "\"_start\" must take nothing and return nothing.\n";
    if (memory_missing)
        out += "There is no exported memory \"memory\", through which WASI exchanges data.\n";
    return out;
}

Status<ProfileError> check_profile(const ValidModule& module) {
    ProfileError error;
    find_missing(*module, error);
    find_exports(*module, error);
    if (error.missing_count == 0 && !error.start_missing && !error.start_takes_arguments &&
        !error.memory_missing)
        return Ok{};
    return Err{std::move(error)};
}

}  // namespace millrace::vm
