#pragma once

#include "market/ledger/queues.hpp"

namespace millrace::market {

/// Rows that a `lock_release` writes of an item that may need many: what a transaction does beside
/// the sweeps stays small.
inline constexpr std::size_t kRowsPerRelease = 64;

/// Does what is due: takes the item off its queue and applies its rule. An item whose subject has
/// moved on since does nothing. One that may need many rows stops when it has written about `rows`
/// and is due again.
void process_due(Ledger& ledger, const DueItem& item, std::size_t rows);

/// The oldest due items of a kind, until `sweep_rows_per_queue` rows were written; the last item
/// may write a few more. Counted in rows, because items differ by a hundredfold.
void sweep_due(Ledger& ledger, DueKind kind);

}  // namespace millrace::market
