#include <doctest/doctest.h>

#include "node/rpc/http_range.hpp"

namespace millrace::node::rpc {

TEST_SUITE("node/rpc/blob_http") {
    TEST_CASE("which bytes a Range header means") {
        struct Row {
            const char* text;
            std::uint64_t size;
            std::optional<ByteRange> expected;
        };
        const std::vector<Row> rows = {
            {"bytes=0-", 10, ByteRange{0, 10}},
            {"bytes=4-6", 10, ByteRange{4, 7}},
            {"bytes=9-9", 10, ByteRange{9, 10}},
            {"bytes=4-100", 10, ByteRange{4, 10}},
            {"bytes=4-18446744073709551615", 10, ByteRange{4, 10}},
            {"bytes=10-", 10, ByteRange{10, 10}},
            {"bytes=0-", 0, ByteRange{0, 0}},
            {"bytes=11-", 10, std::nullopt},
            {"bytes=6-4", 10, std::nullopt},
            {"bytes=-4", 10, std::nullopt},
            {"bytes=", 10, std::nullopt},
            {"bytes=4", 10, std::nullopt},
            {"bytes=1-2,4-5", 10, std::nullopt},
            {"bytes= 1-2", 10, std::nullopt},
            {"bytes=+1-2", 10, std::nullopt},
            {"bytes=1-2 ", 10, std::nullopt},
            {"bytes=1--2", 10, std::nullopt},
            {"bytes=18446744073709551616-", 10, std::nullopt},
            {"BYTES=1-2", 10, std::nullopt},
            {"lines=1-2", 10, std::nullopt},
            {"", 10, std::nullopt},
        };
        for (const Row& row : rows) {
            CAPTURE(row.text);
            CHECK(parse_range(row.text, row.size) == row.expected);
        }
    }

    TEST_CASE("which bytes a Content-Range header means") {
        struct Row {
            const char* text;
            std::optional<ContentRange> expected;
        };
        const std::vector<Row> rows = {
            {"bytes 0-0/1", ContentRange{{0, 1}, 1}},
            {"bytes 1048576-2097151/4294967296", ContentRange{{1048576, 2097152}, 4294967296}},
            {"bytes 0-1/1", std::nullopt},
            {"bytes 2-1/5", std::nullopt},
            {"bytes 0-0/0", std::nullopt},
            {"bytes 0-4/*", std::nullopt},
            {"bytes */5", std::nullopt},
            {"bytes 0-18446744073709551615/18446744073709551615", std::nullopt},
            {"bytes 0-18446744073709551614/18446744073709551615",
             ContentRange{{0, UINT64_MAX}, UINT64_MAX}},
            {"bytes 0/4-5", std::nullopt},
            {"bytes -4/5", std::nullopt},
            {"bytes 0-/5", std::nullopt},
            {"bytes 0-4", std::nullopt},
            {"bytes=0-4/5", std::nullopt},
            {"bytes 0-4/5 ", std::nullopt},
            {"bytes 0-4/5/6", std::nullopt},
            {"", std::nullopt},
        };
        for (const Row& row : rows) {
            CAPTURE(row.text);
            CHECK(parse_content_range(row.text) == row.expected);
        }
    }
}

}  // namespace millrace::node::rpc
