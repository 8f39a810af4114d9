#pragma once

#include "vm/wasi/detail/path_walk.hpp"

namespace millrace::vm::wasi {

/// What the groups of calls share: the host, the trees, the descriptors, and the bulk engines.
///
/// The engines use progress_a (slot worked on, bits 0-31; slot to reap, bits 32-63), progress_b
/// (index in a directory), progress_g and progress_h (cursor and end of bulk work).
template <StateAccess A>
class CallBase {
  public:
    explicit CallBase(Host<A>& host) : host_(host), trees_(host), descriptors_(host) {}

  protected:
    /// A descriptor that is open and has all of `needed`.
    [[nodiscard]] Errno require(std::uint64_t fd, std::uint64_t needed, Descriptor& out) {
        out = descriptors_.get(fd);
        if (!out.is_open()) return Errno::badf;
        if ((out.rights & needed) != needed) return Errno::notcapable;
        return Errno::success;
    }
    [[nodiscard]] bool is_directory(const Descriptor& d) {
        return d.kind == DescriptorKind::node && trees_.kind(d.node) == EntryKind::directory;
    }

    // --- zeroing content that nothing covers any more
    /// Prepares to zero [from, to) of a slot's content.
    void begin_zero(Slot slot, std::uint64_t from, std::uint64_t to) {
        const std::uint64_t low = host_.get(Register::progress_a) & 0xffff'ffff;
        host_.set(Register::progress_a, low | (std::uint64_t{slot} << 32));
        host_.set(Register::progress_g, from);
        host_.set(Register::progress_h, to);
    }
    /// One page of it; true when all is zero.
    [[nodiscard]] bool zero_step(RunningFs<A>& fs) {
        const std::uint64_t from = host_.get(Register::progress_g);
        const std::uint64_t to = host_.get(Register::progress_h);
        if (from >= to) return true;
        const std::uint64_t size = std::min(to - from, left_in_page(from));
        host_.state().fill(fs.content(reaped()) + from, 0, static_cast<std::uint32_t>(size));
        host_.set(Register::progress_g, from + size);
        return from + size >= to;
    }
    [[nodiscard]] Slot reaped() { return static_cast<Slot>(host_.get(Register::progress_a) >> 32); }
    [[nodiscard]] Slot subject() { return static_cast<Slot>(host_.get(Register::progress_a)); }
    void set_subject(Slot slot) {
        const std::uint64_t high = host_.get(Register::progress_a) & ~0xffff'ffffULL;
        host_.set(Register::progress_a, high | slot);
    }
    /// Gas of giving back a slot with `size` bytes of content: at least one a page.
    [[nodiscard]] static std::uint64_t reap_gas(std::uint64_t size) {
        return moved_gas(size, kGasCopy) + 1;
    }

    // --- a descriptor lets go of its node
    /// What letting go will cost: the content of a file that was unlinked while open.
    [[nodiscard]] std::uint64_t release_gas(const Descriptor& d) {
        if (d.kind != DescriptorKind::node || d.node.is_input()) return 0;
        RunningFs<A> fs = trees_.running(d.node);
        const Slot slot = d.node.slot();
        if (slot == kRootSlot || !fs.unlinked(slot) || fs.open_count(slot) != 1) return 0;
        return reap_gas(fs.size(slot));
    }
    /// Lets go; true when the slot must now be zeroed and freed (`reap_step` in a later phase).
    [[nodiscard]] bool release(const Descriptor& d) {
        if (d.kind != DescriptorKind::node || d.node.is_input()) return false;
        RunningFs<A> fs = trees_.running(d.node);
        const Slot slot = d.node.slot();
        if (slot == kRootSlot) return false;
        fs.add_open(slot, -1);
        return begin_reap(fs, slot);
    }
    /// Begins to give back an unlinked slot that nobody holds open; false when there is none such.
    [[nodiscard]] bool begin_reap(RunningFs<A>& fs, Slot slot) {
        if (!fs.unlinked(slot) || fs.open_count(slot) != 0) return false;
        begin_zero(slot, 0, fs.size(slot));
        return true;
    }
    /// One micro-step of it; true when the slot has been freed.
    [[nodiscard]] bool reap_step(RunningFs<A>& fs) {
        if (!zero_step(fs)) return false;
        fs.free(reaped());
        return true;
    }

    Host<A>& host_;
    Trees<A> trees_;
    Descriptors<A> descriptors_;
};

}  // namespace millrace::vm::wasi
