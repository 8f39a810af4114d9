#include "vm/native/disk_tree.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/temp_dir.hpp"
#include "tests/support/wasi_guest.hpp"
#include "vm/native/tree_mount.hpp"

namespace millrace::vm::test {
namespace {

namespace fs = std::filesystem;

TreeRoot root_of(TreePages& pages) {
    const auto manifest = manifest_of(pages);
    REQUIRE(manifest.has_value());
    return tree_root(*manifest);
}

TreeEntries sample() {
    return {{"a/b/c.txt", "hello"},
            {"a/empty", ""},
            {"big", std::string(kBigFileSize + 12'345, 'B')},
            {"dir/", ""},
            {"holes", std::string(700'000, '\0') + "end"}};
}

void write_all(const fs::path& folder, const TreeEntries& entries) {
    for (const auto& [path, content] : entries) {
        if (path.ends_with('/')) {
            fs::create_directories(folder / path);
            continue;
        }
        fs::create_directories((folder / path).parent_path());
        std::ofstream(folder / path, std::ios::binary) << content;
    }
}

std::string read_all(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_SUITE("vm/native/disk_tree") {
    TEST_CASE("a folder has the root of the same tree in memory") {
        millrace::test::TempDir scratch;
        write_all(scratch.path(), sample());
        auto tree = scan_folder(scratch.path());
        REQUIRE(tree.has_value());
        MemoryTree expected(sample());
        CHECK_EQ(root_of(tree->image), expected.root());
        millrace::test::TempDir empty;
        auto none = scan_folder(empty.path());
        REQUIRE(none.has_value());
        CHECK_EQ(root_of(none->image), empty_tree_root());
    }

    TEST_CASE("a tree becomes the folder it was, over what was there") {
        millrace::test::TempDir scratch;
        MemoryTree tree(sample());
        write_all(scratch.path() / "out", {{"a/empty", "old"}, {"kept", "kept"}});
        const auto index = extract_tree(tree.image, scratch.path() / "out");
        REQUIRE(index.has_value());
        for (const auto& [path, content] : sample()) {
            CAPTURE(path);
            if (path.ends_with('/'))
                CHECK(fs::is_directory(scratch.path() / "out" / path));
            else
                CHECK(read_all(scratch.path() / "out" / path) == content);
        }
        CHECK_EQ(read_all(scratch.path() / "out" / "kept"), "kept");
        fs::remove(scratch.path() / "out" / "kept");
        auto again = scan_folder(scratch.path() / "out");
        REQUIRE(again.has_value());
        CHECK_EQ(root_of(again->image), tree.root());
        struct stat status{};
        REQUIRE_EQ(::stat((scratch.path() / "out" / "holes").c_str(), &status), 0);
        CHECK_LT(status.st_blocks * 512, 500'000);
    }

    TEST_CASE("no link leads an extraction out of its folder") {
        millrace::test::TempDir scratch;
        fs::create_directories(scratch.path() / "out");
        fs::create_directories(scratch.path() / "elsewhere");
        std::ofstream(scratch.path() / "elsewhere" / "file") << "untouched";
        MemoryTree tree(TreeEntries{{"d/file", "new"}});
        fs::create_symlink(scratch.path() / "elsewhere", scratch.path() / "out" / "d");
        const auto refused = extract_tree(tree.image, scratch.path() / "out");
        REQUIRE_FALSE(refused.has_value());
        CHECK_NE(refused.error().message.find("'d'"), std::string::npos);
        CHECK_EQ(read_all(scratch.path() / "elsewhere" / "file"), "untouched");
        fs::remove(scratch.path() / "out" / "d");
        // A link in the place of a file is replaced, not followed.
        fs::create_directories(scratch.path() / "out" / "d");
        fs::create_symlink(scratch.path() / "elsewhere" / "file",
                           scratch.path() / "out" / "d" / "file");
        REQUIRE(extract_tree(tree.image, scratch.path() / "out").has_value());
        CHECK_EQ(read_all(scratch.path() / "elsewhere" / "file"), "untouched");
        CHECK_EQ(read_all(scratch.path() / "out" / "d" / "file"), "new");
    }

    TEST_CASE("links, devices, and folders that are none are refused by name") {
        millrace::test::TempDir scratch;
        write_all(scratch.path(), {{"x", "1"}});
        const auto file = scan_folder(scratch.path() / "x");
        REQUIRE_FALSE(file.has_value());
        CHECK_FALSE(scan_folder(scratch.path() / "nope").has_value());
        fs::create_symlink("x", scratch.path() / "link");
        const auto link = scan_folder(scratch.path());
        REQUIRE_FALSE(link.has_value());
        CHECK_NE(link.error().message.find("link'"), std::string::npos);
        fs::remove(scratch.path() / "link");
        REQUIRE_EQ(::mkfifo((scratch.path() / "pipe").c_str(), 0600), 0);
        CHECK_FALSE(scan_folder(scratch.path()).has_value());
    }

    TEST_CASE("a file that shrinks after it was listed is an error, not zeroes") {
        millrace::test::TempDir scratch;
        write_all(scratch.path(), {{"x", std::string(10'000, 'x')}});
        auto tree = scan_folder(scratch.path());
        REQUIRE(tree.has_value());
        fs::resize_file(scratch.path() / "x", 5'000);
        const auto manifest = manifest_of(tree->image);
        REQUIRE_FALSE(manifest.has_value());
        CHECK_NE(manifest.error().message.find("shorter"), std::string::npos);
        TreeMount mount(tree->image, 100, std::make_shared<PageCache>());
        CHECK_FALSE(mount.has_failed());
        for (std::uint64_t page = 100; page < 110; ++page) (void)mount.page(page);
        CHECK(mount.has_failed());
        CHECK(mount.failure().has_value());
    }

    TEST_CASE("mounted inputs take so much memory and no more, however much is read") {
        /// A tree of one region, whose pages say their number; it counts what is asked of it.
        class Numbered final : public TreePages {
          public:
            Status<Error> read_page(std::uint64_t index, MutableByteView out) override {
                ++reads;
                std::memset(out.data(), static_cast<int>(index), out.size());
                return Ok{};
            }
            [[nodiscard]] std::uint64_t region_length(std::uint64_t region) const override {
                return region == 0 ? 1000 * kPageSize - 1 : 0;
            }
            int reads = 0;
        };
        Numbered first;
        Numbered second;
        const auto cache = std::make_shared<PageCache>(16);
        const TreeMount a(first, 1'000'000, cache);
        const TreeMount b(second, 2'000'000, cache);
        for (std::uint64_t i = 0; i < 1000; ++i) {
            CHECK_EQ(a.page(1'000'000 + i).front(), i & 0xff);
            CHECK_EQ(b.page(2'000'000 + i).front(), i & 0xff);
            CHECK_EQ(a.page(1'000'000 + i).front(), i & 0xff);
        }
        CHECK_EQ(cache->size(), 16U);
        CHECK_EQ(first.reads, 1000);
        // The last eight of each are kept, what came before is read again.
        CHECK_EQ(a.page(1'000'992).front(), 992 & 0xff);
        CHECK_EQ(first.reads, 1000);
        (void)a.page(1'000'000);
        CHECK_EQ(first.reads, 1001);
        // Beyond the region there is nothing to ask for.
        CHECK(a.page(1'001'000).empty());
        CHECK(a.page(1'000'000 + kRegionSize / kPageSize).empty());
        CHECK_EQ(first.reads, 1001);
    }

    TEST_CASE("a tree travels as regions and comes back the same") {
        millrace::test::TempDir scratch;
        MemoryTree tree(sample());
        const auto manifest = write_regions(tree.image, scratch.path());
        REQUIRE(manifest.has_value());
        CHECK_EQ(manifest->regions.size(), 2U);
        CHECK_EQ(tree_root(*manifest), tree.root());
        auto regions = RegionFiles::open(
            *manifest, {scratch.path() / "0.region", scratch.path() / "1.region"});
        REQUIRE(regions.has_value());
        CHECK_EQ(root_of(**regions), tree.root());
        const auto index = TreeIndex::read(**regions);
        REQUIRE(index.has_value());
        CHECK(index->find("a/b/c.txt").has_value());
        CHECK_FALSE(RegionFiles::open(*manifest, {scratch.path() / "0.region"}).has_value());
    }
}

}  // namespace millrace::vm::test
