#include "wallet/keystore.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium/randombytes.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include "common/bip32.hpp"
#include "common/mnemonic.hpp"
#include "common/secret_box.hpp"

namespace millrace::wallet {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kFileBytesMax = 16 * 1024;
constexpr std::size_t kPassphraseMax = 1024;
constexpr const char* kSuffix = ".json";

Failure bad_file(const fs::path& path, const std::string& what) {
    return {Exit::bad_input, fmt::format("keystore file {}: {}", path.string(), what)};
}

Try<std::string> read_text(const fs::path& path, std::size_t size_max) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return Err{Failure{Exit::bad_input, fmt::format("cannot read {}: {}", path.string(),
                                                        std::generic_category().message(errno))}};
    std::string text(size_max + 1, '\0');
    std::size_t size = 0;
    for (;;) {
        const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        size += static_cast<std::size_t>(got);
    }
    ::close(fd);
    if (size > size_max) return Err{bad_file(path, "larger than a key file can be")};
    text.resize(size);
    return text;
}

/// What the box is bound to: public members of the file, so that boxes cannot be swapped between
/// files and the account's number cannot be changed under a phrase.
Bytes associated_data(const KeyFile& file) {
    Encoder out;
    encode_into(out, file.version);
    encode_into(out, file.network);
    encode_into(out, file.public_key);
    encode_into(out, file.kind);
    encode_into(out, file.account);
    return std::move(out).take();
}

Try<BoundedBytes<4096>> seal(const KeyFile& file, ByteView secret, std::string_view passphrase) {
    BoxEntropy entropy;
    randombytes_buf(entropy.salt.data(), entropy.salt.size());
    randombytes_buf(entropy.nonce.data(), entropy.nonce.size());
    auto box = seal_box(secret, passphrase, associated_data(file), kBoxCostModerate, entropy);
    if (!box.has_value())
        return Err{Failure{Exit::failed,
                           fmt::format("cannot encrypt the key: {}", enum_name(box.error()))}};
    return BoundedBytes<4096>(*std::move(box));
}

Try<SecretBuffer> unseal(const Keystore::Listed& account, std::string_view passphrase) {
    if (account.file.kind == SecretKind::watch)
        return Err{Failure{
            Exit::bad_input,
            fmt::format("account \"{}\" is watch-only and has no secret here", account.name)}};
    auto secret = open_box(account.file.box, passphrase, associated_data(account.file));
    if (secret.has_value()) return *std::move(secret);
    if (secret.error() == SecretBoxError::wrong_passphrase)
        return Err{Failure{Exit::wrong_passphrase,
                           fmt::format("wrong passphrase for account \"{}\"", account.name)}};
    return Err{Failure{Exit::bad_input, fmt::format("account \"{}\" cannot be opened: {}",
                                                    account.name, enum_name(secret.error()))}};
}

Try<AccountSecret> derive(Network network, ByteView entropy, std::uint32_t account) {
    auto phrase = Mnemonic::from_entropy(entropy);
    if (!phrase.has_value())
        return Err{Failure{Exit::bad_input, "the phrase's entropy is damaged"}};
    auto seed = phrase_to_seed(phrase->text(), "");
    if (!seed.has_value()) return Err{Failure{Exit::bad_input, "the phrase is damaged"}};
    auto secret = derive_account(*seed, network, account);
    if (!secret.has_value())
        return Err{Failure{Exit::bad_input,
                           "this phrase has no key for that account number; take the next"}};
    return *std::move(secret);
}

constexpr char kCtrlC = 3;
constexpr char kCtrlD = 4;
constexpr char kCtrlU = 21;
constexpr char kDelete = 127;

/// Turns the terminal's echo off for its lifetime. Its keys for signals are off too: a program that
/// Ctrl-C ends in between would leave a terminal that shows nothing.
class Quiet {
  public:
    explicit Quiet(int fd) : fd_(fd) {
        is_changed_ = ::tcgetattr(fd_, &before_) == 0;
        if (!is_changed_) return;
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG | ICANON);
        quiet.c_cc[VMIN] = 1;
        quiet.c_cc[VTIME] = 0;
        ::tcsetattr(fd_, TCSAFLUSH, &quiet);
    }
    [[nodiscard]] cc_t key(int which, char otherwise) const {
        return is_changed_ ? before_.c_cc[which] : static_cast<cc_t>(otherwise);
    }
    ~Quiet() {
        if (is_changed_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

  private:
    int fd_;
    termios before_{};
    bool is_changed_ = false;
};

/// Where the last character before `size` begins: UTF-8 goes in whole characters.
std::size_t previous_character(ByteView line, std::size_t size) {
    while (size > 0 && (line[size - 1] & 0xc0U) == 0x80U) --size;
    return size > 0 ? size - 1 : 0;
}

Try<SecretBuffer> prompt(const std::string& question) {
    const int tty = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (tty < 0)
        return Err{Failure{Exit::usage,
                           "a passphrase is needed and there is no terminal to ask on; use "
                           "--passphrase-file or the variable MILLRACE_PASSPHRASE"}};
    SecretBuffer line(kPassphraseMax);
    std::size_t size = 0;
    bool is_stopped = false;
    {
        const Quiet quiet(tty);
        (void)!::write(tty, question.data(), question.size());
        std::uint8_t c = 0;
        // Line editing as the terminal itself would do it, whose keys for it are off.
        while (::read(tty, &c, 1) == 1 && c != '\n' && c != '\r') {
            is_stopped = c == quiet.key(VINTR, kCtrlC);
            if (is_stopped || c == quiet.key(VEOF, kCtrlD)) break;
            if (c == quiet.key(VERASE, kDelete) || c == '\b')
                size = previous_character(line.view(), size);
            else if (c == quiet.key(VKILL, kCtrlU))
                size = 0;
            else if (size < line.size())
                line.mutable_view()[size++] = c;
        }
        (void)!::write(tty, "\n", 1);
    }
    ::close(tty);
    if (is_stopped) return Err{Failure{Exit::interrupted, "stopped; nothing was sent"}};
    return SecretBuffer(line.view().first(size));
}

Try<std::optional<SecretBuffer>> unattended(const std::optional<fs::path>& file) {
    if (file) {
        MILLRACE_TRY(std::string text, read_text(*file, kPassphraseMax));
        const EraseAtExit erase(
            {reinterpret_cast<std::uint8_t*>(text.data()), text.size()});  // as bytes
        const std::size_t end = text.find_first_of("\r\n");
        return std::optional(SecretBuffer(as_bytes(std::string_view(text).substr(0, end))));
    }
    if (const char* text = std::getenv("MILLRACE_PASSPHRASE"))
        return std::optional(SecretBuffer(as_bytes(text)));
    return std::optional<SecretBuffer>();
}

}  // namespace

bool is_account_name(std::string_view name) {
    if (name.empty() || name.size() > kAccountNameMax) return false;
    if (name.front() < 'a' || name.front() > 'z') return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

Try<std::vector<Keystore::Listed>> Keystore::list() const {
    std::vector<Listed> out;
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(folder_, ec)) {
        if (entry.path().extension() != kSuffix) continue;
        MILLRACE_TRY(Listed account, find(entry.path().stem().string()));
        out.push_back(std::move(account));
    }
    if (ec && ec != std::errc::no_such_file_or_directory)
        return Err{Failure{Exit::bad_input, fmt::format("cannot read the keystore {}: {}",
                                                        folder_.string(), ec.message())}};
    std::sort(out.begin(), out.end(),
              [](const Listed& a, const Listed& b) { return a.name < b.name; });
    return out;
}

Try<Keystore::Listed> Keystore::find(std::string_view name) const {
    const fs::path path = folder_ / (std::string(name) + kSuffix);
    if (!is_account_name(name) || !fs::exists(path))
        return Err{Failure{Exit::not_found,
                           fmt::format("no account \"{}\" in {}; `millrace account list` shows all",
                                       name, folder_.string())}};
    MILLRACE_TRY(const std::string text, read_text(path, kFileBytesMax));
    boost::system::error_code ec;
    const boost::json::value parsed = boost::json::parse(text, ec);
    if (ec) return Err{bad_file(path, "not JSON")};
    auto file = from_json<KeyFile>(parsed);
    if (!file.has_value()) return Err{bad_file(path, file.error().sentence())};
    if (file->version != 1) return Err{bad_file(path, "written by a later version")};
    return Listed{std::string(name), *std::move(file)};
}

Try<Keystore::Listed> Keystore::pick(const std::optional<std::string>& name,
                                     std::string_view how) const {
    if (name) return find(*name);
    MILLRACE_TRY(std::vector<Listed> all, list());
    if (all.empty())
        return Err{Failure{Exit::not_found,
                           "there is no account yet; make one with `millrace account new`"}};
    if (all.size() == 1) return std::move(all.front());
    for (Listed& account : all)
        if (account.name == "default") return std::move(account);
    return Err{Failure{Exit::usage, fmt::format("there are several accounts; {}", how)}};
}

Try<Keystore::Known> Keystore::known(const std::optional<std::string>& which) const {
    // Every address has a 1; a name may have one, and is then no address of a right checksum.
    if (which && which->find('1') != std::string::npos) {
        for (const Network network : {Network::main, Network::test}) {
            const auto address = parse_address(*which, network);
            if (address.has_value()) return Known{std::nullopt, *address, network};
        }
    }
    MILLRACE_TRY(const Listed account, pick(which, "name one of `millrace account list`"));
    return Known{account.name, account.address(), account.file.network};
}

Try<Keystore::Listed> Keystore::add_phrase(const std::string& name, Network network,
                                           ByteView entropy, std::uint32_t account,
                                           std::string_view passphrase) const {
    MILLRACE_TRY(const AccountSecret secret, derive(network, entropy, account));
    KeyFile file;
    file.network = network;
    file.public_key = secret.public_key();
    file.kind = SecretKind::phrase;
    file.account = account;
    MILLRACE_TRY(file.box, seal(file, entropy, passphrase));
    return write(name, std::move(file));
}

Try<Keystore::Listed> Keystore::add_key(const std::string& name, Network network,
                                        const AccountSecret& secret,
                                        std::string_view passphrase) const {
    KeyFile file;
    file.network = network;
    file.public_key = secret.public_key();
    file.kind = SecretKind::key;
    MILLRACE_TRY(file.box, seal(file, secret.expose().view(), passphrase));
    return write(name, std::move(file));
}

Try<Keystore::Listed> Keystore::add_watched(const std::string& name, Network network,
                                            const AccountKey& key) const {
    KeyFile file;
    file.network = network;
    file.public_key = key;
    file.kind = SecretKind::watch;
    return write(name, std::move(file));
}

Try<Keystore::Listed> Keystore::find_key(const AccountKey& key) const {
    MILLRACE_TRY(std::vector<Listed> all, list());
    for (Listed& account : all)
        if (account.file.public_key == key && account.file.kind != SecretKind::watch)
            return std::move(account);
    return Err{Failure{Exit::not_found,
                       fmt::format("no account in {} has the key {}; name the keystore that has it "
                                   "with --keystore",
                                   folder_.string(), to_hex(key.view()))}};
}

Try<Keystore::Listed> Keystore::write(const std::string& name, KeyFile file) const {
    if (!is_account_name(name))
        return Err{
            Failure{Exit::usage, fmt::format("\"{}\" is no account name: a letter a to z, then "
                                             "letters, digits, - or _, at most {}",
                                             name, kAccountNameMax)}};
    std::error_code ec;
    fs::create_directories(folder_, ec);
    if (ec)
        return Err{Failure{Exit::failed, fmt::format("cannot make the keystore {}: {}",
                                                     folder_.string(), ec.message())}};
    fs::permissions(folder_, fs::perms::owner_all, ec);
    const fs::path path = folder_ / (name + kSuffix);
    const fs::path fresh = folder_ / ("." + name + ".new");
    const std::string text = boost::json::serialize(to_json(file)) + "\n";
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const bool is_written =
        fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fsync(fd) == 0;
    if (fd >= 0) ::close(fd);
    // A link, not a rename: it fails where the name is taken, so no key is ever overwritten.
    const bool is_linked = is_written && ::link(fresh.c_str(), path.c_str()) == 0;
    const int code = errno;
    ::unlink(fresh.c_str());
    if (is_linked) return Listed{name, std::move(file)};
    if (is_written && code == EEXIST)
        return Err{
            Failure{Exit::bad_input,
                    fmt::format("there is an account \"{}\" already; choose another name", name)}};
    return Err{Failure{Exit::failed, fmt::format("cannot write {}: {}", path.string(),
                                                 std::generic_category().message(code))}};
}

Try<AccountSecret> Keystore::open(const Listed& account, std::string_view passphrase) {
    MILLRACE_TRY(const SecretBuffer secret, unseal(account, passphrase));
    if (account.file.kind == SecretKind::phrase)
        return derive(account.file.network, secret.view(), account.file.account);
    auto key = AccountSecret::from(secret.view());
    if (!key) return Err{Failure{Exit::bad_input, "the stored key is damaged"}};
    return *std::move(key);
}

Try<SecretBuffer> Keystore::open_phrase(const Listed& account, std::string_view passphrase) {
    if (account.file.kind != SecretKind::phrase)
        return Err{Failure{
            Exit::bad_input,
            fmt::format("account \"{}\" was imported as a key and has no phrase", account.name)}};
    MILLRACE_TRY(const SecretBuffer entropy, unseal(account, passphrase));
    auto phrase = Mnemonic::from_entropy(entropy.view());
    if (!phrase.has_value()) return Err{Failure{Exit::bad_input, "the stored phrase is damaged"}};
    return SecretBuffer(as_bytes(phrase->text()));
}

Try<SecretBuffer> PassphraseSource::for_open(std::string_view account) const {
    MILLRACE_TRY(std::optional<SecretBuffer> given, unattended(file));
    if (given) return *std::move(given);
    return prompt(fmt::format("Passphrase of account \"{}\": ", account));
}

Try<SecretBuffer> PassphraseSource::for_new() const {
    MILLRACE_TRY(std::optional<SecretBuffer> given, unattended(file));
    if (given) return *std::move(given);
    MILLRACE_TRY(SecretBuffer first, prompt("Passphrase for the new account: "));
    if (first.size() == 0)
        return Err{Failure{Exit::usage,
                           "an empty passphrase protects nothing; to want it all the same, set the "
                           "variable MILLRACE_PASSPHRASE to the empty text"}};
    MILLRACE_TRY(const SecretBuffer second, prompt("The same again: "));
    if (first.text() != second.text())
        return Err{Failure{Exit::usage, "the two passphrases differ; nothing was written"}};
    return first;
}

}  // namespace millrace::wallet
