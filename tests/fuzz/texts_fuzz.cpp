// Input: a text as people or peers give one: an address, an extended key, a phrase, a passphrase, a
// JSON document. Each reader gets the whole input; what one accepts must be written as it was read.
#include <boost/json.hpp>

#include "common/address.hpp"
#include "common/bech32.hpp"
#include "common/bip32.hpp"
#include "common/json.hpp"
#include "common/mnemonic.hpp"
#include "common/unicode.hpp"

namespace {

using namespace millrace;

struct Note {
    static constexpr const char* kName = "note";
    BoundedString<40> text;
    std::optional<std::uint16_t> number;
};
BOOST_DESCRIBE_STRUCT(Note, (), (text, number))
struct Payment {
    static constexpr const char* kName = "payment";
    Address to;
    Amount amount;
};
BOOST_DESCRIBE_STRUCT(Payment, (), (to, amount))
using Item = std::variant<Note, Payment>;
struct Document {
    BoundedVector<Item, 8> items;
    BoundedBytes<32> raw;
    std::array<bool, 2> flags{};
};
BOOST_DESCRIBE_STRUCT(Document, (), (items, raw, flags))

std::string lower_cased(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

void read_bech32(std::string_view text) {
    const auto decoded = decode_bech32(text);
    if (decoded.has_value())
        MILLRACE_ASSERT(encode_bech32(decoded->prefix, decoded->symbols, decoded->variant) ==
                        lower_cased(text));
    for (const Network network : {Network::main, Network::test}) {
        const auto address = parse_address(text, network);
        if (address.has_value()) MILLRACE_ASSERT(to_text(*address, network) == lower_cased(text));
    }
}

void read_keys(std::string_view text) {
    const auto key = ExtendedKey::parse(text);
    if (key.has_value()) MILLRACE_ASSERT(key->to_text() == text);
    const auto secret = ExtendedSecret::parse(text);
    if (secret.has_value()) MILLRACE_ASSERT(secret->expose_text().text() == text);
    const auto phrase = Mnemonic::parse(text);
    if (phrase.has_value())
        MILLRACE_ASSERT(Mnemonic::from_entropy(phrase->entropy().view())->text() == phrase->text());
}

void read_unicode(std::string_view text) {
    if (text.size() > kSecretTextMax) return;
    const auto normal = to_nfkd(text);
    // Two independent readers of UTF-8.
    MILLRACE_ASSERT(normal.has_value() == is_utf8(as_bytes(text)));
    if (normal && normal->size() <= kSecretTextMax)
        MILLRACE_ASSERT(to_nfkd(normal->text())->text() == normal->text());
}

void read_json(std::string_view text) {
    boost::system::error_code error;
    const auto json = boost::json::parse(text, error);
    if (error) return;
    const auto document = from_json<Document>(json);
    if (!document.has_value()) {
        MILLRACE_ASSERT(!document.error().sentence().empty());
        return;
    }
    const Bytes raw = encode(*document);
    MILLRACE_ASSERT(encode(*decode<Document>(raw)) == raw);
    MILLRACE_ASSERT(encode(*from_json<Document>(to_json(*document))) == raw);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView raw(data, size);
    const std::string_view text = as_text(raw);
    read_bech32(text);
    read_keys(text);
    read_unicode(text);
    read_json(text);
    const auto document = decode<Document>(raw);
    if (document.has_value()) {
        const Bytes again = encode(*document);
        MILLRACE_ASSERT(std::equal(again.begin(), again.end(), raw.begin(), raw.end()));
    }
    return 0;
}
