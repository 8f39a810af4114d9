#include "common/vrf.hpp"

#include <sodium/crypto_core_ed25519.h>
#include <sodium/crypto_hash_sha512.h>
#include <sodium/crypto_scalarmult_ed25519.h>
#include <sodium/crypto_sign_ed25519.h>

#include "common/assert.hpp"
#include "common/detail/ed25519_encoding.hpp"

namespace millrace {

namespace {

using Point = std::array<std::uint8_t, 32>;
using Scalar = std::array<std::uint8_t, 32>;
using Digest = std::array<std::uint8_t, crypto_hash_sha512_BYTES>;

constexpr std::uint8_t kSuite = 0x03;  // ECVRF-EDWARDS25519-SHA512-TAI
constexpr std::uint8_t kEncodeFront = 0x01;
constexpr std::uint8_t kChallengeFront = 0x02;
constexpr std::uint8_t kOutputFront = 0x03;
constexpr std::uint8_t kBack = 0x00;
constexpr std::size_t kChallengeSize = 16;
/// The counter of the hash to the curve is one byte; each try fails half of the time.
constexpr unsigned kTriesMax = 256;

class Sha512 {
  public:
    Sha512() { crypto_hash_sha512_init(&state_); }
    ~Sha512() { sodium_memzero(&state_, sizeof state_); }
    Sha512(const Sha512&) = delete;
    Sha512& operator=(const Sha512&) = delete;
    Sha512& add(ByteView raw) {
        crypto_hash_sha512_update(&state_, raw.data(), raw.size());
        return *this;
    }
    Sha512& add(std::uint8_t byte) { return add(ByteView(&byte, 1)); }
    [[nodiscard]] Digest finish() {
        Digest out;
        crypto_hash_sha512_final(&state_, out.data());
        return out;
    }

  private:
    crypto_hash_sha512_state state_;
};

std::optional<Point> doubled(const Point& p) {
    Point out;
    if (crypto_core_ed25519_add(out.data(), p.data(), p.data()) != 0) return std::nullopt;
    return out;
}

/// 8 × p, or none when p is no point.
std::optional<Point> times_cofactor(const Point& p) {
    auto out = doubled(p);
    if (out) out = doubled(*out);
    if (out) out = doubled(*out);
    return out;
}

bool is_identity(const Point& p) {
    Point identity{};
    identity[0] = 1;
    return p == identity;
}

bool is_good_point(ByteView raw) {
    return detail::is_canonical_y(raw) && crypto_core_ed25519_is_valid_point(raw.data()) == 1;
}

/// RFC 9381 section 5.4.1.1. None only when 256 tries fail: chance 2^-256.
std::optional<Point> hash_to_curve(const VrfKey& key, ByteView alpha) {
    for (unsigned counter = 0; counter < kTriesMax; ++counter) {
        const Digest digest = Sha512()
                                  .add(kSuite)
                                  .add(kEncodeFront)
                                  .add(key.view())
                                  .add(alpha)
                                  .add(static_cast<std::uint8_t>(counter))
                                  .add(kBack)
                                  .finish();
        Point candidate;
        std::memcpy(candidate.data(), digest.data(), candidate.size());
        if (!detail::is_canonical_y(candidate)) continue;
        const auto point = times_cofactor(candidate);
        if (point && !is_identity(*point)) return point;
    }
    return std::nullopt;
}

/// The 16-byte challenge, as a scalar.
Scalar challenge(const VrfKey& key, const Point& h, ByteView gamma, const Point& u,
                 const Point& v) {
    const Digest digest = Sha512()
                              .add(kSuite)
                              .add(kChallengeFront)
                              .add(key.view())
                              .add(h)
                              .add(gamma)
                              .add(u)
                              .add(v)
                              .add(kBack)
                              .finish();
    Scalar out{};
    std::memcpy(out.data(), digest.data(), kChallengeSize);
    return out;
}

Scalar reduced(const Digest& digest) {
    Scalar out;
    crypto_core_ed25519_scalar_reduce(out.data(), digest.data());
    return out;
}

/// a·p - b·q; none when a product is the identity or a point is bad.
std::optional<Point> difference(const Scalar& a, const Point* p, const Scalar& b, ByteView q) {
    Point left;
    Point right;
    Point out;
    const int rc = p == nullptr
                       ? crypto_scalarmult_ed25519_base_noclamp(left.data(), a.data())
                       : crypto_scalarmult_ed25519_noclamp(left.data(), a.data(), p->data());
    if (rc != 0 || crypto_scalarmult_ed25519_noclamp(right.data(), b.data(), q.data()) != 0 ||
        crypto_core_ed25519_sub(out.data(), left.data(), right.data()) != 0)
        return std::nullopt;
    return out;
}

}  // namespace

VrfSecret::VrfSecret(const SecretBytes<32>& seed) : seed_(seed.clone()) {
    SecretBytes<64> expanded;
    int rc = crypto_sign_ed25519_seed_keypair(key_.bytes.data(), expanded.data(), seed.data());
    MILLRACE_ASSERT(rc == 0);
    SecretBytes<64> halves;
    rc = crypto_hash_sha512(halves.data(), seed.data(), SecretBytes<32>::kSize);
    MILLRACE_ASSERT(rc == 0);
    std::memcpy(scalar_.data(), halves.data(), 32);
    scalar_.data()[0] &= 248;
    scalar_.data()[31] &= 127;
    scalar_.data()[31] |= 64;
    std::memcpy(nonce_key_.data(), halves.data() + 32, 32);
}

VrfProof VrfSecret::prove(ByteView alpha) const {
    const auto h = hash_to_curve(key_, alpha);
    MILLRACE_ASSERT(h.has_value());
    Point gamma;
    int rc = crypto_scalarmult_ed25519_noclamp(gamma.data(), scalar_.data(), h->data());
    MILLRACE_ASSERT(rc == 0);

    Digest nonce_digest = Sha512().add(nonce_key_.view()).add(*h).finish();
    const EraseAtExit erase_digest(nonce_digest);
    Scalar nonce = reduced(nonce_digest);
    const EraseAtExit erase_nonce(nonce);
    Point u;
    Point v;
    rc = crypto_scalarmult_ed25519_base_noclamp(u.data(), nonce.data());
    MILLRACE_ASSERT(rc == 0);
    rc = crypto_scalarmult_ed25519_noclamp(v.data(), nonce.data(), h->data());
    MILLRACE_ASSERT(rc == 0);

    const Scalar c = challenge(key_, *h, gamma, u, v);
    Scalar product;
    const EraseAtExit erase_product(product);
    crypto_core_ed25519_scalar_mul(product.data(), c.data(), scalar_.data());
    Scalar s;
    crypto_core_ed25519_scalar_add(s.data(), product.data(), nonce.data());

    VrfProof out;
    std::memcpy(out.bytes.data(), gamma.data(), 32);
    std::memcpy(out.bytes.data() + 32, c.data(), kChallengeSize);
    std::memcpy(out.bytes.data() + 32 + kChallengeSize, s.data(), 32);
    return out;
}

std::optional<VrfOutput> verify(const VrfKey& key, ByteView alpha, const VrfProof& proof) {
    const ByteView gamma = proof.view().first(32);
    const ByteView c_raw = proof.view().subspan(32, kChallengeSize);
    const ByteView s_raw = proof.view().subspan(32 + kChallengeSize);
    if (!is_valid_key(key) || !is_good_point(gamma) || !detail::is_canonical_scalar(s_raw))
        return std::nullopt;
    Scalar c{};
    std::memcpy(c.data(), c_raw.data(), kChallengeSize);
    Scalar s;
    std::memcpy(s.data(), s_raw.data(), s.size());
    const auto h = hash_to_curve(key, alpha);
    if (!h) return std::nullopt;
    const auto u = difference(s, nullptr, c, key.view());
    const auto v = difference(s, &*h, c, gamma);
    if (!u || !v || challenge(key, *h, gamma, *u, *v) != c) return std::nullopt;
    return proof_to_output(proof);
}

std::optional<VrfOutput> proof_to_output(const VrfProof& proof) {
    if (!is_good_point(proof.view().first(32))) return std::nullopt;
    Point gamma;
    std::memcpy(gamma.data(), proof.bytes.data(), gamma.size());
    const auto cleared = times_cofactor(gamma);
    if (!cleared) return std::nullopt;
    VrfOutput out;
    out.bytes = Sha512().add(kSuite).add(kOutputFront).add(*cleared).add(kBack).finish();
    return out;
}

bool is_valid_key(const VrfKey& key) {
    return is_good_point(key.view());
}

}  // namespace millrace
