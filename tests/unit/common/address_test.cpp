#include "common/address.hpp"

#include <doctest/doctest.h>

#include "common/bech32.hpp"
#include "common/describe_schema.hpp"
#include "common/rng.hpp"

namespace millrace {
namespace {

Address some_address(std::uint64_t seed) {
    Rng rng(seed);
    Address out;
    rng.fill(out.bytes);
    return out;
}

struct Payment {
    Address to;
    std::optional<Address> refund_to;
    friend bool operator==(const Payment&, const Payment&) = default;
};
BOOST_DESCRIBE_STRUCT(Payment, (), (to, refund_to))

}  // namespace

TEST_SUITE("common/bech32") {
    TEST_CASE("refusals come in a fixed order") {
        struct Row {
            const char* name;
            std::string text;
            Bech32Error expected;
        };
        const std::vector<Row> rows = {
            {"91 characters, and bad ones", std::string(91, ' '), Bech32Error::too_long},
            {"a space", "a 1lqfn3a", Bech32Error::bad_character},
            {"a byte above ASCII",
             "\x80"
             "1vctc34",
             Bech32Error::bad_character},
            {"mixed case", "A1lqfn3a", Bech32Error::mixed_case},
            {"no separator", "qyrz8wqd2c9m", Bech32Error::no_separator},
            {"no prefix", "1qyrz8wqd2c9m", Bech32Error::no_separator},
            {"five symbols", "in1muywd", Bech32Error::too_short},
            {"b is no symbol", "y1b0jsk6g", Bech32Error::bad_character},
            {"checksum", "a1lqfn3q", Bech32Error::bad_checksum},
            {"empty", "", Bech32Error::no_separator},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            const auto got = decode_bech32(row.text);
            REQUIRE_FALSE(got.has_value());
            CHECK(got.error() == row.expected);
        }
    }

    TEST_CASE("bytes survive the way through five-bit symbols") {
        Rng rng(1);
        for (std::size_t size = 0; size < 50; ++size) {
            CAPTURE(size);
            Bytes raw(size);
            rng.fill(raw);
            const Bytes symbols = to_symbols(raw);
            CHECK(symbols.size() == (8 * size + 4) / 5);
            CHECK(from_symbols(symbols) == raw);
        }
        CHECK_FALSE(from_symbols(Bytes{0}).has_value());      // five bits of padding
        CHECK_FALSE(from_symbols(Bytes{0, 1}).has_value());   // padding that is not zero
        CHECK_FALSE(from_symbols(Bytes{32, 0}).has_value());  // no symbol
        CHECK(from_symbols(Bytes{31, 28}) == Bytes{0xff});
    }
}

TEST_SUITE("common/address") {
    TEST_CASE("the text of a known key is what the protocol page prints") {
        // The key of secret 3, BIP-340's first example.
        const auto key = *AccountKey::from(
            *from_hex("f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"));
        const Address address = to_address(key);
        CHECK(to_hex(address.view()) == "0816335e6cacf2a47c6658abbf2c5aebc8e9740c");
        CHECK(to_text(address, Network::main) == "mill1pqtrxhnv4ne2glrxtz4m7tz6a0ywjaqvc7akyp");
        CHECK(to_text(address, Network::test) == "tmill1pqtrxhnv4ne2glrxtz4m7tz6a0ywjaqvufvxay");
    }

    TEST_CASE("texts of both networks read back, in either case") {
        for (std::uint64_t seed = 0; seed < 50; ++seed) {
            CAPTURE(seed);
            const Address address = some_address(seed);
            for (const Network network : {Network::main, Network::test}) {
                std::string text = to_text(address, network);
                CHECK(*parse_address(text, network) == address);
                CHECK(*parse_address(text, std::nullopt) == address);
                for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
                CHECK(*parse_address(text, network) == address);
            }
        }
    }

    TEST_CASE("what is not an address of this network is refused by name") {
        const Address address = some_address(1);
        const Bytes symbols = to_symbols(address.view());
        const std::string good = to_text(address, Network::test);
        struct Row {
            const char* name;
            std::string text;
            AddressError expected;
        };
        const std::vector<Row> rows = {
            {"empty", "", AddressError::not_bech32m},
            {"hexadecimal", to_hex(address.view()), AddressError::not_bech32m},
            {"another checksum", encode_bech32("tmill", symbols, Bech32Variant::bech32),
             AddressError::not_bech32m},
            {"another prefix", encode_bech32("bc", symbols, Bech32Variant::bech32m),
             AddressError::foreign_prefix},
            {"the main network", to_text(address, Network::main), AddressError::wrong_network},
            {"19 bytes",
             encode_bech32("tmill", to_symbols(address.view().first(19)), Bech32Variant::bech32m),
             AddressError::wrong_size},
            {"21 bytes", encode_bech32("tmill", to_symbols(Bytes(21, 1)), Bech32Variant::bech32m),
             AddressError::wrong_size},
            {"a space behind", good + " ", AddressError::not_bech32m},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            const auto got = parse_address(row.text, Network::test);
            REQUIRE_FALSE(got.has_value());
            CHECK(got.error() == row.expected);
            CHECK(sentence(got.error()).size() > 20);
        }
    }

    TEST_CASE("every single mistyped character is found") {
        const std::string good = to_text(some_address(2), Network::main);
        for (std::size_t i = 0; i < good.size(); ++i) {
            for (const char c : std::string_view("qpzry9x8gf2tvdw0s3jn54khce6mua7l1boi")) {
                if (c == good[i]) continue;
                CAPTURE(i);
                CAPTURE(c);
                std::string bad = good;
                bad[i] = c;
                CHECK_FALSE(parse_address(bad, std::nullopt).has_value());
            }
        }
    }

    TEST_CASE("in a struct it is 20 bytes on the wire and text in JSON") {
        const Payment payment{some_address(3), some_address(4)};
        const Bytes raw = encode(payment);
        CHECK(raw.size() == 20 + 1 + 20);
        CHECK(*decode<Payment>(raw) == payment);
        CHECK(decode<Payment>(ByteView(raw).first(19)).error() == DecodeError::truncated);

        const JsonStyle test_style{Network::test};
        const auto json = to_json(payment, test_style);
        CHECK(json.at("to").as_string() == to_text(payment.to, Network::test));
        CHECK(json.at("refund_to").as_string() == to_text(*payment.refund_to, Network::test));
        CHECK(*from_json<Payment>(json, "", test_style) == payment);
        CHECK(from_json<Payment>(json, "", JsonStyle{Network::main}).error().path == "to");
        // Without a network the form is hexadecimal, and both forms are read.
        CHECK(to_json(payment).at("to").as_string() == to_hex(payment.to.view()));
        CHECK(*from_json<Payment>(to_json(payment)) == payment);
        CHECK(*from_json<Payment>(json) == payment);
        // With one, hexadecimal is refused: it has no checksum.
        CHECK_FALSE(from_json<Payment>(to_json(payment), "", test_style).has_value());
        CHECK(json_schema<Address>().at("type") == "string");
    }
}

}  // namespace millrace
