#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "vm/machine/execute.hpp"
#include "vm/machine/paged_access.hpp"

namespace millrace::vm {

/// Pages that one step may touch: a host call's micro-step, and around it the word of code, its
/// extension and the argument slots. The recorder asserts it of every step it ever sees.
inline constexpr unsigned kStepPagesMax = kHostPagesMax + 4;

/// The policy that makes witnesses: works on copies of the pages of a base state, keeps each as it
/// was and as it is, and leaves the base alone.
class RecordingAccess : public PagedAccess<RecordingAccess> {
  public:
    using Page = std::array<std::uint8_t, kPageSize>;
    struct Touched {
        Page before;
        Page now;
    };

    /// `base` and `steps` outlive the object; `steps` is the budget that the run counts in.
    RecordingAccess(const PageReader& base, const StepBudget& steps)
        : base_(&base), steps_(&steps) {}

    [[nodiscard]] const std::uint8_t* page_to_read(std::uint64_t page_index) {
        return touch(page_index).now.data();
    }
    [[nodiscard]] std::uint8_t* page_to_write(std::uint64_t page_index) {
        return touch(page_index).now.data();
    }
    /// An honest state never asks for what no page holds.
    void fault() { MILLRACE_ASSERT(false); }
    [[nodiscard]] bool failed() const { return false; }

    /// Every page read or written so far, ascending.
    [[nodiscard]] const std::map<std::uint64_t, Touched>& touched() const { return pages_; }
    /// Most pages that a single step has touched.
    [[nodiscard]] unsigned step_pages_max() const { return step_pages_max_; }

  private:
    Touched& touch(std::uint64_t page_index);
    void count(std::uint64_t page_index);

    const PageReader* base_;
    const StepBudget* steps_;
    std::map<std::uint64_t, Touched> pages_;
    std::uint64_t step_ = 0;
    unsigned step_pages_max_ = 0;
    std::vector<std::uint64_t> step_pages_;
};
static_assert(MachineAccess<RecordingAccess>);

}  // namespace millrace::vm
