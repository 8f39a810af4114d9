#pragma once

#include <cstdint>

#include "common/bytes.hpp"
#include "common/secret_bytes.hpp"

/// Ed25519 for votes and peers, over libsodium, with one strict rule of acceptance: it is part of
/// consensus, because two validators who disagree about a signature disagree about a quorum.
/// A signature is accepted when, and only when,
/// - S < L (no second encoding of a signature by whoever has seen one),
/// - the encodings of A and R are canonical (y < p),
/// - neither A nor R is of small order (a small-order key signs anything),
/// - and [S]B = R + [k]A holds without the cofactor, R compared as bytes.
/// Source: RFC 8032 section 5.1.7; docs/protocol/addresses.md, "Signatures".
namespace millrace {

using Ed25519Key = FixedBytes<32, struct Ed25519KeyTag>;
using Ed25519Signature = FixedBytes<64, struct Ed25519SignatureTag>;

/// A 32-byte seed with its expanded key; erased when destroyed.
class Ed25519Secret {
  public:
    explicit Ed25519Secret(const SecretBytes<32>& seed);
    [[nodiscard]] const Ed25519Key& public_key() const { return key_; }
    /// Deterministic, as RFC 8032 has it.
    [[nodiscard]] Ed25519Signature sign(ByteView message) const;
    /// The seed, for key files only.
    [[nodiscard]] SecretBytes<32> expose_seed() const;

  private:
    SecretBytes<64> expanded_;
    Ed25519Key key_;
};

/// The strict rule above. About 35 µs of one core.
[[nodiscard]] bool verify(const Ed25519Key& key, ByteView message,
                          const Ed25519Signature& signature);
/// What a registration asks of a new key: canonical, on the curve, in the prime-order subgroup.
/// `verify` alone accepts keys with a torsion part; a registered key has none.
[[nodiscard]] bool is_valid_key(const Ed25519Key& key);

}  // namespace millrace
