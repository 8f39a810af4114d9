#include "common/page_proof.hpp"

#include <doctest/doctest.h>

#include "common/codec.hpp"
#include "common/page_stream.hpp"
#include "common/rng.hpp"
#include "common/sparse_page_tree.hpp"
#include "tests/support/page_tree_oracle.hpp"

namespace millrace {
namespace {

using test::PageTreeOracle;

/// A random state, some of its pages (and pages that are not there), and their proof.
struct Case {
    unsigned levels = 0;
    PageTreeOracle state;
    SparsePageTree tree{0};
    std::vector<std::uint64_t> pages;
    std::vector<Hash> leaves;
    PageProof proof;
    Hash root;
};

Bytes page_of(std::uint64_t number) {
    Bytes page(kTreePageSize, 0);
    store_le(page.data() + 8, number + 1);
    return page;
}

std::uint64_t place_in(Rng& rng, unsigned levels) {
    const std::uint64_t end = std::uint64_t{1} << levels;
    return rng.chance(2) ? rng.below(end) : rng.below(std::min<std::uint64_t>(end, 12));
}

Case make_case(std::uint64_t seed, std::uint64_t levels_max, std::uint64_t pages_max) {
    Rng rng(seed);
    Case c;
    c.levels = static_cast<unsigned>(rng.between(0, levels_max));
    c.tree = SparsePageTree(c.levels);
    const std::uint64_t live = rng.below(20);
    for (std::uint64_t i = 0; i < live; ++i)
        c.state.pages[place_in(rng, c.levels)] = page_of(rng.next());
    std::vector<Subtree> parts;
    for (const auto& [index, page] : c.state.pages) parts.push_back({0, index, page_hash(page)});
    c.tree.update(parts);
    std::map<std::uint64_t, bool> chosen;
    const std::uint64_t wanted = rng.between(1, pages_max);
    for (std::uint64_t i = 0; i < wanted; ++i) chosen[place_in(rng, c.levels)] = true;
    for (const auto& [index, unused] : chosen) {
        c.pages.push_back(index);
        const auto found = c.state.pages.find(index);
        c.leaves.push_back(found == c.state.pages.end() ? PageTreeOracle::zero(0)
                                                        : page_hash(found->second));
    }
    auto proof = make_page_proof(c.tree, c.pages);
    REQUIRE(proof.has_value());
    c.proof = *proof;
    c.root = c.state.root(c.levels);
    return c;
}

}  // namespace

TEST_SUITE("common/page_proof") {
    TEST_CASE("a proof gives the root before, and the root after its pages are replaced") {
        for (std::uint64_t seed = 0; seed < 200; ++seed) {
            CAPTURE(seed);
            Case c = make_case(seed, kPageTreeLevels, 12);
            const ProofShape shape{c.levels, 0};
            const auto before = proven_root(c.proof, c.leaves, shape);
            REQUIRE(before.has_value());
            CHECK(*before == c.root);
            Rng rng(seed + 1'000'000);
            for (std::size_t i = 0; i < c.pages.size(); ++i) {
                if (rng.chance(4)) {
                    c.state.pages.erase(c.pages[i]);
                    c.leaves[i] = PageTreeOracle::zero(0);
                } else {
                    c.state.pages[c.pages[i]] = page_of(rng.next());
                    c.leaves[i] = page_hash(c.state.pages[c.pages[i]]);
                }
            }
            const auto after = proven_root(c.proof, c.leaves, shape);
            REQUIRE(after.has_value());
            CHECK(*after == c.state.root(c.levels));
            const auto back = decode<PageProof>(encode(c.proof));
            REQUIRE(back.has_value());
            CHECK(*back == c.proof);
        }
    }

    TEST_CASE("no bit of a proof or a leaf can be changed, no byte dropped or added") {
        std::uint64_t flips = 0;
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
            CAPTURE(seed);
            const Case c = make_case(seed, 16, 4);
            const ProofShape shape{c.levels, 0};
            const auto verifies = [&](ByteView raw) {
                const auto proof = decode<PageProof>(raw);
                if (!proof || proof->pages != PageProof{c.proof}.pages) return false;
                const auto root = proven_root(*proof, c.leaves, shape);
                return root.has_value() && *root == c.root;
            };
            // The pages themselves are compared with what was asked for in use; here they must not
            // verify elsewhere either, unless two pages hold the same.
            const auto verifies_elsewhere = [&](ByteView raw) {
                const auto proof = decode<PageProof>(raw);
                if (!proof) return false;
                const auto root = proven_root(*proof, c.leaves, shape);
                if (!root.has_value() || *root != c.root) return false;
                for (std::size_t i = 0; i < proof->pages.size(); ++i)
                    if (c.state.root(0, proof->pages[i]) != c.leaves[i]) return true;
                return proof->pages == PageProof{c.proof}.pages;
            };
            Bytes raw = encode(c.proof);
            REQUIRE(verifies(raw));
            for (std::size_t at = 0; at < raw.size(); ++at) {
                for (unsigned bit = 0; bit < 8; ++bit) {
                    raw[at] = static_cast<std::uint8_t>(raw[at] ^ (1U << bit));
                    CAPTURE(at);
                    CAPTURE(bit);
                    REQUIRE_FALSE(verifies(raw));
                    REQUIRE_FALSE(verifies_elsewhere(raw));
                    raw[at] = static_cast<std::uint8_t>(raw[at] ^ (1U << bit));
                    ++flips;
                }
            }
            for (std::size_t size = 0; size < raw.size(); ++size)
                REQUIRE_FALSE(verifies(ByteView(raw).first(size)));
            raw.push_back(0);
            REQUIRE_FALSE(verifies(raw));
            for (std::size_t i = 0; i < c.leaves.size(); ++i) {
                std::vector<Hash> leaves = c.leaves;
                leaves[i].bytes[i % 32] ^= 1;
                const auto root = proven_root(c.proof, leaves, shape);
                REQUIRE(root.has_value());
                REQUIRE(*root != c.root);
            }
        }
        CHECK(flips > 10'000);
    }

    TEST_CASE("each fault of a proof has its refusal") {
        SparsePageTree tree(4);
        const std::vector<Subtree> parts = {{0, 1, page_hash(page_of(1))},
                                            {0, 6, page_hash(page_of(6))}};
        tree.update(parts);
        const std::vector<std::uint64_t> pages = {1, 4};
        const std::vector<Hash> leaves = {parts[0].root, zero_subtree(0)};
        const PageProof good = *make_page_proof(tree, pages);
        // Siblings by level: 0: pages 0 and 5; 1: pages 2-3 and 6-7; 3: pages 8-15. One is not
        // zero.
        REQUIRE(good.flags == BoundedBytes<6656>{0x08});
        REQUIRE(good.siblings.size() == 1);
        struct Row {
            const char* name;
            void (*spoil)(PageProof&);
            PageProofError expected;
        };
        const std::vector<Row> rows = {
            {"no page", [](PageProof& p) { p.pages.clear(); }, PageProofError::no_pages},
            {"too many pages",
             [](PageProof& p) {
                 p.pages.clear();
                 for (std::uint64_t i = 0; i <= kWitnessPagesMax; ++i) p.pages.push_back(i);
             },
             PageProofError::too_many_pages},
            {"one page twice", [](PageProof& p) { p.pages[1] = 1; },
             PageProofError::pages_not_ascending},
            {"descending", [](PageProof& p) { std::swap(p.pages[0], p.pages[1]); },
             PageProofError::pages_not_ascending},
            {"beyond the tree", [](PageProof& p) { p.pages[1] = 16; },
             PageProofError::page_out_of_range},
            {"no flags", [](PageProof& p) { p.flags.clear(); }, PageProofError::flags_size_differs},
            {"a byte of flags too many", [](PageProof& p) { p.flags.push_back(0); },
             PageProofError::flags_size_differs},
            {"a bit after the last sibling", [](PageProof& p) { p.flags[0] |= 0x20; },
             PageProofError::spare_bit_set},
            {"a hash too few", [](PageProof& p) { p.siblings.clear(); },
             PageProofError::sibling_count_differs},
            {"a hash too many", [](PageProof& p) { p.siblings.push_back(Hash{}); },
             PageProofError::sibling_count_differs},
            {"a zero subtree sent in full",
             [](PageProof& p) {
                 p.flags[0] |= 0x10;
                 p.siblings.push_back(zero_subtree(3));
             },
             PageProofError::zero_sibling_sent},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            PageProof proof = good;
            row.spoil(proof);
            const std::vector<Hash> fitting(proof.pages.size(), leaves[0]);
            const auto got =
                proven_root(proof, proof.pages.size() == 2 ? leaves : fitting, ProofShape{4, 0});
            REQUIRE_FALSE(got.has_value());
            CHECK(got.error() == row.expected);
        }
        CHECK(proven_root(good, {leaves.data(), 1}, ProofShape{4, 0}).error() ==
              PageProofError::leaf_count_differs);
        CHECK(proven_root(good, leaves, ProofShape{53, 0}).error() == PageProofError::bad_level);
        CHECK(proven_root(good, leaves, ProofShape{4, 5}).error() == PageProofError::bad_level);
        CHECK(*proven_root(good, leaves, ProofShape{4, 0}) == tree.root());
    }

    TEST_CASE("of several faults the first in the order of the rules is named") {
        SparsePageTree tree(4);
        tree.update(std::vector<Subtree>{{0, 1, page_hash(page_of(1))}});
        const std::vector<std::uint64_t> pages = {1, 4};
        PageProof proof = *make_page_proof(tree, pages);
        std::vector<Hash> leaves(2, zero_subtree(0));
        const auto refusal = [&] { return proven_root(proof, leaves, ProofShape{4, 0}).error(); };
        proof.flags[0] |= 0x10;
        proof.siblings.push_back(zero_subtree(3));
        CHECK(refusal() == PageProofError::zero_sibling_sent);
        leaves.pop_back();
        CHECK(refusal() == PageProofError::leaf_count_differs);
        proof.siblings.push_back(Hash{});
        CHECK(refusal() == PageProofError::sibling_count_differs);
        proof.flags[0] |= 0x20;
        CHECK(refusal() == PageProofError::spare_bit_set);
        proof.flags.push_back(0);
        CHECK(refusal() == PageProofError::flags_size_differs);
        proof.pages[1] = 16;
        CHECK(refusal() == PageProofError::page_out_of_range);
        std::swap(proof.pages[0], proof.pages[1]);
        CHECK(refusal() == PageProofError::pages_not_ascending);
        proof.pages.resize(kWitnessPagesMax + 1);
        CHECK(refusal() == PageProofError::too_many_pages);
        proof.pages.clear();
        CHECK(refusal() == PageProofError::no_pages);
    }

    TEST_CASE("nothing is proven inside a part known by its root alone") {
        SparsePageTree tree(8);
        tree.update(std::vector<Subtree>{{3, 2, node_hash(zero_subtree(2), Hash{})}});
        const std::vector<std::uint64_t> inside = {17};
        const std::vector<std::uint64_t> outside = {15, 24};
        CHECK_FALSE(make_page_proof(tree, inside).has_value());
        const auto proof = make_page_proof(tree, outside);
        REQUIRE(proof.has_value());
        const std::vector<Hash> zeros(2, zero_subtree(0));
        CHECK(*proven_root(*proof, zeros, ProofShape{8, 0}) == tree.root());
    }

    TEST_CASE("chunks of a blob verify against its root one by one, and only where they belong") {
        constexpr unsigned kLevel = 2;
        constexpr std::uint64_t kSize = kTreePageSize << kLevel;
        Rng rng(5);
        Bytes content(5 * kSize + 1234);
        rng.fill(content);
        // One chunk of zeroes in the middle: no hash of it is ever sent.
        std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(2 * kSize), kSize,
                    std::uint8_t{0});
        PageTreeHasher hasher(kRegionLevels, kLevel);
        REQUIRE(hasher.push(content));
        const Hash root = hasher.finish();
        SparsePageTree chunks(kRegionLevels);
        chunks.update(hasher.chunk_roots());
        REQUIRE(chunks.root() == root);
        for (std::uint64_t i = 0; i < 6; ++i) {
            CAPTURE(i);
            const std::vector<std::uint64_t> asked = {i};
            const Bytes proof = encode(*make_page_proof(chunks, asked, kLevel));
            const ByteView bytes = ByteView(content).subspan(
                i * kSize, std::min<std::size_t>(kSize, content.size() - i * kSize));
            const auto check = [&](std::uint64_t index, ByteView what, ByteView with) {
                return verify_chunk(root, content.size(), index, what, with, kLevel);
            };
            CHECK(check(i, bytes, proof).has_value());
            CHECK(check(i, bytes.first(bytes.size() - 1), proof).error() ==
                  PageProofError::bad_chunk_length);
            CHECK_FALSE(check((i + 1) % 6, bytes, proof).has_value());
            CHECK(check(6, bytes, proof).error() == PageProofError::page_out_of_range);
            Bytes wrong(bytes.begin(), bytes.end());
            wrong[rng.below(wrong.size())] ^= 0x40;
            CHECK(check(i, wrong, proof).error() == PageProofError::root_differs);
            Bytes bent = proof;
            for (std::size_t at = 0; at < bent.size(); ++at) {
                bent[at] ^= 0x10;
                CAPTURE(at);
                REQUIRE_FALSE(check(i, bytes, bent).has_value());
                bent[at] ^= 0x10;
            }
        }
    }
}

}  // namespace millrace
