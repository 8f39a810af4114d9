#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::vm {

/// Every rule that a module can break. Numbered for ever; never reused. 1 to 63: the bytes are no
/// module (malformed). 64 to 127: a module, but not a valid one. 128 to 191: beyond a limit of
/// limits.hpp. 192 and above: a proposal or feature that Millrace does not run.
/// Source: WebAssembly 2.0, chapters 5 (binary format) and 3 (validation); docs/protocol/module.md.
enum class ModuleRule : std::uint8_t {
    unexpected_end = 1,
    magic = 2,
    version = 3,
    section_id = 4,
    section_order = 5,
    section_size = 6,
    integer_too_long = 7,
    integer_too_large = 8,
    utf8 = 9,
    length_out_of_bounds = 10,
    type_form = 11,
    value_type = 12,
    reference_type = 13,
    import_kind = 14,
    export_kind = 15,
    limits_flags = 16,
    mutability = 17,
    element_flags = 18,
    element_kind = 19,
    data_flags = 20,
    function_count = 21,
    data_count = 22,
    data_count_required = 23,
    illegal_opcode = 24,
    zero_byte_expected = 25,
    memory_flags = 26,
    end_expected = 27,
    body_size = 28,
    local_count = 29,
    block_type = 30,

    type_mismatch = 64,
    unknown_type = 65,
    unknown_function = 66,
    unknown_table = 67,
    unknown_memory = 68,
    unknown_global = 69,
    unknown_local = 70,
    unknown_label = 71,
    unknown_element_segment = 72,
    unknown_data_segment = 73,
    immutable_global = 74,
    alignment_too_large = 75,
    constant_expression = 76,
    multiple_memories = 77,
    memory_size = 78,
    limits_order = 79,
    duplicate_export = 80,
    start_function = 81,
    undeclared_reference = 82,
    select_arity = 83,

    too_many_types = 128,
    too_many_functions = 129,
    too_many_imports = 130,
    too_many_exports = 131,
    too_many_globals = 132,
    too_many_tables = 133,
    too_many_data_segments = 134,
    too_many_element_segments = 135,
    too_many_params = 136,
    too_many_results = 137,
    too_many_locals = 138,
    function_too_large = 139,
    branch_table_too_large = 140,
    nesting_too_deep = 141,
    too_many_operands = 142,
    module_too_large = 143,
    table_too_large = 144,

    simd = 192,
    relaxed_simd = 193,
    threads = 194,
    exceptions = 195,
    tail_calls = 196,
    garbage_collection = 197,
    memory64 = 198,
    extended_constants = 199,
    component_model = 200,
    function_references = 201,
    custom_page_sizes = 202,
    wide_arithmetic = 203,
    multiple_memories_proposal = 204,
};

[[nodiscard]] constexpr bool is_malformed(ModuleRule rule) {
    return static_cast<unsigned>(rule) < 64;
}
[[nodiscard]] constexpr bool is_invalid(ModuleRule rule) {
    return static_cast<unsigned>(rule) >= 64 && static_cast<unsigned>(rule) < 128;
}
[[nodiscard]] constexpr bool is_beyond_limit(ModuleRule rule) {
    return static_cast<unsigned>(rule) >= 128 && static_cast<unsigned>(rule) < 192;
}
[[nodiscard]] constexpr bool is_unsupported(ModuleRule rule) {
    return static_cast<unsigned>(rule) >= 192;
}

/// The rule in words that continue "the module breaks a rule: ...".
[[nodiscard]] std::string_view rule_text(ModuleRule rule);

/// Why a module was refused.
struct ModuleError {
    std::uint32_t offset = 0;  ///< byte in the module at which the rule was found broken
    ModuleRule rule = ModuleRule::unexpected_end;
    std::string detail;  ///< what was found and what was needed; may be empty

    /// One sentence with the offset, the rule and the detail.
    [[nodiscard]] std::string sentence() const;
};

}  // namespace millrace::vm
