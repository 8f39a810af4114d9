#pragma once

#include "vm/wasi/calls.hpp"

namespace millrace::vm {

/// Host calls as the chain knows them: WASI preview 1, by the numbers that the image carries.
struct WasiHosts {
    template <StateAccess A>
    HostOutcome call(A& state, std::uint32_t number, Address args) {
        // Only a made-up state has other numbers.
        if (number >= kHostCallCount) return HostOutcome::trap;
        return host_micro_step(state, static_cast<HostCall>(number), args);
    }
    template <StateAccess A>
    HostOutcome finish(A& state) {
        return exit_micro_step(state);
    }
    template <StateAccess A>
    bool fits_memory(A& state, std::uint64_t pages) {
        return fits_memory_limit(state, pages);
    }
};

}  // namespace millrace::vm
