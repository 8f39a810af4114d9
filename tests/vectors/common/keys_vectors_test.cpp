// Every published vector of the signatures and the VRF.
#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <sstream>

#include "common/account_key.hpp"
#include "common/ed25519.hpp"
#include "common/vrf.hpp"
#include "tests/support/vectors.hpp"

namespace millrace {
namespace {

std::vector<std::string> cells(const std::string& line) {
    std::vector<std::string> out(1);
    for (const char c : line) {
        if (c == ',')
            out.emplace_back();
        else if (c != '\r')
            out.back().push_back(c);
    }
    return out;
}
std::string text(const boost::json::value& v) {
    return std::string(v.as_string());
}

}  // namespace

TEST_SUITE("vectors/keys") {
    TEST_CASE("BIP-340: all 19 rows of the CSV") {
        const auto file = test::read_vectors("bip/bip340-test-vectors.csv");
        if (!file) return;
        std::istringstream lines(*file);
        std::string line;
        std::getline(lines, line);  // the names of the columns
        int rows = 0;
        int accepted = 0;
        while (std::getline(lines, line)) {
            const auto row = cells(line);
            REQUIRE(row.size() >= 7);
            CAPTURE(row[0]);
            const auto key = AccountKey::from(*from_hex(row[2]));
            const auto signature = AccountSignature::from(*from_hex(row[5]));
            const Bytes message = *from_hex(row[4]);
            REQUIRE(key.has_value());
            REQUIRE(signature.has_value());
            const bool expected = row[6] == "TRUE";
            CHECK(verify(*key, message, *signature) == expected);
            if (!row[1].empty()) {
                const auto secret = AccountSecret::from(*from_hex(row[1]));
                REQUIRE(secret.has_value());
                CHECK(secret->public_key() == *key);
                SigningEntropy entropy{};
                const Bytes aux = *from_hex(row[3]);
                REQUIRE(aux.size() == entropy.size());
                std::copy(aux.begin(), aux.end(), entropy.begin());
                CHECK(secret->sign(message, entropy) == *signature);
            }
            ++rows;
            accepted += expected ? 1 : 0;
        }
        CHECK(rows == 19);
        CHECK(accepted == 9);
    }

    TEST_CASE("Wycheproof: all 151 Ed25519 signatures are judged as published") {
        const auto file = test::read_vectors("wycheproof/ed25519_test.json");
        if (!file) return;
        const auto json = boost::json::parse(*file);
        int count = 0;
        for (const auto& group : json.at("testGroups").as_array()) {
            const auto key = Ed25519Key::from(*from_hex(text(group.at("publicKey").at("pk"))));
            REQUIRE(key.has_value());
            for (const auto& row : group.at("tests").as_array()) {
                const auto id = row.at("tcId").as_int64();
                CAPTURE(id);
                const auto raw = from_hex(text(row.at("sig")));
                REQUIRE(raw.has_value());
                // A signature of another size is no Ed25519Signature in the first place.
                const auto signature = Ed25519Signature::from(*raw);
                const Bytes message = *from_hex(text(row.at("msg")));
                const bool accepted = signature && verify(*key, message, *signature);
                CHECK(accepted == (text(row.at("result")) == "valid"));
                ++count;
            }
        }
        CHECK(count == 151);
    }

    TEST_CASE("RFC 9381 B.3: key, proof and output of the three examples") {
        const auto file = test::read_vectors("vrf/rfc9381-b3.json");
        if (!file) return;
        const auto json = boost::json::parse(*file);
        int count = 0;
        for (const auto& row : json.at("vectors").as_array()) {
            CAPTURE(count);
            const auto seed = SecretBytes<32>::from(*from_hex(text(row.at("sk"))));
            REQUIRE(seed.has_value());
            const VrfSecret secret(*seed);
            const Bytes alpha = *from_hex(text(row.at("alpha")));
            CHECK(to_hex(secret.public_key().view()) == text(row.at("pk")));
            const VrfProof proof = secret.prove(alpha);
            CHECK(to_hex(proof.view()) == text(row.at("pi")));
            const auto output = verify(secret.public_key(), alpha, proof);
            REQUIRE(output.has_value());
            CHECK(to_hex(output->view()) == text(row.at("beta")));
            for (std::size_t i = 0; i < proof.bytes.size(); ++i) {
                CAPTURE(i);
                VrfProof bad = proof;
                bad.bytes[i] ^= 0xffU;
                CHECK_FALSE(verify(secret.public_key(), alpha, bad).has_value());
            }
            ++count;
        }
        CHECK(count == 3);
    }
}

}  // namespace millrace
