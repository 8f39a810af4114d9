#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vm/module/module.hpp"

namespace millrace::vm {

/// The name of a function for people: from the custom section "name", else of its export, else of
/// its import; empty where there is none. The section is not validated, so a broken one simply
/// names nothing. Cost: linear in the section.
[[nodiscard]] std::string function_name(const Module& module, std::uint32_t function);

/// A module's text made safe to print: control characters and quotes as `\xx`, cut after
/// `kPrintedNameMax` bytes. A name is the stranger's who wrote the module, and may carry terminal
/// escapes.
[[nodiscard]] std::string printable(std::string_view text);
inline constexpr std::size_t kPrintedNameMax = 120;

}  // namespace millrace::vm
