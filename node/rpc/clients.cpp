#include "node/rpc/clients.hpp"

#include <algorithm>

namespace millrace::node::rpc {

namespace {
/// Clients whose allowance is remembered. One that is forgotten begins with a full one, so those go
/// first that have one anyway.
constexpr std::size_t kBucketsMax = 4'096;
/// What was let in has this long to ask before it may be displaced: else a flood that comes faster
/// than a request is read would displace those who mean to ask.
constexpr std::uint64_t kGraceMs = 100;
}  // namespace

std::size_t Clients::living(const std::string* client) const {
    return static_cast<std::size_t>(
        std::count_if(connections_.begin(), connections_.end(), [&](const ConnectionPtr& c) {
            return !c->is_evicted && (client == nullptr || (!c->is_exempt && c->client == *client));
        }));
}

bool Clients::evict(const std::string* client, std::uint64_t now_ms) {
    std::map<std::string, std::size_t> of;
    for (const ConnectionPtr& c : connections_)
        if (!c->is_evicted) ++of[c->client];
    ConnectionPtr worst;
    for (const ConnectionPtr& c : connections_) {
        const std::uint64_t since = c->idle_since_ms;
        if (c->is_evicted || since == 0 || now_ms < since + kGraceMs) continue;
        if (client != nullptr && (c->is_exempt || c->client != *client)) continue;
        const bool is_worse =
            !worst || of[c->client] > of[worst->client] ||
            (of[c->client] == of[worst->client] && c->idle_since_ms < worst->idle_since_ms);
        if (is_worse) worst = c;
    }
    if (!worst) return false;
    worst->is_evicted = true;
    if (worst->close) worst->close();
    return true;
}

ConnectionPtr Clients::admit(std::string client, bool is_exempt, std::uint64_t now_ms) {
    const std::lock_guard lock(mutex_);
    // Else a flood that comes faster than connections close would use up the descriptors.
    if (connections_.size() >= limits_.connections_max + kClosingMax) return nullptr;
    if (!is_exempt && living(&client) >= limits_.client_connections_max && !evict(&client, now_ms))
        return nullptr;
    if (living(nullptr) >= limits_.connections_max && !evict(nullptr, now_ms)) return nullptr;
    auto connection = std::make_shared<Connection>();
    connection->client = std::move(client);
    connection->is_exempt = is_exempt;
    connection->idle_since_ms = now_ms;
    connections_.push_back(connection);
    return connection;
}

void Clients::set_close(const ConnectionPtr& connection, std::function<void()> close) {
    const std::lock_guard lock(mutex_);
    connection->close = std::move(close);
    if (connection->is_evicted) connection->close();
}
void Clients::remove(const ConnectionPtr& connection) {
    const std::lock_guard lock(mutex_);
    connections_.remove(connection);
}
std::size_t Clients::busy() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(
        connections_.begin(), connections_.end(),
        [](const ConnectionPtr& c) { return c->idle_since_ms == 0 && !c->is_lasting; }));
}
std::size_t Clients::size() const {
    const std::lock_guard lock(mutex_);
    return connections_.size();
}

std::optional<std::uint64_t> Clients::charge(const Connection& connection, std::size_t calls,
                                             std::uint64_t now_ms) {
    if (connection.is_exempt || limits_.calls_per_second_max == 0) return std::nullopt;
    const std::uint64_t rate = limits_.calls_per_second_max;
    const std::uint64_t full = rate * 1'000;
    const std::lock_guard lock(mutex_);
    const auto refilled = [&](const Bucket& b) {
        return std::min(full, b.tokens + std::min<std::uint64_t>(now_ms - b.at_ms, 1'000) * rate);
    };
    if (buckets_.size() >= kBucketsMax && !buckets_.contains(connection.client))
        buckets_.erase(std::max_element(
            buckets_.begin(), buckets_.end(),
            [&](const auto& a, const auto& b) { return refilled(a.second) < refilled(b.second); }));
    Bucket& bucket = buckets_.try_emplace(connection.client, Bucket{full, now_ms}).first->second;
    bucket.tokens = refilled(bucket);
    bucket.at_ms = now_ms;
    // A batch above a second's allowance is taken from a full bucket, which then owes nothing more:
    // else it could never be made.
    const std::uint64_t price = std::min<std::uint64_t>(calls * 1'000, full);
    if (bucket.tokens < price) return (price - bucket.tokens + rate - 1) / rate;
    bucket.tokens -= price;
    return std::nullopt;
}

}  // namespace millrace::node::rpc
