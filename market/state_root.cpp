#include "market/state_root.hpp"

#include <algorithm>

namespace millrace::market {

namespace {

/// Fewer writes take less than a thread's waking.
constexpr std::size_t kForkWrites = 512;

using Write = StateWrites::value_type;

void hash_all(std::span<const Write* const> writes, std::span<MapChange> out, Fork& fork) {
    if (writes.size() >= kForkWrites) {
        const std::size_t half = writes.size() / 2;
        fork.both([&] { hash_all(writes.first(half), out.first(half), fork); },
                  [&] { hash_all(writes.subspan(half), out.subspan(half), fork); });
        return;
    }
    for (std::size_t i = 0; i < writes.size(); ++i) {
        const auto& [key, value] = *writes[i];
        out[i].path = map_path(key);
        if (value) out[i].value_hash = map_value_hash(*value);
    }
}

}  // namespace

std::vector<MapChange> map_changes(const StateWrites& writes) {
    NoFork fork;
    return map_changes(writes, fork);
}

std::vector<MapChange> map_changes(const StateWrites& writes, Fork& fork) {
    std::vector<const Write*> in;
    in.reserve(writes.size());
    for (const Write& write : writes) in.push_back(&write);
    std::vector<MapChange> out(in.size());
    hash_all(in, out, fork);
    std::sort(out.begin(), out.end(),
              [](const MapChange& a, const MapChange& b) { return a.path < b.path; });
    return out;
}

}  // namespace millrace::market
