#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>

#include "consensus/simplex.hpp"
#include "tests/simulation/sim_block.hpp"

/// One engine on the bench: the test plays the network, the disk, the signer and the application.
namespace millrace::consensus {
namespace {

using sim::key_of;
using sim::sign_with;
using sim::SimBlock;

constexpr std::uint64_t kWall = 1'000'000;

class Bench {
  public:
    explicit Bench(std::size_t validators = 4, std::uint16_t self = 0) {
        std::vector<Validator> all;
        for (std::size_t i = 0; i < validators; ++i) all.push_back({key_of(i), 1});
        config.validators = std::make_shared<const ValidatorSet>(*ValidatorSet::make(all));
        config.self = ValidatorIndex{self};
        config.timing.delta_ms = 100;
        config.timing.spacing_idle_ms = 200;
        config.floor.block = {BlockHash{}, Height{0}, WallTime{kWall - 10'000}, false};
    }

    void start() {
        engine = std::make_unique<Simplex>(config, reader, verifier, log);
        feed(Start{});
        feed(WorkWaiting{true});
    }

    /// Feeds one event, does what disk and signer would do, and collects the other effects.
    void feed(decltype(Event::what) what) {
        std::deque<decltype(Event::what)> inbox{std::move(what)};
        while (!inbox.empty()) {
            const Event event{{now_ms, WallTime{kWall + now_ms}}, std::move(inbox.front())};
            inbox.pop_front();
            for (Effect& effect : engine->step(event)) {
                if (const auto* persist = std::get_if<Persist>(&effect)) {
                    ++persists;
                    if (disk_works) {
                        log.insert(log.end(), persist->records.begin(), persist->records.end());
                        inbox.emplace_back(Persisted{persist->id});
                    }
                } else if (const auto* sign = std::get_if<Sign>(&effect)) {
                    const Bytes message = signed_bytes(config.chain, config.epoch, sign->subject);
                    inbox.emplace_back(
                        Signed{sign->subject, sign_with(key_of(config.self->value), message)});
                }
                effects.push_back(std::move(effect));
            }
        }
    }

    void restart() {
        engine.reset();
        effects.clear();
        start();
    }

    void wait(std::uint64_t ms) {
        now_ms += ms;
        feed(TimerFired{});
    }

    template <class T>
    [[nodiscard]] std::vector<T> all() const {
        std::vector<T> out;
        for (const Effect& effect : effects) {
            if (const auto* found = std::get_if<T>(&effect)) out.push_back(*found);
        }
        return out;
    }
    template <class T>
    [[nodiscard]] std::vector<T> sent() const {
        std::vector<T> out;
        for (const Effect& effect : effects) {
            const Message* message = nullptr;
            if (const auto* broadcast = std::get_if<Broadcast>(&effect))
                message = &broadcast->message;
            if (const auto* send = std::get_if<Send>(&effect)) message = &send->message;
            if (message == nullptr) continue;
            if (const auto* found = std::get_if<T>(message)) out.push_back(*found);
        }
        return out;
    }
    /// How often this very vote has gone out, bare or in a proposal.
    [[nodiscard]] std::size_t votes_sent(const Subject& subject) const {
        std::size_t count = 0;
        for (const Vote& vote : sent<Vote>()) count += vote.subject == subject ? 1U : 0U;
        for (const auto& proposal : sent<ProposalMessage>())
            count += proposal.vote.subject == subject ? 1U : 0U;
        return count;
    }

    [[nodiscard]] std::uint16_t leader(std::uint64_t view) const {
        return engine->leader_of(View{view}).value;
    }
    [[nodiscard]] Vote vote(std::uint16_t signer, const Subject& subject) const {
        const Bytes message = signed_bytes(config.chain, config.epoch, subject);
        return {config.epoch, subject, ValidatorIndex{signer}, sign_with(key_of(signer), message)};
    }
    void receive(std::uint16_t from, const Message& message) {
        feed(Received{ValidatorIndex{from}, message});
    }
    /// Votes of all others, or of the first `count` of them.
    void votes_of_others(const Subject& subject, std::size_t count = 99) {
        for (std::uint16_t i = 0; i < config.validators->size() && count > 0; ++i) {
            if (i == config.self->value) continue;
            receive(i, vote(i, subject));
            --count;
        }
    }
    [[nodiscard]] Certificate certificate(const Subject& subject,
                                          const std::vector<std::uint16_t>& signers) const {
        Certificate out{config.epoch, subject, {}, {}};
        out.signers.resize((config.validators->size() + 7) / 8);
        for (const std::uint16_t i : signers) {
            out.signers[i / 8U] = static_cast<std::uint8_t>(out.signers[i / 8U] | (1U << (i % 8U)));
            out.signatures.push_back(vote(i, subject).signature);
        }
        return out;
    }

    /// A block of this view on a parent, at the present wall clock.
    [[nodiscard]] SimBlock block(std::uint64_t view, const BlockHash& parent, std::uint64_t height,
                                 std::uint64_t salt = 0) const {
        SimBlock out;
        out.view = View{view};
        out.height = Height{height};
        out.parent = parent;
        out.timestamp = WallTime{kWall + now_ms};
        out.salt = salt;
        return out;
    }
    [[nodiscard]] BlockHash hash(const SimBlock& body) const {
        return reader.read(encode(body))->hash;
    }
    /// The leader's proposal, from the leader.
    void propose(const SimBlock& body, std::uint64_t parent_view) {
        const std::uint16_t from = leader(body.view.value);
        const Subject subject = Subject::notarize(body.view, {View{parent_view}, hash(body)});
        receive(from,
                ProposalMessage{vote(from, subject), BoundedBytes<kBlockBytesMax>(encode(body))});
    }
    void checked(const SimBlock& body, Verdict verdict, bool last = false) {
        feed(BlockChecked{body.view, hash(body), verdict, last});
    }
    /// Proposed, checked, notarized and finalized by everybody; returns the block's hash.
    BlockHash agree_on(std::uint64_t view, const BlockHash& parent, std::uint64_t parent_view,
                       std::uint64_t height, bool last = false) {
        now_ms += 60;
        const SimBlock body = block(view, parent, height);
        const Proposal proposal{View{parent_view}, hash(body)};
        propose(body, parent_view);
        checked(body, Verdict::valid, last);
        votes_of_others(Subject::notarize(View{view}, proposal));
        votes_of_others(Subject::finalize(View{view}, proposal));
        return hash(body);
    }
    /// The first view from `from` that this validator does, or does not, lead.
    [[nodiscard]] std::uint64_t view_led(bool by_self, std::uint64_t from) const {
        while ((leader(from) == config.self->value) != by_self) ++from;
        return from;
    }
    /// A self that does not lead views 1 to `count`.
    void follow_for(std::uint64_t count) {
        config.validators = config.validators;
        for (std::uint16_t self = 0; self < config.validators->size(); ++self) {
            config.self = ValidatorIndex{self};
            bool leads = false;
            for (std::uint64_t v = 1; v <= count; ++v)
                leads =
                    leads || elect_leader(*config.validators, config.seed, View{v}) == *config.self;
            if (!leads) return;
        }
        // Another seed gives another schedule.
        ++config.seed.bytes[0];
        follow_for(count);
    }
    void lead_first() { config.self = elect_leader(*config.validators, config.seed, View{1}); }

    /// Skips views by certificates, each with a proposal on the floor that nobody votes for and
    /// that is higher in hash than a quarter of all, until no more fit; returns the view then.
    std::uint64_t fill_with_junk(std::uint64_t view) {
        for (std::size_t stored = 0; stored < 2 * kBlocksMax; ++view) {
            if (leader(view) != config.self->value) {
                wait(1'000'000);
                SimBlock body = block(view, {}, 1);
                while (hash(body).bytes[0] < 0x40) ++body.salt;
                propose(body, 0);
                ++stored;
            }
            receive(1, certificate(Subject::nullify(View{view}), {0, 1, 2, 3}));
        }
        return view;
    }

    Config config;
    sim::SimReader reader;
    sim::SimVerifier verifier;
    std::unique_ptr<Simplex> engine;
    std::vector<Record> log;
    std::vector<Effect> effects;
    std::uint64_t now_ms = 1'000;
    std::size_t persists = 0;
    bool disk_works = true;
};

}  // namespace

TEST_SUITE("consensus/simplex") {
    TEST_CASE("a proposal is executed, notarized, finalized, and final") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock body = bench.block(1, {}, 1);
        const Proposal proposal{View{0}, bench.hash(body)};
        bench.propose(body, 0);
        REQUIRE(bench.all<CheckBlock>().size() == 1);
        CHECK(bench.votes_sent(Subject::notarize(View{1}, proposal)) == 0);
        bench.checked(body, Verdict::valid);
        CHECK(bench.votes_sent(Subject::notarize(View{1}, proposal)) == 1);
        CHECK(bench.engine->current_view() == View{1});
        bench.votes_of_others(Subject::notarize(View{1}, proposal), 2);
        CHECK(bench.engine->current_view() == View{2});
        CHECK(bench.votes_sent(Subject::finalize(View{1}, proposal)) == 1);
        CHECK(bench.all<Finalize>().empty());
        bench.votes_of_others(Subject::finalize(View{1}, proposal));
        REQUIRE(bench.all<Finalize>().size() == 1);
        const Finalize final = bench.all<Finalize>()[0];
        REQUIRE(final.blocks.size() == 1);
        CHECK(final.blocks[0]->facts.hash == bench.hash(body));
        CHECK(check_certificate(final.certificate, bench.config.chain, Epoch{0},
                                *bench.config.validators, bench.verifier)
                  .has_value());
    }

    TEST_CASE("a leader is told the newest vote of each validator that it has heard") {
        Bench bench(7);
        bench.start();
        const std::uint64_t own = bench.view_led(true, 4);
        // Nobody agrees on anything; one validator is never heard, another only in the first view.
        const auto self = bench.config.self->value;
        const auto silent = static_cast<std::uint16_t>((self + 1) % 7);
        const auto lost = static_cast<std::uint16_t>((self + 2) % 7);
        bench.receive(lost, bench.vote(lost, Subject::nullify(View{1})));
        for (std::uint64_t view = 1; view < own; ++view) {
            for (std::uint16_t i = 0; i < 7; ++i)
                if (i != self && i != silent && i != lost)
                    bench.receive(i, bench.vote(i, Subject::nullify(View{view})));
            // After a time-out of its own this validator completes the quorum.
            for (int i = 0; i < 100 && bench.engine->current_view() == View{view}; ++i)
                bench.wait(1'000);
        }
        REQUIRE(bench.engine->current_view() == View{own});
        bench.wait(1'000);
        REQUIRE(!bench.all<BuildBlock>().empty());
        const BuildBlock ask = bench.all<BuildBlock>().back();
        REQUIRE(ask.view == View{own});
        std::map<std::uint16_t, View> heard;
        for (const Vote& vote : ask.votes) {
            CHECK(vote == bench.vote(vote.signer.value, vote.subject));
            CHECK(heard.emplace(vote.signer.value, vote.subject.view).second);
        }
        CHECK(!heard.contains(silent));
        CHECK(heard.at(lost) == View{1});
        for (std::uint16_t i = 0; i < 7; ++i)
            if (i != silent && i != lost) CHECK(heard.at(i) == View{own - 1});
    }

    TEST_CASE("a single validator needs nobody and no timer") {
        Bench bench(1);
        bench.start();
        for (std::uint64_t height = 1; height <= 5; ++height) {
            const auto asked = bench.all<BuildBlock>();
            REQUIRE(asked.size() == height);
            const BuildBlock ask = asked.back();
            bench.now_ms += 50;
            const SimBlock body =
                bench.block(ask.view.value, ask.parent.hash, ask.parent.height.value + 1);
            bench.feed(BlockBuilt{ask.view, encode(body), false});
            bench.wait(50);
            CHECK(bench.engine->finalized().block.height == Height{height});
            bench.feed(FinalizedDurably{bench.hash(body)});
        }
    }

    TEST_CASE("nothing is signed before its record is durable") {
        Bench bench;
        bench.follow_for(1);
        bench.disk_works = false;
        bench.start();
        bench.propose(bench.block(1, {}, 1), 0);
        bench.checked(bench.block(1, {}, 1), Verdict::valid);
        // The log's beginning, then the vote.
        REQUIRE(bench.all<Persist>().size() == 2);
        CHECK(bench.all<Sign>().empty());
        bench.feed(Persisted{bench.all<Persist>()[1].id});
        CHECK(bench.all<Sign>().size() == 1);
        // The block is in the same write as the vote for it.
        CHECK(std::holds_alternative<BlockRecord>(bench.all<Persist>()[1].records[0]));
    }

    TEST_CASE("a second proposal of one view neither kills nor convinces (1)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock first = bench.block(1, {}, 1, 1);
        const SimBlock second = bench.block(1, {}, 1, 2);
        bench.propose(first, 0);
        bench.propose(second, 0);
        bench.checked(first, Verdict::valid);
        CHECK(bench.votes_sent(Subject::notarize(View{1}, {View{0}, bench.hash(first)})) == 1);
        CHECK(bench.votes_sent(Subject::notarize(View{1}, {View{0}, bench.hash(second)})) == 0);
        CHECK(bench.all<FoundEvidence>().size() == 1);
        // The quorum takes the second: go on with it, but finalize nothing of an equivocator.
        const Proposal proposal{View{0}, bench.hash(second)};
        bench.votes_of_others(Subject::notarize(View{1}, proposal));
        REQUIRE(bench.sent<BlockRequest>().size() == 1);
        bench.receive(1, BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(second))});
        bench.checked(second, Verdict::valid);
        CHECK(bench.engine->current_view() == View{2});
        CHECK(bench.votes_sent(Subject::finalize(View{1}, proposal)) == 0);
    }

    TEST_CASE("one vote received twice is no evidence (2)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const Vote vote = bench.vote(bench.leader(1), Subject::nullify(View{1}));
        bench.receive(bench.leader(1), vote);
        bench.receive(bench.leader(1), vote);
        CHECK(bench.all<FoundEvidence>().empty());
    }

    TEST_CASE("own votes of the log count again and go out again, the same bytes (3)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        bench.wait(5'000);
        const Subject nullify = Subject::nullify(View{1});
        REQUIRE(bench.votes_sent(nullify) == 1);
        const Vote before = bench.sent<Vote>()[0];
        bench.restart();
        REQUIRE(bench.votes_sent(nullify) == 1);
        CHECK(bench.sent<Vote>()[0] == before);
        // Two others make the quorum of three only if the own vote counts.
        bench.votes_of_others(nullify, 2);
        CHECK(bench.engine->current_view() == View{2});
        // And the retry is armed after the restart.
        bench.restart();
        CHECK(bench.engine->current_view() == View{2});
    }

    TEST_CASE("a notarization after the own nullify is certified all the same (4)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        bench.wait(5'000);
        const SimBlock body = bench.block(1, {}, 1);
        const Proposal proposal{View{0}, bench.hash(body)};
        bench.propose(body, 0);
        CHECK(bench.all<CheckBlock>().empty());
        bench.votes_of_others(Subject::notarize(View{1}, proposal));
        REQUIRE(bench.all<CheckBlock>().size() == 1);
        CHECK(bench.all<CheckBlock>()[0].certified);
        bench.checked(body, Verdict::valid);
        CHECK(bench.engine->current_view() == View{2});
        CHECK(bench.votes_sent(Subject::notarize(View{1}, proposal)) == 0);
        CHECK(bench.votes_sent(Subject::finalize(View{1}, proposal)) == 0);
    }

    TEST_CASE("no nullify after finalize, no finalize after nullify, also over a restart (5, 6)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock body = bench.block(1, {}, 1);
        const Proposal proposal{View{0}, bench.hash(body)};
        bench.propose(body, 0);
        bench.checked(body, Verdict::valid);
        bench.votes_of_others(Subject::notarize(View{1}, proposal));
        REQUIRE(bench.votes_sent(Subject::finalize(View{1}, proposal)) == 1);
        bench.restart();
        bench.wait(60'000);
        CHECK(bench.votes_sent(Subject::nullify(View{1})) == 0);
        CHECK(bench.votes_sent(Subject::finalize(View{1}, proposal)) == 1);
    }

    TEST_CASE("one nullify per view, whatever triggers it (7)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock body = bench.block(1, {}, 1);
        bench.propose(body, 0);
        bench.checked(body, Verdict::invalid);
        bench.receive(bench.leader(1), bench.vote(bench.leader(1), Subject::nullify(View{1})));
        bench.wait(5'000);
        std::size_t records = 0;
        for (const Record& record : bench.log)
            records += std::holds_alternative<VoteRecord>(record) ? 1U : 0U;
        CHECK(records == 1);
    }

    TEST_CASE("a leader builds once, and after a restart does not build again (8)") {
        Bench bench;
        bench.lead_first();
        bench.start();
        REQUIRE(bench.all<BuildBlock>().size() == 1);
        const SimBlock body = bench.block(1, {}, 1);
        bench.feed(BlockBuilt{View{1}, encode(body), false});
        bench.feed(BlockBuilt{View{1}, encode(bench.block(1, {}, 1, 9)), false});
        CHECK(bench.sent<ProposalMessage>().size() == 1);
        bench.restart();
        CHECK(bench.all<BuildBlock>().empty());
        REQUIRE(bench.sent<ProposalMessage>().size() == 1);
        CHECK(bench.sent<ProposalMessage>()[0].block == encode(body));
    }

    TEST_CASE("a verdict on one block is none on another (9)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock body = bench.block(1, {}, 1);
        bench.propose(body, 0);
        bench.checked(bench.block(1, {}, 1, 5), Verdict::valid);
        CHECK(bench.votes_sent(Subject::notarize(View{1}, {View{0}, bench.hash(body)})) == 0);
    }

    TEST_CASE("a finalization that arrives whole is acted on, its blocks are fetched (12)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock first = bench.block(1, {}, 1);
        bench.now_ms += 60;
        const SimBlock second = bench.block(2, bench.hash(first), 2);
        const Subject subject = Subject::finalize(View{2}, {View{1}, bench.hash(second)});
        const std::uint16_t other = bench.config.self->value == 0 ? 1 : 0;
        bench.receive(other, bench.certificate(subject, {0, 1, 2, 3}));
        CHECK(bench.engine->current_view() == View{3});
        for (const SimBlock& body : {second, first}) {
            REQUIRE(bench.sent<BlockRequest>().back().block == bench.hash(body));
            bench.receive(other,
                          BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(body))});
        }
        REQUIRE(bench.all<Finalize>().size() == 1);
        const auto blocks = bench.all<Finalize>()[0].blocks;
        REQUIRE(blocks.size() == 2);
        CHECK(blocks[0]->facts.hash == bench.hash(first));
        CHECK(blocks[1]->facts.hash == bench.hash(second));
    }

    TEST_CASE("a signer out of range costs its sender and nothing else (17)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        Vote vote = bench.vote(1, Subject::nullify(View{1}));
        for (const std::uint16_t signer : std::array<std::uint16_t, 3>{4, 240, 65535}) {
            vote.signer = ValidatorIndex{signer};
            const std::size_t before = bench.all<Blame>().size();
            bench.receive(bench.leader(1), vote);
            CHECK(bench.all<Blame>().size() == before + 1);
        }
    }

    TEST_CASE("a validator that lost its table observes (19)") {
        Bench bench;
        bench.follow_for(1);
        bench.config.may_vote = false;
        bench.start();
        bench.agree_on(1, {}, 0, 1);
        bench.wait(60'000);
        CHECK(bench.all<Sign>().empty());
        CHECK(bench.engine->finalized().block.height == Height{1});
    }

    TEST_CASE("a log that may stand in the place of a lost one makes an observer") {
        struct Row {
            const char* name;
            std::size_t validators;
            std::uint64_t height;
            std::uint64_t began;
            std::optional<TableRecord> held;
            bool may_vote;
        };
        const WallTime since{kWall + 5'000};
        const Row rows[] = {
            {"before the first block there is nothing to lose", 4, 0, 0, {}, true},
            {"behind it there may be", 4, 9, kWall - 10, {}, false},
            {"one validator contradicts nobody", 1, 9, kWall - 10, {}, true},
            {"whole in this epoch", 4, 9, kWall, TableRecord{Epoch{3}, since}, true},
            {"whole in another", 4, 9, kWall, TableRecord{Epoch{2}, since}, false},
            {"begun in this epoch", 4, 9, kWall + 4'999, TableRecord{{}, since}, false},
            {"begun before it", 4, 9, kWall + 5'000, TableRecord{{}, since}, true},
            {"its beginning is not known", 4, 9, 0, TableRecord{{}, since}, false},
            {"there from the start", 4, 9, 0, TableRecord{{}, WallTime{0}}, true},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            Bench bench(row.validators);
            bench.config.epoch = Epoch{3};
            bench.config.began = WallTime{row.began};
            bench.config.floor.block.height = Height{row.height};
            if (row.held) bench.log.push_back(*row.held);
            bench.start();
            CHECK(bench.engine->may_vote() == row.may_vote);
            bench.wait(60'000);
            CHECK(bench.all<Sign>().empty() != row.may_vote);
            // What a log says of itself is said once, and outlives its rewriting.
            const auto count = [](const std::vector<Record>& log) {
                return std::count_if(log.begin(), log.end(), [](const Record& record) {
                    return std::holds_alternative<TableRecord>(record);
                });
            };
            CHECK(count(bench.log) == 1);
            CHECK(count(bench.engine->snapshot_records()) == 1);
            CHECK(std::holds_alternative<TableRecord>(bench.log.front()));
            bench.restart();
            CHECK(bench.engine->may_vote() == row.may_vote);
            CHECK(count(bench.log) == 1);
        }
    }

    TEST_CASE("a log begun with the chain is trusted ever after, a later one from its time on") {
        for (const bool is_late : {false, true}) {
            CAPTURE(is_late);
            Bench bench;
            bench.config.floor.block.timestamp = WallTime{kWall};
            bench.now_ms = is_late ? kGenesisFreshMs : kGenesisFreshMs - 1;
            bench.start();
            REQUIRE(std::holds_alternative<TableRecord>(bench.log.at(0)));
            const auto& held = std::get<TableRecord>(bench.log.at(0));
            CHECK(held.whole == Epoch{0});
            CHECK(held.since.value == (is_late ? kWall + bench.now_ms + 1'000 : 0));
        }
    }

    TEST_CASE("a log begun by a clock that is behind the chain begins with the chain's time") {
        for (const std::uint64_t ahead_ms : {std::uint64_t{5'000}, 2 * kGenesisFreshMs}) {
            for (const bool is_first : {false, true}) {
                CAPTURE(ahead_ms);
                CAPTURE(is_first);
                Bench bench;
                const WallTime newest{kWall + ahead_ms};
                bench.config.floor.block.timestamp = newest;
                if (!is_first) bench.config.floor.block.height = Height{9};
                bench.start();
                const auto& held = std::get<TableRecord>(bench.log.at(0));
                CHECK(held.since.value == newest.value + 2 * bench.config.timing.early_max_ms);
            }
        }
    }

    TEST_CASE("a log that contradicts itself takes the vote away") {
        Bench bench;
        bench.follow_for(1);
        BlockHash other;
        other.bytes[0] = 1;
        bench.log = {VoteRecord{Epoch{0}, Subject::notarize(View{1}, {})},
                     VoteRecord{Epoch{0}, Subject::notarize(View{1}, {View{0}, other})}};
        bench.start();
        bench.wait(60'000);
        CHECK(bench.all<Sign>().empty());
    }

    TEST_CASE("records of another epoch are not read") {
        Bench bench;
        bench.follow_for(1);
        bench.log = {VoteRecord{Epoch{7}, Subject::nullify(View{1})},
                     FloorRecord{Epoch{7}, View{50}}};
        bench.start();
        CHECK(bench.engine->votes().subjects().empty());
        CHECK(bench.engine->votes().floor() == View{1});
    }

    TEST_CASE("an early block is held until it is due, then voted for") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        SimBlock body = bench.block(1, {}, 1);
        body.timestamp.value += bench.config.timing.early_max_ms + 30;
        bench.propose(body, 0);
        CHECK(bench.all<CheckBlock>().empty());
        REQUIRE_FALSE(bench.all<SetTimer>().empty());
        CHECK(bench.all<SetTimer>().back().at_ms == bench.now_ms + 30);
        bench.wait(30);
        CHECK(bench.all<CheckBlock>().size() == 1);
        CHECK(bench.votes_sent(Subject::nullify(View{1})) == 0);
    }

    TEST_CASE("a pending verdict costs nothing, an invalid one the view") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock body = bench.block(1, {}, 1);
        bench.propose(body, 0);
        bench.checked(body, Verdict::pending);
        CHECK(bench.votes_sent(Subject::nullify(View{1})) == 0);
        bench.checked(body, Verdict::invalid);
        CHECK(bench.votes_sent(Subject::nullify(View{1})) == 1);
    }

    TEST_CASE("a proposal over a skipped view waits for the nullification") {
        Bench bench;
        bench.follow_for(2);
        bench.start();
        // View 1 is left by a nullification that we have: then view 2 on the floor is justified.
        bench.votes_of_others(Subject::nullify(View{1}));
        const SimBlock body = bench.block(2, {}, 1);
        bench.propose(body, 0);
        CHECK(bench.all<CheckBlock>().size() == 1);

        Bench lacking;
        lacking.config.seed = bench.config.seed;
        lacking.config.self = bench.config.self;
        lacking.start();
        // View 1 is left by a notarization: a proposal that skips it is not voted for, but asked
        // about, the leader first.
        lacking.agree_on(1, {}, 0, 1);
        lacking.effects.clear();
        Bench& l = lacking;
        CHECK(l.engine->current_view() == View{2});
        const SimBlock skipping = l.block(2, {}, 1, 3);
        l.propose(skipping, 0);
        CHECK(l.all<CheckBlock>().empty());
        CHECK(l.votes_sent(Subject::notarize(View{2}, {View{0}, l.hash(skipping)})) == 0);
    }

    TEST_CASE("time-outs grow by half from the last finalization, up to the cap") {
        Bench bench;
        bench.follow_for(1);
        bench.config.may_vote = true;
        bench.start();
        std::vector<std::uint64_t> waits;
        for (std::uint64_t view = 1; view <= 24; ++view) {
            std::uint64_t waited = 0;
            const bool leads = bench.leader(view) == bench.config.self->value;
            while (!bench.engine->votes().contains(Subject::nullify(View{view})) &&
                   waited < 200'000) {
                bench.wait(10);
                waited += 10;
            }
            bench.effects.clear();
            if (!leads) waits.push_back(waited);
            bench.votes_of_others(Subject::nullify(View{view}));
            REQUIRE(bench.engine->current_view() == View{view + 1});
        }
        CHECK(waits.front() >= 200);
        CHECK(waits.front() <= 220);
        CHECK(std::is_sorted(waits.begin(), waits.end()));
        CHECK(waits.back() <= 60'010);
        CHECK(waits.back() >= 59'990);
    }

    TEST_CASE("after a nullify the vote and the entry certificate go out again and again") {
        Bench bench;
        bench.follow_for(2);
        bench.start();
        bench.votes_of_others(Subject::nullify(View{1}));
        bench.wait(1'000);
        REQUIRE(bench.votes_sent(Subject::nullify(View{2})) == 1);
        bench.effects.clear();
        bench.wait(1'100);
        CHECK(bench.votes_sent(Subject::nullify(View{2})) == 1);
        REQUIRE(bench.sent<Certificate>().size() == 1);
        CHECK(bench.sent<Certificate>()[0].subject == Subject::nullify(View{1}));
    }

    TEST_CASE("questions are answered with what was asked, or with finality") {
        Bench bench;
        bench.follow_for(3);
        bench.start();
        const BlockHash first = bench.agree_on(1, {}, 0, 1);
        bench.votes_of_others(Subject::nullify(View{2}));
        bench.effects.clear();
        const std::uint16_t from = bench.leader(1);
        bench.receive(from, CertificateRequest{Epoch{0}, View{2}, VoteKind::nullify});
        REQUIRE(bench.sent<Certificate>().size() == 1);
        CHECK(bench.sent<Certificate>()[0].subject == Subject::nullify(View{2}));
        bench.receive(from, CertificateRequest{Epoch{0}, View{2}, VoteKind::notarize});
        CHECK(bench.sent<Certificate>().size() == 1);
        bench.receive(from, CertificateRequest{Epoch{0}, View{1}, VoteKind::nullify});
        REQUIRE(bench.sent<Certificate>().size() == 2);
        CHECK(bench.sent<Certificate>()[1].subject == Subject::finalize(View{1}, {View{0}, first}));
        bench.receive(from, BlockRequest{Epoch{0}, first});
        CHECK(bench.sent<BlockResponse>().size() == 1);
        bench.feed(FinalizedDurably{first});
        bench.receive(from, BlockRequest{Epoch{0}, first});
        CHECK(bench.all<ServeBlock>().size() == 1);
    }

    TEST_CASE("votes for far views are not kept, and unasked blocks neither (bounds)") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const std::size_t rounds = bench.engine->sizes().rounds;
        for (std::uint64_t view = 3; view < 300; ++view)
            bench.receive(1, bench.vote(1, Subject::nullify(View{view})));
        CHECK(bench.engine->sizes().rounds == rounds);
        for (std::uint64_t salt = 0; salt < 300; ++salt) {
            bench.receive(1, BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(
                                                         encode(bench.block(1, {}, 1, salt)))});
        }
        CHECK(bench.engine->sizes().blocks == 0);
    }

    TEST_CASE("a block that no chain can hold at its view is not kept, and costs the view") {
        for (const bool asked_for : {false, true}) {
            CAPTURE(asked_for);
            for (int kind = 0; kind < 4; ++kind) {
                CAPTURE(kind);
                Bench bench;
                bench.follow_for(1);
                bench.start();
                SimBlock body = bench.block(1, {}, 1);
                if (kind == 0) body.height = Height{std::uint64_t{1} << 63U};
                if (kind == 1) body.height = Height{2};
                if (kind == 2) body.epoch = Epoch{1};
                if (kind == 3) body.view = View{2};
                const std::uint16_t from = bench.leader(1);
                const Subject subject = Subject::notarize(View{1}, {View{0}, bench.hash(body)});
                const BoundedBytes<kBlockBytesMax> bytes(encode(body));
                const Vote vote = bench.vote(from, subject);
                if (asked_for) {
                    bench.receive(from, vote);
                    REQUIRE(bench.sent<BlockRequest>().size() == 1);
                    bench.receive(from, BlockResponse{Epoch{0}, bytes});
                } else {
                    bench.receive(from, ProposalMessage{vote, bytes});
                }
                CHECK(bench.engine->sizes().blocks == 0);
                CHECK(bench.votes_sent(Subject::nullify(View{1})) == 1);
                CHECK(bench.sent<BlockRequest>().size() == (asked_for ? 1 : 0));
            }
        }
    }

    TEST_CASE("blocks of passed views that nobody here voted for are let go") {
        Bench bench;
        bench.follow_for(5);
        bench.start();
        for (std::uint64_t view = 1; view <= 4; ++view) {
            bench.wait(5'000);
            REQUIRE(bench.votes_sent(Subject::nullify(View{view})) == 1);
            bench.propose(bench.block(view, {}, 1), 0);
            bench.votes_of_others(Subject::nullify(View{view}));
        }
        CHECK(bench.engine->sizes().blocks == 4);
        bench.agree_on(5, {}, 0, 1);
        REQUIRE(bench.engine->finalized().view == View{5});
        CHECK(bench.engine->sizes().blocks == 1);
    }

    TEST_CASE("junk does not drive out what is being fetched because it is final") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        // The memory full of blocks that a chain could hold, with hashes above those of the chain.
        const std::uint64_t views = bench.fill_with_junk(1);
        const auto low = [&](SimBlock body) {
            while (bench.hash(body).bytes[0] >= 0x40) ++body.salt;
            return body;
        };
        const SimBlock first = low(bench.block(views - 3, {}, 1));
        const SimBlock second = low(bench.block(views - 2, bench.hash(first), 2));
        const SimBlock third = low(bench.block(views - 1, bench.hash(second), 3));
        const Proposal proposal{View{views - 2}, bench.hash(third)};
        const std::uint16_t from = bench.leader(1);
        bench.receive(from,
                      bench.certificate(Subject::finalize(third.view, proposal), {0, 1, 2, 3}));
        for (const SimBlock* body : {&third, &second, &first}) {
            REQUIRE(bench.sent<BlockRequest>().back().block == bench.hash(*body));
            bench.receive(from,
                          BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(*body))});
        }
        REQUIRE(bench.all<Finalize>().size() == 1);
        CHECK(bench.all<Finalize>()[0].blocks.size() == 3);
    }

    TEST_CASE("a certified block that was let go can be built on") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        // Nullified here before the others notarize it: executed, and not in the log.
        bench.wait(5'000);
        SimBlock body = bench.block(1, {}, 1);
        while (bench.hash(body).bytes[0] >= 0x40) ++body.salt;
        bench.propose(body, 0);
        bench.votes_of_others(Subject::notarize(View{1}, {View{0}, bench.hash(body)}));
        bench.checked(body, Verdict::valid);
        REQUIRE(bench.engine->current_view() == View{2});
        std::uint64_t view = bench.fill_with_junk(2);
        view = bench.view_led(false, view);
        for (std::uint64_t skipped = bench.engine->current_view().value; skipped < view; ++skipped)
            bench.receive(1, bench.certificate(Subject::nullify(View{skipped}), {0, 1, 2, 3}));
        bench.effects.clear();
        bench.now_ms += 60;
        bench.propose(bench.block(view, bench.hash(body), 2), 1);
        CHECK(bench.all<CheckBlock>().size() == 1);
    }

    TEST_CASE("a block that was let go before the vote is asked for, and is in the log with it") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        std::uint64_t view = bench.fill_with_junk(1);
        const auto self = bench.config.self->value;
        for (; bench.leader(view) == self || bench.leader(view + 1) == self ||
               bench.leader(view + 2) == self;
             ++view)
            bench.receive(1, bench.certificate(Subject::nullify(View{view}), {0, 1, 2, 3}));
        const SimBlock first = bench.block(view, {}, 1);
        bench.propose(first, 0);
        bench.checked(first, Verdict::valid);
        bench.votes_of_others(Subject::notarize(View{view}, {View{0}, bench.hash(first)}));
        REQUIRE(bench.engine->current_view() == View{view + 1});
        // The highest, and the lowest by hash: nothing goes before it.
        bench.now_ms += 60;
        SimBlock second = bench.block(view + 1, bench.hash(first), 2);
        while (bench.hash(second).bytes[0] >= 2) ++second.salt;
        bench.propose(second, view);
        REQUIRE(bench.all<CheckBlock>().back().block->facts.hash == bench.hash(second));
        bench.propose(bench.block(view + 2, {}, 1), 0);
        const std::size_t log_before = bench.log.size();
        bench.effects.clear();
        bench.checked(second, Verdict::valid);
        CHECK(bench.log.size() == log_before);
        REQUIRE(bench.sent<BlockRequest>().size() == 1);
        CHECK(bench.sent<BlockRequest>()[0].block == bench.hash(second));
        bench.receive(bench.leader(view + 1),
                      BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(second))});
        CHECK(bench.votes_sent(
                  Subject::notarize(View{view + 1}, {View{view}, bench.hash(second)})) == 1);
        REQUIRE(bench.log.size() == log_before + 2);
        CHECK(std::holds_alternative<BlockRecord>(bench.log[log_before]));
        CHECK(std::holds_alternative<VoteRecord>(bench.log[log_before + 1]));
    }

    TEST_CASE("the boundary block is proposed again, and nothing else, until it is final") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock body = bench.block(1, {}, 1);
        const Proposal proposal{View{0}, bench.hash(body)};
        bench.propose(body, 0);
        bench.checked(body, Verdict::valid, true);
        bench.votes_of_others(Subject::notarize(View{1}, proposal));
        REQUIRE(bench.engine->current_view() == View{2});
        std::uint64_t view = 2;
        // Views of others pass by nullification, until one of our own comes.
        for (; bench.leader(view) != bench.config.self->value; ++view) {
            const SimBlock child = bench.block(view, bench.hash(body), 2);
            if (view == 2) {
                bench.propose(child, 1);
                CHECK(bench.votes_sent(Subject::notarize(View{2}, {View{1}, bench.hash(child)})) ==
                      0);
            }
            bench.votes_of_others(Subject::nullify(View{view}));
        }
        const Proposal again{View{1}, bench.hash(body)};
        CHECK(bench.all<BuildBlock>().empty());
        REQUIRE(bench.votes_sent(Subject::notarize(View{view}, again)) == 1);
        bench.votes_of_others(Subject::notarize(View{view}, again));
        bench.votes_of_others(Subject::finalize(View{view}, again));
        REQUIRE(bench.all<EpochEnded>().size() == 1);
        CHECK(bench.all<EpochEnded>()[0].boundary == bench.hash(body));
        CHECK(bench.engine->is_closed());
        // The closed engine helps who is behind, and votes no more.
        bench.effects.clear();
        const std::uint16_t behind = bench.leader(1);
        bench.wait(5'000);
        bench.receive(behind, bench.vote(behind, Subject::nullify(View{view})));
        REQUIRE(bench.sent<Certificate>().size() == 1);
        CHECK(bench.sent<Certificate>()[0].subject.kind == VoteKind::finalize);
        CHECK(bench.all<Sign>().empty());
    }

    TEST_CASE("a leader that was silent while a quorum was heard is not waited for") {
        Bench bench;
        bench.follow_for(2);
        bench.start();
        bench.now_ms += bench.config.timing.skip_ms + 1'000;
        const std::uint16_t absent = bench.leader(2);
        std::size_t heard = 0;
        for (std::uint16_t i = 0; i < 4; ++i) {
            if (i == absent || i == bench.config.self->value) continue;
            bench.receive(i, bench.vote(i, Subject::nullify(View{1})));
            ++heard;
        }
        REQUIRE(heard == 2);
        CHECK(bench.engine->current_view() == View{2});
        CHECK(bench.votes_sent(Subject::nullify(View{2})) == 1);
    }

    TEST_CASE("two conflicting finalizations stop the engine and are laid open") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        bench.agree_on(1, {}, 0, 1);
        BlockHash other;
        other.bytes[0] = 9;
        const Subject subject = Subject::finalize(View{1}, {View{0}, other});
        bench.effects.clear();
        bench.receive(bench.leader(1), bench.certificate(subject, {0, 1, 2, 3}));
        REQUIRE(bench.all<Halt>().size() == 1);
        CHECK(bench.all<Halt>()[0].reason == HaltReason::conflicting_finality);
        CHECK(bench.all<FoundEvidence>().size() >= 3);
        CHECK(bench.sent<Certificate>().size() >= 2);
        bench.effects.clear();
        bench.wait(60'000);
        CHECK(bench.all<Sign>().empty());
    }

    TEST_CASE("a leader that repeats its vote is alive, one whose votes others repeat is not") {
        for (const bool by_itself : {true, false}) {
            CAPTURE(by_itself);
            Bench bench;
            bench.follow_for(2);
            bench.start();
            const std::uint16_t leader = bench.leader(2);
            std::vector<std::uint16_t> others;
            for (std::uint16_t i = 0; i < 4; ++i) {
                if (i != leader && i != bench.config.self->value) others.push_back(i);
            }
            const Vote nullify = bench.vote(leader, Subject::nullify(View{1}));
            bench.receive(leader, nullify);
            bench.wait(bench.config.timing.skip_ms + 1'000);
            // The others are heard, and complete the quorum of view 1.
            for (const std::uint16_t i : others)
                bench.receive(i, bench.vote(i, Subject::nullify(View{2})));
            bench.receive(by_itself ? leader : others[0], nullify);
            bench.receive(others[0], bench.vote(others[0], Subject::nullify(View{1})));
            REQUIRE(bench.engine->current_view() >= View{2});
            CHECK(bench.engine->votes().contains(Subject::nullify(View{2})) == !by_itself);
        }
    }

    TEST_CASE("a final block above one that is not ours stops the engine when it is fetched") {
        // At the height of the own final block: the child says it; below: the block itself.
        for (const std::uint64_t height : {2U, 4U}) {
            CAPTURE(height);
            Bench bench;
            bench.follow_for(3);
            bench.start();
            const BlockHash first = bench.agree_on(1, {}, 0, 1);
            bench.votes_of_others(Subject::nullify(View{2}));
            bench.agree_on(3, first, 1, 2);
            REQUIRE(bench.engine->finalized().view == View{3});
            const SimBlock other = bench.block(2, {}, height - 1, 5);
            const SimBlock above = bench.block(9, bench.hash(other), height + 1, 5);
            const std::uint16_t from = bench.leader(1);
            const Subject subject = Subject::finalize(View{9}, {View{2}, bench.hash(above)});
            bench.receive(from, bench.certificate(subject, {0, 1, 2, 3}));
            for (const SimBlock* body : {&above, &other})
                bench.receive(from,
                              BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(*body))});
            REQUIRE(bench.all<Halt>().size() == 1);
            CHECK(bench.all<Halt>()[0].reason == HaltReason::conflicting_finality);
        }
    }

    TEST_CASE("a closed engine still finds evidence, and a second final boundary block stops it") {
        BlockHash other;
        other.bytes[0] = 9;
        for (const std::uint64_t view : {1U, 2U}) {
            CAPTURE(view);
            Bench bench;
            bench.follow_for(1);
            bench.start();
            const BlockHash boundary = bench.agree_on(1, {}, 0, 1, true);
            REQUIRE(bench.engine->is_closed());
            bench.effects.clear();
            const std::size_t log_size = bench.log.size();
            const std::uint16_t from = bench.leader(1);
            // The same block once more is what others may have agreed on: nothing is wrong.
            const Subject again = Subject::finalize(View{3}, {View{1}, boundary});
            bench.receive(from, bench.certificate(again, {0, 1, 2, 3}));
            CHECK(bench.all<Halt>().empty());
            bench.receive(from, bench.vote(from, Subject::finalize(View{1}, {View{0}, other})));
            CHECK(bench.all<FoundEvidence>().size() >= 1);
            for (const FoundEvidence& found : bench.all<FoundEvidence>())
                CHECK(found.evidence.first.signer.value == from);
            bench.effects.clear();
            const Subject subject = Subject::finalize(View{view}, {View{0}, other});
            bench.receive(from, bench.certificate(subject, {0, 1, 2, 3}));
            REQUIRE(bench.all<Halt>().size() == 1);
            CHECK(bench.all<Halt>()[0].reason == HaltReason::conflicting_finality);
            CHECK(bench.sent<Certificate>().size() >= 2);
            // It is no longer its log, and no longer its turn to vote.
            CHECK(bench.log.size() == log_size);
            CHECK(bench.all<Sign>().empty());
        }
    }

    TEST_CASE("a finalization far ahead asks for sync") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const SimBlock far = bench.block(900, {}, 800);
        const Subject subject = Subject::finalize(View{900}, {View{899}, bench.hash(far)});
        const std::uint16_t from = bench.leader(1);
        bench.receive(from, bench.certificate(subject, {0, 1, 2, 3}));
        bench.receive(from, BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(far))});
        CHECK(bench.all<FellBehind>().size() == 1);
    }

    TEST_CASE("a validator that was away for more views than may pass without a block syncs") {
        const std::uint64_t far_view = 2 * kUnfinalizedViewsMax;
        for (const bool entry_first : {false, true}) {
            CAPTURE(entry_first);
            Bench bench;
            bench.follow_for(1);
            bench.start();
            const SimBlock far = bench.block(far_view, {}, far_view - 5);
            const Proposal proposal{View{far_view - 1}, bench.hash(far)};
            const std::uint16_t from = bench.leader(1);
            const Subject entry = Subject::nullify(View{far_view + 1});
            if (entry_first) {
                bench.receive(from, bench.certificate(entry, {0, 1, 2, 3}));
                CHECK(bench.engine->current_view() == View{1});
                const auto asked = bench.sent<CertificateRequest>();
                REQUIRE(asked.size() == 1);
                CHECK(asked[0].kind == VoteKind::finalize);
                CHECK(asked[0].view == View{1});
            }
            const Subject subject = Subject::finalize(View{far_view}, proposal);
            bench.receive(from, bench.certificate(subject, {0, 1, 2, 3}));
            bench.receive(from, BlockResponse{Epoch{0}, BoundedBytes<kBlockBytesMax>(encode(far))});
            CHECK(bench.all<Halt>().empty());
            CHECK(bench.all<FellBehind>().size() == 1);
            CHECK(bench.engine->current_view() == View{far_view + (entry_first ? 2 : 1)});
        }
    }

    TEST_CASE("a validator that went through too many views without a block stops") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        for (const std::uint64_t left : {kUnfinalizedViewsMax - 1, kUnfinalizedViewsMax}) {
            CHECK(bench.all<Halt>().empty());
            const Subject entry = Subject::nullify(View{left});
            bench.receive(1, bench.certificate(entry, {0, 1, 2, 3}));
        }
        REQUIRE(bench.all<Halt>().size() == 1);
        CHECK(bench.all<Halt>()[0].reason == HaltReason::too_many_views);
    }

    TEST_CASE("a peer behind is sent the finalization before the entry above it") {
        Bench bench;
        bench.follow_for(3);
        bench.start();
        const BlockHash first = bench.agree_on(1, {}, 0, 1);
        bench.votes_of_others(Subject::nullify(View{2}));
        bench.votes_of_others(Subject::nullify(View{3}));
        bench.wait(1'000);
        bench.effects.clear();
        const std::uint16_t behind = bench.leader(2);
        bench.receive(behind, bench.vote(behind, Subject::nullify(View{2})));
        REQUIRE(bench.sent<Certificate>().size() == 2);
        CHECK(bench.sent<Certificate>()[0].subject == Subject::finalize(View{1}, {View{0}, first}));
        CHECK(bench.sent<Certificate>()[1].subject == Subject::nullify(View{3}));
    }

    TEST_CASE("the application can be ahead of the log, and the log ahead of the application") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const BlockHash first = bench.agree_on(1, {}, 0, 1);
        const Certificate final = bench.all<Finalize>()[0].certificate;
        // Ahead is the log: the block is final again, out of it alone.
        bench.restart();
        REQUIRE(bench.all<Finalize>().size() == 1);
        CHECK(bench.all<Finalize>()[0].blocks[0]->facts.hash == first);
        // Ahead is the application: it gives its floor.
        bench.log.clear();
        bench.config.floor = {
            {first, Height{1}, WallTime{kWall + bench.now_ms}, false}, View{1}, final};
        bench.restart();
        CHECK(bench.engine->current_view() == View{2});
        CHECK_FALSE(bench.engine->votes().check(Subject::nullify(View{1})).has_value());
    }

    TEST_CASE("the compacted log restarts the same engine") {
        Bench bench;
        bench.follow_for(1);
        bench.start();
        const BlockHash first = bench.agree_on(1, {}, 0, 1);
        bench.feed(FinalizedDurably{first});
        bench.wait(10'000);
        const View view = bench.engine->current_view();
        const auto votes = bench.engine->votes().subjects();
        REQUIRE_FALSE(votes.empty());
        bench.log = bench.engine->snapshot_records();
        bench.config.floor = bench.engine->finalized();
        bench.restart();
        CHECK(bench.engine->current_view() == view);
        CHECK(bench.engine->votes().subjects() == votes);
        CHECK(bench.engine->votes().floor() == View{2});
    }

    TEST_CASE("a leader without work waits for the idle pace, with work for the least spacing") {
        Bench bench;
        bench.lead_first();
        bench.config.floor.block.timestamp = WallTime{kWall + bench.now_ms};
        bench.start();
        bench.feed(WorkWaiting{false});
        bench.wait(60);
        CHECK(bench.all<BuildBlock>().empty());
        bench.feed(WorkWaiting{true});
        CHECK(bench.all<BuildBlock>().size() == 1);

        Bench idle;
        idle.lead_first();
        idle.config.floor.block.timestamp = WallTime{kWall + idle.now_ms};
        idle.start();
        idle.feed(WorkWaiting{false});
        idle.wait(199);
        CHECK(idle.all<BuildBlock>().empty());
        idle.wait(1);
        CHECK(idle.all<BuildBlock>().size() == 1);
    }

    TEST_CASE("an application that cannot build gives its view away at once") {
        Bench bench;
        bench.lead_first();
        bench.start();
        bench.feed(BuildDeclined{View{1}});
        CHECK(bench.votes_sent(Subject::nullify(View{1})) == 1);
    }
}

}  // namespace millrace::consensus
