#include "wallet/client.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "common/page_tree.hpp"
#include "tests/support/mute_server.hpp"
#include "tests/support/wallet_node.hpp"

namespace millrace::wallet {
namespace {

std::string id_of(ByteView content) {
    return to_hex(file_id(content.size(), region_root(content)).view());
}

void write(const std::filesystem::path& path, ByteView content) {
    std::ofstream out(path, std::ios::binary);
    out << as_text(content);
}

std::uintmax_t size_of(const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::file_size(path, ignored);
}

struct Odd {
    std::uint64_t nothing = 0;
};
BOOST_DESCRIBE_STRUCT(Odd, (), (nothing))

}  // namespace

TEST_SUITE("wallet/client") {
    TEST_CASE("a node's address is http://HOST:PORT and nothing else") {
        for (const char* url : {"", "localhost:1", "http://a", "http://:1",
                                "http://a:", "http://[]:1", "http://[::1:1", "http://a:1/x",
                                "https://", "https://a", "httpss://a:1", "ftp://a:1"}) {
            CAPTURE(url);
            const auto made = Client::make(url);
            REQUIRE_FALSE(made.has_value());
            CHECK(made.error().exit == Exit::usage);
            CHECK(made.error().message.find("--node") != std::string::npos);
        }
        for (const char* url :
             {"http://a:1", "http://127.0.0.1:8645/", "http://[::1]:8645", "https://a:1"}) {
            CAPTURE(url);
            CHECK(Client::make(url).has_value());
        }
    }

    TEST_CASE("a node on this machine is told from others") {
        for (const char* url :
             {"http://localhost:1", "https://127.0.0.1:1", "http://127.9.9.9:1", "http://[::1]:1"})
            CHECK_MESSAGE(is_local_url(url), url);
        for (const char* url : {"http://localhost.example:1", "http://128.0.0.1:1",
                                "http://[::2]:1", "http://127.0.0.1.example:1", "localhost", ""})
            CHECK_MESSAGE(!is_local_url(url), url);
    }

    TEST_CASE("nobody at the port is exit 3 with the way out") {
        std::string url;
        {
            test::WalletNode node;
            url = node.url();
        }
        const auto client = Client::make(url);
        const auto answer = (*client)->call("node_status", {});
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().exit == Exit::node_unreachable);
        CHECK(answer.error().message.find("millraced --dev") != std::string::npos);
    }

    TEST_CASE("a node that accepts and then says nothing is unreachable, not waited for") {
        test::MuteServer mute;
        const auto client = Client::make(mute.url(), Reach{{}, {}, std::chrono::milliseconds(50)});
        const auto answer = (*client)->call("node_status", {});
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().exit == Exit::node_unreachable);
        // Nor is one that takes no more of an upload.
        const auto sent = (*client)->put_stream(
            1U << 30U, [](MutableByteView piece) -> Try<std::size_t> { return piece.size(); });
        REQUIRE_FALSE(sent.has_value());
        CHECK(sent.error().exit == Exit::node_unreachable);
        const auto got = (*client)->get_part(std::string(64, '0'), 0, 5,
                                             [](ByteView) -> Try<Ok> { return Ok{}; });
        REQUIRE_FALSE(got.has_value());
        CHECK(got.error().exit == Exit::node_unreachable);
    }

    TEST_CASE("the node's errors become exit codes") {
        test::WalletNode node;
        struct Row {
            const char* name;
            const char* method;
            boost::json::object params;
            Exit exit;
            int code;
        };
        const std::vector<Row> rows = {
            {"no such tree",
             "blob_get_tree",
             {{"root", std::string(64, '1')}},
             Exit::not_found,
             -32001},
            {"wrong parameter", "blob_get_tree", {{"root", "1"}}, Exit::bad_input, -32602},
            {"no such method", "no_such", {}, Exit::failed, -32601},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            const auto answer = node.client().call(row.method, row.params);
            REQUIRE_FALSE(answer.has_value());
            CHECK(answer.error().exit == row.exit);
            CHECK(answer.error().rpc_code == row.code);
            CHECK_FALSE(answer.error().message.empty());
        }
        const auto odd = node.client().ask<Odd>("blob_have", {{"id", std::string(64, '1')}});
        REQUIRE_FALSE(odd.has_value());
        CHECK(odd.error().message.find("blob_have") != std::string::npos);
    }

    TEST_CASE("blobs of every size go and come back the same") {
        test::WalletNode node;
        for (const std::size_t size : {0U, 1U, 4'095U, 4'096U, 262'143U, 262'144U, 1'000'003U}) {
            CAPTURE(size);
            Bytes content(size);
            for (std::size_t i = 0; i < size; ++i)
                content[i] = static_cast<std::uint8_t>(i * 31 + i / 4'096);
            write(node.folder() / "in", content);
            const auto by_file = node.client().put_file(node.folder() / "in");
            REQUIRE(by_file.has_value());
            CHECK(*by_file == id_of(content));
            CHECK(*node.client().put_bytes(content) == *by_file);
            const auto back = node.client().get_bytes(*by_file, size);
            REQUIRE(back.has_value());
            CHECK(*back == content);
            if (size > 0) CHECK_FALSE(node.client().get_bytes(*by_file, size - 1).has_value());
            REQUIRE(node.client().get_file(*by_file, node.folder() / "out").has_value());
            CHECK(size_of(node.folder() / "out") == size);
            CHECK_FALSE(std::filesystem::exists(node.folder() / "out.part"));
        }
    }

    TEST_CASE("a download goes on where it stopped") {
        test::WalletNode node;
        Bytes content(100'000);
        for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::uint8_t>(i);
        const std::string id = *node.client().put_bytes(content);
        write(node.folder() / "out.part", ByteView(content).first(60'000));
        std::uint64_t first = 0;
        REQUIRE(node.client()
                    .get_file(id, node.folder() / "out",
                              [&](std::uint64_t done, std::uint64_t total) {
                                  if (first == 0) first = done;
                                  CHECK(total == content.size());
                              })
                    .has_value());
        CHECK(first > 60'000);
        CHECK(size_of(node.folder() / "out") == content.size());
        std::ifstream in(node.folder() / "out", std::ios::binary);
        const std::string text((std::istreambuf_iterator<char>(in)), {});
        CHECK(as_bytes(text).size() == content.size());
        CHECK(std::equal(content.begin(), content.end(), as_bytes(text).begin()));
    }

    TEST_CASE("what is not there, too large or not readable is said") {
        test::WalletNode node;
        const std::string none(64, '0');
        CHECK(node.client().get_bytes(none, 10).error().exit == Exit::not_found);
        CHECK(node.client().get_file(none, node.folder() / "x").error().exit == Exit::not_found);
        CHECK_FALSE(std::filesystem::exists(node.folder() / "x"));
        CHECK(node.client().put_file(node.folder() / "none").error().exit == Exit::bad_input);
        // Above the store's quota: the node's own sentence comes through.
        const auto full = node.client().put_stream(
            128U << 20U, [](MutableByteView piece) -> Try<std::size_t> { return piece.size(); });
        REQUIRE_FALSE(full.has_value());
        CHECK(full.error().message.find("does not take the blob") != std::string::npos);
        // And the connection goes on.
        CHECK(node.client().put_bytes(Bytes(3)).has_value());
    }

    TEST_CASE("a source that fails half way fails the upload with its own words") {
        test::WalletNode node;
        const auto sent = node.client().put_stream(
            1'000'000, [n = 0](MutableByteView piece) mutable -> Try<std::size_t> {
                if (++n == 3) return Err{Failure{Exit::bad_input, "the disk is gone"}};
                return piece.size();
            });
        REQUIRE_FALSE(sent.has_value());
        CHECK(sent.error().message == "the disk is gone");
        CHECK(node.client().put_bytes(Bytes(3)).has_value());
    }
}

}  // namespace millrace::wallet
