#include "market/state_root.hpp"

#include <algorithm>

namespace millrace::market {

std::vector<MapChange> map_changes(const StateWrites& writes) {
    std::vector<MapChange> out;
    out.reserve(writes.size());
    for (const auto& [key, value] : writes) {
        MapChange change{map_path(key), std::nullopt};
        if (value) change.value_hash = map_value_hash(*value);
        out.push_back(change);
    }
    std::sort(out.begin(), out.end(),
              [](const MapChange& a, const MapChange& b) { return a.path < b.path; });
    return out;
}

}  // namespace millrace::market
