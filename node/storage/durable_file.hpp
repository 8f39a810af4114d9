#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "common/bytes.hpp"
#include "common/result.hpp"

namespace millrace::node {

/// Replaces a small file so that after a crash at any instruction, and after a power cut, there is
/// the old content or the new one, never a part: written beside it, synced, renamed, and the folder
/// synced. Of several writers at once one wins, whole. What a crash left ends in `.new`; the owner
/// of the folder removes it at start.
[[nodiscard]] Status<> write_durably(const std::filesystem::path& path, ByteView content,
                                     unsigned mode);

/// The whole content of a file; none where there is none. A file above `size_max` is an error.
[[nodiscard]] Result<std::optional<Bytes>> read_small_file(const std::filesystem::path& path,
                                                           std::size_t size_max);

}  // namespace millrace::node
