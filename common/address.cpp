#include "common/address.hpp"

#include "common/bech32.hpp"
#include "common/hash.hpp"

namespace millrace {

namespace {

std::optional<Network> network_of(std::string_view prefix) {
    for (const Network network : {Network::main, Network::test})
        if (prefix == address_prefix(network)) return network;
    return std::nullopt;
}

}  // namespace

std::string sentence(AddressError error) {
    switch (error) {
        case AddressError::not_bech32m:
            return "not an address: the checksum or a character is wrong, check the typing";
        case AddressError::foreign_prefix:
            return "not a Millrace address: expected one that starts with mill1 or tmill1";
        case AddressError::wrong_network:
            return "an address of another network (mill1 is the main network, tmill1 a test one)";
        case AddressError::wrong_size:
            return "not an address: it does not hold 20 bytes";
    }
    MILLRACE_ASSERT(false);
}

std::optional<Address> Address::from(ByteView raw) {
    if (raw.size() != kSize) return std::nullopt;
    Address out;
    std::memcpy(out.bytes.data(), raw.data(), kSize);
    return out;
}

void Address::decode_from(Decoder& in) {
    if (const auto out = from(in.raw(kSize))) *this = *out;
}

std::string Address::json_text(std::optional<Network> network) const {
    return network ? to_text(*this, *network) : to_hex(view());
}

Result<Address, std::string> Address::from_json_text(std::string_view text,
                                                     std::optional<Network> network) {
    // Hexadecimal has no checksum and no network, so it is read only where nobody typed it.
    if (!network && text.size() == 2 * kSize) {
        const auto raw = from_hex(text);
        if (raw) return *from(*raw);
    }
    const auto parsed = parse_address(text, network);
    if (!parsed.has_value()) return Err{sentence(parsed.error())};
    return *parsed;
}

Address to_address(const AccountKey& key) {
    const Hash hash = hash_bytes("mill/address", key.view());
    return *Address::from(hash.view().first(Address::kSize));
}

std::string_view address_prefix(Network network) {
    return network == Network::main ? "mill" : "tmill";
}

std::string to_text(const Address& address, Network network) {
    return encode_bech32(address_prefix(network), to_symbols(address.view()),
                         Bech32Variant::bech32m);
}

Result<Address, AddressError> parse_address(std::string_view text, std::optional<Network> network) {
    const auto decoded = decode_bech32(text);
    if (!decoded.has_value() || decoded->variant != Bech32Variant::bech32m)
        return Err{AddressError::not_bech32m};
    const auto found = network_of(decoded->prefix);
    if (!found) return Err{AddressError::foreign_prefix};
    if (network && *network != *found) return Err{AddressError::wrong_network};
    const auto raw = from_symbols(decoded->symbols);
    const auto address = raw ? Address::from(*raw) : std::nullopt;
    if (!address) return Err{AddressError::wrong_size};
    return *address;
}

}  // namespace millrace
