#pragma once

#include <string>

namespace millrace::node {

/// Sets up the process's log on standard error: text for people, or one JSON object a line.
/// Nothing that a peer can repeat at will is above debug; no secret is ever passed to it.
void init_log(const std::string& level, bool json);

}  // namespace millrace::node
