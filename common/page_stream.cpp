#include "common/page_stream.hpp"

#include <algorithm>

#include "common/assert.hpp"

namespace millrace {

PageTreeHasher::PageTreeHasher(unsigned levels, std::optional<unsigned> chunk_level)
    : levels_(levels), chunk_level_(chunk_level) {
    // 2^51 pages keep every count below in 64 bits; nothing streams more.
    MILLRACE_ASSERT(levels < kPageTreeLevels);
    MILLRACE_ASSERT(!chunk_level || *chunk_level <= levels);
}

bool PageTreeHasher::push(ByteView bytes) noexcept {
    const std::uint64_t capacity = std::uint64_t{kTreePageSize} << levels_;
    if (bytes.size() > capacity - length_) return false;
    length_ += bytes.size();
    if (buffered_ != 0) {
        const std::size_t taken = std::min(bytes.size(), kTreePageSize - buffered_);
        std::copy_n(bytes.begin(), taken, buffer_.begin() + static_cast<std::ptrdiff_t>(buffered_));
        buffered_ += taken;
        bytes = bytes.subspan(taken);
        if (buffered_ < kTreePageSize) return true;
        add_page(page_hash(buffer_));
        buffered_ = 0;
    }
    for (; bytes.size() >= kTreePageSize; bytes = bytes.subspan(kTreePageSize))
        add_page(page_hash(bytes.first(kTreePageSize)));
    std::copy(bytes.begin(), bytes.end(), buffer_.begin());
    buffered_ = bytes.size();
    return true;
}

// Binary counting: a new page completes as many subtrees as the count has trailing ones.
void PageTreeHasher::add_page(const Hash& leaf) noexcept {
    Hash root = leaf;
    unsigned level = 0;
    note_chunk(0, page_count_, root);
    for (std::uint64_t count = page_count_; (count & 1U) != 0; count >>= 1U) {
        root = node_hash(complete_.at(level), root);
        ++level;
        note_chunk(level, page_count_ >> level, root);
    }
    complete_.at(level) = root;
    ++page_count_;
}

void PageTreeHasher::note_chunk(unsigned level, std::uint64_t index, const Hash& root) {
    if (chunk_level_ == level) chunk_roots_.push_back({level, index, root});
}

Hash PageTreeHasher::finish() noexcept {
    if (buffered_ != 0) {
        add_page(padded_page_hash(ByteView(buffer_).first(buffered_)));
        buffered_ = 0;
    }
    if (page_count_ == (std::uint64_t{1} << levels_)) return complete_.at(levels_);
    // The edge: `root` covers what lies right of the complete subtrees below `level`.
    Hash root = zero_subtree(0);
    for (unsigned level = 0; level < levels_; ++level) {
        const bool has_left = ((page_count_ >> level) & 1U) != 0;
        const bool has_data = (page_count_ & ((std::uint64_t{1} << level) - 1)) != 0;
        if (has_data) note_chunk(level, page_count_ >> level, root);
        if (has_left)
            root = node_hash(complete_.at(level), root);
        else
            root = has_data ? node_hash(root, zero_subtree(level)) : zero_subtree(level + 1);
    }
    if (page_count_ != 0) note_chunk(levels_, 0, root);
    return root;
}

}  // namespace millrace
