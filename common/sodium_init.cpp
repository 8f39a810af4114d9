#include "common/sodium_init.hpp"

#include <secp256k1.h>
#include <sodium/core.h>
#include <sodium/crypto_sign_ed25519.h>

#include <array>
#include <cstdint>

namespace millrace {

namespace {

/// With the identity as key and as R, and S = 0, the equation holds for every message: a verifier
/// that does not look for small orders says yes.
bool accepts_small_order() {
    std::array<std::uint8_t, 32> identity{};
    identity[0] = 1;
    std::array<std::uint8_t, 64> signature{};
    signature[0] = 1;
    return crypto_sign_ed25519_verify_detached(signature.data(), nullptr, 0, identity.data()) == 0;
}

}  // namespace

Status<> init_sodium() {
    if (sodium_init() < 0)
        return Err{Error{1, "libsodium could not start: no source of random bytes"}};
    if (accepts_small_order())
        return Err{Error{2,
                         "this libsodium accepts Ed25519 keys of small order; install the "
                         "distribution's build (no ED25519_COMPAT)"}};
    secp256k1_selftest();  // prints and aborts by itself: a wrong build or a broken CPU
    return Ok{};
}

}  // namespace millrace
