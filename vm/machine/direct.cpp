#include "vm/machine/direct.hpp"

#include <sys/mman.h>

#include <algorithm>

#include "common/assert.hpp"

namespace millrace::vm {

namespace {

constexpr std::uint64_t kGuardSize = std::uint64_t{1} << 20;
constexpr std::uint64_t kFramesBytes = kFramesMax * kFrameRecordSize;
constexpr std::uint64_t kSlotsBytes = kSlotsMax * 8;
/// A frame checked at its call may still be given arguments beyond: room for one frame.
constexpr std::uint64_t kSlotsSlack = std::uint64_t{kFrameSlotsMax + 1} * 8;

constexpr std::uint64_t page_of(Address at) {
    return at >> kPageBits;
}
constexpr std::uint64_t offset_of(Address at) {
    return at & (kPageSize - 1);
}
constexpr std::uint64_t kMemoryFirst = page_of(kMemoryBase);
constexpr std::uint64_t kMemoryPages = kRegionSize / kPageSize;
constexpr std::uint64_t kTablesFirst = page_of(kTablesBase);
constexpr std::uint64_t kRegionPages = kRegionSize / kPageSize;

std::uint8_t* bytes_of(std::uint64_t* words) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes may alias.
    return reinterpret_cast<std::uint8_t*>(words);
}
const std::uint8_t* bytes_of(const std::uint64_t* words) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes may alias.
    return reinterpret_cast<const std::uint8_t*>(words);
}
std::uint64_t* words_of(std::uint8_t* bytes) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): page-aligned, from mmap.
    return reinterpret_cast<std::uint64_t*>(bytes);
}
bool is_zero(const std::uint8_t* page) {
    std::uint64_t any = 0;
    for (std::size_t i = 0; i < kPageSize; i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, page + i, 8);
        any |= word;
    }
    return any == 0;
}

}  // namespace

Reservation::Reservation(std::uint64_t size, std::uint64_t guard) : size_(size), guard_(guard) {
    void* got =
        mmap(nullptr, size + guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    // Address space is all that is asked for: without it the process was set up wrongly.
    MILLRACE_ASSERT(got != MAP_FAILED);
    MILLRACE_ASSERT(mprotect(got, size, PROT_READ | PROT_WRITE) == 0);
    data_ = static_cast<std::uint8_t*>(got);
}
Reservation::~Reservation() {
    munmap(data_, size_ + guard_);
}

void Reservation::zero_from(std::uint64_t offset) {
    const std::uint64_t whole = (offset + kPageSize - 1) / kPageSize * kPageSize;
    if (offset < whole) std::memset(data_ + offset, 0, std::min(whole, size_) - offset);
    if (whole >= size_) return;
    // Giving pages back zeroes them; where that is refused they are written.
    if (madvise(data_ + whole, size_ - whole, MADV_DONTNEED) != 0)
        std::memset(data_ + whole, 0, size_ - whole);
}

DirectAccess::DirectAccess(const Image& image, std::vector<Mount> mounts)
    : image_(&image),
      mounts_(std::move(mounts)),
      code_(image.code.data()),
      memory_(kRegionSize, kGuardSize),
      frame_memory_(kFramesBytes, kGuardSize),
      slot_memory_(kSlotsBytes + kSlotsSlack, kGuardSize),
      frames_(words_of(frame_memory_.data())),
      slots_(words_of(slot_memory_.data())) {
    std::sort(mounts_.begin(), mounts_.end(), [](const Mount& a, const Mount& b) {
        return a.place.first_page() < b.place.first_page();
    });
    globals_.resize((image.global_count * kGlobalStride / 8 + kPageSize / 8 - 1) / (kPageSize / 8) *
                    (kPageSize / 8));
    tables_.resize(image.table_sizes.size());
    for (const ImagePart& part : image.parts) {
        if (part.base == kGlobalsBase) {
            std::memcpy(bytes_of(globals_.data()), part.bytes.data(), part.bytes.size());
        } else if (part.base >= kTablesBase) {
            Table& table =
                tables_[static_cast<std::size_t>((part.base - kTablesBase) >> kRegionBits)];
            table.words.resize((part.bytes.size() + kPageSize - 1) / kPageSize * (kPageSize / 8));
            std::memcpy(bytes_of(table.words.data()), part.bytes.data(), part.bytes.size());
            table.size = table.words[0];
        }
    }
    for (const auto& [index, page] : image.memory)
        std::memcpy(memory_.data() + index * kPageSize, page->data(), kPageSize);
}

ByteView DirectAccess::base_page(std::uint64_t page_index) const {
    if (page_index >= page_of(kImageBase) && page_index < page_of(kStreamsBase))
        return image_->page(page_index);
    // Sorted and apart: there may be 65,536, and every page of a host call asks.
    auto after = std::upper_bound(
        mounts_.begin(), mounts_.end(), page_index,
        [](std::uint64_t page, const Mount& mount) { return page < mount.place.first_page(); });
    if (after == mounts_.begin()) return {};
    --after;
    if (page_index >= after->place.end_page()) return {};
    const ByteView page = after->source->page(page_index);
    if (after->source->has_failed()) failed_ = true;
    return page;
}

const std::uint8_t* DirectAccess::page_for_read(std::uint64_t page_index) const {
    if (page_index >= kMemoryFirst && page_index < kMemoryFirst + kMemoryPages)
        return memory_.data() + (page_index - kMemoryFirst) * kPageSize;
    if (page_index == page_of(kRegistersPage)) return bytes_of(registers_.data());
    if (page_index >= page_of(kSlotsBase) && page_index < page_of(kSlotsBase + kSlotsBytes))
        return bytes_of(slots_) + (page_index - page_of(kSlotsBase)) * kPageSize;
    if (page_index >= page_of(kFramesBase) && page_index < page_of(kFramesBase + kFramesBytes))
        return bytes_of(frames_) + (page_index - page_of(kFramesBase)) * kPageSize;
    if (page_index >= page_of(kGlobalsBase) && page_index < page_of(kSegmentFlags)) {
        const std::uint64_t at = (page_index - page_of(kGlobalsBase)) * (kPageSize / 8);
        return at < globals_.size() ? bytes_of(globals_.data() + at) : nullptr;
    }
    if (page_index >= kTablesFirst && page_index < kTablesFirst + tables_.size() * kRegionPages) {
        const std::uint64_t within = page_index - kTablesFirst;
        const Table& table = tables_[static_cast<std::size_t>(within / kRegionPages)];
        const std::uint64_t at = within % kRegionPages * (kPageSize / 8);
        return at < table.words.size() ? bytes_of(table.words.data() + at) : nullptr;
    }
    if (page_index == last_index_) return last_page_;
    if (const auto found = sparse_.find(page_index); found != sparse_.end()) {
        last_index_ = page_index;
        last_page_ = found->second->data();
        return last_page_;
    }
    const ByteView base = base_page(page_index);
    if (base.empty()) return nullptr;
    if (base.size() >= kPageSize) return base.data();
    if (page_index >= page_of(kStreamsBase)) {
        mounted_.fill(0);
        std::memcpy(mounted_.data(), base.data(), base.size());
        return mounted_.data();
    }
    auto& padded = padded_[page_index];
    if (!padded) {
        padded = std::make_unique<Page>();
        std::memcpy(padded->data(), base.data(), base.size());
    }
    return padded->data();
}

DirectAccess::Page& DirectAccess::sparse_page(std::uint64_t page_index) {
    auto& page = sparse_[page_index];
    if (!page) {
        page = std::make_unique<Page>();
        const ByteView base = base_page(page_index);
        if (!base.empty())
            std::memcpy(page->data(), base.data(), std::min<std::size_t>(base.size(), kPageSize));
    }
    last_index_ = page_index;
    last_page_ = page->data();
    return *page;
}

std::uint8_t* DirectAccess::page_for_write(std::uint64_t page_index) {
    if (page_index >= kMemoryFirst && page_index < kMemoryFirst + kMemoryPages)
        return memory_.data() + (page_index - kMemoryFirst) * kPageSize;
    if (page_index == page_of(kRegistersPage)) return bytes_of(registers_.data());
    if (page_index >= page_of(kSlotsBase) && page_index < page_of(kSlotsBase + kSlotsBytes))
        return bytes_of(slots_) + (page_index - page_of(kSlotsBase)) * kPageSize;
    if (page_index >= page_of(kFramesBase) && page_index < page_of(kFramesBase + kFramesBytes))
        return bytes_of(frames_) + (page_index - page_of(kFramesBase)) * kPageSize;
    if (page_index >= page_of(kGlobalsBase) && page_index < page_of(kSegmentFlags)) {
        const std::uint64_t at = (page_index - page_of(kGlobalsBase)) * (kPageSize / 8);
        if (at < globals_.size()) return bytes_of(globals_.data() + at);
    }
    if (page_index >= kTablesFirst && page_index < kTablesFirst + tables_.size() * kRegionPages) {
        const std::uint64_t within = page_index - kTablesFirst;
        Table& table = tables_[static_cast<std::size_t>(within / kRegionPages)];
        const std::uint64_t at = within % kRegionPages * (kPageSize / 8);
        if (at >= table.words.size()) table.words.resize(at + kPageSize / 8);
        return bytes_of(table.words.data() + at);
    }
    if (page_index == last_index_) return last_page_;
    return sparse_page(page_index).data();
}

std::uint64_t DirectAccess::load(Address at) const {
    MILLRACE_DEBUG_ASSERT(at % 8 == 0);
    const std::uint8_t* page = page_for_read(page_of(at));
    return page == nullptr ? 0 : load_le<std::uint64_t>(page + offset_of(at));
}
void DirectAccess::store(Address at, std::uint64_t word) {
    MILLRACE_DEBUG_ASSERT(at % 8 == 0);
    store_le(page_for_write(page_of(at)) + offset_of(at), word);
    if (at >= kTablesBase && at < kMemoryBase && (at & (kRegionSize - 1)) == 0)
        tables_[static_cast<std::size_t>((at - kTablesBase) >> kRegionBits)].size = word;
}
void DirectAccess::read(Address at, MutableByteView out) const {
    MILLRACE_DEBUG_ASSERT(offset_of(at) + out.size() <= kPageSize);
    if (out.empty()) return;
    const std::uint8_t* page = page_for_read(page_of(at));
    if (page == nullptr)
        std::memset(out.data(), 0, out.size());
    else
        std::memcpy(out.data(), page + offset_of(at), out.size());
}
void DirectAccess::write(Address at, ByteView in) {
    MILLRACE_DEBUG_ASSERT(offset_of(at) + in.size() <= kPageSize);
    if (!in.empty()) std::memcpy(page_for_write(page_of(at)) + offset_of(at), in.data(), in.size());
}
void DirectAccess::copy(Address to, Address from, std::uint32_t size) {
    if (size == 0) return;
    std::uint8_t* target = page_for_write(page_of(to)) + offset_of(to);
    MILLRACE_DEBUG_ASSERT(target != nullptr);
    const std::uint8_t* source = page_for_read(page_of(from));
    if (source == nullptr)
        std::memset(target, 0, size);
    else
        std::memmove(target, source + offset_of(from), size);
}
void DirectAccess::fill(Address at, std::uint64_t byte, std::uint32_t size) {
    if (size == 0) return;
    std::memset(page_for_write(page_of(at)) + offset_of(at), static_cast<int>(byte & 0xff), size);
    if ((byte & 0xff) == 0) forget_if_zero(page_of(at));
}

void DirectAccess::forget_if_zero(std::uint64_t page_index) {
    const auto found = sparse_.find(page_index);
    if (found == sparse_.end() || !is_zero(found->second->data())) return;
    if (!base_page(page_index).empty()) return;  // zero here hides what lies below
    sparse_.erase(found);
    last_index_ = ~std::uint64_t{0};
    last_page_ = nullptr;
}

void DirectAccess::clear_stack(std::uint64_t first_slot, std::uint64_t depth) {
    frame_memory_.zero_from(kFrameRecordSize * depth);
    slot_memory_.zero_from(8 * first_slot);
}

void DirectAccess::read_page(std::uint64_t page_index,
                             std::array<std::uint8_t, kPageSize>& out) const {
    read(page_index << kPageBits, out);
}

std::vector<Subtree> DirectAccess::leaves(bool open_mounts) const {
    std::vector<Subtree> out;
    const auto add = [&](Address base, const std::uint8_t* bytes, std::uint64_t pages) {
        for (std::uint64_t i = 0; i < pages; ++i) {
            const std::uint8_t* page = bytes + i * kPageSize;
            if (!is_zero(page)) out.push_back({0, page_of(base) + i, page_hash({page, kPageSize})});
        }
    };
    add(kRegistersPage, bytes_of(registers_.data()), 1);
    // All of the stack: between an end and its normal form the registers no longer bound it.
    add(kFramesBase, bytes_of(frames_), kFramesBytes / kPageSize);
    add(kSlotsBase, bytes_of(slots_), kSlotsBytes / kPageSize);
    add(kGlobalsBase, bytes_of(globals_.data()), globals_.size() * 8 / kPageSize);
    for (std::size_t t = 0; t < tables_.size(); ++t)
        add(table_base(static_cast<std::uint32_t>(t)), bytes_of(tables_[t].words.data()),
            tables_[t].words.size() * 8 / kPageSize);
    // Before the image's first word the memory is there and its size is not.
    const std::uint64_t memory_pages = std::max(reg(Register::memory_pages), image_->memory_pages);
    add(kMemoryBase, memory_.data(), memory_pages * (65'536 / kPageSize));
    for (const auto& [index, page] : sparse_)
        if (!is_zero(page->data())) out.push_back({0, index, page_hash({page->data(), kPageSize})});
    // What the image holds and nobody can have changed, or has not.
    for (const Subtree& leaf : image_->leaves) {
        const Address at = leaf.index << kPageBits;
        const bool kept = at < kGlobalsBase || (at >= kSegmentFlags && at < kTablesBase);
        if (kept && !sparse_.contains(leaf.index)) out.push_back(leaf);
    }
    for (const Mount& mount : mounts_) {
        if (open_mounts) {
            const std::vector<Subtree> within = mount.source->leaves();
            out.insert(out.end(), within.begin(), within.end());
        } else {
            out.push_back(mount.place);
        }
    }
    std::sort(out.begin(), out.end(),
              [](const Subtree& a, const Subtree& b) { return a.first_page() < b.first_page(); });
    return out;
}

Hash DirectAccess::root() const {
    return join_subtrees(kPageTreeLevels, leaves());
}

}  // namespace millrace::vm
