#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "common/bytes.hpp"
#include "common/result.hpp"

namespace millrace::node {

/// The ledger's column families. Names on disk never change; a new one is a new data version.
enum class Column : std::uint8_t {
    meta,    ///< data version, chain id, applied height, genesis
    flat,    ///< ledger state: key -> value, the newest finalized version
    pages,   ///< authenticated map: page id -> page
    blocks,  ///< height (big-endian) -> block with its certificate
    index,   ///< transaction hash -> place, block hash -> height
    votes,   ///< own votes by view: written and synced before a vote leaves
    /// What happened to whom: keys end in height (8 bytes, big-endian) and index (4), so that
    /// compaction can drop what is old
    history,
};
inline constexpr std::size_t kColumns = 7;

/// One put or delete of an atomic batch.
struct DbWrite {
    Column column = Column::meta;
    Bytes key;
    std::optional<Bytes> value;  ///< none deletes
};

using KeyValue = std::pair<Bytes, Bytes>;

/// Reads of one moment. Every failure of the disk is an error, never "not there".
class DbReader {
  public:
    virtual ~DbReader() = default;
    [[nodiscard]] virtual Result<std::optional<Bytes>> get(Column column, ByteView key) const = 0;
    /// Pairs whose key starts with `prefix`, in byte order, from the first key >= `from`, at most
    /// `limit`.
    [[nodiscard]] virtual Result<std::vector<KeyValue>> scan(Column column, ByteView prefix,
                                                             ByteView from,
                                                             std::size_t limit) const = 0;
    /// The pair with the greatest key that starts with `prefix`, where there is one.
    [[nodiscard]] virtual Result<std::optional<KeyValue>> last(Column column,
                                                               ByteView prefix) const = 0;
    [[nodiscard]] Result<std::optional<KeyValue>> last(Column column) const {
        return last(column, {});
    }
};

/// Of what a data folder holds. Raised with every change of a row's form or of what a task's first
/// state is made of: else an older folder would be taken for one of ours, and its rows not decode.
inline constexpr std::string_view kDataVersion = "4";

/// RocksDB behind a door: the only place that knows it. A batch is atomic, and durable on return
/// when synced, so that a crash at any instruction leaves the last finalized block whole.
class LedgerDb final : public DbReader {
  public:
    /// Opens or creates `folder`. Refuses a folder in use by another process, and one of another
    /// data version, which it leaves as it was.
    [[nodiscard]] static Result<std::unique_ptr<LedgerDb>> open(
        const std::filesystem::path& folder);
    ~LedgerDb() override;
    LedgerDb(const LedgerDb&) = delete;
    LedgerDb& operator=(const LedgerDb&) = delete;

    [[nodiscard]] Result<std::optional<Bytes>> get(Column column, ByteView key) const override;
    [[nodiscard]] Result<std::vector<KeyValue>> scan(Column column, ByteView prefix, ByteView from,
                                                     std::size_t limit) const override;
    using DbReader::last;
    [[nodiscard]] Result<std::optional<KeyValue>> last(Column column,
                                                       ByteView prefix) const override;

    /// All or nothing; returns after the write-ahead log is synced.
    [[nodiscard]] Status<> commit(std::span<const DbWrite> writes);
    /// Rows of `Column::history` below this height may go when their files are compacted. Readers
    /// must not count on either: they leave such rows out by themselves.
    void release_history_below(std::uint64_t height);
    /// Compacts it now rather than within a day; takes as long as there is history.
    [[nodiscard]] Status<> compact_history();
    /// A frozen view for readers on other threads; keep it short, it holds back compaction.
    [[nodiscard]] std::unique_ptr<DbReader> snapshot() const;

  private:
    class Impl;
    explicit LedgerDb(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::node
