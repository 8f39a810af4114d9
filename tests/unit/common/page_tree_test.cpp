#include "common/page_tree.hpp"

#include <doctest/doctest.h>

#include "common/page_stream.hpp"
#include "common/rng.hpp"
#include "common/sparse_page_tree.hpp"
#include "tests/support/page_tree_oracle.hpp"

namespace millrace {
namespace {

using test::PageTreeOracle;

Bytes random_page(Rng& rng) {
    Bytes page(kTreePageSize, 0);
    // Mostly sparse pages, one random byte is enough to tell them apart.
    page[rng.below(kTreePageSize)] = static_cast<std::uint8_t>(rng.between(1, 255));
    return page;
}

/// Places near each other, far apart, and at both ends of the space.
std::uint64_t random_place(Rng& rng, unsigned levels) {
    const std::uint64_t end = std::uint64_t{1} << levels;
    switch (rng.below(4)) {
        case 0:
            return rng.below(end);
        case 1:
            return rng.below(std::min<std::uint64_t>(end, 16));
        case 2:
            return end - 1 - rng.below(std::min<std::uint64_t>(end, 8));
        default:
            return (end / 2 + rng.below(std::min<std::uint64_t>(end, 32))) % end;
    }
}

Bytes random_bytes(Rng& rng, std::size_t size) {
    Bytes out(size);
    rng.fill(out);
    return out;
}

Hash oracle_root(ByteView content, unsigned levels) {
    PageTreeOracle oracle;
    for (std::size_t at = 0; at < content.size(); at += kTreePageSize) {
        const ByteView part = content.subspan(at, std::min(kTreePageSize, content.size() - at));
        Bytes page(part.begin(), part.end());
        page.resize(kTreePageSize, 0);
        oracle.pages[at / kTreePageSize] = page;
    }
    return oracle.root(levels);
}

}  // namespace

TEST_SUITE("common/page_tree") {
    TEST_CASE("zero subtrees are the hashes of zeroes, level by level") {
        for (unsigned level = 0; level <= kPageTreeLevels; ++level) {
            CAPTURE(level);
            CHECK(zero_subtree(level) == PageTreeOracle::zero(level));
            CHECK(join_subtrees(level, {}) == PageTreeOracle::zero(level));
        }
        const Bytes zeros(kTreePageSize, 0);
        CHECK(page_hash(zeros) == hash_bytes("mill/page", zeros));
        CHECK(padded_page_hash({}) == zero_subtree(0));
    }

    TEST_CASE("a byte that is not zero counts wherever it stands in the page") {
        for (std::size_t at = 0; at < kTreePageSize; ++at) {
            Bytes page(kTreePageSize, 0);
            page[at] = 1;
            REQUIRE(page_hash(page) == hash_bytes("mill/page", page));
            REQUIRE(page_hash(page) != zero_subtree(0));
        }
    }

    TEST_CASE("subtrees join to the root of the pages they stand for") {
        for (std::uint64_t seed = 0; seed < 200; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            const auto levels = static_cast<unsigned>(rng.between(0, kPageTreeLevels));
            PageTreeOracle oracle;
            const std::uint64_t count = rng.below(20);
            for (std::uint64_t i = 0; i < count; ++i)
                oracle.pages[random_place(rng, levels)] = random_page(rng);
            std::vector<Subtree> parts;
            std::uint64_t free_from = 0;
            for (const auto& [index, page] : oracle.pages) {
                if (index < free_from) continue;
                // Where it does not reach back over an earlier part, take a whole subtree at once.
                auto level = static_cast<unsigned>(rng.below(levels + 1));
                while (((index >> level) << level) < free_from) --level;
                parts.push_back({level, index >> level, oracle.root(level, index >> level)});
                free_from = parts.back().end_page();
            }
            CHECK(join_subtrees(levels, parts) == oracle.root(levels));
        }
    }

    TEST_CASE("a sparse tree agrees with the definition after every batch, in any history") {
        for (std::uint64_t seed = 0; seed < 60; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            const auto levels = static_cast<unsigned>(rng.between(0, kPageTreeLevels));
            SparsePageTree tree(levels);
            PageTreeOracle oracle;
            for (int round = 0; round < 12; ++round) {
                std::map<std::uint64_t, Subtree> batch;
                const std::uint64_t changes = rng.below(12);
                for (std::uint64_t i = 0; i < changes; ++i) {
                    std::uint64_t place = random_place(rng, levels);
                    if (!oracle.pages.empty() && rng.chance(3)) place = oracle.pages.begin()->first;
                    if (rng.chance(3)) {
                        oracle.pages.erase(place);
                        batch[place] = {0, place, zero_subtree(0)};
                    } else {
                        oracle.pages[place] = random_page(rng);
                        batch[place] = {0, place, page_hash(oracle.pages[place])};
                    }
                }
                std::vector<Subtree> parts;
                for (const auto& [place, part] : batch) parts.push_back(part);
                tree.update(parts);
                REQUIRE(tree.root() == oracle.root(levels));
                REQUIRE(tree.entry_count() == oracle.pages.size());
                for (int probe = 0; probe < 8; ++probe) {
                    const auto level = static_cast<unsigned>(rng.below(levels + 1));
                    const std::uint64_t index = random_place(rng, levels) >> level;
                    REQUIRE(tree.subtree(level, index) == oracle.root(level, index));
                }
            }
            std::vector<Subtree> expected;
            std::vector<Subtree> clears;
            for (const auto& [index, page] : oracle.pages) {
                expected.push_back({0, index, page_hash(page)});
                clears.push_back({0, index, zero_subtree(0)});
            }
            CHECK(tree.entries() == expected);
            tree.update(clears);
            CHECK(tree.root() == zero_subtree(levels));
            CHECK(tree.entry_count() == 0);
        }
    }

    TEST_CASE("a part known by its root alone counts like its pages, and gives way to them") {
        Rng rng(7);
        PageTreeOracle oracle;
        std::vector<Subtree> inside;
        for (std::uint64_t i = 0; i < 5; ++i) {
            const std::uint64_t place = (std::uint64_t{9} << 20U) + 3 * i;
            oracle.pages[place] = random_page(rng);
            inside.push_back({0, place, page_hash(oracle.pages[place])});
        }
        const Subtree mount{20, 9, oracle.root(20, 9)};
        oracle.pages[2] = random_page(rng);
        const Subtree page{0, 2, page_hash(oracle.pages[2])};

        SparsePageTree tree;
        tree.update(std::vector<Subtree>{page, mount});
        CHECK(tree.root() == oracle.root(52));
        CHECK(tree.subtree(20, 9) == mount.root);
        CHECK(tree.subtree(24, 0) == oracle.root(24, 0));
        CHECK_FALSE(tree.subtree(19, 18).has_value());
        CHECK(tree.subtree(20, 8) == zero_subtree(20));

        tree.update(std::vector<Subtree>{{20, 9, zero_subtree(20)}});
        tree.update(inside);
        CHECK(tree.root() == oracle.root(52));
        CHECK(tree.subtree(19, 18) == oracle.root(19, 18));
        // And back: one entry replaces all that lies below it.
        tree.update(std::vector<Subtree>{mount});
        CHECK(tree.root() == oracle.root(52));
        CHECK(tree.entry_count() == 2);
    }

    TEST_CASE("memory of a sparse tree stays within 112 bytes a page") {
        Rng rng(3);
        SparsePageTree tree;
        std::map<std::uint64_t, Subtree> batch;
        for (std::uint64_t i = 0; i < 4096; ++i) {
            const std::uint64_t dense = (std::uint64_t{1} << 30U) + i;
            const std::uint64_t scattered = rng.below(std::uint64_t{1} << 52U);
            batch[dense] = {0, dense, node_hash(zero_subtree(0), zero_subtree(0))};
            batch[scattered] = {0, scattered, node_hash(zero_subtree(1), zero_subtree(0))};
        }
        std::vector<Subtree> parts;
        for (const auto& [place, part] : batch) parts.push_back(part);
        tree.update(parts);
        CHECK(tree.memory_size() <= 112 * tree.entry_count());
    }

    TEST_CASE("a stream has the root of its pages, however it is cut") {
        const std::vector<std::size_t> sizes = {0,         1,         4095,      4096,
                                                4097,      3 * 4096,  16 * 4096, 16 * 4096 + 1,
                                                17 * 4096, 31 * 4096, 100'000};
        Rng rng(11);
        for (const std::size_t size : sizes) {
            CAPTURE(size);
            const Bytes content = random_bytes(rng, size);
            const Hash expected = oracle_root(content, kRegionLevels);
            CHECK(region_root(content) == expected);
            PageTreeHasher hasher(kRegionLevels, 3);
            ByteView left = content;
            while (!left.empty()) {
                const std::size_t step = std::min<std::size_t>(left.size(), rng.below(9000));
                REQUIRE(hasher.push(left.first(step)));
                left = left.subspan(step);
            }
            CHECK(hasher.length() == size);
            CHECK(hasher.finish() == expected);
            CHECK(hasher.chunk_roots().size() == (size + 8 * 4096 - 1) / (8 * 4096));
            CHECK(join_subtrees(kRegionLevels, hasher.chunk_roots()) == expected);
        }
    }

    TEST_CASE("a stream that does not fit is refused, one that fills the tree is not") {
        for (unsigned levels = 0; levels <= 3; ++levels) {
            CAPTURE(levels);
            Rng rng(levels);
            const Bytes content = random_bytes(rng, kTreePageSize << levels);
            PageTreeHasher hasher(levels, levels);
            REQUIRE(hasher.push(content));
            CHECK_FALSE(hasher.push(ByteView(content).first(1)));
            const Hash root = hasher.finish();
            CHECK(root == oracle_root(content, levels));
            REQUIRE(hasher.chunk_roots().size() == 1);
            CHECK(hasher.chunk_roots()[0].root == root);
        }
    }

    TEST_CASE("files that differ only in trailing zeroes have different ids") {
        const Bytes short_file = {1, 2, 3};
        const Bytes long_file = {1, 2, 3, 0};
        CHECK(region_root(short_file) == region_root(long_file));
        CHECK(file_id(3, region_root(short_file)) != file_id(4, region_root(long_file)));
    }
}

}  // namespace millrace
