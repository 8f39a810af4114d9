#include <doctest/doctest.h>

#include <fstream>
#include <functional>
#include <set>

#include "common/rng.hpp"
#include "consensus/beacon.hpp"
#include "consensus/epoch.hpp"
#include "consensus/events.hpp"
#include "consensus/leader.hpp"
#include "consensus/tally.hpp"
#include "consensus/vote_table.hpp"
#include "tests/simulation/sim_block.hpp"

namespace millrace::consensus {
namespace {

using sim::key_of;
using sim::sign_with;

ValidatorSet set_of(std::vector<Weight> weights) {
    std::vector<Validator> validators;
    for (std::size_t i = 0; i < weights.size(); ++i) validators.push_back({key_of(i), weights[i]});
    return *ValidatorSet::make(validators);
}

const ChainId kChain = hash_as<ChainId>(hash_bytes("test/chain", {}));

BlockHash block(std::uint64_t number) {
    BlockHash hash;
    store_le(hash.bytes.data(), number);
    return hash;
}

Vote vote_of(std::uint16_t signer, const Subject& subject, Epoch epoch = Epoch{3}) {
    const Bytes message = signed_bytes(kChain, epoch, subject);
    return {epoch, subject, ValidatorIndex{signer}, sign_with(key_of(signer), message)};
}

Certificate certificate_of(const ValidatorSet& set, const Subject& subject,
                           const std::vector<std::uint16_t>& signers) {
    Certificate out{Epoch{3}, subject, {}, {}};
    out.signers.resize((set.size() + 7) / 8);
    for (const std::uint16_t signer : signers) {
        out.signers[signer / 8U] =
            static_cast<std::uint8_t>(out.signers[signer / 8U] | (1U << (signer % 8U)));
        out.signatures.push_back(vote_of(signer, subject).signature);
    }
    return out;
}

Proposal any_proposal(Rng& rng) {
    Proposal out;
    out.parent_view = View{rng.next()};
    rng.fill(out.block.bytes);
    return out;
}

Subject any_subject(Rng& rng) {
    const View view{rng.next()};
    const std::uint64_t kind = rng.below(3);
    if (kind == 0) return Subject::nullify(view);
    const Proposal proposal = any_proposal(rng);
    return kind == 1 ? Subject::notarize(view, proposal) : Subject::finalize(view, proposal);
}

Vote any_vote(Rng& rng) {
    Vote out{Epoch{rng.next()}, any_subject(rng), {}, {}};
    out.signer = ValidatorIndex{static_cast<std::uint16_t>(rng.below(kValidatorsMax))};
    rng.fill(out.signature.bytes);
    return out;
}

BoundedBytes<kBlockBytesMax> any_bytes(Rng& rng) {
    BoundedBytes<kBlockBytesMax> out;
    out.resize(rng.below(300));
    rng.fill(out);
    return out;
}

Certificate any_certificate(Rng& rng) {
    Certificate out{Epoch{rng.next()}, any_subject(rng), {}, {}};
    out.signers.resize(rng.below(31));
    rng.fill(out.signers);
    out.signatures.resize(rng.below(5));
    for (auto& signature : out.signatures) rng.fill(signature.bytes);
    return out;
}

Message any_message(Rng& rng) {
    switch (rng.below(6)) {
        case 0:
            return any_vote(rng);
        case 1:
            return any_certificate(rng);
        case 2: {
            const Vote vote = any_vote(rng);
            return ProposalMessage{vote, any_bytes(rng)};
        }
        case 3: {
            const Epoch epoch{rng.next()};
            const View view{rng.next()};
            return CertificateRequest{epoch, view, static_cast<VoteKind>(1 + rng.below(3))};
        }
        case 4: {
            const Epoch epoch{rng.next()};
            return BlockRequest{epoch, any_proposal(rng).block};
        }
        default: {
            const Epoch epoch{rng.next()};
            return BlockResponse{epoch, any_bytes(rng)};
        }
    }
}

}  // namespace

TEST_SUITE("consensus/types") {
    TEST_CASE("a quorum is the least weight above two thirds") {
        struct Row {
            std::vector<Weight> weights;
            Weight quorum;
        };
        const std::vector<Row> rows = {
            {{1}, 1},
            {{1, 1}, 2},
            {{1, 1, 1}, 3},
            {{1, 1, 1, 1}, 3},
            {{1, 1, 1, 1, 1}, 4},
            {{5, 1, 1, 1, 1}, 7},
            {{2, 2, 2, 1}, 5},
            {{99, 1}, 67},
            {{(Weight{1} << 60U) - 2, 1}, 768614336404564650U + 1},
        };
        for (const Row& row : rows) {
            const ValidatorSet set = set_of(row.weights);
            CAPTURE(set.total());
            CHECK(set.quorum() == row.quorum);
            __extension__ using Wide = unsigned __int128;
            CHECK(Wide{set.quorum()} * 3 > Wide{set.total()} * 2);
            CHECK(Wide{set.quorum() - 1} * 3 <= Wide{set.total()} * 2);
        }
    }

    TEST_CASE("a set is refused for the first rule that it breaks") {
        const auto refused = [](std::vector<Validator> validators) {
            const auto made = ValidatorSet::make(std::move(validators));
            return made ? 0 : static_cast<int>(made.error());
        };
        const Weight half = Weight{1} << 59U;
        CHECK(refused({}) == static_cast<int>(ValidatorSetError::empty));
        std::vector<Validator> many;
        for (std::size_t i = 0; i <= kValidatorsMax; ++i) many.push_back({key_of(i), 0});
        CHECK(refused(many) == static_cast<int>(ValidatorSetError::too_many));
        many.pop_back();
        CHECK(refused(many) == static_cast<int>(ValidatorSetError::zero_weight));
        CHECK(refused({{key_of(0), half}, {key_of(0), half}}) ==
              static_cast<int>(ValidatorSetError::weight_too_large));
        CHECK(refused({{key_of(0), ~Weight{0}}, {key_of(1), 2}}) ==
              static_cast<int>(ValidatorSetError::weight_too_large));
        CHECK(refused({{key_of(0), 1}, {key_of(0), 1}}) ==
              static_cast<int>(ValidatorSetError::duplicate_key));
        CHECK(refused({{key_of(0), half}, {key_of(1), half - 1}}) == 0);
    }

    TEST_CASE("a point of the weights laid end to end has one owner") {
        const ValidatorSet set = set_of({3, 1, 4});
        std::string owners;
        for (Weight point = 0; point < set.total(); ++point)
            owners += std::to_string(set.owner_of(point).value);
        CHECK(owners == "00012222");
    }
}

TEST_SUITE("consensus/leader") {
    TEST_CASE("views are drawn by weight, and by the seed") {
        const ValidatorSet set = set_of({10, 20, 70});
        LeaderSeed seed;
        std::vector<int> counts(3);
        int same = 0;
        LeaderSeed other;
        other.bytes[0] = 1;
        for (std::uint64_t view = 1; view <= 3'000; ++view) {
            const ValidatorIndex leader = elect_leader(set, seed, View{view});
            ++counts[leader.value];
            if (leader == elect_leader(set, other, View{view})) ++same;
        }
        CHECK(counts[0] > 200);
        CHECK(counts[0] < 400);
        CHECK(counts[1] > 450);
        CHECK(counts[1] < 750);
        CHECK(counts[2] > 1'950);
        CHECK(same < 2'000);
    }
}

TEST_SUITE("consensus/messages") {
    TEST_CASE("every message survives the codec both ways, and no truncation does") {
        for (std::uint64_t seed = 1; seed <= 300; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            const Message message = any_message(rng);
            const Bytes raw = encode(message);
            const auto back = decode<Message>(raw);
            REQUIRE(back.has_value());
            CHECK(*back == message);
            CHECK(encode(*back) == raw);
            for (std::size_t size = 0; size < raw.size(); size += 1 + raw.size() / 40)
                CHECK_FALSE(decode<Message>(ByteView(raw).first(size)).has_value());
        }
    }

    TEST_CASE("a changed byte is refused or is another message") {
        for (std::uint64_t seed = 1; seed <= 100; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            Bytes raw = encode(any_message(rng));
            const std::size_t at = rng.below(raw.size());
            raw[at] = static_cast<std::uint8_t>(raw[at] ^ (1U << rng.below(8)));
            const auto back = decode<Message>(raw);
            if (back) CHECK(encode(*back) == raw);
        }
    }

    TEST_CASE("bytes to sign differ by kind, chain, epoch, view, parent view and block") {
        const Subject base = Subject::notarize(View{5}, {View{4}, block(1)});
        ChainId other;
        const std::vector<Bytes> all = {
            signed_bytes(kChain, Epoch{3}, base),
            signed_bytes(other, Epoch{3}, base),
            signed_bytes(kChain, Epoch{4}, base),
            signed_bytes(kChain, Epoch{3}, Subject::finalize(View{5}, {View{4}, block(1)})),
            signed_bytes(kChain, Epoch{3}, Subject::nullify(View{5})),
            signed_bytes(kChain, Epoch{3}, Subject::notarize(View{6}, {View{4}, block(1)})),
            signed_bytes(kChain, Epoch{3}, Subject::notarize(View{5}, {View{3}, block(1)})),
            signed_bytes(kChain, Epoch{3}, Subject::notarize(View{5}, {View{4}, block(2)})),
        };
        for (std::size_t i = 0; i < all.size(); ++i) {
            for (std::size_t j = 0; j < i; ++j) CHECK(all[i] != all[j]);
        }
        CHECK(to_hex(signed_bytes(ChainId{}, Epoch{1}, Subject::nullify(View{2}))) ==
              "6d696c6c2f6e756c6c69667900000000" + std::string(64, '0') +
                  "01000000000000000200000000000000");
    }

    TEST_CASE("a certificate is refused for the first rule that it breaks") {
        const ValidatorSet set = set_of({1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
        const sim::SimVerifier verifier;
        const Subject subject = Subject::notarize(View{5}, {View{4}, block(1)});
        const Certificate good = certificate_of(set, subject, {0, 2, 3, 4, 6, 8, 9});
        struct Row {
            const char* name;
            std::function<void(Certificate&)> change;
            int expected;
        };
        using enum CertificateError;
        const auto code = [](CertificateError error) { return static_cast<int>(error); };
        const std::vector<Row> rows = {
            {"good", [](Certificate&) {}, 0},
            {"another epoch", [](Certificate& c) { c.epoch = Epoch{2}; }, code(wrong_epoch)},
            {"view 0", [](Certificate& c) { c.subject.view = View{0}; }, code(view_zero)},
            {"parent of the same view",
             [](Certificate& c) { c.subject.proposal.parent_view = View{5}; },
             code(parent_not_earlier)},
            {"short bitmap", [](Certificate& c) { c.signers.pop_back(); }, code(bitmap_size)},
            {"long bitmap", [](Certificate& c) { c.signers.push_back(0); }, code(bitmap_size)},
            {"a bit beyond the set", [](Certificate& c) { c.signers[1] |= 0x80U; },
             code(bit_out_of_range)},
            {"a signature missing", [](Certificate& c) { c.signatures.pop_back(); },
             code(signature_count)},
            {"one signer twice",
             [](Certificate& c) { c.signatures.push_back(c.signatures.back()); },
             code(signature_count)},
            {"six of ten",
             [](Certificate& c) {
                 c.signers[0] &= 0xfeU;
                 c.signatures.erase(c.signatures.begin());
             },
             code(below_quorum)},
            {"two signatures exchanged",
             [](Certificate& c) { std::swap(c.signatures[0], c.signatures[1]); },
             code(bad_signature)},
            {"another subject", [](Certificate& c) { c.subject.proposal.block = block(2); },
             code(bad_signature)},
            {"another kind", [](Certificate& c) { c.subject.kind = VoteKind::finalize; },
             code(bad_signature)},
        };
        for (const Row& row : rows) {
            CAPTURE(std::string(row.name));
            Certificate certificate = good;
            row.change(certificate);
            const auto status = check_certificate(certificate, kChain, Epoch{3}, set, verifier);
            CHECK((status ? 0 : static_cast<int>(status.error())) == row.expected);
        }
        ChainId other;
        CHECK_FALSE(check_certificate(good, other, Epoch{3}, set, verifier).has_value());
    }

    TEST_CASE("the certificate of all 240 validators stays below 16 KiB, a vote below 256 bytes") {
        Certificate full{Epoch{1}, Subject::notarize(View{1}, {}), {}, {}};
        full.signers.resize((kValidatorsMax + 7) / 8);
        full.signatures.resize(kValidatorsMax);
        CHECK(encode(Message{full}).size() < 16 * 1024);
        Rng rng(1);
        CHECK(encode(Message{any_vote(rng)}).size() < 256);
    }

    TEST_CASE("the encodings of many generated messages are the recorded ones") {
        Hasher hasher("test/golden");
        for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
            Rng rng(seed);
            hasher.update(encode(any_message(rng)));
            const Epoch epoch{rng.next()};
            hasher.update(signed_bytes(kChain, epoch, any_subject(rng)));
            const Vote first = any_vote(rng);
            const Vote second = any_vote(rng);
            hasher.update(encode(Evidence{first, second}));
            hasher.update(encode(Record{VoteRecord{epoch, first.subject}}));
            hasher.update(encode(Record{CertificateRecord{any_certificate(rng)}}));
            hasher.update(encode(Record{FloorRecord{epoch, View{seed}}}));
        }
        std::ifstream file(MILLRACE_GOLDEN_DIR "/consensus_messages.txt");
        std::string recorded;
        file >> recorded;
        CHECK(to_hex(hasher.finish().view()) == recorded);
    }
}

TEST_SUITE("consensus/events") {
    TEST_CASE("what a log says of itself is the fifth kind of record") {
        const Record record = TableRecord{Epoch{2}, WallTime{3}};
        const Bytes raw = encode(record);
        REQUIRE_FALSE(raw.empty());
        CHECK(raw.size() == 1 + 1 + 8 + 8);
        CHECK(decode<Record>(raw).value() == record);
        CHECK(record.index() == 4);
    }
}

TEST_SUITE("consensus/tally") {
    TEST_CASE("weights add up per subject, and a quorum is seen once it is there") {
        const ValidatorSet set = set_of({4, 3, 2, 1});
        Tally tally(set);
        const Subject a = Subject::notarize(View{2}, {View{1}, block(1)});
        CHECK(tally.add(vote_of(0, a)).counted);
        CHECK(tally.add(vote_of(2, a)).counted);
        CHECK(tally.weight(a) == 6);
        CHECK_FALSE(tally.quorum_subject(VoteKind::notarize).has_value());
        CHECK_FALSE(tally.add(vote_of(2, a)).counted);
        CHECK(tally.weight(a) == 6);
        CHECK(tally.add(vote_of(3, a)).counted);
        REQUIRE(tally.quorum_subject(VoteKind::notarize) == a);
        CHECK(tally.certificate(Epoch{3}, a) == certificate_of(set, a, {0, 2, 3}));
    }

    TEST_CASE("an equivocator leaves evidence, and no more than two votes of a kind") {
        const ValidatorSet set = set_of({1, 1, 1, 1});
        Tally tally(set);
        for (std::uint64_t i = 1; i <= 5; ++i) {
            const auto added =
                tally.add(vote_of(1, Subject::notarize(View{2}, {View{1}, block(i)})));
            CHECK(added.counted == (i <= 2));
            CHECK(added.evidence.size() == (i == 2 ? 1 : 0));
        }
        CHECK(tally.has_equivocated(ValidatorIndex{1}));
        CHECK_FALSE(tally.has_equivocated(ValidatorIndex{0}));
        // A finalize of the first block contradicts the notarize of the second; nullify joins in.
        const Subject finalize = Subject::finalize(View{2}, {View{1}, block(1)});
        CHECK(tally.add(vote_of(1, finalize)).evidence.size() == 1);
        CHECK(tally.add(vote_of(1, Subject::nullify(View{2}))).evidence.size() == 1);
    }

    TEST_CASE("notarize and nullify of one view are no evidence") {
        const ValidatorSet set = set_of({1, 1, 1, 1});
        Tally tally(set);
        tally.add(vote_of(0, Subject::notarize(View{2}, {View{1}, block(1)})));
        CHECK(tally.add(vote_of(0, Subject::nullify(View{2}))).evidence.empty());
    }
}

TEST_SUITE("consensus/evidence") {
    TEST_CASE("exactly four pairs are slashable") {
        const Proposal c{View{1}, block(1)};
        const Proposal d{View{1}, block(2)};
        const View v{2};
        const std::vector<Subject> words = {
            Subject::notarize(v, c),       Subject::notarize(v, d),  Subject::nullify(v),
            Subject::finalize(v, c),       Subject::finalize(v, d),  Subject::notarize(View{3}, d),
            Subject::finalize(View{3}, d), Subject::nullify(View{3})};
        std::set<std::pair<int, int>> found;
        for (int i = 0; i < static_cast<int>(words.size()); ++i) {
            for (int j = 0; j < static_cast<int>(words.size()); ++j) {
                const auto& a = words[static_cast<std::size_t>(i)];
                const auto& b = words[static_cast<std::size_t>(j)];
                CHECK(is_conflict(a, b) == is_conflict(b, a));
                if (i <= j && is_conflict(a, b)) found.insert({i, j});
            }
        }
        const std::set<std::pair<int, int>> expected = {{0, 1}, {3, 4}, {2, 3}, {2, 4},
                                                        {0, 4}, {1, 3}, {6, 7}};
        CHECK(found == expected);
    }

    TEST_CASE("evidence is refused for the first rule that it breaks") {
        const ValidatorSet set = set_of({1, 1, 1, 1});
        const sim::SimVerifier verifier;
        const Proposal c{View{1}, block(1)};
        const Proposal d{View{1}, block(2)};
        const View v{2};
        const auto pair = [](const Vote& a, const Vote& b) { return *make_evidence(a, b); };
        const Evidence good =
            pair(vote_of(1, Subject::notarize(v, c)), vote_of(1, Subject::notarize(v, d)));
        const EvidenceContext context{kChain, Epoch{3}, &set, &verifier, Epoch{2}, false};
        struct Row {
            const char* name;
            std::function<void(Evidence&, EvidenceContext&)> change;
            int expected;
        };
        using enum EvidenceError;
        const auto code = [](EvidenceError error) { return static_cast<int>(error); };
        const std::vector<Row> rows = {
            {"good", [](auto&, auto&) {}, 0},
            {"another epoch", [](auto&, auto& x) { x.epoch = Epoch{4}; }, code(wrong_epoch)},
            {"two epochs", [](auto& e, auto&) { e.second.epoch = Epoch{4}; },
             code(different_epoch)},
            {"two views", [](auto& e, auto&) { e.second.subject.view = View{3}; },
             code(different_view)},
            {"two signers", [](auto& e, auto&) { e.second.signer = ValidatorIndex{0}; },
             code(different_signer)},
            {"one vote twice", [](auto& e, auto&) { e.second = e.first; }, code(same_subject)},
            {"one vote twice, other signature bytes",
             [](auto& e, auto&) {
                 e.second = e.first;
                 e.second.signature.bytes[0] ^= 1U;
             },
             code(same_subject)},
            {"notarize and nullify",
             [&](auto& e, auto&) { e.second = vote_of(1, Subject::nullify(v)); },
             code(not_slashable)},
            {"the wrong way round", [](auto& e, auto&) { std::swap(e.first, e.second); },
             code(not_ordered)},
            {"a signer out of range",
             [](auto& e, auto&) { e.first.signer = e.second.signer = ValidatorIndex{9}; },
             code(unknown_signer)},
            {"too late", [](auto&, auto& x) { x.oldest = Epoch{4}; }, code(outside_window)},
            {"punished before", [](auto&, auto& x) { x.already_punished = true; },
             code(already_punished)},
            {"a bad signature", [](auto& e, auto&) { e.second.signature.bytes[0] ^= 1U; },
             code(bad_signature)},
            {"a signature for another chain", [](auto&, auto& x) { x.chain = ChainId{}; },
             code(bad_signature)},
        };
        for (const Row& row : rows) {
            CAPTURE(std::string(row.name));
            Evidence evidence = good;
            EvidenceContext around = context;
            row.change(evidence, around);
            const auto status = check_evidence(evidence, around);
            CHECK((status ? 0 : static_cast<int>(status.error())) == row.expected);
        }
    }

    TEST_CASE("two certificates that exclude each other accuse all that signed both") {
        const ValidatorSet set = set_of({1, 1, 1, 1});
        const View v{2};
        const Subject finalize = Subject::finalize(v, {View{1}, block(1)});
        const Certificate null = certificate_of(set, Subject::nullify(v), {0, 1, 2});
        const Certificate final = certificate_of(set, finalize, {1, 2, 3});
        const auto accused = accuse(null, final, set);
        REQUIRE(accused.size() == 2);
        CHECK(accused[0].first.signer == ValidatorIndex{1});
        CHECK(accused[1].first.signer == ValidatorIndex{2});
        CHECK(accuse(null, null, set).empty());
        const Certificate notarized =
            certificate_of(set, Subject::notarize(v, {View{1}, block(1)}), {0, 1, 2});
        CHECK(accuse(notarized, final, set).empty());
        CHECK(accuse(notarized, null, set).empty());
    }
}

TEST_SUITE("consensus/vote_table") {
    TEST_CASE("what may be signed after what") {
        const Proposal c{View{1}, block(1)};
        const Proposal d{View{1}, block(2)};
        const View v{2};
        struct Row {
            const char* name;
            std::vector<Subject> before;
            Subject next;
            int expected;
        };
        using enum SignRefusal;
        const auto code = [](SignRefusal refusal) { return static_cast<int>(refusal); };
        const Subject nc = Subject::notarize(v, c);
        const Subject nd = Subject::notarize(v, d);
        const Subject fc = Subject::finalize(v, c);
        const Subject fd = Subject::finalize(v, d);
        const Subject null = Subject::nullify(v);
        const std::vector<Row> rows = {
            {"first notarize", {}, nc, 0},
            {"the same again", {nc}, nc, 0},
            {"another block", {nc}, nd, code(notarized_other)},
            {"notarize after nullify", {null}, nc, code(nullified)},
            {"nullify after notarize", {nc}, null, 0},
            {"nullify twice", {null}, null, 0},
            {"finalize what was notarized", {nc}, fc, 0},
            {"finalize twice", {nc, fc}, fc, 0},
            {"finalize without notarize", {}, fc, code(not_notarized)},
            {"finalize another block", {nc}, fd, code(not_notarized)},
            {"finalize two", {nc, fc}, fd, code(finalized_other)},
            {"finalize after nullify", {nc, null}, fc, code(nullified)},
            {"nullify after finalize", {nc, fc}, null, code(finalized)},
            {"finalize after the nullify of a later view", {nc, Subject::nullify(View{3})}, fc, 0},
            {"below the floor", {}, Subject::nullify(View{1}), code(below_floor)},
        };
        for (const Row& row : rows) {
            CAPTURE(std::string(row.name));
            VoteTable table;
            table.raise_floor(View{2});
            for (const Subject& subject : row.before) table.record(subject);
            const auto status = table.check(row.next);
            CHECK((status ? 0 : static_cast<int>(status.error())) == row.expected);
        }
    }

    TEST_CASE("the floor drops what lies below, and never goes back") {
        VoteTable table;
        table.record(Subject::nullify(View{1}));
        table.record(Subject::nullify(View{4}));
        table.raise_floor(View{3});
        table.raise_floor(View{2});
        CHECK(table.floor() == View{3});
        CHECK(table.subjects() == std::vector{Subject::nullify(View{4})});
        CHECK_FALSE(table.check(Subject::nullify(View{2})).has_value());
    }
}

TEST_SUITE("consensus/epoch") {
    TEST_CASE("a block is refused in its place for the first rule that it breaks") {
        const ParentBlock parent{block(1), Height{7}, WallTime{1'000}, false};
        const BlockFacts good{block(2), block(1), Epoch{3}, View{5}, Height{8}, WallTime{1'050}};
        struct Row {
            const char* name;
            std::function<void(BlockFacts&, ParentBlock&)> change;
            int expected;
        };
        using enum LinkRefusal;
        const auto code = [](LinkRefusal refusal) { return static_cast<int>(refusal); };
        const std::vector<Row> rows = {
            {"good", [](auto&, auto&) {}, 0},
            {"another epoch", [](auto& b, auto&) { b.epoch = Epoch{4}; }, code(wrong_epoch)},
            {"on the epoch's last block", [](auto&, auto& p) { p.last_of_epoch = true; },
             code(epoch_is_over)},
            {"the parent itself", [](auto& b, auto&) { b.hash = block(1); }, code(not_a_boundary)},
            {"of another view", [](auto& b, auto&) { b.view = View{4}; }, code(wrong_view)},
            {"another parent", [](auto& b, auto&) { b.parent = block(9); }, code(wrong_parent)},
            {"a height left out", [](auto& b, auto&) { b.height = Height{9}; }, code(wrong_height)},
            {"a millisecond too soon", [](auto& b, auto&) { b.timestamp = WallTime{1'049}; },
             code(too_soon)},
            {"before its parent", [](auto& b, auto&) { b.timestamp = WallTime{999}; },
             code(too_soon)},
        };
        for (const Row& row : rows) {
            CAPTURE(std::string(row.name));
            BlockFacts facts = good;
            ParentBlock below = parent;
            row.change(facts, below);
            const auto status = check_link(below, facts, Epoch{3}, View{5}, 50);
            CHECK((status ? 0 : static_cast<int>(status.error())) == row.expected);
        }
    }
}

TEST_SUITE("consensus/beacon") {
    class FixedVrf final : public VrfVerifier {
      public:
        [[nodiscard]] std::optional<VrfOutput> verify(const VrfKey& key, ByteView alpha,
                                                      const VrfProof& proof) const override {
            if (proof.bytes[0] != key.bytes[0]) return std::nullopt;
            VrfOutput out;
            std::copy(alpha.begin(), alpha.end(), out.bytes.begin());
            return out;
        }
    };

    TEST_CASE("a beacon follows from its parent and a good proof only") {
        const FixedVrf vrf;
        const Beacon genesis = genesis_beacon(kChain);
        const auto first = check_beacon(kChain, genesis, {}, {}, vrf);
        REQUIRE(first.has_value());
        CHECK(first == check_beacon(kChain, genesis, {}, {}, vrf));
        CHECK(*first != genesis);
        CHECK(check_beacon(kChain, *first, {}, {}, vrf) != first);
        CHECK(check_beacon(ChainId{}, genesis, {}, {}, vrf) != first);
        VrfProof bad;
        bad.bytes[0] = 1;
        CHECK_FALSE(check_beacon(kChain, genesis, {}, bad, vrf).has_value());
        CHECK(leader_seed(genesis, Epoch{1}) != leader_seed(genesis, Epoch{2}));
    }
}

}  // namespace millrace::consensus
