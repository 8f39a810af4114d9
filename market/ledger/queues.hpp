#pragma once

#include "market/ledger/ledger.hpp"

/// What comes due, one queue a kind, ordered by (deadline, id). A block looks at a bounded number
/// of the oldest; rules compare times and never ask whether a sweep came by.
namespace millrace::market {

inline constexpr DueKind kDueKinds[] = {
    DueKind::lease_start,  DueKind::lease_commit,  DueKind::lease_reveal,
    DueKind::chunk_window, DueKind::job_expiry,    DueKind::lease_retention,
    DueKind::job_delete,   DueKind::module_expiry, DueKind::job_wind_down,
};

struct DueItem {
    DueKind kind = DueKind::lease_start;
    ActiveTime due;
    Hash subject;
    std::uint32_t chunk = 0;
    friend bool operator==(const DueItem&, const DueItem&) = default;
};

[[nodiscard]] Key due_key(const DueItem& item);
[[nodiscard]] DueItem due_from_key(ByteView key);

template <class Id>
[[nodiscard]] DueItem due_item(DueKind kind, ActiveTime due, const Id& subject,
                               std::uint32_t chunk = 0) {
    return {kind, due, Hash{subject.bytes}, chunk};
}

void schedule(Ledger& ledger, const DueItem& item);
void unschedule(Ledger& ledger, const DueItem& item);
[[nodiscard]] bool is_scheduled(const Ledger& ledger, const DueItem& item);
/// The oldest items of a kind that are due at `at`, from the key `from` on (empty: from the first).
[[nodiscard]] std::vector<DueItem> due_items(const StateReader& state, DueKind kind, ActiveTime at,
                                             ByteView from, std::size_t limit);
/// The earliest deadline of a kind.
[[nodiscard]] std::optional<ActiveTime> first_due(const StateReader& state, DueKind kind);

}  // namespace millrace::market
