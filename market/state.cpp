#include "market/state.hpp"

#include <algorithm>

#include "common/assert.hpp"

namespace millrace::market {

namespace {

bool starts_with(ByteView key, ByteView prefix) {
    return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

Bytes first_key(ByteView prefix, ByteView from) {
    const bool later =
        std::lexicographical_compare(prefix.begin(), prefix.end(), from.begin(), from.end());
    const ByteView start = later ? from : prefix;
    return {start.begin(), start.end()};
}

/// Entries of the base that one scan asks for at first, and at most.
constexpr std::size_t kScanPageMin = 16;
constexpr std::size_t kScanPageMax = 4'096;

}  // namespace

std::optional<Bytes> OverlayView::get(ByteView key) const {
    const auto found = writes_.find(key);
    return found != writes_.end() ? found->second : base_.get(key);
}

std::vector<StateEntry> OverlayView::scan(ByteView prefix, ByteView from, std::size_t limit) const {
    std::vector<StateEntry> out;
    Bytes next = first_key(prefix, from);
    auto ours = writes_.lower_bound(next);
    std::size_t page_size = kScanPageMin;
    while (out.size() < limit) {
        // Pages of the base, merged with our writes; deleted keys make further pages necessary.
        // They double, however small the limit: else the head of a queue of which a block has
        // deleted thousands would cost a range read for each.
        const std::size_t asked = std::max(page_size, limit - out.size());
        page_size = std::min(2 * page_size, kScanPageMax);
        const std::vector<StateEntry> page = base_.scan(prefix, next, asked);
        const bool last_page = page.size() < asked;
        for (const StateEntry& entry : page) {
            for (; ours != writes_.end() && ours->first < entry.key; ++ours)
                if (starts_with(ours->first, prefix) && ours->second && out.size() < limit)
                    out.push_back({ours->first, *ours->second});
            if (ours != writes_.end() && ours->first == entry.key) {
                if (ours->second && out.size() < limit) out.push_back({entry.key, *ours->second});
                ++ours;
            } else if (out.size() < limit) {
                out.push_back(entry);
            }
        }
        if (last_page) {
            for (; ours != writes_.end() && starts_with(ours->first, prefix); ++ours)
                if (ours->second && out.size() < limit) out.push_back({ours->first, *ours->second});
            break;
        }
        next = page.back().key;
        next.push_back(0);
    }
    return out;
}

std::optional<Bytes> ReadCache::get(ByteView key) const {
    const auto found = seen_.find(key);
    if (found != seen_.end()) return found->second;
    std::optional<Bytes> value = base_.get(key);
    bytes_ += key.size() + (value ? value->size() : 0);
    if (bytes_ <= kBytesMax) seen_.emplace(Bytes(key.begin(), key.end()), value);
    return value;
}

void Overlay::put(Bytes key, Bytes value) {
    MILLRACE_ASSERT(!key.empty() && key.size() <= kStateKeyMax);
    MILLRACE_ASSERT(value.size() <= kStateValueMax);
    ++touched_;
    writes_.insert_or_assign(std::move(key), std::move(value));
}

void Overlay::erase(ByteView key) {
    ++touched_;
    // What the base does not have needs no deletion: writes then name real changes only.
    if (base_.get(key))
        writes_.insert_or_assign(Bytes(key.begin(), key.end()), std::nullopt);
    else if (const auto ours = writes_.find(key); ours != writes_.end())
        writes_.erase(ours);
}

std::optional<Bytes> MemoryState::get(ByteView key) const {
    const auto found = entries_.find(Bytes(key.begin(), key.end()));
    if (found == entries_.end()) return std::nullopt;
    return found->second;
}

std::vector<StateEntry> MemoryState::scan(ByteView prefix, ByteView from, std::size_t limit) const {
    std::vector<StateEntry> out;
    for (auto at = entries_.lower_bound(first_key(prefix, from));
         at != entries_.end() && out.size() < limit && starts_with(at->first, prefix); ++at)
        out.push_back({at->first, at->second});
    return out;
}

void MemoryState::apply(const StateWrites& writes) {
    for (const auto& [key, value] : writes) {
        if (value)
            entries_.insert_or_assign(key, *value);
        else
            entries_.erase(key);
    }
}

}  // namespace millrace::market
