#pragma once

#include "market/genesis.hpp"
#include "market/ledger/validators.hpp"

/// What a block owes to the validators' sets: signs of life in every block, and at an epoch's end
/// issuance, jail, the set of the epoch after the next. Source: docs/protocol/validators.md.
namespace millrace::market {

/// Votes count as signs of life up to so many views back: as long as engines keep them for
/// stragglers.
inline constexpr std::uint64_t kLateViews = 64;
/// A row of attendance moves only after this part of `absence_ms`, so that a chain in good health
/// carries few votes and writes the row seldom.
inline constexpr std::uint64_t kAttendanceSteps = 16;

/// Whether a member's last sign of life is old enough to be renewed.
[[nodiscard]] bool wants_sign(const Params& params, ActiveTime last, ActiveTime now);

/// Whether these votes are well placed: of this epoch's members, each once and in order, none of
/// the proposer, recent, needed, and signed. At most `kBlockVotesMax` signature checks.
[[nodiscard]] bool votes_are_good(const Ledger& ledger, const EpochSet& set,
                                  const Attendance& attendance, std::uint16_t proposer, View view,
                                  std::span<const Vote> votes);

/// Keeps the proposer's and the voters' signs of life. The votes are good.
void note_votes(Ledger& ledger, std::uint16_t proposer, std::span<const Vote> votes);

/// Ends the running epoch, whose set is `set`, and begins the next one.
void change_epoch(Ledger& ledger, EpochSet set);
/// New rules whose epoch has come are in force from the next block on. The block that ends the
/// epoch before calls this last.
void begin_due_version(ChainState& chain);

/// The sets and validators that a chain begins with.
void found_validators(Overlay& state, const Genesis& genesis);

}  // namespace millrace::market
