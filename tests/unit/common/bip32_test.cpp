#include "common/bip32.hpp"

#include <doctest/doctest.h>

#include "common/address.hpp"
#include "common/detail/base58.hpp"
#include "common/mnemonic.hpp"
#include "common/rng.hpp"

namespace millrace {
namespace {

// The root of vector 1 of BIP-32 (BSD-2-Clause), and its child m/0'.
constexpr const char* kSeed1 = "000102030405060708090a0b0c0d0e0f";
constexpr const char* kRoot1 =
    "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGt"
    "RBeJgk33yuGBxrMPHi";
constexpr const char* kChild1 =
    "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5s"
    "ki8PX9rL2dZXvgGDnw";

}  // namespace

TEST_SUITE("common/bip32") {
    TEST_CASE("the published seed gives the published root and child") {
        const auto root = ExtendedSecret::from_seed(*from_hex(kSeed1));
        REQUIRE(root.has_value());
        CHECK(root->expose_text().text() == kRoot1);
        CHECK(root->child(kHardened)->public_key().to_text() == kChild1);
    }

    TEST_CASE("public and secret derivation agree for indices that are not hardened") {
        Rng rng(3);
        Bytes seed(32);
        rng.fill(seed);
        const auto root = ExtendedSecret::from_seed(seed);
        for (int i = 0; i < 20; ++i) {
            const auto index = static_cast<std::uint32_t>(rng.below(kHardened));
            CAPTURE(index);
            CHECK(root->child(index)->public_key() == *root->public_key().child(index));
            CHECK(root->public_key().child(index | kHardened).error() ==
                  Bip32Error::hardened_needs_secret);
        }
    }

    TEST_CASE("seeds and depths out of range are refused") {
        for (const std::size_t size : {0U, 15U, 65U})
            CHECK(ExtendedSecret::from_seed(Bytes(size)).error() == Bip32Error::bad_seed_size);
        const auto root = ExtendedSecret::from_seed(Bytes(16, 1));
        const std::vector<std::uint32_t> path(255, 0);
        const auto deepest = root->derive(path);
        REQUIRE(deepest.has_value());
        CHECK(deepest->child(0).error() == Bip32Error::too_deep);
        CHECK(deepest->public_key().child(0).error() == Bip32Error::too_deep);
    }

    TEST_CASE("every mistyped character of a text is found") {
        const std::string good = kChild1;
        for (std::size_t i = 0; i < good.size(); ++i) {
            CAPTURE(i);
            std::string bad = good;
            bad[i] = bad[i] == '2' ? '3' : '2';
            CHECK(ExtendedKey::parse(bad).error() == Bip32Error::bad_text);
            bad[i] = '0';  // no character of the alphabet
            CHECK(ExtendedKey::parse(bad).error() == Bip32Error::bad_text);
        }
        CHECK(ExtendedKey::parse("").error() == Bip32Error::bad_text);
        CHECK(ExtendedKey::parse(std::string(100'000, '1')).error() == Bip32Error::bad_text);
        CHECK(ExtendedKey::parse(kRoot1).error() == Bip32Error::unknown_version);
        CHECK(ExtendedSecret::parse(kChild1).error() == Bip32Error::unknown_version);
    }

    TEST_CASE("base58check keeps leading zeros") {
        Rng rng(5);
        for (std::size_t size = 0; size <= detail::kBase58PayloadMax; ++size) {
            CAPTURE(size);
            Bytes raw(size);
            rng.fill(raw);
            for (std::size_t i = 0; i < size / 8; ++i) raw[i] = 0;
            CHECK(detail::decode_base58check(detail::encode_base58check(raw)) == raw);
        }
    }

    TEST_CASE("accounts of one phrase differ by number and by network") {
        const auto seed = phrase_to_seed(
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
            "abandon about",
            "");
        REQUIRE(seed.has_value());
        const auto path = account_path(Network::main, 2);
        CHECK(path == std::array<std::uint32_t, 5>{0x8000002cU, 0xcd494c4cU, 0x80000002U, 0, 0});
        struct Row {
            Network network;
            std::uint32_t account;
            std::string address;
        };
        // As docs/protocol/addresses.md prints them.
        const std::vector<Row> rows = {
            {Network::main, 0, "mill16mx43mwvgwpt9z9q3rameu83pd0jlzqnwjww0z"},
            {Network::main, 1, "mill1jxshhsv4j8fl8jp59hyaz5fv3ylxxc8xg8vrks"},
            {Network::test, 0, "tmill1ydlgjam5exqv25jtlcks7ss9lryqmcj6ng95c3"},
        };
        for (const Row& row : rows) {
            CAPTURE(row.account);
            const auto secret = derive_account(*seed, row.network, row.account);
            REQUIRE(secret.has_value());
            CHECK(to_text(to_address(secret->public_key()), row.network) == row.address);
        }
    }
}

}  // namespace millrace
