#pragma once

#include <memory>

#include "common/auth_map.hpp"
#include "market/state.hpp"
#include "node/storage/ledger_db.hpp"

namespace millrace::node {

/// Ends the process at once: the ledger cannot be read or written, and going on could only make
/// answers up. The last final block is durable; the next start goes on from there.
[[noreturn]] void stop_on_ledger_fault(const Error& error);

/// The finalized state as the market's rules read it.
class DbState final : public market::StateReader {
  public:
    /// `reader` outlives it.
    explicit DbState(const DbReader& reader) : reader_(reader) {}
    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override;
    [[nodiscard]] std::vector<market::StateEntry> scan(ByteView prefix, ByteView from,
                                                       std::size_t limit) const override;

  private:
    const DbReader& reader_;
};

/// The authenticated map's pages of the finalized state.
class DbPages final : public MapPageStore {
  public:
    explicit DbPages(const DbReader& reader) : reader_(reader) {}
    [[nodiscard]] std::optional<Bytes> get(const MapPageId& id) const override;

  private:
    const DbReader& reader_;
};

/// A state of one moment for a reader on another thread: snapshot and view of it together.
class StateSnapshot {
  public:
    explicit StateSnapshot(const LedgerDb& db) : reader_(db.snapshot()), state_(*reader_) {}
    [[nodiscard]] const market::StateReader& state() const { return state_; }
    [[nodiscard]] const DbReader& db() const { return *reader_; }

  private:
    std::unique_ptr<DbReader> reader_;
    DbState state_;
};

}  // namespace millrace::node
