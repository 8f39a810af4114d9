#pragma once

#include <array>
#include <boost/describe.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/account_key.hpp"
#include "common/bytes.hpp"
#include "common/network.hpp"
#include "common/result.hpp"
#include "common/secret_bytes.hpp"

/// BIP-32: a tree of keys from one seed, over libsecp256k1 and libsodium's HMAC-SHA512, and the
/// path at which Millrace's accounts stand in it (docs/protocol/addresses.md).
namespace millrace {

enum class Bip32Error : std::uint8_t {
    bad_seed_size = 1,  // not 16 to 64 bytes
    no_such_child = 2,  // the index gives no valid key (chance 2^-127): take the next
    hardened_needs_secret = 3,
    too_deep = 4,         // depth 255 has no children
    bad_text = 5,         // not Base58Check of 78 bytes
    unknown_version = 6,  // neither xprv nor xpub where it was expected
    bad_root = 7,         // depth 0 with a parent or an index
    bad_key = 8,          // not a secret in [1, n-1], or not a compressed point
};
BOOST_DESCRIBE_ENUM(Bip32Error, bad_seed_size, no_such_child, hardened_needs_secret, too_deep,
                    bad_text, unknown_version, bad_root, bad_key)

/// Indices from here on are hardened: a leaked child and the parent's public key do not give the
/// parent's secret.
inline constexpr std::uint32_t kHardened = 0x80000000U;

/// Where a key stands in its tree.
struct KeyPosition {
    std::uint8_t depth = 0;
    std::array<std::uint8_t, 4> parent_fingerprint{};
    std::uint32_t index = 0;
    friend bool operator==(const KeyPosition&, const KeyPosition&) = default;
};

/// A public key with its chain code: gives the public keys of all children that are not hardened.
struct ExtendedKey {
    KeyPosition position;
    std::array<std::uint8_t, 32> chain_code{};
    std::array<std::uint8_t, 33> point{};  // compressed
    friend bool operator==(const ExtendedKey&, const ExtendedKey&) = default;

    [[nodiscard]] Result<ExtendedKey, Bip32Error> child(std::uint32_t index) const;
    /// First four bytes of RIPEMD-160(SHA-256(point)).
    [[nodiscard]] std::array<std::uint8_t, 4> fingerprint() const;
    /// `xpub…`
    [[nodiscard]] std::string to_text() const;
    [[nodiscard]] static Result<ExtendedKey, Bip32Error> parse(std::string_view text);
};

/// A secret key with its chain code. Erased when destroyed.
class ExtendedSecret {
  public:
    [[nodiscard]] static Result<ExtendedSecret, Bip32Error> from_seed(ByteView seed);
    [[nodiscard]] Result<ExtendedSecret, Bip32Error> child(std::uint32_t index) const;
    /// Walks down one index after another.
    [[nodiscard]] Result<ExtendedSecret, Bip32Error> derive(
        std::span<const std::uint32_t> path) const;
    [[nodiscard]] ExtendedKey public_key() const;
    [[nodiscard]] const KeyPosition& position() const { return position_; }
    [[nodiscard]] const SecretBytes<32>& expose() const { return scalar_; }
    /// `xprv…`: the whole secret, for export on purpose only.
    [[nodiscard]] SecretBuffer expose_text() const;
    [[nodiscard]] static Result<ExtendedSecret, Bip32Error> parse(std::string_view text);

  private:
    ExtendedSecret() = default;
    KeyPosition position_;
    SecretBytes<32> chain_code_;
    SecretBytes<32> scalar_;
};

/// "MILL" as a number: the coin type of main networks. Test networks share 1, as SLIP-44 has it, so
/// that a phrase tried out on a test network does not reveal a key of the main one.
inline constexpr std::uint32_t kCoinTypeMain = 0x4d494c4cU;
inline constexpr std::uint32_t kCoinTypeTest = 1;
/// m/44'/coin'/account'/0/0; `account` is below 2^31.
[[nodiscard]] std::array<std::uint32_t, 5> account_path(Network network, std::uint32_t account);
/// The account's secret under a phrase's seed.
[[nodiscard]] Result<AccountSecret, Bip32Error> derive_account(const SecretBytes<64>& seed,
                                                               Network network,
                                                               std::uint32_t account);

}  // namespace millrace
