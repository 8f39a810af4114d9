#include "tests/vectors/vm/wasi_script.hpp"

namespace millrace::vm::test {
namespace {

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

}  // namespace

Scripts right_scripts() {
    return {{"rust/fd_fdstat_set_rights", rights_are_only_given_up},
            {"rust/path_open_preopen", preopened_rights},
            {"rust/path_open_read_write", rights_of_the_opened},
            {"rust/truncation_rights", truncation_has_a_right}};
}

}  // namespace millrace::vm::test
