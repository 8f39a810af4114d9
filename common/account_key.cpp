#include "common/account_key.hpp"

#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>

#include "common/detail/secp_context.hpp"

namespace millrace {

namespace {

/// The key pair in libsecp256k1's form; erased at the end of its scope.
class KeyPair {
  public:
    KeyPair(const secp256k1_context* context, const SecretBytes<32>& scalar) {
        const int rc = secp256k1_keypair_create(context, &pair_, scalar.data());
        MILLRACE_ASSERT(rc == 1);  // the scalar was checked when the secret was made
    }
    ~KeyPair() { sodium_memzero(&pair_, sizeof pair_); }
    KeyPair(const KeyPair&) = delete;
    KeyPair& operator=(const KeyPair&) = delete;
    [[nodiscard]] const secp256k1_keypair* get() const { return &pair_; }

  private:
    secp256k1_keypair pair_;
};

}  // namespace

std::optional<AccountSecret> AccountSecret::from(ByteView raw) {
    auto scalar = SecretBytes<32>::from(raw);
    if (!scalar || secp256k1_ec_seckey_verify(secp256k1_context_static, scalar->data()) != 1)
        return std::nullopt;
    return AccountSecret(std::move(*scalar));
}

AccountKey AccountSecret::public_key() const {
    const detail::SigningContext context(scalar_.view());
    const KeyPair pair(context.get(), scalar_);
    secp256k1_xonly_pubkey point;
    int rc = secp256k1_keypair_xonly_pub(context.get(), &point, nullptr, pair.get());
    MILLRACE_ASSERT(rc == 1);
    AccountKey out;
    rc = secp256k1_xonly_pubkey_serialize(context.get(), out.bytes.data(), &point);
    MILLRACE_ASSERT(rc == 1);
    return out;
}

AccountSignature AccountSecret::sign(ByteView message, const SigningEntropy& entropy) const {
    const detail::SigningContext context(entropy);
    const KeyPair pair(context.get(), scalar_);
    SigningEntropy aux = entropy;
    const EraseAtExit erase(aux);
    secp256k1_schnorrsig_extraparams extra = SECP256K1_SCHNORRSIG_EXTRAPARAMS_INIT;
    extra.ndata = aux.data();
    AccountSignature out;
    const int rc = secp256k1_schnorrsig_sign_custom(context.get(), out.bytes.data(), message.data(),
                                                    message.size(), pair.get(), &extra);
    MILLRACE_ASSERT(rc == 1);
    return out;
}

bool verify(const AccountKey& key, ByteView message, const AccountSignature& signature) {
    secp256k1_xonly_pubkey point;
    return secp256k1_xonly_pubkey_parse(secp256k1_context_static, &point, key.bytes.data()) == 1 &&
           secp256k1_schnorrsig_verify(secp256k1_context_static, signature.bytes.data(),
                                       message.data(), message.size(), &point) == 1;
}

bool is_valid_key(const AccountKey& key) {
    secp256k1_xonly_pubkey point;
    return secp256k1_xonly_pubkey_parse(secp256k1_context_static, &point, key.bytes.data()) == 1;
}

}  // namespace millrace
