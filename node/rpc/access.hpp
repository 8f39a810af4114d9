#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/bounded.hpp"
#include "common/hash.hpp"
#include "node/rpc/caller.hpp"

/// Who may do what over the RPC: the cookie, which whoever may read the data folder has, and tokens
/// with scopes. Source: docs/decisions/0033-cookie-and-tokens.md.
namespace millrace::node::rpc {

/// Tokens of one node: one a program that uses it is far below this.
inline constexpr std::size_t kTokensMax = 64;
using TokenName = BoundedString<32>;

struct TokenInfo {
    TokenName name;
    BoundedVector<Scope, 3> scopes;
};
BOOST_DESCRIBE_STRUCT(TokenInfo, (), (name, scopes))

/// Safe from any thread.
class AccessControl {
  public:
    /// Writes a new cookie to `rpc.cookie` (mode 0600) and reads `rpc.tokens`, both in `folder`.
    /// `is_required`: whoever shows neither may do nothing.
    [[nodiscard]] static Result<std::unique_ptr<AccessControl>> open(
        const std::filesystem::path& folder, bool is_required);

    /// What the bearer of this `Authorization` header may do; none when it shows a credential that
    /// is not one of ours. Costs one hash.
    [[nodiscard]] std::optional<Scopes> scopes_of(std::string_view authorization) const;
    /// What a connection that lasts keeps of its header, to look its scopes up again; none where
    /// the header shows no credential.
    [[nodiscard]] static std::optional<Hash> credential_of(std::string_view authorization);
    [[nodiscard]] std::optional<Scopes> scopes_of(const Hash& credential) const;
    /// Grows with each token that is taken back: until then, what was looked up still holds.
    [[nodiscard]] std::uint64_t revocations() const { return revocations_; }

    /// The secret, which only its maker ever sees.
    [[nodiscard]] Result<std::string, RpcError> create(const TokenInfo& token);
    [[nodiscard]] std::vector<TokenInfo> list() const;
    /// False when there is none of this name.
    [[nodiscard]] Result<bool, RpcError> revoke(const TokenName& name);

  private:
    struct Token {
        TokenInfo info;
        Hash hash;
    };
    AccessControl(std::filesystem::path folder, bool is_required)
        : folder_(std::move(folder)), is_required_(is_required) {}
    [[nodiscard]] Status<> make_cookie();
    [[nodiscard]] Status<> read_tokens();
    [[nodiscard]] Status<> write_tokens(const std::vector<Token>& tokens) const;

    std::filesystem::path folder_;
    bool is_required_;
    Hash cookie_hash_;
    mutable std::mutex mutex_;
    std::vector<Token> tokens_;
    std::atomic<std::uint64_t> revocations_{0};
};

}  // namespace millrace::node::rpc
