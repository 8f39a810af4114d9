#pragma once

#include <map>
#include <memory>
#include <optional>

#include "vm/machine/direct.hpp"
#include "vm/wasi/tree.hpp"

namespace millrace::vm {

/// A tree mounted into a running state: its pages are read when the program first touches them, and
/// kept from then on, so memory grows with what is used, at most to the tree's size.
/// What cannot be read shows as zeroes, and `failure` says so: such a run proves nothing and must
/// be thrown away.
class TreeMount final : public PageSource {
  public:
    /// `first_page` is the page of the state at which the tree begins; `pages` outlives the mount.
    TreeMount(TreePages& pages, std::uint64_t first_page)
        : pages_(pages), first_page_(first_page) {}

    [[nodiscard]] ByteView page(std::uint64_t page_index) const override;
    [[nodiscard]] std::vector<Subtree> leaves() const override;
    [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

  private:
    TreePages& pages_;
    std::uint64_t first_page_;
    /// The port is const, as running a program does not change its input; what has been read is.
    mutable std::map<std::uint64_t, std::unique_ptr<PageBytes>> read_;
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
