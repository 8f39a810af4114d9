#include "common/codec.hpp"

#include <doctest/doctest.h>

#include "common/describe_schema.hpp"
#include "common/hash.hpp"
#include "common/json.hpp"

namespace millrace {
namespace {

enum class Colour : std::uint8_t { red = 1, green = 2 };
BOOST_DESCRIBE_ENUM(Colour, red, green)
struct Inner {
    static constexpr const char* kName = "inner";
    std::uint16_t x = 0;
    friend bool operator==(const Inner&, const Inner&) = default;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (x))
struct Other {
    static constexpr const char* kName = "other";
    Hash h;
    friend bool operator==(const Other&, const Other&) = default;
};
BOOST_DESCRIBE_STRUCT(Other, (), (h))
struct Sample {
    std::uint64_t number = 0;
    Amount amount;
    Colour colour = Colour::red;
    BoundedVector<Inner, 3> items;
    BoundedString<5> text;
    std::optional<std::uint32_t> maybe;
    std::variant<Inner, Other> either;
    friend bool operator==(const Sample&, const Sample&) = default;
};
BOOST_DESCRIBE_STRUCT(Sample, (), (number, amount, colour, items, text, maybe, either))

Sample make_sample() {
    Sample s;
    s.number = 0x0102030405060708U;
    s.amount = Amount{18'000'000'000'000'000'000U};
    s.colour = Colour::green;
    s.items = {Inner{1}, Inner{2}};
    s.text = std::string("mill");
    s.maybe = 7;
    s.either = Other{};
    return s;
}

}  // namespace

TEST_SUITE("common/codec") {
    TEST_CASE("a described struct survives both directions, and JSON") {
        const Sample s = make_sample();
        const Bytes raw = encode(s);
        const auto back = decode<Sample>(raw);
        REQUIRE(back.has_value());
        CHECK(*back == s);
        const auto again = from_json<Sample>(to_json(s));
        REQUIRE(again.has_value());
        CHECK(*again == s);
    }

    TEST_CASE("every truncation and one extra byte are refused") {
        Bytes raw = encode(make_sample());
        for (std::size_t size = 0; size < raw.size(); ++size) {
            CAPTURE(size);
            CHECK_FALSE(decode<Sample>(ByteView(raw).first(size)).has_value());
        }
        raw.push_back(0);
        CHECK(decode<Sample>(raw).error() == DecodeError::trailing_bytes);
    }

    TEST_CASE("lengths are in shortest form and bounded before allocation") {
        using V = BoundedVector<std::uint16_t, 3>;
        struct Row {
            const char* name;
            Bytes raw;
            DecodeError expected;
        };
        const std::vector<Row> rows = {
            {"padded zero", {0x80, 0x00}, DecodeError::length_not_shortest},
            {"padded one", {0x81, 0x00, 1, 0}, DecodeError::length_not_shortest},
            {"above the bound", {4, 0, 0, 0, 0, 0, 0, 0, 0}, DecodeError::length_above_bound},
            {"more than 64 bits",
             {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02},
             DecodeError::length_above_bound},
            {"claims more than there is", {3, 0, 0}, DecodeError::truncated},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            const auto got = decode<V>(row.raw);
            REQUIRE_FALSE(got.has_value());
            CHECK(got.error() == row.expected);
        }
    }

    TEST_CASE("the schema lists every member with its type and bounds") {
        const auto schema = json_schema<Sample>();
        const auto& properties = schema.at("properties").as_object();
        CHECK(schema.at("required").as_array().size() == 6);  // all but the optional one
        CHECK(properties.at("amount").as_object().at("type") == "string");
        CHECK(properties.at("items").as_object().at("maxItems") == 3);
        CHECK(properties.at("colour").as_object().at("enum").as_array().at(1) == "green");
        const auto& other = properties.at("either").as_object().at("oneOf").as_array().at(1);
        CHECK(other.at("properties").at("type").at("const") == "other");
        CHECK(other.at("properties").at("h").at("maxLength") == 64);
    }

    TEST_CASE("JSON names the member that does not fit") {
        auto j = to_json(make_sample());
        j.as_object()["colour"] = "blue";
        CHECK(from_json<Sample>(j).error().sentence() == "colour: unknown name \"blue\"");
        j = to_json(make_sample());
        j.as_object()["items"].as_array()[1].as_object()["x"] = 70000;
        CHECK(from_json<Sample>(j).error().sentence() == "items[1].x: must be at most 65535");
        j = to_json(make_sample());
        j.as_object()["extra"] = 1;
        CHECK(from_json<Sample>(j).error().sentence() == "extra: unknown member");
    }
}

}  // namespace millrace
