#include "wallet/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "market/query.hpp"

namespace millrace::wallet {

namespace {

/// Where the next page begins; the node says it, and gets it back as it is.
struct Cursor {
    Height height;
    std::uint32_t index = 0;
    friend auto operator<=>(const Cursor&, const Cursor&) = default;
};
BOOST_DESCRIBE_STRUCT(Cursor, (), (height, index))
struct HistoryPage {
    std::vector<HistoryRow> rows;
    std::optional<Cursor> next;
    Height since;
};
BOOST_DESCRIBE_STRUCT(HistoryPage, (), (rows, next, since))

Failure not_understood(std::string_view method, std::string_view why) {
    return {Exit::failed,
            fmt::format("the node's answer to {} is not understood: {}", method, why)};
}

/// A node's word goes into tables and spreadsheets: nothing in it may end a cell, begin a formula
/// or speak to a terminal.
bool is_plain_word(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

template <class Id>
std::string hex_or_empty(const std::optional<Id>& id) {
    return id ? to_hex(id->view()) : std::string();
}

}  // namespace

Try<HistoryEnd> read_history(Client& client, std::string_view method, boost::json::object params,
                             const OnHistoryRow& on_row) {
    params["limit"] = market::kPageMax;
    HistoryEnd end;
    std::optional<Cursor> from;
    for (;;) {
        MILLRACE_TRY(const boost::json::value raw, client.call(method, params));
        const auto page = from_json<HistoryPage>(raw);
        if (!page.has_value()) return Err{not_understood(method, page.error().sentence())};
        for (std::size_t i = 0; i < page->rows.size(); ++i) {
            const HistoryRow& row = page->rows[i];
            if (!is_plain_word(row.what)) return Err{not_understood(method, "what: not a word")};
            MILLRACE_CHECK(on_row(row, raw.at("rows").at(i)));
        }
        end.rows += page->rows.size();
        end.since = page->since;
        if (!page->next) return end;
        // A node that goes round in circles would hold this program for ever.
        if (from && *page->next <= *from) return Err{not_understood(method, "next goes back")};
        from = page->next;
        params["from"] = to_json(*from);
    }
}

std::string time_text(WallTime time) {
    const auto seconds = static_cast<std::time_t>(time.value / 1000);
    std::tm parts{};
    // A time beyond all calendars stays a number.
    if (::gmtime_r(&seconds, &parts) == nullptr) return std::to_string(time.value) + " ms";
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string csv_head() {
    return "block,index,time,what,refusal,in_credits,out_credits,transaction,other,job,lease,"
           "provider,chunk\r\n";
}

std::string csv_line(const HistoryRow& row, Network network) {
    const auto account = [&](const std::optional<Address>& address) {
        return address ? to_text(*address, network) : std::string();
    };
    // Numbers, times, hexadecimal digits, words: nothing of it needs quotes.
    return fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{}\r\n", row.height.value, row.index,
                       time_text(row.time), std::string(row.what), enum_name(row.refusal),
                       to_credits(row.in), to_credits(row.out), hex_or_empty(row.transaction),
                       account(row.other), hex_or_empty(row.job), hex_or_empty(row.lease),
                       account(row.provider), row.chunk ? std::to_string(*row.chunk) : "");
}

}  // namespace millrace::wallet
