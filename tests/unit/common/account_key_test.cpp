#include "common/account_key.hpp"

#include <doctest/doctest.h>

#include "common/rng.hpp"

namespace millrace {
namespace {

template <class T>
T from_text(std::string_view hex) {
    return *T::from(*from_hex(hex));
}

// Rows 0, 1 and 15 of the CSV of BIP-340 (bitcoin/bips, BSD-2-Clause); all 19 are in the vectors.
struct SignRow {
    const char* secret;
    const char* key;
    const char* entropy;
    const char* message;
    const char* signature;
};
constexpr std::array<SignRow, 2> kSignRows = {{
    {"0000000000000000000000000000000000000000000000000000000000000003",
     "F9308A019258C31049344F85F89D5229B531C845836F99B08601F113BCE036F9",
     "0000000000000000000000000000000000000000000000000000000000000000",
     "0000000000000000000000000000000000000000000000000000000000000000",
     "E907831F80848D1069A5371B402410364BDF1C5F8307B0084C55F1CE2DCA821525F66A4A85EA8B71E482A74F382D2"
     "C"
     "E5EBEEE8FDB2172F477DF4900D310536C0"},
    {"B7E151628AED2A6ABF7158809CF4F3C762E7160F38B4DA56A784D9045190CFEF",
     "DFF1D77F2A671C5F36183726DB2341BE58FEAE1DA2DECED843240F7B502BA659",
     "0000000000000000000000000000000000000000000000000000000000000001",
     "243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89",
     "6896BD60EEAE296DB48A229FF71DFE071BDE413E6D43F917DC8DCF8C78DE33418906D11AC976ABCCB20B091292BFF"
     "4"
     "EA897EFCB639EA871CFA95F6DE339E4B0A"},
}};

AccountSecret some_secret(std::uint64_t seed) {
    Rng rng(seed);
    std::array<std::uint8_t, 32> raw{};
    rng.fill(raw);
    return *AccountSecret::from(raw);
}

}  // namespace

TEST_SUITE("common/account_key") {
    TEST_CASE("published secrets give the published keys and signatures") {
        for (const SignRow& row : kSignRows) {
            CAPTURE(row.secret);
            const auto secret = AccountSecret::from(*from_hex(row.secret));
            REQUIRE(secret.has_value());
            CHECK(secret->public_key() == from_text<AccountKey>(row.key));
            SigningEntropy entropy{};
            const Bytes raw = *from_hex(row.entropy);
            std::copy(raw.begin(), raw.end(), entropy.begin());
            const auto signature = secret->sign(*from_hex(row.message), entropy);
            CHECK(signature == from_text<AccountSignature>(row.signature));
            CHECK(verify(secret->public_key(), *from_hex(row.message), signature));
        }
    }

    TEST_CASE("a change of any bit of key, message or signature is noticed") {
        const AccountSecret secret = some_secret(1);
        const AccountKey key = secret.public_key();
        const Bytes message = {1, 2, 3, 4, 5};
        const AccountSignature signature = secret.sign(message, SigningEntropy{});
        REQUIRE(verify(key, message, signature));
        for (std::size_t bit = 0; bit < 8 * 64; ++bit) {
            CAPTURE(bit);
            AccountSignature bad = signature;
            bad.bytes[bit / 8] = static_cast<std::uint8_t>(bad.bytes[bit / 8] ^ (1U << (bit % 8)));
            CHECK_FALSE(verify(key, message, bad));
        }
        for (std::size_t bit = 0; bit < 8 * 32; ++bit) {
            CAPTURE(bit);
            AccountKey bad = key;
            bad.bytes[bit / 8] = static_cast<std::uint8_t>(bad.bytes[bit / 8] ^ (1U << (bit % 8)));
            CHECK_FALSE(verify(bad, message, signature));
        }
        for (std::size_t bit = 0; bit < 8 * message.size(); ++bit) {
            CAPTURE(bit);
            Bytes bad = message;
            bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1U << (bit % 8)));
            CHECK_FALSE(verify(key, bad, signature));
        }
    }

    TEST_CASE("a secret is a number in [1, n-1]") {
        struct Row {
            const char* name;
            const char* raw;
            bool is_good;
        };
        const std::vector<Row> rows = {
            {"zero", "0000000000000000000000000000000000000000000000000000000000000000", false},
            {"one", "0000000000000000000000000000000000000000000000000000000000000001", true},
            {"n-1", "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140", true},
            {"n", "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", false},
            {"all ones", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false},
            {"31 bytes", "00000000000000000000000000000000000000000000000000000000000001", false},
            {"empty", "", false},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            CHECK(AccountSecret::from(*from_hex(row.raw)).has_value() == row.is_good);
        }
    }

    TEST_CASE("a key is the x coordinate of a point") {
        CHECK(is_valid_key(some_secret(2).public_key()));
        CHECK_FALSE(is_valid_key(AccountKey{}));
        // x = 5 is on no point of secp256k1; p itself is out of range.
        AccountKey five;
        five.bytes[31] = 5;
        CHECK_FALSE(is_valid_key(five));
        CHECK_FALSE(is_valid_key(from_text<AccountKey>(
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f")));
    }

    TEST_CASE("messages of every small length are signed and told apart") {
        const AccountSecret secret = some_secret(3);
        const AccountKey key = secret.public_key();
        for (std::size_t size = 0; size < 70; ++size) {
            CAPTURE(size);
            const Bytes message(size, 0);
            const auto signature = secret.sign(message, SigningEntropy{});
            CHECK(verify(key, message, signature));
            CHECK_FALSE(verify(key, Bytes(size + 1, 0), signature));
        }
    }

    TEST_CASE("a moved-from secret holds zeros") {
        SecretBytes<32> a = *SecretBytes<32>::from(Bytes(32, 7));
        const SecretBytes<32> b = std::move(a);
        // NOLINTNEXTLINE(bugprone-use-after-move): that is the question.
        CHECK(a == SecretBytes<32>{});
        CHECK(b == *SecretBytes<32>::from(Bytes(32, 7)));
    }
}

}  // namespace millrace
