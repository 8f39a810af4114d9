#include "common/secret_box.hpp"

#include <sodium/crypto_aead_xchacha20poly1305.h>
#include <sodium/crypto_pwhash_argon2id.h>

#include <algorithm>

#include "common/unicode.hpp"

namespace millrace {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kTagSize = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(crypto_pwhash_argon2id_SALTBYTES == 16);
static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == 24);

enum class Kdf : std::uint8_t { argon2id_v13 = 1 };
BOOST_DESCRIBE_ENUM(Kdf, argon2id_v13)

struct Header {
    std::array<std::uint8_t, 8> magic{};
    std::uint8_t version = kVersion;
    Kdf kdf = Kdf::argon2id_v13;
    BoxCost cost;
    std::array<std::uint8_t, 16> salt{};
    std::array<std::uint8_t, 24> nonce{};
};
BOOST_DESCRIBE_STRUCT(Header, (), (magic, version, kdf, cost, salt, nonce))
constexpr std::array<std::uint8_t, 8> kMagic = {'m', 'i', 'l', 'l', 'b', 'o', 'x', '\n'};
constexpr std::size_t kVersionAt = kMagic.size();

struct Box {
    Header header;
    BoundedBytes<kBoxSecretMax + kTagSize> sealed;
};
BOOST_DESCRIBE_STRUCT(Box, (), (header, sealed))

bool is_acceptable(const BoxCost& cost) {
    return cost.passes >= kBoxCostMin.passes && cost.passes <= kBoxCostMax.passes &&
           cost.memory_kib >= kBoxCostMin.memory_kib && cost.memory_kib <= kBoxCostMax.memory_kib;
}

using Key = SecretBytes<crypto_aead_xchacha20poly1305_ietf_KEYBYTES>;

Result<Key, SecretBoxError> make_key(std::string_view passphrase, const Header& header) {
    if (!is_acceptable(header.cost)) return Err{SecretBoxError::cost_refused};
    const auto normal = to_nfkd(passphrase);
    if (!normal) return Err{SecretBoxError::bad_passphrase};
    // An empty view has a null pointer, which the library's header rules out.
    const char* const text = normal->size() == 0 ? "" : normal->text().data();
    Key key;
    if (crypto_pwhash_argon2id(key.data(), Key::kSize, text, normal->size(), header.salt.data(),
                               header.cost.passes, std::size_t{header.cost.memory_kib} * 1024,
                               crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
        return Err{SecretBoxError::out_of_memory};
    return key;
}

/// The header as stored, then what the caller binds: a changed cost or salt is noticed too.
Bytes authenticated(const Header& header, ByteView associated) {
    Bytes out = encode(header);
    out.insert(out.end(), associated.begin(), associated.end());
    return out;
}

}  // namespace

Result<Bytes, SecretBoxError> seal_box(ByteView secret, std::string_view passphrase,
                                       ByteView associated, const BoxCost& cost,
                                       const BoxEntropy& entropy) {
    if (secret.size() > kBoxSecretMax) return Err{SecretBoxError::too_large};
    Box box;
    box.header = {kMagic, kVersion, Kdf::argon2id_v13, cost, entropy.salt, entropy.nonce};
    MILLRACE_TRY(const Key key, make_key(passphrase, box.header));
    const Bytes bound = authenticated(box.header, associated);
    box.sealed.resize(secret.size() + kTagSize);
    const int rc = crypto_aead_xchacha20poly1305_ietf_encrypt(
        box.sealed.data(), nullptr, secret.data(), secret.size(), bound.data(), bound.size(),
        nullptr, box.header.nonce.data(), key.data());
    MILLRACE_ASSERT(rc == 0);
    return encode(box);
}

Result<SecretBuffer, SecretBoxError> open_box(ByteView raw, std::string_view passphrase,
                                              ByteView associated) {
    // A later version may have another layout, so its number is looked at before the rest.
    if (raw.size() <= kVersionAt || !std::equal(kMagic.begin(), kMagic.end(), raw.begin()))
        return Err{SecretBoxError::malformed};
    if (raw[kVersionAt] != kVersion) return Err{SecretBoxError::unknown_version};
    const auto box = decode<Box>(raw);
    if (!box.has_value() || box->sealed.size() < kTagSize) return Err{SecretBoxError::malformed};
    MILLRACE_TRY(const Key key, make_key(passphrase, box->header));
    const Bytes bound = authenticated(box->header, associated);
    SecretBuffer out(box->sealed.size() - kTagSize);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            out.mutable_view().data(), nullptr, nullptr, box->sealed.data(), box->sealed.size(),
            bound.data(), bound.size(), box->header.nonce.data(), key.data()) != 0)
        return Err{SecretBoxError::wrong_passphrase};
    return out;
}

}  // namespace millrace
