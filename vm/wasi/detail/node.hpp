#pragma once

#include <optional>

#include "vm/wasi/detail/input_fs.hpp"
#include "vm/wasi/detail/running_fs.hpp"

namespace millrace::vm::wasi {

enum class TreeId : std::uint8_t { root = 0, tmp = 1, input = 2 };

/// A file or directory in any of the trees, as one word of a descriptor or a progress register:
/// bits 0-31 slot or entry, 32-47 image, 60 the directory of numbered inputs, 62-63 tree. Zero is
/// none.
struct Node {
    std::uint64_t word = 0;

    [[nodiscard]] static Node running(TreeId tree, Slot slot) {
        return Node{(static_cast<std::uint64_t>(tree) << 62) | slot};
    }
    [[nodiscard]] static Node input(std::uint32_t image, std::uint32_t entry) {
        return Node{(std::uint64_t{2} << 62) | (std::uint64_t{image} << 32) | entry};
    }
    [[nodiscard]] static Node numbered_inputs() {
        return Node{(std::uint64_t{2} << 62) | (std::uint64_t{1} << 60)};
    }
    [[nodiscard]] TreeId tree() const { return static_cast<TreeId>(word >> 62); }
    [[nodiscard]] bool is_input() const { return tree() == TreeId::input; }
    [[nodiscard]] bool is_numbered() const { return ((word >> 60) & 1) != 0; }
    [[nodiscard]] Slot slot() const { return static_cast<Slot>(word); }
    [[nodiscard]] std::uint32_t entry() const { return static_cast<std::uint32_t>(word); }
    [[nodiscard]] std::uint32_t image() const {
        return static_cast<std::uint32_t>(word >> 32) & 0xffff;
    }
    [[nodiscard]] explicit operator bool() const { return word != 0; }
    friend bool operator==(Node, Node) = default;
};

/// Where a name leads, if anywhere.
struct Located {
    Node node;
    std::uint32_t index = 0;  ///< in a running directory: where the entry is, or would go
};

/// What a listing shows of one entry.
struct Listed {
    Node node;
    std::uint64_t cookie = 0;  ///< resumes after this entry
    std::uint32_t name_length = 0;
};

inline constexpr unsigned kNumberedDigits = 5;

/// The three trees as one: lookups, parents, kinds and sizes, whichever tree a node lies in.
template <StateAccess A>
class Trees {
  public:
    using NameBuffer = std::array<std::uint8_t, kNameMax + 1>;

    explicit Trees(Host<A>& host) : host_(host) {}

    [[nodiscard]] RunningFs<A> running(Node node) {
        return RunningFs<A>(host_.state(), node.tree() == TreeId::tmp ? kTmpFs : kRootFs);
    }
    [[nodiscard]] Node input_root() {
        const auto form = host_.argument32(arguments_offset::input_form);
        return form == static_cast<std::uint32_t>(InputForm::numbered) ? Node::numbered_inputs()
                                                                       : Node::input(0, 0);
    }
    [[nodiscard]] bool writable(Node node) const { return !node.is_input(); }

    [[nodiscard]] EntryKind kind(Node node) {
        if (node.is_numbered()) return EntryKind::directory;
        if (node.is_input()) return input_record(node).kind;
        return running(node).kind(node.slot());
    }
    [[nodiscard]] std::uint64_t size(Node node) {
        if (kind(node) != EntryKind::file) return 0;
        return node.is_input() ? input_record(node).length : running(node).size(node.slot());
    }
    /// Address of a file's first byte.
    [[nodiscard]] Address content(Node node) {
        if (!node.is_input()) return running(node).content(node.slot());
        return InputFs<A>(host_.state(), node.image()).content(input_record(node));
    }
    /// The directory that `..` leads to; the roots of `/in` and `/tmp` lie in `/`.
    [[nodiscard]] Node parent(Node node) {
        if (node.is_numbered()) return Node::running(TreeId::root, kRootSlot);
        if (!node.is_input()) {
            if (node.slot() == kRootSlot) return Node::running(TreeId::root, kRootSlot);
            return Node::running(node.tree(), running(node).parent(node.slot()));
        }
        if (node.entry() != 0) return Node::input(node.image(), input_record(node).parent);
        return input_root().is_numbered() ? Node::numbered_inputs()
                                          : Node::running(TreeId::root, kRootSlot);
    }
    /// The mount point of that name, if `directory` is the root of `/`.
    [[nodiscard]] Node mount(Node directory, ByteView name) {
        if (directory != Node::running(TreeId::root, kRootSlot)) return Node{};
        const auto text = as_text(name);
        if (text == "in") return input_root();
        if (text == "tmp") return Node::running(TreeId::tmp, kRootSlot);
        return Node{};
    }
    /// Whoever looks up has paid `lookup_gas` before, in the same micro-step or an earlier one. No
    /// micro-step looks up twice: two of the largest directories are more pages than it may touch.
    [[nodiscard]] Located locate(Node directory, ByteView name) {
        if (const Node mounted = mount(directory, name)) return {mounted, 0};
        if (directory.is_numbered()) return {numbered_child(name), 0};
        if (directory.is_input()) {
            const auto found =
                InputFs<A>(host_.state(), directory.image()).lookup(directory.entry(), name);
            return {found ? Node::input(directory.image(), *found) : Node{}, 0};
        }
        const Place place = running(directory).lookup(directory.slot(), name);
        return {place.slot == 0 ? Node{} : Node::running(directory.tree(), place.slot),
                place.index};
    }
    [[nodiscard]] Node lookup(Node directory, ByteView name) {
        return locate(directory, name).node;
    }
    /// Gas of one lookup in that directory; numbered inputs are not searched.
    [[nodiscard]] std::uint64_t lookup_gas(Node directory) {
        return directory.is_numbered() ? 0 : search_gas(child_count(directory));
    }

    // --- listings
    [[nodiscard]] std::uint64_t child_count(Node directory) {
        if (directory.is_numbered()) return host_.argument64(arguments_offset::input_count);
        if (directory.is_input()) return input_record(directory).child_count;
        return running(directory).child_count(directory.slot());
    }
    [[nodiscard]] Listed child(Node directory, std::uint32_t index, NameBuffer& name) {
        Listed listed;
        listed.cookie = kFirstCookie + index;
        if (directory.is_numbered()) {
            listed.node = Node::input(index, 0);
            listed.name_length = kNumberedDigits;
            std::uint32_t rest = index;
            for (unsigned digit = kNumberedDigits; digit-- > 0; rest /= 10)
                name[digit] = static_cast<std::uint8_t>('0' + rest % 10);
        } else if (directory.is_input()) {
            InputFs<A> fs(host_.state(), directory.image());
            const std::uint32_t entry = fs.record(directory.entry()).first_child + index;
            listed.node = Node::input(directory.image(), entry);
            listed.name_length = static_cast<std::uint32_t>(fs.name(fs.record(entry), name).size());
        } else {
            RunningFs<A> fs = running(directory);
            const Slot slot = fs.child(directory.slot(), index);
            listed.node = Node::running(directory.tree(), slot);
            listed.cookie = kFirstCookie + slot;
            listed.name_length = static_cast<std::uint32_t>(fs.name(slot, name).size());
        }
        return listed;
    }
    /// Index of the first entry after the one whose cookie is given; none for a cookie that this
    /// directory cannot have handed out.
    [[nodiscard]] std::optional<std::uint32_t> index_after(Node directory, std::uint64_t cookie) {
        const std::uint64_t value = cookie - kFirstCookie;
        if (directory.is_input()) {
            if (value >= child_count(directory)) return std::nullopt;
            return static_cast<std::uint32_t>(value) + 1;
        }
        RunningFs<A> fs = running(directory);
        if (value >= fs.slots_used()) return std::nullopt;
        const auto slot = static_cast<Slot>(value);
        if (slot <= kRootSlot) return std::nullopt;
        // The entry has moved to another directory, and with it went the place at which to go on:
        // begin again, so that whoever moves all files away loses none.
        if (fs.parent(slot) != directory.slot()) return 0;
        NameBuffer buffer{};
        const Place place = fs.lookup(directory.slot(), fs.name(slot, buffer));
        return place.slot == 0 ? place.index : place.index + 1;
    }
    /// Cookies 1 and 2 stand after `.` and `..`.
    static constexpr std::uint64_t kFirstCookie = 3;

    // --- numbers for stat: synthetic, the same in every run
    [[nodiscard]] static std::uint64_t device(Node node) {
        return static_cast<std::uint64_t>(node.tree()) + 1;
    }
    [[nodiscard]] static std::uint64_t inode(Node node) {
        if (node.is_numbered()) return std::uint64_t{1} << 40;
        if (node.is_input()) return (std::uint64_t{node.image()} << 20) + node.entry() + 1;
        return node.slot();
    }

  private:
    [[nodiscard]] TreeRecord input_record(Node node) {
        return InputFs<A>(host_.state(), node.image()).record(node.entry());
    }
    [[nodiscard]] Node numbered_child(ByteView name) {
        if (name.size() != kNumberedDigits) return Node{};
        std::uint32_t index = 0;
        for (const std::uint8_t digit : name) {
            if (digit < '0' || digit > '9') return Node{};
            index = 10 * index + (digit - '0');
        }
        const std::uint64_t count =
            std::min(host_.argument64(arguments_offset::input_count), kInputImagesMax);
        return index < count ? Node::input(index, 0) : Node{};
    }

    Host<A>& host_;
};

}  // namespace millrace::vm::wasi
