#include "vm/native/disk_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "vm/native/posix.hpp"

namespace millrace::vm {

namespace {

/// Contents are moved in pieces of this size: few calls, little memory.
constexpr std::uint64_t kPieceSize = 64 * kPageSize;

bool all_zero(ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

/// Writes a stretch of an image into an empty file.
Status<Error> copy_out(TreePages& pages, std::uint64_t from, std::uint64_t length, int fd,
                       const std::string& name) {
    Bytes piece;
    for (std::uint64_t at = 0; at < length; at += kPieceSize) {
        piece.resize(std::min(kPieceSize, length - at));
        MILLRACE_CHECK(read_bytes(pages, from + at, piece));
        if (!all_zero(piece)) MILLRACE_CHECK(pwrite_all(fd, piece, at, name));
    }
    if (::ftruncate(fd, static_cast<off_t>(length)) != 0)
        return Err{system_error("cannot write '" + name + "'")};
    return Ok{};
}

Error fault_error(const TreeFault& fault) {
    return Error{static_cast<int>(fault.refusal), to_sentence(fault)};
}

}  // namespace

// --- a folder as a tree

OpenFiles::~OpenFiles() {
    for (const auto& [path, fd] : files_) ::close(fd);
}

Result<int> OpenFiles::get(const std::filesystem::path& path) {
    const auto found = std::find_if(files_.rbegin(), files_.rend(),
                                    [&](const auto& file) { return file.first == path; });
    if (found != files_.rend()) {
        std::rotate(std::prev(found.base()), found.base(), files_.end());
        return files_.back().second;
    }
    const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return Err{system_error("cannot open '" + path.string() + "'")};
    if (files_.size() == kOpenMax) {
        ::close(files_.front().second);
        files_.erase(files_.begin());
    }
    files_.emplace_back(path, fd);
    return fd;
}

std::uint64_t DiskContents::add(std::string path) {
    paths_.push_back(std::move(path));
    return paths_.size() - 1;
}

Status<Error> DiskContents::read(std::uint64_t token, std::uint64_t offset, MutableByteView out) {
    const std::filesystem::path path = folder_ / paths_[token];
    MILLRACE_TRY(const int fd, open_->get(path));
    return pread_all(fd, out, offset, path.string());
}

Result<FolderTree> scan_folder(const std::filesystem::path& folder,
                               std::shared_ptr<OpenFiles> open) {
    namespace fs = std::filesystem;
    std::error_code error;
    const auto failed = [&](const fs::path& path) {
        return Err{Error{error.value(), "cannot read '" + path.string() + "': " + error.message()}};
    };
    if (!fs::is_directory(folder, error)) {
        if (error) return failed(folder);
        return Err{Error{ENOTDIR, "'" + folder.string() + "' is not a folder"}};
    }
    TreePlan plan;
    auto contents = std::make_unique<DiskContents>(folder, std::move(open));
    fs::recursive_directory_iterator entries(folder, error);
    if (error) return failed(folder);
    for (; entries != fs::recursive_directory_iterator(); entries.increment(error)) {
        if (error) return failed(folder);
        const fs::file_status status = entries->symlink_status(error);
        if (error) return failed(entries->path());
        const std::string path = entries->path().lexically_relative(folder).generic_string();
        Status<TreeFault> added = Ok{};
        if (fs::is_directory(status)) {
            added = plan.add_directory(path);
        } else if (fs::is_regular_file(status)) {
            const std::uint64_t size = entries->file_size(error);
            if (error) return failed(entries->path());
            const std::uint64_t token = contents->add(path);
            added = plan.add_file(path, size, token);
        } else {
            return Err{Error{EINVAL, "'" + entries->path().string() +
                                         "' is neither file nor directory; links and devices "
                                         "cannot travel, put a copy in its place"}};
        }
        if (!added) return Err{fault_error(added.error())};
    }
    if (error) return failed(folder);
    auto image = std::move(plan).finish();
    if (!image) return Err{fault_error(image.error())};
    FolderTree tree{std::move(contents), *std::move(image)};
    tree.image.attach(*tree.contents);
    return tree;
}

// --- a tree as a folder

namespace {

/// Walks a tree depth first with one open folder a level, at most 65 of them.
class Extractor {
  public:
    Extractor(TreePages& pages, const TreeIndex& index) : pages_(pages), index_(index) {}

    Status<Error> run(const std::filesystem::path& folder) {
        std::error_code error;
        std::filesystem::create_directories(folder, error);
        if (error)
            return Err{
                Error{error.value(), "cannot make '" + folder.string() + "': " + error.message()}};
        FileHandle root(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!root) return Err{system_error("cannot open '" + folder.string() + "'")};
        std::vector<Level> stack;
        stack.push_back(Level{std::move(root), 0, 0});
        while (!stack.empty()) {
            Level& top = stack.back();
            const TreeRecord& directory = index_.entries()[top.entry].record;
            if (top.next == directory.child_count) {
                stack.pop_back();
                continue;
            }
            const std::uint32_t entry = directory.first_child + top.next++;
            if (index_.entries()[entry].record.kind == EntryKind::file) {
                MILLRACE_CHECK(write_file(top.fd.get(), entry));
            } else {
                MILLRACE_TRY(FileHandle below, enter(top.fd.get(), entry));
                stack.push_back(Level{std::move(below), entry, 0});
            }
        }
        return Ok{};
    }

  private:
    struct Level {
        FileHandle fd;
        std::uint32_t entry = 0;
        std::uint32_t next = 0;
    };
    Result<FileHandle> enter(int parent, std::uint32_t entry) {
        const std::string& name = index_.entries()[entry].name;
        if (::mkdirat(parent, name.c_str(), 0755) != 0 && errno != EEXIST)
            return Err{system_error("cannot make '" + index_.path_of(entry) + "'")};
        FileHandle fd(
            ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!fd) return Err{system_error("cannot enter '" + index_.path_of(entry) + "'")};
        return fd;
    }
    Status<Error> write_file(int parent, std::uint32_t entry) {
        const TreeEntry& file = index_.entries()[entry];
        constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        FileHandle fd(::openat(parent, file.name.c_str(), kFlags, 0644));
        if (!fd && errno == EEXIST && ::unlinkat(parent, file.name.c_str(), 0) == 0)
            fd = FileHandle(::openat(parent, file.name.c_str(), kFlags, 0644));
        if (!fd) return Err{system_error("cannot make '" + index_.path_of(entry) + "'")};
        return copy_out(pages_, file.record.content, file.record.length, fd.get(),
                        index_.path_of(entry));
    }

    TreePages& pages_;
    const TreeIndex& index_;
};

}  // namespace

Result<TreeIndex> extract_tree(TreePages& pages, const std::filesystem::path& folder) {
    auto index = TreeIndex::read(pages);
    if (!index) return Err{fault_error(index.error())};
    MILLRACE_CHECK(Extractor(pages, *index).run(folder));
    return *std::move(index);
}

Result<TreeManifest> write_regions(TreePages& pages, const std::filesystem::path& folder) {
    MILLRACE_TRY(TreeManifest manifest, manifest_of(pages));
    for (std::size_t region = 0; region < manifest.regions.size(); ++region) {
        const std::filesystem::path path = folder / (std::to_string(region) + ".region");
        const FileHandle fd(
            ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
        if (!fd) return Err{system_error("cannot make '" + path.string() + "'")};
        MILLRACE_CHECK(copy_out(pages, std::uint64_t{region} << kRegionBits,
                                manifest.regions[region].length, fd.get(), path.string()));
    }
    return manifest;
}

// --- regions in files

Result<std::unique_ptr<RegionFiles>> RegionFiles::open(
    const TreeManifest& manifest, const std::vector<std::filesystem::path>& files,
    std::shared_ptr<OpenFiles> open) {
    if (files.size() != manifest.regions.size())
        return Err{Error{EINVAL, "a tree of " + std::to_string(manifest.regions.size()) +
                                     " regions cannot lie in " + std::to_string(files.size()) +
                                     " files"}};
    std::unique_ptr<RegionFiles> tree(new RegionFiles);
    tree->open_ = std::move(open);
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (manifest.regions[i].length > kRegionSize)
            return Err{Error{EINVAL, "a region of a tree is longer than 4 GiB"}};
        tree->regions_.push_back(Region{files[i], manifest.regions[i].length});
    }
    return tree;
}

std::uint64_t RegionFiles::region_length(std::uint64_t region) const {
    return region < regions_.size() ? regions_[region].length : 0;
}

Status<Error> RegionFiles::read_page(std::uint64_t index, MutableByteView out) {
    constexpr std::uint64_t kPagesPerRegion = kRegionSize / kPageSize;
    std::memset(out.data(), 0, out.size());
    const std::uint64_t region = index / kPagesPerRegion;
    const std::uint64_t offset = (index % kPagesPerRegion) << kPageBits;
    if (offset >= region_length(region)) return Ok{};
    MILLRACE_TRY(const int fd, open_->get(regions_[region].path));
    const std::uint64_t size =
        std::min<std::uint64_t>(out.size(), regions_[region].length - offset);
    return pread_all(fd, out.first(size), offset, regions_[region].path.string());
}

}  // namespace millrace::vm
