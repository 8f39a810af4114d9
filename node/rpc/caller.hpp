#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "common/result.hpp"
#include "node/chain/history.hpp"
#include "node/rpc/errors.hpp"

/// Who calls: what it may do, and where its subscriptions live.
namespace millrace::node::rpc {

/// What a method asks of its caller. None implies another: a token that may submit need not read.
enum class Scope : std::uint8_t { read = 1, submit = 2, admin = 4 };
BOOST_DESCRIBE_ENUM(Scope, read, submit, admin)

class Scopes {
  public:
    constexpr Scopes() = default;
    constexpr Scopes(std::initializer_list<Scope> scopes) {
        for (const Scope one : scopes) add(one);
    }
    constexpr void add(Scope scope) {
        bits_ = static_cast<std::uint8_t>(bits_ | static_cast<std::uint8_t>(scope));
    }
    [[nodiscard]] constexpr bool has(Scope scope) const {
        return (bits_ & static_cast<std::uint8_t>(scope)) != 0;
    }

  private:
    std::uint8_t bits_ = 0;
};

/// What can be watched over a WebSocket.
enum class Topic : std::uint8_t { heads = 1, tx = 2, account = 3, job = 4, clearings = 5 };
BOOST_DESCRIBE_ENUM(Topic, heads, tx, account, job, clearings)

struct SubscribeParams {
    Topic topic = Topic::heads;
    /// Of topic `tx`, `account` or `job`: the hash, address or job that it is about.
    std::optional<std::string> id;
    /// The first place to be told of; none begins with what comes next.
    std::optional<Cursor> from;
};
BOOST_DESCRIBE_STRUCT(SubscribeParams, (), (topic, id, from))

/// A connection that can be told of things. Only used on the thread of its connection.
class Subscriptions {
  public:
    virtual ~Subscriptions() = default;
    /// The number of the new subscription.
    [[nodiscard]] virtual Result<std::uint32_t, RpcError> subscribe(
        const SubscribeParams& params) = 0;
    /// False when there is none of this number.
    [[nodiscard]] virtual bool unsubscribe(std::uint32_t subscription) = 0;
};

struct Caller {
    Scopes scopes{Scope::read, Scope::submit};
    /// None over plain HTTP.
    Subscriptions* subscriptions = nullptr;
};

}  // namespace millrace::node::rpc
