#include "vm/wasi/tree.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

#include "common/sparse_page_tree.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/wasi_guest.hpp"

namespace millrace::vm::test {
namespace {

TreeRefusal refusal_of(const TreeEntries& entries) {
    TreePlan plan;
    for (const auto& [path, content] : entries) {
        const auto added = path.ends_with('/') && path.size() > 1
                               ? plan.add_directory(path.substr(0, path.size() - 1))
                               : plan.add_file(path, content.size(), 0);
        if (!added.has_value()) return added.error().refusal;
    }
    const auto made = std::move(plan).finish();
    REQUIRE_FALSE(made.has_value());
    CHECK_FALSE(to_sentence(made.error()).empty());
    return made.error().refusal;
}

TreeEntries sample() {
    return {{"b/c.txt", "hello"},
            {"a", std::string(5'000, 'a')},
            {"big", std::string(kBigFileSize + 5, 'B')},
            {"b/empty", ""},
            {"b.x/y/z", "deep"},
            {"dir/", ""},
            {"small", std::string(4'000, 's')},
            {"small2", std::string(200, 't')},
            {"big2", std::string(kBigFileSize, 'C')}};
}

}  // namespace

TEST_SUITE("vm/wasi/tree") {
    TEST_CASE("an image lies byte by byte as written down") {
        MemoryTree tree({{"d/f", "hello"}, {"e", ""}});
        PageBytes page{};
        const auto u64 = [&](std::uint64_t at) { return load_le<std::uint64_t>(page.data() + at); };
        REQUIRE(tree.image.read_page(0, page).has_value());
        CHECK_EQ(as_text(ByteView(page.data(), 8)), "MILLTREE");
        CHECK_EQ(u64(8), 1U);
        CHECK_EQ(u64(16), 4U);
        CHECK_EQ(u64(24), 8'195U);
        CHECK_EQ(u64(32), 12'293U);
        CHECK_EQ(u64(40), 5U);
        REQUIRE(tree.image.read_page(1, page).has_value());
        // The root, then d and e, then d/f.
        CHECK_EQ(u64(0), 2U);
        CHECK_EQ(u64(8), 1 | (2ULL << 32));
        CHECK_EQ(u64(32), 2 | (1ULL << 8) | (8'192ULL << 32));
        CHECK_EQ(u64(40), 3 | (1ULL << 32));
        CHECK_EQ(u64(64), 1 | (1ULL << 8) | (8'193ULL << 32));
        CHECK_EQ(u64(72), 0U);
        CHECK_EQ(u64(80), 0U);
        CHECK_EQ(u64(96), 1 | (1ULL << 8) | (8'194ULL << 32));
        CHECK_EQ(u64(104), 5U);
        CHECK_EQ(u64(112), 12'288U);
        CHECK_EQ(u64(120), 1U);
        REQUIRE(tree.image.read_page(2, page).has_value());
        CHECK_EQ(as_text(ByteView(page.data(), 4)), std::string_view("def\0", 4));
        REQUIRE(tree.image.read_page(3, page).has_value());
        CHECK_EQ(as_text(ByteView(page.data(), 6)), std::string_view("hello\0", 6));
        // Computed apart, in Python, from docs/protocol/files.md.
        CHECK_EQ(to_hex(tree.root().view()),
                 "4fe1071a8a528e79ea2b765b19648214d85734707440eef4629e805d6d32d312");
    }

    TEST_CASE("an image made apart, from the written format alone, is ours byte by byte") {
        // tests/golden/tree_image.bin: written by a Python script that knows docs/protocol/files.md
        // only.
        const char* folder = std::getenv("MILLRACE_GOLDEN");
        if (folder == nullptr) {
            millrace::test::skip_case("tree_image.bin (MILLRACE_GOLDEN is not set; ctest sets it)");
            return;
        }
        std::ifstream file(std::string(folder) + "/tree_image.bin", std::ios::binary);
        REQUIRE(file.good());
        const std::string golden{std::istreambuf_iterator<char>(file), {}};
        MemoryTree tree({{"d/f", "hello"},
                         {"d/g", "world"},
                         {"e", ""},
                         {std::string(200, 'x'), std::string(5'000, 'y')}});
        REQUIRE_EQ(tree.image.region_length(0), golden.size());
        PageBytes page{};
        for (std::size_t at = 0; at < golden.size(); at += kPageSize) {
            CAPTURE(at);
            REQUIRE(tree.image.read_page(at >> kPageBits, page).has_value());
            const std::string_view part = std::string_view(golden).substr(at, kPageSize);
            CHECK(as_text(ByteView(page).first(part.size())) == part);
        }
    }

    TEST_CASE("the root depends on the tree, not on the order of its making") {
        TreeEntries entries = sample();
        MemoryTree once(entries);
        std::ranges::reverse(entries);
        MemoryTree again(entries);
        CHECK_EQ(once.root(), again.root());
        entries.back().second += "!";
        MemoryTree other(entries);
        CHECK_NE(once.root(), other.root());
        MemoryTree none({});
        CHECK_EQ(none.root(), empty_tree_root());
    }

    TEST_CASE("the streamed root is that of all pages together") {
        MemoryTree tree(sample());
        SparseState state;
        tree.mount(state, 0);
        SparsePageTree pages(kSuperregionBits - kPageBits);
        std::vector<Subtree> parts;
        for (const auto& [index, page] : state.pages())
            parts.push_back(Subtree{0, index, page_hash(*page)});
        pages.update(parts);
        CHECK_EQ(pages.root().bytes, tree.root().bytes);
    }

    TEST_CASE("what was built is read back, with paths and contents") {
        MemoryTree tree(sample());
        const auto index = TreeIndex::read(tree.image);
        REQUIRE(index.has_value());
        CHECK_EQ(index->entries().size(), 13U);
        CHECK_EQ(index->big_file_count(), 2U);
        for (const auto& [path, content] : sample()) {
            CAPTURE(path);
            const auto found = index->find(path);
            REQUIRE(found.has_value());
            const TreeRecord& record = index->entries()[*found].record;
            if (path.ends_with('/')) {
                CHECK_EQ(record.kind, EntryKind::directory);
                continue;
            }
            CHECK_EQ(index->path_of(*found), path);
            CHECK_EQ(record.length, content.size());
            Bytes got(content.size());
            REQUIRE(read_file(tree.image, record, 0, got).has_value());
            CHECK(as_text(got) == content);
        }
        CHECK_FALSE(index->find("b/nope").has_value());
        CHECK_FALSE(index->find("a/b").has_value());
        CHECK_EQ(index->find("./b//c.txt"), index->find("b/c.txt"));
        CHECK_EQ(index->find(""), 0U);
        MemoryTree none({});
        const auto empty = TreeIndex::read(none.image);
        REQUIRE(empty.has_value());
        CHECK(empty->empty());
    }

    TEST_CASE("small files are packed so that none below a page crosses one") {
        MemoryTree tree(sample());
        std::uint64_t end = 0;
        for (const TreeEntry& entry : tree.image.index().entries()) {
            const TreeRecord& record = entry.record;
            if (record.kind != EntryKind::file || record.length == 0) continue;
            CAPTURE(entry.name);
            if (record.length >= kBigFileSize) {
                CHECK_EQ(record.content % kRegionSize, 0U);
                continue;
            }
            CHECK_GE(record.content, end);
            end = record.content + record.length;
            if (record.length > kPageSize)
                CHECK_EQ(record.content % kPageSize, 0U);
            else
                CHECK_LE(record.content % kPageSize + record.length, kPageSize);
        }
        CHECK_EQ(tree.image.index().inline_end(), end);
    }

    TEST_CASE("trees that cannot be are refused") {
        CHECK_EQ(refusal_of({{"a/../b", ""}}), TreeRefusal::bad_name);
        CHECK_EQ(refusal_of({{"", ""}}), TreeRefusal::bad_name);
        CHECK_EQ(refusal_of({{"/a", ""}}), TreeRefusal::bad_name);
        CHECK_EQ(refusal_of({{"a//b", ""}}), TreeRefusal::bad_name);
        CHECK_EQ(refusal_of({{std::string("a\0b", 3), ""}}), TreeRefusal::bad_name);
        CHECK_EQ(refusal_of({{std::string(256, 'a'), ""}}), TreeRefusal::bad_name);
        CHECK_EQ(refusal_of({{std::string(4'097, 'a'), ""}}), TreeRefusal::path_too_long);
        std::string deep = "d";
        for (int i = 1; i < 64; ++i) deep += "/d";
        CHECK_EQ(refusal_of({{deep + "/d", ""}}), TreeRefusal::too_deep);
        CHECK_EQ(refusal_of({{"a", ""}, {"a", ""}}), TreeRefusal::duplicate);
        CHECK_EQ(refusal_of({{"a", ""}, {"a/", ""}}), TreeRefusal::duplicate);
        CHECK_EQ(refusal_of({{"a", ""}, {"a/b", ""}}), TreeRefusal::no_parent);
        CHECK_EQ(refusal_of({{"a/b/c", ""}, {"a", ""}}), TreeRefusal::no_parent);
        TreePlan plan;
        CHECK_EQ(plan.add_file("f", kFileSizeMax + 1, 0).error().refusal,
                 TreeRefusal::file_too_big);
        MemoryTree deepest(TreeEntries{{deep, "x"}});
        CHECK(TreeIndex::read(deepest.image).has_value());
    }

    TEST_CASE("too many big files, and too much in small ones, are refused") {
        TreePlan big;
        for (unsigned i = 0; i <= kBigFilesMax; ++i)
            REQUIRE(big.add_file("f" + std::to_string(i), kBigFileSize, 0).has_value());
        const auto refused = std::move(big).finish();
        REQUIRE_FALSE(refused.has_value());
        CHECK_EQ(refused.error().refusal, TreeRefusal::too_many_big_files);
        TreePlan small;
        for (unsigned i = 0; i <= 2'048; ++i)
            REQUIRE(small.add_file("f" + std::to_string(i), kBigFileSize - 1, 0).has_value());
        const auto too_much = std::move(small).finish();
        REQUIRE_FALSE(too_much.has_value());
        CHECK_EQ(too_much.error().refusal, TreeRefusal::too_much_small);
    }

    TEST_CASE("metadata changed in any byte is refused, or is another sound tree") {
        MemoryTree tree({{"d/f", "hello"}, {"e", ""}, {"d/g", "world"}});
        SparseState state;
        tree.mount(state, 0);
        const auto original = tree.image.index().encode_metadata();
        unsigned accepted = 0;
        for (std::uint64_t at = 0; at < original.size(); ++at) {
            const std::uint8_t bit = static_cast<std::uint8_t>(1U << (at % 8));
            const std::uint8_t changed = original[at] ^ bit;
            state.write(at, ByteView(&changed, 1));
            StateImage image(state, 0);
            const auto index = TreeIndex::read(image);
            if (index.has_value()) {
                ++accepted;
                // Only names may differ: everything else is determined by them.
                CHECK_GE(at, names_offset(5));
                CHECK_NE(index->encode_metadata(), original);
            }
            state.write(at, ByteView(&original[at], 1));
        }
        CHECK_LE(accepted, 4U);
    }
}

}  // namespace millrace::vm::test
