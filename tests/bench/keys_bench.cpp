// Keys: what a signature, a VRF proof or a passphrase costs.
// Run: build/release/bin/bench_keys. Prints one line an operation: name, time, and what it is for.
#include "common/account_key.hpp"
#include "common/address.hpp"
#include "common/ed25519.hpp"
#include "common/mnemonic.hpp"
#include "common/rng.hpp"
#include "common/secret_box.hpp"
#include "common/sodium_init.hpp"
#include "common/vrf.hpp"
#include "tests/bench/stopwatch.hpp"

namespace millrace {
namespace {

void run() {
    Rng rng(1);
    SecretBytes<32> seed;
    rng.fill(seed.mutable_view());
    Bytes message(32);
    rng.fill(message);

    const auto account = AccountSecret::from(seed.view());
    const AccountKey key = account->public_key();
    const AccountSignature signature = account->sign(message, SigningEntropy{});
    bench::report("keys/account/sign", "one transaction of a wallet",
                  [&] { bench::keep(account->sign(message, SigningEntropy{})); });
    bench::report("keys/account/verify", "one transaction of a block",
                  [&] { bench::keep(verify(key, message, signature)); });
    bench::report("keys/account/address", "key to text",
                  [&] { bench::keep(to_text(to_address(key), Network::main)); });

    const Ed25519Secret voter(seed);
    const Ed25519Signature vote = voter.sign(message);
    bench::report("keys/ed25519/sign", "one vote", [&] { bench::keep(voter.sign(message)); });
    bench::report("keys/ed25519/verify", "one vote of a certificate",
                  [&] { bench::keep(verify(voter.public_key(), message, vote)); });

    const VrfSecret vrf(seed);
    const VrfProof proof = vrf.prove(message);
    bench::report("keys/vrf/prove", "one block's beacon", [&] { bench::keep(vrf.prove(message)); });
    bench::report("keys/vrf/verify", "one block's beacon",
                  [&] { bench::keep(verify(vrf.public_key(), message, proof)); });

    bench::report("keys/mnemonic/seed", "a phrase to its seed",
                  [&] { bench::keep(phrase_to_seed("some phrase", "")); });
    for (const BoxCost& cost : {kBoxCostInteractive, kBoxCostModerate})
        bench::report(fmt::format("keys/box/seal/mib:{}", cost.memory_kib / 1024),
                      "a keystore's passphrase",
                      [&] { bench::keep(seal_box(message, "passphrase", {}, cost, {})); });
}

}  // namespace
}  // namespace millrace

int main() {
    if (!millrace::init_sodium().has_value()) return 1;
    millrace::run();
    return 0;
}
