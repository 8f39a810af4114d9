#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/account_key.hpp"
#include "common/address.hpp"
#include "common/secret_bytes.hpp"
#include "wallet/client.hpp"

/// Encrypted keys of accounts, one file each (docs/manual/wallet.md, "Keystore").
namespace millrace::wallet {

/// What a file's secret is: a phrase's entropy, from which the key is derived, or the key itself,
/// or none: the account is watched, and its key is elsewhere.
enum class SecretKind : std::uint8_t { phrase = 1, key = 2, watch = 3 };
BOOST_DESCRIBE_ENUM(SecretKind, phrase, key, watch)

/// One file of the keystore, as JSON. All but `box` is public.
struct KeyFile {
    std::uint32_t version = 1;
    Network network = Network::test;
    /// Without prefix, so that the file reads the same whatever the network.
    AccountKey public_key;
    SecretKind kind = SecretKind::phrase;
    /// BIP-44 account of a phrase; 0 for a key.
    std::uint32_t account = 0;
    /// Argon2id and XChaCha20-Poly1305 (docs/protocol/addresses.md, "Keystore box").
    BoundedBytes<4096> box;
};
BOOST_DESCRIBE_STRUCT(KeyFile, (), (version, network, public_key, kind, account, box))

inline constexpr std::size_t kAccountNameMax = 32;
/// Lower-case letters, digits, `-` and `_`, starting with a letter: safe as a file's name anywhere.
[[nodiscard]] bool is_account_name(std::string_view name);

class Keystore {
  public:
    explicit Keystore(std::filesystem::path folder) : folder_(std::move(folder)) {}

    struct Listed {
        std::string name;
        KeyFile file;
        [[nodiscard]] Address address() const { return to_address(file.public_key); }
    };
    /// All accounts, by name. A file that cannot be read fails the listing with its path.
    [[nodiscard]] Try<std::vector<Listed>> list() const;
    [[nodiscard]] Try<Listed> find(std::string_view name) const;
    /// The account to use when none is named: the only one, or the one called `default`. Of several
    /// `how` tells how to name one.
    [[nodiscard]] Try<Listed> pick(const std::optional<std::string>& name,
                                   std::string_view how = "say which with --from NAME") const;

    /// Whom a command asks about, which needs no key.
    struct Known {
        std::optional<std::string> name;
        Address address;
        Network network = Network::test;
    };
    /// `which`: a name, or any address of either network; none: as `pick`.
    [[nodiscard]] Try<Known> known(const std::optional<std::string>& which) const;

    /// Writes a new file, mode 0600, through a temporary name; refuses a name that is taken.
    [[nodiscard]] Try<Listed> add_phrase(const std::string& name, Network network, ByteView entropy,
                                         std::uint32_t account, std::string_view passphrase) const;
    [[nodiscard]] Try<Listed> add_key(const std::string& name, Network network,
                                      const AccountSecret& secret,
                                      std::string_view passphrase) const;

    /// An account whose key is elsewhere.
    [[nodiscard]] Try<Listed> add_watched(const std::string& name, Network network,
                                          const AccountKey& key) const;
    /// The account with this key.
    [[nodiscard]] Try<Listed> find_key(const AccountKey& key) const;

    /// Opens the box. Takes about a second: that is what a thief pays for each guess.
    [[nodiscard]] static Try<AccountSecret> open(const Listed& account,
                                                 std::string_view passphrase);
    /// The phrase of a phrase account.
    [[nodiscard]] static Try<SecretBuffer> open_phrase(const Listed& account,
                                                       std::string_view passphrase);

    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  private:
    [[nodiscard]] Try<Listed> write(const std::string& name, KeyFile file) const;
    std::filesystem::path folder_;
};

/// Where a passphrase comes from: a file's first line, the variable MILLRACE_PASSPHRASE, or a
/// prompt on the terminal, without echo.
struct PassphraseSource {
    std::optional<std::filesystem::path> file;
    /// Asked for twice, and not empty without being said so.
    [[nodiscard]] Try<SecretBuffer> for_new() const;
    [[nodiscard]] Try<SecretBuffer> for_open(std::string_view account) const;
};

}  // namespace millrace::wallet
