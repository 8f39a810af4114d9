#include "tests/unit/market/refusal_ladder.hpp"

namespace millrace::market {

TEST_SUITE("market/refusals") {
    TEST_CASE("each family refuses in its order of precedence, and every refusal has its row") {
        refusals::envelope_without_state();
        refusals::envelope_with_state();
        refusals::tips_on_moves();
        refusals::transfers();
        refusals::faucet();
        refusals::registration();
        refusals::provider_changes();
        refusals::stakes();
        refusals::validators();
        refusals::evidence_and_jail();
        refusals::modules();
        refusals::posting();
        refusals::absurd_escrow();
        refusals::job_changes();
        refusals::leases();
        refusals::lease_deadlines();
        refusals::shut_reveals();
        boost::mp11::mp_for_each<refusal_detail::Rows>([](auto row) {
            CAPTURE(std::string(row.name));
            CHECK(refusals::seen().contains(row.value));
            CHECK(!sentence(row.value).empty());
        });
    }

    TEST_CASE("a refused transaction pays its fee and uses its nonce; nothing else changes") {
        World w;
        const Amount before = w.balance("alice");
        CHECK(w.send("alice", JobCancel{}) == Refusal::job_unknown);
        const auto view = account_view(w.state, w.address("alice"));
        CHECK(view->balance < before);
        REQUIRE(view->lanes.size() == 1);
        CHECK(view->lanes.front() == Lane{0, 1});
        CHECK(w.chain_state().burnt == Amount{before.value - view->balance.value});
    }
}

}  // namespace millrace::market
