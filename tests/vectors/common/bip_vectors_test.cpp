// The vectors of BIP-32, 39, 84, 86, 173 and 350, read from the documents themselves.
#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <sstream>

#include "common/bech32.hpp"
#include "common/bip32.hpp"
#include "common/detail/base58.hpp"
#include "common/mnemonic.hpp"
#include "tests/support/vectors.hpp"

namespace millrace {
namespace {

std::string text(const boost::json::value& v) {
    return std::string(v.as_string());
}

/// The pieces of a wiki line between <tt> and </tt>.
std::vector<std::string> quoted(const std::string& line) {
    std::vector<std::string> out;
    for (std::size_t at = 0; (at = line.find("<tt>", at)) != std::string::npos;) {
        const std::size_t end = line.find("</tt>", at);
        if (end == std::string::npos) break;
        out.push_back(line.substr(at + 4, end - at - 4));
        at = end;
    }
    return out;
}

/// "0x20 + <tt>x</tt>" and "<tt>x</tt> + 0xFF" stand for a byte before or behind the text.
std::string with_extra_byte(const std::string& line, const std::string& quoted_text) {
    const std::size_t plus = line.find(" + ");
    const std::size_t hex = line.find("0x");
    if (plus == std::string::npos || hex == std::string::npos) return quoted_text;
    const auto byte = from_hex(line.substr(hex + 2, 2));
    if (!byte) return quoted_text;
    const std::string extra(as_text(*byte));
    return hex < plus ? extra + quoted_text : quoted_text + extra;
}

/// BIP-173's and 350's rule for segregated witness addresses, written here because Millrace has
/// none: the vectors exercise the generic code through it.
std::optional<Bytes> decode_segwit(const std::string& address) {
    const auto decoded = decode_bech32(address);
    if (!decoded.has_value() || (decoded->prefix != "bc" && decoded->prefix != "tb") ||
        decoded->symbols.empty())
        return std::nullopt;
    const std::uint8_t version = decoded->symbols[0];
    const auto program = from_symbols(ByteView(decoded->symbols).subspan(1));
    if (version > 16 || !program || program->size() < 2 || program->size() > 40)
        return std::nullopt;
    if (version == 0 && program->size() != 20 && program->size() != 32) return std::nullopt;
    const auto variant = version == 0 ? Bech32Variant::bech32 : Bech32Variant::bech32m;
    if (decoded->variant != variant) return std::nullopt;
    Bytes script = {static_cast<std::uint8_t>(version == 0 ? 0 : 0x50 + version),
                    static_cast<std::uint8_t>(program->size())};
    script.insert(script.end(), program->begin(), program->end());
    return script;
}

struct Counts {
    int valid = 0;
    int invalid = 0;
    int addresses = 0;
    int bad_addresses = 0;
};

Counts check_bech32_document(const std::string& document, Bech32Variant variant,
                             bool with_addresses) {
    Counts counts;
    enum class Part { none, valid, invalid, addresses, bad_addresses } part = Part::none;
    std::istringstream lines(document);
    for (std::string line; std::getline(lines, line);) {
        if (line.find("strings are valid") != std::string::npos) part = Part::valid;
        if (line.find("string are not valid") != std::string::npos) part = Part::invalid;
        if (line.find("list gives valid segwit") != std::string::npos) part = Part::addresses;
        if (line.find("list gives invalid segwit") != std::string::npos) part = Part::bad_addresses;
        if (!line.starts_with("* ")) continue;
        const auto pieces = quoted(line);
        REQUIRE_FALSE(pieces.empty());
        const std::string item =
            part == Part::invalid ? with_extra_byte(line, pieces[0]) : pieces[0];
        CAPTURE(item);
        const auto decoded = decode_bech32(item);
        const bool is_valid = decoded.has_value() && decoded->variant == variant;
        switch (part) {
            case Part::valid: {
                REQUIRE(is_valid);
                std::string lower;
                for (const char c : item)
                    lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
                CHECK(encode_bech32(decoded->prefix, decoded->symbols, variant) == lower);
                ++counts.valid;
                break;
            }
            case Part::invalid:
                CHECK_FALSE(is_valid);
                ++counts.invalid;
                break;
            case Part::addresses: {
                if (!with_addresses) break;
                const auto script = decode_segwit(item);
                REQUIRE(script.has_value());
                CHECK(to_hex(*script) == pieces.at(1));
                ++counts.addresses;
                break;
            }
            case Part::bad_addresses:
                CHECK_FALSE(decode_segwit(item).has_value());
                ++counts.bad_addresses;
                break;
            case Part::none:
                FAIL("a vector outside the known sections");
        }
    }
    return counts;
}

/// "m/0<sub>H</sub>/1" and "m/86'/0'/0'/0/0".
std::vector<std::uint32_t> parse_path(std::string path) {
    for (std::size_t at = path.find("</sub>"); at != std::string::npos; at = path.find("</sub>"))
        path.erase(at, 6);
    std::vector<std::uint32_t> out;
    for (std::size_t at = 0; at < path.size(); ++at) {
        if (path[at] == '/')
            out.push_back(0);
        else if (path[at] >= '0' && path[at] <= '9')
            out.back() = out.back() * 10 + static_cast<std::uint32_t>(path[at] - '0');
        else if (path[at] == 'H' || path[at] == '\'')
            out.back() |= kHardened;
    }
    return out;
}

std::string after(const std::string& line, std::string_view label) {
    const std::size_t at = line.find(label);
    if (at == std::string::npos) return "";
    std::string out = line.substr(at + label.size());
    while (!out.empty() && (out.back() == ' ' || out.back() == '\r')) out.pop_back();
    return out;
}

ExtendedSecret root_of(const std::string& phrase) {
    const auto seed = phrase_to_seed(phrase, "");
    REQUIRE(seed.has_value());
    return *ExtendedSecret::from_seed(seed->view());
}

}  // namespace

TEST_SUITE("vectors/bip") {
    TEST_CASE("BIP-32: vectors 1 to 4 by secret and by public derivation, vector 5 refused") {
        const auto file = test::read_vectors("bip/bip032-test-vectors.mediawiki");
        if (!file) return;
        std::istringstream lines(*file);
        std::optional<ExtendedSecret> root;
        std::vector<std::uint32_t> path;
        int chains = 0;
        int by_public_key = 0;
        int refused = 0;
        for (std::string line; std::getline(lines, line);) {
            CAPTURE(line);
            if (const auto seed = after(line, "Seed (hex): "); !seed.empty()) {
                root.emplace(*ExtendedSecret::from_seed(*from_hex(seed)));
            } else if (const auto chain = after(line, "* Chain m"); line.starts_with("* Chain m")) {
                path = parse_path(chain);
                ++chains;
            } else if (const auto xpub = after(line, "** ext pub: "); !xpub.empty()) {
                const auto key = root->derive(path);
                REQUIRE(key.has_value());
                CHECK(key->public_key().to_text() == xpub);
                const auto parsed = ExtendedKey::parse(xpub);
                REQUIRE(parsed.has_value());
                CHECK(*parsed == key->public_key());
                if (!path.empty() && path.back() < kHardened) {
                    const auto parent = root->derive(std::span(path).first(path.size() - 1));
                    CHECK(parent->public_key().child(path.back())->to_text() == xpub);
                    ++by_public_key;
                } else if (!path.empty()) {
                    CHECK(root->public_key().child(path.back()).error() ==
                          Bip32Error::hardened_needs_secret);
                }
            } else if (const auto xprv = after(line, "** ext prv: "); !xprv.empty()) {
                CHECK(root->derive(path)->expose_text().text() == xprv);
                const auto parsed = ExtendedSecret::parse(xprv);
                REQUIRE(parsed.has_value());
                CHECK(parsed->expose_text().text() == xprv);
            } else if (line.starts_with("* ")) {
                const std::string item = line.substr(2, line.find(' ', 2) - 2);
                CHECK_FALSE(ExtendedKey::parse(item).has_value());
                CHECK_FALSE(ExtendedSecret::parse(item).has_value());
                ++refused;
            }
        }
        CHECK(chains == 17);
        CHECK(by_public_key == 6);
        CHECK(refused == 16);
    }

    TEST_CASE("BIP-39: seeds and root keys of all 12 languages, phrases of the English list") {
        const auto file = test::read_vectors("bip/bip39-vectors.json");
        if (!file) return;
        int seeds = 0;
        int phrases = 0;
        const auto json = boost::json::parse(*file);
        for (const auto& [language, rows] : json.as_object()) {
            const std::string name(language);
            CAPTURE(name);
            for (const auto& row : rows.as_array()) {
                const Bytes entropy = *from_hex(text(row.at(0)));
                const std::string phrase = text(row.at(1));
                CAPTURE(phrase);
                const auto seed = phrase_to_seed(phrase, "TREZOR");
                REQUIRE(seed.has_value());
                CHECK(to_hex(seed->view()) == text(row.at(2)));
                CHECK(ExtendedSecret::from_seed(seed->view())->expose_text().text() ==
                      text(row.at(3)));
                ++seeds;
                if (name != "english") continue;
                const auto made = Mnemonic::from_entropy(entropy);
                REQUIRE(made.has_value());
                CHECK(made->text() == phrase);
                const auto parsed = Mnemonic::parse(phrase);
                REQUIRE(parsed.has_value());
                CHECK(to_hex(parsed->entropy().view()) == text(row.at(0)));
                ++phrases;
            }
        }
        CHECK(seeds == 12 * 24);
        CHECK(phrases == 24);
    }

    TEST_CASE("BIP-39: the word list is the published one") {
        const auto file = test::read_vectors("bip/bip39-english.txt");
        if (!file) return;
        std::istringstream lines(*file);
        std::uint32_t index = 0;
        for (std::string word; std::getline(lines, word); ++index) {
            CAPTURE(word);
            // Eleven words after this one in the entropy's first bits put it first in a phrase.
            Bytes entropy(16, 0);
            entropy[0] = static_cast<std::uint8_t>(index >> 3U);
            entropy[1] = static_cast<std::uint8_t>((index & 7U) << 5U);
            const auto phrase = Mnemonic::from_entropy(entropy);
            REQUIRE(phrase.has_value());
            CHECK(phrase->text().starts_with(word + " "));
        }
        CHECK(index == 2048);
    }

    TEST_CASE("BIP-84 and BIP-86: keys along their paths") {
        const auto bip86 = test::read_vectors("bip/bip086-test-vectors.mediawiki");
        const auto bip84 = test::read_vectors("bip/bip084-test-vectors.mediawiki");
        if (!bip86 || !bip84) return;
        int checks = 0;
        for (const auto* document : {&*bip86, &*bip84}) {
            std::istringstream lines(*document);
            std::optional<ExtendedSecret> root;
            std::vector<std::uint32_t> path;
            for (std::string line; std::getline(lines, line);) {
                CAPTURE(line);
                if (const auto phrase = after(line, "mnemonic = "); !phrase.empty()) {
                    root.emplace(root_of(phrase));
                } else if (line.find(" m/") != std::string::npos) {
                    path = parse_path(line.substr(line.find(" m/") + 2));
                } else if (const std::size_t equals = line.find("= ");
                           equals != std::string::npos) {
                    const std::string value = after(line, "= ");
                    const auto key = root->derive(path);
                    REQUIRE(key.has_value());
                    if (value.starts_with("xprv")) {
                        CHECK(key->expose_text().text() == value);
                    } else if (value.starts_with("xpub")) {
                        CHECK(key->public_key().to_text() == value);
                    } else if (line.find("internal_key") != std::string::npos) {
                        CHECK(to_hex(
                                  AccountSecret::from(key->expose().view())->public_key().view()) ==
                              value);
                    } else if (line.find("pubkey") != std::string::npos) {
                        CHECK(to_hex(key->public_key().point) == value);
                    } else if (line.find("privkey") != std::string::npos) {
                        // Wallet import format: version, key, and 01 for a compressed point.
                        Bytes raw = {0x80};
                        const ByteView scalar = key->expose().view();
                        raw.insert(raw.end(), scalar.begin(), scalar.end());
                        raw.push_back(1);
                        CHECK(detail::encode_base58check(raw) == value);
                    } else {
                        continue;  // scripts, and texts with other version bytes
                    }
                    ++checks;
                }
            }
        }
        CHECK(checks == 2 + 2 + 3 * 3 + 3 * 2);
    }

    TEST_CASE("BIP-173: valid and invalid Bech32 texts, and segregated witness addresses") {
        const auto file = test::read_vectors("bip/bip173-test-vectors.mediawiki");
        if (!file) return;
        // BIP-350 replaced the addresses of version 1 and above; those of this document are stale.
        const Counts counts = check_bech32_document(*file, Bech32Variant::bech32, false);
        CHECK(counts.valid == 7);
        CHECK(counts.invalid == 12);
        CHECK(counts.bad_addresses == 10);
    }

    TEST_CASE("BIP-350: valid and invalid Bech32m texts, and segregated witness addresses") {
        const auto file = test::read_vectors("bip/bip350-test-vectors.mediawiki");
        if (!file) return;
        const Counts counts = check_bech32_document(*file, Bech32Variant::bech32m, true);
        CHECK(counts.valid == 7);
        CHECK(counts.invalid == 14);
        CHECK(counts.addresses == 8);
        CHECK(counts.bad_addresses == 15);
    }
}

}  // namespace millrace
