#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "market/block/event.hpp"
#include "market/block/header.hpp"
#include "market/genesis.hpp"
#include "market/node_answers.hpp"
#include "market/state.hpp"
#include "node/storage/ledger_db.hpp"

/// What happened to an account, a job, a provider, in a clearing and in a class of machines: rows
/// in the order of the chain, written in the batch that makes their block final, and under no root.
/// Source: docs/decisions/0032-history-from-events.md.
namespace millrace::node {

/// A place in the order of everything that happened. Paging and subscriptions go on from one.
struct Cursor {
    Height height;
    std::uint32_t index = 0;
    friend auto operator<=>(const Cursor&, const Cursor&) = default;
};
BOOST_DESCRIBE_STRUCT(Cursor, (), (height, index))
/// The first place after this one.
[[nodiscard]] inline Cursor after(const Cursor& at) {
    return at.index == UINT32_MAX ? Cursor{next(at.height), 0} : Cursor{at.height, at.index + 1};
}

using market::HistoryRow;

/// What a class of machines did in a clearing.
struct ClassRow {
    Height height;
    std::uint32_t index = 0;
    WallTime time;
    market::ClearingNumber clearing;
    market::ClassResult result;
    /// Leases made, and the money that they put in escrow.
    std::uint32_t leases = 0;
    Amount volume;
    friend bool operator==(const ClassRow&, const ClassRow&) = default;
};
BOOST_DESCRIBE_STRUCT(ClassRow, (), (height, index, time, clearing, result, leases, volume))

/// A clearing with all its classes.
struct ClearingRow {
    Height height;
    std::uint32_t index = 0;
    WallTime time;
    market::ClearingNumber clearing;
    std::uint32_t leases = 0;
    Amount volume;
    BoundedVector<ClassRow, market::kClassesMax> classes;
    friend bool operator==(const ClearingRow&, const ClearingRow&) = default;
};
BOOST_DESCRIBE_STRUCT(ClearingRow, (), (height, index, time, clearing, leases, volume, classes))

/// Lots that a clearing gave to one provider of one job at one price.
struct FillRow {
    JobId job;
    Address provider;
    market::ClassId class_id;
    Price price;
    std::uint32_t lots = 0;
    Amount volume;
    friend bool operator==(const FillRow&, const FillRow&) = default;
};
BOOST_DESCRIBE_STRUCT(FillRow, (), (job, provider, class_id, price, lots, volume))

/// Whose rows; the first byte of a row's key.
enum class HistoryOf : std::uint8_t {
    account = 1,
    job = 2,
    provider = 3,
    clearings = 4,  ///< all of them, no id
    clearing = 5,   ///< by number
    class_id = 6,
    fills = 7,    ///< of a clearing, by number
    job_end = 8,  ///< one row: where a job had nothing left to do
};

template <class Row>
struct HistoryPage {
    std::vector<Row> rows;
    /// Where the next page begins; none when there is nothing more yet.
    std::optional<Cursor> next;
};

/// A final block as history sees it.
struct HistorySource {
    const market::Block& block;
    std::span<const market::Receipt> receipts;
    std::span<const market::Event> events;
    /// The state after the block.
    const market::StateReader& after;
};

/// Adds a block's rows to the batch that makes it final.
void append_history(std::vector<DbWrite>& batch, const HistorySource& source);
/// Adds what accounts begin with.
void append_genesis_history(std::vector<DbWrite>& batch, const market::Genesis& genesis);

/// Reads rows. What was pruned is not shown, even where it still lies on the disk.
class HistoryReader {
  public:
    /// `floor`: nothing below this height is shown.
    HistoryReader(const DbReader& reader, Height floor) : reader_(reader), floor_(floor) {}

    [[nodiscard]] Result<HistoryPage<HistoryRow>> rows(HistoryOf of, ByteView id,
                                                       const Cursor& from, std::size_t limit) const;
    [[nodiscard]] Result<HistoryPage<ClassRow>> of_class(market::ClassId id, const Cursor& from,
                                                         std::size_t limit) const;
    [[nodiscard]] Result<HistoryPage<ClearingRow>> clearings(const Cursor& from,
                                                             std::size_t limit) const;
    [[nodiscard]] Result<std::optional<ClearingRow>> clearing(market::ClearingNumber number) const;
    /// The newest that is kept.
    [[nodiscard]] Result<std::optional<ClearingRow>> last_clearing() const;
    /// Fills of a clearing from the `from`th on.
    [[nodiscard]] Result<std::vector<FillRow>> fills(market::ClearingNumber number,
                                                     std::uint32_t from, std::size_t limit) const;
    /// The block in which a job had nothing left to do.
    [[nodiscard]] Result<std::optional<Height>> end_of(const JobId& job) const;

  private:
    template <class Row>
    Result<HistoryPage<Row>> page(HistoryOf of, ByteView id, const Cursor& from,
                                  std::size_t limit) const;
    const DbReader& reader_;
    Height floor_;
};

/// The lowest height whose history is shown when `head` is final and the newest `blocks` are kept
/// (0: all), and no row is older than `since`.
[[nodiscard]] Height history_floor(Height head, std::uint64_t blocks, Height since);

}  // namespace millrace::node
