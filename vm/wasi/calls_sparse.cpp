#include "vm/machine/sparse_state.hpp"
#include "vm/wasi/calls_impl.hpp"

namespace millrace::vm {

template HostOutcome host_micro_step<SparseState>(SparseState&, HostCall, Address);
template HostOutcome exit_micro_step<SparseState>(SparseState&);
template bool fits_memory_limit<SparseState>(SparseState&, std::uint64_t);

}  // namespace millrace::vm
