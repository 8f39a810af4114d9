#pragma once

#include <algorithm>
#include <cstdint>

#include "vm/image/gas.hpp"
#include "vm/machine/machine_access.hpp"
#include "vm/machine/trap.hpp"

/// Bulk work in micro-steps: memory.fill, copy, init, the same of tables, locals zeroed at entry.
/// A micro-step handles one chunk that crosses no page on either side. `progress` counts what is
/// done, lives in `Register::progress_a` between micro-steps, and is zero before the first and
/// after the last. The first one checks bounds and charges, before anything is written.
/// Source: docs/protocol/machine.md, "Bulk work".
namespace millrace::vm::bulk {

enum class Outcome : std::uint8_t { again, done, trap, out_of_gas };

/// What all bulk work needs beside its operands.
struct Work {
    std::uint64_t& progress;
    std::uint64_t& gas;
    std::uint64_t gas_limit;
    TrapCode& trap;

    /// Charges before the work; nothing of it is done when it does not fit.
    [[nodiscard]] bool charge(std::uint64_t cost) {
        if (gas + cost > gas_limit) return false;
        gas += cost;
        return true;
    }
    [[nodiscard]] Outcome refuse(TrapCode code) {
        trap = code;
        return Outcome::trap;
    }
    /// Books a chunk: the next one, or the end.
    [[nodiscard]] Outcome advance(std::uint64_t chunk, std::uint64_t total) {
        progress += chunk;
        if (progress < total) return Outcome::again;
        progress = 0;
        return Outcome::done;
    }
};

namespace detail {
/// Bytes from `at` to the end of its page.
constexpr std::uint64_t page_left(std::uint64_t at) {
    return kPageSize - (at & (kPageSize - 1));
}
/// Bytes from the start of the page to `end`, at least 1.
constexpr std::uint64_t page_before(std::uint64_t end) {
    return ((end - 1) & (kPageSize - 1)) + 1;
}
constexpr bool beyond(std::uint64_t at, std::uint64_t size, std::uint64_t end) {
    return size > end || at > end - size;
}
inline constexpr std::uint64_t kEntriesPerPage = kPageSize / 8;
/// The same in table entries, which begin at a page's start.
constexpr std::uint64_t entries_left(std::uint64_t at) {
    return kEntriesPerPage - (at & (kEntriesPerPage - 1));
}
constexpr std::uint64_t entries_before(std::uint64_t end) {
    return ((end - 1) & (kEntriesPerPage - 1)) + 1;
}
}  // namespace detail

template <MachineAccess A>
Outcome memory_fill(A& state, Work work, std::uint64_t to, std::uint64_t value, std::uint64_t size,
                    std::uint64_t memory_size) {
    if (work.progress == 0) {
        if (detail::beyond(to, size, memory_size))
            return work.refuse(TrapCode::memory_out_of_bounds);
        if (!work.charge(gas::bulk_bytes(size))) return Outcome::out_of_gas;
        if (size == 0) return Outcome::done;
    }
    const Address at = kMemoryBase + to + work.progress;
    const std::uint64_t chunk = std::min(size - work.progress, detail::page_left(at));
    state.fill(at, value, static_cast<std::uint32_t>(chunk));
    return work.advance(chunk, size);
}

template <MachineAccess A>
Outcome memory_copy(A& state, Work work, std::uint64_t to, std::uint64_t from, std::uint64_t size,
                    std::uint64_t memory_size) {
    if (work.progress == 0) {
        if (detail::beyond(to, size, memory_size) || detail::beyond(from, size, memory_size))
            return work.refuse(TrapCode::memory_out_of_bounds);
        if (!work.charge(gas::bulk_bytes(size))) return Outcome::out_of_gas;
        if (size == 0) return Outcome::done;
    }
    const std::uint64_t left = size - work.progress;
    std::uint64_t chunk = 0;
    if (to <= from) {  // upwards, so that no byte is overwritten before it is read
        const Address target = kMemoryBase + to + work.progress;
        const Address source = kMemoryBase + from + work.progress;
        chunk = std::min({left, detail::page_left(target), detail::page_left(source)});
        state.copy(target, source, static_cast<std::uint32_t>(chunk));
    } else {  // downwards from the end
        const Address target_end = kMemoryBase + to + left;
        const Address source_end = kMemoryBase + from + left;
        chunk = std::min({left, detail::page_before(target_end), detail::page_before(source_end)});
        state.copy(target_end - chunk, source_end - chunk, static_cast<std::uint32_t>(chunk));
    }
    return work.advance(chunk, size);
}

/// A segment's place in its region and its length; length zero once it is dropped.
struct Segment {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};
template <MachineAccess A>
Segment segment(A& state, Address region, Address flags, std::uint32_t index) {
    const Address record = region + kSegmentRecordSize * index;
    const Segment whole{state.load(record), state.load(record + 8)};
    const Address flag = flags + index;
    const std::uint64_t word = state.load(flag & ~std::uint64_t{7});
    const bool dropped = ((word >> (8 * (flag & 7))) & 0xff) != 0;
    return {whole.offset, dropped ? 0 : whole.size};
}
template <MachineAccess A>
void drop_segment(A& state, Address flags, std::uint32_t index) {
    const Address flag = flags + index;
    const Address at = flag & ~std::uint64_t{7};
    state.store(at, state.load(at) | (std::uint64_t{1} << (8 * (flag & 7))));
}

template <MachineAccess A>
Outcome memory_init(A& state, Work work, std::uint32_t index, std::uint64_t to, std::uint64_t from,
                    std::uint64_t size, std::uint64_t memory_size) {
    const Segment data = segment(state, kDataSegments, kSegmentFlags, index);
    if (work.progress == 0) {
        if (detail::beyond(to, size, memory_size) || detail::beyond(from, size, data.size))
            return work.refuse(TrapCode::memory_out_of_bounds);
        if (!work.charge(gas::bulk_bytes(size))) return Outcome::out_of_gas;
        if (size == 0) return Outcome::done;
    }
    const Address target = kMemoryBase + to + work.progress;
    const Address source = kDataSegments + data.offset + from + work.progress;
    const std::uint64_t chunk =
        std::min({size - work.progress, detail::page_left(target), detail::page_left(source)});
    state.copy(target, source, static_cast<std::uint32_t>(chunk));
    return work.advance(chunk, size);
}

template <MachineAccess A>
Outcome table_fill(A& state, Work work, std::uint32_t table, std::uint64_t to, std::uint64_t value,
                   std::uint64_t count) {
    if (work.progress == 0) {
        if (detail::beyond(to, count, state.table_size(table)))
            return work.refuse(TrapCode::table_out_of_bounds);
        if (!work.charge(gas::bulk_entries(count))) return Outcome::out_of_gas;
        if (count == 0) return Outcome::done;
    }
    const std::uint64_t at = to + work.progress;
    const std::uint64_t chunk = std::min(count - work.progress, detail::entries_left(at));
    for (std::uint64_t i = 0; i < chunk; ++i) state.set_table_entry(table, at + i, value);
    return work.advance(chunk, count);
}

/// Puts the old size, or 2^32 - 1 where the table cannot grow, into `answer` when done. Tables
/// count against the job's memory limit like the linear memory: `fits_memory(pages)` says whether
/// so many more do.
template <MachineAccess A, class Fits>
Outcome table_grow(A& state, Work work, std::uint32_t table, std::uint64_t value,
                   std::uint64_t delta, std::uint64_t& answer, const Fits& fits_memory) {
    const std::uint64_t size = state.table_size(table);
    const std::uint64_t pages = table_pages(size + delta) - table_pages(size);
    if (work.progress == 0) {
        if (detail::beyond(size, delta, state.table_size_max(table)) ||
            (pages != 0 && !fits_memory(pages))) {
            answer = 0xffff'ffff;
            return Outcome::done;
        }
        if (!work.charge(gas::bulk_entries(delta))) return Outcome::out_of_gas;
        answer = size;
        if (delta == 0) return Outcome::done;
    }
    const std::uint64_t at = size + work.progress;
    const std::uint64_t chunk = std::min(delta - work.progress, detail::entries_left(at));
    for (std::uint64_t i = 0; i < chunk; ++i) state.set_table_entry(table, at + i, value);
    const Outcome outcome = work.advance(chunk, delta);
    if (outcome == Outcome::done) {
        state.set_table_size(table, size + delta);
        if (pages != 0)
            state.set_reg(Register::pages_live, state.reg(Register::pages_live) + pages);
        answer = size;
    }
    return outcome;
}

template <MachineAccess A>
Outcome table_copy(A& state, Work work, std::uint32_t to_table, std::uint32_t from_table,
                   std::uint64_t to, std::uint64_t from, std::uint64_t count) {
    if (work.progress == 0) {
        if (detail::beyond(to, count, state.table_size(to_table)) ||
            detail::beyond(from, count, state.table_size(from_table)))
            return work.refuse(TrapCode::table_out_of_bounds);
        if (!work.charge(gas::bulk_entries(count))) return Outcome::out_of_gas;
        if (count == 0) return Outcome::done;
    }
    const std::uint64_t left = count - work.progress;
    std::uint64_t chunk = 0;
    if (to <= from) {
        const std::uint64_t target = to + work.progress;
        const std::uint64_t source = from + work.progress;
        chunk = std::min({left, detail::entries_left(target), detail::entries_left(source)});
        for (std::uint64_t i = 0; i < chunk; ++i)
            state.set_table_entry(to_table, target + i, state.table_entry(from_table, source + i));
    } else {
        const std::uint64_t target_end = to + left;
        const std::uint64_t source_end = from + left;
        chunk = std::min(
            {left, detail::entries_before(target_end), detail::entries_before(source_end)});
        for (std::uint64_t i = 1; i <= chunk; ++i)
            state.set_table_entry(to_table, target_end - i,
                                  state.table_entry(from_table, source_end - i));
    }
    return work.advance(chunk, count);
}

template <MachineAccess A>
Outcome table_init(A& state, Work work, std::uint32_t table, std::uint32_t index, std::uint64_t to,
                   std::uint64_t from, std::uint64_t count) {
    const Segment elements = segment(state, kElementSegments, kElementFlags, index);
    if (work.progress == 0) {
        if (detail::beyond(to, count, state.table_size(table)) ||
            detail::beyond(from, count, elements.size))
            return work.refuse(TrapCode::table_out_of_bounds);
        if (!work.charge(gas::bulk_entries(count))) return Outcome::out_of_gas;
        if (count == 0) return Outcome::done;
    }
    const std::uint64_t target = to + work.progress;
    const Address source = kElementSegments + elements.offset + 8 * (from + work.progress);
    const std::uint64_t chunk = std::min(
        {count - work.progress, detail::entries_left(target), detail::page_left(source) / 8});
    for (std::uint64_t i = 0; i < chunk; ++i)
        state.set_table_entry(table, target + i, state.load(source + 8 * i));
    return work.advance(chunk, count);
}

/// Slots [first, first + count) of the current frame.
template <MachineAccess A>
Outcome zero_locals(Work work, typename A::Frame frame, std::uint32_t first, std::uint32_t count) {
    if (work.progress == 0 && !work.charge(gas::zeroed_locals(count))) return Outcome::out_of_gas;
    const std::uint64_t slot = frame.index() + first + work.progress;
    const std::uint64_t chunk =
        std::min(count - work.progress, detail::page_left(kSlotsBase + 8 * slot) / 8);
    frame.clear(static_cast<std::uint32_t>(first + work.progress),
                static_cast<std::uint32_t>(chunk));
    return work.advance(chunk, count);
}

}  // namespace millrace::vm::bulk
