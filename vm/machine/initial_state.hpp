#pragma once

#include <optional>
#include <vector>

#include "common/page_tree.hpp"
#include "common/units.hpp"
#include "vm/image/image.hpp"
#include "vm/wasi/arguments.hpp"

/// A task's first state. The chain makes its root from an image root, two pages and the roots of
/// what the task reads, without looking into any of them.
/// Source: docs/protocol/machine.md, "Initial state".
namespace millrace::vm {

struct InitialState {
    ImageRoot image;
    PageBytes arguments{};
    /// Root of the input's subtree: of one tree (2^44 bytes), or of the array of 2^16 trees (2^60),
    /// by the form in the arguments page. None where the form is `none`.
    std::optional<TreeRoot> input;
    /// Region root of the standard input's bytes; none when it is empty.
    std::optional<Hash> stdin_region;
};

/// Levels of an input's subtree.
[[nodiscard]] constexpr unsigned input_levels(InputForm form) {
    return form == InputForm::numbered ? kSuperregionBits + 16 - kPageBits
                                       : kSuperregionBits - kPageBits;
}

/// The registers page of a task that has not begun; gas limit and segment come from its arguments.
[[nodiscard]] PageBytes initial_registers(const PageBytes& arguments);

/// The state's subtrees, sorted; everything else is zero.
[[nodiscard]] std::vector<Subtree> initial_parts(const InitialState& initial);

/// Cost: about 110 node hashes.
[[nodiscard]] MachineRoot initial_state_root(const InitialState& initial);

}  // namespace millrace::vm
