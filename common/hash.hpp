#pragma once

#include <sodium/crypto_generichash_blake2b.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/bytes.hpp"

namespace millrace {

/// 32 bytes out of BLAKE2b-256; `Hash` where no more special type says what was hashed.
struct HashTagType;
using Hash = FixedBytes<32, HashTagType>;

/// The domain of a hash: BLAKE2b's 16-byte personalisation, zero padded. No two uses share one, so
/// bytes hashed for one purpose never pass for another. docs/protocol/codec.md lists all of them.
struct HashDomain {
    std::array<std::uint8_t, crypto_generichash_blake2b_PERSONALBYTES> personal{};

    // NOLINTNEXTLINE(google-explicit-constructor): written as a literal at each use.
    consteval HashDomain(const char* text) {
        std::size_t i = 0;
        for (; text[i] != '\0'; ++i) personal.at(i) = static_cast<std::uint8_t>(text[i]);
        if (i == 0) throw "a hash domain must not be empty";
    }
};

/// Streams bytes into BLAKE2b-256 under a domain. Callers hash canonical encodings; nothing is
/// framed here.
class Hasher {
  public:
    explicit Hasher(const HashDomain& domain) noexcept;
    Hasher& update(ByteView raw) noexcept;
    template <std::size_t N, class Tag>
    Hasher& update(const FixedBytes<N, Tag>& fixed) noexcept {
        return update(fixed.view());
    }
    /// Adds a 64-bit integer, little-endian.
    Hasher& update_u64(std::uint64_t value) noexcept;
    [[nodiscard]] Hash finish() noexcept;

  private:
    crypto_generichash_blake2b_state state_;
};

/// BLAKE2b-256 of one buffer under a domain.
[[nodiscard]] Hash hash_bytes(const HashDomain& domain, ByteView raw) noexcept;

/// Gives a hash its meaning: `hash_as<BlockHash>(hash_bytes(...))`.
/// And the other way round, where a function takes any hash.
template <class To, class From>
[[nodiscard]] To hash_as(const From& hash) noexcept {
    static_assert(To::kSize == Hash::kSize && From::kSize == Hash::kSize);
    To out;
    out.bytes = hash.bytes;
    return out;
}

}  // namespace millrace
