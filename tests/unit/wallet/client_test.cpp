#include "wallet/client.hpp"

#include <doctest/doctest.h>

#include "tests/support/mute_server.hpp"
#include "tests/support/wallet_node.hpp"
#include "wallet/transfer.hpp"

namespace millrace::wallet {
namespace {

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
        const auto sent = (*client)->put_part(
            std::string(64, '0'), 0, 1U << 30U, 1U << 30U,
            [](MutableByteView piece) -> Try<std::size_t> { return piece.size(); });
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

    TEST_CASE("what is not there or not wanted is said, and the connection goes on") {
        test::WalletNode node;
        const std::string none(64, '0');
        const auto missing =
            node.client().get_part(none, 0, 10, [](ByteView) -> Try<Ok> { return Ok{}; });
        CHECK(missing.error().exit == Exit::not_found);
        // A part of what nobody announced: the node's own sentence comes through.
        const auto stray = node.client().put_part(
            none, 0, 10, 10,
            [](MutableByteView piece) -> Try<std::size_t> { return piece.size(); });
        REQUIRE_FALSE(stray.has_value());
        CHECK(stray.error().http_status != 0);
        CHECK(stray.error().message.find("does not take the blob") != std::string::npos);
        CHECK(node.client().call("blob_have", {{"id", none}}).has_value());
    }

    TEST_CASE("a source that fails half way fails the upload with its own words") {
        test::WalletNode node;
        constexpr std::uint64_t kSize = 1'000'000;
        const ReadAt sevens = [&](std::uint64_t, MutableByteView piece) -> Try<Ok> {
            std::fill(piece.begin(), piece.end(), std::uint8_t{7});
            return Ok{};
        };
        const auto list = hash_chunks(kSize, sevens);
        REQUIRE(list.has_value());
        const auto sent =
            send_blob_chunks(node.context, *list, [](std::uint64_t, MutableByteView) -> Try<Ok> {
                return Err{Failure{Exit::bad_input, "the disk is gone"}};
            });
        REQUIRE_FALSE(sent.has_value());
        CHECK(sent.error().message == "the disk is gone");
        CHECK(send_blob_chunks(node.context, *list, sevens).has_value());
    }
}

}  // namespace millrace::wallet
