#include "market/ledger/queues.hpp"

namespace millrace::market {

namespace {
/// Rows of sets and queues say all in their key.
const Bytes kPresent{1};

Key kind_prefix(DueKind kind) {
    return Key(Table::due).add_number(static_cast<std::uint8_t>(kind));
}
}  // namespace

Key due_key(const DueItem& item) {
    return kind_prefix(item.kind)
        .add_number(item.due.value)
        .add(item.subject)
        .add_number(item.chunk);
}

DueItem due_from_key(ByteView key) {
    DueItem item;
    item.kind = static_cast<DueKind>(number_in_key<std::uint8_t>(key, 1));
    item.due = ActiveTime{number_in_key<std::uint64_t>(key, 2)};
    item.subject = id_in_key<Hash>(key, 10);
    item.chunk = number_in_key<std::uint32_t>(key, 42);
    return item;
}

void schedule(Ledger& ledger, const DueItem& item) {
    ledger.state.put(due_key(item).bytes(), kPresent);
}

void unschedule(Ledger& ledger, const DueItem& item) {
    ledger.state.erase(due_key(item));
}

bool is_scheduled(const Ledger& ledger, const DueItem& item) {
    return ledger.state.get(due_key(item)).has_value();
}

std::vector<DueItem> due_items(const StateReader& state, DueKind kind, ActiveTime at, ByteView from,
                               std::size_t limit) {
    std::vector<DueItem> out;
    for (const StateEntry& entry : state.scan(kind_prefix(kind), from, limit)) {
        const DueItem item = due_from_key(entry.key);
        if (item.due > at) break;
        out.push_back(item);
    }
    return out;
}

std::optional<ActiveTime> first_due(const StateReader& state, DueKind kind) {
    const auto page = state.scan(kind_prefix(kind), {}, 1);
    if (page.empty()) return std::nullopt;
    return due_from_key(page.front().key).due;
}

}  // namespace millrace::market
