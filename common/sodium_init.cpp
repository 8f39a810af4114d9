#include "common/sodium_init.hpp"

#include <secp256k1.h>
#include <sodium/core.h>
#include <sodium/crypto_core_ed25519.h>
#include <sodium/crypto_sign_ed25519.h>

#include <array>
#include <cstdint>

#include "common/bytes.hpp"

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

/// The base point plus the point of order two. A libsodium before 1.0.21 without its
/// distribution's patch (CVE-2025-69277) takes it for a point of the prime-order group; a VRF key
/// or proof made with it would be valid on some nodes and not on others.
bool accepts_mixed_order() {
    std::array<std::uint8_t, crypto_core_ed25519_BYTES> mixed{};
    mixed.fill(0x99);
    mixed[0] = 0x95;
    return crypto_core_ed25519_is_valid_point(mixed.data()) == 1;
}

/// A signature of the empty message by a good key whose R has the point of order two added. Only a
/// verifier that multiplies both sides of the equation by the cofactor says yes (docs/protocol/
/// addresses.md wants it without).
bool verifies_with_cofactor() {
    const auto key = from_hex("775699edc6e2efac569b3e7f30954bc467275503e45317c566bdbd5e19639e4f");
    const auto signature = from_hex(
        "dbed6c1f4e15d9138fff1c4e82cbdcaccec7ac19a28c5fa614f58aee0a30fcad"
        "1fccfd40b4abc753a74a99b56faab3867ccbad48bc2b73b38eb2bf5e4c9b8d08");
    return crypto_sign_ed25519_verify_detached(signature->data(), nullptr, 0, key->data()) == 0;
}

}  // namespace

Status<> init_sodium() {
    if (sodium_init() < 0)
        return Err{Error{1, "libsodium could not start: no source of random bytes"}};
    if (accepts_small_order())
        return Err{Error{2,
                         "this libsodium accepts Ed25519 keys of small order; install the "
                         "distribution's build (no ED25519_COMPAT)"}};
    if (accepts_mixed_order())
        return Err{Error{3,
                         "this libsodium takes Ed25519 points outside the prime-order group for "
                         "valid (CVE-2025-69277); install the distribution's update, or 1.0.21 or "
                         "later"}};
    if (verifies_with_cofactor())
        return Err{Error{4,
                         "this libsodium verifies Ed25519 signatures with the cofactor, the chain "
                         "without; install the distribution's build"}};
    secp256k1_selftest();  // prints and aborts by itself: a wrong build or a broken CPU
    return Ok{};
}

}  // namespace millrace
