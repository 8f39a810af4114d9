#include "node/chain/clock_watch.hpp"

#include <spdlog/spdlog.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace millrace::node {

namespace {

constexpr int kErrorClock = 30;
/// How often a wait is told again.
constexpr std::uint64_t kTellMs = 600'000;

}  // namespace

consensus::Instant SystemClock::now() const {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    constexpr std::uint64_t kPerSecond = 1'000;
    constexpr std::uint64_t kNanoPerMilli = 1'000'000;
    timespec since_boot{};
    ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    return {static_cast<std::uint64_t>(since_boot.tv_sec) * kPerSecond +
                static_cast<std::uint64_t>(since_boot.tv_nsec) / kNanoPerMilli,
            WallTime{static_cast<std::uint64_t>(duration_cast<milliseconds>(wall).count())}};
}

std::string spoken_span(std::uint64_t ms) {
    struct Unit {
        const char* name;
        std::uint64_t ms;
    };
    constexpr std::array<Unit, 4> kUnits{
        {{"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1'000}}};
    // Two readings are never made at one instant: an hour may be measured as 3,599,998 ms.
    constexpr std::uint64_t kSecond = kUnits.back().ms;
    ms = (ms + kSecond / 2) / kSecond * kSecond;
    for (std::size_t i = 0; i + 1 < kUnits.size(); ++i) {
        if (ms < kUnits[i].ms) continue;
        const std::uint64_t rest = ms % kUnits[i].ms / kUnits[i + 1].ms;
        return std::to_string(ms / kUnits[i].ms) + " " + kUnits[i].name + " " +
               std::to_string(rest) + " " + kUnits[i + 1].name;
    }
    return std::to_string(ms / kUnits.back().ms) + " s";
}

consensus::Instant ClockWatch::read(WallTime newest) {
    const consensus::Instant raw = clock_.now();
    if (last_ && raw.monotonic_ms > last_->monotonic_ms && is_waiting_)
        paused_ms_ += raw.monotonic_ms - last_->monotonic_ms;
    const bool is_set = note_step(raw, newest);
    note_wait(raw, newest, is_set);
    last_ = raw;
    return {raw.monotonic_ms - paused_ms_, raw.wall};
}

bool ClockWatch::note_step(const consensus::Instant& raw, WallTime newest) {
    if (!last_) return false;
    const std::uint64_t gone = raw.monotonic_ms - std::min(raw.monotonic_ms, last_->monotonic_ms);
    const std::uint64_t expected = last_->wall.value + gone;
    const bool is_forward = raw.wall.value > expected;
    const std::uint64_t step = is_forward ? raw.wall.value - expected : expected - raw.wall.value;
    if (step <= kClockStepMs) return false;
    has_changed_ = true;
    // A clock that was behind the chain and comes right has gone forward, too.
    if (is_forward && step > kClockForwardMaxMs &&
        raw.wall.value > newest.value + kClockForwardMaxMs) {
        fault_ = Error{kErrorClock,
                       "this machine's clock went forward by " + spoken_span(step) +
                           "; no block carries that time. Set the clock right, then start again; "
                           "if it is right now, start again"};
        return true;
    }
    spdlog::warn(
        "this machine's clock went {} by {}; if that is wrong, set it right soon: blocks "
        "carry its time",
        is_forward ? "forward" : "back", spoken_span(step));
    return true;
}

void ClockWatch::note_wait(const consensus::Instant& raw, WallTime newest, bool is_set) {
    const bool is_behind = newest.value > raw.wall.value + kClockBehindMs;
    if (is_waiting_ && !is_behind) {
        has_changed_ = true;
        spdlog::info("this machine's clock has come to the newest block's time: the chain goes on");
    }
    const bool is_news = is_behind && (!is_waiting_ || is_set);
    is_waiting_ = is_behind;
    if (!is_news && !(is_behind && raw.monotonic_ms >= told_ms_ + kTellMs)) return;
    told_ms_ = raw.monotonic_ms;
    spdlog::warn(
        "the newest final block is {} ahead of this machine's clock, and no block can come "
        "before: if the clock is wrong, set it right; if it is right, the chain goes on "
        "by itself in that time, or begin another in a new --data-dir",
        spoken_span(newest.value - raw.wall.value));
}

bool ClockWatch::take_change() {
    return std::exchange(has_changed_, false);
}

Status<> ClockWatch::check_gap(WallTime parent) const {
    const WallTime now = clock_.now().wall;
    if (is_gap_accepted_ || now.value <= parent.value + kClockGapMaxMs) return Ok{};
    return Err{Error{kErrorClock,
                     "the newest block is " + spoken_span(now.value - parent.value) +
                         " old by this machine's clock; a block with a wrong time would stop the "
                         "chain until that time has come. If the clock is wrong, set it right; if "
                         "the chain stood still for so long, start once with --accept-clock-gap"}};
}

}  // namespace millrace::node
