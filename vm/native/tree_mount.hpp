#pragma once

#include <list>
#include <memory>
#include <optional>
#include <unordered_map>

#include "vm/machine/direct.hpp"
#include "vm/wasi/tree.hpp"

namespace millrace::vm {

/// Pages of inputs that were read, the ones used last: what a task's inputs take of this machine's
/// memory, however much of them it reads. Shared by all mounts of a task, which there may be 65,536
/// of. Files are read, not mapped: one that is cut short underneath is an error, never a signal.
class PageCache {
  public:
    /// 64 MiB. It saves calls, not disk: the system keeps what it can of the files.
    static constexpr std::size_t kPagesMax = 16'384;

    explicit PageCache(std::size_t pages_max = kPagesMax) : pages_max_(pages_max) {}
    /// The page's bytes, valid until the next `add`; none when it is not here.
    [[nodiscard]] const PageBytes* find(std::uint64_t index);
    const PageBytes& add(std::uint64_t index, const PageBytes& bytes);
    [[nodiscard]] std::size_t size() const { return places_.size(); }

  private:
    using Row = std::pair<std::uint64_t, PageBytes>;
    std::size_t pages_max_;
    std::list<Row> rows_;  ///< used last in front
    std::unordered_map<std::uint64_t, std::list<Row>::iterator> places_;
};

/// A tree mounted into a running state: its pages are read when the program touches them. What lies
/// beyond the length of a region is zero, and never asked for.
/// What cannot be read shows as zeroes, and `failure` says so: such a run proves nothing and must
/// be thrown away.
class TreeMount final : public PageSource {
  public:
    /// `first_page` is the page of the state at which the tree begins; `pages` outlives the mount.
    TreeMount(TreePages& pages, std::uint64_t first_page, std::shared_ptr<PageCache> cache)
        : pages_(pages), first_page_(first_page), cache_(std::move(cache)) {}

    [[nodiscard]] ByteView page(std::uint64_t page_index) const override;
    [[nodiscard]] bool has_failed() const override { return failure_.has_value(); }
    [[nodiscard]] std::vector<Subtree> leaves() const override;
    [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

  private:
    TreePages& pages_;
    std::uint64_t first_page_;
    /// The port is const, as running a program does not change its input; what is kept of it does.
    std::shared_ptr<PageCache> cache_;
    mutable std::optional<Error> failure_;
};

/// A plain file as a mounted region: standard input.
class FilePages final : public TreePages {
  public:
    [[nodiscard]] static Result<std::unique_ptr<FilePages>> open(const std::string& path);
    ~FilePages() override;
    [[nodiscard]] Status<Error> read_page(std::uint64_t index, MutableByteView out) override;
    [[nodiscard]] std::uint64_t region_length(std::uint64_t region) const override {
        return region == 0 ? length_ : 0;
    }

  private:
    FilePages(std::string path, int fd, std::uint64_t length)
        : path_(std::move(path)), fd_(fd), length_(length) {}
    std::string path_;
    int fd_;
    std::uint64_t length_;
};

}  // namespace millrace::vm
