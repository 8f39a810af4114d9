#include "common/mnemonic.hpp"

#include <sodium/crypto_auth_hmacsha512.h>
#include <sodium/crypto_hash_sha256.h>

#include <algorithm>
#include <array>

#include "common/unicode.hpp"

namespace millrace {

namespace {

constexpr std::size_t kWordCount = 2048;
constexpr std::size_t kWordBits = 11;
constexpr std::size_t kPhraseWordsMin = 12;
constexpr std::size_t kPhraseWordsMax = 24;
constexpr std::size_t kEntropySizeMax = 32;
constexpr unsigned kSeedRounds = 2048;

constexpr std::array<std::string_view, kWordCount> kWords = {
#include "common/detail/bip39_english.inc"
};
static_assert(std::is_sorted(kWords.begin(), kWords.end()));
static_assert(!kWords.back().empty());

using Indices = std::array<std::uint16_t, kPhraseWordsMax>;

/// SHA-256's first byte: up to eight bits of it check the phrase.
std::uint8_t checksum_byte(ByteView entropy) {
    SecretBytes<crypto_hash_sha256_BYTES> digest;
    crypto_hash_sha256(digest.data(), entropy.data(), entropy.size());
    return digest.data()[0];
}

/// Bit `i` of entropy followed by its checksum, most significant first.
unsigned bit_at(ByteView entropy, std::uint8_t checksum, std::size_t i) {
    const std::uint8_t byte = i / 8 < entropy.size() ? entropy[i / 8] : checksum;
    return (unsigned{byte} >> (7 - i % 8)) & 1U;
}

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

SecretBuffer join(std::span<const std::uint16_t> indices) {
    std::size_t size = indices.size() - 1;
    for (const std::uint16_t index : indices) size += kWords[index].size();
    SecretBuffer out(size);
    std::size_t at = 0;
    for (const std::uint16_t index : indices) {
        if (at != 0) out.mutable_view()[at++] = ' ';
        for (const char c : kWords[index]) out.mutable_view()[at++] = static_cast<std::uint8_t>(c);
    }
    return out;
}

/// The list's index of a word in lower case.
std::optional<std::uint16_t> index_of(std::string_view word) {
    const auto* const found = std::lower_bound(kWords.begin(), kWords.end(), word);
    if (found == kWords.end() || *found != word) return std::nullopt;
    return static_cast<std::uint16_t>(found - kWords.begin());
}

}  // namespace

Result<Mnemonic, MnemonicRefusal> Mnemonic::from_entropy(ByteView entropy) {
    if (entropy.size() < 16 || entropy.size() > kEntropySizeMax || entropy.size() % 4 != 0)
        return Err{MnemonicRefusal{MnemonicError::bad_entropy_size}};
    const std::uint8_t checksum = checksum_byte(entropy);
    const std::size_t words = entropy.size() * 3 / 4;  // (8n + n/4) / 11 bits
    Indices indices{};
    for (std::size_t i = 0; i < words * kWordBits; ++i) {
        std::uint16_t& index = indices[i / kWordBits];
        index = static_cast<std::uint16_t>((unsigned{index} << 1U) | bit_at(entropy, checksum, i));
    }
    Mnemonic out(join(std::span(indices).first(words)), SecretBuffer(entropy));
    sodium_memzero(indices.data(), sizeof indices);
    return out;
}

Result<Mnemonic, MnemonicRefusal> Mnemonic::parse(std::string_view text) {
    if (text.size() > kSecretTextMax) return Err{MnemonicRefusal{MnemonicError::bad_text}};
    SecretBuffer lower(as_bytes(text));
    for (auto& c : lower.mutable_view())
        if (c >= 'A' && c <= 'Z') c = static_cast<std::uint8_t>(c - 'A' + 'a');
    const std::string_view all = lower.text();

    Indices indices{};
    std::size_t words = 0;
    std::size_t unknown = 0;
    for (std::size_t at = 0; at < all.size();) {
        if (is_space(all[at])) {
            ++at;
            continue;
        }
        std::size_t end = at;
        while (end < all.size() && !is_space(all[end])) ++end;
        const auto index = index_of(all.substr(at, end - at));
        if (words < kPhraseWordsMax && index) indices[words] = *index;
        ++words;
        if (!index && unknown == 0) unknown = words;
        at = end;
    }
    if (words < kPhraseWordsMin || words > kPhraseWordsMax || words % 3 != 0)
        return Err{MnemonicRefusal{MnemonicError::bad_word_count}};
    if (unknown != 0) return Err{MnemonicRefusal{MnemonicError::unknown_word, unknown}};

    SecretBuffer entropy(words * 4 / 3);
    // NOLINTNEXTLINE(misc-const-correctness): written through `byte`, which the check does not see.
    std::uint8_t checksum = 0;
    for (std::size_t i = 0; i < words * kWordBits; ++i) {
        const unsigned bit =
            (unsigned{indices[i / kWordBits]} >> (kWordBits - 1 - i % kWordBits)) & 1U;
        std::uint8_t& byte = i / 8 < entropy.size() ? entropy.mutable_view()[i / 8] : checksum;
        byte = static_cast<std::uint8_t>(byte | (bit << (7 - i % 8)));
    }
    Mnemonic out(join(std::span(indices).first(words)), std::move(entropy));
    sodium_memzero(indices.data(), sizeof indices);
    const auto checksum_mask = static_cast<std::uint8_t>(0xff00U >> (words / 3));
    if ((checksum_byte(out.entropy_.view()) & checksum_mask) != checksum)
        return Err{MnemonicRefusal{MnemonicError::bad_checksum}};
    return out;
}

Result<SecretBytes<64>, MnemonicRefusal> phrase_to_seed(std::string_view phrase,
                                                        std::string_view passphrase) {
    const auto password = to_nfkd(phrase);
    const auto suffix = to_nfkd(passphrase);
    if (!password || !suffix) return Err{MnemonicRefusal{MnemonicError::bad_text}};

    // PBKDF2 (RFC 8018) with one block of output: U1 = HMAC(P, "mnemonic" S 00000001),
    // Un = HMAC(P, Un-1), and the seed is the XOR of all. libsodium has HMAC but no PBKDF2.
    static_assert(crypto_auth_hmacsha512_BYTES == SecretBytes<64>::kSize);
    crypto_auth_hmacsha512_state keyed;
    crypto_auth_hmacsha512_init(&keyed, password->view().data(), password->size());
    crypto_auth_hmacsha512_state state = keyed;
    constexpr std::array<std::uint8_t, 4> kFirstBlock = {0, 0, 0, 1};
    const ByteView label = as_bytes("mnemonic");
    crypto_auth_hmacsha512_update(&state, label.data(), label.size());
    crypto_auth_hmacsha512_update(&state, suffix->view().data(), suffix->size());
    crypto_auth_hmacsha512_update(&state, kFirstBlock.data(), kFirstBlock.size());
    SecretBytes<64> last;
    crypto_auth_hmacsha512_final(&state, last.data());
    SecretBytes<64> seed = last.clone();
    for (unsigned round = 1; round < kSeedRounds; ++round) {
        state = keyed;
        crypto_auth_hmacsha512_update(&state, last.data(), SecretBytes<64>::kSize);
        crypto_auth_hmacsha512_final(&state, last.data());
        for (std::size_t i = 0; i < SecretBytes<64>::kSize; ++i) seed.data()[i] ^= last.data()[i];
    }
    sodium_memzero(&keyed, sizeof keyed);
    sodium_memzero(&state, sizeof state);
    return seed;
}

}  // namespace millrace
