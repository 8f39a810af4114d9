#include "tests/vectors/vm/wasi_script.hpp"

namespace millrace::vm::test {
namespace {

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
void unlinks_only_files(Guest& guest, const Expectation&) {
    REQUIRE_EQ(guest.mkdir(kRoot, "folder"), Errno::success);
    CHECK_EQ(guest.unlink(kRoot, "folder"), Errno::isdir);
    CHECK_EQ(guest.unlink(kRoot, "folder/"), Errno::isdir);
    make_file(guest, "file");
    CHECK_EQ(guest.unlink(kRoot, "file/"), Errno::notdir);
    CHECK_EQ(guest.unlink(kRoot, "file"), Errno::success);
}

}  // namespace

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

Scripts path_scripts() {
    return {{"c/fdopendir-with-access", fdopendir},
            {"c/stat-dev-ino", stat_device_and_inode},
            {"rust/dangling_fd", removed_and_made_again},
            {"rust/dangling_symlink", links_are_refused},
            {"rust/dir_fd_op_failures", directories_hold_no_bytes},
            {"rust/directory_seek", directories_do_not_seek},
            {"rust/fd_readdir", listings},
            {"rust/interesting_paths", interesting_paths},
            {"rust/path_filestat", stat_by_path},
            {"rust/path_open_create_existing", exclusive_creation},
            {"rust/path_open_dirfd_not_dir", a_file_is_no_folder},
            {"rust/path_open_missing", missing_is_missing},
            {"rust/path_open_nonblock", nonblocking_folder},
            {"rust/path_rename", renames},
            {"rust/path_rename_dir_trailing_slashes", renames_with_slashes},
            {"rust/remove_directory_trailing_slashes", removes_with_slashes},
            {"rust/remove_nonempty_directory", removes_only_empty},
            {"rust/symlink_loop", links_are_refused},
            {"rust/unlink_file_trailing_slashes", unlinks_only_files}};
}

}  // namespace millrace::vm::test
