#pragma once

#include <concepts>
#include <cstdint>

#include "vm/image/format.hpp"
#include "vm/machine/access.hpp"

namespace millrace::vm {

/// What the interpreter asks of a state beyond `StateAccess`: cursors into code, frame and memory
/// that a policy may make as cheap as pointers, and named access to tables and functions, so that
/// the linker of the test harness can put other instances' behind them.
///
/// - `Code`: `word(k)` the k-th word from here, `advance(words)`, `jump(distance)` with a signed
///   distance, `index()`.
/// - `Frame`: `get(slot)`, `set(slot, bits)`, `clear(first, count)`, `index()`, `moved(slots)`.
/// - `Memory`: `size()` in bytes, `load<T>(offset)`, `store<T>(offset, value)`; the caller has
///   compared offset and size. Valid until the memory grows or a host call has run.
/// - `kUntrusted`: the state may be made up; opcodes are checked before use.
template <class A>
concept MachineAccess = StateAccess<A> && requires(A& state, std::uint64_t index,
                                                   std::uint32_t small, FrameRecord frame) {
    typename A::Code;
    typename A::Frame;
    typename A::Memory;
    { A::kUntrusted } -> std::convertible_to<bool>;
    { state.code(index) } -> std::same_as<typename A::Code>;
    { state.frame(index) } -> std::same_as<typename A::Frame>;
    { state.memory() } -> std::same_as<typename A::Memory>;
    { state.frame_record(index) } -> std::same_as<FrameRecord>;
    { state.push_frame(index, frame) } -> std::same_as<void>;
    { state.global(small) } -> std::same_as<std::uint64_t>;
    { state.set_global(small, index) } -> std::same_as<void>;
    { state.table_size(small) } -> std::same_as<std::uint64_t>;
    { state.table_size_max(small) } -> std::same_as<std::uint64_t>;
    { state.set_table_size(small, index) } -> std::same_as<void>;
    { state.table_entry(small, index) } -> std::same_as<std::uint64_t>;
    { state.set_table_entry(small, index, index) } -> std::same_as<void>;
    /// The function that a table entry (not null) names.
    { state.function(index) } -> std::same_as<FunctionRecord>;
    /// The number that frames record for a table entry's function.
    { state.function_index(index) } -> std::same_as<std::uint32_t>;
    { state.memory_pages() } -> std::same_as<std::uint64_t>;
    { state.memory_pages_max() } -> std::same_as<std::uint64_t>;
    { state.set_memory_pages(index) } -> std::same_as<void>;
    /// Zeroes slots [first, kSlotsMax) and frame records [depth, kFramesMax).
    { state.clear_stack(index, index) } -> std::same_as<void>;
};

/// Cursors over `load` and `store`, for policies without pointers. `State` offers both, and
/// `load_memory`/`store_memory` across pages.
template <class State>
struct AddressedCode {
    State* state;
    std::uint64_t at;
    [[nodiscard]] std::uint64_t word(std::uint64_t k) const {
        return state->load(kCodeBase + 8 * (at + k));
    }
    void advance(std::uint64_t words) { at += words; }
    void jump(std::int64_t distance) { at += static_cast<std::uint64_t>(distance); }
    [[nodiscard]] std::uint64_t index() const { return at; }
};
template <class State>
struct AddressedFrame {
    State* state;
    std::uint64_t at;
    [[nodiscard]] std::uint64_t get(std::uint32_t slot) const {
        return state->load(kSlotsBase + 8 * (at + slot));
    }
    void set(std::uint32_t slot, std::uint64_t bits) {
        state->store(kSlotsBase + 8 * (at + slot), bits);
    }
    void clear(std::uint32_t first, std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) set(first + i, 0);
    }
    [[nodiscard]] std::uint64_t index() const { return at; }
    [[nodiscard]] AddressedFrame moved(std::uint64_t slots) const { return {state, at + slots}; }
};
template <class State>
struct AddressedMemory {
    State* state;
    std::uint64_t bytes;
    [[nodiscard]] std::uint64_t size() const { return bytes; }
    template <class T>
    [[nodiscard]] T load(std::uint64_t offset) const {
        return state->template load_memory<T>(offset);
    }
    template <class T>
    void store(std::uint64_t offset, T value) {
        state->template store_memory<T>(offset, value);
    }
};

/// Everything of `MachineAccess` that is only an address: tables, globals, functions, frames.
/// Policies derive from it and replace what they can do faster. `Derived` offers load, store,
/// read, write, fill, reg, set_reg.
template <class Derived>
class AddressedTables {
  public:
    [[nodiscard]] FrameRecord frame_record(std::uint64_t depth) {
        const Address at = kFramesBase + kFrameRecordSize * depth;
        FrameRecord out;
        out.return_pc = self().load(at);
        out.caller_frame = self().load(at + 8);
        out.function = self().load(at + 16);
        return out;
    }
    void push_frame(std::uint64_t depth, const FrameRecord& frame) {
        const Address at = kFramesBase + kFrameRecordSize * depth;
        self().store(at, frame.return_pc);
        self().store(at + 8, frame.caller_frame);
        self().store(at + 16, frame.function);
    }
    [[nodiscard]] std::uint64_t global(std::uint32_t index) {
        return self().load(kGlobalsBase + kGlobalStride * index);
    }
    void set_global(std::uint32_t index, std::uint64_t bits) {
        self().store(kGlobalsBase + kGlobalStride * index, bits);
    }
    [[nodiscard]] std::uint64_t table_size(std::uint32_t table) {
        return self().load(table_base(table));
    }
    [[nodiscard]] std::uint64_t table_size_max(std::uint32_t table) {
        return self().load(table_base(table) + 8);
    }
    void set_table_size(std::uint32_t table, std::uint64_t size) {
        self().store(table_base(table), size);
    }
    [[nodiscard]] std::uint64_t table_entry(std::uint32_t table, std::uint64_t index) {
        return self().load(table_base(table) + kTableEntriesOffset + 8 * index);
    }
    void set_table_entry(std::uint32_t table, std::uint64_t index, std::uint64_t entry) {
        self().store(table_base(table) + kTableEntriesOffset + 8 * index, entry);
    }
    [[nodiscard]] std::uint32_t function_index(std::uint64_t entry) {
        return static_cast<std::uint32_t>(entry - 1);
    }
    [[nodiscard]] FunctionRecord function(std::uint64_t entry) {
        const Address at = kFunctionTable + kFunctionRecordSize * (entry - 1);
        const std::uint64_t first = self().load(at);
        const std::uint64_t third = self().load(at + 16);
        FunctionRecord out;
        out.entry = static_cast<std::uint32_t>(first);
        out.frame_slots = static_cast<std::uint32_t>(first >> 32);
        out.type_id = static_cast<std::uint32_t>(third >> 32);
        return out;
    }
    [[nodiscard]] std::uint64_t memory_pages() { return self().reg(Register::memory_pages); }
    [[nodiscard]] std::uint64_t memory_pages_max() {
        return self().reg(Register::memory_pages_max);
    }
    void set_memory_pages(std::uint64_t pages) { self().set_reg(Register::memory_pages, pages); }

  private:
    // Only who derives from it for itself makes one.
    friend Derived;
    template <class>
    friend class PagedAccess;
    AddressedTables() = default;

    Derived& self() { return static_cast<Derived&>(*this); }
};

}  // namespace millrace::vm
