#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>

#include "consensus/simplex.hpp"
#include "tests/simulation/sim_block.hpp"

/// One engine on the bench: the test plays the network, the disk, the signer and the application.
namespace millrace::consensus {

using sim::key_of;
using sim::sign_with;
using sim::SimBlock;

inline constexpr std::uint64_t kWall = 1'000'000;

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

}  // namespace millrace::consensus
