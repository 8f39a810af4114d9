#include "vm/module/error.hpp"

namespace millrace::vm {

std::string_view rule_text(ModuleRule rule) {
    switch (rule) {
        case ModuleRule::unexpected_end:
            return "the bytes end in the middle of something";
        case ModuleRule::magic:
            return "a module begins with the bytes 00 61 73 6d";
        case ModuleRule::version:
            return "the format version must be 1";
        case ModuleRule::section_id:
            return "there is no section of this number";
        case ModuleRule::section_order:
            return "sections come in a fixed order, each at most once";
        case ModuleRule::section_size:
            return "a section's contents must fill exactly its announced size";
        case ModuleRule::integer_too_long:
            return "an integer is written with more bytes than its width allows";
        case ModuleRule::integer_too_large:
            return "an integer does not fit its width";
        case ModuleRule::utf8:
            return "a name must be well-formed UTF-8";
        case ModuleRule::length_out_of_bounds:
            return "a length reaches beyond the end";
        case ModuleRule::type_form:
            return "an entry of the type section must be a function type";
        case ModuleRule::value_type:
            return "there is no value type of this number";
        case ModuleRule::reference_type:
            return "there is no reference type of this number";
        case ModuleRule::import_kind:
            return "an import is a function, table, memory or global";
        case ModuleRule::export_kind:
            return "an export is a function, table, memory or global";
        case ModuleRule::limits_flags:
            return "the flags of a size limit must be 0 or 1";
        case ModuleRule::mutability:
            return "a global's mutability must be 0 or 1";
        case ModuleRule::element_flags:
            return "the flags of an element segment must be at most 7";
        case ModuleRule::element_kind:
            return "the kind of an element segment must be 0";
        case ModuleRule::data_flags:
            return "the flags of a data segment must be at most 2";
        case ModuleRule::function_count:
            return "function and code section must have the same number of entries";
        case ModuleRule::data_count:
            return "the data section must have the announced number of segments";
        case ModuleRule::data_count_required:
            return "instructions that name data segments need a data count section";
        case ModuleRule::illegal_opcode:
            return "there is no instruction of this encoding";
        case ModuleRule::zero_byte_expected:
            return "a reserved byte must be zero";
        case ModuleRule::memory_flags:
            return "an alignment exponent is out of range";
        case ModuleRule::end_expected:
            return "a function or expression must end with `end`";
        case ModuleRule::body_size:
            return "a function's body must fill exactly its announced size";
        case ModuleRule::local_count:
            return "a function's locals must number less than 2^32";
        case ModuleRule::block_type:
            return "there is no block type of this number";

        case ModuleRule::type_mismatch:
            return "operand types do not match";
        case ModuleRule::unknown_type:
            return "the type does not exist";
        case ModuleRule::unknown_function:
            return "the function does not exist";
        case ModuleRule::unknown_table:
            return "the table does not exist";
        case ModuleRule::unknown_memory:
            return "the memory does not exist";
        case ModuleRule::unknown_global:
            return "the global does not exist, or may not be used here";
        case ModuleRule::unknown_local:
            return "the local does not exist";
        case ModuleRule::unknown_label:
            return "the label does not exist";
        case ModuleRule::unknown_element_segment:
            return "the element segment does not exist";
        case ModuleRule::unknown_data_segment:
            return "the data segment does not exist";
        case ModuleRule::immutable_global:
            return "an immutable global cannot be written";
        case ModuleRule::alignment_too_large:
            return "an access may not claim more than its natural alignment";
        case ModuleRule::constant_expression:
            return "only a constant may stand here";
        case ModuleRule::multiple_memories:
            return "a module has at most one memory";
        case ModuleRule::memory_size:
            return "a memory has at most 65536 pages";
        case ModuleRule::limits_order:
            return "a size's minimum may not exceed its maximum";
        case ModuleRule::duplicate_export:
            return "two exports have the same name";
        case ModuleRule::start_function:
            return "the start function takes nothing and returns nothing";
        case ModuleRule::undeclared_reference:
            return "a function whose reference is taken must appear outside of function bodies";
        case ModuleRule::select_arity:
            return "a select names exactly one type";

        case ModuleRule::too_many_types:
            return "too many types";
        case ModuleRule::too_many_functions:
            return "too many functions";
        case ModuleRule::too_many_imports:
            return "too many imports";
        case ModuleRule::too_many_exports:
            return "too many exports";
        case ModuleRule::too_many_globals:
            return "too many globals";
        case ModuleRule::too_many_tables:
            return "too many tables";
        case ModuleRule::too_many_data_segments:
            return "too many data segments";
        case ModuleRule::too_many_element_segments:
            return "too many element segments";
        case ModuleRule::too_many_params:
            return "too many parameters";
        case ModuleRule::too_many_results:
            return "too many results";
        case ModuleRule::too_many_locals:
            return "too many locals in a function";
        case ModuleRule::function_too_large:
            return "a function's body is too large";
        case ModuleRule::branch_table_too_large:
            return "a br_table has too many labels";
        case ModuleRule::nesting_too_deep:
            return "blocks are nested too deeply";
        case ModuleRule::too_many_operands:
            return "too many operands on the stack of a function";
        case ModuleRule::module_too_large:
            return "the module is too large";
        case ModuleRule::table_too_large:
            return "a table starts too large";

        case ModuleRule::simd:
            return "Millrace does not run SIMD instructions";
        case ModuleRule::relaxed_simd:
            return "Millrace does not run relaxed SIMD: its results differ between machines";
        case ModuleRule::threads:
            return "Millrace does not run threads and atomics: their results differ between runs";
        case ModuleRule::exceptions:
            return "Millrace does not run the exceptions proposal";
        case ModuleRule::tail_calls:
            return "Millrace does not run the tail call proposal";
        case ModuleRule::garbage_collection:
            return "Millrace does not run the garbage collection proposal";
        case ModuleRule::memory64:
            return "Millrace does not run 64-bit memories";
        case ModuleRule::extended_constants:
            return "Millrace does not run extended constant expressions";
        case ModuleRule::component_model:
            return "this is a component, and Millrace runs core modules";
        case ModuleRule::function_references:
            return "Millrace does not run typed function references";
        case ModuleRule::custom_page_sizes:
            return "Millrace does not run memories with pages other than 64 KiB";
        case ModuleRule::multiple_memories_proposal:
            return "Millrace does not run modules with several memories";
        case ModuleRule::wide_arithmetic:
            return "Millrace does not run the wide arithmetic proposal";
    }
    return "an unknown rule";
}

std::string ModuleError::sentence() const {
    std::string text = "byte " + std::to_string(offset) + ": ";
    text += rule_text(rule);
    if (!detail.empty()) text += " (" + detail + ")";
    text += '.';
    return text;
}

}  // namespace millrace::vm
