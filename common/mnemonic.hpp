#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <string_view>

#include "common/bytes.hpp"
#include "common/result.hpp"
#include "common/secret_bytes.hpp"

/// BIP-39 phrases: a wallet's entropy as 12 to 24 English words, and the seed of its keys.
namespace millrace {

enum class MnemonicError : std::uint8_t {
    bad_entropy_size = 1,  // not 16, 20, 24, 28 or 32 bytes
    bad_word_count = 2,    // not 12, 15, 18, 21 or 24 words
    unknown_word = 3,      // see `word`
    bad_checksum = 4,      // all words are of the list, one is wrong or two are swapped
    bad_text = 5,          // not UTF-8, or too long
};
BOOST_DESCRIBE_ENUM(MnemonicError, bad_entropy_size, bad_word_count, unknown_word, bad_checksum,
                    bad_text)
struct MnemonicRefusal {
    MnemonicError error;
    /// Number of the word that is not in the list, from 1; 0 where no single word is to blame.
    std::size_t word = 0;
};

/// A phrase whose words and checksum are right. Erased when destroyed.
class Mnemonic {
  public:
    [[nodiscard]] static Result<Mnemonic, MnemonicRefusal> from_entropy(ByteView entropy);
    /// Reads what a person typed: words in either case with any white space between. Full words
    /// only: an abbreviation would make two texts for one phrase.
    [[nodiscard]] static Result<Mnemonic, MnemonicRefusal> parse(std::string_view text);

    /// Lower-case words with single spaces.
    [[nodiscard]] std::string_view text() const { return text_.text(); }
    [[nodiscard]] const SecretBuffer& entropy() const { return entropy_; }

  private:
    Mnemonic(SecretBuffer text, SecretBuffer entropy)
        : text_(std::move(text)), entropy_(std::move(entropy)) {}
    SecretBuffer text_;
    SecretBuffer entropy_;
};

/// The 64-byte seed of a phrase in any language, by PBKDF2-HMAC-SHA512 with 2,048 rounds (about a
/// millisecond). Both texts are brought to NFKD first; words and checksum are not looked at, since
/// a seed is defined for every phrase. Refuses `bad_text` only.
[[nodiscard]] Result<SecretBytes<64>, MnemonicRefusal> phrase_to_seed(std::string_view phrase,
                                                                      std::string_view passphrase);

}  // namespace millrace
