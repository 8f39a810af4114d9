#include "wallet/proof_reader.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>

#include "market/query.hpp"
#include "node/rpc/server_http.hpp"
#include "node/rpc/store_blobs.hpp"
#include "tests/support/proven_chain.hpp"
#include "tests/support/temp_dir.hpp"

namespace millrace::wallet {
namespace {

namespace rpc = node::rpc;
using test::ProvenChain;

struct Keys {
    std::vector<BoundedBytes<market::kStateKeyMax>> keys;
};
BOOST_DESCRIBE_STRUCT(Keys, (), (keys))
struct From {
    Epoch from;
};
BOOST_DESCRIBE_STRUCT(From, (), (from))
struct At {
    Height height;
};
BOOST_DESCRIBE_STRUCT(At, (), (height))
struct BlockShown {
    market::BlockHeader header;
    std::vector<market::Receipt> receipts;
    std::optional<consensus::Certificate> certificate;
};
BOOST_DESCRIBE_STRUCT(BlockShown, (), (header, receipts, certificate))

/// A node that shows a chain of the test's making, and lies where the test says.
class ProofNode {
  public:
    explicit ProofNode(bool faucet = true)
        : chain(faucet, {"validator"}),
          blobs_(*node::BlobStore::open(dir_.path() / "blobs", 1U << 20U)),
          port_(*blobs_),
          server_({table_, port_, [] { return true; }, nullptr, nullptr, nullptr, {}}, settings()) {
        genesis = chain.world.genesis();
        table_.add<rpc::NoParams>(
            "node_status", "", nullptr,
            [this](const rpc::NoParams&) -> Result<market::NodeStatus, rpc::RpcError> {
                market::NodeStatus status;
                status.chain = market::chain_id_of(genesis);
                return status;
            });
        table_.add<rpc::NoParams>(
            "chain_genesis", "", nullptr,
            [this](const rpc::NoParams&) -> Result<market::Genesis, rpc::RpcError> {
                return genesis;
            });
        table_.add<From>(
            "chain_handovers", "", nullptr,
            [this](const From& p) -> Result<std::vector<market::Handover>, rpc::RpcError> {
                ++asked_handovers;
                if (before_handovers) std::exchange(before_handovers, nullptr)();
                std::vector<market::Handover> out;
                for (std::size_t i = p.from.value; i < chain.handovers.size(); ++i)
                    if (out.size() < page) out.push_back(chain.handovers[i]);
                return out;
            });
        table_.add<Keys>("state_proofs", "", nullptr,
                         [this](const Keys& p) -> Result<market::ProvenRows, rpc::RpcError> {
                             ++asked_rows;
                             market::ProvenRows rows = chain.rows(p.keys);
                             if (lie) lie(rows);
                             return rows;
                         });
        table_.add<At>("chain_block", "", nullptr,
                       [this](const At& p) -> Result<BlockShown, rpc::RpcError> {
                           if (p.height.value >= blocks.size())
                               return Err{rpc::RpcError{rpc::RpcCode::not_found, "no block", {}}};
                           return blocks[p.height.value];
                       });
        REQUIRE(server_.start().has_value());
        client = *Client::make("http://127.0.0.1:" + std::to_string(server_.port()));
        chain.world.block();
        now = chain.world.head().time;
    }

    [[nodiscard]] Try<std::unique_ptr<ProofReader>> open(TrustChoice choice = {}) {
        return ProofReader::open(*client, store(), choice,
                                 {[this](std::string_view text) { notes.emplace_back(text); },
                                  [this] { return now; }, patience});
    }
    [[nodiscard]] TrustStore store() const { return TrustStore(dir_.path() / "trust"); }
    [[nodiscard]] Try<Amount> balance_of_bob(ProofReader& reader) {
        MILLRACE_TRY(const auto view, reader.read("bob's account", [&](const auto& state) {
            return market::account_view(state, chain.world.address("bob"));
        }));
        REQUIRE(view.has_value());
        return (*view)->balance;
    }
    void end_epochs(int count) {
        for (int i = 0; i < count; ++i) chain.end_epoch();
        chain.world.block();
        now = chain.world.head().time;
    }
    static void expect(const Try<std::unique_ptr<ProofReader>>& opened, std::string_view words) {
        REQUIRE_FALSE(opened.has_value());
        CHECK(opened.error().exit == Exit::unproven);
        CAPTURE(opened.error().message);
        CHECK(opened.error().message.find(words) != std::string::npos);
    }

    ProvenChain chain;
    market::Genesis genesis;
    std::vector<BlockShown> blocks;
    std::function<void(market::ProvenRows&)> lie;
    /// Called once, between the newest block and the hand-overs that are asked for next.
    std::function<void()> before_handovers;
    std::chrono::milliseconds patience{0};
    std::size_t page = market::kHandoversMax;
    int asked_handovers = 0;
    int asked_rows = 0;
    WallTime now;
    std::vector<std::string> notes;
    std::unique_ptr<Client> client;

  private:
    static rpc::HttpSettings settings() {
        rpc::HttpSettings out;
        out.port = 0;
        return out;
    }
    test::TempDir dir_;
    std::unique_ptr<node::BlobStore> blobs_;
    rpc::StoreBlobs port_;
    rpc::MethodTable table_;
    rpc::HttpServer server_;
};

}  // namespace

TEST_SUITE("wallet/proof_reader") {
    TEST_CASE("a first meeting is said, remembered by the owner only, and not said again") {
        ProofNode node;
        node.end_epochs(3);
        node.page = 1;
        {
            auto reader = node.open();
            REQUIRE(reader.has_value());
            CHECK(*node.balance_of_bob(**reader) == node.chain.world.balance("bob"));
            CHECK((*reader)->trust().epoch == Epoch{2});
        }
        REQUIRE(node.notes.size() == 1);
        CHECK(node.notes[0].find(to_hex(market::block_hash(node.chain.world.head()).view())) !=
              std::string::npos);
        const TrustStore store = node.store();
        for (const auto& path :
             {store.chain_file(node.chain.world.chain()), store.node_file(node.client->url())}) {
            struct stat file{};
            REQUIRE(::stat(path.c_str(), &file) == 0);
            CHECK((file.st_mode & 0777U) == 0600);
        }
        CHECK(*store.chain_of(node.client->url()) == node.chain.world.chain());
        node.asked_handovers = 0;
        REQUIRE(node.open().has_value());
        CHECK(node.notes.size() == 1);
        CHECK(node.asked_handovers == 0);
        node.end_epochs(1);
        REQUIRE(node.open().has_value());
        CHECK(node.asked_handovers == 1);
    }

    TEST_CASE("a view asks for the rows that its rows lead to, and all of it is of one block") {
        ProofNode node;
        auto reader = node.open();
        REQUIRE(reader.has_value());
        market::World& world = node.chain.world;
        world.must("alice", world.publication());
        const JobId id = world.next_job("alice");
        world.must("alice", market::JobPost{world.job_spec(3)});
        world.must("carol", world.registration("carol"));
        world.await_leases("carol", 1);
        node.now = world.head().time;
        const auto job = (*reader)->read(
            "a job", [&](const auto& state) { return market::job_view(state, id); });
        REQUIRE((job.has_value() && job->has_value() && (*job)->has_value()));
        CHECK(to_json(***job) == to_json(*market::job_view(world.state, id)));
        const auto tasks = (*reader)->read(
            "tasks", [&](const auto& state) { return market::task_views(state, id, 0, 100); });
        REQUIRE((tasks.has_value() && tasks->has_value()));
        CHECK(to_json(**tasks) == to_json(market::task_views(world.state, id, 0, 100)));
        CHECK((*tasks)->front().leases.size() == 1);
        // No proof of single keys says that a list is whole.
        const auto list = (*reader)->read("providers", [&](const auto& state) {
            return market::provider_list(state, std::nullopt, 10);
        });
        REQUIRE(list.has_value());
        CHECK_FALSE(list->has_value());
    }

    TEST_CASE("a view of more rows than one answer proves is none, and is not asked for for ever") {
        ProofNode node;
        auto reader = node.open();
        REQUIRE(reader.has_value());
        node.asked_rows = 0;
        const auto wide = (*reader)->read("accounts", [](const auto& state) {
            for (std::uint8_t i = 0; i < 255; ++i) {
                Address address;
                address.bytes[0] = i;
                (void)market::account_view(state, address);
            }
            return true;
        });
        REQUIRE(wide.has_value());
        CHECK_FALSE(wide->has_value());
        // Each row leads to another.
        const auto deep =
            (*reader)->read("accounts", [n = std::uint8_t{0}](const auto& state) mutable {
                ++n;
                for (std::uint8_t i = 0; i < n; ++i) {
                    Address address;
                    address.bytes[0] = i;
                    (void)market::account_view(state, address);
                }
                return true;
            });
        REQUIRE(deep.has_value());
        CHECK_FALSE(deep->has_value());
        CHECK(node.asked_rows < 12);
    }

    TEST_CASE("lies are refused with the node's name and the way out") {
        struct Row {
            const char* name;
            std::function<void(market::ProvenRows&)> lie;
            const char* words;
        };
        const std::vector<Row> rows = {
            {"a value", [](market::ProvenRows& shown) { shown.rows.back().value->front() ^= 1; },
             "not what the ledger"},
            {"an absence", [](market::ProvenRows& shown) { shown.rows.back().value.reset(); },
             "not what the ledger"},
            {"a row too few", [](market::ProvenRows& shown) { shown.rows.pop_back(); },
             "other things"},
            {"no certificate", [](market::ProvenRows& shown) { shown.certificate.reset(); },
             "no certificate"},
            {"another header",
             [](market::ProvenRows& shown) { shown.header.state_root.bytes[0] ^= 1; },
             "another block"},
            {"another chain", [](market::ProvenRows& shown) { shown.header.chain.bytes[0] ^= 1; },
             "--chain"},
            {"an epoch far ahead",
             [](market::ProvenRows& shown) { shown.header.epoch = Epoch{1'000'000}; },
             "who the validators"},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            ProofNode node;
            auto reader = node.open();
            REQUIRE(reader.has_value());
            node.lie = row.lie;
            const auto balance = node.balance_of_bob(**reader);
            REQUIRE_FALSE(balance.has_value());
            CAPTURE(balance.error().message);
            CHECK(balance.error().exit == Exit::unproven);
            CHECK(balance.error().message.find(row.words) != std::string::npos);
            CHECK(balance.error().message.find(node.client->url()) != std::string::npos);
        }
    }

    TEST_CASE("an older block than was verified is refused, also by the next run") {
        ProofNode node;
        REQUIRE(node.open().has_value());
        const market::ProvenRows old = node.chain.rows(
            std::vector<Bytes>{market::chain_key().bytes(), market::params_key().bytes()});
        node.chain.world.wait(7'000, 1'000);
        REQUIRE(node.open().has_value());
        node.lie = [&](market::ProvenRows& shown) { shown = old; };
        ProofNode::expect(node.open(), "verified before");
        // Nor one that is old by the clock, where nothing newer is known.
        node.lie = {};
        node.now = WallTime{node.chain.world.head().time.value + kHeadAgeMaxMs + 1};
        ProofNode::expect(node.open(), "minutes old");
    }

    TEST_CASE("a node is held to the chain that it was met on, and to the one that is named") {
        ProofNode node;
        ChainId other;
        other.bytes[0] = 1;
        ProofNode::expect(node.open({other, std::nullopt}), "first document");
        REQUIRE(node.open({node.chain.world.chain(), std::nullopt}).has_value());
        // Another chain at the same address.
        REQUIRE(node.store().pin(node.client->url(), other).has_value());
        ProofNode::expect(node.open(), "first document");
        REQUIRE(node.open({node.chain.world.chain(), std::nullopt}).has_value());
        REQUIRE(node.open().has_value());
        // A document that is not the chain's.
        ProofNode liar;
        liar.genesis.validators[0].stake = market::credits(5'000);
        ProofNode::expect(liar.open({liar.chain.world.chain(), std::nullopt}), "first document");
    }

    TEST_CASE("what is known too long needs a checkpoint from elsewhere, and gets it checked") {
        ProofNode node(false);
        REQUIRE(node.open().has_value());
        node.end_epochs(6);
        node.now = WallTime{node.chain.world.head().time.value + 60'000};
        ProofNode::expect(node.open(), "--checkpoint");
        ChainId none;
        ProofNode::expect(node.open({std::nullopt, hash_as<BlockHash>(Hash{none.bytes})}),
                          "--checkpoint");
        // The refusal has left no trace.
        ProofNode::expect(node.open(), "--checkpoint");
        const BlockHash good = market::block_hash(node.chain.handovers.back().header);
        REQUIRE(node.open({std::nullopt, good}).has_value());
        node.now = node.chain.world.head().time;
        REQUIRE(node.open().has_value());
        CHECK(node.open()->get()->trust().checkpoint == good);
    }

    TEST_CASE("an epoch that ends while the checkpoint is looked for is no lie") {
        ProofNode node;
        node.end_epochs(3);
        node.patience = std::chrono::seconds(30);
        node.before_handovers = [&] { node.end_epochs(1); };
        ProofNode::expect(node.open({std::nullopt, BlockHash{}}), "--checkpoint names");
        CHECK_FALSE(node.before_handovers);
    }

    TEST_CASE("the last block of an epoch whose end was seen already is waited out") {
        ProofNode node;
        node.end_epochs(3);
        node.patience = std::chrono::seconds(30);
        node.before_handovers = [&] {
            node.chain.end_epoch();
            node.now = node.chain.world.head().time;
        };
        // The block after it comes once the last one has been shown again.
        node.lie = [&](market::ProvenRows&) {
            if (node.asked_rows != 2) return;
            node.chain.world.block();
            node.now = node.chain.world.head().time;
        };
        ProofNode::expect(node.open({std::nullopt, BlockHash{}}), "--checkpoint names");
        CHECK(node.asked_rows == 3);
    }

    TEST_CASE("a receipt counts when its block is final, by itself or by a later one") {
        ProofNode node;
        auto reader = node.open();
        REQUIRE(reader.has_value());
        market::World& world = node.chain.world;
        node.blocks.resize(world.head().height.value + 1);
        const auto add_block = [&](bool has_certificate) {
            world.queue("alice", market::Transfer{world.address("bob"), market::credits(1), {}});
            BlockShown shown;
            shown.receipts = world.block();
            shown.header = world.head();
            if (has_certificate) shown.certificate = node.chain.certify(shown.header);
            node.blocks.push_back(shown);
        };
        for (const bool has : {false, false, true}) add_block(has);
        const std::size_t first = node.blocks.size() - 3;
        const auto check = [&](std::size_t at, const market::Receipt& receipt,
                               std::uint32_t index = 0) {
            return (*reader)->check_receipt(Height{at}, index, receipt);
        };
        for (std::size_t at = first; at < node.blocks.size(); ++at)
            CHECK(check(at, node.blocks[at].receipts[0]).has_value());
        market::Receipt refused = node.blocks[first].receipts[0];
        refused.refusal = market::Refusal::balance_too_low;
        CHECK(check(first, refused).error().exit == Exit::unproven);
        CHECK(check(first, node.blocks[first + 1].receipts[0]).error().exit == Exit::unproven);
        CHECK(check(first, node.blocks[first].receipts[0], 1).error().exit == Exit::unproven);
        // The lie in the block's own list does not fit its header; nor does a changed header fit
        // the next block.
        BlockShown kept = node.blocks[first];
        node.blocks[first].receipts[0] = refused;
        CHECK(check(first, refused).error().exit == Exit::unproven);
        node.blocks[first].header.receipts_root =
            market::receipts_root(node.blocks[first].receipts);
        CHECK(check(first, refused).error().exit == Exit::unproven);
        node.blocks[first] = kept;
        node.blocks.back().certificate->signatures[0].bytes[0] ^= 1;
        CHECK(check(first, kept.receipts[0]).error().exit == Exit::unproven);
    }

    TEST_CASE("a damaged memory says which file it is, and nothing is believed meanwhile") {
        ProofNode node;
        REQUIRE(node.open().has_value());
        const auto path = node.store().chain_file(node.chain.world.chain());
        for (const std::string& text :
             {std::string(), std::string("{"), std::string("{}"), std::string(600'000, ' ')}) {
            std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
            const auto opened = node.open();
            REQUIRE_FALSE(opened.has_value());
            CHECK(opened.error().exit == Exit::bad_input);
            CHECK(opened.error().message.find(path.string()) != std::string::npos);
        }
        std::filesystem::remove(path);
        CHECK(node.open().has_value());
    }
}

}  // namespace millrace::wallet
