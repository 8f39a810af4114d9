#include "vm/native/tree_mount.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "vm/native/posix.hpp"

namespace millrace::vm {

const PageBytes* PageCache::find(std::uint64_t index) {
    const auto found = places_.find(index);
    if (found == places_.end()) return nullptr;
    rows_.splice(rows_.begin(), rows_, found->second);
    return &found->second->second;
}

const PageBytes& PageCache::add(std::uint64_t index, const PageBytes& bytes) {
    if (places_.size() < pages_max_) {
        rows_.emplace_front(index, bytes);
    } else {
        // The row that was used longest ago takes the new page.
        rows_.splice(rows_.begin(), rows_, std::prev(rows_.end()));
        places_.erase(rows_.front().first);
        rows_.front() = {index, bytes};
    }
    places_[index] = rows_.begin();
    return rows_.front().second;
}

ByteView TreeMount::page(std::uint64_t page_index) const {
    constexpr std::uint64_t kPagesPerRegion = kRegionSize / kPageSize;
    const std::uint64_t index = page_index - first_page_;
    const std::uint64_t offset = index % kPagesPerRegion * kPageSize;
    if (offset >= pages_.region_length(index / kPagesPerRegion)) return {};
    if (const PageBytes* kept = cache_->find(page_index)) return *kept;
    PageBytes read{};
    if (auto got = pages_.read_page(index, read); !got) {
        if (!failure_) failure_ = got.error();
        return {};
    }
    return cache_->add(page_index, read);
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
