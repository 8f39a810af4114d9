#include "wallet/history.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace millrace::wallet {
namespace {

HistoryRow full_row() {
    HistoryRow row;
    row.height = Height{7};
    row.index = 3;
    row.time = WallTime{1'700'000'000'999};
    row.transaction = TxHash{};
    row.what = std::string("transfer");
    row.in = Amount{1'500'000'000};
    row.out = Amount{1};
    row.other = Address{};
    row.job = JobId{};
    row.lease = LeaseId{};
    row.provider = Address{};
    row.chunk = 4;
    return row;
}

}  // namespace

TEST_SUITE("wallet/history") {
    TEST_CASE("times are written in UTC to the second") {
        CHECK(time_text(WallTime{0}) == "1970-01-01T00:00:00Z");
        CHECK(time_text(WallTime{951'782'400'000}) == "2000-02-29T00:00:00Z");
        CHECK(time_text(WallTime{1'700'000'000'999}) == "2023-11-14T22:13:20Z");
    }

    TEST_CASE("a line of CSV has the head's columns, full or empty, and needs no quotes") {
        const std::string head = csv_head();
        const auto commas = std::count(head.begin(), head.end(), ',');
        CHECK(commas == 12);
        for (const HistoryRow& row : {HistoryRow{}, full_row()}) {
            const std::string line = csv_line(row, Network::test);
            CAPTURE(line);
            CHECK(std::count(line.begin(), line.end(), ',') == commas);
            CHECK(line.ends_with("\r\n"));
            CHECK(line.find('"') == std::string::npos);
        }
        const std::string line = csv_line(full_row(), Network::test);
        CHECK(line.starts_with("7,3,2023-11-14T22:13:20Z,transfer,none,1.5,0.000000001,"));
        CHECK(line.find(to_text(Address{}, Network::test)) != std::string::npos);
        CHECK(line.ends_with(",4\r\n"));
    }
}

}  // namespace millrace::wallet
