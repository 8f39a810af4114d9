#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string>

namespace millrace::node {

/// Sets up the process's log on standard error: text for people, or one JSON object a line.
/// Nothing that a peer can repeat at will is above debug; no secret is ever passed to it.
void init_log(const std::string& level, bool json);

/// The form of a line. Text keeps to one line and to printable characters, as JSON does by its
/// escapes: what a peer sent and a sentence quotes must not forge a line or move a cursor.
[[nodiscard]] std::unique_ptr<spdlog::formatter> make_log_formatter(bool json);

}  // namespace millrace::node
