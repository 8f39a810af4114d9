#include <doctest/doctest.h>

#include "tests/support/wasi_guest.hpp"

namespace millrace::vm::test {
namespace {

constexpr std::uint32_t kRoot = 3;
constexpr std::uint32_t kIn = 4;
constexpr std::uint32_t kTmp = 5;
constexpr std::uint32_t kCreate = open_flags::create;

void make_file(Guest& guest, std::string_view path, std::string_view content,
               std::uint32_t directory = kRoot) {
    const auto opened = guest.open(directory, path, kCreate);
    REQUIRE_EQ(opened.error, Errno::success);
    REQUIRE_EQ(guest.write(opened.fd, content), Errno::success);
    REQUIRE_EQ(guest.close(opened.fd), Errno::success);
}

std::string content_of(Guest& guest, std::string_view path, std::uint32_t directory = kRoot) {
    const auto opened = guest.open_read(directory, path);
    REQUIRE_EQ(opened.error, Errno::success);
    std::string out;
    REQUIRE_EQ(guest.read(opened.fd, 20'000, out), Errno::success);
    REQUIRE_EQ(guest.close(opened.fd), Errno::success);
    return out;
}

Guest with_input(MemoryTree& tree) {
    TaskArguments arguments = Guest::default_arguments();
    arguments.input_form = InputForm::tree;
    arguments.input_count = 1;
    Guest guest(arguments);
    tree.mount(guest.state, kInputImages);
    return guest;
}

}  // namespace

TEST_SUITE("vm/wasi/files") {
    TEST_CASE("what is written is read, across pages and vectors") {
        Guest guest;
        std::string data(10'000, '\0');
        for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>('a' + i % 23);
        const auto file = guest.open(kRoot, "f", kCreate);
        REQUIRE_EQ(file.error, Errno::success);
        CHECK_EQ(file.fd, 6U);
        REQUIRE_EQ(guest.write(file.fd, data), Errno::success);
        CHECK_EQ(guest.word<std::uint32_t>(Guest::kOut), 10'000U);
        CHECK_EQ(guest.fstat(file.fd).size, 10'000U);
        REQUIRE_EQ(guest.call(HostCall::fd_seek, {file.fd, 3, 0, Guest::kOut}), Errno::success);
        std::string got;
        REQUIRE_EQ(guest.read(file.fd, 20'000, got), Errno::success);
        CHECK_EQ(got, data.substr(3));
        REQUIRE_EQ(guest.read(file.fd, 10, got), Errno::success);
        CHECK(got.empty());
        REQUIRE_EQ(guest.pread(file.fd, 5, 9'998, got), Errno::success);
        CHECK_EQ(got, data.substr(9'998));
        REQUIRE_EQ(guest.pwrite(file.fd, "XY", 20'000), Errno::success);
        REQUIRE_EQ(guest.pread(file.fd, 4, 19'998, got), Errno::success);
        CHECK_EQ(got, std::string("\0\0XY", 4));

        // Three vectors, one of them empty, scattered over memory.
        wasi::Host<SparseState> host(guest.state, HostCall::sched_yield, Guest::kArgs);
        const std::uint32_t vectors[] = {0x8000, 5'000, 0x20, 0, 0xfff0, 100};
        for (std::size_t i = 0; i < 6; ++i) host.store_memory(Guest::kVectors + 4 * i, vectors[i]);
        REQUIRE_EQ(guest.call(HostCall::fd_pread, {file.fd, Guest::kVectors, 3, 0, Guest::kOut}),
                   Errno::success);
        CHECK_EQ(guest.word<std::uint32_t>(Guest::kOut), 5'100U);
        CHECK_EQ(guest.text(0x8000, 5'000), data.substr(0, 5'000));
        CHECK_EQ(guest.text(0xfff0, 100), data.substr(5'000, 100));
    }

    TEST_CASE("a read that overwrites its own vectors stays within memory") {
        Guest guest;
        make_file(guest, "f", std::string(64, '\xff'));
        const auto file = guest.open(kRoot, "f");
        wasi::Host<SparseState> host(guest.state, HostCall::sched_yield, Guest::kArgs);
        const std::uint32_t vectors[] = {Guest::kVectors, 16, 0x8000, 8};
        for (std::size_t i = 0; i < 4; ++i) host.store_memory(Guest::kVectors + 4 * i, vectors[i]);
        CHECK_EQ(guest.call(HostCall::fd_read, {file.fd, Guest::kVectors, 2, Guest::kOut}),
                 Errno::fault);
    }

    TEST_CASE("opening: each refusal") {
        Guest guest;
        REQUIRE_EQ(guest.mkdir(kRoot, "d"), Errno::success);
        make_file(guest, "d/f", "x");
        struct Row {
            const char* name;
            std::uint32_t directory;
            std::string path;
            std::uint32_t flags;
            std::uint64_t wanted;
            Errno expected;
        };
        using namespace open_flags;
        const std::uint64_t r = rights::fd_read;
        const std::uint64_t w = rights::fd_write;
        const Row rows[] = {
            {"missing", kRoot, "nope", 0, r, Errno::noent},
            {"missing parent", kRoot, "nope/f", create, r, Errno::noent},
            {"empty path", kRoot, "", 0, r, Errno::noent},
            {"absolute", kRoot, "/d/f", 0, r, Errno::perm},
            {"above the start", kRoot, "d/../../d/f", 0, r, Errno::perm},
            {"nul", kRoot, std::string("d/f\0", 4), 0, r, Errno::ilseq},
            {"winding but right", kRoot, "d/.//../d/././f", 0, r, Errno::success},
            {"file as directory", kRoot, "d/f/x", 0, r, Errno::notdir},
            {"trailing slash on a file", kRoot, "d/f/", 0, r, Errno::notdir},
            {"trailing slashes on a directory", kRoot, "d///", 0, r, Errno::success},
            {"directory wanted", kRoot, "d/f", directory, r, Errno::notdir},
            {"exclusive", kRoot, "d/f", create | exclusive, r, Errno::exist},
            {"exclusive directory", kRoot, "d", create | exclusive, r, Errno::exist},
            {"create over a directory", kRoot, "d", create, r, Errno::isdir},
            {"write a directory", kRoot, "d", 0, r | w, Errno::isdir},
            {"truncate a directory", kRoot, "d", truncate, r, Errno::isdir},
            {"create a directory", kRoot, "e", create | directory, r, Errno::inval},
            {"create with a slash", kRoot, "e/", create, r, Errno::isdir},
            {"unknown flag", kRoot, "d", 16, r, Errno::inval},
            {"not a directory", 1, "d", 0, r, Errno::notdir},
            {"closed", 77, "d", 0, r, Errno::badf},
            {"create in the input", kIn, "f", create, r, Errno::rofs},
            {"long name", kRoot, std::string(256, 'n'), create, r, Errno::nametoolong},
            {"longest name", kRoot, std::string(255, 'n'), create, r, Errno::success},
            {"long path", kRoot, std::string(4'097, 'n'), 0, r, Errno::nametoolong},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            CHECK_EQ(guest.open(row.directory, row.path, row.flags, row.wanted).error,
                     row.expected);
        }
    }

    TEST_CASE("paths: at most 64 components, and directories at most 64 deep") {
        Guest guest;
        std::uint32_t at = kRoot;
        for (unsigned depth = 1; depth <= 64; ++depth) {
            CAPTURE(depth);
            REQUIRE_EQ(guest.mkdir(at, "d"), Errno::success);
            const auto next = guest.open_read(at, "d");
            REQUIRE_EQ(next.error, Errno::success);
            at = next.fd;
        }
        CHECK_EQ(guest.mkdir(at, "d"), Errno::nametoolong);
        CHECK_EQ(guest.open(at, "f", kCreate).error, Errno::nametoolong);
        std::string path = "d";
        for (int i = 1; i < 64; ++i) path += "/d";
        CHECK_EQ(guest.stat(kRoot, path).error, Errno::success);
        CHECK_EQ(guest.stat(kRoot, path + "/d").error, Errno::nametoolong);

        // Renaming must not get round it: b/c/x under a directory 62 deep would end at 65.
        REQUIRE_EQ(guest.mkdir(kRoot, "b"), Errno::success);
        REQUIRE_EQ(guest.mkdir(kRoot, "b/c"), Errno::success);
        make_file(guest, "b/c/x", "deep");
        CHECK_EQ(guest.rename(kRoot, "b", kRoot, path.substr(0, 2 * 62 - 1) + "/b"),
                 Errno::nametoolong);
        CHECK_EQ(guest.rename(kRoot, "b", kRoot, path.substr(0, 2 * 61 - 1) + "/b"),
                 Errno::success);
        CHECK_EQ(content_of(guest, path.substr(0, 2 * 61 - 1) + "/b/c/x"), "deep");
        // And what moved knows its new depth.
        CHECK_EQ(guest.mkdir(kRoot, path.substr(0, 2 * 61 - 1) + "/b/c/y"), Errno::success);
        const auto deep = guest.open_read(kRoot, path.substr(0, 2 * 61 - 1) + "/b/c/y");
        CHECK_EQ(guest.open(deep.fd, "z", kCreate).error, Errno::nametoolong);
        CHECK_EQ(guest.rename(kRoot, path.substr(0, 2 * 61 - 1) + "/b", kRoot, "back"),
                 Errno::success);
        CHECK_EQ(guest.open(kRoot, "back/c/y/z", kCreate).error, Errno::success);
    }

    TEST_CASE("a path of more than 4,096 bytes is too long, whatever it names") {
        Guest guest;
        REQUIRE_EQ(guest.mkdir(kRoot, "d"), Errno::success);
        const std::string slashes(4'096 - 1, '/');
        CHECK_EQ(guest.stat(kRoot, "d" + slashes).error, Errno::success);
        CHECK_EQ(guest.stat(kRoot, "d/" + slashes).error, Errno::nametoolong);
        CHECK_EQ(guest.mkdir(kRoot, "n/" + slashes), Errno::nametoolong);
        CHECK_EQ(guest.rename(kRoot, "d", kRoot, "n/" + slashes), Errno::nametoolong);
    }

    TEST_CASE("dynamic work is paid before it is done") {
        Guest guest;
        const auto gas = [&] { return guest.state.reg(Register::gas_used); };
        const auto cost = [&](const auto& work) {
            const std::uint64_t before = gas();
            work();
            return gas() - before;
        };
        // A lookup costs 100 a bit of the number of entries.
        const auto stat_gas = [&] { return cost([&] { (void)guest.stat(kRoot, "f"); }); };
        CHECK_EQ(stat_gas(), 500U + 400);
        make_file(guest, "f", "x");
        CHECK_EQ(stat_gas(), 500U + 400 + 100);
        for (int i = 0; i < 7; ++i) make_file(guest, "n" + std::to_string(i), "");
        CHECK_EQ(stat_gas(), 500U + 400 + 400);

        // Looking for a free descriptor costs 512 for each 64 looked at.
        const auto open_gas = [&] { return cost([&] { (void)guest.open_read(kRoot, "f"); }); };
        CHECK_EQ(open_gas(), 1'000U + 800 + 512);
        std::uint32_t last = 0;
        while (last < 127) last = guest.open_read(kRoot, "f").fd;
        CHECK_EQ(open_gas(), 1'000U + 800 + 3 * 512);

        // Vectors are paid before they are read: 50 that point nowhere, and gas for none.
        for (int i = 0; i < 50; ++i)
            guest.put(Guest::kBuffer + 8 * static_cast<std::uint64_t>(i),
                      std::string("\xff\xff\xff\xff\xff\xff\xff\xff", 8));
        guest.state.set_reg(Register::gas_limit, gas() + 200 + 50 * 20 - 1);
        CHECK_EQ(guest.try_call(HostCall::fd_write, {1, Guest::kBuffer, 50, Guest::kOut}),
                 HostOutcome::out_of_gas);
        guest.state.set_reg(Register::gas_limit, gas() + 200 + 50 * 20);
        CHECK_EQ(guest.call(HostCall::fd_write, {1, Guest::kBuffer, 50, Guest::kOut}),
                 Errno::fault);
    }

    TEST_CASE("truncating, growing and appending") {
        Guest guest;
        make_file(guest, "f", std::string(9'000, 'a'));
        const auto file = guest.open(kRoot, "f");
        REQUIRE_EQ(guest.call(HostCall::fd_filestat_set_size, {file.fd, 10}), Errno::success);
        REQUIRE_EQ(guest.call(HostCall::fd_filestat_set_size, {file.fd, 20}), Errno::success);
        CHECK_EQ(content_of(guest, "f"), std::string(10, 'a') + std::string(10, '\0'));
        REQUIRE_EQ(guest.call(HostCall::fd_allocate, {file.fd, 15, 10}), Errno::success);
        CHECK_EQ(guest.fstat(file.fd).size, 25U);
        CHECK_EQ(guest.call(HostCall::fd_allocate, {file.fd, 0, 0}), Errno::inval);
        CHECK_EQ(guest.call(HostCall::fd_allocate, {file.fd, kFileSizeMax, 1}), Errno::fbig);
        CHECK_EQ(guest.call(HostCall::fd_filestat_set_size, {file.fd, kFileSizeMax + 1}),
                 Errno::fbig);
        REQUIRE_EQ(guest.call(HostCall::fd_fdstat_set_flags, {file.fd, fd_flags::append}),
                   Errno::success);
        REQUIRE_EQ(guest.call(HostCall::fd_seek, {file.fd, 0, 0, Guest::kOut}), Errno::success);
        REQUIRE_EQ(guest.write(file.fd, "end"), Errno::success);
        CHECK_EQ(guest.fstat(file.fd).size, 28U);
        CHECK_EQ(guest.open(kRoot, "f", open_flags::truncate).error, Errno::success);
        CHECK_EQ(guest.fstat(file.fd).size, 0U);
        CHECK_EQ(guest.open(kRoot, "f", open_flags::create | open_flags::truncate).error,
                 Errno::success);
        REQUIRE_EQ(guest.pwrite(file.fd, "z", 12'000), Errno::success);
        std::string got;
        REQUIRE_EQ(guest.pread(file.fd, 9'000, 0, got), Errno::success);
        CHECK_EQ(got, std::string(9'000, '\0'));
    }

    TEST_CASE("seeking: every whence, and no offset below zero") {
        Guest guest;
        make_file(guest, "f", "0123456789");
        const auto file = guest.open(kRoot, "f");
        const auto seek = [&](std::int64_t delta, std::uint32_t whence) {
            return guest.call(HostCall::fd_seek,
                              {file.fd, static_cast<std::uint64_t>(delta), whence, Guest::kOut});
        };
        CHECK_EQ(seek(4, 0), Errno::success);
        CHECK_EQ(seek(-1, 1), Errno::success);
        CHECK_EQ(guest.word<std::uint64_t>(Guest::kOut), 3U);
        CHECK_EQ(seek(-2, 2), Errno::success);
        CHECK_EQ(guest.word<std::uint64_t>(Guest::kOut), 8U);
        CHECK_EQ(seek(-11, 2), Errno::inval);
        CHECK_EQ(seek(-1, 0), Errno::inval);
        CHECK_EQ(seek(0, 3), Errno::inval);
        CHECK_EQ(seek(std::numeric_limits<std::int64_t>::max(), 1), Errno::inval);
        CHECK_EQ(guest.call(HostCall::fd_tell, {file.fd, Guest::kOut}), Errno::success);
        CHECK_EQ(guest.word<std::uint64_t>(Guest::kOut), 8U);
        CHECK_EQ(guest.call(HostCall::fd_seek, {kRoot, 0, 0, Guest::kOut}), Errno::notcapable);
        CHECK_EQ(guest.call(HostCall::fd_seek, {1, 0, 0, Guest::kOut}), Errno::notcapable);
        CHECK_EQ(guest.call(HostCall::fd_tell, {99, Guest::kOut}), Errno::badf);
    }

    TEST_CASE("removing: files, directories, and who is refused") {
        Guest guest;
        REQUIRE_EQ(guest.mkdir(kRoot, "d"), Errno::success);
        make_file(guest, "d/f", "x");
        CHECK_EQ(guest.mkdir(kRoot, "d"), Errno::exist);
        CHECK_EQ(guest.mkdir(kRoot, "in"), Errno::exist);
        CHECK_EQ(guest.rmdir(kRoot, "d"), Errno::notempty);
        CHECK_EQ(guest.rmdir(kRoot, "d/f"), Errno::notdir);
        CHECK_EQ(guest.rmdir(kRoot, "d/f/"), Errno::notdir);
        CHECK_EQ(guest.rmdir(kRoot, "."), Errno::inval);
        CHECK_EQ(guest.rmdir(kRoot, "in"), Errno::busy);
        CHECK_EQ(guest.unlink(kRoot, "tmp"), Errno::busy);
        CHECK_EQ(guest.unlink(kRoot, "d"), Errno::isdir);
        CHECK_EQ(guest.unlink(kRoot, "d/"), Errno::isdir);
        CHECK_EQ(guest.unlink(kRoot, "d/f/"), Errno::notdir);
        CHECK_EQ(guest.unlink(kRoot, "d/f"), Errno::success);
        CHECK_EQ(guest.unlink(kRoot, "d/f"), Errno::noent);
        CHECK_EQ(guest.rmdir(kRoot, "d/"), Errno::success);
        CHECK_EQ(guest.stat(kRoot, "d").error, Errno::noent);
        CHECK_EQ(guest.state.reg(Register::pages_live), 0U);
    }

    TEST_CASE("an unlinked file lives until its last descriptor is closed") {
        Guest guest;
        make_file(guest, "f", std::string(10'000, 'q'));
        const auto one = guest.open(kRoot, "f");
        const auto two = guest.open(kRoot, "f");
        REQUIRE_EQ(guest.unlink(kRoot, "f"), Errno::success);
        CHECK_EQ(guest.fstat(one.fd).links, 0U);
        std::string got;
        REQUIRE_EQ(guest.read(one.fd, 10'000, got), Errno::success);
        CHECK_EQ(got, std::string(10'000, 'q'));
        REQUIRE_EQ(guest.write(one.fd, "more"), Errno::success);
        REQUIRE_EQ(guest.close(one.fd), Errno::success);
        CHECK_EQ(guest.state.reg(Register::pages_live), 4U);
        REQUIRE_EQ(guest.close(two.fd), Errno::success);
        CHECK_EQ(guest.state.reg(Register::pages_live), 0U);
        CHECK_EQ(guest.close(two.fd), Errno::badf);
        // Its pages are clean when they are used again.
        make_file(guest, "g", "");
        const auto again = guest.open(kRoot, "g");
        REQUIRE_EQ(guest.call(HostCall::fd_filestat_set_size, {again.fd, 5'000}), Errno::success);
        REQUIRE_EQ(guest.read(again.fd, 5'000, got), Errno::success);
        CHECK_EQ(got, std::string(5'000, '\0'));
    }

    TEST_CASE("a removed directory that is still open is empty and takes nothing") {
        Guest guest;
        REQUIRE_EQ(guest.mkdir(kRoot, "d"), Errno::success);
        const auto open = guest.open_read(kRoot, "d");
        REQUIRE_EQ(guest.rmdir(kRoot, "d"), Errno::success);
        CHECK_EQ(guest.mkdir(open.fd, "x"), Errno::noent);
        CHECK_EQ(guest.open(open.fd, "x", kCreate).error, Errno::noent);
        CHECK(guest.list(open.fd).empty());
        make_file(guest, "f", "1");
        CHECK_EQ(guest.rename(kRoot, "f", open.fd, "f"), Errno::noent);
        REQUIRE_EQ(guest.mkdir(kRoot, "d"), Errno::success);
        CHECK_EQ(guest.close(open.fd), Errno::success);
    }

    TEST_CASE("renaming: files, directories, replacing, and who is refused") {
        Guest guest;
        REQUIRE_EQ(guest.mkdir(kRoot, "a"), Errno::success);
        REQUIRE_EQ(guest.mkdir(kRoot, "a/b"), Errno::success);
        REQUIRE_EQ(guest.mkdir(kRoot, "e"), Errno::success);
        make_file(guest, "f", "ff");
        make_file(guest, "g", std::string(5'000, 'g'));
        const auto rename = [&](std::string_view from, std::string_view to) {
            return guest.rename(kRoot, from, kRoot, to);
        };
        CHECK_EQ(rename("nope", "x"), Errno::noent);
        CHECK_EQ(rename("f", "nope/x"), Errno::noent);
        CHECK_EQ(rename("a", "a/b/c"), Errno::inval);
        CHECK_EQ(rename("a", "a/b"), Errno::inval);
        CHECK_EQ(rename("f", "a"), Errno::isdir);
        CHECK_EQ(rename("a", "f"), Errno::notdir);
        CHECK_EQ(rename("e", "a"), Errno::notempty);
        CHECK_EQ(rename("f", "x/"), Errno::notdir);
        CHECK_EQ(rename("f/", "x"), Errno::notdir);
        CHECK_EQ(rename("f", "."), Errno::busy);
        CHECK_EQ(rename("in", "x"), Errno::busy);
        CHECK_EQ(rename("f", "tmp"), Errno::busy);
        CHECK_EQ(guest.rename(kRoot, "f", kTmp, "f"), Errno::xdev);
        CHECK_EQ(guest.rename(kRoot, "f", kIn, "f"), Errno::rofs);
        CHECK_EQ(rename("f", "f"), Errno::success);
        CHECK_EQ(rename("f", "g"), Errno::success);
        CHECK_EQ(content_of(guest, "g"), "ff");
        CHECK_EQ(guest.stat(kRoot, "f").error, Errno::noent);
        CHECK_EQ(rename("g", "a/b/h"), Errno::success);
        CHECK_EQ(content_of(guest, "a/b/h"), "ff");
        CHECK_EQ(rename("a", "e"), Errno::success);
        CHECK_EQ(content_of(guest, "e/b/h"), "ff");
        CHECK_EQ(rename("e/b/", "z/"), Errno::success);
        CHECK_EQ(content_of(guest, "z/h"), "ff");
        const auto root = guest.open_read(kRoot, ".");
        CHECK_EQ(guest.list(root.fd), std::vector<std::string>{"e", "z"});
        CHECK_EQ(guest.state.reg(Register::pages_live), 4U);
    }

    TEST_CASE("listing: byte order, any buffer size, and entries that vanish meanwhile") {
        Guest guest;
        REQUIRE_EQ(guest.mkdir(kRoot, "d"), Errno::success);
        std::vector<std::string> names;
        for (int i = 0; i < 300; ++i) {
            names.push_back("n" + std::to_string(i * 7 % 300));
            make_file(guest, "d/" + names.back(), "");
        }
        std::ranges::sort(names);
        const auto dir = guest.open_read(kRoot, "d");
        CHECK_EQ(guest.list(dir.fd), names);
        CHECK_EQ(guest.list(dir.fd, 64), names);

        const auto rows = guest.readdir(dir.fd, 0, 4096);
        REQUIRE_GE(rows.size(), 4U);
        CHECK_EQ(rows[0].name, ".");
        CHECK_EQ(rows[1].name, "..");
        CHECK_EQ(rows[0].inode, guest.stat(kRoot, "d").inode);
        CHECK_EQ(rows[1].inode, guest.stat(kRoot, ".").inode);
        CHECK_EQ(rows[2].inode, guest.stat(kRoot, "d/" + rows[2].name).inode);
        CHECK_EQ(rows[2].type, FileType::regular_file);
        // Remove all that one listing gave, go on after the last of them, until nothing is left.
        std::size_t removed = 0;
        std::uint64_t cookie = 0;
        for (;;) {
            const auto part = guest.readdir(dir.fd, cookie, 1000);
            if (part.empty()) break;
            for (const auto& row : part) {
                cookie = row.cookie;
                if (row.name == "." || row.name == "..") continue;
                REQUIRE_EQ(guest.unlink(dir.fd, row.name), Errno::success);
                ++removed;
            }
        }
        CHECK_EQ(removed, names.size());
        CHECK_EQ(guest.rmdir(kRoot, "d"), Errno::success);
        CHECK_EQ(guest.call(HostCall::fd_readdir, {kRoot, Guest::kBuffer, 100, 999, Guest::kOut}),
                 Errno::inval);
    }

    TEST_CASE("the input is read-only, listed in byte order, reached from / too") {
        MemoryTree tree({{"b/c.txt", "hello"},
                         {"a", std::string(5'000, 'a')},
                         {"big", std::string(kBigFileSize + 5, 'B')},
                         {"b/empty", ""},
                         {"dir/", ""}});
        Guest guest = with_input(tree);
        CHECK_EQ(content_of(guest, "b/c.txt", kIn), "hello");
        CHECK_EQ(content_of(guest, "in/b/c.txt"), "hello");
        CHECK_EQ(content_of(guest, "in/b/../a"), std::string(5'000, 'a'));
        CHECK_EQ(content_of(guest, "in/../in/b/empty"), "");
        CHECK_EQ(guest.stat(kIn, "big").size, kBigFileSize + 5);
        CHECK_EQ(guest.stat(kIn, "big").device, 3U);
        CHECK_EQ(guest.stat(kIn, "..").error, Errno::perm);
        CHECK_EQ(guest.stat(kIn, "c").error, Errno::noent);
        const auto big = guest.open_read(kIn, "big");
        std::string got;
        REQUIRE_EQ(guest.pread(big.fd, 10, kBigFileSize, got), Errno::success);
        CHECK_EQ(got, "BBBBB");
        const auto root = guest.open_read(kIn, ".");
        CHECK_EQ(guest.list(root.fd, 80), std::vector<std::string>{"a", "b", "big", "dir"});

        CHECK_EQ(guest.open(kIn, "a", 0, rights::fd_write).error, Errno::rofs);
        CHECK_EQ(guest.open(kIn, "a", open_flags::truncate, rights::fd_read).error, Errno::rofs);
        CHECK_EQ(guest.open(kIn, "new", kCreate).error, Errno::rofs);
        CHECK_EQ(guest.mkdir(kIn, "new"), Errno::rofs);
        CHECK_EQ(guest.unlink(kIn, "a"), Errno::rofs);
        CHECK_EQ(guest.rmdir(kIn, "dir"), Errno::rofs);
        CHECK_EQ(guest.rename(kIn, "a", kIn, "z"), Errno::rofs);
        guest.put(Guest::kPath, "a");
        CHECK_EQ(guest.call(HostCall::path_filestat_set_times, {kIn, 0, Guest::kPath, 1, 0, 0, 8}),
                 Errno::rofs);
        // What libraries ask for beyond reading is dropped, not refused.
        CHECK_EQ(guest.open(kIn, "a", 0, rights::fd_read | rights::fd_filestat_set_times).error,
                 Errno::success);
    }

    TEST_CASE("a file of the input opens with the rights that Go asks for to read") {
        // Go's syscall package: all it knows but these four, so the right to set the size stays.
        constexpr std::uint64_t kGo = (rights::file_all | rights::directory_all) &
                                      ~(rights::fd_datasync | rights::fd_write |
                                        rights::fd_allocate | rights::path_filestat_set_size);
        static_assert((kGo & rights::fd_filestat_set_size) != 0);
        MemoryTree tree(TreeEntries{{"f", "text"}});
        Guest guest = with_input(tree);
        const auto file = guest.open(kIn, "f", 0, kGo);
        REQUIRE_EQ(file.error, Errno::success);
        std::string got;
        REQUIRE_EQ(guest.read(file.fd, 10, got), Errno::success);
        CHECK_EQ(got, "text");
        CHECK_EQ(guest.call(HostCall::fd_filestat_set_size, {file.fd, 0}), Errno::rofs);
        const auto both = guest.open(kIn, "f", 0, rights::fd_read | rights::fd_allocate);
        REQUIRE_EQ(both.error, Errno::success);
        CHECK_EQ(guest.call(HostCall::fd_allocate, {both.fd, 0, 100}), Errno::rofs);
        CHECK_EQ(guest.open(kIn, "f", 0, kGo | rights::fd_write).error, Errno::rofs);
        CHECK_EQ(guest.open(kIn, "f", open_flags::truncate, kGo).error, Errno::rofs);
        CHECK_EQ(content_of(guest, "f", kIn), "text");
    }

    TEST_CASE("numbered inputs of an earlier stage") {
        TaskArguments arguments = Guest::default_arguments();
        arguments.input_form = InputForm::numbered;
        arguments.input_count = 12;
        Guest guest(arguments);
        MemoryTree tree(TreeEntries{{"part", "seven"}});
        tree.mount(guest.state, kInputImages + 7 * kTreeSize);
        CHECK_EQ(content_of(guest, "00007/part", kIn), "seven");
        CHECK_EQ(content_of(guest, "in/00007/../00007/part"), "seven");
        CHECK_EQ(guest.stat(kIn, "00012").error, Errno::noent);
        CHECK_EQ(guest.stat(kIn, "7").error, Errno::noent);
        const auto root = guest.open_read(kIn, ".");
        const auto names = guest.list(root.fd, 100);
        REQUIRE_EQ(names.size(), 12U);
        CHECK_EQ(names[0], "00000");
        CHECK_EQ(names[11], "00011");
        const auto empty = guest.open_read(kIn, "00003");
        CHECK(guest.list(empty.fd).empty());
        CHECK_EQ(guest.mkdir(kIn, "x"), Errno::rofs);
    }

    TEST_CASE("an image full of nonsense harms nobody") {
        TaskArguments arguments = Guest::default_arguments();
        arguments.input_form = InputForm::tree;
        arguments.input_count = 1;
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
            CAPTURE(seed);
            Guest guest(arguments);
            Rng rng(seed);
            for (std::uint64_t page = 0; page < 4; ++page) {
                PageBytes bytes{};
                rng.fill(bytes);
                guest.state.write(kInputImages + page * kPageSize, bytes);
            }
            // The root is a directory of very many children with names from anywhere.
            guest.state.store(kInputImages + kTreeRecords, 2);
            guest.state.store(kInputImages + kTreeRecords + 8, ~std::uint64_t{0});
            CHECK_EQ(guest.stat(kIn, "a").error, Errno::noent);
            CHECK_EQ(guest.stat(kIn, "a/b").error, Errno::noent);
            const auto root = guest.open_read(kIn, ".");
            REQUIRE_EQ(root.error, Errno::success);
            for (const auto& row : guest.readdir(root.fd, 0, 4096)) {
                if (row.name.find('/') != std::string::npos) continue;
                const auto opened = guest.open_read(kIn, row.name);
                std::string got;
                if (opened.error == Errno::success) (void)guest.read(opened.fd, 5'000, got);
            }
        }
    }

    TEST_CASE("the memory limit holds for files, and a refused write changes nothing") {
        TaskArguments arguments = Guest::default_arguments();
        arguments.memory_limit = (16 * 16 + 10) * kPageSize;
        Guest guest(arguments);
        const auto file = guest.open(kRoot, "f", kCreate);
        REQUIRE_EQ(file.error, Errno::success);
        CHECK_EQ(guest.write(file.fd, std::string(9 * kPageSize, 'x')), Errno::success);
        CHECK_EQ(guest.state.reg(Register::pages_live), 10U);
        CHECK_EQ(guest.write(file.fd, "x"), Errno::nospc);
        CHECK_EQ(guest.fstat(file.fd).size, 9 * kPageSize);
        CHECK_EQ(guest.mkdir(kRoot, "d"), Errno::nospc);
        CHECK_EQ(guest.open(kTmp, "g", kCreate).error, Errno::nospc);
        CHECK_EQ(guest.call(HostCall::fd_allocate, {file.fd, 9 * kPageSize, 1}), Errno::nospc);
        CHECK_EQ(guest.call(HostCall::fd_filestat_set_size, {file.fd, kPageSize}), Errno::success);
        CHECK_EQ(guest.mkdir(kTmp, "d"), Errno::success);
        CHECK_FALSE(fits_memory_limit(guest.state, 8));
        CHECK(fits_memory_limit(guest.state, 7));
    }

    Guest capped(std::uint64_t bytes) {
        TaskArguments arguments = Guest::default_arguments();
        arguments.output_bytes_max = bytes;
        return Guest(arguments);
    }

    TEST_CASE("the job's cap on its output: a write that reaches it is cut short") {
        Guest guest = capped(5'000);
        const auto file = guest.open(kRoot, "f", kCreate);
        REQUIRE_EQ(file.error, Errno::success);
        REQUIRE_EQ(guest.write(file.fd, std::string(4'990, 'a')), Errno::success);
        // Room for ten bytes: of twelve, ten are written.
        REQUIRE_EQ(guest.write(file.fd, "0123456789xy"), Errno::success);
        CHECK_EQ(guest.word<std::uint32_t>(Guest::kOut), 10U);
        CHECK_EQ(guest.fstat(file.fd).size, 5'000U);
        CHECK_EQ(guest.write(file.fd, "x"), Errno::nospc);
        CHECK_EQ(guest.fstat(file.fd).size, 5'000U);
        CHECK_EQ(guest.write(file.fd, ""), Errno::success);
        // What is there already can be written over, and no further.
        REQUIRE_EQ(guest.pwrite(file.fd, "ABCD", 4'998), Errno::success);
        CHECK_EQ(guest.word<std::uint32_t>(Guest::kOut), 2U);
        CHECK_EQ(guest.pwrite(file.fd, "x", 5'000), Errno::nospc);
        CHECK_EQ(guest.pwrite(file.fd, "x", 9'000), Errno::nospc);
        std::string got;
        REQUIRE_EQ(guest.pread(file.fd, 20, 4'990, got), Errno::success);
        CHECK_EQ(got, "01234567AB");
        // A gap counts, as it becomes part of the output.
        REQUIRE_EQ(guest.call(HostCall::fd_filestat_set_size, {file.fd, 0}), Errno::success);
        REQUIRE_EQ(guest.pwrite(file.fd, "ABCD", 4'997), Errno::success);
        CHECK_EQ(guest.word<std::uint32_t>(Guest::kOut), 3U);
        REQUIRE_EQ(guest.exit(), HostOutcome::done);
    }

    TEST_CASE(
        "the job's cap on its output counts all files of / together, whatever made them grow") {
        Guest guest = capped(100);
        const auto a = guest.open(kRoot, "a", kCreate);
        const auto b = guest.open(kRoot, "b", kCreate);
        REQUIRE_EQ(guest.write(a.fd, std::string(60, 'a')), Errno::success);
        CHECK_EQ(guest.call(HostCall::fd_allocate, {b.fd, 0, 41}), Errno::nospc);
        CHECK_EQ(guest.call(HostCall::fd_filestat_set_size, {b.fd, 41}), Errno::nospc);
        CHECK_EQ(guest.fstat(b.fd).size, 0U);
        REQUIRE_EQ(guest.call(HostCall::fd_filestat_set_size, {b.fd, 39}), Errno::success);
        REQUIRE_EQ(guest.call(HostCall::fd_allocate, {b.fd, 0, 40}), Errno::success);
        CHECK_EQ(guest.call(HostCall::fd_allocate, {b.fd, 10, 31}), Errno::nospc);
        CHECK_EQ(guest.call(HostCall::fd_allocate, {b.fd, 10, 30}), Errno::success);
        const auto appending = guest.open(kRoot, "a", 0, rights::file_all, fd_flags::append);
        CHECK_EQ(guest.write(appending.fd, "x"), Errno::nospc);
        // /tmp is no output.
        const auto tmp = guest.open(kTmp, "t", kCreate);
        CHECK_EQ(guest.write(tmp.fd, std::string(1'000, 't')), Errno::success);
        CHECK_EQ(guest.call(HostCall::fd_filestat_set_size, {tmp.fd, 5'000}), Errno::success);
        CHECK_EQ(guest.rename(kTmp, "t", kRoot, "t"), Errno::xdev);
        // Neither is what has been unlinked; and what it took is free.
        REQUIRE_EQ(guest.unlink(kRoot, "a"), Errno::success);
        CHECK_EQ(guest.write(a.fd, std::string(1'000, 'a')), Errno::success);
        CHECK_EQ(guest.write(b.fd, std::string(150, 'b')), Errno::success);
        CHECK_EQ(guest.word<std::uint32_t>(Guest::kOut), 100U);
        // Renaming over a file frees it, truncating too.
        REQUIRE_EQ(guest.close(guest.open(kRoot, "c", kCreate).fd), Errno::success);
        REQUIRE_EQ(guest.rename(kRoot, "c", kRoot, "b"), Errno::success);
        const auto c = guest.open(kRoot, "b", 0);
        CHECK_EQ(guest.write(c.fd, std::string(101, 'c')), Errno::success);
        CHECK_EQ(guest.word<std::uint32_t>(Guest::kOut), 100U);
        const auto truncated = guest.open(kRoot, "b", open_flags::truncate);
        CHECK_EQ(guest.write(truncated.fd, std::string(100, 'd')), Errno::success);
        CHECK_EQ(guest.word<std::uint32_t>(Guest::kOut), 100U);
        // Moving within / takes nothing; nor do entries.
        CHECK_EQ(guest.mkdir(kRoot, "dir"), Errno::success);
        CHECK_EQ(guest.rename(kRoot, "b", kRoot, "dir/b"), Errno::success);
    }

    TEST_CASE("a job that may leave nothing can still name files, and one without a cap is free") {
        Guest none = capped(0);
        const auto file = none.open(kRoot, "f", kCreate);
        CHECK_EQ(none.write(file.fd, "x"), Errno::nospc);
        CHECK_EQ(none.call(HostCall::fd_filestat_set_size, {file.fd, 1}), Errno::nospc);
        CHECK_EQ(none.call(HostCall::fd_allocate, {file.fd, 0, 1}), Errno::nospc);
        CHECK_EQ(none.write(1, "standard output is no file"), Errno::success);
        Guest free = capped(kNoOutputCap);
        const auto big = free.open(kRoot, "f", kCreate);
        CHECK_EQ(free.call(HostCall::fd_filestat_set_size, {big.fd, kFileSizeMax}), Errno::success);
    }

    TEST_CASE("a write at the cap pays for what it writes, and an endless total for no more") {
        Guest guest = capped(64);
        const auto file = guest.open(kRoot, "f", kCreate);
        const std::uint64_t before = guest.state.reg(Register::gas_used);
        REQUIRE_EQ(guest.write(file.fd, std::string(4'000, 'x')), Errno::success);
        CHECK_EQ(guest.state.reg(Register::gas_used) - before, 200U + 20 + 16 + 512);
    }

    TEST_CASE("descriptors: initial ones, renumbering, the lowest free, and too many") {
        Guest guest;
        const auto a = guest.open(kRoot, "a", kCreate);
        const auto b = guest.open(kRoot, "b", kCreate);
        CHECK_EQ(a.fd, 6U);
        CHECK_EQ(b.fd, 7U);
        REQUIRE_EQ(guest.close(0), Errno::success);
        CHECK_EQ(guest.close(0), Errno::badf);
        CHECK_EQ(guest.open(kRoot, "a").fd, 0U);
        REQUIRE_EQ(guest.unlink(kRoot, "b"), Errno::success);
        CHECK_EQ(guest.call(HostCall::fd_renumber, {a.fd, 99}), Errno::badf);
        CHECK_EQ(guest.call(HostCall::fd_renumber, {a.fd, a.fd}), Errno::success);
        CHECK_EQ(guest.call(HostCall::fd_renumber, {a.fd, b.fd}), Errno::success);
        CHECK_EQ(guest.close(a.fd), Errno::badf);
        REQUIRE_EQ(guest.write(b.fd, "to a"), Errno::success);
        CHECK_EQ(content_of(guest, "a"), "to a");
        CHECK_EQ(guest.call(HostCall::fd_renumber, {b.fd, kTmp}), Errno::success);
        CHECK_EQ(guest.call(HostCall::fd_prestat_get, {kTmp, Guest::kOut}), Errno::badf);
        REQUIRE_EQ(guest.close(kIn), Errno::success);
        CHECK_EQ(guest.stat(kIn, ".").error, Errno::badf);
        CHECK_EQ(guest.stat(kRoot, "in").error, Errno::success);

        std::uint32_t last = 0;
        Guest::Opened opened;
        while ((opened = guest.open(kRoot, "a")).error == Errno::success) last = opened.fd;
        CHECK_EQ(last, kDescriptorsMax - 1);
        CHECK_EQ(opened.error, Errno::mfile);
        CHECK_EQ(guest.open(kRoot, "never", kCreate).error, Errno::mfile);
        CHECK_EQ(guest.stat(kRoot, "never").error, Errno::noent);
    }

    TEST_CASE("preopened directories say their names") {
        Guest guest;
        const char* const names[] = {"/", "/in", "/tmp"};
        for (std::uint32_t fd = 3; fd <= 5; ++fd) {
            const std::string name = names[fd - 3];
            REQUIRE_EQ(guest.call(HostCall::fd_prestat_get, {fd, Guest::kOut}), Errno::success);
            CHECK_EQ(guest.word<std::uint8_t>(Guest::kOut), 0);
            CHECK_EQ(guest.word<std::uint32_t>(Guest::kOut + 4), name.size());
            REQUIRE_EQ(guest.call(HostCall::fd_prestat_dir_name, {fd, Guest::kBuffer, name.size()}),
                       Errno::success);
            CHECK_EQ(guest.text(Guest::kBuffer, name.size()), name);
            CHECK_EQ(
                guest.call(HostCall::fd_prestat_dir_name, {fd, Guest::kBuffer, name.size() - 1}),
                Errno::nametoolong);
        }
        CHECK_EQ(guest.call(HostCall::fd_prestat_get, {2, Guest::kOut}), Errno::badf);
        CHECK_EQ(guest.call(HostCall::fd_prestat_get, {6, Guest::kOut}), Errno::badf);
    }

    TEST_CASE("rights are inherited, given up, and missed") {
        Guest guest;
        make_file(guest, "f", "data");
        const auto reader = guest.open(kRoot, "f", 0, rights::fd_read);
        CHECK_EQ(guest.write(reader.fd, "x"), Errno::notcapable);
        std::string got;
        CHECK_EQ(guest.read(reader.fd, 4, got), Errno::success);
        CHECK_EQ(guest.fstat(reader.fd).error, Errno::notcapable);
        CHECK_EQ(guest.call(HostCall::fd_fdstat_set_rights, {reader.fd, 0, 0}), Errno::success);
        CHECK_EQ(guest.call(HostCall::fd_fdstat_set_rights, {reader.fd, rights::fd_read, 0}),
                 Errno::notcapable);
        CHECK_EQ(guest.read(reader.fd, 4, got), Errno::notcapable);

        const auto dir = guest.open(kRoot, ".", 0, rights::path_open, 0, rights::fd_read);
        REQUIRE_EQ(dir.error, Errno::success);
        CHECK_EQ(guest.open(dir.fd, "f", 0, rights::fd_write).error, Errno::notcapable);
        CHECK_EQ(guest.open(dir.fd, "g", kCreate, rights::fd_read).error, Errno::notcapable);
        CHECK_EQ(guest.open(dir.fd, "f", open_flags::truncate, rights::fd_read).error,
                 Errno::notcapable);
        CHECK_EQ(guest.open(dir.fd, "f", 0, rights::fd_read).error, Errno::success);
        CHECK_EQ(guest.mkdir(dir.fd, "d"), Errno::notcapable);
    }

    TEST_CASE("reading and writing a directory, and other wrong kinds") {
        Guest guest;
        std::string got;
        const auto dir = guest.open(kRoot, ".", 0, rights::directory_all | rights::fd_read);
        CHECK_EQ(guest.read(dir.fd, 4, got), Errno::notcapable);
        CHECK_EQ(guest.call(HostCall::fd_allocate, {dir.fd, 0, 1}), Errno::notcapable);
        make_file(guest, "f", "");
        const auto file = guest.open(kRoot, "f");
        CHECK_EQ(guest.call(HostCall::fd_readdir, {file.fd, Guest::kBuffer, 100, 0, Guest::kOut}),
                 Errno::notcapable);
        CHECK_EQ(guest.mkdir(file.fd, "x"), Errno::notdir);
        CHECK_EQ(guest.pwrite(1, "x", 0), Errno::spipe);
    }

    TEST_CASE("bad pointers are faults, and nothing happens") {
        Guest guest;
        const std::uint64_t end = 16 * 65'536;
        CHECK_EQ(guest.call(HostCall::fd_write, {1, end - 4, 1, Guest::kOut}), Errno::fault);
        guest.set_vector(1 << 20);
        CHECK_EQ(guest.call(HostCall::fd_write, {1, Guest::kVectors, 1, Guest::kOut}),
                 Errno::fault);
        guest.set_vector(1);
        CHECK_EQ(guest.call(HostCall::fd_write, {1, Guest::kVectors, 1, end - 3}), Errno::fault);
        CHECK_EQ(guest.call(HostCall::fd_write, {1, Guest::kVectors, 1'025, Guest::kOut}),
                 Errno::inval);
        CHECK_EQ(guest.state.load(kStdout), 0U);
        CHECK_EQ(guest.call(HostCall::path_create_directory, {kRoot, end - 2, 3}), Errno::fault);
        guest.put(Guest::kPath, "f");
        CHECK_EQ(guest.call(HostCall::path_open, {kRoot, 0, Guest::kPath, 1, kCreate,
                                                  rights::fd_read, 0, 0, 0xffff'fffe}),
                 Errno::fault);
        CHECK_EQ(guest.stat(kRoot, "f").error, Errno::noent);
        CHECK_EQ(guest.call(HostCall::fd_fdstat_get, {1, end - 23}), Errno::fault);
        CHECK_EQ(guest.call(HostCall::fd_filestat_get, {1, end - 63}), Errno::fault);
    }

    TEST_CASE("times follow the clock and can be set") {
        Guest guest;
        make_file(guest, "f", "x");
        const auto file = guest.open(kRoot, "f");
        const auto before = guest.fstat(file.fd);
        REQUIRE_EQ(guest.write(file.fd, "y"), Errno::success);
        CHECK_GT(guest.fstat(file.fd).modified, before.modified);
        CHECK_EQ(guest.fstat(file.fd).accessed, before.accessed);
        using namespace time_flags;
        CHECK_EQ(guest.call(HostCall::fd_filestat_set_times, {file.fd, 5, 6, access | modified}),
                 Errno::success);
        CHECK_EQ(guest.fstat(file.fd).accessed, 5U);
        CHECK_EQ(guest.fstat(file.fd).modified, 6U);
        CHECK_EQ(
            guest.call(HostCall::fd_filestat_set_times, {file.fd, 0, 0, modified | modified_now}),
            Errno::inval);
        CHECK_EQ(guest.call(HostCall::fd_filestat_set_times, {file.fd, 0, 0, 16}), Errno::inval);
        guest.put(Guest::kPath, "f");
        CHECK_EQ(guest.call(HostCall::path_filestat_set_times,
                            {kRoot, 0, Guest::kPath, 1, 0, 0, access_now}),
                 Errno::success);
        CHECK_GT(guest.fstat(file.fd).accessed, before.accessed);
        CHECK_EQ(guest.fstat(file.fd).modified, 6U);
    }

    TEST_CASE("links are not supported, and nothing is one") {
        Guest guest;
        make_file(guest, "f", "x");
        guest.put(Guest::kPath, "f");
        CHECK_EQ(
            guest.call(HostCall::path_link, {kRoot, 0, Guest::kPath, 1, kRoot, Guest::kPath, 1}),
            Errno::notsup);
        CHECK_EQ(guest.call(HostCall::path_symlink, {Guest::kPath, 1, kRoot, Guest::kPath, 1}),
                 Errno::notsup);
        CHECK_EQ(guest.call(HostCall::path_readlink,
                            {kRoot, Guest::kPath, 1, Guest::kBuffer, 10, Guest::kOut}),
                 Errno::inval);
        guest.put(Guest::kPath, "g");
        CHECK_EQ(guest.call(HostCall::path_readlink,
                            {kRoot, Guest::kPath, 1, Guest::kBuffer, 10, Guest::kOut}),
                 Errno::noent);
    }

    TEST_CASE("running out of gas leaves no half of a step") {
        for (std::uint64_t limit = 0; limit < 6'000; limit += 97) {
            CAPTURE(limit);
            Guest guest;
            make_file(guest, "f", std::string(9'000, 'x'));
            const std::uint64_t used = guest.state.reg(Register::gas_used);
            guest.state.set_reg(Register::gas_limit, used + limit);
            guest.put(Guest::kPath, "f");
            const HostOutcome outcome =
                guest.try_call(HostCall::path_unlink_file, {kRoot, Guest::kPath, 1});
            guest.state.set_reg(Register::gas_limit, std::uint64_t{1} << 50);
            const bool there = guest.stat(kRoot, "f").error == Errno::success;
            CHECK_EQ(there, outcome == HostOutcome::out_of_gas);
            CHECK_EQ(guest.state.reg(Register::pages_live), there ? 4U : 0U);
        }
    }
}

}  // namespace millrace::vm::test
