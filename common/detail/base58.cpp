#include "common/detail/base58.hpp"

#include <sodium/crypto_hash_sha256.h>

#include <algorithm>
#include <array>

#include "common/assert.hpp"

namespace millrace::detail {

namespace {

constexpr std::string_view kAlphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::size_t kChecksumSize = 4;

std::array<std::uint8_t, kChecksumSize> checksum_of(ByteView payload) {
    std::array<std::uint8_t, crypto_hash_sha256_BYTES> digest{};
    crypto_hash_sha256(digest.data(), payload.data(), payload.size());
    crypto_hash_sha256(digest.data(), digest.data(), digest.size());
    return {digest[0], digest[1], digest[2], digest[3]};
}

/// number = number × factor + add, over digits of `base`, least significant first.
void multiply_add(Bytes& number, unsigned base, unsigned factor, unsigned add) {
    unsigned carry = add;
    for (auto& digit : number) {
        carry += factor * digit;
        digit = static_cast<std::uint8_t>(carry % base);
        carry /= base;
    }
    while (carry != 0) {
        number.push_back(static_cast<std::uint8_t>(carry % base));
        carry /= base;
    }
}

}  // namespace

std::string encode_base58check(ByteView payload) {
    MILLRACE_ASSERT(payload.size() <= kBase58PayloadMax);
    Bytes raw(payload.begin(), payload.end());
    for (const std::uint8_t byte : checksum_of(payload)) raw.push_back(byte);
    Bytes digits;
    for (const std::uint8_t byte : raw) multiply_add(digits, 58, 256, byte);
    // Leading zero bytes are no part of the number and are written as leading ones.
    std::string out;
    for (std::size_t i = 0; i < raw.size() && raw[i] == 0; ++i) out.push_back(kAlphabet[0]);
    for (std::size_t i = digits.size(); i-- > 0;) out.push_back(kAlphabet[digits[i]]);
    return out;
}

std::optional<Bytes> decode_base58check(std::string_view text) {
    if (text.size() > kBase58TextMax) return std::nullopt;
    Bytes number;
    for (const char c : text) {
        const std::size_t digit = kAlphabet.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        multiply_add(number, 256, 58, static_cast<unsigned>(digit));
    }
    for (std::size_t i = 0; i < text.size() && text[i] == kAlphabet[0]; ++i) number.push_back(0);
    std::reverse(number.begin(), number.end());
    if (number.size() < kChecksumSize) return std::nullopt;
    const ByteView all(number);
    const ByteView payload = all.first(number.size() - kChecksumSize);
    const auto expected = checksum_of(payload);
    if (!std::equal(expected.begin(), expected.end(), all.subspan(payload.size()).begin()))
        return std::nullopt;
    return Bytes(payload.begin(), payload.end());
}

}  // namespace millrace::detail
