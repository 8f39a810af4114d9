// Authenticated map: a block's update, reads, proofs. Pages are kept in memory.
// Run: build/release/bin/bench_auth_map [entries]. Prints one line an operation.
#include <fmt/core.h>

#include <charconv>
#include <string_view>
#include <unordered_map>

#include "common/auth_map_proof.hpp"
#include "common/codec.hpp"
#include "common/rng.hpp"
#include "common/sodium_init.hpp"
#include "tests/bench/stopwatch.hpp"

namespace millrace {
namespace {

struct IdHash {
    std::size_t operator()(const MapPageId& id) const {
        return load_le<std::uint64_t>(id.prefix.bytes.data()) * 0x9e3779b97f4a7c15U + id.depth;
    }
};

class HashedPageStore final : public MapPageStore {
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
    std::unordered_map<MapPageId, Bytes, IdHash> pages;
};

MapPath path_of(std::uint64_t number) {
    std::array<std::uint8_t, 8> key{};
    store_le(key.data(), number);
    return map_path(key);
}

void run(std::uint64_t entries) {
    Rng rng(1);
    HashedPageStore store;
    MapRoot root;
    const auto apply = [&](const std::vector<MapChange>& batch) {
        const auto update = update_map(store, root, batch);
        MILLRACE_ASSERT(update.has_value());
        store.apply(update->writes);
        root = update->root;
    };
    std::vector<MapChange> all;
    for (std::uint64_t i = 0; i < entries; ++i) all.push_back({path_of(i), map_value_hash({})});
    all = sorted_changes(std::move(all));
    const bench::Stopwatch watch;
    apply(all);
    fmt::print("{:<48} {:>10.3f} ms\n", fmt::format("auth_map/build/entries:{}", entries),
               watch.milliseconds());
    std::size_t bytes = 0;
    for (const auto& [id, page] : store.pages) bytes += page.size();
    fmt::print("{:<48} {:>10} pages, {} bytes\n", "auth_map/stored", store.pages.size(), bytes);

    for (const std::uint64_t count : {100U, 1000U, 5000U}) {
        std::vector<MapChange> batch;
        std::vector<MapChange> fresh;
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t old = i * (entries / count) + rng.below(entries / count);
            batch.push_back({path_of(old), map_value_hash(Bytes{static_cast<std::uint8_t>(i)})});
            fresh.push_back({path_of(entries + rng.next() / 2), Hash{}});
        }
        batch = sorted_changes(std::move(batch));
        fresh = sorted_changes(std::move(fresh));
        std::size_t pages = 0;
        bench::report(fmt::format("auth_map/overwrite/changes:{}", count), "",
                      [&] { pages = update_map(store, root, batch)->writes.size(); });
        bench::report(fmt::format("auth_map/insert/changes:{}", count), "",
                      [&] { bench::keep(update_map(store, root, fresh)->root.hash()); });
        fmt::print("{:<48} {:>10} pages written\n", fmt::format("auth_map/pages/changes:{}", count),
                   pages);
    }
    const MapPath path = path_of(entries / 2);
    bench::report("auth_map/find", "checked against the root",
                  [&] { bench::keep(*find_in_map(store, root, path)); });
    MapProof proof;
    bench::report("auth_map_proof/make", "", [&] { proof = *prove_in_map(store, root, path); });
    const Hash value_hash = **find_in_map(store, root, path);
    bench::report("auth_map_proof/check", "",
                  [&] { bench::keep(*proven_map_root(path, value_hash, proof)); });
    fmt::print("{:<48} {:>10} bytes\n", "auth_map_proof/size", encode(proof).size());
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
    if (!millrace::init_sodium().has_value()) return 1;
    std::uint64_t entries = 1'000'000;
    if (argc > 1) {
        const std::string_view text = argv[1];
        const auto got = std::from_chars(text.data(), text.data() + text.size(), entries);
        if (got.ec != std::errc{} || entries < 5000) {
            fmt::print("usage: bench_auth_map [entries, at least 5000]\n");
            return 2;
        }
    }
    millrace::run(entries);
    return 0;
}
