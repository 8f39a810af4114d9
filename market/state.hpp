#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "common/bytes.hpp"
#include "common/units.hpp"

/// The ledger's state as its rules see it: a key-value map, read through a port, written into an
/// overlay. Source: docs/protocol/state.md.
namespace millrace::market {

/// A value in state is at most this; a block that would write more is our mistake.
inline constexpr std::size_t kStateValueMax = 64U << 10U;
/// Keys are a table's byte and at most two ids with a few integers.
inline constexpr std::size_t kStateKeyMax = 128;

struct StateEntry {
    Bytes key;
    Bytes value;
    friend bool operator==(const StateEntry&, const StateEntry&) = default;
};

/// Port to the state before a block. An implementation that cannot read (a broken disk) must not
/// return: "cannot read" never looks like "not there". Reads are consistent for the life of the
/// object.
class StateReader {
  public:
    StateReader() = default;
    StateReader(const StateReader&) = delete;
    StateReader& operator=(const StateReader&) = delete;
    virtual ~StateReader() = default;

    [[nodiscard]] virtual std::optional<Bytes> get(ByteView key) const = 0;
    /// The first entries in the order of their keys that start with `prefix` and are not below
    /// `from`, at most `limit`. An empty `from` means from the start.
    [[nodiscard]] virtual std::vector<StateEntry> scan(ByteView prefix, ByteView from,
                                                       std::size_t limit) const = 0;
};

/// What a block did to the state: keys in order; absent values are deletions.
using StateWrites = std::map<Bytes, std::optional<Bytes>, ByteLess>;

/// Port to the authenticated map: the root after `writes` were applied to the state that the block
/// began with. Does not write.
class StateCommitter {
  public:
    StateCommitter() = default;
    StateCommitter(const StateCommitter&) = delete;
    StateCommitter& operator=(const StateCommitter&) = delete;
    virtual ~StateCommitter() = default;
    [[nodiscard]] virtual StateRoot root_after(const StateWrites& writes) const = 0;
};

/// What others wrote, over the state that they wrote on: speculative blocks stack. Both must
/// outlive it. The base may come to hold some or all of the writes in the meantime: they cover it.
class OverlayView final : public StateReader {
  public:
    OverlayView(const StateReader& base, const StateWrites& writes)
        : base_(base), writes_(writes) {}
    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override;
    [[nodiscard]] std::vector<StateEntry> scan(ByteView prefix, ByteView from,
                                               std::size_t limit) const override;

  private:
    const StateReader& base_;
    const StateWrites& writes_;
};

/// Writes in memory over a reader; itself a reader. `base` must outlive it.
class Overlay final : public StateReader {
  public:
    explicit Overlay(const StateReader& base) : base_(base) {}

    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override { return all_.get(key); }
    [[nodiscard]] std::vector<StateEntry> scan(ByteView prefix, ByteView from,
                                               std::size_t limit) const override {
        return all_.scan(prefix, from, limit);
    }
    void put(Bytes key, Bytes value);
    void erase(ByteView key);

    [[nodiscard]] const StateWrites& writes() const { return writes_; }
    /// Rows put and erased so far, each time counted: what a block's work is bounded by.
    [[nodiscard]] std::uint64_t touched() const { return touched_; }
    [[nodiscard]] StateWrites take() && { return std::move(writes_); }

  private:
    const StateReader& base_;
    StateWrites writes_;
    OverlayView all_{base_, writes_};
    std::uint64_t touched_ = 0;
};

/// Remembers what was read one by one, up to a bound: the rules read an account several times in a
/// transaction, and a database takes microseconds each time. `base` must outlive it and not change.
class ReadCache final : public StateReader {
  public:
    explicit ReadCache(const StateReader& base) : base_(base) {}
    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override;
    [[nodiscard]] std::vector<StateEntry> scan(ByteView prefix, ByteView from,
                                               std::size_t limit) const override {
        return base_.scan(prefix, from, limit);
    }

  private:
    /// Above what the rows of one block's transfers need.
    static constexpr std::size_t kBytesMax = 64U << 20U;
    const StateReader& base_;
    mutable StateWrites seen_;
    mutable std::size_t bytes_ = 0;
};

/// A state in memory: for genesis, tests and simulations.
class MemoryState final : public StateReader {
  public:
    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override;
    [[nodiscard]] std::vector<StateEntry> scan(ByteView prefix, ByteView from,
                                               std::size_t limit) const override;
    void apply(const StateWrites& writes);
    [[nodiscard]] const std::map<Bytes, Bytes>& entries() const { return entries_; }

  private:
    std::map<Bytes, Bytes> entries_;
};

}  // namespace millrace::market
