#include "tests/unit/market/refusal_ladder.hpp"

namespace millrace::market::refusals {

namespace {

void expect_check(World& w, const SignedTx& tx, std::optional<Refusal> expected) {
    const auto out = check_tx(tx, w.chain(), w.params());
    const Refusal found = out.has_value() ? Refusal::none : out.error();
    CAPTURE(std::string(enum_name(found)));
    CHECK(found == expected.value_or(Refusal::none));
    seen().insert(found);
}

}  // namespace

void envelope_without_state() {
    Params params = Params::dev();
    params.time.tx_bytes_max = 2'000;
    World w(params);
    Tx tx = w.next_tx("alice", LeaseReveal{});
    std::get<LeaseReveal>(tx.body).claims.resize(20);
    tx.chain = {};
    tx.nonce.lane = kNonceLanes;
    tx.tip = Amount{1};
    SignedTx s{tx, {}};
    expect_check(w, s, Refusal::wrong_chain);
    s.tx.chain = w.chain();
    expect_check(w, s, Refusal::tx_too_large);
    std::get<LeaseReveal>(s.tx.body).claims.resize(1);
    expect_check(w, s, Refusal::lane_unknown);
    s.tx.nonce.lane = 3;
    // Whether a tip is good depends on who sends the move.
    expect_check(w, s, Refusal::signature_invalid);
    s = w.sign("bob", s.tx);
    expect_check(w, s, Refusal::signature_invalid);
    expect_check(w, w.sign("alice", s.tx), std::nullopt);
}

void envelope_with_state() {
    World w;
    w.must("alice", Transfer{w.address("bob"), Amount{5}, {}});
    const WallTime now{w.head().time.value + 100};
    Tx tx = w.next_tx("stranger", Transfer{w.address("bob"), Amount{1}, {}});
    const auto expect = [&](const std::string& from, Refusal expected) {
        tx.sender = w.person(from).key;
        const auto out = check_envelope(w.state, w.checked(w.sign(from, tx)), now);
        const Refusal found = out.has_value() ? Refusal::none : out.error();
        CAPTURE(std::string(enum_name(found)));
        CHECK(found == expected);
        seen().insert(found);
    };
    tx.nonce = {0, 7};
    tx.fee_max = {};
    tx.expiry = now;
    expect("stranger", Refusal::expired);
    tx.expiry = WallTime{now.value + w.params().time.tx_expiry_max_wall_ms + 1};
    expect("stranger", Refusal::expiry_too_far);
    tx.expiry = WallTime{now.value + 1};
    expect("stranger", Refusal::sender_unknown);
    w.must("bob", Transfer{w.address("stranger"), w.params().fees.existential_deposit, {}});
    tx.expiry = WallTime{now.value + 1'000};
    expect("stranger", Refusal::nonce_too_high);
    tx.nonce.sequence = 0;
    expect("alice", Refusal::nonce_too_low);
    expect("stranger", Refusal::fee_max_too_low);
    tx.fee_max = credits(1);
    expect("stranger", Refusal::fee_unaffordable);
    w.must("bob", Transfer{w.address("stranger"), credits(1), {}});
    expect("stranger", Refusal::none);
}

/// What the reserve has prepaid carries no tip; a stranger who relays a reveal pays and may tip.
void tips_on_moves() {
    World w;
    w.must("bob", w.publication());
    w.must("alice", w.registration("alice"));
    w.must("bob", JobPost{w.job_spec(1)});
    const LeaseView l = w.await_leases("alice", 1).front();
    w.must("alice", LeaseStart{l.id});
    const LeaseReveal reveal = w.make_reveal(l, Gas{5});
    w.must("alice", w.make_commit(reveal, w.address("alice")));
    const auto expect = [&](const std::string& from, Refusal expected) {
        Tx tx = w.next_tx(from, reveal);
        tx.tip = Amount{7};
        const auto out = check_envelope(w.state, w.checked(w.sign(from, tx)),
                                        WallTime{w.head().time.value + 100});
        const Refusal found = out.has_value() ? Refusal::none : out.error();
        CHECK(found == expected);
        seen().insert(found);
    };
    expect("alice", Refusal::tip_on_move);
    expect("dave", Refusal::none);
    const Amount proposer = w.balance("validator");
    Tx tx = w.next_tx("dave", reveal);
    tx.tip = Amount{7};
    BlockInput input = w.next_input(100);
    input.transactions = {w.checked(w.sign("dave", tx))};
    const auto out = apply_block(w.state, w.map, input);
    REQUIRE(out.has_value());
    w.accept(*out);
    CHECK(w.balance("validator").value - proposer.value == 7);
    CHECK(lease_view(w.state, l.id)->lease.state == LeaseState::revealed);
}

void transfers() {
    World w;
    Ladder(w, "alice", Transfer{nobody(), Amount{}, {}})
        .rung(Refusal::amount_zero, [](Transfer& b) { b.amount = credits(1'000'000); })
        .rung(Refusal::balance_too_low, [](Transfer& b) { b.amount = Amount{999'999}; })
        .rung(Refusal::receiver_below_deposit, [](Transfer& b) { b.amount = Amount{1'000'000}; })
        .top();
    // All but the deposit may go, not a nano-credit more.
    const Amount all = w.balance("bob");
    const Amount most{all.value - w.params().fees.existential_deposit.value};
    Ladder(w, "bob", Transfer{w.address("alice"), Amount{most.value + 1}, {}})
        .rung(Refusal::balance_too_low, [&](Transfer& b) { b.amount = most; })
        .expect(Refusal::none);
}

void faucet() {
    World none(Params::dev(), false);
    Ladder(none, "alice", Faucet{nobody(), credits(1)}).expect(Refusal::faucet_disabled);
    World w;
    Ladder(w, "stranger", Faucet{w.address("stranger"), Amount{}})
        .rung(Refusal::amount_zero,
              [&](Faucet& b) { b.amount = Amount{w.params().money.faucet_max.value + 1}; })
        .rung(Refusal::faucet_above_max, [](Faucet& b) { b.amount = Amount{1}; })
        .rung(Refusal::receiver_below_deposit, [](Faucet& b) { b.amount = credits(5); })
        .top();
    CHECK(account_view(w.state, w.address("stranger"))->balance == credits(5));

    // Anything else is not free: a stranger could fill blocks and leave rows for nothing.
    World v;
    const Address self = v.address("stranger");
    const Amount least = v.params().fees.existential_deposit;
    const Amount most = v.params().money.faucet_max;
    struct Sent {
        const char* name;
        Address to;
        Amount amount;
        Refusal refusal;
    };
    const Sent by_stranger[] = {
        {"the least", self, least, Refusal::none},
        {"the most", self, most, Refusal::none},
        {"nothing", self, {}, Refusal::sender_unknown},
        {"below the deposit", self, minus(least, Amount{1}), Refusal::sender_unknown},
        {"too much", self, plus(most, Amount{1}), Refusal::sender_unknown},
        {"to a new account", nobody(), credits(1), Refusal::sender_unknown},
        {"to somebody", v.address("bob"), credits(1), Refusal::sender_unknown},
    };
    for (const Sent& row : by_stranger) {
        CAPTURE(row.name);
        const Tx tx = v.next_tx("stranger", Faucet{row.to, row.amount});
        const auto found =
            check_envelope(v.state, v.checked(v.sign("stranger", tx)), v.chain_state().time);
        CHECK((found.has_value() ? Refusal::none : found.error()) == row.refusal);
    }
    const Amount before = v.balance("alice");
    CHECK(v.send("alice", Faucet{nobody(), credits(1)}) == Refusal::none);
    CHECK(v.send("alice", Faucet{v.address("bob"), least}) == Refusal::none);
    CHECK(v.balance("alice") == before);
    CHECK(v.send("alice", Faucet{nobody(), Amount{}}) == Refusal::amount_zero);
    const Amount once = v.balance("alice");
    CHECK(once < before);
    CHECK(v.send("alice", Faucet{v.address("bob"), minus(least, Amount{1})}) == Refusal::none);
    CHECK(v.balance("alice") < once);
}

}  // namespace millrace::market::refusals
