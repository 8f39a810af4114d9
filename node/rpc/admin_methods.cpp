#include <spdlog/spdlog.h>

#include "node/rpc/node_api.hpp"

namespace millrace::node::rpc {

namespace {

enum class LogLevel : std::uint8_t { trace = 1, debug = 2, info = 3, warn = 4, error = 5 };
BOOST_DESCRIBE_ENUM(LogLevel, trace, debug, info, warn, error)

struct LogLevelParams {
    LogLevel level = LogLevel::info;
};
BOOST_DESCRIBE_STRUCT(LogLevelParams, (), (level))
struct LogLevelAnswer {
    LogLevel level = LogLevel::info;
};
BOOST_DESCRIBE_STRUCT(LogLevelAnswer, (), (level))
struct StopAnswer {
    bool stopping = true;
};
BOOST_DESCRIBE_STRUCT(StopAnswer, (), (stopping))
struct TokenAnswer {
    TokenName name;
    BoundedVector<Scope, 3> scopes;
    /// Shown once: the node keeps its hash only.
    std::string token;
};
BOOST_DESCRIBE_STRUCT(TokenAnswer, (), (name, scopes, token))
struct TokenNameParams {
    TokenName name;
};
BOOST_DESCRIBE_STRUCT(TokenNameParams, (), (name))
struct RevokeAnswer {
    bool revoked = true;
};
BOOST_DESCRIBE_STRUCT(RevokeAnswer, (), (revoked))

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
        case LogLevel::trace:
            return spdlog::level::trace;
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warn:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

Err<RpcError> nobody_serves() {
    return Err{RpcError{RpcCode::not_available, "this node is not run by millraced"}};
}

}  // namespace

void add_admin_methods(MethodTable& table, const NodeApi& api) {
    namespace json = boost::json;
    table
        .add<LogLevelParams>("node_set_log_level", "Changes the least level that is logged.",
                             json::object{{"level", "info"}},
                             [](const LogLevelParams& params) -> Result<LogLevelAnswer, RpcError> {
                                 spdlog::set_level(level_of(params.level));
                                 return LogLevelAnswer{params.level};
                             })
        .needs(Scope::admin);
    table
        .add<NoParams>("node_stop", "Ends the node as a signal would, once this is answered.",
                       json::object{},
                       [&api](const NoParams&) -> Result<StopAnswer, RpcError> {
                           if (!api.stop) return nobody_serves();
                           api.stop();
                           return StopAnswer{};
                       })
        .needs(Scope::admin);
    table
        .add<NoParams>("node_tokens", "The tokens of this node: names and scopes, no secrets.",
                       json::object{},
                       [&api](const NoParams&) -> Result<std::vector<TokenInfo>, RpcError> {
                           if (api.access == nullptr) return nobody_serves();
                           return api.access->list();
                       })
        .needs(Scope::admin);
    table
        .add<TokenInfo>("node_token_create",
                        "Makes a token for `Authorization: Bearer TOKEN`; it is shown this once.",
                        json::object{{"name", "example"}, {"scopes", json::array{"read"}}},
                        [&api](const TokenInfo& params) -> Result<TokenAnswer, RpcError> {
                            if (api.access == nullptr) return nobody_serves();
                            MILLRACE_TRY(std::string secret, api.access->create(params));
                            return TokenAnswer{params.name, params.scopes, std::move(secret)};
                        })
        .needs(Scope::admin);
    table
        .add<TokenNameParams>(
            "node_token_revoke", "Takes a token back at once.", json::object{{"name", "nobody"}},
            [&api](const TokenNameParams& params) -> Result<RevokeAnswer, RpcError> {
                if (api.access == nullptr) return nobody_serves();
                MILLRACE_TRY(const bool revoked, api.access->revoke(params.name));
                if (!revoked) return no_such("there is no token of this name");
                return RevokeAnswer{};
            })
        .needs(Scope::admin)
        .fails_with({RpcCode::not_found})
        .example_shows(RpcCode::not_found);
}

}  // namespace millrace::node::rpc
