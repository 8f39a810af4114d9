#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/bytes.hpp"
#include "common/secret_bytes.hpp"

/// Keys and signatures of accounts: secp256k1, x-only public keys, BIP-340 signatures. All curve
/// work is libsecp256k1's.
namespace millrace {

/// X coordinate of an account's public key, big-endian. Any 32 bytes decode; whether they name a
/// point shows when a signature is checked.
using AccountKey = FixedBytes<32, struct AccountKeyTag>;
/// BIP-340: R's x coordinate, then s.
using AccountSignature = FixedBytes<64, struct AccountSignatureTag>;
/// Fresh random bytes for one signature (BIP-340's auxiliary randomness).
using SigningEntropy = std::array<std::uint8_t, 32>;

/// A secret scalar in [1, n-1]. Erased when destroyed; there is no way to print or copy one by
/// accident.
class AccountSecret {
  public:
    /// None for anything but 32 bytes that are a big-endian number in [1, n-1].
    [[nodiscard]] static std::optional<AccountSecret> from(ByteView raw);

    [[nodiscard]] AccountKey public_key() const;
    /// BIP-340 over a message of any length. Equal inputs give equal signatures; `entropy` only
    /// hardens against side channels and faults, so a weak source of it does not leak the key.
    [[nodiscard]] AccountSignature sign(ByteView message, const SigningEntropy& entropy) const;
    /// For the keystore and for key derivation only.
    [[nodiscard]] const SecretBytes<32>& expose() const { return scalar_; }

  private:
    explicit AccountSecret(SecretBytes<32> scalar) : scalar_(std::move(scalar)) {}
    SecretBytes<32> scalar_;
};

/// True when the signature is the key owner's over exactly this message. A key that is no point, an
/// R or s out of range, are false like any other bad signature. About 30 µs of one core.
[[nodiscard]] bool verify(const AccountKey& key, ByteView message,
                          const AccountSignature& signature);
/// Whether these bytes are the x coordinate of a point: an address of any other key is a sink.
[[nodiscard]] bool is_valid_key(const AccountKey& key);

}  // namespace millrace
