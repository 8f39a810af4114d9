#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/wasi_guest.hpp"

/// What each program of the preview 1 suite asks of a host, call by call: a script does the same
/// on our machine. The words that the scripts are written in, and their lists by family.
namespace millrace::vm::test {

struct Expectation {
    std::vector<std::string> args;
    std::vector<std::string> env;  ///< NAME=value
    std::string out;
    std::uint32_t exit_code = 0;
};

using Script = std::function<void(Guest&, const Expectation&)>;
/// By the name of the program: "c/lseek".
using Scripts = std::map<std::string, Script>;
[[nodiscard]] Scripts file_scripts();
[[nodiscard]] Scripts path_scripts();
[[nodiscard]] Scripts right_scripts();
[[nodiscard]] Scripts stream_scripts();
/// Of programs that need links, too.
void links_are_refused(Guest& guest, const Expectation&);

inline constexpr std::uint32_t kRoot = 3;
inline constexpr std::uint64_t kReadWrite = rights::fd_read | rights::fd_write;

inline std::uint32_t made(Guest& guest, std::string_view path, std::uint64_t wanted = kReadWrite,
                          std::uint32_t fdflags = 0) {
    const Guest::Opened opened = guest.open(kRoot, path, open_flags::create, wanted, fdflags, 0);
    REQUIRE_EQ(opened.error, Errno::success);
    REQUIRE_GT(opened.fd, 2U);
    return opened.fd;
}
inline void make_file(Guest& guest, std::string_view path, std::string_view content = "") {
    const std::uint32_t fd = made(guest, path);
    REQUIRE_EQ(guest.write(fd, content), Errno::success);
    REQUIRE_EQ(guest.close(fd), Errno::success);
}
inline Errno open_error(Guest& guest, std::string_view path, std::uint32_t flags = 0,
                        std::uint64_t wanted = 0) {
    return guest.open(kRoot, path, flags, wanted, 0, 0).error;
}
inline bool one_of(Errno error, std::initializer_list<Errno> list) {
    return std::find(list.begin(), list.end(), error) != list.end();
}
struct Fdstat {
    FileType type;
    std::uint16_t flags;
    std::uint64_t base, inheriting;
    friend bool operator==(const Fdstat&, const Fdstat&) = default;
};
inline Fdstat fdstat(Guest& guest, std::uint32_t fd) {
    REQUIRE_EQ(guest.call(HostCall::fd_fdstat_get, {fd, Guest::kOut}), Errno::success);
    return {static_cast<FileType>(guest.word<std::uint8_t>(Guest::kOut)),
            guest.word<std::uint16_t>(Guest::kOut + 2), guest.word<std::uint64_t>(Guest::kOut + 8),
            guest.word<std::uint64_t>(Guest::kOut + 16)};
}
inline Errno seek(Guest& guest, std::uint32_t fd, std::int64_t delta, std::uint32_t whence) {
    return guest.call(HostCall::fd_seek,
                      {fd, static_cast<std::uint64_t>(delta), whence, Guest::kOut});
}
inline std::uint64_t seek_to(Guest& guest, std::uint32_t fd, std::int64_t delta,
                             std::uint32_t whence) {
    REQUIRE_EQ(seek(guest, fd, delta, whence), Errno::success);
    return guest.word<std::uint64_t>(Guest::kOut);
}
inline std::string read(Guest& guest, std::uint32_t fd, std::size_t size) {
    std::string out;
    REQUIRE_EQ(guest.read(fd, size, out), Errno::success);
    return out;
}
inline std::vector<std::string> strings(Guest& guest, HostCall sizes, HostCall get) {
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
inline std::uint32_t reopened_root(Guest& guest) {
    const Fdstat root = fdstat(guest, kRoot);
    const auto opened =
        guest.open(kRoot, ".", open_flags::directory, root.base, 0, root.inheriting);
    REQUIRE_EQ(opened.error, Errno::success);
    return opened.fd;
}

}  // namespace millrace::vm::test
