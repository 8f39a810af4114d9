#include "node/blobs/blob_file.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace millrace::node {

namespace fs = std::filesystem;

namespace {

constexpr mode_t kMode = 0644;

/// Calls until a signal no longer interrupts.
template <class Call>
auto uninterrupted(Call call) {
    for (;;) {
        const auto got = call();
        if (got >= 0 || errno != EINTR) return got;
    }
}

}  // namespace

Error blob_io_error(const std::string& what, int code) {
    const bool is_full = code == ENOSPC || code == EDQUOT || code == EFBIG;
    return Error{is_full ? kBlobStoreFull : kBlobStoreIo,
                 "blob store: " + what + ": " + std::generic_category().message(code) +
                     (is_full ? "; free some of that disk, or lower --blob-quota-bytes; nothing "
                                "half-written was kept"
                              : "; check the disk under the data folder")};
}

std::uint64_t free_disk_bytes(const fs::path& path) {
    struct statvfs disk{};
    if (::statvfs(path.c_str(), &disk) != 0) return 0;
    return std::uint64_t{disk.f_bavail} * disk.f_frsize;
}

Status<> sync_folder(const fs::path& folder) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return Err{blob_io_error("cannot open " + folder.string(), errno)};
    const int rc = ::fsync(fd);
    const int code = errno;
    ::close(fd);
    if (rc != 0) return Err{blob_io_error("cannot sync " + folder.string(), code)};
    return Ok{};
}

BlobFile::BlobFile(BlobFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

BlobFile& BlobFile::operator=(BlobFile&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) ::close(fd_);
        path_ = std::move(other.path_);
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

BlobFile::~BlobFile() {
    if (fd_ >= 0) ::close(fd_);
}

Result<BlobFile> BlobFile::create(fs::path path, std::uint64_t size) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
    if (fd < 0) return Err{blob_io_error("cannot write " + path.string(), errno)};
    BlobFile file(std::move(path), fd);
    const auto length = static_cast<off_t>(size);
    int code = 0;
    if (length > 0 && uninterrupted([&] { return ::fallocate(fd, 0, 0, length); }) != 0)
        code = errno;
    // Some file systems cannot set blocks aside: then the writes find out.
    if (code == EOPNOTSUPP || code == ENOSYS) code = ::ftruncate(fd, length) != 0 ? errno : 0;
    if (code == 0) return file;
    ::unlink(file.path_.c_str());
    return Err{blob_io_error("cannot write " + file.path_.string(), code)};
}

Result<BlobFile> BlobFile::open(fs::path path, bool for_writing) {
    const int fd = ::open(path.c_str(), (for_writing ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0) return Err{blob_io_error("cannot open " + path.string(), errno)};
    return BlobFile(std::move(path), fd);
}

Status<> BlobFile::write_at(ByteView piece, std::uint64_t offset) const {
    while (!piece.empty()) {
        const ssize_t put = uninterrupted(
            [&] { return ::pwrite(fd_, piece.data(), piece.size(), static_cast<off_t>(offset)); });
        // Nothing written without a reason given is a disk that has no more room.
        if (put <= 0)
            return Err{blob_io_error("cannot write " + path_.string(), put < 0 ? errno : ENOSPC)};
        piece = piece.subspan(static_cast<std::size_t>(put));
        offset += static_cast<std::uint64_t>(put);
    }
    return Ok{};
}

Status<> BlobFile::read_at(MutableByteView piece, std::uint64_t offset) const {
    while (!piece.empty()) {
        const ssize_t got = uninterrupted(
            [&] { return ::pread(fd_, piece.data(), piece.size(), static_cast<off_t>(offset)); });
        if (got < 0) return Err{blob_io_error("cannot read " + path_.string(), errno)};
        if (got == 0)
            return Err{Error{kBlobStoreIo, "blob store: " + path_.string() + " is cut short"}};
        piece = piece.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
    return Ok{};
}

Status<> BlobFile::zero_at(std::uint64_t offset, std::uint64_t size) const {
    if (::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                    static_cast<off_t>(size)) == 0)
        return Ok{};
    constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;
    const Bytes zeroes(kPieceBytes, 0);
    while (size > 0) {
        const std::size_t take =
            static_cast<std::size_t>(std::min<std::uint64_t>(size, kPieceBytes));
        MILLRACE_CHECK(write_at(ByteView(zeroes).first(take), offset));
        offset += take;
        size -= take;
    }
    return Ok{};
}

void BlobFile::write_back(std::uint64_t offset, std::uint64_t size) const {
    // Only a hint: what it does not do, sync does.
    static_cast<void>(::sync_file_range(fd_, static_cast<off_t>(offset), static_cast<off_t>(size),
                                        SYNC_FILE_RANGE_WRITE));
}

Status<> BlobFile::sync() const {
    if (::fsync(fd_) != 0) return Err{blob_io_error("cannot sync " + path_.string(), errno)};
    return Ok{};
}

}  // namespace millrace::node
