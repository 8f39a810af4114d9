#include "wallet/transfer.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/file_size_limit.hpp"
#include "tests/support/wallet_node.hpp"

namespace millrace::wallet {
namespace {

namespace fs = std::filesystem;

/// `chunks` MiB and a bit, no two chunks the same.
Bytes content_of(std::size_t chunks, std::uint8_t salt = 1) {
    Bytes out(chunks * kChunkSize + 321, salt);
    for (std::size_t at = 0; at < out.size(); at += kChunkSize)
        out[at] = static_cast<std::uint8_t>(at / kChunkSize);
    return out;
}

ReadAt reader(const Bytes& content) {
    return [&content](std::uint64_t offset, MutableByteView piece) -> Try<Ok> {
        std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(offset), piece.size(),
                    piece.begin());
        return Ok{};
    };
}

ChunkList list_of(const Bytes& content) {
    return *hash_chunks(content.size(), reader(content));
}

std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
void write(const fs::path& path, ByteView bytes) {
    std::ofstream(path, std::ios::binary) << as_text(bytes);
}

/// Overwrites one byte of a stored blob on the node's disk.
void damage(test::WalletNode& node, const Hash& id, std::uint64_t at) {
    std::fstream file(node.store().find(hash_as<node::BlobId>(id))->path,
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put('!');
}

}  // namespace

TEST_SUITE("wallet/transfer") {
    TEST_CASE("only what the node lacks is sent") {
        test::WalletNode node;
        Bytes content = content_of(4);
        CHECK(*send_blob_chunks(node.context, list_of(content), reader(content)) == content.size());
        CHECK(*send_blob_chunks(node.context, list_of(content), reader(content)) == 0);
        content[2 * kChunkSize + 9] ^= 1U;
        CHECK(*send_blob_chunks(node.context, list_of(content), reader(content)) == kChunkSize);
        const Bytes empty;
        CHECK(*send_blob_chunks(node.context, list_of(empty), reader(empty)) == 0);
        const Hash id = *blob_id(list_of(content));
        REQUIRE(fetch_blob(node.context, id, content.size(), node.folder() / "out").has_value());
        CHECK(as_text(content) == read(node.folder() / "out"));
    }

    TEST_CASE("a file that changes while it is sent is found out") {
        test::WalletNode node;
        const Bytes content = content_of(3);
        Bytes changed = content;
        changed[kChunkSize + 5] ^= 1U;
        const auto sent = send_blob_chunks(node.context, list_of(content), reader(changed));
        REQUIRE_FALSE(sent.has_value());
        CHECK(sent.error().exit == Exit::bad_input);
        CHECK(sent.error().message.find("changed") != std::string::npos);
        // The chunk before the change is there: the right file sends the rest.
        const auto rest = send_blob_chunks(node.context, list_of(content), reader(content));
        REQUIRE(rest.has_value());
        CHECK(*rest == content.size() - kChunkSize);
    }

    TEST_CASE("a fetch goes on from what an earlier one left, as far as it is right") {
        test::WalletNode node;
        const Bytes content = content_of(4);
        REQUIRE(send_blob_chunks(node.context, list_of(content), reader(content)).has_value());
        const Hash id = *blob_id(list_of(content));
        const fs::path out = node.folder() / "out";
        struct Row {
            const char* name;
            std::size_t kept;
            std::size_t wrong_at;
            std::uint64_t goes_on_from;
        };
        const std::vector<Row> rows = {
            {"whole chunks", 2 * kChunkSize, 0, 2 * kChunkSize},
            {"half a chunk more", 2 * kChunkSize + 1000, 0, 2 * kChunkSize},
            {"a wrong byte", 3 * kChunkSize, kChunkSize + 7, kChunkSize},
            {"everything", content.size(), 0, content.size()},
            {"longer than it may be", content.size() + 10, 0, content.size()},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            Bytes part = content;
            part.resize(row.kept, 0);
            if (row.wrong_at > 0) part[row.wrong_at] ^= 1U;
            write(node.folder() / "out.part", part);
            fs::remove(out);
            std::uint64_t first = 0;
            REQUIRE(fetch_blob(node.context, id, content.size(), out,
                               [&](std::uint64_t done, std::uint64_t) {
                                   if (first == 0) first = done;
                               })
                        .has_value());
            CHECK(as_text(content) == read(out));
            CHECK_FALSE(fs::exists(node.folder() / "out.part"));
            CHECK((first == 0 ? content.size() : first) >
                  std::min<std::uint64_t>(row.goes_on_from, content.size() - 1));
        }
    }

    TEST_CASE("a node that lies is left at its first wrong chunk, and the next one goes on") {
        test::WalletNode liar;
        test::WalletNode honest;
        const Bytes content = content_of(4);
        const ChunkList list = list_of(content);
        const Hash id = *blob_id(list);
        REQUIRE(send_blob_chunks(liar.context, list, reader(content)).has_value());
        damage(liar, id, 2 * kChunkSize + 100);
        const fs::path out = liar.folder() / "out";

        const auto alone = fetch_blob(liar.context, id, content.size(), out);
        REQUIRE_FALSE(alone.has_value());
        CHECK(alone.error().exit == Exit::failed);
        CHECK(alone.error().message.find("chunk 2") != std::string::npos);
        CHECK_FALSE(fs::exists(out));
        CHECK(fs::file_size(liar.folder() / "out.part") == 2 * kChunkSize);

        // With nobody else who holds it, each says why not.
        honest.context.holders = {liar.url()};
        const auto none = fetch_blob(honest.context, id, content.size(), honest.folder() / "out");
        REQUIRE_FALSE(none.has_value());
        CHECK(none.error().message.find(liar.url()) != std::string::npos);
        CHECK(none.error().message.find(honest.url()) != std::string::npos);

        REQUIRE(send_blob_chunks(honest.context, list, reader(content)).has_value());
        REQUIRE(
            fetch_blob(honest.context, id, content.size(), honest.folder() / "out").has_value());
        CHECK(as_text(content) == read(honest.folder() / "out"));
    }

    TEST_CASE("a holder's list of another blob is refused") {
        test::WalletNode node;
        const Bytes content = content_of(2);
        const Bytes other = content_of(2, 7);
        REQUIRE(send_blob_chunks(node.context, list_of(other), reader(other)).has_value());
        const auto got = fetch_blob(node.context, *blob_id(list_of(content)), content.size(),
                                    node.folder() / "out");
        REQUIRE_FALSE(got.has_value());
        CHECK(got.error().exit == Exit::not_found);
        const auto wrong_length = fetch_blob(node.context, *blob_id(list_of(other)),
                                             other.size() - 1, node.folder() / "out");
        REQUIRE_FALSE(wrong_length.has_value());
        CHECK(wrong_length.error().exit == Exit::failed);
    }

    TEST_CASE("a full disk says what to do, and room lets it go on") {
        test::WalletNode node;
        const Bytes content = content_of(4);
        REQUIRE(send_blob_chunks(node.context, list_of(content), reader(content)).has_value());
        const Hash id = *blob_id(list_of(content));
        const fs::path out = node.folder() / "out";
        {
            const test::FileSizeLimit limit(kChunkSize + 77);
            const auto full = fetch_blob(node.context, id, content.size(), out);
            REQUIRE_FALSE(full.has_value());
            CHECK(full.error().exit == Exit::failed);
            CHECK(full.error().message.find("free some of that disk") != std::string::npos);
            CHECK(fs::file_size(node.folder() / "out.part") == kChunkSize);
        }
        REQUIRE(fetch_blob(node.context, id, content.size(), out).has_value());
        CHECK(as_text(content) == read(out));
    }
}

}  // namespace millrace::wallet
