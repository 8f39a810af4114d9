#include "common/auth_map.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <thread>

#include "common/auth_map_proof.hpp"
#include "common/codec.hpp"
#include "common/detail/auth_map_page.hpp"
#include "common/rng.hpp"
#include "tests/support/auth_map_oracle.hpp"

namespace millrace {
namespace {

using test::MapOracle;
using test::MemoryPageStore;

Hash random_hash(Rng& rng) {
    Hash out;
    rng.fill(out.bytes);
    return out;
}

/// Paths that crowd: short random prefixes, long common ones, neighbours of one another.
MapPath random_path(Rng& rng) {
    MapPath path;
    switch (rng.below(4)) {
        case 0:
            rng.fill(path.bytes);
            break;
        case 1:
            path.bytes[0] = static_cast<std::uint8_t>(rng.below(8) << 5U);
            path.bytes[31] = static_cast<std::uint8_t>(rng.below(4));
            break;
        case 2:
            path.bytes.fill(0xa5);
            path.bytes[rng.below(32)] = static_cast<std::uint8_t>(rng.next());
            break;
        default:
            path.bytes.fill(0xa5);
            path.bytes[31] = static_cast<std::uint8_t>(rng.below(16));
            break;
    }
    return path;
}

/// A map, its pages, and what must be in it.
struct World {
    MemoryPageStore store;
    MapRoot root;
    MapOracle oracle;

    void change(const std::vector<MapChange>& batch) {
        const auto update = update_map(store, root, batch);
        REQUIRE(update.has_value());
        store.apply(update->writes);
        root = update->root;
        for (const MapChange& change : batch) {
            if (change.value_hash)
                oracle.entries[change.path] = *change.value_hash;
            else
                oracle.entries.erase(change.path);
        }
    }
    [[nodiscard]] bool agrees() const {
        return root.entry_count == oracle.entries.size() && root.hash() == oracle.root();
    }
    [[nodiscard]] std::vector<MapLeaf> leaves() const {
        std::vector<MapLeaf> out;
        for (const auto& [path, value_hash] : oracle.entries) out.push_back({path, value_hash});
        return out;
    }
};

std::vector<MapChange> random_batch(Rng& rng, const World& world, std::uint64_t size_max) {
    std::map<MapPath, std::optional<Hash>> chosen;
    const std::uint64_t size = rng.below(size_max + 1);
    for (std::uint64_t i = 0; i < size; ++i) {
        MapPath path = random_path(rng);
        if (rng.chance(2) && !world.oracle.entries.empty()) {
            const auto at = world.oracle.entries.lower_bound(path);
            path =
                at == world.oracle.entries.end() ? world.oracle.entries.begin()->first : at->first;
        }
        chosen[path] = rng.chance(3) ? std::nullopt : std::optional<Hash>(random_hash(rng));
    }
    std::vector<MapChange> batch;
    for (const auto& [path, value_hash] : chosen) batch.push_back({path, value_hash});
    return batch;
}

World crowded_world(std::uint64_t seed, int rounds) {
    Rng rng(seed);
    World world;
    for (int i = 0; i < rounds; ++i) world.change(random_batch(rng, world, 24));
    return world;
}

}  // namespace

TEST_SUITE("common/auth_map") {
    TEST_CASE("a batch in parts, at once and in either order, is the same batch") {
        class Threads final : public Fork {
          public:
            void both(const std::function<void()>& here,
                      const std::function<void()>& there) override {
                ++forks;
                std::thread other(there);
                here();
                other.join();
            }
            std::atomic<int> forks = 0;
        };
        class Backwards final : public Fork {
          public:
            void both(const std::function<void()>& here,
                      const std::function<void()>& there) override {
                there();
                here();
            }
        };
        Threads threads;
        Backwards backwards;
        for (std::uint64_t seed = 1; seed <= 8; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            World world;
            for (int round = 0; round < 4; ++round) {
                std::map<MapPath, MapChange> batch;
                for (int i = 0; i < 2'000; ++i) {
                    MapChange change;
                    change.path = random_path(rng);
                    if (round == 0 || rng.below(3) != 0) change.value_hash = random_hash(rng);
                    batch[change.path] = change;
                }
                std::vector<MapChange> changes;
                for (const auto& [path, change] : batch) changes.push_back(change);
                const auto whole = update_map(world.store, world.root, changes);
                REQUIRE(whole.has_value());
                for (Fork* fork : {static_cast<Fork*>(&threads), static_cast<Fork*>(&backwards)}) {
                    const auto parts = update_map(world.store, world.root, changes, *fork);
                    REQUIRE(parts.has_value());
                    CHECK(parts->root == whole->root);
                    CHECK(parts->writes == whole->writes);
                }
                world.change(changes);
                CHECK(world.agrees());
            }
        }
        CHECK(threads.forks > 0);
    }

    TEST_CASE("random histories give the root, the entries and the pages of a tree built anew") {
        for (std::uint64_t seed = 0; seed < 30; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            World world;
            for (int round = 0; round < 20; ++round) {
                world.change(random_batch(rng, world, rng.chance(5) ? 60 : 8));
                REQUIRE(world.agrees());
            }
            const std::vector<MapLeaf> leaves = world.leaves();
            CHECK(build_map_root(leaves) == world.root);
            // History must not show in the stored pages either.
            World anew;
            std::vector<MapChange> all;
            for (const MapLeaf& leaf : leaves) all.push_back({leaf.path, leaf.value_hash});
            anew.change(all);
            CHECK(anew.store.pages == world.store.pages);
            for (const MapLeaf& leaf : leaves)
                REQUIRE(*find_in_map(world.store, world.root, leaf.path) == leaf.value_hash);
            for (int probe = 0; probe < 50; ++probe) {
                const MapPath path = random_path(rng);
                const auto expected = world.oracle.entries.find(path);
                const auto found = find_in_map(world.store, world.root, path);
                REQUIRE(found.has_value());
                REQUIRE(found->has_value() == (expected != world.oracle.entries.end()));
            }
            // Removing all leaves nothing behind.
            for (MapChange& change : all) change.value_hash.reset();
            world.change(all);
            CHECK(world.root == MapRoot{});
            CHECK(world.store.pages.empty());
        }
    }

    TEST_CASE("a batch equals its changes one by one, in any order") {
        for (std::uint64_t seed = 0; seed < 60; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            World batched = crowded_world(seed + 500, 3);
            World single = crowded_world(seed + 500, 3);
            std::vector<MapChange> batch = random_batch(rng, batched, 30);
            batched.change(batch);
            for (std::size_t i = batch.size(); i > 1; --i)
                std::swap(batch[i - 1], batch[rng.below(i)]);
            for (const MapChange& change : batch) single.change({change});
            CHECK(single.root == batched.root);
            CHECK(single.store.pages == batched.store.pages);
        }
    }

    TEST_CASE("only changed pages are written, and a change to the same value writes none") {
        World world = crowded_world(1, 6);
        std::vector<MapChange> same;
        for (const MapLeaf& leaf : world.leaves()) same.push_back({leaf.path, leaf.value_hash});
        const auto update = update_map(world.store, world.root, same);
        REQUIRE(update.has_value());
        CHECK(update->root == world.root);
        CHECK(update->writes.empty());
    }

    TEST_CASE("a speculative block reads its parent's pages under its own") {
        for (std::uint64_t seed = 0; seed < 30; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            World world = crowded_world(seed + 900, 4);
            const auto first_batch = random_batch(rng, world, 20);
            const auto first = update_map(world.store, world.root, first_batch);
            REQUIRE(first.has_value());
            const MapOverlay one(world.store, first->writes);
            const auto second_batch = random_batch(rng, world, 20);
            const auto second = update_map(one, first->root, second_batch);
            REQUIRE(second.has_value());
            const MapOverlay two(one, second->writes);

            MapPageWrites merged = first->writes;
            merge_writes(merged, second->writes);
            world.change(first_batch);
            world.change(second_batch);
            CHECK(second->root == world.root);
            for (const auto& [path, value_hash] : world.oracle.entries)
                REQUIRE(*find_in_map(two, second->root, path) == value_hash);
            MemoryPageStore flat = crowded_world(seed + 900, 4).store;
            flat.apply(merged);
            CHECK(flat.pages == world.store.pages);
        }
    }

    TEST_CASE("paths that part only at their last bits reach down to 256 levels and back") {
        World world;
        MapPath base;
        base.bytes.fill(0x5a);
        std::vector<MapChange> batch{{base, Hash{}}};
        for (unsigned depth = 0; depth < kMapDepthMax; ++depth) {
            MapPath path = base;
            path.bytes[depth / 8] =
                static_cast<std::uint8_t>(path.bytes[depth / 8] ^ (0x80U >> (depth % 8)));
            batch.push_back({path, map_value_hash(path.view())});
        }
        batch = sorted_changes(std::move(batch));
        world.change(batch);
        CHECK(world.agrees());
        CHECK(world.root.entry_count == 257);
        CHECK(world.store.pages.size() == 43);
        const auto proof = prove_in_map(world.store, world.root, base);
        REQUIRE(proof.has_value());
        CHECK(proof->depth == 256);
        CHECK(*proven_map_root(base, Hash{}, *proof) == world.root.hash());
        // Two entries alone, at the very end of the way, and then one.
        MapPath last = base;
        last.bytes[31] ^= 1;
        for (MapChange& change : batch)
            if (change.path != base && change.path != last) change.value_hash.reset();
        world.change(batch);
        CHECK(world.agrees());
        CHECK(world.store.pages.size() == 43);
        world.change({{last, std::nullopt}});
        CHECK(world.agrees());
        CHECK(world.store.pages.empty());
    }
}

TEST_SUITE("common/auth_map_page") {
    TEST_CASE("pages survive both directions") {
        std::size_t count = 0;
        for (std::uint64_t seed = 0; seed < 20; ++seed) {
            const World world = crowded_world(seed, 6);
            for (const auto& [id, raw] : world.store.pages) {
                const auto page = detail::MapPage::decode(id, raw);
                REQUIRE(page.has_value());
                REQUIRE(page->encode() == raw);
                ++count;
            }
        }
        CHECK(count > 200);
    }

    TEST_CASE("database keys of pages are distinct") {
        const World world = crowded_world(4, 8);
        std::set<Bytes> keys;
        for (const auto& [id, raw] : world.store.pages) keys.insert(id.key());
        CHECK(keys.size() == world.store.pages.size());
        MapPath path;
        path.bytes.fill(0xff);
        CHECK(to_hex(MapPageId::on_way_to(path, 0).key()) == "00");
        CHECK(to_hex(MapPageId::on_way_to(path, 1).key()) == "01fc");
        CHECK(to_hex(MapPageId::on_way_to(path, 4).key()) == "04ffffff");
        CHECK(MapPageId::on_way_to(path, 42).key().size() == 33);
    }

    TEST_CASE("a changed byte of a page is corruption for somebody and a wrong answer for nobody") {
        for (std::uint64_t seed = 0; seed < 2; ++seed) {
            CAPTURE(seed);
            World world = crowded_world(seed, 1);
            for (auto& [id, raw] : world.store.pages) {
                for (std::size_t at = 0; at < raw.size();
                     at += std::size_t{raw.size() > 200 ? 7U : 2U}) {
                    CAPTURE(at);
                    raw[at] ^= 0x08;
                    std::size_t errors = 0;
                    for (const auto& [path, value_hash] : world.oracle.entries) {
                        // Nobody else reads this page.
                        if (MapPageId::on_way_to(path, id.depth) != id) continue;
                        const auto found = find_in_map(world.store, world.root, path);
                        if (!found)
                            ++errors;
                        else
                            REQUIRE(*found == value_hash);
                    }
                    REQUIRE(errors > 0);
                    raw[at] ^= 0x08;
                }
            }
        }
    }

    TEST_CASE("a page that is missing, stale or miscounted is corruption, never absence") {
        World world = crowded_world(2, 6);
        const World before = world;
        std::vector<MapChange> all;
        for (const MapLeaf& leaf : world.leaves()) all.push_back({leaf.path, Hash{}});
        world.change(all);
        for (const auto& [id, raw] : before.store.pages) {
            const MapPath below = [&] {
                for (const MapChange& change : all)
                    if (MapPageId::on_way_to(change.path, id.depth) == id) return change.path;
                FAIL("a page without entries");
                return MapPath{};
            }();
            MemoryPageStore broken = world.store;
            broken.pages.erase(id);
            CHECK(find_in_map(broken, world.root, below).error() == MapCorruption::page_missing);
            CHECK(prove_in_map(broken, world.root, below).error() == MapCorruption::page_missing);
            CHECK(update_map(broken, world.root, all).error() == MapCorruption::page_missing);
            broken.pages[id] = raw;
            CHECK(find_in_map(broken, world.root, below).error() ==
                  MapCorruption::page_hash_differs);
            CHECK(update_map(broken, world.root, all).error() == MapCorruption::page_hash_differs);
            broken.pages[id].push_back(0);
            CHECK(find_in_map(broken, world.root, below).error() == MapCorruption::page_malformed);
        }
        MapRoot miscounted = world.root;
        miscounted.entry_count = 1;
        CHECK(find_in_map(world.store, miscounted, all[0].path).error() ==
              MapCorruption::count_differs);
        miscounted.entry_count = 2;
        for (MapChange& change : all) change.value_hash.reset();
        CHECK(update_map(world.store, miscounted, all).error() == MapCorruption::count_differs);
    }
}

TEST_SUITE("common/auth_map_proof") {
    TEST_CASE("every key present or absent has a proof that verifies, and no other claim does") {
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            const World world = crowded_world(seed, static_cast<int>(rng.below(5)));
            const Hash root = world.root.hash();
            std::vector<MapPath> asked;
            for (const auto& [path, value_hash] : world.oracle.entries) asked.push_back(path);
            for (int i = 0; i < 20; ++i) asked.push_back(random_path(rng));
            for (const MapPath& path : asked) {
                const auto proof = prove_in_map(world.store, world.root, path);
                REQUIRE(proof.has_value());
                const auto entry = world.oracle.entries.find(path);
                const bool present = entry != world.oracle.entries.end();
                const std::optional<Hash> truth =
                    present ? std::optional<Hash>(entry->second) : std::nullopt;
                const auto got = proven_map_root(path, truth, *proof);
                REQUIRE(got.has_value());
                REQUIRE(*got == root);
                const std::optional<Hash> lie =
                    present ? std::nullopt : std::optional<Hash>(random_hash(rng));
                REQUIRE(proven_map_root(path, lie, *proof).error() == MapProofError::wrong_end);
                if (present) {
                    const auto other = proven_map_root(path, random_hash(rng), *proof);
                    REQUIRE(other.has_value());
                    REQUIRE(*other != root);
                }
            }
        }
    }

    TEST_CASE("no bit of a proof can be changed, and it holds for its key and value only") {
        std::uint64_t flips = 0;
        for (std::uint64_t seed = 0; seed < 12; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            World world;
            std::map<MapPath, std::pair<Bytes, Bytes>> content;
            const std::uint64_t count = rng.below(40);
            for (std::uint64_t i = 0; i < count; ++i) {
                Bytes key(rng.below(9));
                rng.fill(key);
                Bytes value(rng.below(40));
                rng.fill(value);
                content[map_path(key)] = {key, value};
            }
            std::vector<MapChange> batch;
            for (const auto& [path, entry] : content)
                batch.push_back({path, map_value_hash(entry.second)});
            world.change(batch);
            const Hash root = world.root.hash();
            for (int probe = 0; probe < 4; ++probe) {
                Bytes key(9, static_cast<std::uint8_t>(rng.next()));
                Bytes value;
                const bool present = probe % 2 == 0 && !content.empty();
                if (present) {
                    auto at = content.begin();
                    std::advance(at, rng.below(content.size()));
                    std::tie(key, value) = at->second;
                }
                Bytes raw = encode(*prove_in_map(world.store, world.root, map_path(key)));
                const auto verifies = [&](ByteView proof) {
                    return present ? verify_presence(root, key, value, proof).has_value()
                                   : verify_absence(root, key, proof).has_value();
                };
                REQUIRE(verifies(raw));
                for (std::size_t at = 0; at < raw.size(); ++at) {
                    for (unsigned bit = 0; bit < 8; ++bit) {
                        raw[at] = static_cast<std::uint8_t>(raw[at] ^ (1U << bit));
                        CAPTURE(at);
                        CAPTURE(bit);
                        REQUIRE_FALSE(verifies(raw));
                        raw[at] = static_cast<std::uint8_t>(raw[at] ^ (1U << bit));
                        ++flips;
                    }
                }
                for (std::size_t size = 0; size < raw.size(); ++size)
                    REQUIRE_FALSE(verifies(ByteView(raw).first(size)));
                if (present) {
                    Bytes other = value;
                    other.push_back(0);
                    CHECK(verify_presence(root, key, other, raw).error() ==
                          MapProofError::root_differs);
                    CHECK(verify_absence(root, key, raw).error() == MapProofError::wrong_end);
                }
                Bytes other_root(root.bytes.begin(), root.bytes.end());
                other_root[5] ^= 1;
                CHECK_FALSE(verify_absence(*Hash::from(other_root), key, raw).has_value());
                raw.push_back(0);
                REQUIRE_FALSE(verifies(raw));
            }
        }
        CHECK(flips > 10'000);
    }

    TEST_CASE("each fault of a proof has its refusal") {
        // Ways 00…, 01…, 1…: an inner node at depth 1 on the left, a leaf on the right.
        World world;
        MapPath first;
        MapPath second;
        MapPath third;
        second.bytes[0] = 0x40;
        third.bytes[0] = 0x80;
        world.change({{first, Hash{}}, {second, Hash{}}, {third, Hash{}}});
        MapPath absent = second;
        absent.bytes[31] = 1;
        const MapProof present_proof = *prove_in_map(world.store, world.root, first);
        const MapProof absent_proof = *prove_in_map(world.store, world.root, absent);
        REQUIRE(present_proof.depth == 2);
        REQUIRE(std::holds_alternative<MapLeaf>(absent_proof.end));
        struct Row {
            const char* name;
            bool absence;
            void (*spoil)(MapProof&);
            MapProofError expected;
        };
        const std::vector<Row> rows = {
            {"deeper than a path", false, [](MapProof& p) { p.depth = 257; },
             MapProofError::too_deep},
            {"no flags", false, [](MapProof& p) { p.flags.clear(); },
             MapProofError::flags_size_differs},
            {"a byte of flags too many", false, [](MapProof& p) { p.flags.push_back(0); },
             MapProofError::flags_size_differs},
            {"a bit after the last level", false, [](MapProof& p) { p.flags[0] |= 4; },
             MapProofError::spare_bit_set},
            {"a hash too few", false, [](MapProof& p) { p.siblings.pop_back(); },
             MapProofError::sibling_count_differs},
            {"a hash too many", false, [](MapProof& p) { p.siblings.push_back(Hash{}); },
             MapProofError::sibling_count_differs},
            {"a terminator sent in full", false, [](MapProof& p) { p.siblings[0] = Hash{}; },
             MapProofError::terminator_sent},
            {"a leaf below where it is alone", false,
             [](MapProof& p) {
                 p.flags[0] = 1;
                 p.siblings.pop_back();
             },
             MapProofError::not_highest},
            {"absence where presence was asked", false,
             [](MapProof& p) { p.end = MapTerminator{}; }, MapProofError::wrong_end},
            {"presence where absence was asked", true, [](MapProof& p) { p.end = MapEndsInKey{}; },
             MapProofError::wrong_end},
            {"another leaf off the way", true,
             [](MapProof& p) { std::get<MapLeaf>(p.end).path.bytes[0] = 0; },
             MapProofError::leaf_elsewhere},
            {"the key's own leaf as another's", true,
             [](MapProof& p) { std::get<MapLeaf>(p.end).path.bytes[31] = 1; },
             MapProofError::leaf_elsewhere},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            MapProof proof = row.absence ? absent_proof : present_proof;
            row.spoil(proof);
            const auto got = row.absence ? proven_map_root(absent, std::nullopt, proof)
                                         : proven_map_root(first, Hash{}, proof);
            REQUIRE_FALSE(got.has_value());
            CHECK(got.error() == row.expected);
        }
        const Bytes long_key(kMapKeySizeMax + 1, 0);
        CHECK(verify_absence(world.root.hash(), long_key, {}).error() ==
              MapProofError::key_too_long);
        CHECK(verify_absence(world.root.hash(), {}, {}).error() == MapProofError::malformed);
    }

    TEST_CASE("of several faults the first in the order of the rules is named") {
        World world;
        MapPath second;
        MapPath third;
        MapPath absent;
        second.bytes[0] = 0x40;
        third.bytes[0] = 0x80;
        absent.bytes = second.bytes;
        absent.bytes[31] = 1;
        world.change({{MapPath{}, Hash{}}, {second, Hash{}}, {third, Hash{}}});
        MapProof proof = *prove_in_map(world.store, world.root, absent);
        const auto refusal = [&] { return proven_map_root(absent, std::nullopt, proof).error(); };
        std::get<MapLeaf>(proof.end).path.bytes[0] = 0;
        CHECK(refusal() == MapProofError::leaf_elsewhere);
        proof.end = MapEndsInKey{};
        CHECK(refusal() == MapProofError::wrong_end);
        proof.flags[0] = 1;
        proof.siblings.pop_back();
        CHECK(refusal() == MapProofError::not_highest);
        proof.siblings[0] = Hash{};
        CHECK(refusal() == MapProofError::terminator_sent);
        proof.siblings.push_back(Hash{});
        CHECK(refusal() == MapProofError::sibling_count_differs);
        proof.flags[0] |= 4;
        CHECK(refusal() == MapProofError::spare_bit_set);
        proof.flags.push_back(0);
        CHECK(refusal() == MapProofError::flags_size_differs);
        proof.depth = 257;
        CHECK(refusal() == MapProofError::too_deep);
    }

    TEST_CASE("the empty map proves that everything is absent") {
        const MemoryPageStore store;
        const Bytes key = {1};
        const auto proof = prove_in_map(store, MapRoot{}, map_path(key));
        REQUIRE(proof.has_value());
        CHECK(verify_absence(MapRoot{}.hash(), key, encode(*proof)).has_value());
    }
}

}  // namespace millrace
