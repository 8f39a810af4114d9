#pragma once

#include "vm/wasi/detail/node.hpp"

namespace millrace::vm::wasi {

enum class DescriptorKind : std::uint8_t {
    none = 0,  ///< as at the start: 0 to 5 open, all others free
    node = 1,
    standard_in = 2,
    standard_out = 3,
    standard_error = 4,
    closed = 255,  ///< one of 0 to 5 after its close
};

/// One open descriptor. In the state: 64 bytes a descriptor, words 0 to 4 as below, the rest zero.
struct Descriptor {
    DescriptorKind kind = DescriptorKind::none;  // word 0, bits 0-7
    std::uint8_t preopen = 0;      // word 0, bits 8-15: 0 none, 1 `/`, 2 `/in`, 3 `/tmp`
    std::uint16_t flags = 0;       // word 0, bits 16-31: fdflags
    std::uint64_t rights = 0;      // word 1
    std::uint64_t inheriting = 0;  // word 2
    std::uint64_t offset = 0;      // word 3
    Node node;                     // word 4

    [[nodiscard]] bool is_open() const {
        return kind != DescriptorKind::none && kind != DescriptorKind::closed;
    }
};

inline constexpr std::uint32_t kInitialDescriptors = 6;
inline constexpr std::uint64_t kDescriptorSize = 64;
inline constexpr std::array<std::string_view, 4> kPreopenNames{"", "/", "/in", "/tmp"};

/// The descriptor table. An all-zero table has 0 to 5 open as every task begins, so that the
/// initial state need not write it.
template <StateAccess A>
class Descriptors {
  public:
    explicit Descriptors(Host<A>& host) : host_(host) {}

    /// The descriptor, or one that is not open.
    [[nodiscard]] Descriptor get(std::uint64_t fd) {
        Descriptor d;
        if (fd >= kDescriptorsMax) return d;
        A& state = host_.state();
        const Address at = record(fd);
        const std::uint64_t word = state.load(at);
        d.kind = static_cast<DescriptorKind>(word & 0xff);
        if (d.kind == DescriptorKind::none) return initial(fd);
        d.preopen = static_cast<std::uint8_t>((word >> 8) % kPreopenNames.size());
        d.flags = static_cast<std::uint16_t>(word >> 16);
        d.rights = state.load(at + 8);
        d.inheriting = state.load(at + 16);
        d.offset = state.load(at + 24);
        d.node = Node{state.load(at + 32)};
        return d;
    }
    void put(std::uint64_t fd, const Descriptor& d) {
        A& state = host_.state();
        const Address at = record(fd);
        state.store(at, static_cast<std::uint64_t>(d.kind) |
                            (static_cast<std::uint64_t>(d.preopen) << 8) |
                            (static_cast<std::uint64_t>(d.flags) << 16));
        state.store(at + 8, d.rights);
        state.store(at + 16, d.inheriting);
        state.store(at + 24, d.offset);
        state.store(at + 32, d.node.word);
    }
    void clear(std::uint64_t fd) {
        Descriptor d;
        if (fd < kInitialDescriptors) d.kind = DescriptorKind::closed;
        put(fd, d);
    }
    /// The lowest free descriptor, or `kDescriptorsMax`. Pays for each page before it looks at it;
    /// none when that does not fit.
    [[nodiscard]] std::optional<std::uint64_t> lowest_free() {
        constexpr std::uint64_t kPerPage = kPageSize / kDescriptorSize;
        for (std::uint64_t fd = 0; fd < kDescriptorsMax; ++fd) {
            if (fd % kPerPage == 0 && !host_.charge(kGasDescriptorPage)) return std::nullopt;
            const std::uint64_t kind = host_.state().load(record(fd)) & 0xff;
            const bool free = fd < kInitialDescriptors ? kind == 255 : kind == 0;
            if (free) return fd;
        }
        return kDescriptorsMax;
    }

  private:
    static Address record(std::uint64_t fd) { return kDescriptorTable + kDescriptorSize * fd; }

    [[nodiscard]] Descriptor initial(std::uint64_t fd) {
        Descriptor d;
        constexpr std::uint64_t kStream = rights::fd_fdstat_set_flags | rights::fd_sync |
                                          rights::fd_datasync | rights::fd_filestat_get |
                                          rights::poll_fd_readwrite;
        switch (fd) {
            case 0:
                d.kind = DescriptorKind::standard_in;
                d.rights = kStream | rights::fd_read | rights::fd_seek | rights::fd_tell |
                           rights::fd_advise;
                break;
            case 1:
                d.kind = DescriptorKind::standard_out;
                d.rights = kStream | rights::fd_write;
                break;
            case 2:
                d.kind = DescriptorKind::standard_error;
                d.rights = kStream | rights::fd_write;
                break;
            case 3:
                preopen(d, 1, Node::running(TreeId::root, kRootSlot));
                break;
            case 4:
                preopen(d, 2, Trees<A>(host_).input_root());
                break;
            case 5:
                preopen(d, 3, Node::running(TreeId::tmp, kRootSlot));
                break;
            default:
                break;
        }
        return d;
    }
    static void preopen(Descriptor& d, std::uint8_t number, Node node) {
        d.kind = DescriptorKind::node;
        d.preopen = number;
        d.rights = rights::directory_all;
        d.inheriting = rights::all;
        d.node = node;
    }

    Host<A>& host_;
};

}  // namespace millrace::vm::wasi
