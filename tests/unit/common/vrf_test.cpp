#include "common/vrf.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "common/detail/ed25519_encoding.hpp"
#include "common/rng.hpp"

namespace millrace {
namespace {

VrfSecret secret_of(std::string_view hex) {
    return VrfSecret(*SecretBytes<32>::from(*from_hex(hex)));
}
VrfSecret some_secret(std::uint64_t seed) {
    Rng rng(seed);
    SecretBytes<32> raw;
    rng.fill(raw.mutable_view());
    return VrfSecret(raw);
}

}  // namespace

TEST_SUITE("common/vrf") {
    TEST_CASE("the first example of RFC 9381 B.3 is reproduced") {
        const VrfSecret secret =
            secret_of("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        const VrfProof proof = secret.prove({});
        CHECK(to_hex(secret.public_key().view()) ==
              "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        CHECK(to_hex(proof.view()) ==
              "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f"
              "26f8a57ccaed74ee1b190bed1f479d97"
              "27d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805");
        const auto output = verify(secret.public_key(), {}, proof);
        REQUIRE(output.has_value());
        CHECK(to_hex(output->view()) ==
              "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff"
              "66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae");
    }

    TEST_CASE("every flipped bit of proof, key or input is refused") {
        const VrfSecret secret = some_secret(1);
        const Bytes alpha = {1, 2, 3};
        const VrfProof proof = secret.prove(alpha);
        REQUIRE(verify(secret.public_key(), alpha, proof).has_value());
        for (std::size_t bit = 0; bit < 8 * 80; ++bit) {
            CAPTURE(bit);
            VrfProof bad = proof;
            bad.bytes[bit / 8] = static_cast<std::uint8_t>(bad.bytes[bit / 8] ^ (1U << (bit % 8)));
            CHECK_FALSE(verify(secret.public_key(), alpha, bad).has_value());
        }
        for (std::size_t bit = 0; bit < 8 * 32; ++bit) {
            CAPTURE(bit);
            VrfKey bad = secret.public_key();
            bad.bytes[bit / 8] = static_cast<std::uint8_t>(bad.bytes[bit / 8] ^ (1U << (bit % 8)));
            CHECK_FALSE(verify(bad, alpha, proof).has_value());
        }
        CHECK_FALSE(verify(secret.public_key(), Bytes{1, 2}, proof).has_value());
        CHECK_FALSE(verify(some_secret(2).public_key(), alpha, proof).has_value());
    }

    TEST_CASE("s + L is refused: a proof has one encoding") {
        const VrfSecret secret = some_secret(3);
        VrfProof shifted = secret.prove({});
        unsigned carry = 0;
        for (std::size_t i = 0; i < 32; ++i) {
            carry += shifted.bytes[48 + i] + unsigned{detail::kGroupOrder[i]};
            shifted.bytes[48 + i] = static_cast<std::uint8_t>(carry);
            carry >>= 8U;
        }
        CHECK_FALSE(verify(secret.public_key(), {}, shifted).has_value());
    }

    TEST_CASE("Gamma outside the prime-order subgroup has no output") {
        VrfProof proof;
        for (const char* gamma :
             {"0100000000000000000000000000000000000000000000000000000000000000",
              "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
              "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
              "9599999999999999999999999999999999999999999999999999999999999999"}) {
            CAPTURE(gamma);
            const Bytes raw = *from_hex(gamma);
            std::copy(raw.begin(), raw.end(), proof.bytes.begin());
            CHECK_FALSE(proof_to_output(proof).has_value());
        }
    }

    TEST_CASE("many keys and inputs prove and verify, with different outputs") {
        std::vector<VrfOutput> outputs;
        for (std::uint64_t seed = 10; seed < 20; ++seed) {
            CAPTURE(seed);
            const VrfSecret secret = some_secret(seed);
            for (std::uint8_t size = 0; size < 4; ++size) {
                const Bytes alpha(size, size);
                const VrfProof proof = secret.prove(alpha);
                CHECK(proof == secret.prove(alpha));
                const auto output = verify(secret.public_key(), alpha, proof);
                REQUIRE(output.has_value());
                CHECK(output == proof_to_output(proof));
                outputs.push_back(*output);
            }
        }
        std::sort(outputs.begin(), outputs.end());
        CHECK(std::adjacent_find(outputs.begin(), outputs.end()) == outputs.end());
    }
}

}  // namespace millrace
