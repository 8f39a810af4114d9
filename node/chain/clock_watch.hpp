#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "common/result.hpp"
#include "consensus/types.hpp"

namespace millrace::node {

/// The clocks of this machine, in the language of consensus. A port, so that tests can move time.
class Clock {
  public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual consensus::Instant now() const = 0;
};
/// The monotonic clock counts the time that the machine sleeps, so that a wall clock which went on
/// through a suspend has not jumped.
class SystemClock final : public Clock {
  public:
    [[nodiscard]] consensus::Instant now() const override;
};

/// A wall clock that leaves the monotonic one by more than this, between two looks at both, was
/// set. Above what a loaded machine can put between reading one and the other.
inline constexpr std::uint64_t kClockStepMs = 5'000;
/// A step forward beyond this, while the node runs, stops it before a block carries the time: of
/// a block from the future the whole chain would have to wait until that time has come.
inline constexpr std::uint64_t kClockForwardMaxMs = 86'400'000;
/// The same between two starts, where an outage looks like a step: the newest block's age beyond
/// which the operator has to say that the clock is right.
inline constexpr std::uint64_t kClockGapMaxMs = 30 * kClockForwardMaxMs;
/// A newest block that is ahead of the wall clock by more is waited for. Above what agreement lets
/// a block be early.
inline constexpr std::uint64_t kClockBehindMs = 2'000;

/// What the engine makes of the machine's clocks when they disagree with each other or with the
/// chain. The owner asks it for every reading; docs/manual/node.md, "The clock", tells the operator
/// the same.
class ClockWatch {
  public:
    explicit ClockWatch(const Clock& clock, bool is_gap_accepted = false)
        : clock_(clock), is_gap_accepted_(is_gap_accepted) {}

    /// The clocks as agreement sees them. Its monotonic one stands still while the wall clock is
    /// behind `newest`, the time of the newest final block: nobody can propose then, and to time
    /// out view after view would fill the vote log, and after `kUnfinalizedViewsMax` views end
    /// agreement for good. Logs steps and waits.
    [[nodiscard]] consensus::Instant read(WallTime newest);
    /// True once after a step or the end of a wait: what was planned by the wall clock has to be
    /// planned anew.
    [[nodiscard]] bool take_change();
    /// Why the node must stop, once a reading has said so.
    [[nodiscard]] const std::optional<Error>& fault() const { return fault_; }
    /// Whether a block on a parent of this time may carry the time of now.
    [[nodiscard]] Status<> check_gap(WallTime parent) const;

    /// The chain's time is ahead of the wall clock. From any thread.
    [[nodiscard]] bool is_waiting() const { return is_waiting_; }

  private:
    /// Whether the wall clock was set since the last reading.
    bool note_step(const consensus::Instant& raw, WallTime newest);
    void note_wait(const consensus::Instant& raw, WallTime newest, bool is_set);

    const Clock& clock_;
    bool is_gap_accepted_;
    std::optional<consensus::Instant> last_;
    std::uint64_t paused_ms_ = 0;
    std::uint64_t told_ms_ = 0;
    bool has_changed_ = false;
    std::atomic<bool> is_waiting_ = false;
    std::optional<Error> fault_;
};

/// A span in words for a log: "1 h 5 min", its two largest units, to the nearest second.
[[nodiscard]] std::string spoken_span(std::uint64_t ms);

}  // namespace millrace::node
