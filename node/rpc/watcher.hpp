#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "node/rpc/node_api.hpp"

namespace millrace::node::rpc {

/// The subscriptions of one connection. Nothing is queued for a client that does not read: each
/// subscription is a place in the chain's history, from which the next rows are read when there is
/// room to send them. So memory is bounded, and nothing is ever left out.
/// Lives on the thread of its connection. Source: docs/decisions/0034-subscriptions-are-cursors.md.
class Watcher final : public Subscriptions {
  public:
    Watcher(const NodeApi& api, std::size_t subscriptions_max)
        : api_(api), subscriptions_max_(subscriptions_max) {}

    [[nodiscard]] Result<std::uint32_t, RpcError> subscribe(const SubscribeParams& params) override;
    [[nodiscard]] bool unsubscribe(std::uint32_t subscription) override;

    /// A block has become final: every subscription looks again.
    void wake();
    /// The next notification's text; none when all are up to date.
    [[nodiscard]] std::optional<std::string> next();
    /// The last message to a client that does not read: where each subscription would go on.
    [[nodiscard]] std::string farewell(const std::string& reason) const;
    [[nodiscard]] bool is_empty() const { return subscriptions_.empty(); }

  private:
    struct Item {
        Cursor resume;
        std::string text;
        bool is_last = false;
    };
    struct Subscription {
        Topic topic = Topic::heads;
        std::optional<std::string> id;
        Bytes key;
        Cursor from;
        bool is_dirty = true;
        bool was_waiting = false;
        std::deque<Item> items;
    };
    void refill(std::uint32_t number, Subscription& subscription);
    void refill_heads(std::uint32_t number, Subscription& s, const StateSnapshot& snapshot,
                      Height head);
    void refill_rows(std::uint32_t number, Subscription& s, const StateSnapshot& snapshot,
                     Height floor);
    void refill_tx(std::uint32_t number, Subscription& s, const StateSnapshot& snapshot);
    void push(std::uint32_t number, Subscription& s, const Cursor& at, boost::json::value item,
              bool is_last = false);

    const NodeApi& api_;
    std::size_t subscriptions_max_;
    std::uint32_t last_number_ = 0;
    std::map<std::uint32_t, Subscription> subscriptions_;
    /// The one that was served last: the others come first.
    std::uint32_t served_ = 0;
};

/// What a notification of each topic carries, for the OpenRPC document.
[[nodiscard]] boost::json::object notification_schemas();

}  // namespace millrace::node::rpc
