#include "common/secret_box.hpp"

#include <doctest/doctest.h>

#include "common/rng.hpp"
#include "common/unicode.hpp"

namespace millrace {
namespace {

constexpr BoxCost kCheap = kBoxCostMin;  // the tests check the format, not the cost

BoxEntropy some_entropy(std::uint64_t seed) {
    Rng rng(seed);
    BoxEntropy out;
    rng.fill(out.salt);
    rng.fill(out.nonce);
    return out;
}
const Bytes kSecret = {1, 2, 3, 4, 5, 6, 7};
const Bytes kPurpose = {'k', 'e', 'y'};

Bytes some_box() {
    return *seal_box(kSecret, "open sesame", kPurpose, kCheap, some_entropy(1));
}

// Where the fields stand; docs/protocol/addresses.md has the same numbers.
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kKdfAt = 9;
constexpr std::size_t kPassesAt = 10;
constexpr std::size_t kMemoryAt = 14;
constexpr std::size_t kSaltAt = 18;

}  // namespace

TEST_SUITE("common/secret_box") {
    TEST_CASE("what was sealed opens with the same passphrase and purpose only") {
        const Bytes box = some_box();
        const auto opened = open_box(box, "open sesame", kPurpose);
        REQUIRE(opened.has_value());
        CHECK(to_hex(opened->view()) == to_hex(kSecret));
        CHECK(open_box(box, "open Sesame", kPurpose).error() == SecretBoxError::wrong_passphrase);
        CHECK(open_box(box, "", kPurpose).error() == SecretBoxError::wrong_passphrase);
        CHECK(open_box(box, "open sesame", {}).error() == SecretBoxError::wrong_passphrase);
        CHECK(open_box(box, "\xff", kPurpose).error() == SecretBoxError::bad_passphrase);
    }

    TEST_CASE("a passphrase is its characters, however they were composed") {
        const Bytes box = *seal_box(kSecret, "caf\xc3\xa9", kPurpose, kCheap, some_entropy(2));
        CHECK(open_box(box, "cafe\xcc\x81", kPurpose).has_value());
        CHECK_FALSE(open_box(box, "cafe", kPurpose).has_value());
    }

    TEST_CASE("every changed byte and every truncation is refused with its reason") {
        const Bytes box = some_box();
        for (std::size_t i = 0; i < box.size(); ++i) {
            CAPTURE(i);
            Bytes bad = box;
            bad[i] ^= 0x40U;
            const auto got = open_box(bad, "open sesame", kPurpose);
            REQUIRE_FALSE(got.has_value());
            if (i < kVersionAt || i == kKdfAt) CHECK(got.error() == SecretBoxError::malformed);
            if (i == kVersionAt) CHECK(got.error() == SecretBoxError::unknown_version);
            if (i == kPassesAt || i == kMemoryAt + 3)
                CHECK(got.error() == SecretBoxError::cost_refused);
            if (i >= kSaltAt && i < kSaltAt + 40)
                CHECK(got.error() == SecretBoxError::wrong_passphrase);
        }
        for (std::size_t size = 0; size < box.size(); ++size) {
            CAPTURE(size);
            CHECK(open_box(ByteView(box).first(size), "open sesame", kPurpose).error() ==
                  SecretBoxError::malformed);
        }
        Bytes longer = box;
        longer.push_back(0);
        CHECK(open_box(longer, "open sesame", kPurpose).error() == SecretBoxError::malformed);
    }

    TEST_CASE("a cost outside the bounds is refused before any memory is taken") {
        struct Row {
            BoxCost cost;
            bool is_good;
        };
        for (const Row& row : {Row{{0, 8}, false}, Row{{1, 7}, false}, Row{{17, 8}, false},
                               Row{{1, 1024 * 1024 + 1}, false}, Row{{1, 0xffffffffU}, false},
                               Row{{16, 8}, true}, Row{{1, 64}, true}}) {
            CAPTURE(row.cost.passes);
            CAPTURE(row.cost.memory_kib);
            const auto got = seal_box(kSecret, "x", {}, row.cost, some_entropy(3));
            CHECK(got.has_value() == row.is_good);
            if (!row.is_good) CHECK(got.error() == SecretBoxError::cost_refused);
        }
        CHECK(seal_box(Bytes(kBoxSecretMax + 1), "x", {}, kCheap, some_entropy(3)).error() ==
              SecretBoxError::too_large);
    }

    TEST_CASE("boxes of one secret with other entropy share nothing but the header") {
        const Bytes a = *seal_box(kSecret, "x", {}, kCheap, some_entropy(4));
        const Bytes b = *seal_box(kSecret, "x", {}, kCheap, some_entropy(5));
        CHECK(a.size() == b.size());
        CHECK(ByteView(a).subspan(kSaltAt).size() == 40 + 1 + kSecret.size() + 16);
        CHECK_FALSE(std::equal(a.end() - 23, a.end(), b.end() - 23));
        CHECK(a == *seal_box(kSecret, "x", {}, kCheap, some_entropy(4)));
    }

    TEST_CASE("an empty secret and the largest one open again") {
        for (const std::size_t size : {std::size_t{0}, kBoxSecretMax}) {
            const Bytes secret(size, 9);
            const auto box = seal_box(secret, "x", {}, kCheap, some_entropy(6));
            REQUIRE(box.has_value());
            const auto opened = open_box(*box, "x", {});
            REQUIRE(opened.has_value());
            CHECK(opened->size() == size);
        }
    }
}

}  // namespace millrace
