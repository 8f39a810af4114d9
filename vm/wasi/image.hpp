#pragma once

#include <cstdint>

#include "vm/wasi/limits.hpp"

/// A file-system image: a tree of files in normal form, one aligned, position-independent
/// superregion of 2^44 bytes whose page-tree root names the tree. A function of the tree alone:
/// of names, kinds and contents, not of history, times or who wrote it. Consensus;
/// docs/protocol/files.md.
///
/// ```
/// region 0   0                header, one page
///            4096             records, 32 bytes an entry, breadth first, children of one directory
///                             together and in byte order; entry 0 is the root directory
///            next page        names in the order of the records; none crosses a page
///            next page        contents of files below 1 MiB in the order of the records
/// region k   0                the k-th file of at least 1 MiB, in the order of the records
/// ```
/// Packing: an item of at most a page that would cross one begins on the next; a longer one
/// always begins on a page. Everything else is zero. The empty tree is all zero.
///
/// ```
/// header  0 u64 "MILLTREE"  8 u32 version 1  12 u32 big files  16 u64 entries
///         24 u64 end of names  32 u64 end of contents in region 0  40 u64 bytes of all files
/// record  0 u8 kind  1 u8 name length  2 u16 zero  4 u32 name's offset in region 0
///         8 u64 length of the file, or u32 first child, u32 children
///        16 u64 content's offset in the image, 0 for directories and empty files
///        24 u32 parent  28 u32 zero
/// ```
namespace millrace::vm {

enum class EntryKind : std::uint8_t {
    none = 0,
    file = 1,
    directory = 2,
};

inline constexpr std::uint64_t kTreeMagic = 0x4545'5254'4c4c'494d;  // "MILLTREE", little-endian
inline constexpr std::uint32_t kTreeVersion = 1;
inline constexpr std::uint64_t kTreeRecords = kPageSize;
inline constexpr std::uint64_t kTreeRecordSize = 32;
inline constexpr std::uint64_t kTreeSize = std::uint64_t{1} << kSuperregionBits;

// NOLINTBEGIN(readability-identifier-naming): rows of the table above
namespace tree_header {
inline constexpr std::uint64_t magic = 0;
inline constexpr std::uint64_t version_and_big = 8;
inline constexpr std::uint64_t entries = 16;
inline constexpr std::uint64_t names_end = 24;
inline constexpr std::uint64_t inline_end = 32;
inline constexpr std::uint64_t total_bytes = 40;
}  // namespace tree_header
// NOLINTEND(readability-identifier-naming)

/// One record as it lies in an image.
struct TreeRecord {
    EntryKind kind = EntryKind::none;
    std::uint8_t name_length = 0;
    std::uint32_t name_offset = 0;
    std::uint64_t length = 0;       ///< of a file
    std::uint32_t first_child = 0;  ///< of a directory
    std::uint32_t child_count = 0;
    std::uint64_t content = 0;  ///< of a file that is not empty
    std::uint32_t parent = 0;

    [[nodiscard]] constexpr std::uint64_t word(unsigned index) const {
        switch (index) {
            case 0:
                return static_cast<std::uint64_t>(kind) |
                       (static_cast<std::uint64_t>(name_length) << 8) |
                       (static_cast<std::uint64_t>(name_offset) << 32);
            case 1:
                return kind == EntryKind::directory
                           ? first_child | (static_cast<std::uint64_t>(child_count) << 32)
                           : length;
            case 2:
                return content;
            default:
                return parent;
        }
    }
    /// From the four words of any record, sound or not: an unknown kind becomes `none`.
    [[nodiscard]] static constexpr TreeRecord from_words(std::uint64_t w0, std::uint64_t w1,
                                                         std::uint64_t w2, std::uint64_t w3) {
        TreeRecord record;
        const auto kind = static_cast<std::uint8_t>(w0);
        if (kind == 1 || kind == 2) record.kind = static_cast<EntryKind>(kind);
        record.name_length = static_cast<std::uint8_t>(w0 >> 8);
        record.name_offset = static_cast<std::uint32_t>(w0 >> 32);
        if (record.kind == EntryKind::directory) {
            record.first_child = static_cast<std::uint32_t>(w1);
            record.child_count = static_cast<std::uint32_t>(w1 >> 32);
        } else {
            record.length = w1;
        }
        record.content = w2;
        record.parent = static_cast<std::uint32_t>(w3);
        return record;
    }
};

[[nodiscard]] constexpr std::uint64_t page_ceil(std::uint64_t offset) {
    return (offset + kPageSize - 1) & ~(kPageSize - 1);
}
[[nodiscard]] constexpr std::uint64_t pages_of(std::uint64_t size) {
    return (size + kPageSize - 1) >> kPageBits;
}
/// Where an item of `size` bytes goes when all before it end at `cursor`.
[[nodiscard]] constexpr std::uint64_t place_packed(std::uint64_t cursor, std::uint64_t size) {
    const bool crosses = (cursor & (kPageSize - 1)) + size > kPageSize;
    return crosses ? page_ceil(cursor) : cursor;
}
/// Where the names begin when there are `entries` records.
[[nodiscard]] constexpr std::uint64_t names_offset(std::uint64_t entries) {
    return page_ceil(kTreeRecords + kTreeRecordSize * entries);
}
static_assert(kTreeRecords + kTreeRecordSize * kTreeEntriesMax +
                  (kTreeEntriesMax / (kPageSize / kNameMax) + 1) * kPageSize +
                  (kInlinePagesMax + 2) * kPageSize <=
              kRegionSize);

}  // namespace millrace::vm
