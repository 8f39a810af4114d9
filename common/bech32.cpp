#include "common/bech32.hpp"

#include <array>

namespace millrace {

namespace {

constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr char kSeparator = '1';
constexpr char kPrintableMin = 33;
constexpr char kPrintableMax = 126;

constexpr std::uint32_t final_constant(Bech32Variant variant) {
    return variant == Bech32Variant::bech32 ? 1U : 0x2bc830a3U;
}

/// The checksum's polynomial over GF(32), one symbol at a time (BIP-173).
std::uint32_t polymod_step(std::uint32_t state, std::uint8_t symbol) {
    constexpr std::array<std::uint32_t, 5> kGenerator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa,
                                                         0x3d4233dd, 0x2a1462b3};
    const std::uint32_t top = state >> 25U;
    std::uint32_t out = ((state & 0x1ffffffU) << 5U) ^ symbol;
    for (unsigned bit = 0; bit < kGenerator.size(); ++bit)
        if (((top >> bit) & 1U) != 0) out ^= kGenerator[bit];
    return out;
}

std::uint32_t polymod(std::string_view prefix, ByteView symbols) {
    std::uint32_t state = 1;
    for (const char c : prefix)
        state = polymod_step(state, static_cast<std::uint8_t>(static_cast<unsigned char>(c) >> 5U));
    state = polymod_step(state, 0);
    for (const char c : prefix)
        state = polymod_step(state, static_cast<std::uint8_t>(static_cast<unsigned char>(c) & 31U));
    for (const std::uint8_t symbol : symbols) state = polymod_step(state, symbol);
    return state;
}

/// The text in lower case, or why it has none.
Result<std::string, Bech32Error> lower_cased(std::string_view text) {
    bool has_lower = false;
    bool has_upper = false;
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (c < kPrintableMin || c > kPrintableMax) return Err{Bech32Error::bad_character};
        const bool upper = c >= 'A' && c <= 'Z';
        has_lower = has_lower || (c >= 'a' && c <= 'z');
        has_upper = has_upper || upper;
        out.push_back(upper ? static_cast<char>(c - 'A' + 'a') : c);
    }
    if (has_lower && has_upper) return Err{Bech32Error::mixed_case};
    return out;
}

}  // namespace

Result<Bech32Text, Bech32Error> decode_bech32(std::string_view text) {
    if (text.size() > kBech32SizeMax) return Err{Bech32Error::too_long};
    MILLRACE_TRY(const std::string lower, lower_cased(text));
    const std::size_t separator = lower.rfind(kSeparator);
    if (separator == std::string::npos || separator == 0) return Err{Bech32Error::no_separator};
    if (lower.size() - separator - 1 < kBech32ChecksumSize) return Err{Bech32Error::too_short};
    Bech32Text out;
    out.prefix = lower.substr(0, separator);
    for (std::size_t i = separator + 1; i < lower.size(); ++i) {
        const std::size_t symbol = kAlphabet.find(lower[i]);
        if (symbol == std::string_view::npos) return Err{Bech32Error::bad_character};
        out.symbols.push_back(static_cast<std::uint8_t>(symbol));
    }
    const std::uint32_t remainder = polymod(out.prefix, out.symbols);
    if (remainder == final_constant(Bech32Variant::bech32m))
        out.variant = Bech32Variant::bech32m;
    else if (remainder == final_constant(Bech32Variant::bech32))
        out.variant = Bech32Variant::bech32;
    else
        return Err{Bech32Error::bad_checksum};
    out.symbols.resize(out.symbols.size() - kBech32ChecksumSize);
    return out;
}

std::string encode_bech32(std::string_view prefix, ByteView symbols, Bech32Variant variant) {
    MILLRACE_ASSERT(!prefix.empty() &&
                    prefix.size() + 1 + symbols.size() + kBech32ChecksumSize <= kBech32SizeMax);
    Bytes all(symbols.begin(), symbols.end());
    all.resize(all.size() + kBech32ChecksumSize);
    const std::uint32_t checksum = polymod(prefix, all) ^ final_constant(variant);
    for (std::size_t i = 0; i < kBech32ChecksumSize; ++i)
        all[symbols.size() + i] = static_cast<std::uint8_t>((checksum >> (5 * (5 - i))) & 31U);
    std::string out(prefix);
    out.push_back(kSeparator);
    for (const std::uint8_t symbol : all) {
        MILLRACE_ASSERT(symbol < kAlphabet.size());
        out.push_back(kAlphabet[symbol]);
    }
    return out;
}

Bytes to_symbols(ByteView raw) {
    Bytes out;
    std::uint32_t pending = 0;
    unsigned bits = 0;
    for (const std::uint8_t byte : raw) {
        pending = (pending << 8U) | byte;
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            out.push_back(static_cast<std::uint8_t>((pending >> bits) & 31U));
        }
        pending &= (1U << bits) - 1;
    }
    if (bits > 0) out.push_back(static_cast<std::uint8_t>((pending << (5 - bits)) & 31U));
    return out;
}

std::optional<Bytes> from_symbols(ByteView symbols) {
    Bytes out;
    std::uint32_t pending = 0;
    unsigned bits = 0;
    for (const std::uint8_t symbol : symbols) {
        if (symbol > 31) return std::nullopt;
        pending = (pending << 5U) | symbol;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            out.push_back(static_cast<std::uint8_t>(pending >> bits));
            pending &= (1U << bits) - 1;
        }
    }
    if (bits >= 5 || pending != 0) return std::nullopt;
    return out;
}

}  // namespace millrace
