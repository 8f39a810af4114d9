#pragma once

#include "vm/wasi/calls.hpp"
#include "vm/wasi/detail/calls_fd.hpp"
#include "vm/wasi/detail/calls_io.hpp"
#include "vm/wasi/detail/calls_misc.hpp"
#include "vm/wasi/detail/calls_path.hpp"
#include "vm/wasi/detail/normalise.hpp"

/// The definitions of calls.hpp. Included only by the one source file of each access policy, which
/// instantiates them: `template HostOutcome host_micro_step<P>(P&, HostCall, Address);`, and the
/// same for `exit_micro_step` and `fits_memory_limit`.
namespace millrace::vm {

template <StateAccess A>
bool fits_memory_limit(A& state, std::uint64_t pages_added) {
    constexpr unsigned kStatePagesPerMemoryPage = 16;
    const std::uint64_t limit =
        state.load(kArgumentsPage + arguments_offset::memory_limit) >> kPageBits;
    const std::uint64_t live = state.reg(Register::memory_pages) * kStatePagesPerMemoryPage +
                               state.reg(Register::pages_live);
    return live <= limit && pages_added <= limit - live;
}

template <StateAccess A>
HostOutcome host_micro_step(A& state, HostCall call, Address args) {
    using namespace wasi;
    Host<A> host(state, call, args);
    if (host.phase() == 0 && !host.charge(host_function(call).gas)) return host.out_of_gas();
    switch (call) {
        case HostCall::args_get:
            return MiscCalls<A>(host).args();
        case HostCall::args_sizes_get:
            return MiscCalls<A>(host).args_sizes();
        case HostCall::environ_get:
            return MiscCalls<A>(host).environ_strings();
        case HostCall::environ_sizes_get:
            return MiscCalls<A>(host).environ_sizes();
        case HostCall::clock_res_get:
            return MiscCalls<A>(host).clock_resolution();
        case HostCall::clock_time_get:
            return MiscCalls<A>(host).clock_time();
        case HostCall::fd_advise:
            return FdCalls<A>(host).advise();
        case HostCall::fd_allocate:
            return FdCalls<A>(host).allocate();
        case HostCall::fd_close:
            return FdCalls<A>(host).close();
        case HostCall::fd_datasync:
            return FdCalls<A>(host).sync(rights::fd_datasync);
        case HostCall::fd_fdstat_get:
            return FdCalls<A>(host).fdstat_get();
        case HostCall::fd_fdstat_set_flags:
            return FdCalls<A>(host).fdstat_set_flags();
        case HostCall::fd_fdstat_set_rights:
            return FdCalls<A>(host).fdstat_set_rights();
        case HostCall::fd_filestat_get:
            return FdCalls<A>(host).filestat_get();
        case HostCall::fd_filestat_set_size:
            return FdCalls<A>(host).filestat_set_size();
        case HostCall::fd_filestat_set_times:
            return FdCalls<A>(host).filestat_set_times();
        case HostCall::fd_pread:
            return IoCalls<A>(host).read(true);
        case HostCall::fd_prestat_get:
            return FdCalls<A>(host).prestat_get();
        case HostCall::fd_prestat_dir_name:
            return FdCalls<A>(host).prestat_dir_name();
        case HostCall::fd_pwrite:
            return IoCalls<A>(host).write(true);
        case HostCall::fd_read:
            return IoCalls<A>(host).read(false);
        case HostCall::fd_readdir:
            return IoCalls<A>(host).readdir();
        case HostCall::fd_renumber:
            return FdCalls<A>(host).renumber();
        case HostCall::fd_seek:
            return FdCalls<A>(host).seek();
        case HostCall::fd_sync:
            return FdCalls<A>(host).sync(rights::fd_sync);
        case HostCall::fd_tell:
            return FdCalls<A>(host).tell();
        case HostCall::fd_write:
            return IoCalls<A>(host).write(false);
        case HostCall::path_create_directory:
            return PathCalls<A>(host).create_directory();
        case HostCall::path_filestat_get:
            return PathCalls<A>(host).filestat_get();
        case HostCall::path_filestat_set_times:
            return PathCalls<A>(host).filestat_set_times();
        case HostCall::path_link:
        case HostCall::path_symlink:
            // An image knows files and directories only, so that no path in it leads elsewhere.
            return host.done(Errno::notsup);
        case HostCall::path_open:
            return PathCalls<A>(host).open();
        case HostCall::path_readlink:
            return PathCalls<A>(host).readlink();
        case HostCall::path_remove_directory:
            return PathCalls<A>(host).remove_directory();
        case HostCall::path_rename:
            return PathCalls<A>(host).rename();
        case HostCall::path_unlink_file:
            return PathCalls<A>(host).unlink_file();
        case HostCall::poll_oneoff:
            return MiscCalls<A>(host).poll();
        case HostCall::proc_exit:
            return MiscCalls<A>(host).exit();
        case HostCall::proc_raise:
            return MiscCalls<A>(host).raise();
        case HostCall::sched_yield:
            return host.done(Errno::success);
        case HostCall::random_get:
            return MiscCalls<A>(host).random();
        case HostCall::sock_accept:
        case HostCall::sock_recv:
        case HostCall::sock_send:
        case HostCall::sock_shutdown:
            return MiscCalls<A>(host).no_socket();
    }
    return HostOutcome::trap;
}

template <StateAccess A>
HostOutcome exit_micro_step(A& state) {
    wasi::Host<A> host(state, HostCall::proc_exit, kRegistersPage);
    return wasi::Normalise<A>(host).step();
}

}  // namespace millrace::vm
