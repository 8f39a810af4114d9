#include "node/rpc/watcher.hpp"

#include "node/chain/block_store.hpp"

namespace millrace::node::rpc {

namespace json = boost::json;

namespace {

/// Rows read ahead of sending: few enough to be cheap, many enough not to seek for each.
constexpr std::size_t kReadAhead = 32;
/// Of blocks, each of which may be megabytes on the disk, though only its header is told.
constexpr std::size_t kHeadsReadAhead = 4;

struct HeadItem {
    BlockHash hash;
    market::BlockHeader header;
};
BOOST_DESCRIBE_STRUCT(HeadItem, (), (hash, header))

enum class TxNews : std::uint8_t { unknown = 1, waiting = 2, final = 3, dropped = 4 };
BOOST_DESCRIBE_ENUM(TxNews, unknown, waiting, final, dropped)
struct TxItem {
    TxHash hash;
    TxNews state = TxNews::unknown;
    std::optional<Height> height;
    std::optional<std::uint32_t> index;
    std::optional<market::Receipt> receipt;
};
BOOST_DESCRIBE_STRUCT(TxItem, (), (hash, state, height, index, receipt))

template <class T>
T must(Result<T> read) {
    if (!read.has_value()) stop_on_ledger_fault(read.error());
    return *std::move(read);
}

Err<RpcError> wrong(std::string why) {
    return Err{RpcError{RpcCode::invalid_params, std::move(why)}};
}

/// The bytes that a topic's id stands for.
Result<Bytes, RpcError> key_of(const SubscribeParams& params, Network network) {
    const bool has_id =
        params.topic == Topic::tx || params.topic == Topic::account || params.topic == Topic::job;
    if (has_id != params.id.has_value())
        return wrong(has_id ? "id: this topic needs one" : "id: this topic has none");
    if (!has_id) return Bytes{};
    const json::value text(*params.id);
    const auto bytes_of = [](const auto& parsed) -> Result<Bytes, RpcError> {
        if (!parsed.has_value()) return wrong(parsed.error().sentence());
        return Bytes(parsed->view().begin(), parsed->view().end());
    };
    if (params.topic == Topic::account)
        return bytes_of(from_json<Address>(text, "id", JsonStyle{network}));
    if (params.topic == Topic::job) return bytes_of(from_json<JobId>(text, "id"));
    return bytes_of(from_json<TxHash>(text, "id"));
}

Height head_of(const StateSnapshot& snapshot) {
    return must(BlockStore(snapshot.db()).head())->height;
}

}  // namespace

Result<std::uint32_t, RpcError> Watcher::subscribe(const SubscribeParams& params) {
    MILLRACE_TRY(Bytes key, key_of(params, api_.network));
    if (subscriptions_.size() >= subscriptions_max_)
        return Err{RpcError{RpcCode::rate_limited,
                            "at most " + std::to_string(subscriptions_max_) +
                                " subscriptions on one connection; unsubscribe from another"}};
    const StateSnapshot snapshot(api_.db);
    Subscription s;
    s.topic = params.topic;
    s.id = params.id;
    s.key = std::move(key);
    s.from = params.from.value_or(Cursor{millrace::next(head_of(snapshot)), 0});
    const bool from_history = params.topic != Topic::heads && params.topic != Topic::tx;
    if (const Height floor = history_floor(api_, snapshot);
        params.from && from_history && s.from < Cursor{floor, 0} && floor != Height{})
        return Err{RpcError{RpcCode::not_found,
                            "this node keeps no history below height " +
                                std::to_string(floor.value) + "; begin there or ask another node",
                            json::object{{"since", floor.value}}}};
    subscriptions_.emplace(++last_number_, std::move(s));
    return last_number_;
}

bool Watcher::unsubscribe(std::uint32_t subscription) {
    return subscriptions_.erase(subscription) != 0;
}

void Watcher::wake() {
    for (auto& [number, s] : subscriptions_) s.is_dirty = true;
}

std::optional<std::string> Watcher::next() {
    // Round robin: a busy account does not hold up the others.
    auto at = subscriptions_.upper_bound(served_);
    for (std::size_t i = 0; i < subscriptions_.size(); ++i, ++at) {
        if (at == subscriptions_.end()) at = subscriptions_.begin();
        auto& [number, s] = *at;
        if (s.items.empty() && s.is_dirty) refill(number, s);
        if (s.items.empty()) continue;
        Item item = std::move(s.items.front());
        s.items.pop_front();
        s.from = item.resume;
        served_ = number;
        if (item.is_last) subscriptions_.erase(at);
        return std::move(item.text);
    }
    return std::nullopt;
}

void Watcher::refill(std::uint32_t number, Subscription& s) {
    const StateSnapshot snapshot(api_.db);
    s.is_dirty = false;
    switch (s.topic) {
        case Topic::heads:
            return refill_heads(number, s, snapshot, head_of(snapshot));
        case Topic::tx:
            return refill_tx(number, s, snapshot);
        case Topic::account:
        case Topic::job:
        case Topic::clearings:
            return refill_rows(number, s, snapshot, history_floor(api_, snapshot));
    }
}

void Watcher::refill_heads(std::uint32_t number, Subscription& s, const StateSnapshot& snapshot,
                           Height head) {
    const BlockStore blocks(snapshot.db());
    Height at = s.from.index == 0 ? s.from.height : millrace::next(s.from.height);
    for (; at <= head; at = millrace::next(at)) {
        if (s.items.size() == kHeadsReadAhead) {
            s.is_dirty = true;
            return;
        }
        const auto header = must(blocks.header(at));
        if (!header) continue;
        const HeadItem item{market::block_hash(*header), *header};
        push(number, s, {at, 0}, to_json(item, JsonStyle{api_.network}));
    }
}

void Watcher::refill_rows(std::uint32_t number, Subscription& s, const StateSnapshot& snapshot,
                          Height floor) {
    const HistoryReader history(snapshot.db(), floor);
    const JsonStyle style{api_.network};
    const auto take = [&](const auto& page) {
        for (const auto& row : page.rows)
            push(number, s, {row.height, row.index}, to_json(row, style));
        s.is_dirty = page.next.has_value();
    };
    if (s.topic == Topic::clearings)
        take(must(history.clearings(s.from, kReadAhead)));
    else
        take(must(history.rows(s.topic == Topic::account ? HistoryOf::account : HistoryOf::job,
                               s.key, s.from, kReadAhead)));
}

/// Waiting is told once; what is final, or can be no more, is the last word.
void Watcher::refill_tx(std::uint32_t number, Subscription& s, const StateSnapshot& snapshot) {
    const BlockStore blocks(snapshot.db());
    TxItem item;
    item.hash = *TxHash::from(s.key);
    Cursor at{head_of(snapshot), 0};
    if (const auto place = must(blocks.place_of(item.hash))) {
        item.state = TxNews::final;
        item.height = place->height;
        item.index = place->index;
        item.receipt = place->receipt;
        at = {place->height, place->index};
    } else if (api_.mempool.find(item.hash)) {
        if (s.was_waiting) return;
        s.was_waiting = true;
        item.state = TxNews::waiting;
    } else if (s.was_waiting) {
        item.state = TxNews::dropped;
    } else {
        return;  // not known yet: it may still come
    }
    const bool is_last = item.state == TxNews::final || item.state == TxNews::dropped;
    push(number, s, at, to_json(item, JsonStyle{api_.network}), is_last);
}

void Watcher::push(std::uint32_t number, Subscription& s, const Cursor& at, json::value item,
                   bool is_last) {
    const Cursor resume = after(at);
    json::object params{{"subscription", number},
                        {"topic", enum_name(s.topic)},
                        {"item", std::move(item)},
                        {"resume", to_json(resume)}};
    if (is_last) params["last"] = true;
    const json::object text{
        {"jsonrpc", "2.0"}, {"method", "node_subscription"}, {"params", std::move(params)}};
    s.items.push_back({resume, json::serialize(text), is_last});
}

std::string Watcher::farewell(const std::string& reason) const {
    json::array resume;
    for (const auto& [number, s] : subscriptions_) {
        json::object one{
            {"subscription", number}, {"topic", enum_name(s.topic)}, {"from", to_json(s.from)}};
        if (s.id) one["id"] = *s.id;
        resume.emplace_back(std::move(one));
    }
    return json::serialize(
        json::object{{"jsonrpc", "2.0"},
                     {"method", "node_subscription_end"},
                     {"params", json::object{{"reason", reason},
                                             {"message",
                                              "this client reads too slowly; connect again and "
                                              "give node_subscribe each `from` in `resume`"},
                                             {"resume", std::move(resume)}}}});
}

json::object notification_schemas() {
    return {{"heads", json_schema<HeadItem>()},
            {"tx", json_schema<TxItem>()},
            {"account", json_schema<HistoryRow>()},
            {"job", json_schema<HistoryRow>()},
            {"clearings", json_schema<ClearingRow>()}};
}

}  // namespace millrace::node::rpc
