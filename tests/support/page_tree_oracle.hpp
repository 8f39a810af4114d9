#pragma once

#include <map>
#include <vector>

#include "common/hash.hpp"

namespace millrace::test {

/// The page tree by its definition, top down over a map of pages: slow, and sharing nothing with
/// the code it judges but BLAKE2b itself.
struct PageTreeOracle {
    std::map<std::uint64_t, Bytes> pages;

    [[nodiscard]] static Hash node(const Hash& left, const Hash& right) {
        return Hasher("mill/node").update(left).update(right).finish();
    }
    [[nodiscard]] static const Hash& zero(unsigned level) {
        static const std::vector<Hash> table = [] {
            std::vector<Hash> out{hash_bytes("mill/page", Bytes(4096, 0))};
            while (out.size() <= 52) out.push_back(node(out.back(), out.back()));
            return out;
        }();
        return table.at(level);
    }
    [[nodiscard]] Hash root(unsigned level, std::uint64_t index = 0) const {
        const auto from = pages.lower_bound(index << level);
        if (from == pages.end() || from->first >= (index + 1) << level) return zero(level);
        if (level == 0) return hash_bytes("mill/page", from->second);
        const Hash left = root(level - 1, 2 * index);
        return node(left, root(level - 1, 2 * index + 1));
    }
};

}  // namespace millrace::test
