#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "common/result.hpp"
#include "consensus/events.hpp"

namespace millrace::node {

/// What agreement asks of the ledger. Called from the engine's thread only.
class Application {
  public:
    struct Built {
        Bytes block;
        bool last_of_epoch = false;
    };
    struct Checked {
        consensus::Verdict verdict = consensus::Verdict::pending;
        bool last_of_epoch = false;
    };

    enum class Wait : std::uint8_t { no, all };

    virtual ~Application() = default;
    /// A block for the own view on this parent; none when none can be built.
    [[nodiscard]] virtual std::optional<Built> build(const consensus::BuildBlock& wanted) = 0;
    /// Executes a block on its parent and compares what its header commits to.
    [[nodiscard]] virtual Checked check(const consensus::CheckBlock& block) = 0;
    /// Takes final blocks over, in order: what comes next stands on them, and they are made durable
    /// on another thread. Waits where too much is under way. Tells whether the newest of them ends
    /// its epoch. An error stops the node.
    [[nodiscard]] virtual Result<bool> finalize(const consensus::Finalize& final) = 0;
    /// The newest block of the finalizations that have become durable since this was asked last;
    /// none where none has. Waits for all that is under way on demand. An error stops the node.
    [[nodiscard]] virtual Result<std::optional<BlockHash>> durable(Wait wait) = 0;
    /// What to call, from any thread, when there is something durable to ask for; empty: nothing
    /// more. Nothing is being called once this returns.
    virtual void wake_by(std::function<void()> wake) = 0;
    /// Whether a block now would have something to do.
    [[nodiscard]] virtual bool has_work() const = 0;
    /// The wall time in milliseconds at which work falls due by itself; none: not before news.
    [[nodiscard]] virtual std::optional<WallTime> work_due() const = 0;
};

}  // namespace millrace::node
