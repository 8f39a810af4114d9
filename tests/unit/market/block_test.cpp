#include <doctest/doctest.h>

#include <span>

#include "market/block/fees.hpp"
#include "tests/support/market_world.hpp"

namespace millrace::market {

namespace {

/// Candidates that were all chosen before.
class ListedCandidates final : public Candidates {
  public:
    explicit ListedCandidates(std::span<const CheckedTx> all) : all_(all) {}
    [[nodiscard]] const CheckedTx* next() override {
        return at_ < all_.size() ? &all_[at_++] : nullptr;
    }
    void tell(Fate /*fate*/) override {}

  private:
    std::span<const CheckedTx> all_;
    std::size_t at_ = 0;
};

Result<BuiltBlock, BlockFault> build_from(World& w, std::span<const CheckedTx> candidates) {
    ListedCandidates listed(candidates);
    return build_block(w.state, w.map, w.next_input(100), listed);
}

}  // namespace

TEST_SUITE("market/block") {
    TEST_CASE("a block that breaks a rule is invalid, each for its reason") {
        World w;
        const auto fault = [&](const BlockInput& input) {
            const auto out = apply_block(w.state, w.map, input);
            REQUIRE(!out.has_value());
            return out.error();
        };
        BlockInput input = w.next_input(49);
        CHECK(fault(input) == BlockFault::time_too_early);
        input = w.next_input(100);
        input.proposer = 1;
        CHECK(fault(input) == BlockFault::proposer_unknown);
        input = w.next_input(100);
        input.beacon_proof.bytes[40] ^= 1;
        CHECK(fault(input) == BlockFault::beacon_invalid);
        // A good proof over another input is not this block's.
        input.beacon_proof = VrfSecret(secret_from("vrf")).prove(Hash{}.view());
        CHECK(fault(input) == BlockFault::beacon_invalid);
        input = w.next_input(100);
        Tx tx = w.next_tx("alice", Transfer{w.address("bob"), Amount{1}, {}});
        tx.nonce.sequence = 1;
        input.transactions = {w.checked(w.sign("alice", tx))};
        CHECK(fault(input) == BlockFault::transaction_invalid);
        tx.nonce.sequence = 0;
        input.transactions = {w.checked(w.sign("alice", tx)), w.checked(w.sign("alice", tx))};
        CHECK(fault(input) == BlockFault::transaction_invalid);
        input.transactions.pop_back();
        CHECK(apply_block(w.state, w.map, input).has_value());
    }

    TEST_CASE("a header that is not what its contents give is refused, whatever field differs") {
        World w;
        const BlockInput input = w.next_input(100);
        const auto good = apply_block(w.state, w.map, input);
        REQUIRE(good.has_value());
        int changed = 0;
        boost::mp11::mp_for_each<codec_detail::Members<BlockHeader>>([&](auto d) {
            BlockHeader header = good->header;
            auto& member = header.*d.pointer;
            using M = std::remove_cvref_t<decltype(member)>;
            if constexpr (requires { member.bytes.size(); }) {
                member.bytes[3] ^= 1;
            } else if constexpr (std::is_integral_v<M>) {
                member = static_cast<M>(member + 1);
            } else {
                member.value += 1;
            }
            // These are the proposer's choice: with others, the block is another one. Parent, time
            // and view are what agreement checks (consensus/epoch.hpp, `check_link`).
            const std::string_view name = d.name;
            if (name == "parent" || name == "time" || name == "view" || name == "version_signal")
                return;
            ++changed;
            CAPTURE(std::string(d.name));
            CHECK(!check_block(w.state, w.map, header, {}, {}).has_value());
        });
        CHECK(changed == 13);
        CHECK(check_block(w.state, w.map, good->header, {}, {}).has_value());
    }

    TEST_CASE("active time cuts outages out; epochs end with the first block past their time") {
        World w;
        w.block(100);
        CHECK(w.chain_state().active_time.value == 100);
        w.block(60'000);
        CHECK(w.chain_state().active_time.value == 3'100);
        CHECK(w.chain_state().time.value == 1'800'000'060'100);
        w.wait(27'000, 3'000);
        CHECK(w.chain_state().epoch.value == 1);
        // The block that ended the epoch belongs to it: its set votes on that block.
        CHECK(w.head().epoch.value == 0);
        CHECK(w.chain_state().epoch_seeds[1] == w.head().beacon);
        w.block(100);
        CHECK(w.head().epoch.value == 1);
    }

    TEST_CASE(
        "new rules begin two epochs after an epoch's weight asked for them, and stop old nodes") {
        World w;
        const auto epoch_with_signal = [&](std::uint16_t signal) {
            const Epoch epoch = w.chain_state().epoch;
            while (w.chain_state().epoch == epoch) {
                BlockInput input = w.next_input(3'000);
                input.version_signal = signal;
                const auto out = apply_block(w.state, w.map, input);
                REQUIRE(out.has_value());
                CHECK(check_block(w.state, w.map, out->header, {}, {}).has_value());
                w.accept(*out);
            }
        };
        epoch_with_signal(kProtocolVersion);
        CHECK(!w.chain_state().upgrade.has_value());
        epoch_with_signal(kProtocolVersion + 1);
        const auto upgrade = w.chain_state().upgrade;
        REQUIRE(upgrade.has_value());
        CHECK(upgrade->version == kProtocolVersion + 1);
        CHECK(upgrade->epoch.value == w.chain_state().epoch.value + kUpgradeDelayEpochs);
        epoch_with_signal(kProtocolVersion);
        CHECK(w.chain_state().protocol_version == kProtocolVersion);
        epoch_with_signal(kProtocolVersion);
        // The block that ended the epoch was still made by the old rules.
        CHECK(w.head().protocol_version == kProtocolVersion);
        CHECK(w.chain_state().protocol_version == kProtocolVersion + 1);
        const auto out = apply_block(w.state, w.map, w.next_input(100));
        CHECK(out.error() == BlockFault::version_unknown);
    }

    TEST_CASE("the last block before new rules is of the old ones to its last transaction") {
        World w;
        w.must("bob", w.publication());
        const Epoch epoch = w.chain_state().epoch;
        while (w.chain_state().epoch == epoch) {
            BlockInput input = w.next_input(3'000);
            input.version_signal = kProtocolVersion + 1;
            const auto out = apply_block(w.state, w.map, input);
            REQUIRE(out.has_value());
            w.accept(*out);
        }
        REQUIRE(w.chain_state().upgrade.has_value());
        JobId last;
        for (int i = 0; i < 100 && w.chain_state().protocol_version == kProtocolVersion; ++i) {
            last = w.next_job("bob");
            CHECK(w.send("bob", JobPost{w.job_spec(1)}, 3'000) == Refusal::none);
        }
        REQUIRE(w.chain_state().protocol_version == kProtocolVersion + 1);
        CHECK(!w.chain_state().upgrade.has_value());
        CHECK(w.head().protocol_version == kProtocolVersion);
        CHECK(job_view(w.state, last)->job.protocol_version == kProtocolVersion);
    }

    TEST_CASE("the base fee moves by at most an eighth and never below its floor") {
        FeeParams p;
        p.base_fee_min = Amount{8};
        const Amount now{8'000};
        CHECK(next_base_fee(p, now, 1'000, 1'000) == now);
        CHECK(next_base_fee(p, now, 1'500, 1'000).value == 8'500);
        CHECK(next_base_fee(p, now, 2'000, 1'000).value == 9'000);
        CHECK(next_base_fee(p, now, 9'999'999, 1'000).value == 9'000);
        CHECK(next_base_fee(p, now, 500, 1'000).value == 7'500);
        CHECK(next_base_fee(p, now, 0, 1'000).value == 7'000);
        CHECK(next_base_fee(p, Amount{8}, 0, 1'000).value == 8);
        CHECK(next_base_fee(p, Amount{8}, 2'000, 1'000).value == 9);
        CHECK(next_base_fee(p, credits(1), 2'000, 1'000) == credits(1));
        CHECK(next_base_fee(p, now, 5, 0) == now);
    }

    TEST_CASE("fees are burnt by weight, tips go to the proposer") {
        World w;
        Tx tx = w.next_tx("alice", Transfer{w.address("bob"), Amount{5}, {}});
        tx.tip = Amount{777};
        const CheckedTx checked = w.checked(w.sign("alice", tx));
        BlockInput input = w.next_input(100);
        input.transactions = {checked};
        const auto out = apply_block(w.state, w.map, input);
        REQUIRE(out.has_value());
        const Amount alice = w.balance("alice");
        const Amount proposer = w.balance("validator");
        w.accept(*out);
        const std::uint64_t fee = checked.weight() * 10;
        CHECK(checked.weight() == checked.size() + 64);
        CHECK(out->receipts.front().fee.value == fee);
        CHECK(alice.value - w.balance("alice").value == fee + 777 + 5);
        CHECK(w.balance("validator").value - proposer.value == 777);
        CHECK(w.chain_state().burnt.value == fee);
    }

    TEST_CASE("a quarter of a block is kept for moves, and moves are prepaid by the reserve") {
        Params params = Params::dev();
        params.time.tx_bytes_max = 1'500;
        params.time.block_bytes_max = 2'000;
        World w(params);
        // An operator without a credit beyond the deposit can commit: the reserve has paid.
        w.must("bob", Transfer{w.address("stranger"), credits(1), {}});
        ProviderRegister reg = w.registration("alice");
        reg.operator_account = w.address("stranger");
        w.must("alice", reg);
        w.must("bob", w.publication());
        w.must("bob", JobPost{w.job_spec(1)});
        const LeaseView l = w.await_leases("alice", 1).front();
        w.must("stranger", LeaseStart{l.id});
        const Amount left = w.balance("stranger");
        const auto commit = w.make_commit(w.make_reveal(l, Gas{5}), w.address("alice"));
        const CheckedTx move = w.checked(w.sign("stranger", w.next_tx("stranger", commit)));
        std::vector<CheckedTx> candidates;
        for (const char* name : {"alice", "bob", "carol", "dave", "erin", "frank", "validator"}) {
            Transfer t{w.address("bob"), Amount{1}, {}};
            t.memo.resize(kMemoMax);
            candidates.push_back(w.checked(w.sign(name, w.next_tx(name, t))));
        }
        candidates.push_back(move);
        const auto built = build_from(w, candidates);
        REQUIRE(built.has_value());
        std::size_t ordinary = 0;
        bool has_move = false;
        for (const SignedTx& tx : built->block.transactions) {
            if (is_move(tx.tx.body))
                has_move = true;
            else
                ordinary += encode(tx).size();
        }
        CHECK(has_move);
        CHECK(ordinary <= 1'500);
        CHECK(built->block.transactions.size() < candidates.size());
        w.accept(built->outcome);
        CHECK(w.balance("stranger") == left);
        const Lease after = lease_view(w.state, l.id)->lease;
        CHECK(after.state == LeaseState::committed);
        CHECK(after.move_fees.value == move.weight() * 10);
        CHECK(plus(after.reserve, after.move_fees) == params.leases.lease_reserve);
    }

    TEST_CASE(
        "a built block leaves out what is not good now and names what is no matter of order") {
        World w;
        w.must("alice", Transfer{w.address("bob"), Amount{5}, {}});
        Tx old = w.next_tx("alice", Transfer{w.address("bob"), Amount{5}, {}});
        old.nonce.sequence = 0;
        Tx later = w.next_tx("alice", Transfer{w.address("bob"), Amount{5}, {}});
        later.nonce.sequence = 9;
        const Tx good = w.next_tx("bob", Transfer{w.address("alice"), Amount{5}, {}});
        const std::vector<CheckedTx> candidates{w.checked(w.sign("alice", old)),
                                                w.checked(w.sign("alice", later)),
                                                w.checked(w.sign("bob", good))};
        const auto built = build_from(w, candidates);
        REQUIRE(built.has_value());
        CHECK(built->block.transactions.size() == 1);
        CHECK(built->refused == std::vector<TxHash>{candidates[0].hash()});
        std::vector<CheckedTx> again{candidates[2]};
        CHECK(check_block(w.state, w.map, built->block.header, again, {}).has_value());
    }

    TEST_CASE("lanes are sequences of their own") {
        World w;
        w.queue("alice", Transfer{w.address("bob"), Amount{1}, {}}, 4);
        w.queue("alice", Transfer{w.address("bob"), Amount{1}, {}}, 0);
        w.queue("alice", Transfer{w.address("bob"), Amount{1}, {}}, 4);
        for (const Receipt& r : w.block()) CHECK(r.refusal == Refusal::none);
        const auto lanes = account_view(w.state, w.address("alice"))->lanes;
        CHECK(lanes == std::vector<Lane>{{0, 1}, {4, 2}});
    }

    TEST_CASE("a dry run says what a block would, and changes nothing") {
        World w;
        const StateRoot before = w.map.root();
        const auto tx = w.checked(w.sign("alice", w.next_tx("alice", JobCancel{})));
        const auto out = dry_run(w.state, tx, WallTime{w.head().time.value + 100});
        CHECK(out.error() == Refusal::job_unknown);
        CHECK(w.rebuilt_root() == before);
    }
}

}  // namespace millrace::market
