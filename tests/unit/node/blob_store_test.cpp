#include "node/blobs/store.hpp"

#include <doctest/doctest.h>

#include "common/page_tree.hpp"
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
            CHECK((*store)->usage().bytes == content.size());
        }
        auto store = BlobStore::open(folder.path(), 1 << 20);
        REQUIRE(store.has_value());
        CHECK((*store)->read(id, 1 << 20).value() == content);
        CHECK_FALSE((*store)->read(id, 100).value().has_value());
        CHECK((*store)->usage().bytes == content.size());
        CHECK_FALSE((*store)->find(BlobId{}).has_value());
    }

    TEST_CASE("an upload that stops, or brings another size, leaves nothing") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), 1000);
        REQUIRE(store.has_value());
        {
            auto upload = (*store)->begin(900);
            REQUIRE(upload.has_value());
            REQUIRE((*upload)->write(filled(100, 1)).has_value());
            CHECK((*upload)->finish().error().code == kBlobWrongSize);
            CHECK((*upload)->write(filled(801, 1)).error().code == kBlobWrongSize);
            // The room is taken while the upload lives.
            CHECK((*store)->begin(200).error().code == kBlobStoreFull);
        }
        CHECK((*store)->usage().bytes == 0);
        CHECK(std::filesystem::is_empty(folder.path() / "incoming"));
    }

    TEST_CASE("the longest unused blob makes room, a held one never") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), 1000);
        REQUIRE(store.has_value());
        const BlobId a = (*store)->put(filled(300, 1)).value();
        const BlobId b = (*store)->put(filled(300, 2)).value();
        const BlobId c = (*store)->put(filled(300, 3)).value();
        (*store)->hold({a});
        CHECK((*store)->find(b).has_value());  // b is now used later than c
        const BlobId d = (*store)->put(filled(300, 4)).value();
        CHECK((*store)->find(a).has_value());
        CHECK((*store)->find(b).has_value());
        CHECK_FALSE((*store)->find(c).has_value());
        (*store)->hold({a, b, d});
        CHECK((*store)->put(filled(300, 5)).error().code == kBlobStoreFull);
        CHECK((*store)->put(filled(2000, 5)).error().code == kBlobStoreFull);
        (*store)->hold({a, b});
        CHECK((*store)->put(filled(300, 5)).has_value());
        CHECK_FALSE((*store)->find(d).has_value());
    }
}

}  // namespace millrace::node
