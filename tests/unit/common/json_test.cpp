#include "common/json.hpp"

#include <doctest/doctest.h>

#include "common/describe_schema.hpp"
#include "common/hash.hpp"

namespace millrace {
namespace {

enum class Mode : std::uint8_t { slow = 1, fast = 2 };
BOOST_DESCRIBE_ENUM(Mode, slow, fast)
struct Inner {
    static constexpr const char* kName = "inner";
    std::int8_t x = 0;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (x))
struct Empty {
    static constexpr const char* kName = "empty";
};
BOOST_DESCRIBE_STRUCT(Empty, (), ())
struct Request {
    std::uint8_t small = 0;
    Gas gas;
    Price price;
    Mode mode = Mode::slow;
    bool flag = false;
    FixedBytes<2, struct PairTag> raw;
    BoundedBytes<3> blob;
    BoundedString<4> text;
    BoundedVector<Inner, 2> list;
    std::array<std::uint16_t, 2> two{};
    std::array<std::uint8_t, 2> bytes{};
    std::variant<Inner, Empty> either;
    std::optional<std::uint8_t> maybe;
};
BOOST_DESCRIBE_STRUCT(Request, (),
                      (small, gas, price, mode, flag, raw, blob, text, list, two, bytes, either,
                       maybe))

constexpr const char* kGood =
    R"({"small":255,"gas":1125899906842624,"price":"20000000","mode":"fast","flag":true,)"
    R"("raw":"00ff","blob":"aabbcc","text":"mill","list":[{"x":-128},{"x":127}],"two":[1,2],"bytes":"0a0b",)"
    R"("either":{"type":"inner","x":5},"maybe":7})";

}  // namespace

TEST_SUITE("common/json") {
    TEST_CASE("what is read is written again, member by member in order") {
        const auto request = from_json<Request>(boost::json::parse(kGood));
        REQUIRE(request.has_value());
        CHECK(boost::json::serialize(to_json(*request)) == kGood);
    }

    TEST_CASE("each member's fault is named with its path") {
        struct Row {
            const char* member;
            const char* value;
            const char* sentence;
        };
        const std::vector<Row> rows = {
            {"small", "256", "small: must be at most 255"},
            {"small", "-1", "small: must not be negative"},
            {"small", "1.0", "small: expected a whole number"},
            {"small", "true", "small: expected a whole number"},
            {"small", "\"12x\"", "small: expected a decimal number"},
            {"small", "\"\"", "small: expected a decimal number"},
            {"small", "\"-1\"", "small: expected a decimal number"},
            {"gas", "18446744073709551616", "gas: expected a whole number"},
            {"price", "\"18446744073709551616\"", "price: expected a decimal number"},
            {"mode", "\"faster\"", "mode: unknown name \"faster\""},
            {"mode", "2", "mode: expected a string"},
            {"flag", "1", "flag: expected true or false"},
            {"raw", "\"00f\"", "raw: not hexadecimal"},
            {"raw", "\"0g\"", "raw: not hexadecimal"},
            {"raw", "\"00\"", "raw: shorter than 2 bytes"},
            {"raw", "\"000000\"", "raw: longer than 2 bytes"},
            {"blob", "\"00000000\"", "blob: longer than 3 bytes"},
            {"text", "\"mills\"", "text: longer than 4 bytes"},
            {"text", "null", "text: expected a string"},
            {"list", "{}", "list: expected an array"},
            {"list", R"([{"x":0},{"x":0},{"x":0}])", "list: more than 2 items"},
            {"list", R"([{"x":0},{"x":128}])", "list[1].x: out of range"},
            {"list", R"([{}])", "list[0].x: missing"},
            {"two", "[1]", "two: expected an array of 2 items"},
            {"two", "[1,70000]", "two[1]: must be at most 65535"},
            {"bytes", "[1,2]", "bytes: expected a hexadecimal string"},
            {"bytes", "\"0a\"", "bytes: shorter than 2 bytes"},
            {"either", "{}", "either: expected an object with a \"type\""},
            {"either", R"({"type":"outer"})", "either: unknown type \"outer\""},
            {"either", R"({"type":"empty","x":1})", "either.x: unknown member"},
            {"maybe", "\"x\"", "maybe: expected a decimal number"},
        };
        for (const Row& row : rows) {
            CAPTURE(row.member);
            CAPTURE(row.value);
            auto json = boost::json::parse(kGood);
            json.as_object()[row.member] = boost::json::parse(row.value);
            const auto got = from_json<Request>(json);
            REQUIRE_FALSE(got.has_value());
            CHECK(got.error().sentence() == row.sentence);
        }
    }

    TEST_CASE("every member but an optional one must be there") {
        const auto good = boost::json::parse(kGood);
        for (const auto& [key, ignored] : good.as_object()) {
            const std::string name(key);
            CAPTURE(name);
            auto json = boost::json::parse(kGood);
            json.as_object().erase(name);
            const auto got = from_json<Request>(json);
            CHECK(got.has_value() == (name == "maybe"));
            if (!got.has_value()) CHECK(got.error().sentence() == name + ": missing");
        }
        CHECK(from_json<Request>(boost::json::parse("[]")).error().sentence() ==
              "expected an object");
    }

    TEST_CASE("forms that are read but written in one way") {
        auto json = boost::json::parse(kGood);
        json.as_object()["raw"] = "00FF";
        json.as_object()["price"] = 20'000'000;
        json.as_object()["gas"] = "1125899906842624";
        const auto got = from_json<Request>(json);
        REQUIRE(got.has_value());
        CHECK(boost::json::serialize(to_json(*got)) == kGood);
        json.as_object()["maybe"] = nullptr;
        CHECK_FALSE(from_json<Request>(json)->maybe.has_value());
    }

    TEST_CASE("the schema has a property for every member, in order") {
        const auto schema = json_schema<Request>();
        std::vector<std::string> expected;
        const auto good = boost::json::parse(kGood);
        for (const auto& [key, ignored] : good.as_object()) expected.emplace_back(key);
        std::vector<std::string> found;
        for (const auto& [key, ignored] : schema.at("properties").as_object())
            found.emplace_back(key);
        CHECK(found == expected);
        const auto& properties = schema.at("properties").as_object();
        CHECK(properties.at("small").at("maximum").to_number<int>() == 255);
        CHECK(properties.at("two").at("minItems").to_number<int>() == 2);
        CHECK(properties.at("bytes").at("minLength").to_number<int>() == 4);
        CHECK(properties.at("blob").at("maxLength").to_number<int>() == 6);
        CHECK(properties.at("text").at("maxLength").to_number<int>() == 4);
        CHECK(schema.at("additionalProperties") == false);
    }
}

}  // namespace millrace
