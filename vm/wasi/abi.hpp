#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/bytes.hpp"

/// The facts of `wasi_snapshot_preview1`: functions, errors, rights, flags and struct layouts.
/// Source: WASI preview 1 (witx); gas is ours, docs/protocol/wasi.md.
namespace millrace::vm {

/// The only module that images may import from.
inline constexpr std::string_view kWasiModule = "wasi_snapshot_preview1";

/// The functions of preview 1 in the order of the table; numbers are part of the image format.
enum class HostCall : std::uint8_t {
    args_get = 0,
    args_sizes_get = 1,
    environ_get = 2,
    environ_sizes_get = 3,
    clock_res_get = 4,
    clock_time_get = 5,
    fd_advise = 6,
    fd_allocate = 7,
    fd_close = 8,
    fd_datasync = 9,
    fd_fdstat_get = 10,
    fd_fdstat_set_flags = 11,
    fd_fdstat_set_rights = 12,
    fd_filestat_get = 13,
    fd_filestat_set_size = 14,
    fd_filestat_set_times = 15,
    fd_pread = 16,
    fd_prestat_get = 17,
    fd_prestat_dir_name = 18,
    fd_pwrite = 19,
    fd_read = 20,
    fd_readdir = 21,
    fd_renumber = 22,
    fd_seek = 23,
    fd_sync = 24,
    fd_tell = 25,
    fd_write = 26,
    path_create_directory = 27,
    path_filestat_get = 28,
    path_filestat_set_times = 29,
    path_link = 30,
    path_open = 31,
    path_readlink = 32,
    path_remove_directory = 33,
    path_rename = 34,
    path_symlink = 35,
    path_unlink_file = 36,
    poll_oneoff = 37,
    proc_exit = 38,
    proc_raise = 39,
    sched_yield = 40,
    random_get = 41,
    sock_accept = 42,
    sock_recv = 43,
    sock_send = 44,
    sock_shutdown = 45,
};
inline constexpr unsigned kHostCallCount = 46;

/// One row of the table of imports.
struct HostFunction {
    HostCall call;
    std::string_view name;
    std::string_view params;         ///< one letter each: `i` for i32, `I` for i64
    bool has_result;                 ///< one i32: the errno
    std::uint32_t gas;               ///< charged at the call's first micro-step
    std::uint32_t gas_per_64_bytes;  ///< of what the call moves, rounded up; 0 where it moves none
};

/// Gas is meant as nanoseconds of the compiled tier: leaving compiled code and reading a few pages
/// costs about 100, a walk through a directory about 400 a component, a copy a quarter of a
/// nanosecond a byte (it dirties pages that must be hashed).
inline constexpr std::uint32_t kGasCopy = 16;
/// BLAKE2b gives 32 bytes in about 230 ns.
inline constexpr std::uint32_t kGasRandom = 512;
/// One component of a path, one directory entry listed, one subscription, one argument.
inline constexpr std::uint32_t kGasComponent = 400;
inline constexpr std::uint32_t kGasDirectoryEntry = 200;
inline constexpr std::uint32_t kGasSubscription = 100;
inline constexpr std::uint32_t kGasString = 20;
/// A vector is read when the transfer is admitted, and again when its turn comes.
inline constexpr std::uint32_t kGasVector = 20;
/// One probe of a name among a directory's entries: a word of the index, a record and its name.
inline constexpr std::uint32_t kGasProbe = 100;
/// One page of the descriptor table looked through for a free one.
inline constexpr std::uint32_t kGasDescriptorPage = 512;
/// Each page that a file grows by, or that the exit writes: a fault, its zeroing, its hash. As much
/// as a page of linear memory costs (vm/image/gas.hpp).
inline constexpr std::uint32_t kGasPage = 512;

inline constexpr std::array<HostFunction, kHostCallCount> kHostFunctions{{
    {HostCall::args_get, "args_get", "ii", true, 100, kGasCopy},
    {HostCall::args_sizes_get, "args_sizes_get", "ii", true, 100, 0},
    {HostCall::environ_get, "environ_get", "ii", true, 100, kGasCopy},
    {HostCall::environ_sizes_get, "environ_sizes_get", "ii", true, 100, 0},
    {HostCall::clock_res_get, "clock_res_get", "ii", true, 100, 0},
    {HostCall::clock_time_get, "clock_time_get", "iIi", true, 100, 0},
    {HostCall::fd_advise, "fd_advise", "iIIi", true, 100, 0},
    {HostCall::fd_allocate, "fd_allocate", "iII", true, 200, 0},
    {HostCall::fd_close, "fd_close", "i", true, 200, kGasCopy},
    {HostCall::fd_datasync, "fd_datasync", "i", true, 100, 0},
    {HostCall::fd_fdstat_get, "fd_fdstat_get", "ii", true, 100, 0},
    {HostCall::fd_fdstat_set_flags, "fd_fdstat_set_flags", "ii", true, 100, 0},
    {HostCall::fd_fdstat_set_rights, "fd_fdstat_set_rights", "iII", true, 100, 0},
    {HostCall::fd_filestat_get, "fd_filestat_get", "ii", true, 150, 0},
    {HostCall::fd_filestat_set_size, "fd_filestat_set_size", "iI", true, 200, kGasCopy},
    {HostCall::fd_filestat_set_times, "fd_filestat_set_times", "iIIi", true, 150, 0},
    {HostCall::fd_pread, "fd_pread", "iiiIi", true, 200, kGasCopy},
    {HostCall::fd_prestat_get, "fd_prestat_get", "ii", true, 100, 0},
    {HostCall::fd_prestat_dir_name, "fd_prestat_dir_name", "iii", true, 100, 0},
    {HostCall::fd_pwrite, "fd_pwrite", "iiiIi", true, 200, kGasCopy},
    {HostCall::fd_read, "fd_read", "iiii", true, 200, kGasCopy},
    {HostCall::fd_readdir, "fd_readdir", "iiiIi", true, 500, kGasCopy},
    {HostCall::fd_renumber, "fd_renumber", "ii", true, 200, kGasCopy},
    {HostCall::fd_seek, "fd_seek", "iIii", true, 100, 0},
    {HostCall::fd_sync, "fd_sync", "i", true, 100, 0},
    {HostCall::fd_tell, "fd_tell", "ii", true, 100, 0},
    {HostCall::fd_write, "fd_write", "iiii", true, 200, kGasCopy},
    {HostCall::path_create_directory, "path_create_directory", "iii", true, 1000, kGasCopy},
    {HostCall::path_filestat_get, "path_filestat_get", "iiiii", true, 500, 0},
    {HostCall::path_filestat_set_times, "path_filestat_set_times", "iiiiIIi", true, 500, 0},
    {HostCall::path_link, "path_link", "iiiiiii", true, 100, 0},
    {HostCall::path_open, "path_open", "iiiiiIIii", true, 1000, kGasCopy},
    {HostCall::path_readlink, "path_readlink", "iiiiii", true, 500, 0},
    {HostCall::path_remove_directory, "path_remove_directory", "iii", true, 1000, kGasCopy},
    {HostCall::path_rename, "path_rename", "iiiiii", true, 1500, kGasCopy},
    {HostCall::path_symlink, "path_symlink", "iiiii", true, 100, 0},
    {HostCall::path_unlink_file, "path_unlink_file", "iii", true, 1000, kGasCopy},
    {HostCall::poll_oneoff, "poll_oneoff", "iiii", true, 300, 0},
    {HostCall::proc_exit, "proc_exit", "i", false, 100, 0},
    {HostCall::proc_raise, "proc_raise", "i", true, 100, 0},
    {HostCall::sched_yield, "sched_yield", "", true, 100, 0},
    {HostCall::random_get, "random_get", "ii", true, 100, kGasRandom},
    {HostCall::sock_accept, "sock_accept", "iii", true, 100, 0},
    {HostCall::sock_recv, "sock_recv", "iiiiii", true, 100, 0},
    {HostCall::sock_send, "sock_send", "iiiii", true, 100, 0},
    {HostCall::sock_shutdown, "sock_shutdown", "ii", true, 100, 0},
}};

namespace abi_detail {
consteval bool rows_in_order() {
    for (unsigned i = 0; i < kHostCallCount; ++i)
        if (static_cast<unsigned>(kHostFunctions[i].call) != i || kHostFunctions[i].gas == 0)
            return false;
    return true;
}
}  // namespace abi_detail
static_assert(abi_detail::rows_in_order());

[[nodiscard]] constexpr const HostFunction& host_function(HostCall call) {
    return kHostFunctions[static_cast<unsigned>(call)];
}

/// Why an import cannot be had.
enum class ImportRefusal : std::uint8_t {
    unknown_name = 1,     ///< preview 1 has no function of that name
    wrong_signature = 2,  ///< it has, with other parameters or results
};

/// The function of an import from `kWasiModule`. `params` and `results` are value types as they
/// stand in a binary module (0x7f i32, 0x7e i64).
[[nodiscard]] std::optional<HostCall> find_import(std::string_view name, ByteView params,
                                                  ByteView results);
/// Tells apart the two reasons for which `find_import` finds nothing.
[[nodiscard]] ImportRefusal import_refusal(std::string_view name);

/// Errors, by their numbers in preview 1.
enum class Errno : std::uint16_t {
    success = 0,
    acces = 2,
    badf = 8,
    busy = 10,
    exist = 20,
    fault = 21,
    fbig = 22,
    ilseq = 25,
    inval = 28,
    io = 29,
    isdir = 31,
    mfile = 33,
    nametoolong = 37,
    noent = 44,
    nospc = 51,
    notdir = 54,
    notempty = 55,
    notsock = 57,
    notsup = 58,
    overflow = 61,
    perm = 63,
    rofs = 69,
    spipe = 70,
    xdev = 75,
    notcapable = 76,
};

enum class FileType : std::uint8_t {
    unknown = 0,
    character_device = 2,
    directory = 3,
    regular_file = 4,
};

// NOLINTBEGIN(readability-identifier-naming): WASI's own names, as those of its enumerations are
namespace rights {
inline constexpr std::uint64_t fd_datasync = 1ULL << 0;
inline constexpr std::uint64_t fd_read = 1ULL << 1;
inline constexpr std::uint64_t fd_seek = 1ULL << 2;
inline constexpr std::uint64_t fd_fdstat_set_flags = 1ULL << 3;
inline constexpr std::uint64_t fd_sync = 1ULL << 4;
inline constexpr std::uint64_t fd_tell = 1ULL << 5;
inline constexpr std::uint64_t fd_write = 1ULL << 6;
inline constexpr std::uint64_t fd_advise = 1ULL << 7;
inline constexpr std::uint64_t fd_allocate = 1ULL << 8;
inline constexpr std::uint64_t path_create_directory = 1ULL << 9;
inline constexpr std::uint64_t path_create_file = 1ULL << 10;
inline constexpr std::uint64_t path_link_source = 1ULL << 11;
inline constexpr std::uint64_t path_link_target = 1ULL << 12;
inline constexpr std::uint64_t path_open = 1ULL << 13;
inline constexpr std::uint64_t fd_readdir = 1ULL << 14;
inline constexpr std::uint64_t path_readlink = 1ULL << 15;
inline constexpr std::uint64_t path_rename_source = 1ULL << 16;
inline constexpr std::uint64_t path_rename_target = 1ULL << 17;
inline constexpr std::uint64_t path_filestat_get = 1ULL << 18;
inline constexpr std::uint64_t path_filestat_set_size = 1ULL << 19;
inline constexpr std::uint64_t path_filestat_set_times = 1ULL << 20;
inline constexpr std::uint64_t fd_filestat_get = 1ULL << 21;
inline constexpr std::uint64_t fd_filestat_set_size = 1ULL << 22;
inline constexpr std::uint64_t fd_filestat_set_times = 1ULL << 23;
inline constexpr std::uint64_t path_symlink = 1ULL << 24;
inline constexpr std::uint64_t path_remove_directory = 1ULL << 25;
inline constexpr std::uint64_t path_unlink_file = 1ULL << 26;
inline constexpr std::uint64_t poll_fd_readwrite = 1ULL << 27;

/// What an open file may ever be granted.
inline constexpr std::uint64_t file_all = fd_datasync | fd_read | fd_seek | fd_fdstat_set_flags |
                                          fd_sync | fd_tell | fd_write | fd_advise | fd_allocate |
                                          fd_filestat_get | fd_filestat_set_size |
                                          fd_filestat_set_times | poll_fd_readwrite;
/// What a directory may ever be granted for itself.
inline constexpr std::uint64_t directory_all =
    fd_fdstat_set_flags | fd_sync | fd_datasync | fd_advise | path_create_directory |
    path_create_file | path_link_source | path_link_target | path_symlink | path_open | fd_readdir |
    path_readlink | path_rename_source | path_rename_target | path_filestat_get |
    path_filestat_set_size | path_filestat_set_times | fd_filestat_get | fd_filestat_set_times |
    path_remove_directory | path_unlink_file | poll_fd_readwrite;
inline constexpr std::uint64_t all = (1ULL << 30) - 1;
}  // namespace rights

namespace open_flags {
inline constexpr std::uint32_t create = 1;
inline constexpr std::uint32_t directory = 2;
inline constexpr std::uint32_t exclusive = 4;
inline constexpr std::uint32_t truncate = 8;
inline constexpr std::uint32_t known = 15;
}  // namespace open_flags

namespace fd_flags {
inline constexpr std::uint32_t append = 1;
inline constexpr std::uint32_t known = 31;
}  // namespace fd_flags

namespace time_flags {
inline constexpr std::uint32_t access = 1;
inline constexpr std::uint32_t access_now = 2;
inline constexpr std::uint32_t modified = 4;
inline constexpr std::uint32_t modified_now = 8;
inline constexpr std::uint32_t known = 15;
}  // namespace time_flags
// NOLINTEND(readability-identifier-naming)

inline constexpr std::uint32_t kFdstatSize = 24;
inline constexpr std::uint32_t kFilestatSize = 64;
inline constexpr std::uint32_t kPrestatSize = 8;
inline constexpr std::uint32_t kDirentSize = 24;
inline constexpr std::uint32_t kSubscriptionSize = 48;
inline constexpr std::uint32_t kEventSize = 32;
inline constexpr std::uint32_t kVectorSize = 8;

}  // namespace millrace::vm
