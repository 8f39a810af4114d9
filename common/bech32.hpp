#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.hpp"
#include "common/result.hpp"

/// Bech32 and Bech32m texts (BIP-173, BIP-350): a prefix, the separator `1`, symbols of five bits,
/// and a checksum of six symbols that finds any four wrong symbols. Millrace writes Bech32m only;
/// the first variant is here because the published vectors tell the two apart.
namespace millrace {

enum class Bech32Variant : std::uint8_t { bech32 = 1, bech32m = 2 };

enum class Bech32Error : std::uint8_t {
    too_long = 1,
    bad_character = 2,
    mixed_case = 3,
    no_separator = 4,
    too_short = 5,
    bad_checksum = 6,
};

/// At most this many characters, so that the checksum keeps its promise.
inline constexpr std::size_t kBech32SizeMax = 90;
inline constexpr std::size_t kBech32ChecksumSize = 6;

struct Bech32Text {
    std::string prefix;  // lower case
    Bytes symbols;       // each below 32, without the checksum
    Bech32Variant variant = Bech32Variant::bech32m;
};

/// Reads a text in lower or upper case; which variant it is shows in its checksum.
[[nodiscard]] Result<Bech32Text, Bech32Error> decode_bech32(std::string_view text);
/// The lower-case text. The caller ensures a prefix of 1 to 83 printable lower-case characters,
/// symbols below 32, and a result within `kBech32SizeMax`.
[[nodiscard]] std::string encode_bech32(std::string_view prefix, ByteView symbols,
                                        Bech32Variant variant);

/// Bytes as five-bit symbols, the last one zero padded.
[[nodiscard]] Bytes to_symbols(ByteView raw);
/// The bytes of five-bit symbols; none when more than four bits are padding or one of them is set.
[[nodiscard]] std::optional<Bytes> from_symbols(ByteView symbols);

}  // namespace millrace
