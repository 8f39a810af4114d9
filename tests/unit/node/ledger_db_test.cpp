#include "node/storage/ledger_db.hpp"

#include <doctest/doctest.h>
#include <rocksdb/db.h>

#include "tests/support/temp_dir.hpp"

namespace millrace::node {
namespace {
Bytes text(std::string_view s) {
    const ByteView raw = as_bytes(s);
    return {raw.begin(), raw.end()};
}
}  // namespace

TEST_SUITE("node/storage") {
    TEST_CASE("a committed batch is there after a reopen, and a snapshot does not move") {
        const test::TempDir folder;
        {
            auto db = LedgerDb::open(folder.path());
            REQUIRE(db.has_value());
            const std::vector<DbWrite> writes = {{Column::flat, text("a/1"), text("one")},
                                                 {Column::flat, text("a/2"), text("two")},
                                                 {Column::flat, text("b/1"), text("other")},
                                                 {Column::pages, text("a/1"), text("page")}};
            REQUIRE((*db)->commit(writes).has_value());
            const auto frozen = (*db)->snapshot();
            const DbWrite gone{Column::flat, text("a/1"), std::nullopt};
            REQUIRE((*db)->commit({&gone, 1}).has_value());
            CHECK(*frozen->get(Column::flat, text("a/1")).value() == text("one"));
            CHECK_FALSE((*db)->get(Column::flat, text("a/1")).value().has_value());
        }
        auto db = LedgerDb::open(folder.path());
        REQUIRE(db.has_value());
        CHECK(*(*db)->get(Column::pages, text("a/1")).value() == text("page"));
        const auto pairs = (*db)->scan(Column::flat, text("a/"), {}, 10).value();
        REQUIRE(pairs.size() == 1);
        CHECK(pairs[0].first == text("a/2"));
        CHECK((*db)->last(Column::flat).value()->first == text("b/1"));
        CHECK_FALSE((*db)->last(Column::votes).value().has_value());
    }

    TEST_CASE("a folder in use is refused with a sentence that names the way out") {
        const test::TempDir folder;
        auto first = LedgerDb::open(folder.path());
        REQUIRE(first.has_value());
        const auto second = LedgerDb::open(folder.path());
        REQUIRE_FALSE(second.has_value());
        CHECK(second.error().message.find("--data-dir") != std::string::npos);
    }

    TEST_CASE("another data version is refused") {
        const test::TempDir folder;
        {
            auto db = LedgerDb::open(folder.path());
            REQUIRE(db.has_value());
            const DbWrite newer{Column::meta, text("data_version"), text("99")};
            REQUIRE((*db)->commit({&newer, 1}).has_value());
        }
        const auto refused = LedgerDb::open(folder.path());
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().message.find("version 99") != std::string::npos);
        CHECK(refused.error().code == 4);
    }

    TEST_CASE("a folder with fewer columns is refused by its version and left as it was") {
        const test::TempDir folder;
        {
            // What an older program wrote: RocksDB opens a database only with all its columns.
            rocksdb::Options options;
            options.create_if_missing = true;
            rocksdb::DB* raw = nullptr;
            REQUIRE(rocksdb::DB::Open(options, folder.path().string(), &raw).ok());
            const std::unique_ptr<rocksdb::DB> db(raw);
            REQUIRE(db->Put({}, "data_version", "1").ok());
        }
        const auto refused = LedgerDb::open(folder.path());
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == 4);
        CHECK(refused.error().message.find("version 1,") != std::string::npos);
        std::vector<std::string> columns;
        REQUIRE(rocksdb::DB::ListColumnFamilies({}, folder.path().string(), &columns).ok());
        CHECK(columns.size() == 1);
    }

    TEST_CASE("a folder whose first start was cut off becomes a ledger") {
        const test::TempDir folder;
        {
            rocksdb::Options options;
            options.create_if_missing = true;
            rocksdb::DB* raw = nullptr;
            REQUIRE(rocksdb::DB::Open(options, folder.path().string(), &raw).ok());
            const std::unique_ptr<rocksdb::DB> db(raw);
        }
        CHECK(LedgerDb::open(folder.path()).has_value());
    }
}

}  // namespace millrace::node
