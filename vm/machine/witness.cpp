#include "vm/machine/witness.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "vm/machine/recording.hpp"
#include "vm/machine/run.hpp"
#include "vm/machine/wasi_hosts.hpp"
#include "vm/wasi/calls_impl.hpp"

namespace millrace::vm {

template HostOutcome host_micro_step<WitnessAccess>(WitnessAccess&, HostCall, Address);
template HostOutcome exit_micro_step<WitnessAccess>(WitnessAccess&);
template bool fits_memory_limit<WitnessAccess>(WitnessAccess&, std::uint64_t);
template RunStop run_segment<true>(WitnessAccess&, WasiHosts&, StepBudget&);
extern template RunStop run_segment<true>(RecordingAccess&, WasiHosts&, StepBudget&);

WitnessAccess::Page& WitnessAccess::find(std::uint64_t page_index) {
    const auto found = pages_.find(page_index);
    if (found != pages_.end()) {
        found->second.used = true;
        return found->second.bytes;
    }
    failed_ = true;
    if (!missing_) missing_ = page_index;
    nothing_.fill(0);
    return nothing_;
}

bool WitnessAccess::all_used() const {
    return std::all_of(pages_.begin(), pages_.end(),
                       [](const auto& entry) { return entry.second.used; });
}

Result<Hash, WitnessError> verify_witness(const Hash& before, std::uint64_t position,
                                          std::uint64_t steps, const Witness& witness) {
    const auto& indices = witness.proof.pages;
    if (!check_page_proof(witness.proof).has_value()) return Err{WitnessError::bad_proof};
    if (witness.contents.size() != indices.size() * kPageSize)
        return Err{WitnessError::bad_contents};
    if (steps > kWitnessStepsMax) return Err{WitnessError::too_many_steps};

    WitnessAccess state;
    std::vector<Hash> leaves;
    leaves.reserve(indices.size());
    for (std::size_t i = 0; i < indices.size(); ++i) {
        WitnessAccess::Page page;
        std::memcpy(page.data(), witness.contents.data() + i * kPageSize, kPageSize);
        leaves.push_back(page_hash(page));
        state.add(indices[i], page);
    }
    const auto root = proven_root(witness.proof, leaves);
    if (!root.has_value()) return Err{WitnessError::bad_proof};
    if (*root != before) return Err{WitnessError::other_root};

    WasiHosts hosts;
    StepBudget budget{position, position + steps};
    const RunStop stop = run_segment<true>(state, hosts, budget);
    if (stop == RunStop::fault || state.failed()) return Err{WitnessError::page_missing};
    if (!state.all_used()) return Err{WitnessError::page_unused};

    for (std::size_t i = 0; i < indices.size(); ++i) leaves[i] = page_hash(state.page(indices[i]));
    const auto after = proven_root(witness.proof, leaves);
    MILLRACE_ASSERT(after.has_value());
    return *after;
}

std::optional<MadeWitness> make_witness(const PageReader& base, const SparsePageTree& tree,
                                        std::uint64_t position, std::uint64_t steps) {
    StepBudget budget{position, position + steps};
    RecordingAccess state(base, budget);
    WasiHosts hosts;
    static_cast<void>(run_segment<true>(state, hosts, budget));
    if (state.touched().size() > kWitnessPagesMax) return std::nullopt;

    std::vector<std::uint64_t> indices;
    Bytes contents;
    for (const auto& [index, page] : state.touched()) {
        indices.push_back(index);
        contents.insert(contents.end(), page.before.begin(), page.before.end());
    }
    auto proof = make_page_proof(tree, indices);
    if (!proof) return std::nullopt;
    MadeWitness out;
    out.witness.proof = std::move(*proof);
    out.witness.contents = std::move(contents);
    out.step_pages_max = state.step_pages_max();
    // Whoever makes a proof verifies it before anybody sees it.
    const auto after = verify_witness(tree.root(), position, steps, out.witness);
    MILLRACE_ASSERT(after.has_value());
    out.after = *after;
    return out;
}

}  // namespace millrace::vm
