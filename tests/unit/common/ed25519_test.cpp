#include "common/ed25519.hpp"

#include <doctest/doctest.h>

#include "common/detail/ed25519_encoding.hpp"
#include "common/rng.hpp"
#include "common/sodium_init.hpp"

namespace millrace {
namespace {

// RFC 8032 section 7.1, tests 1 to 3.
struct Row {
    const char* seed;
    const char* key;
    const char* message;
    const char* signature;
};
constexpr std::array<Row, 3> kRows = {{
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
}};

template <class T>
T from_text(std::string_view hex) {
    return *T::from(*from_hex(hex));
}

Ed25519Secret some_secret(std::uint64_t seed) {
    Rng rng(seed);
    SecretBytes<32> raw;
    rng.fill(raw.mutable_view());
    return Ed25519Secret(raw);
}

}  // namespace

TEST_SUITE("common/ed25519") {
    TEST_CASE("published seeds give the published keys and signatures") {
        REQUIRE(init_sodium().has_value());
        for (const Row& row : kRows) {
            CAPTURE(row.seed);
            const auto seed = SecretBytes<32>::from(*from_hex(row.seed));
            const Ed25519Secret secret(*seed);
            CHECK(secret.public_key() == from_text<Ed25519Key>(row.key));
            CHECK(secret.expose_seed() == *seed);
            const Bytes message = *from_hex(row.message);
            CHECK(secret.sign(message) == from_text<Ed25519Signature>(row.signature));
            CHECK(verify(secret.public_key(), message, secret.sign(message)));
        }
    }

    TEST_CASE("a change of any bit of key, message or signature is noticed") {
        const Ed25519Secret secret = some_secret(1);
        const Bytes message = {1, 2, 3};
        const Ed25519Signature signature = secret.sign(message);
        for (std::size_t bit = 0; bit < 8 * 64; ++bit) {
            CAPTURE(bit);
            Ed25519Signature bad = signature;
            bad.bytes[bit / 8] = static_cast<std::uint8_t>(bad.bytes[bit / 8] ^ (1U << (bit % 8)));
            CHECK_FALSE(verify(secret.public_key(), message, bad));
        }
        for (std::size_t bit = 0; bit < 8 * 32; ++bit) {
            CAPTURE(bit);
            Ed25519Key bad = secret.public_key();
            bad.bytes[bit / 8] = static_cast<std::uint8_t>(bad.bytes[bit / 8] ^ (1U << (bit % 8)));
            CHECK_FALSE(verify(bad, message, signature));
        }
        CHECK_FALSE(verify(secret.public_key(), Bytes{1, 2, 2}, signature));
        CHECK_FALSE(verify(secret.public_key(), Bytes{1, 2, 3, 0}, signature));
    }

    TEST_CASE("S + L is refused: a signature has one encoding") {
        const Ed25519Secret secret = some_secret(2);
        const Bytes message = {9};
        Ed25519Signature shifted = secret.sign(message);
        unsigned carry = 0;
        for (std::size_t i = 0; i < 32; ++i) {
            carry += shifted.bytes[32 + i] + unsigned{detail::kGroupOrder[i]};
            shifted.bytes[32 + i] = static_cast<std::uint8_t>(carry);
            carry >>= 8U;
        }
        REQUIRE(carry == 0);
        CHECK_FALSE(verify(secret.public_key(), message, shifted));
    }

    TEST_CASE("keys and R of small order are refused, in every encoding") {
        // The eight points of small order, and what else decodes to one of them without reduction.
        const std::vector<const char*> small = {
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        };
        const Bytes message = {1};
        for (const char* text : small) {
            CAPTURE(text);
            const auto key = from_text<Ed25519Key>(text);
            CHECK_FALSE(is_valid_key(key));
            for (const char* r : small) {
                Ed25519Signature signature;
                const Bytes raw = *from_hex(r);
                std::copy(raw.begin(), raw.end(), signature.bytes.begin());
                CHECK_FALSE(verify(key, message, signature));
            }
        }
    }

    TEST_CASE("a key with a torsion part may not be registered") {
        // 3d40… of RFC 8032 is clean; B plus the point of order two (0, -1) is -B's mirror with
        // y negated, which has order 2L.
        CHECK(is_valid_key(from_text<Ed25519Key>(kRows[1].key)));
        // y of B is 4/5; p - 4/5 with either sign is B + (0, -1).
        CHECK_FALSE(is_valid_key(from_text<Ed25519Key>(
            "9599999999999999999999999999999999999999999999999999999999999999")));
        CHECK_FALSE(is_valid_key(from_text<Ed25519Key>(
            "9599999999999999999999999999999999999999999999999999999999999919")));
    }

    TEST_CASE("range checks have their edges where the numbers are") {
        std::array<std::uint8_t, 32> edge = detail::kGroupOrder;
        CHECK_FALSE(detail::is_canonical_scalar(edge));
        edge[0] = 0xec;
        CHECK(detail::is_canonical_scalar(edge));
        edge = detail::kFieldPrime;
        CHECK_FALSE(detail::is_canonical_y(edge));
        edge[31] |= 0x80;
        CHECK_FALSE(detail::is_canonical_y(edge));
        edge[0] = 0xec;
        CHECK(detail::is_canonical_y(edge));
    }
}

}  // namespace millrace
