#include "common/bip32.hpp"

#include <nettle/ripemd160.h>
#include <secp256k1.h>
#include <sodium/crypto_auth_hmacsha512.h>
#include <sodium/crypto_hash_sha256.h>

#include <algorithm>

#include "common/detail/base58.hpp"
#include "common/detail/secp_context.hpp"

namespace millrace {

namespace {

/// Version (4), depth (1), fingerprint (4), index (4), chain code (32), key (33).
constexpr std::size_t kSerialSize = 78;
constexpr std::size_t kDepthAt = 4;
constexpr std::size_t kFingerprintAt = 5;
constexpr std::size_t kIndexAt = 9;
constexpr std::size_t kChainCodeAt = 13;
constexpr std::size_t kKeyAt = 45;
constexpr std::array<std::uint8_t, 4> kVersionPublic = {0x04, 0x88, 0xb2, 0x1e};
constexpr std::array<std::uint8_t, 4> kVersionSecret = {0x04, 0x88, 0xad, 0xe4};
constexpr std::uint8_t kDepthMax = 255;

void store_be(std::uint8_t* to, std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) to[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}
std::uint32_t load_be(const std::uint8_t* from) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) value = (value << 8U) | from[i];
    return value;
}

/// HMAC-SHA512 of `data` and the index: left half the tweak, right half the child's chain code.
SecretBytes<64> child_digest(ByteView chain_code, ByteView data, std::uint32_t index) {
    crypto_auth_hmacsha512_state state;
    crypto_auth_hmacsha512_init(&state, chain_code.data(), chain_code.size());
    crypto_auth_hmacsha512_update(&state, data.data(), data.size());
    std::array<std::uint8_t, 4> suffix{};
    store_be(suffix.data(), index);
    crypto_auth_hmacsha512_update(&state, suffix.data(), suffix.size());
    SecretBytes<64> out;
    crypto_auth_hmacsha512_final(&state, out.data());
    sodium_memzero(&state, sizeof state);
    return out;
}

std::array<std::uint8_t, 33> compressed(const secp256k1_pubkey& point) {
    std::array<std::uint8_t, 33> out{};
    std::size_t size = out.size();
    const int rc = secp256k1_ec_pubkey_serialize(secp256k1_context_static, out.data(), &size,
                                                 &point, SECP256K1_EC_COMPRESSED);
    MILLRACE_ASSERT(rc == 1 && size == out.size());
    return out;
}

void write_serial(MutableByteView out, const std::array<std::uint8_t, 4>& version,
                  const KeyPosition& position, ByteView chain_code) {
    std::copy(version.begin(), version.end(), out.begin());
    out[kDepthAt] = position.depth;
    std::copy(position.parent_fingerprint.begin(), position.parent_fingerprint.end(),
              out.begin() + kFingerprintAt);
    store_be(out.data() + kIndexAt, position.index);
    std::copy(chain_code.begin(), chain_code.end(), out.begin() + kChainCodeAt);
}

struct Serial {
    KeyPosition position;
    Bytes raw;
};

/// Size, version and position of a text; the key itself is the caller's to check.
Result<Serial, Bip32Error> read_serial(std::string_view text,
                                       const std::array<std::uint8_t, 4>& version) {
    auto raw = detail::decode_base58check(text);
    if (!raw || raw->size() != kSerialSize) return Err{Bip32Error::bad_text};
    if (!std::equal(version.begin(), version.end(), raw->begin()))
        return Err{Bip32Error::unknown_version};
    Serial out;
    out.position.depth = (*raw)[kDepthAt];
    std::copy_n(raw->begin() + kFingerprintAt, 4, out.position.parent_fingerprint.begin());
    out.position.index = load_be(raw->data() + kIndexAt);
    if (out.position.depth == 0 && out.position != KeyPosition{}) return Err{Bip32Error::bad_root};
    out.raw = *std::move(raw);
    return out;
}

}  // namespace

std::array<std::uint8_t, 4> ExtendedKey::fingerprint() const {
    std::array<std::uint8_t, crypto_hash_sha256_BYTES> inner{};
    crypto_hash_sha256(inner.data(), point.data(), point.size());
    ripemd160_ctx state;
    nettle_ripemd160_init(&state);
    nettle_ripemd160_update(&state, inner.size(), inner.data());
    std::array<std::uint8_t, 4> out{};
    nettle_ripemd160_digest(&state, out.size(), out.data());
    return out;
}

Result<ExtendedKey, Bip32Error> ExtendedKey::child(std::uint32_t index) const {
    if (index >= kHardened) return Err{Bip32Error::hardened_needs_secret};
    if (position.depth == kDepthMax) return Err{Bip32Error::too_deep};
    const SecretBytes<64> digest = child_digest(chain_code, point, index);
    secp256k1_pubkey parsed;
    if (secp256k1_ec_pubkey_parse(secp256k1_context_static, &parsed, point.data(), point.size()) !=
        1)
        return Err{Bip32Error::bad_key};
    if (secp256k1_ec_pubkey_tweak_add(secp256k1_context_static, &parsed, digest.data()) != 1)
        return Err{Bip32Error::no_such_child};
    ExtendedKey out;
    out.position = {static_cast<std::uint8_t>(position.depth + 1), fingerprint(), index};
    std::copy_n(digest.data() + 32, 32, out.chain_code.begin());
    out.point = compressed(parsed);
    return out;
}

std::string ExtendedKey::to_text() const {
    std::array<std::uint8_t, kSerialSize> raw{};
    write_serial(raw, kVersionPublic, position, chain_code);
    std::copy(point.begin(), point.end(), raw.begin() + kKeyAt);
    return detail::encode_base58check(raw);
}

Result<ExtendedKey, Bip32Error> ExtendedKey::parse(std::string_view text) {
    MILLRACE_TRY(const Serial serial, read_serial(text, kVersionPublic));
    ExtendedKey out;
    out.position = serial.position;
    std::copy_n(serial.raw.begin() + kChainCodeAt, 32, out.chain_code.begin());
    std::copy_n(serial.raw.begin() + kKeyAt, 33, out.point.begin());
    secp256k1_pubkey parsed;
    if (secp256k1_ec_pubkey_parse(secp256k1_context_static, &parsed, out.point.data(),
                                  out.point.size()) != 1)
        return Err{Bip32Error::bad_key};
    return out;
}

Result<ExtendedSecret, Bip32Error> ExtendedSecret::from_seed(ByteView seed) {
    if (seed.size() < 16 || seed.size() > 64) return Err{Bip32Error::bad_seed_size};
    const ByteView key = as_bytes("Bitcoin seed");  // the constant of BIP-32
    crypto_auth_hmacsha512_state state;
    crypto_auth_hmacsha512_init(&state, key.data(), key.size());
    crypto_auth_hmacsha512_update(&state, seed.data(), seed.size());
    SecretBytes<64> digest;
    crypto_auth_hmacsha512_final(&state, digest.data());
    sodium_memzero(&state, sizeof state);
    if (secp256k1_ec_seckey_verify(secp256k1_context_static, digest.data()) != 1)
        return Err{Bip32Error::no_such_child};
    ExtendedSecret out;
    std::copy_n(digest.data(), 32, out.scalar_.data());
    std::copy_n(digest.data() + 32, 32, out.chain_code_.data());
    return out;
}

ExtendedKey ExtendedSecret::public_key() const {
    const detail::SigningContext context(scalar_.view());
    secp256k1_pubkey point;
    const int rc = secp256k1_ec_pubkey_create(context.get(), &point, scalar_.data());
    MILLRACE_ASSERT(rc == 1);
    ExtendedKey out;
    out.position = position_;
    std::copy_n(chain_code_.data(), 32, out.chain_code.begin());
    out.point = compressed(point);
    return out;
}

Result<ExtendedSecret, Bip32Error> ExtendedSecret::child(std::uint32_t index) const {
    if (position_.depth == kDepthMax) return Err{Bip32Error::too_deep};
    const ExtendedKey own = public_key();
    SecretBytes<33> data;  // 00 and the scalar, or the compressed point
    if (index >= kHardened)
        std::copy_n(scalar_.data(), 32, data.data() + 1);
    else
        std::copy(own.point.begin(), own.point.end(), data.data());
    const SecretBytes<64> digest = child_digest(chain_code_.view(), data.view(), index);
    ExtendedSecret out;
    out.scalar_ = scalar_.clone();
    if (secp256k1_ec_seckey_tweak_add(secp256k1_context_static, out.scalar_.data(),
                                      digest.data()) != 1)
        return Err{Bip32Error::no_such_child};
    std::copy_n(digest.data() + 32, 32, out.chain_code_.data());
    out.position_ = {static_cast<std::uint8_t>(position_.depth + 1), own.fingerprint(), index};
    return out;
}

Result<ExtendedSecret, Bip32Error> ExtendedSecret::derive(
    std::span<const std::uint32_t> path) const {
    ExtendedSecret at;
    at.position_ = position_;
    at.chain_code_ = chain_code_.clone();
    at.scalar_ = scalar_.clone();
    for (const std::uint32_t index : path) {
        MILLRACE_TRY(at, at.child(index));
    }
    return at;
}

SecretBuffer ExtendedSecret::expose_text() const {
    SecretBytes<kSerialSize> raw;
    write_serial(raw.mutable_view(), kVersionSecret, position_, chain_code_.view());
    std::copy_n(scalar_.data(), 32, raw.data() + kKeyAt + 1);
    std::string text = detail::encode_base58check(raw.view());
    SecretBuffer out(as_bytes(text));
    sodium_memzero(text.data(), text.size());
    return out;
}

Result<ExtendedSecret, Bip32Error> ExtendedSecret::parse(std::string_view text) {
    MILLRACE_TRY(Serial serial, read_serial(text, kVersionSecret));
    const EraseAtExit erase(serial.raw);
    const ByteView key = ByteView(serial.raw).subspan(kKeyAt);
    if (key[0] != 0 || secp256k1_ec_seckey_verify(secp256k1_context_static, key.data() + 1) != 1)
        return Err{Bip32Error::bad_key};
    ExtendedSecret out;
    out.position_ = serial.position;
    std::copy_n(serial.raw.begin() + kChainCodeAt, 32, out.chain_code_.data());
    std::copy_n(key.begin() + 1, 32, out.scalar_.data());
    return out;
}

std::array<std::uint32_t, 5> account_path(Network network, std::uint32_t account) {
    MILLRACE_ASSERT(account < kHardened);
    const std::uint32_t coin = network == Network::main ? kCoinTypeMain : kCoinTypeTest;
    return {44 | kHardened, coin | kHardened, account | kHardened, 0, 0};
}

Result<AccountSecret, Bip32Error> derive_account(const SecretBytes<64>& seed, Network network,
                                                 std::uint32_t account) {
    MILLRACE_TRY(const ExtendedSecret root, ExtendedSecret::from_seed(seed.view()));
    MILLRACE_TRY(const ExtendedSecret leaf, root.derive(account_path(network, account)));
    auto secret = AccountSecret::from(leaf.expose().view());
    MILLRACE_ASSERT(secret.has_value());
    return *std::move(secret);
}

}  // namespace millrace
