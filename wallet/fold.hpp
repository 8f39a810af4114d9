#pragma once

#include <string>
#include <string_view>

#include "wallet/print.hpp"

namespace millrace::wallet {

/// Text for people, its long lines broken at spaces so that no word is torn at the edge of a
/// terminal; what is continued stands under the line's own text, past its label. Words longer than
/// a line, such as hashes, and commands between backquotes stay whole. What follows a line that
/// begins with `---` or `===` is a program's output and stays as it is, as does everything where no
/// terminal is.
[[nodiscard]] std::string folded(std::string_view text, const Terminal& terminal);

}  // namespace millrace::wallet
