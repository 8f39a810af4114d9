#include "node/keys.hpp"

#include <fcntl.h>
#include <sodium/randombytes.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "common/secret_bytes.hpp"
#include "node/storage/durable_file.hpp"

namespace millrace::node {

namespace {

constexpr int kErrorKeys = 2;
constexpr std::size_t kTextBytes = 64;
constexpr unsigned kKeyMode = 0600;

Error key_error(const std::filesystem::path& path, const std::string& what) {
    return Error{kErrorKeys, "key file " + path.string() + ": " + what};
}

Result<SecretBytes<32>> read_key(const std::filesystem::path& path, int fd) {
    struct stat info{};
    if (::fstat(fd, &info) != 0) return Err{key_error(path, "cannot be read")};
    if ((info.st_mode & 0077U) != 0)
        return Err{key_error(path,
                             "others may read it; run chmod 600 on it, and think of the key "
                             "as known to them")};
    std::array<char, kTextBytes + 1> text{};
    const EraseAtExit erase({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    const ssize_t got = ::read(fd, text.data(), text.size());
    if (got < static_cast<ssize_t>(kTextBytes))
        return Err{key_error(path, "is cut short; restore it from a backup")};
    auto raw = from_hex({text.data(), kTextBytes});
    if (!raw) return Err{key_error(path, "is not 64 hexadecimal digits")};
    const EraseAtExit erase_raw(*raw);
    return *SecretBytes<32>::from(*raw);
}

Result<SecretBytes<32>> make_key(const std::filesystem::path& path) {
    SecretBytes<32> secret;
    randombytes_buf(secret.data(), SecretBytes<32>::kSize);
    std::string text = to_hex(secret.view()) + "\n";
    const EraseAtExit erase({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    MILLRACE_CHECK(write_durably(path, as_bytes(text), kKeyMode));
    return secret;
}

Result<SecretBytes<32>> load_or_make(const std::filesystem::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return make_key(path);
    if (fd < 0) return Err{key_error(path, std::generic_category().message(errno))};
    auto key = read_key(path, fd);
    ::close(fd);
    return key;
}

}  // namespace

Result<NodeKeys> load_or_make_keys(const std::filesystem::path& folder) {
    std::error_code ec;
    std::filesystem::create_directories(folder, ec);
    if (ec) return Err{key_error(folder, ec.message())};
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ec);
    MILLRACE_TRY(const SecretBytes<32> vote, load_or_make(folder / "vote.key"));
    MILLRACE_TRY(const SecretBytes<32> vrf, load_or_make(folder / "vrf.key"));
    MILLRACE_TRY(const SecretBytes<32> peer, load_or_make(folder / "peer.key"));
    MILLRACE_TRY(const SecretBytes<32> provider, load_or_make(folder / "provider.key"));
    MILLRACE_TRY(const SecretBytes<32> provider_vrf, load_or_make(folder / "provider_vrf.key"));
    auto account = AccountSecret::from(provider.view());
    // One in 2^128 draws is no scalar; such a file is not ours.
    if (!account) return Err{key_error(folder / "provider.key", "is not a secp256k1 key")};
    return NodeKeys{Ed25519Secret(vote), VrfSecret(vrf), Ed25519Secret(peer), *std::move(account),
                    VrfSecret(provider_vrf)};
}

}  // namespace millrace::node
