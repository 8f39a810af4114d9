#include "wallet/trust_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "common/hash.hpp"
#include "common/json.hpp"

namespace millrace::wallet {

namespace fs = std::filesystem;

namespace {

/// Two sets of 240 members, each some 600 bytes as text, and a bit.
constexpr std::size_t kFileBytesMax = 512U << 10U;
constexpr std::size_t kUrlMax = 512;

struct KnownNode {
    BoundedString<kUrlMax> url;
    ChainId chain;
};
BOOST_DESCRIBE_STRUCT(KnownNode, (), (url, chain))

template <class T>
Try<std::optional<T>> read(const fs::path& path) {
    std::error_code ec;
    if (!fs::exists(path, ec)) return std::optional<T>();
    const auto damaged = [&](const std::string& why) {
        return Err{Failure{Exit::bad_input,
                           fmt::format("{}: {}; remove it, and what it remembers of the chain is "
                                       "learnt anew as on first use",
                                       path.string(), why)}};
    };
    std::ifstream file(path, std::ios::binary);
    std::string text(kFileBytesMax + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file && !file.eof()) return damaged("cannot be read");
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kFileBytesMax) return damaged("too large");
    boost::system::error_code not_json;
    const boost::json::value parsed = boost::json::parse(text, not_json);
    if (not_json) return damaged("not JSON");
    auto value = from_json<T>(parsed);
    if (!value.has_value()) return damaged(value.error().sentence());
    return std::optional<T>(*std::move(value));
}

/// Through a name of this process's own, so that two wallets at once never mix their bytes.
Try<Ok> replace(const fs::path& path, const boost::json::value& value) {
    std::error_code ec;
    fs::create_directories(path.parent_path(), ec);
    fs::permissions(path.parent_path(), fs::perms::owner_all, ec);
    const fs::path fresh = path.string() + fmt::format(".{}.new", ::getpid());
    const std::string text = boost::json::serialize(value) + "\n";
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const bool is_written =
        fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fsync(fd) == 0;
    const int code = errno;
    if (fd >= 0) ::close(fd);
    if (is_written && ::rename(fresh.c_str(), path.c_str()) == 0) return Ok{};
    const int reason = is_written ? errno : code;
    ::unlink(fresh.c_str());
    return Err{Failure{Exit::failed, fmt::format("cannot write {}: {}", path.string(),
                                                 std::generic_category().message(reason))}};
}

}  // namespace

fs::path TrustStore::chain_file(const ChainId& chain) const {
    return folder_ / fmt::format("chain-{}.json", to_hex(chain.view()));
}

fs::path TrustStore::node_file(const std::string& url) const {
    // An address is no file name; its hash is.
    const Hash name = hash_bytes("mill/node-url", as_bytes(url));
    return folder_ / fmt::format("node-{}.json", to_hex(name.view()).substr(0, 32));
}

Try<std::optional<Trust>> TrustStore::load(const ChainId& chain) const {
    MILLRACE_TRY(auto trust, read<Trust>(chain_file(chain)));
    if (trust && (trust->version != 1 || trust->chain != chain))
        return Err{Failure{Exit::bad_input,
                           fmt::format("{} was written by a later version, or is of another chain; "
                                       "remove it to begin anew",
                                       chain_file(chain).string())}};
    return trust;
}

Try<Ok> TrustStore::save(const Trust& trust) const {
    return replace(chain_file(trust.chain), to_json(trust, {trust.network}));
}

Try<std::optional<ChainId>> TrustStore::chain_of(const std::string& url) const {
    MILLRACE_TRY(const auto known, read<KnownNode>(node_file(url)));
    if (!known || std::string(known->url) != url) return std::optional<ChainId>();
    return std::optional(known->chain);
}

Try<Ok> TrustStore::pin(const std::string& url, const ChainId& chain) const {
    KnownNode known;
    known.url = url.substr(0, kUrlMax);
    known.chain = chain;
    return replace(node_file(url), to_json(known));
}

}  // namespace millrace::wallet
