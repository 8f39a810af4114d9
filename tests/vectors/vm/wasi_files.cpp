#include "tests/vectors/vm/wasi_script.hpp"

namespace millrace::vm::test {
namespace {

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
void advice_changes_nothing(Guest& guest, const Expectation&) {
    const std::uint32_t fd = made(guest, "file", rights::file_all);
    CHECK_EQ(guest.fstat(fd).size, 0U);
    REQUIRE_EQ(guest.call(HostCall::fd_filestat_set_size, {fd, 100}), Errno::success);
    CHECK_EQ(guest.call(HostCall::fd_advise, {fd, 10, 50, 0}), Errno::success);
    CHECK_EQ(guest.fstat(fd).size, 100U);
    CHECK_EQ(guest.call(HostCall::fd_allocate, {fd, 100, 100}), Errno::success);
    CHECK_EQ(guest.fstat(fd).size, 200U);
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

}  // namespace

Scripts file_scripts() {
    return {{"c/fopen-with-access", opens_for_reading},
            {"c/lseek", lseek},
            {"c/pread-with-access", reads_at_offset},
            {"c/pwrite-with-access", writes_at_offset},
            {"c/pwrite-with-append", appends},
            {"rust/fd_advise", advice_changes_nothing},
            {"rust/fd_filestat_set", sizes_and_times},
            {"rust/fd_flags_set", append_is_a_flag_that_can_be_cleared},
            {"rust/file_allocate", allocation_only_grows},
            {"rust/file_pread_pwrite", several_buffers_at_an_offset},
            {"rust/file_seek_tell", seeks_and_tells},
            {"rust/file_truncation", truncates},
            {"rust/file_unbuffered_write", writes_are_seen_at_once},
            {"rust/fstflags_validate", contradicting_times}};
}

}  // namespace millrace::vm::test
