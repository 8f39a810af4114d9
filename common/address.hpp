#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/account_key.hpp"
#include "common/bytes.hpp"
#include "common/codec.hpp"
#include "common/json.hpp"
#include "common/network.hpp"
#include "common/result.hpp"

/// Addresses of accounts (docs/protocol/addresses.md): the first 20 bytes of the key's hash, typed
/// by people as Bech32m, `mill1…` or, on test networks, `tmill1…`.
namespace millrace {

enum class AddressError : std::uint8_t {
    not_bech32m = 1,     // a typing error, another encoding, or not an address at all
    foreign_prefix = 2,  // well-formed text of something else
    wrong_network = 3,   // a main-network address on a test network, or the reverse
    wrong_size = 4,      // not 20 bytes
};
BOOST_DESCRIBE_ENUM(AddressError, not_bech32m, foreign_prefix, wrong_network, wrong_size)
/// The error as a sentence for people.
[[nodiscard]] std::string sentence(AddressError error);

/// 20 bytes; which network they belong to is known by the chain, not by them. In JSON they are
/// Bech32m text when the `JsonStyle` names a network, else 40 hexadecimal digits; both are read.
struct Address {
    static constexpr std::size_t kSize = 20;
    static constexpr const char* kTextName = "address";
    std::array<std::uint8_t, kSize> bytes{};

    friend auto operator<=>(const Address&, const Address&) = default;
    friend bool operator==(const Address&, const Address&) = default;
    [[nodiscard]] ByteView view() const noexcept { return {bytes.data(), kSize}; }
    /// Copies exactly 20 bytes; none when the size differs.
    [[nodiscard]] static std::optional<Address> from(ByteView raw);

    void encode_into(Encoder& out) const { out.raw(view()); }
    void decode_from(Decoder& in);
    [[nodiscard]] std::string json_text(std::optional<Network> network) const;
    [[nodiscard]] static Result<Address, std::string> from_json_text(
        std::string_view text, std::optional<Network> network);
};

[[nodiscard]] Address to_address(const AccountKey& key);

/// `mill` or `tmill`.
[[nodiscard]] std::string_view address_prefix(Network network);
[[nodiscard]] std::string to_text(const Address& address, Network network);
/// Reads either case. With a network given, only its prefix is accepted: coins sent to an address
/// of the wrong chain are the accident that prefixes exist to prevent.
[[nodiscard]] Result<Address, AddressError> parse_address(std::string_view text,
                                                          std::optional<Network> network);

}  // namespace millrace
