#include "node/storage/durable_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace millrace::node {

namespace fs = std::filesystem;

namespace {

constexpr int kErrorFile = 2;

Error file_error(const fs::path& path, const char* what, int code) {
    return Error{kErrorFile, std::string("cannot ") + what + " " + path.string() + ": " +
                                 std::generic_category().message(code)};
}

class File {
  public:
    explicit File(int fd) : fd_(fd) {}
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_;
};

Status<> write_all(const File& file, const fs::path& path, ByteView content) {
    while (!content.empty()) {
        const ssize_t n = ::write(file.fd(), content.data(), content.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return Err{file_error(path, "write", n < 0 ? errno : ENOSPC)};
        content = content.subspan(static_cast<std::size_t>(n));
    }
    return Ok{};
}

}  // namespace

namespace {

Status<> write_synced(const fs::path& path, ByteView content, unsigned mode) {
    const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (file.fd() < 0) return Err{file_error(path, "create", errno)};
    // A file that an interrupted run left keeps its mode otherwise.
    if (::fchmod(file.fd(), mode) != 0) return Err{file_error(path, "create", errno)};
    MILLRACE_CHECK(write_all(file, path, content));
    if (::fsync(file.fd()) != 0) return Err{file_error(path, "sync", errno)};
    return Ok{};
}

}  // namespace

Status<> write_durably(const fs::path& path, ByteView content, unsigned mode) {
    // A name for each call: two threads may write the same content under the same name. It counts
    // from the start, so that what interrupted runs left is overwritten and does not pile up.
    static std::atomic<std::uint64_t> calls{0};
    const fs::path fresh = path.string() + "." + std::to_string(++calls) + ".new";
    Status<> done = write_synced(fresh, content, mode);
    if (done.has_value() && ::rename(fresh.c_str(), path.c_str()) != 0)
        done = Err{file_error(path, "replace", errno)};
    if (!done.has_value()) {
        ::unlink(fresh.c_str());
        return done;
    }
    // The rename is in the folder; without this a power cut could take it back.
    const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
    const File folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.fd() < 0 || ::fsync(folder.fd()) != 0) return Err{file_error(parent, "sync", errno)};
    return Ok{};
}

Result<std::optional<Bytes>> read_small_file(const fs::path& path, std::size_t size_max) {
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd() < 0 && errno == ENOENT) return std::optional<Bytes>();
    if (file.fd() < 0) return Err{file_error(path, "read", errno)};
    struct stat info{};
    if (::fstat(file.fd(), &info) != 0) return Err{file_error(path, "read", errno)};
    if (info.st_size < 0 || static_cast<std::uint64_t>(info.st_size) > size_max)
        return Err{file_error(path, "read", EFBIG)};
    Bytes content(static_cast<std::size_t>(info.st_size));
    std::size_t at = 0;
    while (at < content.size()) {
        const ssize_t n = ::read(file.fd(), content.data() + at, content.size() - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return Err{file_error(path, "read", errno)};
        if (n == 0) break;
        at += static_cast<std::size_t>(n);
    }
    content.resize(at);
    return std::optional(std::move(content));
}

}  // namespace millrace::node
