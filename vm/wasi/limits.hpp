#pragma once

#include <cstdint>

#include "vm/machine/layout.hpp"

/// Bounds of the file systems and streams. Consensus; docs/protocol/files.md and wasi.md.
namespace millrace::vm {

/// As POSIX systems have it, so that every tree can be written to a disk.
inline constexpr std::uint64_t kNameMax = 255;
inline constexpr std::uint64_t kPathMax = 4'096;
/// Directories above one another, and components in one path: a path is walked in one micro-step
/// a component.
inline constexpr std::uint64_t kDepthMax = 64;
/// Entries of one tree, its root included: a lookup reads at most 20 of them.
inline constexpr std::uint64_t kTreeEntriesMax = std::uint64_t{1} << 20;
/// Files of at least this size have a region of their own; smaller ones lie beside the metadata.
inline constexpr std::uint64_t kBigFileSize = std::uint64_t{1} << 20;
/// Regions 1 to 4,095 of an image.
inline constexpr std::uint64_t kBigFilesMax = 4'095;
/// Pages of all small files together, each rounded up: 2 GiB, which with the largest metadata
/// (288 MiB and a page) still fits region 0.
inline constexpr std::uint64_t kInlinePagesMax = std::uint64_t{1} << 19;
inline constexpr std::uint64_t kFileSizeMax = kRegionSize;

/// Open descriptors: enough for every real program, few enough to look through in one micro-step.
inline constexpr std::uint64_t kDescriptorsMax = 1'024;
/// Vectors of one read or write, as Linux has it.
inline constexpr std::uint64_t kVectorsMax = 1'024;
/// Subscriptions of one poll: no more can be waited for than descriptors and a few clocks.
inline constexpr std::uint64_t kSubscriptionsMax = 2'048;

/// Standard output and error are kept up to this many bytes from their beginning; the region is
/// bounded so that it need not count against the job's memory.
inline constexpr std::uint64_t kStreamHeadMax = std::uint64_t{1} << 24;
/// Of what comes later, the last bytes stay.
inline constexpr std::uint64_t kStreamTailMax = std::uint64_t{1} << 16;
/// A stream's region: one page whose first word counts all bytes ever written, then the head, and
/// here the tail: byte `i` of the stream lies at `(i - kStreamHeadMax) % kStreamTailMax`.
inline constexpr std::uint64_t kStreamHeadOffset = kPageSize;
inline constexpr std::uint64_t kStreamTailOffset = std::uint64_t{1} << 31;

}  // namespace millrace::vm
