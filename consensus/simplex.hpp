#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "consensus/events.hpp"
#include "consensus/leader.hpp"
#include "consensus/vote_table.hpp"

namespace millrace::consensus {

/// Votes and certificates of this many views below the last final one are kept in memory, so that
/// late votes still show evidence and slow peers find certificates.
inline constexpr std::uint64_t kRetentionViews = 64;
/// A finalization further ahead than this many blocks is a case for sync, not for fetching one by
/// one.
inline constexpr std::uint64_t kCatchUpBlocksMax = 64;
/// Views without a final block before the engine stops: at the capped time-outs about a week, in
/// which every view had a live quorum and none a block. It bounds memory and the log.
inline constexpr std::uint64_t kUnfinalizedViewsMax = 10'000;
/// Blocks in memory that are not final: one per view that can be voted in is usual, the rest is
/// fetched ancestors and equivocations.
inline constexpr std::size_t kBlocksMax = 2 * kCatchUpBlocksMax;
/// Questions to peers open at once.
inline constexpr std::size_t kRequestsMax = 64;

/// A log that is begun before the chain has a block, this soon after its genesis, was not begun
/// before: nobody can have lost one yet that mattered.
inline constexpr std::uint64_t kGenesisFreshMs = 600'000;

/// Milliseconds. Genesis parameters, equal for all, so that time-outs fit each other.
struct Timing {
    /// What a message between honest validators takes at most, in good times.
    std::uint64_t delta_ms = 500;
    /// The rule's least distance of block timestamps.
    std::uint64_t spacing_min_ms = 50;
    /// Leaders wait this long after the parent when there is nothing to do.
    std::uint64_t spacing_idle_ms = 1000;
    /// A block may be ahead of the own clock by this much; further ahead it is held until due.
    std::uint64_t early_max_ms = 500;
    std::uint64_t timeout_max_ms = 60'000;
    /// A leader silent for this long and a view's longest wait, while a quorum was heard, is not
    /// waited for.
    std::uint64_t skip_ms = 10'000;
};

/// Where an engine starts.
struct Floor {
    /// The last block that the application holds as final. In view 0 it is the boundary block of
    /// the epoch before.
    ParentBlock block;
    /// The view of this epoch in which it became final; 0 for the boundary block.
    View view;
    /// Its finalization, unless view is 0.
    std::optional<Certificate> certificate;
};

struct Config {
    /// `vote_domain` of the chain: what votes sign in its place.
    ChainId chain;
    Epoch epoch;
    std::shared_ptr<const ValidatorSet> validators;
    LeaderSeed seed;
    /// None: an observer, who counts and follows.
    std::optional<ValidatorIndex> self;
    /// False: an observer, whatever the log says.
    bool may_vote = true;
    Timing timing;
    Floor floor;
    /// Timestamp of the last block of the epoch before; 0 in the first epoch, and where it is not
    /// known: then only a log that was whole before is trusted.
    WallTime began;
};

namespace detail {
class Engine;
}  // namespace detail

/// Simplex agreement for one epoch: a pure state machine.
///
///     Simplex engine(config, reader, verifier, records_of_the_log);
///     for (Effect& effect : engine.step({now, Start{}})) perform(effect);
///
/// In each view a drawn leader proposes a block by its notarize vote. Validators notarize at most
/// one block a view, after executing it; on a quorum they enter the next view and, had they
/// notarized it themselves and not nullified the view, finalize it. On time-out they nullify; a
/// quorum of that skips the view. A quorum of finalizes makes the block and its ancestors final.
/// The rules, numbered, are in docs/protocol/consensus.md; the sources cite them as (R1) to (R12).
///
/// Same configuration, records and events: same effects, on every machine.
/// Cost: a vote is one signature check; nothing here grows with the chain.
class Simplex {
  public:
    /// `records` is the log as read back, in order; records of other epochs are ignored. A log that
    /// may lack own votes of this epoch, because an earlier one was lost, makes an observer until
    /// the next one. The ports must outlive the engine.
    Simplex(Config config, const BlockReader& reader, const VoteVerifier& verifier,
            const std::vector<Record>& records = {});
    ~Simplex();
    Simplex(Simplex&&) noexcept;
    Simplex& operator=(Simplex&&) noexcept;

    [[nodiscard]] std::vector<Effect> step(const Event& event);

    /// The least log that a restart needs; the driver may replace its log by this and what Persist
    /// adds later. Everything in it has gone out in a Persist before.
    [[nodiscard]] std::vector<Record> snapshot_records() const;

    [[nodiscard]] Epoch epoch() const;
    [[nodiscard]] View current_view() const;
    [[nodiscard]] ValidatorIndex leader_of(View view) const;
    /// The last final block known here, and its view in this epoch.
    [[nodiscard]] const Floor& finalized() const;
    [[nodiscard]] bool is_closed() const;
    [[nodiscard]] bool is_halted() const;
    /// False: an observer in this epoch, as the configuration says or the log has it.
    [[nodiscard]] bool may_vote() const;
    /// The own votes, for a look from outside.
    [[nodiscard]] const VoteTable& votes() const;
    /// Sizes for metrics and for tests of the bounds.
    struct Sizes {
        std::size_t rounds = 0;
        std::size_t blocks = 0;
        std::size_t requests = 0;
    };
    [[nodiscard]] Sizes sizes() const;

  private:
    std::unique_ptr<detail::Engine> engine_;
};

}  // namespace millrace::consensus
