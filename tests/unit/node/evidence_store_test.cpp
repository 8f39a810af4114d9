#include "node/chain/evidence_store.hpp"

#include <doctest/doctest.h>

#include "tests/support/temp_dir.hpp"

namespace millrace::node {
namespace {

consensus::Evidence evidence(std::uint64_t epoch, std::uint64_t view, std::uint16_t signer) {
    BlockHash other;
    other.bytes[0] = 1;
    const auto vote = [&](const BlockHash& hash) {
        return consensus::Vote{Epoch{epoch},
                               consensus::Subject::notarize(View{view}, {View{0}, hash}),
                               consensus::ValidatorIndex{signer},
                               {}};
    };
    return {vote({}), vote(other)};
}

}  // namespace

TEST_SUITE("node/evidence") {
    TEST_CASE("one that contradicts itself in every view takes no room from another") {
        const test::TempDir folder;
        {
            auto db = LedgerDb::open(folder.path());
            REQUIRE(db.has_value());
            EvidenceStore store(**db);
            for (std::uint64_t view = 1; view <= 1'000; ++view)
                CHECK(store.keep(evidence(3, view, 7)).value() == (view == 1));
            CHECK(store.keep(evidence(3, 1'001, 8)).value());
            CHECK(store.keep(evidence(4, 1, 7)).value());
            CHECK_FALSE(store.keep(evidence(4, 2, 7)).value());
            CHECK((*db)->scan(Column::meta, as_bytes("evidence/"), {}, 100).value().size() == 3);
        }
        // A restart, and late evidence of an epoch long past, know what is on the disk.
        auto db = LedgerDb::open(folder.path());
        REQUIRE(db.has_value());
        EvidenceStore store(**db);
        CHECK(store.keep(evidence(9, 1, 7)).value());
        CHECK_FALSE(store.keep(evidence(3, 5, 7)).value());
        CHECK((*db)->scan(Column::meta, as_bytes("evidence/"), {}, 100).value().size() == 4);
    }
}

}  // namespace millrace::node
