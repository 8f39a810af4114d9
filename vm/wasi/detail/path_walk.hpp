#pragma once

#include "vm/wasi/detail/descriptors.hpp"

namespace millrace::vm::wasi {

/// Where a path came out: its last component, not looked up yet, in the directory that holds it; or
/// a directory itself, when the path ends in `.` or `..`.
struct Leaf {
    Node directory;
    std::uint32_t offset = 0;  ///< of the last component in the path
    std::uint32_t length = 0;  ///< 0: the path names `directory` itself
    bool slash = false;        ///< the path ended in a slash

    [[nodiscard]] std::uint64_t packed() const {
        return offset | (std::uint64_t{length} << 16) | (std::uint64_t{slash ? 1U : 0U} << 32);
    }
    [[nodiscard]] static Leaf unpack(Node directory, std::uint64_t word) {
        return Leaf{directory, static_cast<std::uint32_t>(word & 0xffff),
                    static_cast<std::uint32_t>(word >> 16) & 0xffff, ((word >> 32) & 1) != 0};
    }
};

/// A path in guest memory.
struct PathArgument {
    std::uint64_t at = 0;
    std::uint64_t size = 0;
};

/// Walks a path, one component a micro-step, never above the directory it starts in. There are no
/// symbolic links, so `a/..` is the directory it started from once `a` is known to be one.
/// progress_a holds the directory reached, progress_b the offset in the path (bits 0-15), the depth
/// below the start (16-31) and the components seen (32-47).
template <StateAccess A>
class PathWalk {
  public:
    enum class Status : std::uint8_t { more, arrived, failed, out_of_gas };

    PathWalk(Host<A>& host, PathArgument path) : host_(host), path_(path) {}

    /// What is wrong with the path's bytes as a whole.
    [[nodiscard]] Errno check() {
        if (!host_.in_memory(path_.at, path_.size)) return Errno::fault;
        if (path_.size == 0) return Errno::noent;
        if (path_.size > kPathMax) return Errno::nametoolong;
        read(0);
        if (text_[0] == '/') return Errno::perm;  // absolute paths are the program's library's work
        if (std::find(text_.begin(), text_.begin() + size_, 0) != text_.begin() + size_)
            return Errno::ilseq;
        return Errno::success;
    }
    void begin(Node directory) {
        host_.set(Register::progress_a, directory.word);
        host_.set(Register::progress_b, 0);
    }
    [[nodiscard]] Status step() {
        if (!host_.charge(kGasComponent)) return Status::out_of_gas;
        Node current{host_.get(Register::progress_a)};
        const std::uint64_t cursor = host_.get(Register::progress_b);
        std::uint64_t depth = (cursor >> 16) & 0xffff;
        const std::uint64_t seen = ((cursor >> 32) & 0xffff) + 1;
        const std::uint64_t offset = cursor & 0xffff;
        read(offset);

        const auto begin = text_.begin();
        const auto end = begin + size_;
        const auto start = std::find_if(begin, end, [](auto c) { return c != '/'; });
        const auto stop = std::find(start, end, '/');
        const auto rest = std::find_if(stop, end, [](auto c) { return c != '/'; });
        const std::uint32_t length = distance(start, stop);
        const auto start_offset = static_cast<std::uint32_t>(offset) + distance(begin, start);
        const bool last = rest == end;
        if (seen > kDepthMax || length > kNameMax) return fail(Errno::nametoolong);

        const std::string_view name = as_text(ByteView(start, stop));
        if (name == "..") {
            if (depth == 0) return fail(Errno::perm);
            current = trees().parent(current);
            --depth;
        } else if (name != ".") {
            // The last component is looked up by the next micro-step, and paid for here.
            if (!host_.charge(trees().lookup_gas(current))) return Status::out_of_gas;
        }
        if (name != "." && name != ".." && !last) {
            current = trees().lookup(current, ByteView(start, stop));
            if (!current) return fail(Errno::noent);
            if (trees().kind(current) != EntryKind::directory) return fail(Errno::notdir);
            ++depth;
        }
        if (last) {
            const bool itself = name == "." || name == "..";
            leaf_ = Leaf{current, start_offset, itself ? 0 : length, stop != end};
            return Status::arrived;
        }
        host_.set(Register::progress_a, current.word);
        host_.set(Register::progress_b,
                  (offset + distance(begin, rest)) | (depth << 16) | (seen << 32));
        return Status::more;
    }
    [[nodiscard]] const Leaf& leaf() const { return leaf_; }
    [[nodiscard]] Errno error() const { return error_; }

    /// The bytes of a leaf's name.
    [[nodiscard]] ByteView name(const Leaf& leaf) {
        const std::uint64_t length = std::min<std::uint64_t>(leaf.length, kNameMax);
        host_.read_memory(path_.at + leaf.offset, MutableByteView(text_.data(), length));
        return {text_.data(), length};
    }

  private:
    using Iterator = typename std::array<std::uint8_t, kPathMax>::iterator;
    static std::uint32_t distance(Iterator from, Iterator to) {
        return static_cast<std::uint32_t>(to - from);
    }
    Trees<A> trees() { return Trees<A>(host_); }
    Status fail(Errno error) {
        error_ = error;
        return Status::failed;
    }
    void read(std::uint64_t offset) {
        // A state under dispute may hold any offset; an honest one never passes the path's end.
        const std::uint64_t left =
            offset < path_.size ? std::min(path_.size - offset, kPathMax) : 0;
        size_ = static_cast<std::ptrdiff_t>(left);
        host_.read_memory(path_.at + offset, MutableByteView(text_.data(), left));
    }

    Host<A>& host_;
    PathArgument path_;
    std::array<std::uint8_t, kPathMax> text_;
    std::ptrdiff_t size_ = 0;
    Leaf leaf_;
    Errno error_ = Errno::success;
};

}  // namespace millrace::vm::wasi
