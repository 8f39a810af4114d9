#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "vm/wasi/detail/host.hpp"

namespace millrace::vm::wasi {

/// Reads one file-system image of `/in`. The image may be anything: its root came with the job, and
/// nobody has checked what is under it. So every number is clamped before use; a bad image shows
/// its owner nonsense, and harms nobody.
template <StateAccess A>
class InputFs {
  public:
    InputFs(A& state, std::uint32_t image)
        : state_(state), base_(kInputImages + (static_cast<Address>(image) << kSuperregionBits)) {}

    [[nodiscard]] TreeRecord record(std::uint32_t index) {
        const Address at = base_ + kTreeRecords + kTreeRecordSize * (index % kTreeEntriesMax);
        TreeRecord record = TreeRecord::from_words(state_.load(at), state_.load(at + 8),
                                                   state_.load(at + 16), state_.load(at + 24));
        if (index == 0) {
            // The empty tree is all zero, its root directory included.
            if (record.kind != EntryKind::directory) record = TreeRecord{};
            record.kind = EntryKind::directory;
        }
        clamp(record);
        return record;
    }
    [[nodiscard]] Address content(const TreeRecord& record) const { return base_ + record.content; }

    /// Bytes of a name into `out`; at most what lies within one page.
    [[nodiscard]] ByteView name(const TreeRecord& record,
                                std::array<std::uint8_t, kNameMax + 1>& out) {
        const MutableByteView part(out.data(), record.name_length);
        state_.read(base_ + record.name_offset, part);
        return part;
    }

    /// Index of the child of that name: binary search, at most 20 probes.
    [[nodiscard]] std::optional<std::uint32_t> lookup(std::uint32_t directory, ByteView wanted) {
        const TreeRecord parent = record(directory);
        std::uint32_t low = 0;
        std::uint32_t high = parent.child_count;
        std::array<std::uint8_t, kNameMax + 1> buffer{};
        while (low < high) {
            const std::uint32_t middle = low + (high - low) / 2;
            const ByteView found = name(record(parent.first_child + middle), buffer);
            if (std::ranges::equal(found, wanted)) return parent.first_child + middle;
            if (std::ranges::lexicographical_compare(found, wanted))
                low = middle + 1;
            else
                high = middle;
        }
        return std::nullopt;
    }

  private:
    static void clamp(TreeRecord& record) {
        const std::uint64_t name_room = left_in_page(record.name_offset);
        if (record.name_length > name_room)
            record.name_length = static_cast<std::uint8_t>(name_room);
        record.parent %= kTreeEntriesMax;
        record.first_child %= kTreeEntriesMax;
        record.child_count = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(record.child_count, kTreeEntriesMax - record.first_child));
        record.content %= kTreeSize;
        record.length = std::min(record.length, kFileSizeMax);
        record.length = std::min(record.length, kTreeSize - record.content);
    }

    A& state_;
    Address base_;
};

}  // namespace millrace::vm::wasi
