#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <string_view>

namespace millrace::vm {

/// Why a program stopped where it must not go on. Numbers are consensus.
/// Source: WebAssembly 2.0, chapter 4; docs/protocol/machine.md, "Traps".
enum class TrapCode : std::uint8_t {
    none = 0,
    unreachable = 1,
    memory_out_of_bounds = 2,
    divide_by_zero = 3,
    integer_overflow = 4,
    invalid_conversion = 5,
    undefined_element = 6,      ///< call_indirect beyond the table's end
    uninitialized_element = 7,  ///< call_indirect through a null entry
    indirect_type_mismatch = 8,
    stack_exhausted = 9,  ///< beyond the bound on frames or on slots
    table_out_of_bounds = 10,
    /// A word that is no instruction. Never in an image made by publication; it exists so that a
    /// witness over a made-up state has an end, too.
    invalid_code = 11,
    host_fault = 12,    ///< a host call met what it has no error number for
    memory_limit = 13,  ///< the first memory and tables pass the job's limit
};
BOOST_DESCRIBE_ENUM(TrapCode, none, unreachable, memory_out_of_bounds, divide_by_zero,
                    integer_overflow, invalid_conversion, undefined_element, uninitialized_element,
                    indirect_type_mismatch, stack_exhausted, table_out_of_bounds, invalid_code,
                    host_fault, memory_limit)

/// The words that runtimes and the specification's scripts use.
[[nodiscard]] constexpr std::string_view to_text(TrapCode code) {
    switch (code) {
        case TrapCode::none:
            return "no trap";
        case TrapCode::unreachable:
            return "unreachable";
        case TrapCode::memory_out_of_bounds:
            return "out of bounds memory access";
        case TrapCode::divide_by_zero:
            return "integer divide by zero";
        case TrapCode::integer_overflow:
            return "integer overflow";
        case TrapCode::invalid_conversion:
            return "invalid conversion to integer";
        case TrapCode::undefined_element:
            return "undefined element";
        case TrapCode::uninitialized_element:
            return "uninitialized element";
        case TrapCode::indirect_type_mismatch:
            return "indirect call type mismatch";
        case TrapCode::stack_exhausted:
            return "call stack exhausted";
        case TrapCode::table_out_of_bounds:
            return "out of bounds table access";
        case TrapCode::invalid_code:
            return "invalid code";
        case TrapCode::host_fault:
            return "host fault";
        case TrapCode::memory_limit:
            return "memory limit exceeded";
    }
    return "?";
}

}  // namespace millrace::vm
