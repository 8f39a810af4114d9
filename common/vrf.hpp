#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.hpp"
#include "common/secret_bytes.hpp"

/// A verifiable random function: ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381, over libsodium's
/// point and scalar functions. Whoever holds the key can compute one output for an input and prove
/// it; nobody else can predict it, and the holder cannot choose between two.
namespace millrace {

using VrfKey = FixedBytes<32, struct VrfKeyTag>;
/// Gamma (32), c (16), s (32).
using VrfProof = FixedBytes<80, struct VrfProofTag>;
using VrfOutput = FixedBytes<64, struct VrfOutputTag>;

/// A VRF key's seed; erased when destroyed. Not shared with a signing key (docs/decisions/0003).
class VrfSecret {
  public:
    explicit VrfSecret(const SecretBytes<32>& seed);
    [[nodiscard]] const VrfKey& public_key() const { return key_; }
    /// Deterministic. `alpha` is public: the try-and-increment hash to the curve takes a time that
    /// depends on it.
    [[nodiscard]] VrfProof prove(ByteView alpha) const;
    /// The seed, for key files only.
    [[nodiscard]] SecretBytes<32> expose_seed() const { return seed_.clone(); }

  private:
    SecretBytes<32> seed_;
    SecretBytes<32> scalar_;
    SecretBytes<32> nonce_key_;
    VrfKey key_;
};

/// The output that this proof shows for (key, alpha), or none when it shows nothing.
/// Stricter than the RFC where it leaves a choice: the key and Gamma are canonical and lie in the
/// prime-order subgroup, and s < L; so a proof has one encoding and nobody can shift Gamma by a
/// small-order point. About 350 µs of one core.
[[nodiscard]] std::optional<VrfOutput> verify(const VrfKey& key, ByteView alpha,
                                              const VrfProof& proof);
/// The output of a proof that is known to be good (one's own, or one verified before).
/// None when Gamma is not a point of the prime-order subgroup.
[[nodiscard]] std::optional<VrfOutput> proof_to_output(const VrfProof& proof);
/// What a registration asks of a new key: canonical and in the prime-order subgroup.
[[nodiscard]] bool is_valid_key(const VrfKey& key);

}  // namespace millrace
