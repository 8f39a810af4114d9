#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/address.hpp"
#include "market/node_answers.hpp"
#include "wallet/client.hpp"

/// What happened to an account, a job or a provider, from the node's history, page by page.
namespace millrace::wallet {

using market::HistoryRow;

/// Told each row, oldest first, as read and as the node wrote it; what it refuses ends the reading.
using OnHistoryRow =
    std::function<Try<Ok>(const HistoryRow& row, const boost::json::value& as_written)>;
struct HistoryEnd {
    std::uint64_t rows = 0;
    /// The node keeps nothing from before this block.
    Height since;
};
/// Reads all pages of `method`, whose other parameters are in `params`.
[[nodiscard]] Try<HistoryEnd> read_history(Client& client, std::string_view method,
                                           boost::json::object params, const OnHistoryRow& on_row);

/// "2026-02-03T04:05:06Z".
[[nodiscard]] std::string time_text(WallTime time);
/// RFC 4180, with the names of the columns; lines end with CR LF.
[[nodiscard]] std::string csv_head();
[[nodiscard]] std::string csv_line(const HistoryRow& row, Network network);

}  // namespace millrace::wallet
