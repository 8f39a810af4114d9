#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "node/chain/block_store.hpp"
#include "node/metrics.hpp"
#include "node/rpc/node_api.hpp"
#include "node/settings.hpp"
#include "tests/support/node_world.hpp"

namespace millrace::node {
namespace {

class NoModules final : public ModuleAnnouncer {
  public:
    Result<market::ModulePublish> announce(const BlobId& /*blob*/) override {
        return Err{Error{1, "none"}};
    }
};

std::filesystem::path manual() {
    const char* golden = std::getenv("MILLRACE_GOLDEN");
    REQUIRE_MESSAGE(golden != nullptr, "set MILLRACE_GOLDEN to tests/golden");
    return std::filesystem::path(golden) / ".." / ".." / "docs" / "manual";
}
std::string text_of(const std::filesystem::path& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
}

constexpr const char* kHead =
    "# JSON-RPC\n\n"
    "<!-- Written by tests/unit/node/manual_test.cpp from the node's method table; do not edit. "
    "-->\n\n"
    "`POST /` takes JSON-RPC 2.0 requests and batches of up to 100, parameters by name or by "
    "position; an `id` is a whole number, null, or a string that takes up to 256 bytes with its "
    "quotes. `rpc_discover` answers\nwith the OpenRPC document of exactly this list, with "
    "schemas and an example of each call. Blobs go by `PUT /blob` and\n`GET /blob/ID`; `GET "
    "/health` says that the process lives, `GET /ready` that it follows the chain. Who may call "
    "what is\nin [node.md](node.md), Access.\n\n"
    "The same goes over WebSocket at `GET /`, where `node_subscribe` tells of what happens: topic "
    "`heads` (new blocks), `tx` (one\ntransaction), `account`, `job`, or `clearings`. Each "
    "notification, `node_subscription`, carries `resume`: given as `from` to\na later "
    "`node_subscribe`, on any connection, it goes on there, with nothing lost or repeated. A "
    "client that does not read in time\ngets `node_subscription_end` with the place of each of its "
    "subscriptions, and is closed.\n\n"
    "Histories come by page: `next` of one page is `from` of the following one. Other lists go on "
    "behind `from`, the id of the last row so far (tasks: from that index on; jobs: `skip` rows). "
    "A "
    "`limit` above 1,024 is one of 1,024, and 0 gives no rows (of histories and clearings one). "
    "Amounts are decimal "
    "strings of nano-credits, prices\nnano-credits per Ggas, times milliseconds.\n\n"
    "    curl -s localhost:8645 -H 'content-type: application/json' \\\n"
    "      -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"chain_head\"}'\n\n";

}  // namespace

TEST_SUITE("node/manual") {
    /// With MILLRACE_GOLDEN_UPDATE=1 it writes the page instead.
    TEST_CASE("the manual's page of methods is what the dispatcher knows") {
        const test::TempDir folder;
        const market::World world;
        test::FakeClock clock(world.genesis().time);
        test::NodeChain chain(folder.path() / "ledger", world.genesis(), clock);
        auto blobs = BlobStore::open(folder.path() / "blobs", 1U << 20U);
        auto trees = TreeStore::open(folder.path() / "trees", **blobs);
        auto pins = Pins::open(folder.path() / "pins", **blobs, **trees);
        TxIntake intake(*chain.db, chain.mempool, clock, world.chain(), [] {});
        NoModules modules;
        const ProgressTable progress;
        const rpc::NodeApi api{
            *chain.db, chain.mempool,  intake,        **blobs,       **trees, **pins,
            modules,   clock,          world.chain(), Network::test, 0,       false,
            Address{}, Address{},      VrfKey{},      progress,      0,       nullptr,
            {},        world.genesis()};
        rpc::MethodTable table(JsonStyle{Network::test});
        rpc::add_all_methods(table, api);
        // What reads files or blocks, or writes durably, must not hold up a loop's connections.
        for (const char* name : {"blob_announce", "blob_chunks", "blob_get_tails", "blob_get_tree",
                                 "blob_pin", "blob_pins", "blob_put_tree", "blob_unpin",
                                 "chain_block", "module_announce", "tx_get"}) {
            CAPTURE(name);
            CHECK(table.find(name)->is_slow);
        }
        const BlockStore blocks(*chain.db);
        const auto stored = blocks.block(Height{});
        const auto header = blocks.header(Height{});
        REQUIRE((stored.has_value() && stored->has_value()));
        REQUIRE((header.has_value() && header->has_value()));
        CHECK(market::block_hash(**header) == market::block_hash((*stored)->block.header));
        CHECK_FALSE(blocks.header(Height{1'000})->has_value());
        const std::string expected = kHead + table.markdown();
        if (std::getenv("MILLRACE_GOLDEN_UPDATE") != nullptr)
            std::ofstream(manual() / "rpc.md") << expected;
        CHECK(text_of(manual() / "rpc.md") == expected);
    }

    TEST_CASE("the manual's table of settings is what the node reads") {
        if (std::getenv("MILLRACE_GOLDEN_UPDATE") != nullptr) {
            std::string page = text_of(manual() / "node.md");
            const std::size_t begin = page.find("| flag |");
            REQUIRE(begin != std::string::npos);
            page.replace(begin, page.find("\n\n", begin) + 1 - begin, settings_markdown());
            std::ofstream(manual() / "node.md") << page;
        }
        CHECK(text_of(manual() / "node.md").find(settings_markdown()) != std::string::npos);
    }

    TEST_CASE("the manual's table of metrics is what the node tells") {
        if (std::getenv("MILLRACE_GOLDEN_UPDATE") != nullptr) {
            std::string page = text_of(manual() / "node.md");
            const std::size_t begin = page.find("| metric |");
            REQUIRE(begin != std::string::npos);
            page.replace(begin, page.find("\n\n", begin) + 1 - begin, metrics_markdown());
            std::ofstream(manual() / "node.md") << page;
        }
        CHECK(text_of(manual() / "node.md").find(metrics_markdown()) != std::string::npos);
    }
}

}  // namespace millrace::node
