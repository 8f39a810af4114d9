#pragma once

#include <algorithm>
#include <array>
#include <cstring>

#include "common/assert.hpp"
#include "tests/support/linked_machine.hpp"
#include "vm/module/limits.hpp"

namespace millrace::test {

/// The access policy of one call into one instance: a stack of its own, everything else shared.
class LinkedAccess {
  public:
    static constexpr bool kUntrusted = false;

    LinkedAccess(Linker& linker, LinkedInstance& instance, std::uint64_t* slots,
                 std::uint64_t* frames)
        : linker_(&linker), instance_(&instance), slots_(slots), frames_(frames) {}

    // ---- StateAccess
    [[nodiscard]] std::uint64_t load(vm::Address at) {
        if (is_flag(at)) return flag_word(at);
        std::array<std::uint8_t, 8> raw{};
        read(at, raw);
        return load_le<std::uint64_t>(raw.data());
    }
    void store(vm::Address at, std::uint64_t word) {
        if (is_flag(at)) {
            flag_word(at) = word;
            return;
        }
        std::array<std::uint8_t, 8> raw{};
        store_le(raw.data(), word);
        write(at, raw);
    }
    void read(vm::Address at, MutableByteView out) {
        if (const std::uint8_t* plain = plain_bytes(at)) {
            std::memcpy(out.data(), plain, out.size());
            return;
        }
        const ByteView page = instance_->image.page(at >> vm::kPageBits);
        const std::uint64_t offset = at & (vm::kPageSize - 1);
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = offset + i < page.size() ? page[offset + i] : std::uint8_t{0};
    }
    void write(vm::Address at, ByteView in) {
        std::uint8_t* plain = plain_bytes(at);
        MILLRACE_ASSERT(plain != nullptr);
        std::memcpy(plain, in.data(), in.size());
    }
    void copy(vm::Address to, vm::Address from, std::uint32_t size) {
        std::array<std::uint8_t, vm::kPageSize> buffer;
        MILLRACE_ASSERT(size <= buffer.size());
        read(from, {buffer.data(), size});
        write(to, {buffer.data(), size});
    }
    void fill(vm::Address at, std::uint64_t byte, std::uint32_t size) {
        std::memset(plain_bytes(at), static_cast<int>(byte & 0xff), size);
    }
    [[nodiscard]] std::uint64_t reg(vm::Register r) const {
        return registers_.at(static_cast<std::size_t>(r));
    }
    void set_reg(vm::Register r, std::uint64_t word) {
        registers_.at(static_cast<std::size_t>(r)) = word;
    }
    [[nodiscard]] bool failed() const { return false; }

    // ---- MachineAccess
    /// By index and not by pointer: a stub for a foreign function may be added while code runs.
    struct Code {
        const std::vector<std::uint64_t>* words;
        std::uint64_t at;
        [[nodiscard]] std::uint64_t word(std::uint64_t k) const { return (*words)[at + k]; }
        void advance(std::uint64_t count) { at += count; }
        void jump(std::int64_t distance) { at += static_cast<std::uint64_t>(distance); }
        [[nodiscard]] std::uint64_t index() const { return at; }
    };
    struct Frame {
        std::uint64_t* slots;
        std::uint64_t at;
        [[nodiscard]] std::uint64_t get(std::uint32_t slot) const { return slots[at + slot]; }
        void set(std::uint32_t slot, std::uint64_t bits) { slots[at + slot] = bits; }
        void clear(std::uint32_t first, std::uint32_t count) {
            for (std::uint32_t i = 0; i < count; ++i) set(first + i, 0);
        }
        [[nodiscard]] std::uint64_t index() const { return at; }
        [[nodiscard]] Frame moved(std::uint64_t count) const { return {slots, at + count}; }
    };
    struct Memory {
        LinkedMemory* memory;
        [[nodiscard]] std::uint64_t size() const {
            return memory == nullptr ? 0 : memory->bytes.size();
        }
        template <class T>
        [[nodiscard]] T load(std::uint64_t offset) const {
            T value;
            std::memcpy(&value, memory->bytes.data() + offset, sizeof(T));
            return value;
        }
        template <class T>
        void store(std::uint64_t offset, T value) {
            std::memcpy(memory->bytes.data() + offset, &value, sizeof(T));
        }
    };
    [[nodiscard]] Code code(std::uint64_t index) { return {&instance_->image.code, index}; }
    [[nodiscard]] Frame frame(std::uint64_t index) { return {slots_, index}; }
    [[nodiscard]] Memory memory() { return {shared_memory()}; }
    [[nodiscard]] vm::FrameRecord frame_record(std::uint64_t depth) const {
        const std::uint64_t* at = frames_ + 3 * depth;
        return {at[0], at[1], at[2]};
    }
    void push_frame(std::uint64_t depth, const vm::FrameRecord& record) {
        std::uint64_t* at = frames_ + 3 * depth;
        at[0] = record.return_pc;
        at[1] = record.caller_frame;
        at[2] = record.function;
    }
    [[nodiscard]] std::uint64_t global(std::uint32_t index) {
        return instance_->globals.at(index)->bits;
    }
    void set_global(std::uint32_t index, std::uint64_t bits) {
        instance_->globals.at(index)->bits = bits;
    }
    [[nodiscard]] std::uint64_t table_size(std::uint32_t table) {
        return instance_->tables.at(table)->entries.size();
    }
    [[nodiscard]] std::uint64_t table_size_max(std::uint32_t table) {
        return std::min(instance_->tables.at(table)->type.limits.max.value_or(vm::kTableSizeMax),
                        vm::kTableSizeMax);
    }
    void set_table_size(std::uint32_t table, std::uint64_t size) {
        std::vector<std::uint64_t>& entries = instance_->tables.at(table)->entries;
        entries.insert(entries.end(), grown_.begin(), grown_.end());
        MILLRACE_ASSERT(entries.size() == size);
        grown_.clear();
    }
    [[nodiscard]] std::uint64_t table_entry(std::uint32_t table, std::uint64_t index) {
        return instance_->tables.at(table)->entries.at(index);
    }
    /// Growing writes the new entries before it sets the size.
    void set_table_entry(std::uint32_t table, std::uint64_t index, std::uint64_t entry) {
        std::vector<std::uint64_t>& entries = instance_->tables.at(table)->entries;
        if (index < entries.size()) {
            entries[index] = entry;
            return;
        }
        MILLRACE_ASSERT(index == entries.size() + grown_.size());
        grown_.push_back(entry);
    }
    [[nodiscard]] vm::FunctionRecord function(std::uint64_t entry) {
        return linker_->record_for(*instance_, entry);
    }
    [[nodiscard]] std::uint32_t function_index(std::uint64_t entry) {
        return static_cast<std::uint32_t>(entry - 1);
    }
    [[nodiscard]] std::uint64_t memory_pages() {
        return instance_->memories.empty() ? 0 : shared_memory()->pages();
    }
    [[nodiscard]] std::uint64_t memory_pages_max() {
        return shared_memory()->limits.max.value_or(vm::kMemoryPagesMax);
    }
    void set_memory_pages(std::uint64_t pages) { shared_memory()->bytes.resize(pages * 65'536); }
    /// The stack of a call is thrown away with it.
    void clear_stack(std::uint64_t, std::uint64_t) {}

    [[nodiscard]] LinkedInstance& instance() { return *instance_; }

  private:
    [[nodiscard]] LinkedMemory* shared_memory() {
        return instance_->memories.empty() ? nullptr : instance_->memories.front();
    }
    static bool is_flag(vm::Address at) {
        return at >= vm::kSegmentFlags && at < vm::kSegmentFlags + vm::kRegionSize;
    }
    std::uint64_t& flag_word(vm::Address at) {
        const auto found = instance_->flag_words.find(at);
        if (found != instance_->flag_words.end()) return found->second;
        std::array<std::uint8_t, 8> raw{};
        read(at, raw);
        return instance_->flag_words[at] = load_le<std::uint64_t>(raw.data());
    }
    /// Memory and slots; null where only the image has bytes.
    std::uint8_t* plain_bytes(vm::Address at) {
        if (at >= vm::kMemoryBase && at < vm::kMemoryBase + vm::kRegionSize)
            return shared_memory()->bytes.data() + (at - vm::kMemoryBase);
        if (at >= vm::kSlotsBase && at < vm::kSlotsBase + 8 * vm::kSlotsMax)
            return reinterpret_cast<std::uint8_t*>(slots_) + (at - vm::kSlotsBase);
        return nullptr;
    }

    Linker* linker_;
    LinkedInstance* instance_;
    std::uint64_t* slots_;
    std::uint64_t* frames_;
    std::array<std::uint64_t, vm::kRegistersMax> registers_{};
    std::vector<std::uint64_t> grown_;  ///< entries written beyond a table that is growing
};
static_assert(vm::MachineAccess<LinkedAccess>);

}  // namespace millrace::test
