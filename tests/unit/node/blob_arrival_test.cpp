#include "node/blobs/arrival.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "common/page_tree.hpp"
#include "common/rng.hpp"
#include "tests/support/file_size_limit.hpp"
#include "tests/support/temp_dir.hpp"

namespace millrace::node {
namespace {

constexpr std::uint64_t kQuota = 64ULL << 20U;

Bytes random_bytes(std::uint64_t seed, std::size_t size) {
    // One byte a block of 64 bytes is enough to tell chunks apart, and quick.
    Rng rng(seed);
    Bytes out(size);
    for (std::size_t i = 0; i < size; i += 64) out[i] = static_cast<std::uint8_t>(rng.below(256));
    return out;
}

ChunkList list_of(ByteView content) {
    PageTreeHasher hasher(kRegionLevels, kChunkLevels);
    REQUIRE(hasher.push(content));
    static_cast<void>(hasher.finish());
    return chunk_list_of(hasher);
}

BlobId id_of(ByteView content) {
    return hash_as<BlobId>(file_id(content.size(), region_root(content)));
}

/// Sends bytes `[from, to)` of a blob in odd pieces.
Result<std::uint32_t> send(BlobStore& store, ByteView content, std::uint64_t from,
                           std::uint64_t to) {
    MILLRACE_TRY(const auto part, store.part(id_of(content), from, to - from));
    constexpr std::size_t kPiece = 70'001;
    for (std::uint64_t at = from; at < to; at += kPiece)
        MILLRACE_CHECK(part->write(content.subspan(at, std::min<std::uint64_t>(kPiece, to - at))));
    return part->finish();
}

}  // namespace

TEST_SUITE("node/blobs/arrival") {
    TEST_CASE("an announced blob comes in parts, in any order, and is then here") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), kQuota);
        const Bytes content = random_bytes(1, 3 * kChunkSize + 100);
        const BlobId id = id_of(content);
        CHECK((*store)->part(id, 0, content.size()).error().code == kBlobUnknown);
        const auto told = (*store)->announce(list_of(content));
        REQUIRE(told.has_value());
        CHECK(told->id == id);
        CHECK_FALSE(told->is_here);
        CHECK(told->unlooked == 0);
        CHECK(told->missing == std::vector<ChunkSpan>{{0, 4}});
        CHECK(*send(**store, content, 3 * kChunkSize, content.size()) == 3);
        CHECK(*send(**store, content, kChunkSize, 2 * kChunkSize) == 2);
        BlobStore::State state = (*store)->state(id);
        CHECK(state.is_arriving);
        CHECK(state.size == content.size());
        CHECK(state.missing == std::vector<ChunkSpan>{{0, 1}, {2, 1}});
        CHECK_FALSE((*store)->find(id).has_value());
        // What is here already may come again.
        CHECK(*send(**store, content, 0, content.size()) == 0);
        CHECK((*store)->read(id, content.size()).value() == content);
        CHECK((*store)->state(id).is_here);
        CHECK(std::filesystem::is_empty(folder.path() / "incoming"));
        CHECK((*store)->announce(list_of(content)).value().is_here);
        CHECK((*store)->usage().bytes == blob_charge(content.size()));
    }

    TEST_CASE("ranges that are not whole chunks, and lists that no blob has, are refused") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), kQuota);
        const Bytes content = random_bytes(1, 2 * kChunkSize + 100);
        const BlobId id = id_of(content);
        REQUIRE((*store)->announce(list_of(content)).has_value());
        struct Row {
            const char* name;
            std::uint64_t offset;
            std::uint64_t size;
        };
        const std::vector<Row> rows = {{"nothing", 0, 0},
                                       {"half a chunk", 0, 10},
                                       {"begins within a chunk", 1, kChunkSize},
                                       {"ends within the last chunk", 2 * kChunkSize, 99},
                                       {"beyond the end", 2 * kChunkSize, 101},
                                       {"begins at the end", 3 * kChunkSize, 1},
                                       {"wraps", kChunkSize, UINT64_MAX - kChunkSize + 1}};
        for (const Row& row : rows) {
            CAPTURE(row.name);
            CHECK((*store)->part(id, row.offset, row.size).error().code == kBlobBadRange);
        }
        ChunkList list = list_of(content);
        list.length += kChunkSize;
        CHECK((*store)->announce(list).error().code == kBlobBadList);
        list.chunks.clear();
        CHECK((*store)->announce(list).error().code == kBlobBadList);
        list.length = UINT64_MAX;
        CHECK((*store)->announce(list).error().code == kBlobBadList);
        CHECK((*store)->announce(ChunkList{}).value().is_here);  // the empty blob
    }

    TEST_CASE("a wrong byte is found at its chunk, and what came before it stays") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), kQuota);
        const Bytes content = random_bytes(2, 4 * kChunkSize);
        const BlobId id = id_of(content);
        REQUIRE((*store)->announce(list_of(content)).has_value());
        Bytes wrong = content;
        wrong[2 * kChunkSize + 5] ^= 1U;
        {
            auto part = (*store)->part(id, 0, wrong.size());
            REQUIRE(part.has_value());
            REQUIRE((*part)->write(ByteView(wrong).first(2 * kChunkSize)).has_value());
            const auto refused =
                (*part)->write(ByteView(wrong).subspan(2 * kChunkSize, kChunkSize));
            REQUIRE_FALSE(refused.has_value());
            CHECK(refused.error().code == kBlobWrongBytes);
            CHECK(refused.error().message.find("chunk 2") != std::string::npos);
        }
        CHECK((*store)->state(id).missing == std::vector<ChunkSpan>{{2, 2}});
        CHECK(*send(**store, content, 2 * kChunkSize, content.size()) == 0);
        CHECK((*store)->read(id, content.size()).value() == content);
    }

    TEST_CASE("two senders of one chunk do not write over each other") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), kQuota);
        const Bytes content = random_bytes(3, 2 * kChunkSize);
        const BlobId id = id_of(content);
        REQUIRE((*store)->announce(list_of(content)).has_value());
        {
            auto first = (*store)->part(id, 0, content.size());
            REQUIRE((*first)->write(ByteView(content).first(10)).has_value());
            auto second = (*store)->part(id, 0, content.size());
            CHECK((*second)->write(ByteView(content).first(10)).error().code == kBlobBusy);
            // The second chunk is free, and verified bytes are never touched again.
            CHECK(*send(**store, content, kChunkSize, content.size()) == 1);
        }
        // The first one left: its chunk is free again.
        CHECK(*send(**store, content, 0, kChunkSize) == 0);
        CHECK((*store)->read(id, content.size()).value() == content);
    }

    TEST_CASE("what has arrived outlives a restart, but only as far as it is right") {
        const test::TempDir folder;
        const Bytes content = random_bytes(4, 5 * kChunkSize + 1);
        const BlobId id = id_of(content);
        {
            auto store = BlobStore::open(folder.path(), kQuota);
            REQUIRE((*store)->announce(list_of(content)).has_value());
            CHECK(*send(**store, content, 0, 3 * kChunkSize) == 3);
            auto part = (*store)->part(id, 3 * kChunkSize, kChunkSize);
            REQUIRE((*part)->write(ByteView(content).subspan(3 * kChunkSize, 1'000)).has_value());
        }
        // The disk lost one byte of it meanwhile.
        {
            std::fstream file(folder.path() / "incoming" / (to_hex(id.view()) + ".part"),
                              std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(static_cast<std::streamoff>(kChunkSize + 3));
            file.put(static_cast<char>(content[kChunkSize + 3] ^ 1));
        }
        std::ofstream(folder.path() / "incoming" / "7.part") << "left over";
        std::string torn(64, 'a');
        torn += ".chunks";
        std::ofstream(folder.path() / "incoming" / torn) << "torn";
        auto store = BlobStore::open(folder.path(), kQuota);
        CHECK_FALSE(std::filesystem::exists(folder.path() / "incoming" / "7.part"));
        CHECK((*store)->usage().bytes == blob_charge(content.size()));
        const auto told = (*store)->announce(list_of(content));
        REQUIRE(told.has_value());
        CHECK(told->missing == std::vector<ChunkSpan>{{1, 1}, {3, 3}});
        CHECK(*send(**store, content, kChunkSize, 2 * kChunkSize) == 3);
        CHECK(*send(**store, content, 3 * kChunkSize, content.size()) == 0);
        CHECK((*store)->read(id, content.size()).value() == content);
        std::size_t left = 0;
        for (const auto& file : std::filesystem::directory_iterator(folder.path() / "incoming")) {
            CAPTURE(file.path());
            ++left;
        }
        CHECK(left == 0);
    }

    TEST_CASE("what other blobs have is not sent again, wherever it lies in them") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), kQuota);
        const Bytes old = random_bytes(5, 6 * kChunkSize + 500);
        REQUIRE((*store)->put(old).has_value());
        // One chunk changed, two swapped, zeroes where there was something, a longer end.
        Bytes fresh = old;
        fresh[kChunkSize] ^= 1U;
        std::swap_ranges(fresh.begin() + 2 * kChunkSize, fresh.begin() + 3 * kChunkSize,
                         fresh.begin() + 3 * kChunkSize);
        std::fill_n(fresh.begin() + 4 * kChunkSize, kChunkSize, 0);
        fresh.push_back(1);
        const ChunkList list = list_of(fresh);
        CHECK((*store)->missing(list.chunks) == std::vector<std::uint32_t>{1, 6});
        const auto told = (*store)->announce(list);
        REQUIRE(told.has_value());
        CHECK(told->missing == std::vector<ChunkSpan>{{1, 1}, {6, 1}});
        CHECK(*send(**store, fresh, kChunkSize, 2 * kChunkSize) == 1);
        CHECK(*send(**store, fresh, 6 * kChunkSize, fresh.size()) == 0);
        CHECK((*store)->read(told->id, fresh.size()).value() == fresh);
        // All of it is here: nothing to send.
        Bytes shorter(fresh.begin(), fresh.begin() + 5 * kChunkSize);
        CHECK((*store)->announce(list_of(shorter)).value().is_here);
        CHECK((*store)->read(id_of(shorter), shorter.size()).value() == shorter);
    }

    TEST_CASE("a chunk that a damaged blob should have is sent, and the damaged blob goes") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), kQuota);
        const Bytes old = random_bytes(6, 2 * kChunkSize);
        const BlobId id = (*store)->put(old).value();
        std::fstream((*store)->find(id)->path, std::ios::in | std::ios::out | std::ios::binary)
            .put('!');
        Bytes fresh = old;
        fresh.push_back(1);
        const auto told = (*store)->announce(list_of(fresh));
        REQUIRE(told.has_value());
        CHECK(told->missing.front().first == 0);
        CHECK_FALSE((*store)->find(id).has_value());
    }

    TEST_CASE("a large copy on this machine is spread over several calls") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), 1ULL << 30U);
        const Bytes old = random_bytes(7, 66 * kChunkSize);
        REQUIRE((*store)->put(old).has_value());
        Bytes fresh = old;
        fresh.push_back(1);
        const auto first = (*store)->announce(list_of(fresh));
        REQUIRE(first.has_value());
        CHECK(first->unlooked == 3);
        const auto second = (*store)->announce(list_of(fresh));
        CHECK(second->unlooked == 0);
        CHECK(second->missing == std::vector<ChunkSpan>{{66, 1}});
    }

    TEST_CASE("room is reserved at the announcement; who sends nothing gives way") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), 5 * kChunkSize);
        const Bytes first = random_bytes(8, 3 * kChunkSize);
        const Bytes second = random_bytes(9, 3 * kChunkSize);
        REQUIRE((*store)->announce(list_of(first)).has_value());
        CHECK((*store)->usage().bytes == blob_charge(first.size()));
        {
            auto part = (*store)->part(id_of(first), 0, kChunkSize);
            REQUIRE(part.has_value());
            CHECK((*store)->announce(list_of(second)).error().code == kBlobStoreFull);
        }
        REQUIRE((*store)->announce(list_of(second)).has_value());
        CHECK((*store)->part(id_of(first), 0, kChunkSize).error().code == kBlobUnknown);
        CHECK_FALSE((*store)->state(id_of(first)).is_arriving);
        CHECK(*send(**store, second, 0, second.size()) == 0);
        // The same for blobs that are whole.
        REQUIRE((*store)->announce(list_of(first)).has_value());
        CHECK_FALSE((*store)->find(id_of(second)).has_value());
        CHECK((*store)->announce(list_of(random_bytes(1, 6 * kChunkSize))).error().code ==
              kBlobStoreFull);
    }

    TEST_CASE("a disk that is full refuses the announcement and keeps nothing of it") {
        const test::TempDir folder;
        auto store = BlobStore::open(folder.path(), kQuota);
        const Bytes content = random_bytes(10, 3 * kChunkSize);
        {
            const test::FileSizeLimit limit(2 * kChunkSize);
            const auto refused = (*store)->announce(list_of(content));
            REQUIRE_FALSE(refused.has_value());
            CHECK(refused.error().code == kBlobStoreFull);
            CHECK(refused.error().message.find("free some") != std::string::npos);
            CHECK((*store)->usage().bytes == 0);
        }
        REQUIRE((*store)->announce(list_of(content)).has_value());
        {
            const test::FileSizeLimit limit(kChunkSize + 5'000);
            const auto cut = send(**store, content, 0, content.size());
            REQUIRE_FALSE(cut.has_value());
            CHECK(cut.error().code == kBlobStoreFull);
            CHECK((*store)->state(id_of(content)).missing == std::vector<ChunkSpan>{{1, 2}});
        }
        CHECK(*send(**store, content, kChunkSize, content.size()) == 0);
        CHECK((*store)->read(id_of(content), content.size()).value() == content);
    }

    TEST_CASE("what is announced and not being sent holds no descriptor, also after a restart") {
        const test::TempDir folder;
        const auto descriptors = [] {
            std::size_t open = 0;
            for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) {
                (void)one;
                ++open;
            }
            return open;
        };
        auto store = BlobStore::open(folder.path(), 1U << 30U);
        const std::size_t before = descriptors();
        ChunkList list;
        list.length = 100;
        list.chunks.emplace_back();
        for (std::uint8_t i = 0; i < 200; ++i) {
            list.chunks[0].bytes[0] = i;
            list.chunks[0].bytes[1] = 1;
            REQUIRE((*store)->announce(list).has_value());
        }
        CHECK(descriptors() == before);
        store->reset();
        store = BlobStore::open(folder.path(), 1U << 30U);
        CHECK(descriptors() == before);
        const BlobId id = hash_as<BlobId>(blob_id(list).value());
        CHECK((*store)->state(id).is_arriving);
        {
            const auto part = (*store)->part(id, 0, 100);
            REQUIRE(part.has_value());
            CHECK(descriptors() == before + 1);
        }
        CHECK(descriptors() == before);
    }

    TEST_CASE("any order of announcing, sending, breaking off, restarting ends in the blob") {
        for (std::uint64_t seed = 1; seed <= 8; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            const test::TempDir folder;
            auto store = BlobStore::open(folder.path(), kQuota);
            Bytes content = random_bytes(seed, 1 + rng.below(4 * kChunkSize));
            if (rng.below(2) == 0 && content.size() > 2 * kChunkSize)
                std::fill_n(content.begin() + kChunkSize, kChunkSize, 0);
            const ChunkList list = list_of(content);
            const BlobId id = id_of(content);
            for (int step = 0; step < 60 && !(*store)->find(id); ++step) {
                const auto told = (*store)->announce(list);
                REQUIRE(told.has_value());
                if (told->is_here) break;
                if (rng.below(6) == 0) {
                    *store = nullptr;
                    store = BlobStore::open(folder.path(), kQuota);
                    continue;
                }
                const ChunkSpan span = told->missing[rng.below(told->missing.size())];
                const std::uint64_t from = span.first * kChunkSize;
                const std::uint64_t to = std::min<std::uint64_t>(
                    content.size(), from + rng.between(1, span.count) * kChunkSize);
                auto part = (*store)->part(id, from, to - from);
                REQUIRE(part.has_value());
                std::uint64_t cut = rng.below(3) == 0 ? rng.below(to - from) : to - from;
                Bytes bytes(content.begin() + static_cast<std::ptrdiff_t>(from),
                            content.begin() + static_cast<std::ptrdiff_t>(from + cut));
                const bool is_wrong = cut == to - from && rng.below(5) == 0;
                if (is_wrong) bytes[rng.below(bytes.size())] ^= 4U;
                CHECK((*part)->write(bytes).has_value() == !is_wrong);
                if (cut == to - from && !is_wrong) CHECK((*part)->finish().has_value());
            }
            REQUIRE((*store)->announce(list).has_value());
            if (!(*store)->find(id)) {
                const auto announced = (*store)->announce(list);
                for (const ChunkSpan& span : announced->missing)
                    REQUIRE(send(**store, content, span.first * kChunkSize,
                                 std::min<std::uint64_t>(content.size(),
                                                         (span.first + span.count) * kChunkSize))
                                .has_value());
            }
            CHECK((*store)->read(id, content.size()).value() == content);
            CHECK((*store)->usage().bytes == blob_charge(content.size()));
        }
    }
}

}  // namespace millrace::node
