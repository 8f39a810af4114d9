#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <unistd.h>

#include "common/bytes.hpp"
#include "common/result.hpp"

namespace millrace::vm {

/// An open descriptor of this process, closed when it goes.
class FileHandle {
  public:
    FileHandle() = default;
    explicit FileHandle(int fd) : fd_(fd) {}
    FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileHandle& operator=(FileHandle&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    FileHandle(const FileHandle&) = delete;
    FileHandle& operator=(const FileHandle&) = delete;
    ~FileHandle() { reset(); }

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
    void reset() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

  private:
    int fd_ = -1;
};

/// "cannot open 'x': No such file or directory", from errno.
[[nodiscard]] inline Error system_error(const std::string& what) {
    const int number = errno;
    return Error{number, what + ": " + std::strerror(number)};
}

/// Reads exactly `out.size()` bytes at an offset. Refuses: an end of file before them.
[[nodiscard]] inline Status<Error> pread_all(int fd, MutableByteView out, std::uint64_t offset,
                                             const std::string& name) {
    while (!out.empty()) {
        const ssize_t got = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Err{system_error("cannot read '" + name + "'")};
        if (got == 0) return Err{Error{EIO, "'" + name + "' is shorter than it was"}};
        out = out.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
    return Ok{};
}

[[nodiscard]] inline Status<Error> pwrite_all(int fd, ByteView in, std::uint64_t offset,
                                              const std::string& name) {
    while (!in.empty()) {
        const ssize_t put = ::pwrite(fd, in.data(), in.size(), static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return Err{system_error("cannot write '" + name + "'")};
        in = in.subspan(static_cast<std::size_t>(put));
        offset += static_cast<std::uint64_t>(put);
    }
    return Ok{};
}

}  // namespace millrace::vm
