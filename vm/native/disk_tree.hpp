#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "vm/wasi/tree.hpp"

/// File-system images and folders on a disk: a folder as a tree whose contents are read when they
/// are asked for, and a tree written out as a folder.
namespace millrace::vm {

/// Files that are open for reading, shared by all trees of a task: a task may read 65,536 trees, a
/// process may open far fewer files.
class OpenFiles {
  public:
    OpenFiles() = default;
    OpenFiles(const OpenFiles&) = delete;
    OpenFiles& operator=(const OpenFiles&) = delete;
    ~OpenFiles();
    /// A descriptor of that file, valid until the next call. Links are not followed.
    [[nodiscard]] Result<int> get(const std::filesystem::path& path);

  private:
    /// Well below the 256 descriptors that a worker may have.
    static constexpr std::size_t kOpenMax = 64;
    std::vector<std::pair<std::filesystem::path, int>> files_;  // used last at the back
};

/// Contents of the files of a folder, by number.
class DiskContents final : public ContentSource {
  public:
    explicit DiskContents(std::filesystem::path folder,
                          std::shared_ptr<OpenFiles> open = std::make_shared<OpenFiles>())
        : folder_(std::move(folder)), open_(std::move(open)) {}

    /// Number by which the file of that path within the folder is read.
    [[nodiscard]] std::uint64_t add(std::string path);
    /// Refuses a file that has become shorter since it was listed: the tree's root would then be of
    /// something that never was.
    [[nodiscard]] Status<Error> read(std::uint64_t token, std::uint64_t offset,
                                     MutableByteView out) override;

  private:
    std::filesystem::path folder_;
    std::vector<std::string> paths_;
    std::shared_ptr<OpenFiles> open_;
};

struct FolderTree {
    std::unique_ptr<DiskContents> contents;
    TreeImage image;
};
/// The tree of a folder: regular files and directories with their names, nothing else of them.
/// Symbolic links and special files are refused by name, as is what `TreeRefusal` lists.
/// Memory grows with the number of entries, not with their size.
[[nodiscard]] Result<FolderTree> scan_folder(
    const std::filesystem::path& folder,
    std::shared_ptr<OpenFiles> open = std::make_shared<OpenFiles>());

/// Writes a tree into `folder`, which is made when missing. The tree's metadata is checked first;
/// files are made anew (what was there under the same name is replaced), directories are entered
/// only if they are directories: no link, old or new, leads outside. Modes are 0644 and 0755 less
/// the umask. Stretches of zeroes become holes.
[[nodiscard]] Result<TreeIndex> extract_tree(TreePages& pages, const std::filesystem::path& folder);

/// Regions of a tree as files of a folder that is there: region k as `<k>.region`.
[[nodiscard]] Result<TreeManifest> write_regions(TreePages& pages,
                                                 const std::filesystem::path& folder);

/// A tree whose regions lie in files, such as blobs of a store. Lengths come from the manifest,
/// which the caller has checked against the tree's root, as it has the blobs against theirs.
class RegionFiles final : public TreePages {
  public:
    [[nodiscard]] static Result<std::unique_ptr<RegionFiles>> open(
        const TreeManifest& manifest, const std::vector<std::filesystem::path>& files,
        std::shared_ptr<OpenFiles> open = std::make_shared<OpenFiles>());
    [[nodiscard]] Status<Error> read_page(std::uint64_t index, MutableByteView out) override;
    [[nodiscard]] std::uint64_t region_length(std::uint64_t region) const override;

  private:
    RegionFiles() = default;
    struct Region {
        std::filesystem::path path;
        std::uint64_t length = 0;
    };
    std::vector<Region> regions_;
    std::shared_ptr<OpenFiles> open_;
};

}  // namespace millrace::vm
