#include "vm/machine/recording.hpp"

#include "vm/machine/run.hpp"
#include "vm/machine/wasi_hosts.hpp"
#include "vm/wasi/calls_impl.hpp"

namespace millrace::vm {

void RecordingAccess::count(std::uint64_t page_index) {
    if (step_ != steps_->used) {
        step_ = steps_->used;
        step_pages_.clear();
    }
    for (const std::uint64_t seen : step_pages_)
        if (seen == page_index) return;
    step_pages_.push_back(page_index);
    step_pages_max_ = std::max(step_pages_max_, static_cast<unsigned>(step_pages_.size()));
    MILLRACE_ASSERT(step_pages_.size() <= kStepPagesMax);
}

RecordingAccess::Touched& RecordingAccess::touch(std::uint64_t page_index) {
    count(page_index);
    const auto [at, is_new] = pages_.try_emplace(page_index);
    if (is_new) {
        base_->read_page(page_index, at->second.before);
        at->second.now = at->second.before;
    }
    return at->second;
}

template HostOutcome host_micro_step<RecordingAccess>(RecordingAccess&, HostCall, Address);
template HostOutcome exit_micro_step<RecordingAccess>(RecordingAccess&);
template bool fits_memory_limit<RecordingAccess>(RecordingAccess&, std::uint64_t);
template RunStop run_segment<true>(RecordingAccess&, WasiHosts&, StepBudget&);

}  // namespace millrace::vm
