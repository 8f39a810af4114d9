#include "node/chain/history.hpp"

#include <doctest/doctest.h>

#include "node/chain/block_store.hpp"
#include "tests/support/market_world.hpp"
#include "tests/support/temp_dir.hpp"

namespace millrace::node {
namespace {

/// A chain in memory whose blocks go through history into a database.
struct Fixture {
    Fixture() {
        auto opened = LedgerDb::open(folder.path());
        REQUIRE(opened.has_value());
        db = *std::move(opened);
        std::vector<DbWrite> batch;
        append_genesis_history(batch, world.genesis());
        REQUIRE(db->commit(batch).has_value());
    }
    void block(std::uint64_t ms = 100) {
        world.block(ms);
        std::vector<DbWrite> batch;
        append_history(batch, {world.last_block(), world.last_outcome().receipts,
                               world.last_outcome().events, world.state});
        REQUIRE(db->commit(batch).has_value());
    }
    void send(const std::string& from, market::TxBody body) {
        world.queue(from, std::move(body));
        block();
    }
    [[nodiscard]] std::vector<HistoryRow> all(HistoryOf of, ByteView id) const {
        auto page = HistoryReader(*db, Height{}).rows(of, id, {}, 10'000);
        REQUIRE(page.has_value());
        CHECK_FALSE(page->next.has_value());
        return std::move(page->rows);
    }
    [[nodiscard]] std::vector<HistoryRow> account(const std::string& name) {
        return all(HistoryOf::account, world.address(name).view());
    }
    static std::vector<std::string> what(const std::vector<HistoryRow>& rows) {
        std::vector<std::string> out;
        for (const HistoryRow& row : rows) out.push_back(row.what);
        return out;
    }
    /// Works one lease of a provider off, from its start to the end of its window.
    void work(const std::string& provider) {
        std::vector<market::LeaseView> leases;
        for (int i = 0; i < 100 && leases.empty(); ++i) {
            leases = market::provider_leases(world.state, world.address(provider), 10);
            if (leases.empty()) block();
        }
        REQUIRE(leases.size() == 1);
        send(provider, market::LeaseStart{leases[0].id});
        const auto reveal = world.make_reveal(leases[0], Gas{400'000'000});
        send(provider, world.make_commit(reveal, world.address(provider)));
        send(provider, reveal);
        for (int i = 0; i < 10; ++i) block();
    }

    test::TempDir folder;
    market::World world;
    std::unique_ptr<LedgerDb> db;
};

}  // namespace

TEST_SUITE("node/history") {
    TEST_CASE("the sum of an account's history is its balance, whatever happened") {
        Fixture f;
        f.send("alice", market::Transfer{f.world.address("bob"), market::credits(5), {}});
        f.send("alice", market::Transfer{f.world.address("bob"), market::credits(1'000'000), {}});
        f.send("alice", market::Transfer{f.world.address("alice"), market::credits(1), {}});
        f.send("bob", market::Faucet{f.world.address("stranger"), market::credits(3)});
        f.send("carol", f.world.registration("carol"));
        f.send("alice", f.world.publication());
        const JobId job = f.world.next_job("alice");
        f.send("alice", market::JobPost{f.world.job_spec()});
        f.work("carol");
        f.send("carol", market::ProviderUnstake{f.world.address("carol"), market::credits(10)});

        for (const char* name : {"alice", "bob", "carol", "validator", "stranger"}) {
            CAPTURE(name);
            std::uint64_t sum = 0;
            Cursor before;
            for (const HistoryRow& row : f.account(name)) {
                sum += row.in.value - row.out.value;
                const Cursor at{row.height, row.index};
                CHECK((at > before || at == Cursor{}));
                before = at;
            }
            CHECK(Amount{sum} == f.world.balance(name));
        }
        const auto alice = f.account("alice");
        REQUIRE(alice.size() >= 6);
        CHECK(alice[0].what == "genesis");
        CHECK(alice[1].what == "transfer");
        CHECK(alice[1].other == f.world.address("bob"));
        CHECK(alice[2].refusal == market::Refusal::balance_too_low);
        CHECK_FALSE(alice[2].other.has_value());
        CHECK(alice[3].in == market::credits(1));
        // What the job gave back at its end names the job.
        CHECK(alice.back().what == "chunk_window");
        CHECK(alice.back().job == job);
        const auto bob = f.account("bob");
        CHECK(bob[1].in == market::credits(5));
        CHECK(bob[1].other == f.world.address("alice"));
        CHECK(bob[1].transaction == alice[1].transaction);
    }

    TEST_CASE("a job's and a provider's history tell their life in order") {
        Fixture f;
        f.send("carol", f.world.registration("carol"));
        f.send("alice", f.world.publication());
        const JobId job = f.world.next_job("alice");
        f.send("alice", market::JobPost{f.world.job_spec()});
        f.work("carol");
        const auto rows = f.all(HistoryOf::job, job.view());
        const std::vector<std::string> life{
            "job_post",      "job_open",        "lease_matched", "lease_start",    "lease_started",
            "lease_commit",  "lease_committed", "lease_reveal",  "lease_revealed", "chunk_window",
            "lease_settled", "chunk_settled",   "job_closed"};
        std::size_t found = 0;
        for (const HistoryRow& row : rows)
            if (found < life.size() && row.what == life[found]) ++found;
        CAPTURE(boost::json::serialize(to_json(f.what(rows))));
        CHECK(found == life.size());
        // Money in is the escrow that was posted; out is the pay and what came back, fee apart.
        CHECK(rows[0].in > Amount{});
        std::uint64_t out = 0;
        for (const HistoryRow& row : rows) out += row.out.value;
        CHECK(out > 0);
        CHECK(out <= rows[0].in.value);

        const auto provider = f.all(HistoryOf::provider, f.world.address("carol").view());
        CHECK(provider[0].what == "provider_register");
        CHECK(provider[0].in == market::credits(1'000));
        const auto paid = std::find_if(provider.begin(), provider.end(), [](const HistoryRow& r) {
            return r.what == "chunk_window";
        });
        REQUIRE(paid != provider.end());
        CHECK(paid->in > Amount{});
        CHECK(paid->job == job);

        const auto closed = HistoryReader(*f.db, Height{}).end_of(job);
        REQUIRE(closed.value().has_value());
        const auto end = std::find_if(rows.begin(), rows.end(),
                                      [](const HistoryRow& r) { return r.what == "job_closed"; });
        REQUIRE(end != rows.end());
        CHECK(**closed == end->height);
    }

    TEST_CASE("pages of any size give the same rows as one page") {
        Fixture f;
        f.send("carol", f.world.registration("carol"));
        f.send("alice", f.world.publication());
        f.send("alice", market::JobPost{f.world.job_spec()});
        f.work("carol");
        const Address carol = f.world.address("carol");
        const ByteView id = carol.view();
        const auto whole = f.all(HistoryOf::provider, id);
        REQUIRE(whole.size() > 5);
        for (const std::size_t size : {1U, 2U, 3U, 100U}) {
            std::vector<HistoryRow> got;
            std::optional<Cursor> from = Cursor{};
            while (from) {
                auto page =
                    HistoryReader(*f.db, Height{}).rows(HistoryOf::provider, id, *from, size);
                REQUIRE(page.has_value());
                CHECK(page->rows.size() <= size);
                got.insert(got.end(), page->rows.begin(), page->rows.end());
                from = page->next;
            }
            CHECK(got == whole);
        }
    }

    TEST_CASE("a clearing is kept with its classes, its volume and who got what") {
        Fixture f;
        f.send("carol", f.world.registration("carol"));
        f.send("alice", f.world.publication());
        f.send("alice", market::JobPost{f.world.job_spec()});
        f.work("carol");
        const HistoryReader history(*f.db, Height{});
        const auto last = history.last_clearing().value();
        REQUIRE(last.has_value());
        const auto pages = history.clearings({}, 100).value();
        const auto traded = std::find_if(pages.rows.begin(), pages.rows.end(),
                                         [](const ClearingRow& row) { return row.leases > 0; });
        REQUIRE(traded != pages.rows.end());
        CHECK(history.clearing(traded->clearing).value() == *traded);
        REQUIRE(traded->classes.size() == 1);
        CHECK(traded->leases == 1);
        CHECK(traded->volume > Amount{});
        const auto fills = history.fills(traded->clearing, 0, 10).value();
        REQUIRE(fills.size() == 1);
        CHECK(fills[0].provider == f.world.address("carol"));
        CHECK(fills[0].volume == traded->volume);
        CHECK(fills[0].price == traded->classes[0].result.price);
        CHECK(history.fills(traded->clearing, 1, 10).value().empty());
        const auto of_class = history.of_class(fills[0].class_id, {}, 100).value();
        CHECK(std::find(of_class.rows.begin(), of_class.rows.end(), traded->classes[0]) !=
              of_class.rows.end());
        CHECK_FALSE(history.clearing(market::ClearingNumber{9'999}).value().has_value());
    }

    TEST_CASE("what is below the floor is not shown") {
        Fixture f;
        for (int i = 0; i < 5; ++i)
            f.send("alice", market::Transfer{f.world.address("bob"), market::credits(1), {}});
        CHECK(f.account("bob").size() == 6);
        const Height floor = history_floor(Height{5}, 2, Height{});
        CHECK(floor == Height{4});
        const auto page = HistoryReader(*f.db, floor)
                              .rows(HistoryOf::account, f.world.address("bob").view(), {}, 100)
                              .value();
        CHECK(page.rows.size() == 2);
        CHECK(history_floor(Height{5}, 0, Height{3}) == Height{3});
        CHECK(history_floor(Height{5}, 5, Height{}) == Height{1});
        CHECK(history_floor(Height{5}, 6, Height{}) == Height{});
        CHECK(history_floor(Height{5}, 2, Height{5}) == Height{5});
        f.db->release_history_below(floor.value);
        REQUIRE(f.db->compact_history().has_value());
        CHECK(f.account("bob").size() == 2);
    }
}

}  // namespace millrace::node
