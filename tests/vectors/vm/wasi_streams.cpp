#include "tests/vectors/vm/wasi_script.hpp"

namespace millrace::vm::test {
namespace {

void arguments_arrive(Guest& guest, const Expectation& expected) {
    std::vector<std::string> all = strings(guest, HostCall::args_sizes_get, HostCall::args_get);
    REQUIRE_FALSE(all.empty());
    all.erase(all.begin());
    CHECK_EQ(all, expected.args);
    CHECK_FALSE(expected.args.empty());
}
/// Ours come first; the task's index and the number of tasks follow.
void environment_arrives(Guest& guest, const Expectation& expected) {
    std::vector<std::string> all =
        strings(guest, HostCall::environ_sizes_get, HostCall::environ_get);
    REQUIRE_EQ(all.size(), expected.env.size() + 2);
    all.resize(expected.env.size());
    CHECK_EQ(all, expected.env);
}
void output_is_kept(Guest& guest, const Expectation& expected) {
    REQUIRE_FALSE(expected.out.empty());
    REQUIRE_EQ(guest.write(1, expected.out), Errno::success);
    Bytes kept(expected.out.size());
    guest.state.read(kStdout + kStreamHeadOffset, kept);
    CHECK_EQ(as_text(kept), expected.out);
    CHECK_EQ(guest.state.load(kStdout), kept.size());
}
void exit_code_is_kept(Guest& guest, const Expectation& expected) {
    REQUIRE_NE(expected.exit_code, 0U);
    CHECK_EQ(guest.try_call(HostCall::proc_exit, {expected.exit_code}), HostOutcome::exit);
    CHECK_EQ(guest.state.reg(Register::exit_code), expected.exit_code);
}
void close_preopen(Guest& guest, const Expectation&) {
    const std::uint32_t other = reopened_root(guest);
    CHECK_EQ(guest.close(kRoot), Errno::success);
    CHECK_EQ(fdstat(guest, other).type, FileType::directory);
    CHECK_EQ(guest.call(HostCall::fd_fdstat_get, {kRoot, Guest::kOut}), Errno::badf);
}
void overwrite_preopen(Guest& guest, const Expectation&) {
    const std::uint32_t other = reopened_root(guest);
    const Guest::Stat before = guest.fstat(other);
    REQUIRE_EQ(guest.call(HostCall::fd_renumber, {other, kRoot}), Errno::success);
    const Guest::Stat after = guest.fstat(kRoot);
    CHECK_EQ(before.device, after.device);
    CHECK_EQ(before.inode, after.inode);
    CHECK_EQ(guest.fstat(other).error, Errno::badf);
    CHECK_EQ(guest.close(kRoot), Errno::success);
}
void files_are_no_terminals(Guest& guest, const Expectation&) {
    const std::uint32_t fd = made(guest, "file", 0);
    CHECK_EQ(fdstat(guest, fd).type, FileType::regular_file);
}
void renumbers(Guest& guest, const Expectation&) {
    const std::uint32_t from = made(guest, "one"), to = made(guest, "two");
    const Fdstat before = fdstat(guest, from);
    REQUIRE_EQ(guest.call(HostCall::fd_renumber, {from, to}), Errno::success);
    CHECK_EQ(guest.close(from), Errno::badf);
    CHECK((fdstat(guest, to) == before));
    CHECK_EQ(guest.call(HostCall::fd_renumber, {to, from}), Errno::badf);
}
void streams_can_be_moved(Guest& guest, const Expectation&) {
    for (const std::uint32_t stream : {0U, 1U, 2U}) {
        const std::uint32_t fd = guest.open(kRoot, "file", open_flags::create, 0, 0, 0).fd;
        REQUIRE_EQ(guest.call(HostCall::fd_renumber, {stream, fd}), Errno::success);
        static_cast<void>(fdstat(guest, fd));
        CHECK_EQ(guest.call(HostCall::fd_fdstat_get, {stream, Guest::kOut}), Errno::badf);
        CHECK_EQ(guest.unlink(kRoot, "file"), Errno::success);
    }
}

}  // namespace

Scripts stream_scripts() {
    return {{"assemblyscript/args_get-multiple-arguments", arguments_arrive},
            {"assemblyscript/args_sizes_get-multiple-arguments", arguments_arrive},
            {"assemblyscript/environ_get-multiple-variables", environment_arrives},
            {"assemblyscript/environ_sizes_get-multiple-variables", environment_arrives},
            {"assemblyscript/fd_write-to-stdout", output_is_kept},
            {"assemblyscript/proc_exit-failure", exit_code_is_kept},
            {"rust/close_preopen", close_preopen},
            {"rust/isatty", files_are_no_terminals},
            {"rust/overwrite_preopen", overwrite_preopen},
            {"rust/renumber", renumbers},
            {"rust/stdio", streams_can_be_moved}};
}

}  // namespace millrace::vm::test
