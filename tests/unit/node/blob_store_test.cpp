#include "node/blobs/store.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "common/page_tree.hpp"
#include "tests/support/file_size_limit.hpp"
#include "tests/support/temp_dir.hpp"

namespace millrace::node {
namespace {
Bytes filled(std::size_t size, std::uint8_t byte) {
    return Bytes(size, byte);
}
}  // namespace

TEST_SUITE("node/blobs") {
    TEST_CASE("what was put is found by its id, also after a reopen") {
        const test::TempDir folder;
        BlobId id;
        const Bytes content = filled(10'000, 7);
        {
            auto store = BlobStore::open(folder.path(), 1 << 20);
            REQUIRE(store.has_value());
            const auto put = (*store)->put(content);
            REQUIRE(put.has_value());
            id = *put;
            CHECK(id == hash_as<BlobId>(file_id(content.size(), region_root(content))));
            CHECK((*store)->put(content).value() == id);
            CHECK((*store)->usage().bytes == 3 * kBlobBlockBytes);
        }
        auto store = BlobStore::open(folder.path(), 1 << 20);
        REQUIRE(store.has_value());
        CHECK((*store)->read(id, 1 << 20).value() == content);
        CHECK_FALSE((*store)->read(id, 100).value().has_value());
        CHECK((*store)->usage().bytes == 3 * kBlobBlockBytes);
        CHECK_FALSE((*store)->find(BlobId{}).has_value());
    }

    TEST_CASE("an upload that stops, or brings another size, leaves nothing") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), 10 * kBlobBlockBytes);
        REQUIRE(store.has_value());
        {
            auto upload = (*store)->begin(9 * kBlobBlockBytes);
            REQUIRE(upload.has_value());
            REQUIRE((*upload)->write(filled(100, 1)).has_value());
            CHECK((*upload)->finish().error().code == kBlobWrongSize);
            CHECK((*upload)->write(filled(9 * kBlobBlockBytes - 99, 1)).error().code ==
                  kBlobWrongSize);
            // The room is taken while the upload lives.
            CHECK((*store)->begin(kBlobBlockBytes + 1).error().code == kBlobStoreFull);
        }
        CHECK((*store)->usage().bytes == 0);
        CHECK(std::filesystem::is_empty(folder.path() / "incoming"));
    }

    TEST_CASE("the longest unused blob makes room, a held one never") {
        const test::TempDir folder;
        // Room for three of two blocks each.
        auto store = BlobStore::open(folder.path(), 7 * kBlobBlockBytes);
        constexpr std::size_t kSize = 5'000;
        REQUIRE(store.has_value());
        const BlobId a = (*store)->put(filled(kSize, 1)).value();
        const BlobId b = (*store)->put(filled(kSize, 2)).value();
        const BlobId c = (*store)->put(filled(kSize, 3)).value();
        (*store)->hold({a});
        CHECK((*store)->find(b).has_value());  // b is now used later than c
        const BlobId d = (*store)->put(filled(kSize, 4)).value();
        CHECK((*store)->find(a).has_value());
        CHECK((*store)->find(b).has_value());
        CHECK_FALSE((*store)->find(c).has_value());
        (*store)->hold({a, b});
        (*store)->pin({d});
        CHECK((*store)->put(filled(kSize, 5)).error().code == kBlobStoreFull);
        CHECK((*store)->put(filled(100'000, 5)).error().code == kBlobStoreFull);
        CHECK((*store)->state(d).is_held);
        (*store)->pin({});
        CHECK((*store)->put(filled(kSize, 5)).has_value());
        CHECK_FALSE((*store)->find(d).has_value());
    }

    TEST_CASE("nothing is evicted for what has no room anyway") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), 7 * kBlobBlockBytes);
        const BlobId a = (*store)->put(filled(5'000, 1)).value();
        const BlobId b = (*store)->put(filled(5'000, 2)).value();
        (*store)->hold({b});
        CHECK((*store)->begin(6 * kBlobBlockBytes).error().code == kBlobStoreFull);
        CHECK((*store)->find(a).has_value());
        CHECK((*store)->begin(5 * kBlobBlockBytes).has_value());
        CHECK_FALSE((*store)->find(a).has_value());
    }

    TEST_CASE("a disk with no room left refuses before the first byte, after making room") {
        const test::TempDir folder;
        std::uint64_t left = kDiskSlackBytes + 3 * kBlobBlockBytes;
        auto store = BlobStore::open(folder.path(), 1U << 30U, [&](const auto&) { return left; });
        const BlobId a = (*store)->put(filled(5'000, 1)).value();
        const auto refused = (*store)->begin(100'000);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == kBlobStoreFull);
        CHECK(refused.error().message.find("free some") != std::string::npos);
        CHECK((*store)->find(a).has_value());
        // What nobody needs goes before the disk is full.
        left = kDiskSlackBytes + kBlobBlockBytes;
        CHECK((*store)->put(filled(5'000, 2)).has_value());
        CHECK_FALSE((*store)->find(a).has_value());
    }

    TEST_CASE("a write that fails half-way says what to do and leaves nothing") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), 1U << 30U);
        const test::FileSizeLimit limit(64 * 1024);
        const auto refused = (*store)->put(filled(100'000, 1));
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == kBlobStoreFull);
        CHECK(refused.error().message.find("nothing half-written was kept") != std::string::npos);
        CHECK((*store)->usage().bytes == 0);
        CHECK(std::filesystem::is_empty(folder.path() / "incoming"));
        CHECK((*store)->put(filled(60'000, 1)).has_value());
    }

    TEST_CASE("the chunks of a blob make its id, also where no list was kept") {
        const test::TempDir folder;
        const Bytes large = filled(3 * kChunkSize + 17, 5);
        BlobId id;
        {
            auto store = BlobStore::open(folder.path(), 1U << 30U);
            id = (*store)->put(large).value();
            const auto list = (*store)->chunks(id);
            REQUIRE(list.has_value());
            REQUIRE(list->has_value());
            CHECK((*list)->chunks.size() == 4);
            CHECK(blob_id(**list) == hash_as<Hash>(id));
            CHECK((*store)->missing((*list)->chunks).empty());
            const BlobId small = (*store)->put(filled(9, 5)).value();
            CHECK(blob_id(**(*store)->chunks(small)) == hash_as<Hash>(small));
            CHECK_FALSE((*store)->chunks(BlobId{})->has_value());
        }
        for (const auto& file : std::filesystem::recursive_directory_iterator(folder.path()))
            if (file.path().extension() == ".chunks") std::filesystem::remove(file.path());
        auto store = BlobStore::open(folder.path(), 1U << 30U);
        CHECK((*store)->chunks(id).value().value().chunks.size() == 4);
        // A damaged blob has no chunks to give.
        for (const auto& file : std::filesystem::recursive_directory_iterator(folder.path()))
            if (file.path().extension() == ".chunks") std::filesystem::remove(file.path());
        std::fstream((*store)->find(id)->path, std::ios::in | std::ios::out) << '!';
        const auto damaged = (*store)->chunks(id);
        REQUIRE_FALSE(damaged.has_value());
        CHECK(damaged.error().message.find("damaged") != std::string::npos);
    }

    TEST_CASE("a damaged blob is found out before it is relied on, and can be sent again") {
        struct Row {
            const char* name;
            std::size_t size;
            void (*harm)(const std::filesystem::path& path);
        };
        const auto flip = [](const std::filesystem::path& path) {
            std::fstream(path, std::ios::in | std::ios::out) << '!';
        };
        const auto cut = [](const std::filesystem::path& path) {
            std::filesystem::resize_file(path, 7);
        };
        const auto lose = [](const std::filesystem::path& path) { std::filesystem::remove(path); };
        const Row rows[] = {{"a byte of a small one", 9'000, flip},
                            {"a byte of a large one", 2 * kChunkSize + 17, flip},
                            {"the end of one", 9'000, cut},
                            {"all of one", 9'000, lose}};
        for (const Row& row : rows) {
            CAPTURE(row.name);
            for (const bool is_reopened : {false, true}) {
                CAPTURE(is_reopened);
                const test::TempDir folder;
                auto store = BlobStore::open(folder.path(), 1U << 30U);
                const Bytes content = filled(row.size, 5);
                const BlobId id = (*store)->put(content).value();
                const ChunkList list = (*store)->chunks(id).value().value();
                const std::filesystem::path path = (*store)->find(id)->path;
                CHECK((*store)->find_sound(id)->has_value());
                row.harm(path);
                if (is_reopened) {
                    store->reset();
                    store = BlobStore::open(folder.path(), 1U << 30U);
                }
                (*store)->hold({id});  // held or not: what is damaged helps nobody
                CHECK_FALSE((*store)->find_sound(id)->has_value());
                CHECK_FALSE((*store)->find(id).has_value());
                CHECK((*store)->usage().bytes == 0);
                CHECK((*store)->put(content).value() == id);
                CHECK((*store)->find_sound(id)->has_value());
                row.harm(path);
                // Announced again it is missing again, and a whole upload takes its place.
                const auto announced = (*store)->announce(list);
                REQUIRE(announced.has_value());
                CHECK_FALSE(announced->is_here);
                CHECK((*store)->put(content).value() == id);
                CHECK((*store)->read(id, row.size).value() == content);
            }
        }
    }

    TEST_CASE("a stop ends the hashing of a large file, and says nothing of its bytes") {
        const test::TempDir folder;
        const std::string name(64, 'a');
        const BlobId id = *BlobId::from(*from_hex(name));
        std::filesystem::create_directories(folder.path() / "aa");
        std::ofstream(folder.path() / "aa" / name).close();
        // Four GiB without a block on the disk, and of another hash than its name: hashed to its
        // end it would be found damaged, and removed.
        std::filesystem::resize_file(folder.path() / "aa" / name, std::uint64_t{1} << 32U);
        auto store = BlobStore::open(folder.path(), std::uint64_t{1} << 34U);
        REQUIRE(store.has_value());
        std::optional<Result<std::optional<BlobStore::Found>>> sound;
        std::thread other([&] { sound.emplace((*store)->find_sound(id)); });
        (*store)->stop();
        other.join();
        REQUIRE_FALSE(sound->has_value());
        CHECK(sound->error().code == kBlobStopping);
        const auto chunks = (*store)->chunks(id);
        REQUIRE_FALSE(chunks.has_value());
        CHECK(chunks.error().code == kBlobStopping);
        CHECK((*store)->find(id).has_value());
    }

    TEST_CASE("where it is not known what is needed, nothing makes room") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), 3 * kBlobBlockBytes);
        REQUIRE(store.has_value());
        const BlobId a = (*store)->put(filled(10, 1)).value();
        REQUIRE((*store)->put(filled(2 * kBlobBlockBytes, 2)).has_value());
        for (const bool is_pin : {false, true}) {
            if (is_pin)
                (*store)->pin({}, false);
            else
                (*store)->hold({}, false);
            CHECK((*store)->put(filled(2 * kBlobBlockBytes, 3)).error().code == kBlobStoreFull);
            CHECK((*store)->find(a).has_value());
            if (is_pin)
                (*store)->pin({});
            else
                (*store)->hold({});
        }
        REQUIRE((*store)->put(filled(3 * kBlobBlockBytes, 3)).has_value());
        CHECK_FALSE((*store)->find(a).has_value());
    }

    TEST_CASE("a whole upload takes the place of what lies there under its name") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), 1U << 30U);
        const Bytes content = filled(5'000, 3);
        const BlobId id = (*store)->put(content).value();
        std::fstream((*store)->find(id)->path, std::ios::in | std::ios::out) << '!';
        CHECK((*store)->put(content).value() == id);
        CHECK((*store)->read(id, 5'000).value() == content);
        CHECK((*store)->usage().bytes == 2 * kBlobBlockBytes);
        CHECK((*store)->usage().blobs == 1);
    }

    TEST_CASE("others are answered while one upload makes thousands of small blobs go") {
        constexpr std::uint64_t kSmall = 8'000;
        const test::TempDir folder;
        for (std::uint64_t i = 0; i < kSmall; ++i) {
            BlobId id;
            id.bytes[1] = static_cast<std::uint8_t>(i);
            id.bytes[2] = static_cast<std::uint8_t>(i >> 8U);
            std::filesystem::create_directories(folder.path() / "00");
            std::ofstream(folder.path() / "00" / to_hex(id.view())) << '!';
        }
        auto store = BlobStore::open(folder.path(), kSmall * kBlobBlockBytes);
        REQUIRE((*store)->usage().blobs == kSmall);
        std::atomic<bool> is_over{false};
        std::thread uploader([&] {
            auto upload = (*store)->begin((kSmall - 1) * kBlobBlockBytes);
            CHECK(upload.has_value());
            is_over = true;
        });
        bool was_seen_between = false;
        while (!is_over) {
            const std::uint64_t blobs = (*store)->usage().blobs;
            was_seen_between = was_seen_between || (blobs > 1 && blobs < kSmall);
        }
        uploader.join();
        CHECK(was_seen_between);
        CHECK((*store)->usage().blobs <= 1);
        CHECK((*store)->usage().bytes <= kBlobBlockBytes);
    }
}

}  // namespace millrace::node
