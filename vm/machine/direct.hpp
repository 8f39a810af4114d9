#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "common/bytes.hpp"
#include "common/page_tree.hpp"
#include "vm/image/image.hpp"
#include "vm/machine/machine_access.hpp"

namespace millrace::vm {

/// The pages of subtrees that a state knows by their root only: the job's input and stdin. Pages
/// must be those of the root (the fetcher has verified them).
class PageSource {
  public:
    virtual ~PageSource() = default;
    /// The bytes of one page, or fewer where the rest is zero; empty for a zero page, and for one
    /// that cannot be read (`has_failed` then). Valid until the next call.
    [[nodiscard]] virtual ByteView page(std::uint64_t page_index) const = 0;
    /// Something could not be read: a run over it proves nothing and must stop.
    [[nodiscard]] virtual bool has_failed() const { return false; }
    /// Place and hash of every page that is not zero, or of larger subtrees; what a witness over
    /// these pages is made from.
    [[nodiscard]] virtual std::vector<Subtree> leaves() const = 0;
};

/// A mounted subtree and where its pages come from.
struct Mount {
    Subtree place;  ///< level and index from the start of the state
    const PageSource* source = nullptr;
};

/// Anonymous memory of a fixed reservation, zero until written, given back when destroyed.
class Reservation {
  public:
    /// `size` bytes, and `guard` more behind them that nobody may touch.
    Reservation(std::uint64_t size, std::uint64_t guard);
    ~Reservation();
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    [[nodiscard]] std::uint8_t* data() const { return data_; }
    [[nodiscard]] std::uint64_t size() const { return size_; }
    /// Makes everything from `offset` on zero, whole pages without touching them.
    void zero_from(std::uint64_t offset);

  private:
    std::uint8_t* data_ = nullptr;
    std::uint64_t size_ = 0;
    std::uint64_t guard_ = 0;
};

/// The fast policy: code, stack and memory are plain memory behind pointers; everything else is a
/// sorted map of pages over image and mounts.
class DirectAccess : public AddressedTables<DirectAccess> {
  public:
    static constexpr bool kUntrusted = false;

    /// `image` and the sources of `mounts` outlive the object.
    explicit DirectAccess(const Image& image, std::vector<Mount> mounts = {});

    // ---- StateAccess
    [[nodiscard]] std::uint64_t load(Address at) const;
    void store(Address at, std::uint64_t word);
    void read(Address at, MutableByteView out) const;
    void write(Address at, ByteView in);
    void copy(Address to, Address from, std::uint32_t size);
    void fill(Address at, std::uint64_t byte, std::uint32_t size);
    [[nodiscard]] std::uint64_t reg(Register r) const {
        return registers_[static_cast<std::size_t>(r)];
    }
    void set_reg(Register r, std::uint64_t word) { registers_[static_cast<std::size_t>(r)] = word; }
    /// A page of an input could not be read.
    [[nodiscard]] bool failed() const { return failed_; }

    // ---- MachineAccess
    struct Code {
        const std::uint64_t* at;
        const std::uint64_t* base;
        [[nodiscard]] std::uint64_t word(std::uint64_t k) const { return at[k]; }
        void advance(std::uint64_t words) { at += words; }
        void jump(std::int64_t distance) { at += distance; }
        [[nodiscard]] std::uint64_t index() const { return static_cast<std::uint64_t>(at - base); }
    };
    struct Frame {
        std::uint64_t* at;
        std::uint64_t* base;
        [[nodiscard]] std::uint64_t get(std::uint32_t slot) const { return at[slot]; }
        void set(std::uint32_t slot, std::uint64_t bits) { at[slot] = bits; }
        void clear(std::uint32_t first, std::uint32_t count) {
            for (std::uint32_t i = 0; i < count; ++i) at[first + i] = 0;
        }
        [[nodiscard]] std::uint64_t index() const { return static_cast<std::uint64_t>(at - base); }
        [[nodiscard]] Frame moved(std::uint64_t slots) const { return {at + slots, base}; }
    };
    struct Memory {
        std::uint8_t* base;
        std::uint64_t bytes;
        [[nodiscard]] std::uint64_t size() const { return bytes; }
        template <class T>
        [[nodiscard]] T load(std::uint64_t offset) const {
            T value;
            std::memcpy(&value, base + offset, sizeof(T));
            return value;
        }
        template <class T>
        void store(std::uint64_t offset, T value) {
            std::memcpy(base + offset, &value, sizeof(T));
        }
    };
    [[nodiscard]] Code code(std::uint64_t index) const { return {code_ + index, code_}; }
    [[nodiscard]] Frame frame(std::uint64_t index) const { return {slots_ + index, slots_}; }
    [[nodiscard]] Memory memory() const {
        return {memory_.data(), reg(Register::memory_pages) * 65'536};
    }
    [[nodiscard]] FrameRecord frame_record(std::uint64_t depth) const {
        const std::uint64_t* at = frames_ + 4 * depth;
        return {at[0], at[1], at[2]};
    }
    void push_frame(std::uint64_t depth, const FrameRecord& frame) {
        std::uint64_t* at = frames_ + 4 * depth;
        at[0] = frame.return_pc;
        at[1] = frame.caller_frame;
        at[2] = frame.function;
    }
    [[nodiscard]] std::uint64_t global(std::uint32_t index) const {
        return globals_[std::size_t{2} * index];
    }
    void set_global(std::uint32_t index, std::uint64_t bits) {
        globals_[std::size_t{2} * index] = bits;
    }
    [[nodiscard]] FunctionRecord function(std::uint64_t entry) const {
        return image_->functions[static_cast<std::size_t>(entry - 1)];
    }
    [[nodiscard]] std::uint64_t table_size(std::uint32_t table) const {
        return tables_[table].size;
    }
    [[nodiscard]] std::uint64_t table_entry(std::uint32_t table, std::uint64_t index) const {
        const std::vector<std::uint64_t>& words = tables_[table].words;
        const std::uint64_t at = kTableEntriesOffset / 8 + index;
        return at < words.size() ? words[static_cast<std::size_t>(at)] : 0;
    }
    void set_table_size(std::uint32_t table, std::uint64_t size) { store(table_base(table), size); }
    void clear_stack(std::uint64_t first_slot, std::uint64_t depth);

    // ---- the state as a whole
    /// Root of the whole state. Costs the hash of every page that may hold something.
    [[nodiscard]] Hash root() const;
    /// Every page that is not zero, and every mount (by its root, or its own leaves), sorted by
    /// place.
    [[nodiscard]] std::vector<Subtree> leaves(bool open_mounts = false) const;
    /// One page's bytes; zero where nothing is.
    void read_page(std::uint64_t page_index, std::array<std::uint8_t, kPageSize>& out) const;
    [[nodiscard]] const Image& image() const { return *image_; }

  private:
    using Page = std::array<std::uint8_t, kPageSize>;
    struct Table {
        std::uint64_t size = 0;  ///< a copy of the region's first word
        std::vector<std::uint64_t> words;
    };

    /// Where a page's bytes are; none when it is zero and nothing has been written.
    [[nodiscard]] const std::uint8_t* page_for_read(std::uint64_t page_index) const;
    [[nodiscard]] std::uint8_t* page_for_write(std::uint64_t page_index);
    [[nodiscard]] Page& sparse_page(std::uint64_t page_index);
    /// Gives back a page of a file that was freed: the account of the memory limit no longer has
    /// it, and a program that makes and removes files again and again must not fill this machine.
    void forget_if_zero(std::uint64_t page_index);
    [[nodiscard]] ByteView base_page(std::uint64_t page_index) const;

    const Image* image_;
    std::vector<Mount> mounts_;
    const std::uint64_t* code_;
    Reservation memory_;
    Reservation frame_memory_;
    Reservation slot_memory_;
    std::uint64_t* frames_;
    std::uint64_t* slots_;
    std::array<std::uint64_t, kPageSize / 8> registers_{};
    std::vector<std::uint64_t> globals_;
    std::vector<Table> tables_;
    /// Everything else that has been written.
    std::map<std::uint64_t, std::unique_ptr<Page>> sparse_;
    /// The page touched last, for the streams and files of host calls.
    mutable std::uint64_t last_index_ = ~std::uint64_t{0};
    mutable std::uint8_t* last_page_ = nullptr;
    /// Pages of the image whose bytes end early, padded; at most one a part of it.
    mutable std::map<std::uint64_t, std::unique_ptr<Page>> padded_;
    /// The same of a mount, for as long as its page is good.
    mutable Page mounted_{};
    mutable bool failed_ = false;
};
static_assert(MachineAccess<DirectAccess>);

}  // namespace millrace::vm
