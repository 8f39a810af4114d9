#pragma once

#include <array>
#include <boost/describe.hpp>
#include <cstdint>
#include <string_view>

#include "common/bounded.hpp"
#include "common/bytes.hpp"
#include "common/codec.hpp"
#include "common/result.hpp"
#include "common/secret_bytes.hpp"

/// A secret under a passphrase, for files: Argon2id makes the key, XChaCha20-Poly1305 seals. What a
/// stolen file costs its thief is decided by the cost that the file itself names.
namespace millrace {

enum class SecretBoxError : std::uint8_t {
    malformed = 1,         // not a box
    unknown_version = 2,   // written by a later program
    cost_refused = 3,      // below what protects, or above what this program is ready to spend
    wrong_passphrase = 4,  // or the file was changed: the two cannot be told apart
    bad_passphrase = 5,    // not UTF-8, or too long
    out_of_memory = 6,     // Argon2id's memory is not there
    too_large = 7,         // more than `kBoxSecretMax` bytes
};
BOOST_DESCRIBE_ENUM(SecretBoxError, malformed, unknown_version, cost_refused, wrong_passphrase,
                    bad_passphrase, out_of_memory, too_large)

/// A keystore holds keys, not data.
inline constexpr std::size_t kBoxSecretMax = 64 * 1024;

/// Argon2id's passes over its memory, and that memory in KiB.
struct BoxCost {
    std::uint32_t passes = 0;
    std::uint32_t memory_kib = 0;
    friend bool operator==(const BoxCost&, const BoxCost&) = default;
};
BOOST_DESCRIBE_STRUCT(BoxCost, (), (passes, memory_kib))
/// Some 0.06 s and 64 MiB: for keys that a daemon opens at its start.
inline constexpr BoxCost kBoxCostInteractive{2, 64 * 1024};
/// Some 0.4 s and 256 MiB: a person's keystore.
inline constexpr BoxCost kBoxCostModerate{3, 256 * 1024};
/// Bounds on what a file may ask: libsodium's least, and no more than a desktop can give; a
/// prepared file must not exhaust memory or run for minutes.
inline constexpr BoxCost kBoxCostMin{1, 8};
inline constexpr BoxCost kBoxCostMax{16, 1024 * 1024};

/// Fresh random bytes for one box.
struct BoxEntropy {
    std::array<std::uint8_t, 16> salt{};
    std::array<std::uint8_t, 24> nonce{};
};

/// The box as bytes (docs/protocol/addresses.md, "Keystore box"). `associated` is authenticated but
/// not stored: what the secret is for, so that two boxes cannot be swapped.
[[nodiscard]] Result<Bytes, SecretBoxError> seal_box(ByteView secret, std::string_view passphrase,
                                                     ByteView associated, const BoxCost& cost,
                                                     const BoxEntropy& entropy);
[[nodiscard]] Result<SecretBuffer, SecretBoxError> open_box(ByteView box,
                                                            std::string_view passphrase,
                                                            ByteView associated);

}  // namespace millrace
