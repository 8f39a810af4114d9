#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "vm/machine/claim.hpp"
#include "vm/machine/direct.hpp"
#include "vm/machine/initial_state.hpp"
#include "vm/machine/paged_access.hpp"
#include "vm/machine/run.hpp"

/// A whole task on the direct policy: from the initial state to the claim.
namespace millrace::vm {

/// What a task reads, beside its arguments page.
struct TaskInputs {
    PageBytes arguments{};
    std::vector<Mount> mounts;  ///< input and standard input
};

/// The direct policy holding a task's first state.
[[nodiscard]] std::unique_ptr<DirectAccess> load_task(const Image& image, const TaskInputs& inputs);

/// Reads the state of a direct run page by page, for recordings.
class DirectReader final : public PageReader {
  public:
    explicit DirectReader(const DirectAccess& state) : state_(&state) {}
    void read_page(std::uint64_t page_index,
                   std::array<std::uint8_t, kPageSize>& out) const override {
        state_->read_page(page_index, out);
    }

  private:
    const DirectAccess* state_;
};

/// Runs to the next boundary or the end at full speed.
[[nodiscard]] RunStop run_to_boundary(DirectAccess& state);
/// Runs to `position` (steps since the boundary where `position` was `from`), counting.
[[nodiscard]] RunStop run_to_position(DirectAccess& state, std::uint64_t from,
                                      std::uint64_t position);

/// The last bytes of standard output and error.
[[nodiscard]] Tails read_tails(const DirectAccess& state);

struct TaskRun {
    Claim claim;
    std::vector<BoundaryEntry> boundaries;
    Tails tails;
};
/// Why a task has no result.
enum class TaskStop : std::uint8_t {
    stopped = 1,              ///< `progress` said so
    too_many_boundaries = 2,  ///< the segment gas is too small for what it used: the job's fault
    unreadable_input = 3,     ///< a mount has failed, and knows why
};
/// Runs a task from its first state to its end. `progress`, when given, sees the gas used at each
/// boundary; false stops the run.
[[nodiscard]] Result<TaskRun, TaskStop> run_task(
    DirectAccess& state, std::uint32_t task_index,
    const std::function<bool(std::uint64_t gas)>& progress = {});

}  // namespace millrace::vm
