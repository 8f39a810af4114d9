#pragma once

#include <cstdint>

#include "vm/machine/access.hpp"
#include "vm/wasi/abi.hpp"

/// WASI preview 1 as part of the machine: deterministic, and provable micro-step by micro-step.
/// Source: docs/protocol/wasi.md.
namespace millrace::vm {

/// What one micro-step of a host call (or of the exit) came to.
enum class HostOutcome : std::uint8_t {
    again = 0,       ///< more to do: call again with the same arguments; nothing else may run
    done = 1,        ///< finished; the errno is in the first argument's slot
    exit = 2,        ///< proc_exit: `Register::exit_code` is set; go on with `exit_micro_step`
    trap = 3,        ///< never returned by today's calls; treat as an unreachable
    out_of_gas = 4,  ///< the charge did not fit the limit; nothing of this micro-step was done
};

/// Pages of state that one micro-step may touch, registers and arguments included. A binary search
/// over 2^20 directory entries reads at most 31; path, argument, descriptor and record pages come
/// on top. The number bounds the witness that the chain must check for one step.
inline constexpr unsigned kHostPagesMax = 64;

/// Runs one micro-step of `call`.
///
/// `args` is the address of the first argument's slot: arguments lie in consecutive 8-byte slots,
/// i32 zero-extended. On `done` the errno replaces the first slot (also where the call has no
/// parameters). Between micro-steps the call lives only in `host_phase` and `progress_a` to
/// `progress_h`, which are zero before the first and after the last one, also when gas runs out.
///
/// Gas is added to `gas_used` before the work it pays for and tested against `gas_limit` only. A
/// call's charge is at least the number of its micro-steps. When it does not fit, `gas_used` stays
/// as it was.
///
/// Bad guest pointers give errno `fault`, never a trap. The linear memory is [0, memory_pages × 64
/// KiB) at `kMemoryBase`. Files and the memory share the job's memory limit: `memory.grow` must
/// refuse when `!fits_memory_limit(state, added)`.
template <StateAccess A>
HostOutcome host_micro_step(A& state, HostCall call, Address args);

/// Writes the normalised image of `/` to `kOutputImage` in micro-steps: after `proc_exit` or the
/// return of `_start`, never after a trap or out of gas (the output region then stays zero, which
/// is the empty tree). Everything is charged in the first micro-step.
/// Returns `again`, `done` or `out_of_gas` (nothing has been written then).
template <StateAccess A>
HostOutcome exit_micro_step(A& state);

/// True when `pages_added` more 4 KiB pages still fit the job's memory limit, beside the linear
/// memory and the files.
template <StateAccess A>
bool fits_memory_limit(A& state, std::uint64_t pages_added);

}  // namespace millrace::vm
