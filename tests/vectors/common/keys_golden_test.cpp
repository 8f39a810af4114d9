// Committed hashes of what seeds give: keys, signatures, addresses, VRF proofs and outputs, boxes.
#include <doctest/doctest.h>

#include "common/account_key.hpp"
#include "common/address.hpp"
#include "common/ed25519.hpp"
#include "common/hash.hpp"
#include "common/rng.hpp"
#include "common/secret_box.hpp"
#include "common/vrf.hpp"
#include "tests/support/golden.hpp"

namespace millrace {
namespace {

SecretBytes<32> draw_seed(Rng& rng) {
    SecretBytes<32> out;
    rng.fill(out.mutable_view());
    return out;
}

}  // namespace

TEST_SUITE("golden/keys") {
    TEST_CASE("keys, signatures, addresses and VRF outputs have the committed hashes") {
        constexpr int kKeys = 50;
        test::Golden golden("keys.txt");
        Rng rng(77);
        Hasher accounts("mill/test-golden");
        Hasher addresses("mill/test-golden");
        Hasher votes("mill/test-golden");
        Hasher draws("mill/test-golden");
        for (int i = 0; i < kKeys; ++i) {
            Bytes message(rng.below(100));
            rng.fill(message);

            const auto account = AccountSecret::from(draw_seed(rng).view());
            REQUIRE(account.has_value());
            SigningEntropy entropy{};
            rng.fill(entropy);
            const AccountKey key = account->public_key();
            accounts.update(key).update(account->sign(message, entropy));
            for (const Network network : {Network::main, Network::test}) {
                const std::string text = to_text(to_address(key), network);
                addresses.update(as_bytes(text));
                if (i == 0)
                    golden.check(std::string("address/") + enum_name(network),
                                 to_hex(key.view()) + " " + text);
            }

            const Ed25519Secret voter(draw_seed(rng));
            votes.update(voter.public_key()).update(voter.sign(message));

            const VrfSecret vrf(draw_seed(rng));
            const VrfProof proof = vrf.prove(message);
            const auto output = verify(vrf.public_key(), message, proof);
            REQUIRE(output.has_value());
            draws.update(vrf.public_key()).update(proof).update(*output);
        }
        golden.check("accounts", to_hex(accounts.finish().view()));
        golden.check("addresses", to_hex(addresses.finish().view()));
        golden.check("ed25519", to_hex(votes.finish().view()));
        golden.check("vrf", to_hex(draws.finish().view()));

        BoxEntropy entropy;
        rng.fill(entropy.salt);
        rng.fill(entropy.nonce);
        const auto box = seal_box(as_bytes("secret"), "passphrase", as_bytes("purpose"),
                                  BoxCost{2, 64}, entropy);
        golden.check("box", to_hex(*box));
        golden.finish();
    }
}

}  // namespace millrace
