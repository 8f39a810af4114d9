#include "common/hash.hpp"

#include "common/assert.hpp"

namespace millrace {

Hasher::Hasher(const HashDomain& domain) noexcept {
    const int rc = crypto_generichash_blake2b_init_salt_personal(&state_, nullptr, 0, Hash::kSize,
                                                                 nullptr, domain.personal.data());
    MILLRACE_ASSERT(rc == 0);
}

Hasher& Hasher::update(ByteView raw) noexcept {
    const int rc = crypto_generichash_blake2b_update(&state_, raw.data(), raw.size());
    MILLRACE_ASSERT(rc == 0);
    return *this;
}

Hasher& Hasher::update_u64(std::uint64_t value) noexcept {
    std::array<std::uint8_t, 8> raw{};
    store_le(raw.data(), value);
    return update(raw);
}

Hash Hasher::finish() noexcept {
    Hash out;
    const int rc = crypto_generichash_blake2b_final(&state_, out.bytes.data(), out.bytes.size());
    MILLRACE_ASSERT(rc == 0);
    return out;
}

Hash hash_bytes(const HashDomain& domain, ByteView raw) noexcept {
    Hash out;
    const int rc = crypto_generichash_blake2b_salt_personal(out.bytes.data(), out.bytes.size(),
                                                            raw.data(), raw.size(), nullptr, 0,
                                                            nullptr, domain.personal.data());
    MILLRACE_ASSERT(rc == 0);
    return out;
}

}  // namespace millrace
