#pragma once

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

    virtual ~Application() = default;
    /// A block for the own view on this parent; none when none can be built.
    [[nodiscard]] virtual std::optional<Built> build(const consensus::BuildBlock& wanted) = 0;
    /// Executes a block on its parent and compares what its header commits to.
    [[nodiscard]] virtual Checked check(const consensus::CheckBlock& block) = 0;
    /// Makes final blocks durable, in order, in one synced batch; tells whether the newest of them
    /// ends its epoch. An error stops the node.
    [[nodiscard]] virtual Result<bool> finalize(const consensus::Finalize& final) = 0;
    /// Whether a block now would have something to do.
    [[nodiscard]] virtual bool has_work() const = 0;
    /// The wall time in milliseconds at which work falls due by itself; none: not before news.
    [[nodiscard]] virtual std::optional<WallTime> work_due() const = 0;
};

}  // namespace millrace::node
