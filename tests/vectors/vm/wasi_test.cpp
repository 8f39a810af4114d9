#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/machine_programs.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/vectors.hpp"
#include "tests/support/wasi_guest.hpp"

/// The expectations of WebAssembly/wasi-testsuite for preview 1 (folder wasi/ of the vectors). They
/// are JSON: arguments, environment, exit code, output, one file a program. What each program asks
/// of a host is done here, call by call, on our own machine; the programs themselves run as well
/// where they lie beside the JSON, as contrib/fetch-vectors puts them.
namespace millrace::vm::test {
namespace {

namespace fs = std::filesystem;

struct Expectation {
    std::vector<std::string> args;
    std::vector<std::string> env;  ///< NAME=value
    std::string out;
    std::uint32_t exit_code = 0;
};

Expectation expectation_of(const std::string& text) {
    const boost::json::object fields = boost::json::parse(text).as_object();
    Expectation out;
    if (const auto* args = fields.if_contains("args"))
        for (const auto& arg : args->as_array()) out.args.emplace_back(arg.as_string());
    if (const auto* env = fields.if_contains("env"))
        for (const auto& [name, value] : env->as_object())
            out.env.push_back(std::string(name) + "=" + std::string(value.as_string()));
    if (const auto* text_out = fields.if_contains("stdout"))
        out.out = std::string(text_out->as_string());
    if (const auto* code = fields.if_contains("exit_code"))
        out.exit_code = static_cast<std::uint32_t>(code->as_int64());
    return out;
}

TaskArguments arguments_of(const Expectation& expected) {
    TaskArguments arguments = Guest::default_arguments();
    arguments.args.insert(arguments.args.end(), expected.args.begin(), expected.args.end());
    arguments.env = expected.env;
    return arguments;
}

// ------------------------------------------------------------------ words for the scripts

constexpr std::uint32_t kRoot = 3;
constexpr std::uint64_t kReadWrite = rights::fd_read | rights::fd_write;

std::uint32_t made(Guest& guest, std::string_view path, std::uint64_t wanted = kReadWrite,
                   std::uint32_t fdflags = 0) {
    const Guest::Opened opened = guest.open(kRoot, path, open_flags::create, wanted, fdflags, 0);
    REQUIRE_EQ(opened.error, Errno::success);
    REQUIRE_GT(opened.fd, 2U);
    return opened.fd;
}
void make_file(Guest& guest, std::string_view path, std::string_view content = "") {
    const std::uint32_t fd = made(guest, path);
    REQUIRE_EQ(guest.write(fd, content), Errno::success);
    REQUIRE_EQ(guest.close(fd), Errno::success);
}
Errno open_error(Guest& guest, std::string_view path, std::uint32_t flags = 0,
                 std::uint64_t wanted = 0) {
    return guest.open(kRoot, path, flags, wanted, 0, 0).error;
}
bool one_of(Errno error, std::initializer_list<Errno> list) {
    return std::find(list.begin(), list.end(), error) != list.end();
}
struct Fdstat {
    FileType type;
    std::uint16_t flags;
    std::uint64_t base, inheriting;
    friend bool operator==(const Fdstat&, const Fdstat&) = default;
};
Fdstat fdstat(Guest& guest, std::uint32_t fd) {
    REQUIRE_EQ(guest.call(HostCall::fd_fdstat_get, {fd, Guest::kOut}), Errno::success);
    return {static_cast<FileType>(guest.word<std::uint8_t>(Guest::kOut)),
            guest.word<std::uint16_t>(Guest::kOut + 2), guest.word<std::uint64_t>(Guest::kOut + 8),
            guest.word<std::uint64_t>(Guest::kOut + 16)};
}
Errno seek(Guest& guest, std::uint32_t fd, std::int64_t delta, std::uint32_t whence) {
    return guest.call(HostCall::fd_seek,
                      {fd, static_cast<std::uint64_t>(delta), whence, Guest::kOut});
}
std::uint64_t seek_to(Guest& guest, std::uint32_t fd, std::int64_t delta, std::uint32_t whence) {
    REQUIRE_EQ(seek(guest, fd, delta, whence), Errno::success);
    return guest.word<std::uint64_t>(Guest::kOut);
}
std::string read(Guest& guest, std::uint32_t fd, std::size_t size) {
    std::string out;
    REQUIRE_EQ(guest.read(fd, size, out), Errno::success);
    return out;
}
std::vector<std::string> strings(Guest& guest, HostCall sizes, HostCall get) {
    REQUIRE_EQ(guest.call(sizes, {Guest::kOut, Guest::kOut + 4}), Errno::success);
    const auto count = guest.word<std::uint32_t>(Guest::kOut);
    const auto bytes = guest.word<std::uint32_t>(Guest::kOut + 4);
    REQUIRE_EQ(guest.call(get, {Guest::kPath, Guest::kBuffer}), Errno::success);
    std::vector<std::string> out;
    std::size_t total = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto at = guest.word<std::uint32_t>(Guest::kPath + 4 * i);
        const std::string text = guest.text(at, bytes);
        out.push_back(text.substr(0, text.find('\0')));
        total += out.back().size() + 1;
    }
    CHECK_EQ(total, bytes);
    return out;
}
/// A folder of its own, opened with the rights that a scratch folder of the suite has.
std::uint32_t reopened_root(Guest& guest) {
    const Fdstat root = fdstat(guest, kRoot);
    const auto opened =
        guest.open(kRoot, ".", open_flags::directory, root.base, 0, root.inheriting);
    REQUIRE_EQ(opened.error, Errno::success);
    return opened.fd;
}

// ------------------------------------------------------------------ scripts

using Script = std::function<void(Guest&, const Expectation&)>;

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

void fdopendir(Guest& guest, const Expectation&) {
    REQUIRE_EQ(guest.mkdir(kRoot, "folder"), Errno::success);
    make_file(guest, "folder/file-0");
    make_file(guest, "folder/file-1");
    const auto folder = guest.open_read(kRoot, "folder", open_flags::directory);
    std::map<std::string, std::uint64_t> inodes;
    for (const Guest::Row& row : guest.readdir(folder.fd, 0, 4'096)) {
        if (row.name.starts_with('.')) continue;
        inodes[row.name] = row.inode;
        CHECK_EQ(guest.stat(folder.fd, row.name).inode, row.inode);
    }
    REQUIRE_EQ(inodes.size(), 2U);
    CHECK_NE(inodes.at("file-0"), inodes.at("file-1"));
}
void stat_device_and_inode(Guest& guest, const Expectation&) {
    const Guest::Stat a = guest.fstat(made(guest, "a", rights::file_all));
    const Guest::Stat b = guest.fstat(made(guest, "b", rights::file_all));
    CHECK_EQ(a.device, b.device);
    CHECK_NE(a.inode, b.inode);
}
void lseek(Guest& guest, const Expectation&) {
    make_file(guest, "digits", "01234567");
    const auto fd = guest.open(kRoot, "digits", 0, rights::file_all & ~rights::fd_write).fd;
    CHECK_EQ(read(guest, fd, 4), "0123");
    CHECK_EQ(seek_to(guest, fd, 0, 1), 4U);
    CHECK_EQ(read(guest, fd, 1), "4");
    CHECK_EQ(seek_to(guest, fd, 0, 1), 5U);
    CHECK_EQ(seek_to(guest, fd, 0, 0), 0U);
    CHECK_EQ(seek_to(guest, fd, 0, 2), 8U);
}
void opens_for_reading(Guest& guest, const Expectation&) {
    make_file(guest, "file", "a sentence\n");
    const auto opened = guest.open(kRoot, "file", 0, rights::fd_read | rights::fd_seek, 0, 0);
    REQUIRE_EQ(opened.error, Errno::success);
    CHECK_EQ(read(guest, opened.fd, 100), "a sentence\n");
    CHECK_EQ(guest.close(opened.fd), Errno::success);
}
void reads_at_offset(Guest& guest, const Expectation&) {
    make_file(guest, "file", "abcdefghi\n");
    const auto fd = guest.open(kRoot, "file", 0, rights::fd_read | rights::fd_seek, 0, 0).fd;
    std::string got;
    REQUIRE_EQ(guest.pread(fd, 3, 4, got), Errno::success);
    CHECK_EQ(got, "efg");
    CHECK_EQ(read(guest, fd, 2), "ab");  // the offset of the descriptor did not move
}
void writes_at_offset(Guest& guest, const Expectation&) {
    CHECK_EQ(guest.stat(kRoot, "file").error, Errno::noent);
    const std::uint32_t fd = made(guest, "file", rights::fd_write | rights::fd_seek);
    REQUIRE_EQ(guest.pwrite(fd, "quite some words", 0), Errno::success);
    REQUIRE_EQ(guest.pwrite(fd, "XYZ", 6), Errno::success);
    REQUIRE_EQ(guest.close(fd), Errno::success);
    CHECK_EQ(read(guest, guest.open(kRoot, "file", 0, rights::fd_read).fd, 64), "quite XYZe words");
    CHECK_EQ(guest.unlink(kRoot, "file"), Errno::success);
}
void appends(Guest& guest, const Expectation&) {
    const auto all = rights::fd_write | rights::fd_seek | rights::fd_tell;
    const std::uint32_t fd = made(guest, "file", all, fd_flags::append);
    REQUIRE_EQ(guest.write(fd, "ab"), Errno::success);
    CHECK_EQ(seek_to(guest, fd, 0, 0), 0U);
    REQUIRE_EQ(guest.write(fd, "cd"), Errno::success);
    CHECK_EQ(seek_to(guest, fd, 0, 1), 4U);
    REQUIRE_EQ(guest.pwrite(fd, "efg", 0), Errno::success);
    CHECK_EQ(seek_to(guest, fd, 0, 1), 4U);
    const std::uint64_t end = seek_to(guest, fd, 0, 2);
    CHECK((end == 4 || end == 7));
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
void removed_and_made_again(Guest& guest, const Expectation&) {
    for (int i = 0; i < 2; ++i) {
        make_file(guest, "file");
        REQUIRE_EQ(guest.unlink(kRoot, "file"), Errno::success);
        REQUIRE_EQ(guest.mkdir(kRoot, "folder"), Errno::success);
        const auto opened = guest.open_read(kRoot, "folder", open_flags::directory);
        REQUIRE_EQ(opened.error, Errno::success);
        REQUIRE_EQ(guest.close(opened.fd), Errno::success);
        REQUIRE_EQ(guest.rmdir(kRoot, "folder"), Errno::success);
    }
}
void directories_hold_no_bytes(Guest& guest, const Expectation&) {
    const std::uint32_t fd = reopened_root(guest);
    CHECK_EQ(guest.fstat(fd).type, FileType::directory);
    const auto refused = [](Errno error) {
        return one_of(error, {Errno::isdir, Errno::badf, Errno::notcapable});
    };
    std::string got;
    CHECK(refused(guest.read(fd, 128, got)));
    CHECK(refused(guest.pread(fd, 128, 0, got)));
    CHECK(refused(guest.write(fd, "text")));
    CHECK(refused(guest.pwrite(fd, "text", 0)));
    for (std::uint32_t whence = 0; whence < 3; ++whence) CHECK(refused(seek(guest, fd, 0, whence)));
    CHECK(refused(guest.call(HostCall::fd_tell, {fd, Guest::kOut})));
    CHECK(refused(guest.call(HostCall::fd_allocate, {fd, 0, 1})));
    const Errno resized = guest.call(HostCall::fd_filestat_set_size, {fd, 0});
    CHECK((refused(resized) || resized == Errno::inval));
    // A name's buffer may be longer than the name, not shorter.
    REQUIRE_EQ(guest.call(HostCall::fd_prestat_get, {kRoot, Guest::kOut}), Errno::success);
    const auto size = guest.word<std::uint32_t>(Guest::kOut + 4);
    CHECK(one_of(guest.call(HostCall::fd_prestat_dir_name, {kRoot, Guest::kBuffer, 0}),
                 {Errno::inval, Errno::nametoolong}));
    CHECK_EQ(guest.call(HostCall::fd_prestat_dir_name, {kRoot, Guest::kBuffer, size + 1}),
             Errno::success);
}
void directories_do_not_seek(Guest& guest, const Expectation&) {
    REQUIRE_EQ(guest.mkdir(kRoot, "folder"), Errno::success);
    const auto opened = guest.open(kRoot, "folder", open_flags::directory, rights::fd_seek, 0, 0);
    REQUIRE_EQ(opened.error, Errno::success);
    CHECK(one_of(seek(guest, opened.fd, 0, 1), {Errno::isdir, Errno::badf, Errno::notcapable}));
    CHECK_EQ(fdstat(guest, opened.fd).base & rights::fd_seek, 0U);
}
void advice_changes_nothing(Guest& guest, const Expectation&) {
    const std::uint32_t fd = made(guest, "file", rights::file_all);
    CHECK_EQ(guest.fstat(fd).size, 0U);
    REQUIRE_EQ(guest.call(HostCall::fd_filestat_set_size, {fd, 100}), Errno::success);
    CHECK_EQ(guest.call(HostCall::fd_advise, {fd, 10, 50, 0}), Errno::success);
    CHECK_EQ(guest.fstat(fd).size, 100U);
    CHECK_EQ(guest.call(HostCall::fd_allocate, {fd, 100, 100}), Errno::success);
    CHECK_EQ(guest.fstat(fd).size, 200U);
}
void rights_are_only_given_up(Guest& guest, const Expectation&) {
    const auto all = kReadWrite | rights::fd_seek | rights::fd_tell;
    const std::uint32_t fd = made(guest, "file", all);
    REQUIRE_EQ(guest.write(fd, "0123"), Errno::success);
    seek_to(guest, fd, 0, 0);
    CHECK_EQ(read(guest, fd, 4), "0123");
    const Fdstat before = fdstat(guest, fd);
    REQUIRE_EQ(guest.call(HostCall::fd_fdstat_set_rights,
                          {fd, before.base & ~kReadWrite, before.inheriting}),
               Errno::success);
    CHECK_EQ(fdstat(guest, fd).base & kReadWrite, 0U);
    CHECK_NE(fdstat(guest, fd).base & rights::fd_seek, 0U);
    std::string got;
    CHECK(one_of(guest.read(fd, 4, got), {Errno::badf, Errno::notcapable}));
    CHECK(one_of(guest.write(fd, "x"), {Errno::badf, Errno::notcapable}));
    CHECK_EQ(guest.call(HostCall::fd_fdstat_set_rights, {fd, all, all}), Errno::notcapable);
}
void sizes_and_times(Guest& guest, const Expectation&) {
    const std::uint32_t fd = made(guest, "file", rights::file_all);
    REQUIRE_EQ(guest.call(HostCall::fd_filestat_set_size, {fd, 100}), Errno::success);
    const Guest::Stat before = guest.fstat(fd);
    CHECK_EQ(before.size, 100U);
    const std::uint64_t earlier = before.modified - 100;
    REQUIRE_EQ(
        guest.call(HostCall::fd_filestat_set_times, {fd, earlier, earlier, time_flags::modified}),
        Errno::success);
    const Guest::Stat after = guest.fstat(fd);
    CHECK_EQ(after.size, 100U);
    CHECK_EQ(after.modified, earlier);
    CHECK_EQ(after.accessed, before.accessed);
}
void append_is_a_flag_that_can_be_cleared(Guest& guest, const Expectation&) {
    const auto all = kReadWrite | rights::fd_seek | rights::fd_tell | rights::fd_fdstat_set_flags;
    const std::uint32_t fd = made(guest, "file", all, fd_flags::append);
    const std::string zero(100, '0'), one(100, '1'), two(100, '2');
    REQUIRE_EQ(guest.write(fd, zero), Errno::success);
    seek_to(guest, fd, 0, 0);
    CHECK_EQ(read(guest, fd, 100), zero);
    seek_to(guest, fd, 0, 0);
    REQUIRE_EQ(guest.write(fd, one), Errno::success);
    seek_to(guest, fd, 100, 0);
    CHECK_EQ(read(guest, fd, 100), one);
    REQUIRE_EQ(guest.call(HostCall::fd_fdstat_set_flags, {fd, 0}), Errno::success);
    seek_to(guest, fd, 0, 0);
    REQUIRE_EQ(guest.write(fd, two), Errno::success);
    seek_to(guest, fd, 0, 0);
    CHECK_EQ(read(guest, fd, 200), two + one);
    CHECK_EQ(guest.stat(kRoot, "file").size, 200U);
}
void listings(Guest& guest, const Expectation&) {
    const std::uint32_t fd = reopened_root(guest);
    bool more = true;
    auto rows = guest.readdir(fd, 0, 256, &more);
    CHECK_FALSE(more);
    REQUIRE_EQ(rows.size(), 2U);
    CHECK_EQ(rows[0].name, ".");
    CHECK_EQ(rows[0].inode, guest.fstat(fd).inode);
    CHECK_EQ(rows[1].name, "..");
    CHECK_EQ(rows[1].type, FileType::directory);
    make_file(guest, "file");
    rows = guest.readdir(fd, 0, 256, &more);
    REQUIRE_EQ(rows.size(), 3U);
    CHECK_EQ(rows[2].name, "file");
    CHECK_EQ(rows[2].type, FileType::regular_file);
    CHECK_EQ(rows[2].inode, guest.stat(kRoot, "file").inode);
    const auto rest = guest.readdir(fd, rows[1].cookie, 256, &more);
    CHECK_FALSE(more);
    REQUIRE_EQ(rest.size(), 1U);
    CHECK_EQ(rest[0].name, "file");
    for (int i = 0; i < 100; ++i) make_file(guest, "file." + std::to_string(i));
    CHECK_EQ(guest.list(fd, 256).size(), 101U);
}
void allocation_only_grows(Guest& guest, const Expectation&) {
    const std::uint32_t fd = made(guest, "file", rights::file_all);
    const std::uint64_t steps[][3] = {{0, 100, 100}, {10, 10, 100}, {90, 20, 110}};
    for (const auto& [offset, length, size] : steps) {
        REQUIRE_EQ(guest.call(HostCall::fd_allocate, {fd, offset, length}), Errno::success);
        CHECK_EQ(guest.fstat(fd).size, size);
    }
}
void several_buffers_at_an_offset(Guest& guest, const Expectation&) {
    const std::uint32_t fd = made(guest, "file", kReadWrite | rights::fd_seek);
    REQUIRE_EQ(guest.pwrite(fd, "0123", 0), Errno::success);
    std::string got;
    REQUIRE_EQ(guest.pread(fd, 4, 0, got), Errno::success);
    CHECK_EQ(got, "0123");
    // Two buffers of two bytes each, in one call each way.
    guest.put(Guest::kBuffer, "abcd");
    const auto vectors = [&](std::uint32_t first, std::uint32_t second) {
        Bytes raw(16);
        store_le<std::uint32_t>(raw.data(), first);
        store_le<std::uint32_t>(raw.data() + 4, 2);
        store_le<std::uint32_t>(raw.data() + 8, second);
        store_le<std::uint32_t>(raw.data() + 12, 2);
        guest.put(Guest::kVectors, raw);
    };
    vectors(Guest::kBuffer, Guest::kBuffer + 2);
    REQUIRE_EQ(guest.call(HostCall::fd_pwrite, {fd, Guest::kVectors, 2, 0, Guest::kOut}),
               Errno::success);
    CHECK_EQ(guest.word<std::uint32_t>(Guest::kOut), 4U);
    vectors(Guest::kBuffer + 100, Guest::kBuffer + 200);
    REQUIRE_EQ(guest.call(HostCall::fd_pread, {fd, Guest::kVectors, 2, 0, Guest::kOut}),
               Errno::success);
    CHECK_EQ(guest.text(Guest::kBuffer + 100, 2) + guest.text(Guest::kBuffer + 200, 2), "abcd");
    REQUIRE_EQ(guest.pread(fd, 4, 2, got), Errno::success);
    CHECK_EQ(got, "cd");
    REQUIRE_EQ(guest.pwrite(fd, "YZ", 2), Errno::success);
    REQUIRE_EQ(guest.pread(fd, 4, 0, got), Errno::success);
    CHECK_EQ(got, "abYZ");
}
void seeks_and_tells(Guest& guest, const Expectation&) {
    const std::uint32_t fd = made(guest, "file", kReadWrite | rights::fd_seek | rights::fd_tell);
    const auto tell = [&] {
        REQUIRE_EQ(guest.call(HostCall::fd_tell, {fd, Guest::kOut}), Errno::success);
        return guest.word<std::uint64_t>(Guest::kOut);
    };
    CHECK_EQ(tell(), 0U);
    REQUIRE_EQ(guest.write(fd, std::string(100, 'x')), Errno::success);
    CHECK_EQ(tell(), 100U);
    CHECK_EQ(seek_to(guest, fd, -50, 1), 50U);
    CHECK_EQ(seek_to(guest, fd, 0, 0), 0U);
    CHECK_EQ(seek_to(guest, fd, 1'000, 1), 1'000U);
    CHECK_EQ(seek(guest, fd, -2'000, 1), Errno::inval);
    seek_to(guest, fd, 0, 0);
    CHECK_EQ(read(guest, fd, 100).size(), 100U);
    CHECK_EQ(tell(), 100U);
}
void truncates(Guest& guest, const Expectation&) {
    make_file(guest, "file", "of which nothing will be left");
    const auto opened =
        guest.open(kRoot, "file", open_flags::create | open_flags::truncate, kReadWrite, 0, 0);
    REQUIRE_EQ(opened.error, Errno::success);
    CHECK_EQ(read(guest, opened.fd, 100), "");
}
void writes_are_seen_at_once(Guest& guest, const Expectation&) {
    const std::uint32_t reader = made(guest, "file", rights::fd_read);
    const auto writer = guest.open(kRoot, "file", 0, rights::fd_write, 0, 0);
    REQUIRE_EQ(writer.error, Errno::success);
    REQUIRE_EQ(guest.write(writer.fd, "1"), Errno::success);
    CHECK_EQ(read(guest, reader, 1), "1");
}
void contradicting_times(Guest& guest, const Expectation&) {
    const std::uint32_t fd = made(guest, "file", rights::file_all);
    for (const std::uint32_t flags : {time_flags::modified | time_flags::modified_now,
                                      time_flags::access | time_flags::access_now})
        CHECK_EQ(guest.call(HostCall::fd_filestat_set_times, {fd, 100, 200, flags}), Errno::inval);
}
void interesting_paths(Guest& guest, const Expectation&) {
    REQUIRE_EQ(guest.mkdir(kRoot, "a"), Errno::success);
    REQUIRE_EQ(guest.mkdir(kRoot, "a/b"), Errno::success);
    make_file(guest, "a/b/file");
    CHECK(one_of(open_error(guest, "/a/b/file"), {Errno::perm, Errno::notcapable}));
    CHECK_EQ(open_error(guest, "a/.//b/../../a/b/../b///./file"), Errno::success);
    CHECK(one_of(open_error(guest, std::string_view("a/b/file\0", 9)),
                 {Errno::inval, Errno::ilseq, Errno::noent}));
    for (const char* path : {"a/b/file/", "a/b/file///"})
        CHECK(one_of(open_error(guest, path), {Errno::notdir, Errno::noent}));
    for (const char* path : {"a/b/", "a/b///"}) CHECK_EQ(open_error(guest, path), Errno::success);
    CHECK(one_of(open_error(guest, "a/b/../../../a/b/file"), {Errno::perm, Errno::notcapable}));
}
void files_are_no_terminals(Guest& guest, const Expectation&) {
    const std::uint32_t fd = made(guest, "file", 0);
    CHECK_EQ(fdstat(guest, fd).type, FileType::regular_file);
}
void stat_by_path(Guest& guest, const Expectation&) {
    CHECK_NE(fdstat(guest, kRoot).base & rights::path_filestat_get, 0U);
    const std::uint32_t fd = made(guest, "file", kReadWrite, fd_flags::append);
    CHECK_EQ(fdstat(guest, fd).flags & fd_flags::append, fd_flags::append);
    const Guest::Stat before = guest.stat(kRoot, "file");
    CHECK_EQ(before.size, 0U);
    const auto set_times = [&](std::uint64_t to, std::uint32_t flags) {
        guest.put(Guest::kPath, "file");
        return guest.call(HostCall::path_filestat_set_times,
                          {kRoot, 0, Guest::kPath, 4, 0, to, flags});
    };
    REQUIRE_EQ(set_times(before.modified - 100, time_flags::modified), Errno::success);
    CHECK_EQ(guest.stat(kRoot, "file").modified, before.modified - 100);
    CHECK_EQ(set_times(7, time_flags::modified | time_flags::modified_now), Errno::inval);
    CHECK_EQ(set_times(7, time_flags::access | time_flags::access_now), Errno::inval);
    CHECK_EQ(guest.stat(kRoot, "file").modified, before.modified - 100);
}
void exclusive_creation(Guest& guest, const Expectation&) {
    make_file(guest, "file");
    CHECK_EQ(open_error(guest, "file", open_flags::create | open_flags::exclusive), Errno::exist);
}
void a_file_is_no_folder(Guest& guest, const Expectation&) {
    const std::uint32_t fd = made(guest, "file", 0);
    CHECK(one_of(guest.open(fd, "other", open_flags::create, 0, 0, 0).error,
                 {Errno::notdir, Errno::notcapable}));
}
void missing_is_missing(Guest& guest, const Expectation&) {
    CHECK_EQ(open_error(guest, "file"), Errno::noent);
}
void nonblocking_folder(Guest& guest, const Expectation&) {
    constexpr std::uint32_t kNonblock = 4;
    CHECK_EQ(guest.open(kRoot, ".", 0, 0, kNonblock, 0).error, Errno::success);
}
void preopened_rights(Guest& guest, const Expectation&) {
    const Fdstat root = fdstat(guest, kRoot);
    for (const std::uint64_t right :
         {rights::path_create_directory, rights::path_create_file, rights::path_open,
          rights::fd_readdir, rights::path_rename_source, rights::path_rename_target,
          rights::path_filestat_get, rights::path_remove_directory, rights::path_unlink_file})
        CHECK_EQ(root.base & right, right);
    for (const std::uint64_t right : {rights::fd_read, rights::fd_write, rights::fd_seek,
                                      rights::fd_filestat_get, rights::fd_filestat_set_size})
        CHECK_EQ(root.inheriting & right, right);
    const auto open = [&](std::uint32_t flags, std::uint64_t base, std::uint64_t inheriting) {
        return guest.open(kRoot, ".", flags, base, 0, inheriting).error;
    };
    CHECK_EQ(open(0, root.base, root.inheriting), Errno::success);
    CHECK_EQ(open(0, 0, 0), Errno::success);
    CHECK_EQ(open(open_flags::directory, 0, 0), Errno::success);
    CHECK_EQ(open(open_flags::directory, rights::fd_read, 0), Errno::success);
    CHECK_EQ(open(open_flags::directory, kReadWrite, 0), Errno::isdir);
}
void rights_of_the_opened(Guest& guest, const Expectation&) {
    make_file(guest, "file");
    const auto refused = [](Errno error) {
        return one_of(error, {Errno::badf, Errno::notcapable, Errno::acces});
    };
    std::string got;
    const auto reader = guest.open(kRoot, "file", 0, rights::fd_read, 0, 0).fd;
    CHECK_EQ(fdstat(guest, reader).base & kReadWrite, rights::fd_read);
    CHECK_EQ(read(guest, reader, 100), "");
    CHECK(refused(guest.write(reader, "x")));
    const auto writer = guest.open(kRoot, "file", 0, rights::fd_write, 0, 0).fd;
    CHECK_EQ(fdstat(guest, writer).base & kReadWrite, rights::fd_write);
    CHECK(refused(guest.read(writer, 100, got)));
    REQUIRE_EQ(guest.write(writer, std::string(50, '1')), Errno::success);
    const auto both = guest.open(kRoot, "file", 0, kReadWrite | rights::fd_filestat_get, 0, 0).fd;
    CHECK_EQ(read(guest, both, 100), std::string(50, '1'));
    REQUIRE_EQ(guest.write(both, std::string(25, '2')), Errno::success);
    CHECK_EQ(guest.fstat(both).size, 75U);
}
void renames(Guest& guest, const Expectation&) {
    const auto rename = [&](std::string_view from, std::string_view to) {
        return guest.rename(kRoot, from, kRoot, to);
    };
    REQUIRE_EQ(guest.mkdir(kRoot, "source"), Errno::success);
    REQUIRE_EQ(rename("source", "target"), Errno::success);
    CHECK_EQ(open_error(guest, "source", open_flags::directory), Errno::noent);
    CHECK_EQ(open_error(guest, "target", open_flags::directory), Errno::success);
    REQUIRE_EQ(guest.mkdir(kRoot, "source"), Errno::success);
    REQUIRE_EQ(rename("source", "target"), Errno::success);  // over an empty folder
    REQUIRE_EQ(guest.mkdir(kRoot, "source"), Errno::success);
    make_file(guest, "target/file");
    CHECK_EQ(rename("source", "target"), Errno::notempty);
    CHECK_EQ(rename("source", "target/file"), Errno::notdir);
    make_file(guest, "a", "a");
    REQUIRE_EQ(rename("a", "b"), Errno::success);
    CHECK_EQ(open_error(guest, "a"), Errno::noent);
    make_file(guest, "a", "later");
    REQUIRE_EQ(rename("a", "b"), Errno::success);  // over another file
    CHECK_EQ(guest.stat(kRoot, "b").size, 5U);
    CHECK_EQ(open_error(guest, "a"), Errno::noent);
    CHECK_EQ(rename("b", "source"), Errno::isdir);
}
void renames_with_slashes(Guest& guest, const Expectation&) {
    REQUIRE_EQ(guest.mkdir(kRoot, "a"), Errno::success);
    const std::pair<const char*, const char*> steps[] = {
        {"a/", "b"}, {"b", "a/"}, {"a/", "b/"}, {"b", "a"}};
    for (const auto& [from, to] : steps)
        CHECK_EQ(guest.rename(kRoot, from, kRoot, to), Errno::success);
    CHECK_EQ(guest.rmdir(kRoot, "a"), Errno::success);
}
void removes_with_slashes(Guest& guest, const Expectation&) {
    REQUIRE_EQ(guest.mkdir(kRoot, "folder"), Errno::success);
    CHECK_EQ(guest.rmdir(kRoot, "folder/"), Errno::success);
    make_file(guest, "file");
    CHECK_EQ(guest.rmdir(kRoot, "file"), Errno::notdir);
    CHECK_EQ(guest.rmdir(kRoot, "file/"), Errno::notdir);
}
void removes_only_empty(Guest& guest, const Expectation&) {
    REQUIRE_EQ(guest.mkdir(kRoot, "a"), Errno::success);
    REQUIRE_EQ(guest.mkdir(kRoot, "a/b"), Errno::success);
    CHECK_EQ(guest.rmdir(kRoot, "a"), Errno::notempty);
    CHECK_EQ(guest.rmdir(kRoot, "a/b"), Errno::success);
    CHECK_EQ(guest.rmdir(kRoot, "a"), Errno::success);
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
void truncation_has_a_right(Guest& guest, const Expectation&) {
    make_file(guest, "file", "text");
    const std::uint32_t folder = reopened_root(guest);
    const Fdstat stat = fdstat(guest, folder);
    CHECK_EQ(stat.flags, 0U);
    CHECK_EQ(stat.base & rights::fd_filestat_set_size, 0U);
    REQUIRE_NE(stat.base & rights::path_filestat_set_size, 0U);
    const auto truncate = [&] {
        return guest.open(folder, "file", open_flags::truncate, 0, 0, 0).error;
    };
    CHECK_EQ(truncate(), Errno::success);
    const std::uint64_t inheriting = stat.inheriting & ~rights::fd_filestat_set_size;
    REQUIRE_EQ(guest.call(HostCall::fd_fdstat_set_rights, {folder, stat.base, inheriting}),
               Errno::success);
    CHECK_EQ(truncate(), Errno::success);
    REQUIRE_EQ(guest.call(HostCall::fd_fdstat_set_rights,
                          {folder, stat.base & ~rights::path_filestat_set_size, inheriting}),
               Errno::success);
    CHECK(one_of(truncate(), {Errno::perm, Errno::notcapable}));
}
void unlinks_only_files(Guest& guest, const Expectation&) {
    REQUIRE_EQ(guest.mkdir(kRoot, "folder"), Errno::success);
    CHECK_EQ(guest.unlink(kRoot, "folder"), Errno::isdir);
    CHECK_EQ(guest.unlink(kRoot, "folder/"), Errno::isdir);
    make_file(guest, "file");
    CHECK_EQ(guest.unlink(kRoot, "file/"), Errno::notdir);
    CHECK_EQ(guest.unlink(kRoot, "file"), Errno::success);
}
/// The suite lets a host refuse links; ours does, and says so each time.
void links_are_refused(Guest& guest, const Expectation&) {
    make_file(guest, "file");
    guest.put(Guest::kPath, "file");
    guest.put(Guest::kPath2, "link");
    CHECK_EQ(guest.call(HostCall::path_symlink, {Guest::kPath, 4, kRoot, Guest::kPath2, 4}),
             Errno::notsup);
    CHECK_EQ(open_error(guest, "link"), Errno::noent);
    guest.put(Guest::kPath, "file");
    CHECK_EQ(guest.call(HostCall::path_link, {kRoot, 0, Guest::kPath, 4, kRoot, Guest::kPath2, 4}),
             Errno::notsup);
    CHECK_EQ(open_error(guest, "link"), Errno::noent);
    guest.put(Guest::kPath, "file");
    CHECK_EQ(guest.call(HostCall::path_readlink,
                        {kRoot, Guest::kPath, 4, Guest::kBuffer, 100, Guest::kOut}),
             Errno::inval);
}

const std::map<std::string, Script>& scripts() {
    static const std::map<std::string, Script> kScripts{
        {"assemblyscript/args_get-multiple-arguments", arguments_arrive},
        {"assemblyscript/args_sizes_get-multiple-arguments", arguments_arrive},
        {"assemblyscript/environ_get-multiple-variables", environment_arrives},
        {"assemblyscript/environ_sizes_get-multiple-variables", environment_arrives},
        {"assemblyscript/fd_write-to-stdout", output_is_kept},
        {"assemblyscript/proc_exit-failure", exit_code_is_kept},
        {"c/fdopendir-with-access", fdopendir},
        {"c/fopen-with-access", opens_for_reading},
        {"c/lseek", lseek},
        {"c/pread-with-access", reads_at_offset},
        {"c/pwrite-with-access", writes_at_offset},
        {"c/pwrite-with-append", appends},
        {"c/stat-dev-ino", stat_device_and_inode},
        {"rust/close_preopen", close_preopen},
        {"rust/dangling_fd", removed_and_made_again},
        {"rust/dangling_symlink", links_are_refused},
        {"rust/dir_fd_op_failures", directories_hold_no_bytes},
        {"rust/directory_seek", directories_do_not_seek},
        {"rust/fd_advise", advice_changes_nothing},
        {"rust/fd_fdstat_set_rights", rights_are_only_given_up},
        {"rust/fd_filestat_set", sizes_and_times},
        {"rust/fd_flags_set", append_is_a_flag_that_can_be_cleared},
        {"rust/fd_readdir", listings},
        {"rust/file_allocate", allocation_only_grows},
        {"rust/file_pread_pwrite", several_buffers_at_an_offset},
        {"rust/file_seek_tell", seeks_and_tells},
        {"rust/file_truncation", truncates},
        {"rust/file_unbuffered_write", writes_are_seen_at_once},
        {"rust/fstflags_validate", contradicting_times},
        {"rust/interesting_paths", interesting_paths},
        {"rust/isatty", files_are_no_terminals},
        {"rust/overwrite_preopen", overwrite_preopen},
        {"rust/path_filestat", stat_by_path},
        {"rust/path_open_create_existing", exclusive_creation},
        {"rust/path_open_dirfd_not_dir", a_file_is_no_folder},
        {"rust/path_open_missing", missing_is_missing},
        {"rust/path_open_nonblock", nonblocking_folder},
        {"rust/path_open_preopen", preopened_rights},
        {"rust/path_open_read_write", rights_of_the_opened},
        {"rust/path_rename", renames},
        {"rust/path_rename_dir_trailing_slashes", renames_with_slashes},
        {"rust/remove_directory_trailing_slashes", removes_with_slashes},
        {"rust/remove_nonempty_directory", removes_only_empty},
        {"rust/renumber", renumbers},
        {"rust/stdio", streams_can_be_moved},
        {"rust/symlink_loop", links_are_refused},
        {"rust/truncation_rights", truncation_has_a_right},
        {"rust/unlink_file_trailing_slashes", unlinks_only_files}};
    return kScripts;
}

struct Reason {
    std::string name, why;
};
constexpr const char* kNoLinks =
    "needs links, and a task's files have none (docs/protocol/wasi.md)";
/// What the suite asks for and a task does not have, by name. Where the reason is links, that they
/// are refused is checked instead.
const std::vector<Reason>& inapplicable() {
    static const std::vector<Reason> kRows{
        {"rust/nofollow_errors", kNoLinks}, {"rust/path_exists", kNoLinks},
        {"rust/path_link", kNoLinks},       {"rust/path_symlink_trailing_slashes", kNoLinks},
        {"rust/readlink", kNoLinks},        {"rust/symlink_create", kNoLinks},
        {"rust/symlink_filestat", kNoLinks}};
    return kRows;
}
constexpr const char* kEmptyRoot =
    "wants its files in the folder it writes to, which is empty when a task begins";
constexpr const char* kOwnVariables =
    "counts its environment, to which a task's index and the number of tasks are added";
/// Beside those, published programs that fail for what a task is.
const std::vector<Reason>& programs_not_for_tasks() {
    static const std::vector<Reason> kRows{
        {"assemblyscript/environ_get-multiple-variables", kOwnVariables},
        {"assemblyscript/environ_sizes_get-multiple-variables", kOwnVariables},
        {"c/fdopendir-with-access", kEmptyRoot},
        {"c/fopen-with-access", kEmptyRoot},
        {"c/lseek", kEmptyRoot},
        {"c/pread-with-access", kEmptyRoot},
        {"c/pwrite-with-access", kEmptyRoot},
        {"c/stat-dev-ino", kEmptyRoot}};
    return kRows;
}
bool listed(const std::vector<Reason>& rows, const std::string& name) {
    return std::any_of(rows.begin(), rows.end(), [&](const Reason& r) { return r.name == name; });
}

/// "c/lseek" and so on, of every expectation in the folder; empty where there are no vectors.
std::vector<std::string> expectations(const fs::path& folder) {
    std::vector<std::string> out;
    for (const char* language : {"assemblyscript", "c", "rust"})
        for (const auto& entry : fs::directory_iterator(folder / language))
            if (entry.path().extension() == ".json" && entry.path().stem() != "manifest")
                out.push_back(std::string(language) + "/" + entry.path().stem().string());
    std::sort(out.begin(), out.end());
    return out;
}
std::optional<fs::path> wasi_folder() {
    const char* folder = std::getenv("MILLRACE_VECTORS");
    if (folder != nullptr && *folder != '\0') return fs::path(folder) / "wasi";
    millrace::test::skip_case("wasi expectations (MILLRACE_VECTORS is not set)");
    return std::nullopt;
}
std::string file_text(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    REQUIRE_MESSAGE(file.good(), "cannot read ", path.string());
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_SUITE("vectors/wasi") {
    TEST_CASE("every expectation of the preview 1 suite is met, or named with a reason") {
        const auto folder = wasi_folder();
        if (!folder) return;
        int passed = 0;
        const std::vector<std::string> names = expectations(*folder);
        for (const std::string& name : names) {
            CAPTURE(name);
            const Expectation expected = expectation_of(file_text(*folder / (name + ".json")));
            Guest guest(arguments_of(expected));
            if (listed(inapplicable(), name)) {
                links_are_refused(guest, expected);
                continue;
            }
            const auto script = scripts().find(name);
            if (script == scripts().end()) {
                FAIL_CHECK("an expectation that no script here knows");
                continue;
            }
            script->second(guest, expected);
            CHECK_EQ(guest.exit(), HostOutcome::done);
            ++passed;
        }
        for (const auto& row : inapplicable())
            std::printf("wasi: %s does not apply: %s\n", row.name.c_str(), row.why.c_str());
        std::printf("wasi: %d of %zu expectations met, %zu do not apply\n", passed, names.size(),
                    inapplicable().size());
        CHECK_EQ(passed, 48);
        CHECK_EQ(names.size(), scripts().size() + inapplicable().size());
    }

    TEST_CASE("the suite's own programs end as it says") {
        const auto folder = wasi_folder();
        if (!folder) return;
        int passed = 0;
        for (const std::string& name : expectations(*folder)) {
            const fs::path path = *folder / (name + ".wasm");
            if (!fs::exists(path) || listed(inapplicable(), name) ||
                listed(programs_not_for_tasks(), name))
                continue;
            CAPTURE(name);
            const Expectation expected = expectation_of(file_text(*folder / (name + ".json")));
            const std::string module = file_text(path);
            const Image image = millrace::test::image_of(Bytes(module.begin(), module.end()));
            TaskArguments arguments = arguments_of(expected);
            arguments.gas_limit = std::uint64_t{1} << 34;
            arguments.segment_gas = arguments.gas_limit >> 10;
            const auto page = encode_arguments(arguments);
            REQUIRE(page.has_value());
            const auto state = load_task(image, {*page, {}});
            const auto run = run_task(*state, 0);
            REQUIRE(run.has_value());
            const std::string errors(as_text(run->tails.err));
            CAPTURE(errors);
            CHECK_EQ(run->claim.end, ClaimEnd::exited);
            CHECK_EQ(run->claim.code, expected.exit_code);
            if (!expected.out.empty()) CHECK_EQ(as_text(run->tails.out), expected.out);
            ++passed;
        }
        if (passed == 0)
            millrace::test::skip_case("wasi programs (contrib/fetch-vectors gets them)");
        else
            std::printf("wasi: %d published programs ran as they should\n", passed);
    }
}

}  // namespace millrace::vm::test
