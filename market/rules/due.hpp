#pragma once

#include "market/ledger/queues.hpp"

namespace millrace::market {

/// Does what is due: takes the item off its queue and applies its rule. An item whose subject has
/// moved on since does nothing.
void process_due(Ledger& ledger, const DueItem& item);

/// Items of a kind that one block processes. Kinds whose items touch many rows have a smaller
/// quota, so that every kind's share of a block is alike.
[[nodiscard]] std::size_t quota_of(const Params& params, DueKind kind);

}  // namespace millrace::market
