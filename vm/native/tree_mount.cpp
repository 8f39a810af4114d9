#include "vm/native/tree_mount.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "vm/native/posix.hpp"

namespace millrace::vm {

ByteView TreeMount::page(std::uint64_t page_index) const {
    auto& slot = read_[page_index];
    if (!slot) {
        slot = std::make_unique<PageBytes>();
        if (auto got = pages_.read_page(page_index - first_page_, *slot); !got) {
            slot->fill(0);
            if (!failure_) failure_ = got.error();
        }
    }
    return *slot;
}

std::vector<Subtree> TreeMount::leaves() const {
    constexpr std::uint64_t kPagesPerRegion = kRegionSize / kPageSize;
    std::vector<Subtree> leaves;
    PageBytes page{};
    for (std::uint64_t region = 0; region <= kBigFilesMax; ++region) {
        const std::uint64_t count = pages_of(pages_.region_length(region));
        if (count == 0) break;
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t index = region * kPagesPerRegion + i;
            if (auto got = pages_.read_page(index, page); !got) {
                if (!failure_) failure_ = got.error();
                return leaves;
            }
            if (std::any_of(page.begin(), page.end(), [](auto byte) { return byte != 0; }))
                leaves.push_back(Subtree{0, first_page_ + index, page_hash(page)});
        }
    }
    return leaves;
}

Result<std::unique_ptr<FilePages>> FilePages::open(const std::string& path) {
    const FileHandle fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0)
        return Err{system_error("cannot open '" + path + "'")};
    if (!S_ISREG(status.st_mode))
        return Err{Error{EINVAL, "'" + path + "' is not a regular file; write it to one first"}};
    const auto length = static_cast<std::uint64_t>(status.st_size);
    if (length > kRegionSize)
        return Err{Error{EFBIG, "'" + path + "' is larger than 4 GiB; mount it in /in instead"}};
    const int raw = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0);
    if (raw < 0) return Err{system_error("cannot open '" + path + "'")};
    return std::unique_ptr<FilePages>(new FilePages(path, raw, length));
}

FilePages::~FilePages() {
    ::close(fd_);
}

Status<Error> FilePages::read_page(std::uint64_t index, MutableByteView out) {
    std::memset(out.data(), 0, out.size());
    const std::uint64_t offset = index << kPageBits;
    if (offset >= length_) return Ok{};
    return pread_all(fd_, out.first(std::min<std::uint64_t>(out.size(), length_ - offset)), offset,
                     path_);
}

}  // namespace millrace::vm
