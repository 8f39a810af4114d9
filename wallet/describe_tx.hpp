#pragma once

#include <string>
#include <string_view>

#include "common/network.hpp"
#include "market/transaction.hpp"

/// A transaction as people read it before they sign it. Pure.
namespace millrace::wallet {

/// Everything that a signature covers, a line each: money in credits, times as dates, a job by its
/// terms and by the most that its gas may cost. Optional parts that are left out have no line.
[[nodiscard]] std::string describe_tx(const market::Tx& tx, Network network);
/// What somebody else wrote, in quotes where it is plain text, else in hexadecimal: nothing in it
/// speaks to the terminal or turns the order of the letters around.
[[nodiscard]] std::string quoted_text(ByteView bytes);

}  // namespace millrace::wallet
