#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/bounded.hpp"
#include "common/page_tree.hpp"
#include "common/result.hpp"
#include "common/units.hpp"
#include "vm/wasi/arguments.hpp"
#include "vm/wasi/image.hpp"

/// File-system images seen from outside the machine: built from a list of files, hashed as a
/// stream, read back, checked. The format is image.hpp's; nothing here touches a disk (that is
/// vm/native/disk_tree.hpp).
namespace millrace::vm {

/// Why a tree cannot be had, in order of precedence. The first group can befall anybody's folder,
/// the second only an image that no honest builder made.
enum class TreeRefusal : std::uint8_t {
    bad_name = 1,       ///< empty, `.`, `..`, above 255 bytes, or with a slash or NUL in it
    path_too_long = 2,  ///< above 4,096 bytes
    too_deep = 3,       ///< above 64 directories
    duplicate = 4,      ///< two entries of one path
    no_parent = 5,      ///< an entry below a file
    file_too_big = 6,   ///< above 2^32 bytes
    too_many_entries = 7,
    too_many_big_files = 8,
    too_much_small = 9,  ///< files below 1 MiB take more than 2 GiB together
    unreadable = 10,     ///< its source failed; the message says how
    not_an_image = 32,   ///< no header, or one of another version
    bad_record = 33,     ///< a record, name or place that differs from the normal form
};
struct TreeFault {
    TreeRefusal refusal = TreeRefusal::bad_name;
    std::string path;    ///< the entry it is about, as far as it is known
    std::string detail;  ///< what the source said, when it is `unreadable`
};
/// A sentence for people, with the path and what to do about it.
[[nodiscard]] std::string to_sentence(const TreeFault& fault);

/// Where the pages of an image come from: memory, files, blobs, the state of a machine.
class TreePages {
  public:
    TreePages() = default;
    TreePages(const TreePages&) = delete;
    TreePages& operator=(const TreePages&) = delete;
    virtual ~TreePages() = default;

    /// Page `index` of the image, `out` being 4096 bytes. Pages never written are zero.
    [[nodiscard]] virtual Status<Error> read_page(std::uint64_t index, MutableByteView out) = 0;
    /// Bytes from the start of region `region` after which all is zero; 0 for an empty region.
    [[nodiscard]] virtual std::uint64_t region_length(std::uint64_t region) const = 0;

  protected:
    TreePages(TreePages&&) = default;
    TreePages& operator=(TreePages&&) = default;
};

/// One region of a tree as a blob: its root is the blob's root, its length the blob's. Region 0
/// holds metadata and small files, each other one a big file.
struct TreeRegion {
    BlobRoot root;
    std::uint64_t length = 0;
};
BOOST_DESCRIBE_STRUCT(TreeRegion, (), (root, length))

/// A tree as the blobs that it travels in. Empty for the empty tree.
struct TreeManifest {
    BoundedVector<TreeRegion, kBigFilesMax + 1> regions;
};
BOOST_DESCRIBE_STRUCT(TreeManifest, (), (regions))

/// The tree's root: what jobs and claims name. A manifest needs no trust: whoever knows the root
/// checks it with this.
[[nodiscard]] TreeRoot tree_root(const TreeManifest& manifest);
/// Hashes every page of an image, streaming; memory does not grow with its size.
[[nodiscard]] Result<TreeManifest> manifest_of(TreePages& pages);
/// Root of the tree without entries.
[[nodiscard]] TreeRoot empty_tree_root();

struct TreeEntry {
    TreeRecord record;
    std::string name;
};

/// A tree's metadata in memory: all entries breadth first, entry 0 the root directory.
class TreeIndex {
  public:
    /// Reads and checks the metadata of an image: it is accepted only in normal form, so names are
    /// safe to create on a disk, every entry has one parent, and lengths and places agree. Contents
    /// are not read. Refuses: `unreadable`, `not_an_image`, `bad_record`.
    [[nodiscard]] static Result<TreeIndex, TreeFault> read(TreePages& pages);

    [[nodiscard]] const std::vector<TreeEntry>& entries() const { return entries_; }
    /// The entry of a path such as `a/b.txt`; `` and `.` are the root.
    [[nodiscard]] std::optional<std::uint32_t> find(std::string_view path) const;
    [[nodiscard]] std::string path_of(std::uint32_t index) const;
    [[nodiscard]] std::uint64_t total_bytes() const { return total_bytes_; }
    [[nodiscard]] std::uint64_t big_file_count() const { return big_files_; }
    [[nodiscard]] bool empty() const { return entries_.size() == 1; }

    /// Header, records and names as they lie in region 0, from its start; nothing when empty.
    [[nodiscard]] Bytes encode_metadata() const;
    /// Length of region 0 with all small files.
    [[nodiscard]] std::uint64_t inline_end() const { return inline_end_; }

  private:
    friend class TreePlan;
    [[nodiscard]] std::optional<TreeRefusal> lay_out();

    std::vector<TreeEntry> entries_{TreeEntry{TreeRecord{.kind = EntryKind::directory}, ""}};
    std::uint64_t names_end_ = 0;
    std::uint64_t inline_end_ = 0;
    std::uint64_t total_bytes_ = 0;
    std::uint64_t big_files_ = 0;
};

/// Bytes of the files of a tree that is being built. Files go by the token they were added with.
class ContentSource {
  public:
    ContentSource() = default;
    ContentSource(const ContentSource&) = delete;
    ContentSource& operator=(const ContentSource&) = delete;
    virtual ~ContentSource() = default;
    /// Fills `out` with the bytes at `offset`, all of which lie within the file's length.
    [[nodiscard]] virtual Status<Error> read(std::uint64_t token, std::uint64_t offset,
                                             MutableByteView out) = 0;
};

/// A tree in normal form whose contents stay where they are until a page is asked for.
class TreeImage final : public TreePages {
  public:
    TreeImage() = default;
    [[nodiscard]] const TreeIndex& index() const { return index_; }
    /// Token of an entry; 0 for directories.
    [[nodiscard]] std::uint64_t token(std::uint32_t entry) const { return tokens_[entry]; }
    /// Must be called before pages are read; `contents` must outlive the image.
    void attach(ContentSource& contents) { contents_ = &contents; }

    [[nodiscard]] Status<Error> read_page(std::uint64_t index, MutableByteView out) override;
    [[nodiscard]] std::uint64_t region_length(std::uint64_t region) const override;

  private:
    friend class TreePlan;
    [[nodiscard]] Status<Error> read_inline(std::uint64_t offset, MutableByteView out);

    TreeIndex index_;
    std::vector<std::uint64_t> tokens_;
    Bytes metadata_;
    std::vector<std::uint32_t> inline_files_;  // by place
    std::vector<std::uint32_t> big_files_;     // by region
    ContentSource* contents_ = nullptr;
};

/// Collects the entries of a tree in any order, then lays it out.
class TreePlan {
  public:
    /// Missing parents are made. Refuses: the first group of `TreeRefusal`.
    [[nodiscard]] Status<TreeFault> add_directory(std::string_view path);
    /// `token` names the content to the image's source.
    [[nodiscard]] Status<TreeFault> add_file(std::string_view path, std::uint64_t length,
                                             std::uint64_t token);
    /// Cost: O(n log n).
    [[nodiscard]] Result<TreeImage, TreeFault> finish() &&;

  private:
    struct Item {
        std::string path;
        std::uint64_t length = 0;
        std::uint64_t token = 0;
        EntryKind kind = EntryKind::none;
    };
    [[nodiscard]] Status<TreeFault> add(Item item);
    std::vector<Item> items_;
};

/// Bytes of an image from any offset on, through as many pages as they lie in.
[[nodiscard]] Status<Error> read_bytes(TreePages& pages, std::uint64_t offset, MutableByteView out);
/// Bytes of a file of a tree, `out` within its length.
[[nodiscard]] Status<Error> read_file(TreePages& pages, const TreeRecord& file,
                                      std::uint64_t offset, MutableByteView out);

}  // namespace millrace::vm
