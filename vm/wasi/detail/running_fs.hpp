#pragma once

#include <algorithm>
#include <array>

#include "vm/wasi/detail/host.hpp"

namespace millrace::vm::wasi {

/// Slot of a file or directory in a running file system; 0 is none, 1 the root directory.
using Slot = std::uint32_t;
inline constexpr Slot kRootSlot = 1;

/// Where a name is, or would go, among its directory's entries.
struct Place {
    Slot slot = 0;            ///< 0: no entry of that name
    std::uint32_t index = 0;  ///< position in byte order
};

/// A running file system (`/` or `/tmp`): everything of it in the flat state.
///
/// ```
/// region 0       0             superblock
///                4096 + 512·s  record of slot s
/// region s + 2   0             content of slot s: a file's bytes, or a directory's index:
///                              its entries' slots, u32 each, in byte order of their names
/// ```
/// The index is a function of the set of names alone; a lookup is a binary search, an insertion
/// shifts what comes after it in micro-steps. All zero is a file system whose root is empty, so a
/// task's initial state need not mention it.
/// Removed slots keep their name until they are used again, longest unused first, so that a
/// listing can go on after the entry at which it stopped has been unlinked.
template <StateAccess A>
class RunningFs {
  public:
    RunningFs(A& state, Address base) : state_(state), base_(base) {}

    enum class Field : std::uint8_t {
        kind = 0,       ///< u8 EntryKind, u8 name length, u8 depth, u8 unlinked, u32 open count
        family = 1,     ///< u32 parent slot, u32 number of children
        size = 2,       ///< bytes of a file
        modified = 3,   ///< nanoseconds since 1970
        accessed = 4,   ///< likewise
        next_free = 5,  ///< slot freed after this one
    };
    static constexpr std::uint64_t kRecords = kPageSize;
    static constexpr std::uint64_t kRecordSize = 512;
    static constexpr std::uint64_t kNameOffset = 64;

    // --- records
    [[nodiscard]] std::uint64_t field(Slot slot, Field f) { return state_.load(at(slot, f)); }
    void set_field(Slot slot, Field f, std::uint64_t word) { state_.store(at(slot, f), word); }

    [[nodiscard]] EntryKind kind(Slot slot) {
        if (slot == kRootSlot) return EntryKind::directory;
        return static_cast<EntryKind>(field(slot, Field::kind) & 0xff);
    }
    [[nodiscard]] unsigned depth(Slot slot) {
        return static_cast<unsigned>(field(slot, Field::kind) >> 16) & 0xff;
    }
    void set_depth(Slot slot, unsigned depth) {
        const std::uint64_t word = field(slot, Field::kind);
        set_field(slot, Field::kind, (word & ~0xff'0000ULL) | (std::uint64_t{depth} << 16));
    }
    [[nodiscard]] bool unlinked(Slot slot) { return ((field(slot, Field::kind) >> 24) & 1) != 0; }
    [[nodiscard]] std::uint32_t open_count(Slot slot) {
        return static_cast<std::uint32_t>(field(slot, Field::kind) >> 32);
    }
    void add_open(Slot slot, int change) {
        const std::uint64_t word = field(slot, Field::kind);
        set_field(slot, Field::kind, change > 0 ? word + (1ULL << 32) : word - (1ULL << 32));
    }
    [[nodiscard]] Slot parent(Slot slot) {
        if (slot == kRootSlot) return kRootSlot;
        return static_cast<Slot>(field(slot, Field::family));
    }
    [[nodiscard]] std::uint32_t child_count(Slot slot) {
        return static_cast<std::uint32_t>(
            std::min(field(slot, Field::family) >> 32, kTreeEntriesMax));
    }
    void add_child(Slot slot, int change) {
        const std::uint64_t word = field(slot, Field::family);
        set_field(slot, Field::family, change > 0 ? word + (1ULL << 32) : word - (1ULL << 32));
    }
    [[nodiscard]] std::uint64_t size(Slot slot) { return field(slot, Field::size); }
    [[nodiscard]] Address content(Slot slot) const {
        return base_ + ((static_cast<Address>(slot) + 2) << kRegionBits);
    }
    [[nodiscard]] ByteView name(Slot slot, std::array<std::uint8_t, kNameMax + 1>& out) {
        const auto length = static_cast<std::uint8_t>(field(slot, Field::kind) >> 8);
        const MutableByteView part(out.data(), length);
        state_.read(record(slot) + kNameOffset, part);
        return part;
    }
    /// Gives a slot its name and place in the tree; the caller enters it into the index.
    void name_slot(Slot slot, Slot parent_slot, ByteView name) {
        std::uint64_t word = field(slot, Field::kind);
        word = (word & ~0xff'ff00ULL) | (static_cast<std::uint64_t>(name.size()) << 8) |
               (static_cast<std::uint64_t>(depth(parent_slot) + 1) << 16);
        set_field(slot, Field::kind, word);
        const std::uint64_t family = field(slot, Field::family);
        set_field(slot, Field::family, (family & ~0xffff'ffffULL) | parent_slot);
        std::array<std::uint8_t, kNameMax + 1> padded{};
        std::ranges::copy(name, padded.begin());
        state_.write(record(slot) + kNameOffset, padded);
    }
    void touch(Slot slot, std::uint64_t now) { set_field(slot, Field::modified, now); }

    // --- the index of a directory
    [[nodiscard]] Slot child(Slot directory, std::uint32_t index) {
        const Address where = content(directory) + 4 * std::uint64_t{index};
        const std::uint64_t word = state_.load(where & ~Address{7});
        return static_cast<Slot>(word >> (8 * (where & 7)));
    }
    void set_child(Slot directory, std::uint32_t index, Slot slot) {
        std::array<std::uint8_t, 4> raw{};
        store_le(raw.data(), slot);
        state_.write(content(directory) + 4 * std::uint64_t{index}, raw);
    }
    [[nodiscard]] Place lookup(Slot directory, ByteView wanted) {
        std::uint32_t low = 0;
        std::uint32_t high = child_count(directory);
        std::array<std::uint8_t, kNameMax + 1> buffer{};
        while (low < high) {
            const std::uint32_t middle = low + (high - low) / 2;
            const Slot slot = child(directory, middle);
            const ByteView found = name(slot, buffer);
            if (std::ranges::equal(found, wanted)) return Place{slot, middle};
            if (std::ranges::lexicographical_compare(found, wanted))
                low = middle + 1;
            else
                high = middle;
        }
        return Place{0, low};
    }
    /// Bytes that an insertion or removal at `index` moves.
    [[nodiscard]] std::uint64_t shift_bytes(Slot directory, std::uint32_t index) {
        return 4 * (std::uint64_t{child_count(directory)} - index) + 4;
    }
    /// One chunk of making room at `index`. `cursor` is the end of what has not moved yet, at first
    /// 4 × the number of children; the caller goes on until it is 4 × index.
    std::uint64_t shift_up(Slot directory, std::uint32_t index, std::uint64_t cursor) {
        const std::uint64_t low = 4 * std::uint64_t{index};
        if (cursor <= low) return low;
        const std::uint64_t from_room = ((cursor - 1) & (kPageSize - 1)) + 1;
        const std::uint64_t to_room = ((cursor + 3) & (kPageSize - 1)) + 1;
        const std::uint64_t size = std::min({cursor - low, from_room, to_room});
        const Address from = content(directory) + cursor - size;
        state_.copy(from + 4, from, static_cast<std::uint32_t>(size));
        return cursor - size;
    }
    /// One chunk of closing the gap at an entry. `cursor` is the start of what has not moved yet,
    /// at first 4 × (index + 1), and at last `end` = 4 × the number of children.
    std::uint64_t shift_down(Slot directory, std::uint64_t cursor, std::uint64_t end) {
        if (cursor >= end) return end;
        const std::uint64_t size =
            std::min({end - cursor, left_in_page(cursor), left_in_page(cursor - 4)});
        const Address from = content(directory) + cursor;
        state_.copy(from - 4, from, static_cast<std::uint32_t>(size));
        return cursor + size;
    }

    // --- totals, kept so that the exit can be charged and bounded in advance
    [[nodiscard]] std::uint64_t entries() { return state_.load(base_ + 16); }
    [[nodiscard]] std::uint64_t content_bytes() { return state_.load(base_ + 24); }
    /// Whether a file may grow or shrink from one size to another, and one entry more be made.
    [[nodiscard]] bool fits(std::uint64_t from, std::uint64_t to, bool new_entry) {
        if (new_entry && entries() + 2 > kTreeEntriesMax) return false;
        if (big(to) && !big(from) && state_.load(base_ + 32) >= kBigFilesMax) return false;
        if (inline_pages(to) > inline_pages(from) &&
            state_.load(base_ + 40) + inline_pages(to) - inline_pages(from) > kInlinePagesMax)
            return false;
        const std::uint64_t before = pages_of(from);
        const std::uint64_t after = pages_of(to) + (new_entry ? 1 : 0);
        return after <= before || fits_memory_limit(state_, after - before);
    }
    /// The size up to which a file of `from` bytes may grow for the sake of the job's cap on its
    /// output, which is what `/` links: a provider keeps it for as long as the buyer has paid for
    /// that many bytes, so a program must not be able to leave more.
    [[nodiscard]] std::uint64_t size_allowed(Slot slot, std::uint64_t from) {
        if (base_ != kRootFs || unlinked(slot)) return kFileSizeMax;
        const std::uint64_t cap = state_.load(kArgumentsPage + arguments_offset::output_bytes_max);
        const std::uint64_t used = content_bytes();
        return from + (used < cap ? std::min(cap - used, kFileSizeMax) : 0);
    }
    /// Sets a file's size and moves all totals along; the caller has asked `fits` and
    /// `size_allowed`, and zeroes what a shorter file no longer covers.
    void resize(Slot slot, std::uint64_t to) {
        const std::uint64_t from = size(slot);
        set_field(slot, Field::size, to);
        if (!unlinked(slot)) {
            count_file(from, -1);
            count_file(to, +1);
        }
        account(pages_of(to) - pages_of(from));
    }
    /// Takes a file or directory out of the totals of the tree; its pages stay until it is freed.
    void mark_unlinked(Slot slot) {
        if (kind(slot) == EntryKind::file) count_file(size(slot), -1);
        add_total(16, ~std::uint64_t{0});
        set_field(slot, Field::kind, field(slot, Field::kind) | (1ULL << 24));
    }

    // --- slots
    /// A slot for a new entry; the caller has asked `fits`.
    [[nodiscard]] Slot allocate(EntryKind entry_kind, std::uint64_t now) {
        const std::uint64_t free_list = state_.load(base_ + 8);
        auto slot = static_cast<Slot>(free_list);
        if (slot != 0) {
            const auto next = static_cast<Slot>(field(slot, Field::next_free));
            const std::uint64_t tail = next == 0 ? 0 : free_list >> 32;
            state_.store(base_ + 8, next | (tail << 32));
        } else {
            const std::uint64_t used = state_.load(base_);
            state_.store(base_, used + 1);
            slot = static_cast<Slot>(used) + kRootSlot + 1;
        }
        set_field(slot, Field::kind, static_cast<std::uint64_t>(entry_kind));
        set_field(slot, Field::family, 0);
        set_field(slot, Field::size, 0);
        set_field(slot, Field::modified, now);
        set_field(slot, Field::accessed, now);
        set_field(slot, Field::next_free, 0);
        add_total(16, 1);
        account(1);
        return slot;
    }
    /// Gives a slot back; its content is zero already, its name and parent stay for listings.
    void free(Slot slot) {
        const std::uint64_t pages = pages_of(size(slot)) + 1;
        const std::uint64_t name_bits = field(slot, Field::kind) & 0xff00;
        set_field(slot, Field::kind, name_bits);
        set_field(slot, Field::size, 0);
        set_field(slot, Field::modified, 0);
        set_field(slot, Field::accessed, 0);
        set_field(slot, Field::next_free, 0);
        const std::uint64_t free_list = state_.load(base_ + 8);
        const auto tail = static_cast<Slot>(free_list >> 32);
        if (tail == 0) {
            state_.store(base_ + 8, slot | (std::uint64_t{slot} << 32));
        } else {
            set_field(tail, Field::next_free, slot);
            state_.store(base_ + 8, (free_list & 0xffff'ffff) | (std::uint64_t{slot} << 32));
        }
        account(0 - pages);
    }
    /// Slots ever used, the root and the null slot included.
    [[nodiscard]] std::uint64_t slots_used() { return state_.load(base_) + 2; }

  private:
    [[nodiscard]] Address record(Slot slot) const {
        return base_ + kRecords + kRecordSize * (slot % (kTreeEntriesMax * 2));
    }
    [[nodiscard]] Address at(Slot slot, Field f) const {
        return record(slot) + 8 * static_cast<std::uint64_t>(f);
    }
    static bool big(std::uint64_t size) { return size >= kBigFileSize; }
    static std::uint64_t inline_pages(std::uint64_t size) { return big(size) ? 0 : pages_of(size); }
    /// Adds modulo 2^64, so that a subtraction is an addition of the complement.
    void add_total(std::uint64_t offset, std::uint64_t change) {
        state_.store(base_ + offset, state_.load(base_ + offset) + change);
    }
    void count_file(std::uint64_t size, int sign) {
        const auto signed_by = [&](std::uint64_t value) { return sign > 0 ? value : 0 - value; };
        add_total(24, signed_by(size));
        add_total(32, signed_by(big(size) ? 1 : 0));
        add_total(40, signed_by(inline_pages(size)));
    }
    void account(std::uint64_t pages) {
        state_.set_reg(Register::pages_live, state_.reg(Register::pages_live) + pages);
    }

    A& state_;
    Address base_;
};

}  // namespace millrace::vm::wasi
