#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "vm/machine/machine_access.hpp"

namespace millrace::vm {

/// A whole state, read page by page: what a recording starts from.
class PageReader {
  public:
    virtual ~PageReader() = default;
    /// All 4096 bytes; zero where nothing is.
    virtual void read_page(std::uint64_t page_index,
                           std::array<std::uint8_t, kPageSize>& out) const = 0;
};

/// `MachineAccess` by pages. `Derived` gives `page_to_read(index)` and `page_to_write(index)`
/// (4096 bytes, valid until the next call), `fault()` for what no honest state asks, and
/// `failed()`. States may be made up, so nothing here trusts an address.
template <class Derived>
class PagedAccess : public AddressedTables<Derived> {
  public:
    static constexpr bool kUntrusted = true;
    using Code = AddressedCode<Derived>;
    using Frame = AddressedFrame<Derived>;
    using Memory = AddressedMemory<Derived>;

    [[nodiscard]] std::uint64_t load(Address at) {
        if (!fits(at, 8)) return 0;
        return load_le<std::uint64_t>(self().page_to_read(at >> kPageBits) + offset(at));
    }
    void store(Address at, std::uint64_t word) {
        if (!fits(at, 8)) return;
        store_le<std::uint64_t>(self().page_to_write(at >> kPageBits) + offset(at), word);
    }
    void read(Address at, MutableByteView out) {
        if (out.empty()) return;
        std::memset(out.data(), 0, out.size());
        if (!fits(at, out.size())) return;
        std::memcpy(out.data(), self().page_to_read(at >> kPageBits) + offset(at), out.size());
    }
    void write(Address at, ByteView in) {
        if (in.empty() || !fits(at, in.size())) return;
        std::memcpy(self().page_to_write(at >> kPageBits) + offset(at), in.data(), in.size());
    }
    void copy(Address to, Address from, std::uint32_t size) {
        if (size == 0 || !fits(to, size) || !fits(from, size)) return;
        std::array<std::uint8_t, kPageSize> buffer;
        std::memcpy(buffer.data(), self().page_to_read(from >> kPageBits) + offset(from), size);
        std::memcpy(self().page_to_write(to >> kPageBits) + offset(to), buffer.data(), size);
    }
    void fill(Address at, std::uint64_t byte, std::uint32_t size) {
        if (size == 0 || !fits(at, size)) return;
        std::memset(self().page_to_write(at >> kPageBits) + offset(at),
                    static_cast<int>(byte & 0xff), size);
    }
    [[nodiscard]] std::uint64_t reg(Register r) {
        return load(kRegistersPage + 8 * static_cast<std::uint64_t>(r));
    }
    void set_reg(Register r, std::uint64_t word) {
        store(kRegistersPage + 8 * static_cast<std::uint64_t>(r), word);
    }

    [[nodiscard]] Code code(std::uint64_t index) { return {&self(), index}; }
    [[nodiscard]] Frame frame(std::uint64_t index) { return {&self(), index}; }
    [[nodiscard]] Memory memory() {
        return {&self(), std::min(reg(Register::memory_pages) * 65'536, kRegionSize)};
    }
    /// Values in linear memory may cross a page.
    template <class T>
    [[nodiscard]] T load_memory(std::uint64_t at) {
        std::array<std::uint8_t, sizeof(T)> raw{};
        const std::size_t first = part_in_page<T>(at);
        read(kMemoryBase + at, {raw.data(), first});
        if (first < sizeof(T))
            read(kMemoryBase + at + first, {raw.data() + first, sizeof(T) - first});
        T value;
        std::memcpy(&value, raw.data(), sizeof(T));
        return value;
    }
    template <class T>
    void store_memory(std::uint64_t at, T value) {
        std::array<std::uint8_t, sizeof(T)> raw{};
        std::memcpy(raw.data(), &value, sizeof(T));
        const std::size_t first = part_in_page<T>(at);
        write(kMemoryBase + at, {raw.data(), first});
        if (first < sizeof(T))
            write(kMemoryBase + at + first, {raw.data() + first, sizeof(T) - first});
    }
    /// Page by page; only runs without step counts ask for it.
    void clear_stack(std::uint64_t first_slot, std::uint64_t depth) {
        clear(kSlotsBase + 8 * first_slot, kSlotsBase + 8 * kSlotsMax);
        clear(kFramesBase + kFrameRecordSize * depth, kFramesBase + kFrameRecordSize * kFramesMax);
    }

  private:
    friend Derived;
    PagedAccess() = default;

    Derived& self() { return static_cast<Derived&>(*this); }
    static std::uint64_t offset(Address at) { return at & (kPageSize - 1); }
    bool fits(Address at, std::uint64_t size) {
        if (size <= kPageSize && offset(at) <= kPageSize - size) return true;
        self().fault();
        return false;
    }
    template <class T>
    static std::size_t part_in_page(std::uint64_t at) {
        return static_cast<std::size_t>(
            std::min<std::uint64_t>(sizeof(T), kPageSize - (at & (kPageSize - 1))));
    }
    void clear(Address from, Address end) {
        while (from < end) {
            const std::uint64_t size = std::min(end - from, kPageSize - offset(from));
            fill(from, 0, static_cast<std::uint32_t>(size));
            from += size;
        }
    }
};

}  // namespace millrace::vm
