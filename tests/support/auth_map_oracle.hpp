#pragma once

#include <map>

#include "common/auth_map.hpp"

namespace millrace::test {

/// Pages in memory.
class MemoryPageStore final : public MapPageStore {
  public:
    [[nodiscard]] std::optional<Bytes> get(const MapPageId& id) const override {
        const auto found = pages.find(id);
        if (found == pages.end()) return std::nullopt;
        return found->second;
    }
    void apply(const MapPageWrites& writes) {
        for (const auto& [id, page] : writes) {
            if (page)
                pages[id] = *page;
            else
                pages.erase(id);
        }
    }
    std::map<MapPageId, Bytes> pages;
};

/// The map's root by its definition, from the entries alone.
struct MapOracle {
    std::map<MapPath, Hash> entries;

    static bool bit(const MapPath& path, unsigned at) {
        return (path.bytes[at / 8] & (0x80U >> (at % 8))) != 0;
    }
    [[nodiscard]] Hash root() const {
        const Hash top = node(entries, 0);
        return Hasher("mill/map").update_u64(1).update_u64(entries.size()).update(top).finish();
    }
    [[nodiscard]] static Hash node(const std::map<MapPath, Hash>& below, unsigned depth) {
        if (below.empty()) return Hash{};
        if (below.size() == 1) {
            const auto& [path, value_hash] = *below.begin();
            return Hasher("mill/leaf").update(path).update(value_hash).finish();
        }
        std::map<MapPath, Hash> halves[2];
        for (const auto& [path, value_hash] : below)
            halves[bit(path, depth) ? 1 : 0][path] = value_hash;
        const Hash left = node(halves[0], depth + 1);
        const Hash right = node(halves[1], depth + 1);
        return Hasher("mill/inner").update(left).update(right).finish();
    }
};

}  // namespace millrace::test
