#pragma once

#include "market/ledger/tables.hpp"

/// The auction's clock and what a clearing does to the ledger.
/// Source: docs/protocol/auction.md, "One clearing".
namespace millrace::market {

/// Whether a cut-off freezes: an order of the book has changed since the last freeze, or something
/// is counted in clearings. Else a chain without orders would never rest.
[[nodiscard]] bool freeze_is_wanted(const ChainState& chain);

/// At the start of a block, before anything changes: what the parent left is the frozen book when
/// an interval has ended, nothing is pending and a freeze is wanted; this block's beacon is the
/// seed.
void freeze_if_due(Ledger& ledger);

/// In the block after the freeze: clears the frozen book, makes its leases, and derives again what
/// changed meanwhile.
void run_clearing(Ledger& ledger);

}  // namespace millrace::market
