#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/page_tree.hpp"

namespace millrace {

/// Streamed transfer moves blobs in chunks of 2^8 pages, 1 MiB: large enough that the siblings
/// (12 × 32 bytes) do not matter, small enough that a lying peer wastes little.
inline constexpr unsigned kChunkLevels = 8;
inline constexpr std::uint64_t kChunkSize = std::uint64_t{kTreePageSize} << kChunkLevels;

/// Root of a stream of bytes in one pass: one page of buffer and one hash a level, whatever the
/// length. The last page is padded with zeroes. `chunk_roots()` keeps what is needed to prove
/// chunks later: 32 bytes for each 1 MiB.
class PageTreeHasher {
  public:
    /// A tree of `levels` levels; a blob's is one region. Chunk roots are kept at `chunk_level`, or
    /// not at all.
    explicit PageTreeHasher(unsigned levels = kRegionLevels,
                            std::optional<unsigned> chunk_level = std::nullopt);

    /// Takes the next bytes. False, and nothing taken, when they would not fit into the tree.
    [[nodiscard]] bool push(ByteView bytes) noexcept;
    /// Bytes taken so far.
    [[nodiscard]] std::uint64_t length() const noexcept { return length_; }
    /// The root; call once, after the last byte. The hasher is then spent.
    [[nodiscard]] Hash finish() noexcept;
    /// Roots of the chunks that hold data, in order; complete after `finish`.
    [[nodiscard]] const std::vector<Subtree>& chunk_roots() const noexcept { return chunk_roots_; }

  private:
    void add_page(const Hash& leaf) noexcept;
    void note_chunk(unsigned level, std::uint64_t index, const Hash& root);

    unsigned levels_;
    std::optional<unsigned> chunk_level_;
    std::uint64_t length_ = 0;
    std::uint64_t page_count_ = 0;
    std::size_t buffered_ = 0;
    std::array<std::uint8_t, kTreePageSize> buffer_{};
    /// Complete left subtrees by level; slot k is meaningful where bit k of `page_count_` is set.
    std::array<Hash, kPageTreeLevels + 1> complete_{};
    std::vector<Subtree> chunk_roots_;
};

}  // namespace millrace
