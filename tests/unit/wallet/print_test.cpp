#include "wallet/print.hpp"

#include <doctest/doctest.h>

namespace millrace::wallet {

TEST_SUITE("wallet/print") {
    TEST_CASE("tables align, and stand in blocks on a narrow terminal only") {
        Table table({"NAME", "ADDRESS"});
        table.add({"alice", "tmill1qqqqqqqqqqqqqqqq"});
        table.add({"b", "x"});
        CHECK(table.text(Terminal{}) ==
              "NAME   ADDRESS\n"
              "alice  tmill1qqqqqqqqqqqqqqqq\n"
              "b      x\n");
        CHECK(table.text(Terminal{.is_terminal = true, .has_colour = false, .columns = 12}) ==
              "NAME     alice\n"
              "ADDRESS  tmill1qqqqqqqqqqqqqqqq\n"
              "\n"
              "NAME     b\n"
              "ADDRESS  x\n");
        CHECK(table.text(Terminal{.is_terminal = true, .has_colour = false, .columns = 29}) ==
              table.text(Terminal{}));
        CHECK(table.text(Terminal{.is_terminal = true, .has_colour = false, .columns = 28}) !=
              table.text(Terminal{}));
        // Redirected output is whole, whatever the width.
        CHECK(table.text(Terminal{.is_terminal = false, .has_colour = false, .columns = 12})
                  .find("qqqqqqqqqqqqqqqq") != std::string::npos);
    }

    TEST_CASE("the bar fills, shrinks with the terminal, and never passes its width") {
        CHECK(bar_text("running", 1, 2, "1 settled", 80) ==
              "running     [############............]  50%  1 settled");
        CHECK(bar_text("waiting", 0, 0, "", 80) == "waiting     [........................]   0%");
        CHECK(bar_text("running", 1, 2, "1 running, 1 settled", 60) ==
              "running     [#####.....]  50%  1 running, 1 settled");
        CHECK(bar_text("done", 5, 4, "", 80).find("[########################]") !=
              std::string::npos);
        for (unsigned columns = 1; columns < 90; ++columns) {
            CAPTURE(columns);
            CHECK(bar_text("running", 1, 3, "12 open, 4 running, 3 committed", columns).size() <
                  std::max(columns, 2U));
        }
    }

    TEST_CASE("sizes, times and gas in words") {
        CHECK(human_bytes(312) == "312 B");
        CHECK(human_bytes(1'500'000'000) == "1.5 GB");
        CHECK(human_bytes(~std::uint64_t{0}) == "18.4 EB");
        CHECK(counted(0, "row") == "0 rows");
        CHECK(counted(1, "row") == "1 row");
        CHECK(counted(2, "row") == "2 rows");
        CHECK(human_binary(0) == "0 B");
        CHECK(human_binary(64ULL << 20U) == "64 MiB");
        CHECK(human_binary(1'025) == "1025 B");
        CHECK(human_duration(45) == "45 ms");
        CHECK(human_duration(1'250) == "1.2 s");
        CHECK(human_duration(200'000) == "3 min 20 s");
        CHECK(human_duration(7ULL * 86'400'000) == "7 d");
        CHECK(human_gas(999'999) == "999999 gas");
        CHECK(human_gas(1'250'000'000) == "1.250 Ggas");
        CHECK(short_hash(std::string(64, 'a')) == std::string(12, 'a'));
        CHECK(short_hash("ab") == "ab");
    }
}

}  // namespace millrace::wallet
