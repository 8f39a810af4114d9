#include "node/rpc/access.hpp"

#include <sodium/randombytes.h>
#include <sodium/utils.h>

#include <algorithm>
#include <array>

#include "common/json.hpp"
#include "node/storage/durable_file.hpp"

namespace millrace::node::rpc {

/// One row of the tokens' file: never the token, only its hash.
struct TokenFileRow {
    TokenName name;
    BoundedVector<Scope, 3> scopes;
    Hash hash;
};
BOOST_DESCRIBE_STRUCT(TokenFileRow, (), (name, scopes, hash))
using TokenFileRows = BoundedVector<TokenFileRow, kTokensMax>;

namespace {

constexpr int kErrorAccess = 2;
constexpr unsigned kMode = 0600;
constexpr std::size_t kFileBytesMax = std::size_t{64} * 1024;
constexpr std::string_view kBearer = "Bearer ";

std::string new_secret() {
    std::array<std::uint8_t, 32> raw{};
    randombytes_buf(raw.data(), raw.size());
    return to_hex(ByteView(raw));
}

/// Secrets are compared by their hashes, so that no comparison's time tells how far they agree.
Hash hash_of(std::string_view secret) {
    return hash_bytes("mill/rpc-token", as_bytes(secret));
}
bool is_same(const Hash& a, const Hash& b) {
    return sodium_memcmp(a.bytes.data(), b.bytes.data(), Hash::kSize) == 0;
}

RpcError cannot_write(const Error& error) {
    return {RpcCode::internal_error, error.message};
}

}  // namespace

Result<std::unique_ptr<AccessControl>> AccessControl::open(const std::filesystem::path& folder,
                                                           bool is_required) {
    std::unique_ptr<AccessControl> access(new AccessControl(folder, is_required));
    MILLRACE_CHECK(access->make_cookie());
    MILLRACE_CHECK(access->read_tokens());
    return access;
}

Status<> AccessControl::make_cookie() {
    const std::string cookie = new_secret();
    cookie_hash_ = hash_of(cookie);
    return write_durably(folder_ / "rpc.cookie", as_bytes(cookie + "\n"), kMode);
}

Status<> AccessControl::read_tokens() {
    const std::filesystem::path path = folder_ / "rpc.tokens";
    MILLRACE_TRY(const std::optional<Bytes> text, read_small_file(path, kFileBytesMax));
    if (!text) return Ok{};
    boost::system::error_code ec;
    const auto document = boost::json::parse(as_text(*text), ec);
    const auto rows = ec ? Result<TokenFileRows, JsonError>(Err{JsonError{"", "not JSON"}})
                         : from_json<TokenFileRows>(document);
    if (!rows.has_value())
        return Err{Error{kErrorAccess, path.string() + ": " + rows.error().sentence() +
                                           "; remove it and make the tokens anew"}};
    for (const TokenFileRow& row : *rows) tokens_.push_back({{row.name, row.scopes}, row.hash});
    return Ok{};
}

Status<> AccessControl::write_tokens(const std::vector<Token>& tokens) const {
    TokenFileRows rows;
    for (const Token& one : tokens) rows.push_back({one.info.name, one.info.scopes, one.hash});
    return write_durably(folder_ / "rpc.tokens",
                         as_bytes(boost::json::serialize(to_json(rows)) + "\n"), kMode);
}

std::optional<Scopes> AccessControl::scopes_of(std::string_view authorization) const {
    if (authorization.empty()) return is_required_ ? Scopes{} : Scopes{Scope::read, Scope::submit};
    const std::optional<Hash> shown = credential_of(authorization);
    return shown ? scopes_of(*shown) : std::nullopt;
}

std::optional<Hash> AccessControl::credential_of(std::string_view authorization) {
    if (!authorization.starts_with(kBearer)) return std::nullopt;
    return hash_of(authorization.substr(kBearer.size()));
}

std::optional<Scopes> AccessControl::scopes_of(const Hash& shown) const {
    if (is_same(shown, cookie_hash_)) return Scopes{Scope::read, Scope::submit, Scope::admin};
    const std::lock_guard lock(mutex_);
    for (const Token& one : tokens_) {
        if (!is_same(shown, one.hash)) continue;
        Scopes scopes;
        for (const Scope scope : one.info.scopes) scopes.add(scope);
        return scopes;
    }
    return std::nullopt;
}

Result<std::string, RpcError> AccessControl::create(const TokenInfo& token) {
    const auto wrong = [](std::string why) {
        return Err{RpcError{RpcCode::invalid_params, std::move(why)}};
    };
    if (token.name.empty()) return wrong("name: a token needs a name, to be revoked by");
    if (token.scopes.empty()) return wrong("scopes: at least one of read, submit and admin");
    const std::lock_guard lock(mutex_);
    if (tokens_.size() >= kTokensMax)
        return wrong("there are " + std::to_string(kTokensMax) + " tokens; revoke one first");
    if (std::any_of(tokens_.begin(), tokens_.end(),
                    [&](const Token& t) { return t.info.name == token.name; }))
        return wrong("name: there is a token of this name");
    std::vector<Token> next = tokens_;
    std::string secret = new_secret();
    next.push_back({token, hash_of(secret)});
    if (const auto written = write_tokens(next); !written.has_value())
        return Err{cannot_write(written.error())};
    tokens_ = std::move(next);
    return secret;
}

std::vector<TokenInfo> AccessControl::list() const {
    const std::lock_guard lock(mutex_);
    std::vector<TokenInfo> out;
    out.reserve(tokens_.size());
    for (const Token& one : tokens_) out.push_back(one.info);
    return out;
}

Result<bool, RpcError> AccessControl::revoke(const TokenName& name) {
    const std::lock_guard lock(mutex_);
    std::vector<Token> next = tokens_;
    if (std::erase_if(next, [&](const Token& t) { return t.info.name == name; }) == 0) return false;
    if (const auto written = write_tokens(next); !written.has_value())
        return Err{cannot_write(written.error())};
    tokens_ = std::move(next);
    ++revocations_;
    return true;
}

}  // namespace millrace::node::rpc
