#include "market/list_root.hpp"

namespace millrace::market {

namespace {

Hash join(const Hash& left, const Hash& right) {
    return Hasher("mill/listnode").update(left).update(right).finish();
}

ListRoot seal(const HashDomain& domain, std::uint64_t count, const Hash& top) {
    return hash_as<ListRoot>(Hasher(domain).update_u64(count).update(top).finish());
}

std::vector<Hash> next_level(std::span<const Hash> level) {
    std::vector<Hash> out;
    out.reserve((level.size() + 1) / 2);
    for (std::size_t i = 0; i + 1 < level.size(); i += 2)
        out.push_back(join(level[i], level[i + 1]));
    if (level.size() % 2 == 1) out.push_back(level.back());
    return out;
}

}  // namespace

ListRoot list_root(const HashDomain& domain, std::span<const Hash> leaves) {
    MILLRACE_ASSERT(leaves.size() <= kListItemsMax);
    if (leaves.empty()) return seal(domain, 0, Hash{});
    std::vector<Hash> level(leaves.begin(), leaves.end());
    while (level.size() > 1) level = next_level(level);
    return seal(domain, leaves.size(), level.front());
}

std::vector<Hash> list_proof(std::span<const Hash> leaves, std::size_t index) {
    MILLRACE_ASSERT(index < leaves.size());
    std::vector<Hash> out;
    std::vector<Hash> level(leaves.begin(), leaves.end());
    while (level.size() > 1) {
        const std::size_t sibling = index ^ 1U;
        if (sibling < level.size()) out.push_back(level[sibling]);
        level = next_level(level);
        index /= 2;
    }
    return out;
}

bool check_list_proof(const HashDomain& domain, const ListRoot& root, std::uint64_t count,
                      std::uint64_t index, const Hash& leaf, std::span<const Hash> siblings) {
    if (count == 0 || count > kListItemsMax || index >= count) return false;
    Hash top = leaf;
    std::size_t used = 0;
    for (std::uint64_t width = count; width > 1; width = (width + 1) / 2, index /= 2) {
        if ((index ^ 1U) >= width) continue;
        if (used == siblings.size()) return false;
        top = index % 2 == 0 ? join(top, siblings[used]) : join(siblings[used], top);
        ++used;
    }
    return used == siblings.size() && seal(domain, count, top) == root;
}

}  // namespace millrace::market
