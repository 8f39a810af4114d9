#include "wallet/units.hpp"

#include <doctest/doctest.h>

namespace millrace::wallet {

TEST_SUITE("wallet/units") {
    TEST_CASE("durations read as people write them") {
        struct Row {
            const char* text;
            std::optional<std::uint64_t> expected;
        };
        const std::vector<Row> rows = {
            {"90s", 90'000},       {"30m", 1'800'000},      {"12h", 43'200'000},
            {"7d", 604'800'000},   {"500ms", 500},          {"1h30m", 5'400'000},
            {"1.5h", 5'400'000},   {"0.5ms", std::nullopt}, {"0s", 0},
            {"", std::nullopt},    {"10", std::nullopt},    {"s", std::nullopt},
            {"-1s", std::nullopt}, {"1 s", std::nullopt},   {"1s2", std::nullopt},
            {"1y", std::nullopt},  {"1..5h", std::nullopt}, {"99999999999999d", std::nullopt},
        };
        for (const Row& row : rows) {
            CAPTURE(row.text);
            const auto got = parse_duration("--life", row.text);
            CHECK(got.has_value() == row.expected.has_value());
            if (got.has_value() && row.expected) CHECK(*got == *row.expected);
            if (!got.has_value()) {
                CHECK(got.error().exit == Exit::usage);
                CHECK(got.error().message.find("--life") != std::string::npos);
            }
        }
    }

    TEST_CASE("gas reads with suffixes, and never silently drops a digit") {
        struct Row {
            const char* text;
            std::optional<std::uint64_t> expected;
        };
        const std::vector<Row> rows = {
            {"2G", 2'000'000'000},
            {"1.5G", 1'500'000'000},
            {"500M", 500'000'000},
            {"20k", 20'000},
            {"20K", 20'000},
            {"1T", 1'000'000'000'000},
            {"12345", 12'345},
            {"0.000000001G", 1},
            {"0.0000000001G", std::nullopt},
            {"1.5", std::nullopt},
            {"0", std::nullopt},
            {"0G", std::nullopt},
            {"G", std::nullopt},
            {"2g", std::nullopt},
            {"2GG", std::nullopt},
            {"-2G", std::nullopt},
            {"20000000000G", std::nullopt},
            {"", std::nullopt},
        };
        for (const Row& row : rows) {
            CAPTURE(row.text);
            const auto got = parse_gas("--gas", row.text);
            CHECK(got.has_value() == row.expected.has_value());
            if (got.has_value() && row.expected) CHECK(got->value == *row.expected);
        }
    }

    TEST_CASE("prices are above zero and below the protocol's bound") {
        CHECK(parse_price("--max-price", "0.02")->value == 20'000'000);
        CHECK(parse_price("--max-price", "0.000000001")->value == 1);
        for (const char* text : {"0", "0.0", "1099.6", "-1", "1,5", "0.0000000001", "", "x"}) {
            CAPTURE(text);
            const auto got = parse_price("--max-price", text);
            REQUIRE_FALSE(got.has_value());
            CHECK(got.error().message.find("--max-price") != std::string::npos);
        }
    }

    TEST_CASE("credits for people are never shown as less than they are") {
        CHECK(credits_text(Amount{0}) == "0");
        CHECK(credits_text(Amount{1}) == "0.000001");
        CHECK(credits_text(Amount{1'000}) == "0.000001");
        CHECK(credits_text(Amount{1'001}) == "0.000002");
        CHECK(credits_text(Amount{12'500'000'000}) == "12.5");
        CHECK(price_text(Price{5'000'000}) == "0.005");
    }

    TEST_CASE("an id is 64 hexadecimal digits and nothing else") {
        CHECK(parse_id<JobId>("job", std::string(64, 'a')).has_value());
        for (const std::size_t size : {0UL, 63UL, 65UL, 66UL})
            CHECK_FALSE(parse_id<JobId>("job", std::string(size, 'a')).has_value());
        const auto bad = parse_id<JobId>("job", std::string(64, 'g'));
        REQUIRE_FALSE(bad.has_value());
        CHECK(bad.error().exit == Exit::bad_input);
    }
}

}  // namespace millrace::wallet
