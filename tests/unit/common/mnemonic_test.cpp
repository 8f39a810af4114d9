#include "common/mnemonic.hpp"

#include <doctest/doctest.h>

#include "common/rng.hpp"
#include "common/unicode.hpp"

namespace millrace {
namespace {

constexpr const char* kAbandon =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

}  // namespace

TEST_SUITE("common/mnemonic") {
    // The first and last English rows of trezor/python-mnemonic's vectors (MIT).
    TEST_CASE("published entropy gives the published phrase and seed") {
        struct Row {
            const char* entropy;
            const char* phrase;
            const char* seed;
        };
        const std::vector<Row> rows = {
            {"00000000000000000000000000000000", kAbandon,
             "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e"
             "1"
             "c92f2cf141630c7a3c4ab7c81b2f001698e7463b04"},
            {"f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f",
             "void come effort suffer camp survey warrior heavy shoot primary clutch crush open "
             "amaz"
             "ing screen patrol group space point ten exist slush involve unfold",
             "01f5bced59dec48e362f2c45b5de68b9fd6c92c6634f44d6d40aab69056506f0e35524a518034ddc1192e"
             "1"
             "dacd32c1ed3eaa3c3b131c88ed8e7e54c49a5d0998"},
        };
        for (const Row& row : rows) {
            CAPTURE(row.entropy);
            const auto made = Mnemonic::from_entropy(*from_hex(row.entropy));
            REQUIRE(made.has_value());
            CHECK(made->text() == row.phrase);
            CHECK(to_hex(phrase_to_seed(row.phrase, "TREZOR")->view()) == row.seed);
        }
    }

    TEST_CASE("entropy of every size survives the way through words") {
        Rng rng(7);
        for (const std::size_t size : {16U, 20U, 24U, 28U, 32U}) {
            for (int i = 0; i < 40; ++i) {
                CAPTURE(size);
                Bytes entropy(size);
                rng.fill(entropy);
                const auto made = Mnemonic::from_entropy(entropy);
                REQUIRE(made.has_value());
                const auto parsed = Mnemonic::parse(made->text());
                REQUIRE(parsed.has_value());
                CHECK(to_hex(parsed->entropy().view()) == to_hex(entropy));
            }
        }
        for (const std::size_t size : {0U, 15U, 17U, 18U, 31U, 33U, 36U})
            CHECK(Mnemonic::from_entropy(Bytes(size)).error().error ==
                  MnemonicError::bad_entropy_size);
    }

    TEST_CASE("a phrase is read in any case and spacing, and written in one way") {
        const auto parsed = Mnemonic::parse(
            "  Abandon ABANDON abandon\tabandon\nabandon abandon abandon abandon abandon abandon "
            "abandon   about\r\n");
        REQUIRE(parsed.has_value());
        CHECK(parsed->text() == kAbandon);
    }

    TEST_CASE("refusals come in a fixed order and name the word") {
        std::string words23;
        for (int i = 0; i < 23; ++i) words23 += "abandon ";
        struct Row {
            const char* name;
            std::string text;
            MnemonicError expected;
            std::size_t word;
        };
        const std::vector<Row> rows = {
            {"too long", std::string(kSecretTextMax + 1, ' '), MnemonicError::bad_text, 0},
            {"empty", "", MnemonicError::bad_word_count, 0},
            {"eleven words", std::string(kAbandon).substr(8), MnemonicError::bad_word_count, 0},
            {"23 words", words23, MnemonicError::bad_word_count, 0},
            {"27 words", words23 + "zoo zoo zoo zoo", MnemonicError::bad_word_count, 0},
            {"the third word is none",
             "abandon abandon abandn abandon abandon abandon abandon abandon abandon abandon "
             "abandon about",
             MnemonicError::unknown_word, 3},
            {"an abbreviation", "aban " + std::string(kAbandon).substr(8),
             MnemonicError::unknown_word, 1},
            {"swapped words",
             "about abandon abandon abandon abandon abandon abandon abandon abandon abandon "
             "abandon abandon",
             MnemonicError::bad_checksum, 0},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            const auto got = Mnemonic::parse(row.text);
            REQUIRE_FALSE(got.has_value());
            CHECK(got.error().error == row.expected);
            CHECK(got.error().word == row.word);
        }
    }

    TEST_CASE("one in sixteen last words fits: the checksum of 12 words has four bits") {
        int fitting = 0;
        for (std::uint32_t index = 0; index < 2048; ++index) {
            Bytes entropy(16, 0);
            entropy[0] = static_cast<std::uint8_t>(index >> 3U);
            entropy[1] = static_cast<std::uint8_t>((index & 7U) << 5U);
            const auto made = Mnemonic::from_entropy(entropy);
            const std::string_view all = made->text();
            const std::string word(all.substr(0, all.find(' ')));
            const std::string base(kAbandon);
            fitting += Mnemonic::parse(base.substr(0, base.size() - 5) + word).has_value() ? 1 : 0;
        }
        CHECK(fitting == 128);
    }

    TEST_CASE("composed and decomposed texts give one seed, other bytes are refused") {
        const std::string composed = "\xc3\xa9t\xc3\xa9";      // e with acute, as one character
        const std::string decomposed = "e\xcc\x81te\xcc\x81";  // e and a combining acute
        CHECK(to_nfkd(composed)->text() == decomposed);
        CHECK(*phrase_to_seed(kAbandon, composed) == *phrase_to_seed(kAbandon, decomposed));
        CHECK_FALSE(*phrase_to_seed(kAbandon, composed) == *phrase_to_seed(kAbandon, "ete"));
        for (const char* bad : {"\x80", "\xc3", "\xed\xa0\x80", "\xff"}) {
            CHECK(phrase_to_seed(kAbandon, bad).error().error == MnemonicError::bad_text);
            CHECK_FALSE(to_nfkd(bad).has_value());
        }
        CHECK(to_nfkd("")->size() == 0);
        CHECK(to_nfkd(std::string(kSecretTextMax, 'x')).has_value());
        CHECK_FALSE(to_nfkd(std::string(kSecretTextMax + 1, 'x')).has_value());
    }
}

}  // namespace millrace
