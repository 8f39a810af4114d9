#include "wallet/light_client.hpp"

#include <doctest/doctest.h>

#include <set>

#include "common/rng.hpp"
#include "tests/support/proven_chain.hpp"

namespace millrace::wallet {
namespace {

using test::ProvenChain;

Bytes encoded(const consensus::Certificate& certificate) {
    return encode(certificate);
}

/// A chain in its second epoch, an account's row in its newest block, and a wallet that knows the
/// genesis only.
struct Fixture {
    ProvenChain chain;
    Trust trust = trust_of(chain.world.genesis());
    market::BlockHeader header;
    consensus::Certificate certificate;

    Fixture() { next_block(); }
    void next_block() {
        chain.world.block();
        header = chain.world.head();
        certificate = chain.certify(header);
    }
    [[nodiscard]] ProofFault fault() const { return fault_of(trust, header, certificate); }
    static ProofFault fault_of(const Trust& trust, const market::BlockHeader& header,
                               const consensus::Certificate& certificate) {
        const auto checked = check_header(trust, header, encoded(certificate));
        REQUIRE_FALSE(checked.has_value());
        return checked.error();
    }
};

}  // namespace

TEST_SUITE("wallet/light_client") {
    TEST_CASE("from the genesis a wallet follows the validators through epochs that replace them") {
        ProvenChain chain;
        Trust trust = trust_of(chain.world.genesis());
        CHECK(trust.chain == chain.world.chain());
        CHECK(trust.set.members.size() == 4);
        // Another validator, heavier than all: it votes two epochs later.
        chain.world.must("alice",
                         chain.world.validator_registration("alice", market::credits(9'000)));
        for (std::uint64_t epoch = 0; epoch < 6; ++epoch) {
            CAPTURE(epoch);
            const market::Handover handover = chain.end_epoch();
            REQUIRE(advance(trust, handover).has_value());
            CHECK(trust.epoch == Epoch{epoch + 1});
            CHECK(trust.checkpoint == market::block_hash(handover.header));
            CHECK(trust.since == handover.header.time);
            chain.world.block();
            const auto head = chain.world.head();
            CHECK(check_header(trust, head, encoded(chain.certify(head))).has_value());
        }
        CHECK(trust.set.members.size() == 5);
        CHECK(trust.set.members.front().owner == chain.world.address("alice"));
        const auto key = market::account_key(chain.world.address("bob"));
        CHECK(check_row(chain.world.head().state_root, key, chain.row(key)).has_value());
        const auto nobody = market::account_key(Address{});
        CHECK(check_row(chain.world.head().state_root, nobody, chain.row(nobody)).has_value());
    }

    TEST_CASE("each way in which a header can be wrong has its name") {
        Fixture f;
        REQUIRE(check_header(f.trust, f.header, encoded(f.certificate)).has_value());
        CHECK(check_header(f.trust, f.header, std::nullopt).error() ==
              ProofFault::certificate_missing);
        CHECK(check_header(f.trust, f.header, Bytes{1, 2, 3}).error() ==
              ProofFault::certificate_malformed);
        auto header = f.header;
        header.chain.bytes[0] ^= 1;
        CHECK(Fixture::fault_of(f.trust, header, f.certificate) == ProofFault::other_chain);
        header = f.header;
        header.protocol_version = 2;
        CHECK(Fixture::fault_of(f.trust, header, f.certificate) == ProofFault::version_unknown);
        header = f.header;
        header.recovery = 1;
        CHECK(Fixture::fault_of(f.trust, header, f.certificate) == ProofFault::recovery_differs);
        header = f.header;
        header.epoch = Epoch{2};
        CHECK(Fixture::fault_of(f.trust, header, f.certificate) == ProofFault::epoch_ahead);
        Trust later = f.trust;
        later.epoch = Epoch{1};
        CHECK(Fixture::fault_of(later, f.header, f.certificate) == ProofFault::epoch_past);
        header = f.header;
        header.state_root.bytes[0] ^= 1;
        CHECK(Fixture::fault_of(f.trust, header, f.certificate) ==
              ProofFault::certificate_of_another);
        for (const VoteKind kind : {VoteKind::notarize, VoteKind::nullify}) {
            f.certificate = f.chain.certify(f.header, kind);
            CHECK(f.fault() == ProofFault::not_a_finalization);
        }
        // Three of four are a quorum, two are none.
        f.certificate = f.chain.certify(f.header, VoteKind::finalize, 1);
        CHECK(check_header(f.trust, f.header, encoded(f.certificate)).has_value());
        f.certificate = f.chain.certify(f.header, VoteKind::finalize, 2);
        CHECK(f.fault() == ProofFault::certificate_invalid);
        // Signed by others than the epoch's validators.
        ProvenChain stranger(false);
        CHECK(Fixture::fault_of(trust_of(stranger.world.genesis()), f.header, f.certificate) ==
              ProofFault::other_chain);
    }

    TEST_CASE("a handover counts once, in its place, and with the set that the ledger has") {
        ProvenChain chain;
        const Trust begin = trust_of(chain.world.genesis());
        const market::Handover first = chain.end_epoch();
        const market::Handover second = chain.end_epoch();
        Trust trust = begin;
        CHECK(advance(trust, second).error() == ProofFault::epoch_ahead);
        CHECK(to_json(trust) == to_json(begin));
        REQUIRE(advance(trust, first).has_value());
        CHECK(advance(trust, first).error() == ProofFault::epoch_past);
        // Any other block of the epoch has no set to show.
        Trust again = begin;
        market::Handover other = first;
        auto set = *decode<market::EpochSet>(first.set);
        set.members[0].weight += 1;
        other.set = encode(set);
        CHECK(advance(again, other).error() == ProofFault::set_unproven);
        other = first;
        other.proof = second.proof;
        CHECK(advance(again, other).error() == ProofFault::set_unproven);
        CHECK(to_json(again) == to_json(begin));
        REQUIRE(advance(trust, second).has_value());
    }

    TEST_CASE("the newest block is neither old, nor before what was seen, nor another") {
        Fixture f;
        const WallTime now = f.header.time;
        const Trust begin = f.trust;
        REQUIRE(take_head(f.trust, f.header, now).has_value());
        CHECK(f.trust.height == f.header.height);
        REQUIRE(take_head(f.trust, f.header, WallTime{now.value + kHeadAgeMaxMs}).has_value());
        CHECK(take_head(f.trust, f.header, WallTime{now.value + kHeadAgeMaxMs + 1}).error() ==
              ProofFault::head_old);
        auto fork = f.header;
        fork.beacon.bytes[0] ^= 1;
        CHECK(take_head(f.trust, fork, now).error() == ProofFault::fork);
        const market::BlockHeader older = f.header;
        f.chain.world.block(kStepBackMaxMs);
        REQUIRE(take_head(f.trust, f.chain.world.head(), now).has_value());
        // Another node may be a little behind; what was seen stays seen.
        REQUIRE(take_head(f.trust, older, now).has_value());
        CHECK(f.trust.height == f.chain.world.head().height);
        f.chain.world.block(1'000);
        REQUIRE(take_head(f.trust, f.chain.world.head(), now).has_value());
        CHECK(take_head(f.trust, older, now).error() == ProofFault::head_behind);
        CHECK(begin.height.value == 0);
    }

    TEST_CASE(
        "sets age as long as their members can be punished, and for ever where money is play") {
        ProvenChain real(false);
        const Trust trust = trust_of(real.world.genesis());
        const WallTime last{trust.since.value + trust.accusable_ms};
        CHECK(trust.accusable_ms > 0);
        CHECK_FALSE(is_stale(trust, last));
        CHECK(is_stale(trust, WallTime{last.value + 1}));
        CHECK_FALSE(is_stale(trust, WallTime{0}));
        ProvenChain play;
        CHECK_FALSE(is_stale(trust_of(play.world.genesis()), WallTime{UINT64_MAX}));
    }

    TEST_CASE("no changed byte of what a node shows is believed") {
        ProvenChain chain;
        const Trust begin = trust_of(chain.world.genesis());
        const market::Handover handover = chain.end_epoch();
        chain.world.block();
        const std::uint64_t seed = 41;
        CAPTURE(seed);
        Rng rng(seed);
        const auto flip = [&](const Bytes& from, std::size_t at) {
            Bytes out = from;
            out[at] = static_cast<std::uint8_t>(out[at] ^ (1U + rng.below(255)));
            return out;
        };

        const Bytes shown = encode(handover);
        for (std::size_t at = 0; at < shown.size(); ++at) {
            CAPTURE(at);
            const auto changed = decode<market::Handover>(flip(shown, at));
            if (!changed.has_value()) continue;
            Trust trust = begin;
            CHECK_FALSE(advance(trust, *changed).has_value());
            CHECK(trust.epoch == begin.epoch);
        }

        const std::vector<Bytes> keys{market::chain_key().bytes(),
                                      market::account_key(chain.world.address("bob")).bytes(),
                                      market::account_key(Address{}).bytes()};
        const Bytes answer = encode(chain.rows(keys));
        const auto believed = [&](const market::ProvenRows& rows) {
            std::optional<Bytes> certificate;
            if (rows.certificate) certificate = Bytes(*rows.certificate);
            if (!check_header(begin, rows.header, certificate).has_value()) return false;
            if (rows.rows.size() != keys.size()) return false;
            for (std::size_t i = 0; i < keys.size(); ++i)
                if (!check_row(rows.header.state_root, keys[i], rows.rows[i]).has_value())
                    return false;
            return true;
        };
        REQUIRE(believed(*decode<market::ProvenRows>(answer)));
        for (std::size_t at = 0; at < answer.size(); ++at) {
            CAPTURE(at);
            const auto changed = decode<market::ProvenRows>(flip(answer, at));
            CHECK_FALSE((changed.has_value() && believed(*changed)));
        }
    }

    TEST_CASE("every fault has a sentence of its own") {
        std::set<std::string_view> seen;
        boost::mp11::mp_for_each<boost::describe::describe_enumerators<ProofFault>>([&](auto d) {
            CHECK_FALSE(sentence(d.value).empty());
            CHECK(seen.insert(sentence(d.value)).second);
        });
    }
}

}  // namespace millrace::wallet
