#include "common/ed25519.hpp"

#include <sodium/crypto_core_ed25519.h>
#include <sodium/crypto_sign_ed25519.h>

#include "common/assert.hpp"
#include "common/detail/ed25519_encoding.hpp"

namespace millrace {

Ed25519Secret::Ed25519Secret(const SecretBytes<32>& seed) {
    const int rc =
        crypto_sign_ed25519_seed_keypair(key_.bytes.data(), expanded_.data(), seed.data());
    MILLRACE_ASSERT(rc == 0);
}

Ed25519Signature Ed25519Secret::sign(ByteView message) const {
    Ed25519Signature out;
    const int rc = crypto_sign_ed25519_detached(out.bytes.data(), nullptr, message.data(),
                                                message.size(), expanded_.data());
    MILLRACE_ASSERT(rc == 0);
    return out;
}

SecretBytes<32> Ed25519Secret::expose_seed() const {
    SecretBytes<32> seed;
    const int rc = crypto_sign_ed25519_sk_to_seed(seed.data(), expanded_.data());
    MILLRACE_ASSERT(rc == 0);
    return seed;
}

bool verify(const Ed25519Key& key, ByteView message, const Ed25519Signature& signature) {
    // The encodings are checked here as well as in libsodium, so that a library built in its
    // compatibility mode cannot widen what consensus accepts. Small orders are libsodium's check;
    // init_sodium() refuses to start with a library that lacks it.
    const ByteView raw = signature.view();
    if (!detail::is_canonical_y(key.view()) || !detail::is_canonical_y(raw.first(32)) ||
        !detail::is_canonical_scalar(raw.subspan(32)))
        return false;
    return crypto_sign_ed25519_verify_detached(signature.bytes.data(), message.data(),
                                               message.size(), key.bytes.data()) == 0;
}

bool is_valid_key(const Ed25519Key& key) {
    return detail::is_canonical_y(key.view()) &&
           crypto_core_ed25519_is_valid_point(key.bytes.data()) == 1;
}

}  // namespace millrace
