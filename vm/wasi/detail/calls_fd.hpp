#pragma once

#include "vm/wasi/detail/call_base.hpp"

namespace millrace::vm::wasi {

/// Calls on one open descriptor, but for reading and writing (calls_io.hpp).
template <StateAccess A>
class FdCalls : public CallBase<A> {
    using Base = CallBase<A>;
    using Base::descriptors_;
    using Base::host_;
    using Base::trees_;

  public:
    using Base::Base;

    HostOutcome advise() {
        Descriptor d;
        if (const Errno e = Base::require(host_.arg(0), rights::fd_advise, d); e != Errno::success)
            return host_.done(e);
        constexpr std::uint32_t kAdviceMax = 5;
        return host_.done(host_.arg32(3) > kAdviceMax ? Errno::inval : Errno::success);
    }
    HostOutcome allocate() {
        Descriptor d;
        if (const Errno e = writable_file(rights::fd_allocate, d); e != Errno::success)
            return host_.done(e);
        const std::uint64_t offset = host_.arg(1);
        const std::uint64_t length = host_.arg(2);
        if (length == 0) return host_.done(Errno::inval);
        if (offset > kFileSizeMax || length > kFileSizeMax - offset) return host_.done(Errno::fbig);
        RunningFs<A> fs = trees_.running(d.node);
        const std::uint64_t size = fs.size(d.node.slot());
        if (offset + length > size) {
            if (!may_grow(fs, d.node.slot(), offset + length)) return host_.done(Errno::nospc);
            if (!host_.charge(growth_gas(size, offset + length))) return host_.out_of_gas();
            fs.resize(d.node.slot(), offset + length);
        }
        return host_.done(Errno::success);
    }
    HostOutcome close() {
        if (host_.phase() != 0) return reap(Node{host_.get(Register::progress_c)});
        const std::uint64_t fd = host_.arg(0);
        const Descriptor d = descriptors_.get(fd);
        if (!d.is_open()) return host_.done(Errno::badf);
        if (!host_.charge(Base::release_gas(d))) return host_.out_of_gas();
        const bool reaps = Base::release(d);
        descriptors_.clear(fd);
        return reaps ? begin_reaping(d.node) : host_.done(Errno::success);
    }
    HostOutcome renumber() {
        if (host_.phase() != 0) return reap(Node{host_.get(Register::progress_c)});
        const std::uint64_t from = host_.arg(0);
        const std::uint64_t to = host_.arg(1);
        const Descriptor moved = descriptors_.get(from);
        const Descriptor replaced = descriptors_.get(to);
        if (!moved.is_open() || !replaced.is_open()) return host_.done(Errno::badf);
        if (from == to) return host_.done(Errno::success);
        if (!host_.charge(Base::release_gas(replaced))) return host_.out_of_gas();
        const bool reaps = Base::release(replaced);
        descriptors_.put(to, moved);
        descriptors_.clear(from);
        return reaps ? begin_reaping(replaced.node) : host_.done(Errno::success);
    }
    HostOutcome sync(std::uint64_t right) {
        Descriptor d;
        return host_.done(Base::require(host_.arg(0), right, d));
    }
    HostOutcome fdstat_get() {
        const Descriptor d = descriptors_.get(host_.arg(0));
        if (!d.is_open()) return host_.done(Errno::badf);
        const std::uint64_t out = host_.arg(1);
        if (!host_.in_memory(out, kFdstatSize)) return host_.done(Errno::fault);
        std::array<std::uint8_t, kFdstatSize> raw{};
        raw[0] = static_cast<std::uint8_t>(file_type(d));
        store_le(raw.data() + 2, d.flags);
        store_le(raw.data() + 8, d.rights);
        store_le(raw.data() + 16, d.inheriting);
        host_.write_memory(out, raw);
        return host_.done(Errno::success);
    }
    HostOutcome fdstat_set_flags() {
        Descriptor d;
        const std::uint64_t fd = host_.arg(0);
        if (const Errno e = Base::require(fd, rights::fd_fdstat_set_flags, d); e != Errno::success)
            return host_.done(e);
        const std::uint32_t flags = host_.arg32(1);
        if ((flags & ~fd_flags::known) != 0) return host_.done(Errno::inval);
        d.flags = static_cast<std::uint16_t>(flags);
        descriptors_.put(fd, d);
        return host_.done(Errno::success);
    }
    HostOutcome fdstat_set_rights() {
        const std::uint64_t fd = host_.arg(0);
        Descriptor d = descriptors_.get(fd);
        if (!d.is_open()) return host_.done(Errno::badf);
        const std::uint64_t base = host_.arg(1);
        const std::uint64_t inheriting = host_.arg(2);
        // Rights can be given up, never taken.
        if ((base & ~d.rights) != 0 || (inheriting & ~d.inheriting) != 0)
            return host_.done(Errno::notcapable);
        d.rights = base;
        d.inheriting = inheriting;
        descriptors_.put(fd, d);
        return host_.done(Errno::success);
    }
    HostOutcome filestat_get() {
        Descriptor d;
        if (const Errno e = Base::require(host_.arg(0), rights::fd_filestat_get, d);
            e != Errno::success)
            return host_.done(e);
        const std::uint64_t out = host_.arg(1);
        if (!host_.in_memory(out, kFilestatSize)) return host_.done(Errno::fault);
        if (d.kind == DescriptorKind::node)
            write_filestat(out, d.node);
        else
            write_stream_filestat(out, d);
        return host_.done(Errno::success);
    }
    HostOutcome filestat_set_size() {
        if (host_.phase() != 0) {
            RunningFs<A> fs = trees_.running(Node{host_.get(Register::progress_c)});
            return Base::zero_step(fs) ? host_.done(Errno::success) : host_.again(1);
        }
        Descriptor d;
        if (const Errno e = writable_file(rights::fd_filestat_set_size, d); e != Errno::success)
            return host_.done(e);
        const std::uint64_t to = host_.arg(1);
        if (to > kFileSizeMax) return host_.done(to >> 63 != 0 ? Errno::inval : Errno::fbig);
        RunningFs<A> fs = trees_.running(d.node);
        const Slot slot = d.node.slot();
        const std::uint64_t from = fs.size(slot);
        if (to >= from) {
            if (!may_grow(fs, slot, to)) return host_.done(Errno::nospc);
            if (!host_.charge(growth_gas(from, to))) return host_.out_of_gas();
            fs.resize(slot, to);
            fs.touch(slot, host_.now());
            return host_.done(Errno::success);
        }
        if (!fs.fits(from, to, false)) return host_.done(Errno::nospc);
        if (!host_.charge(Base::reap_gas(from - to))) return host_.out_of_gas();
        fs.resize(slot, to);
        fs.touch(slot, host_.now());
        host_.set(Register::progress_c, d.node.word);
        Base::begin_zero(slot, to, from);
        return host_.again(1);
    }
    HostOutcome filestat_set_times() {
        Descriptor d;
        if (const Errno e = Base::require(host_.arg(0), rights::fd_filestat_set_times, d);
            e != Errno::success)
            return host_.done(e);
        if (d.kind != DescriptorKind::node) return host_.done(Errno::inval);
        return host_.done(set_times(d.node, host_.arg(1), host_.arg(2), host_.arg32(3)));
    }
    HostOutcome prestat_get() {
        const Descriptor d = descriptors_.get(host_.arg(0));
        if (!d.is_open() || d.preopen == 0) return host_.done(Errno::badf);
        const std::uint64_t out = host_.arg(1);
        if (!host_.in_memory(out, kPrestatSize)) return host_.done(Errno::fault);
        const std::uint64_t length = kPreopenNames[d.preopen].size();
        host_.template store_memory<std::uint64_t>(out, length << 32);  // tag 0: a directory
        return host_.done(Errno::success);
    }
    HostOutcome prestat_dir_name() {
        const Descriptor d = descriptors_.get(host_.arg(0));
        if (!d.is_open() || d.preopen == 0) return host_.done(Errno::badf);
        const std::string_view name = kPreopenNames[d.preopen];
        const std::uint64_t out = host_.arg(1);
        if (host_.arg32(2) < name.size()) return host_.done(Errno::nametoolong);
        if (!host_.in_memory(out, name.size())) return host_.done(Errno::fault);
        host_.write_memory(out, as_bytes(name));
        return host_.done(Errno::success);
    }
    HostOutcome seek() {
        const std::uint64_t fd = host_.arg(0);
        const std::uint64_t delta = host_.arg(1);
        const std::uint32_t whence = host_.arg32(2);
        const std::uint64_t out = host_.arg(3);
        Descriptor d;
        // Asking where one is needs only the right to tell.
        const bool tells = whence == 1 && delta == 0;
        if (const Errno e = Base::require(fd, tells ? rights::fd_tell : rights::fd_seek, d);
            e != Errno::success)
            return host_.done(e);
        if (Base::is_directory(d)) return host_.done(Errno::badf);
        if (!host_.in_memory(out, 8)) return host_.done(Errno::fault);
        std::uint64_t base = 0;
        if (whence == 1)
            base = d.offset;
        else if (whence == 2)
            base = d.kind == DescriptorKind::node ? trees_.size(d.node) : stdin_length();
        else if (whence != 0)
            return host_.done(Errno::inval);
        // Offsets lie in [0, 2^63); the base does, so one addition cannot pass 2^64 unseen.
        const std::uint64_t target = base + delta;
        if (target >> 63 != 0) return host_.done(Errno::inval);
        d.offset = target;
        descriptors_.put(fd, d);
        host_.store_memory(out, target);
        return host_.done(Errno::success);
    }
    HostOutcome tell() {
        Descriptor d;
        if (const Errno e = Base::require(host_.arg(0), rights::fd_tell, d); e != Errno::success)
            return host_.done(e);
        if (Base::is_directory(d)) return host_.done(Errno::badf);
        const std::uint64_t out = host_.arg(1);
        if (!host_.in_memory(out, 8)) return host_.done(Errno::fault);
        host_.store_memory(out, d.offset);
        return host_.done(Errno::success);
    }

    // --- shared with the calls on paths
    [[nodiscard]] Errno set_times(Node node, std::uint64_t access, std::uint64_t modified,
                                  std::uint32_t flags) {
        constexpr std::uint32_t kBothAccess = time_flags::access | time_flags::access_now;
        constexpr std::uint32_t kBothModified = time_flags::modified | time_flags::modified_now;
        if ((flags & ~time_flags::known) != 0 || (flags & kBothAccess) == kBothAccess ||
            (flags & kBothModified) == kBothModified)
            return Errno::inval;
        if (!trees_.writable(node)) return Errno::rofs;
        RunningFs<A> fs = trees_.running(node);
        using Field = typename RunningFs<A>::Field;
        if ((flags & kBothAccess) != 0)
            fs.set_field(node.slot(), Field::accessed,
                         (flags & time_flags::access_now) != 0 ? host_.now() : access);
        if ((flags & kBothModified) != 0)
            fs.set_field(node.slot(), Field::modified,
                         (flags & time_flags::modified_now) != 0 ? host_.now() : modified);
        return Errno::success;
    }
    void write_filestat(std::uint64_t out, Node node) {
        std::uint64_t accessed = host_.argument64(arguments_offset::job_time_ns);
        std::uint64_t modified = accessed;
        std::uint64_t links = 1;
        if (!node.is_input()) {
            RunningFs<A> fs = trees_.running(node);
            using Field = typename RunningFs<A>::Field;
            // The roots have the job's time until somebody sets another.
            const std::uint64_t a = fs.field(node.slot(), Field::accessed);
            const std::uint64_t m = fs.field(node.slot(), Field::modified);
            const bool root = node.slot() == kRootSlot;
            if (!root || a != 0) accessed = a;
            if (!root || m != 0) modified = m;
            if (!root && fs.unlinked(node.slot())) links = 0;
        }
        const bool directory = trees_.kind(node) == EntryKind::directory;
        put_filestat(out, Trees<A>::device(node), Trees<A>::inode(node),
                     directory ? FileType::directory : FileType::regular_file, links,
                     trees_.size(node), accessed, modified);
    }

  private:
    [[nodiscard]] FileType file_type(const Descriptor& d) {
        if (d.kind == DescriptorKind::standard_in) return FileType::regular_file;
        if (d.kind != DescriptorKind::node) return FileType::unknown;
        return Base::is_directory(d) ? FileType::directory : FileType::regular_file;
    }
    [[nodiscard]] std::uint64_t stdin_length() {
        return host_.argument64(arguments_offset::stdin_length);
    }
    void write_stream_filestat(std::uint64_t out, const Descriptor& d) {
        const std::uint64_t time = host_.argument64(arguments_offset::job_time_ns);
        const bool in = d.kind == DescriptorKind::standard_in;
        put_filestat(out, 0, static_cast<std::uint64_t>(d.kind), file_type(d), 1,
                     in ? stdin_length() : 0, time, time);
    }
    void put_filestat(std::uint64_t out, std::uint64_t device, std::uint64_t inode, FileType type,
                      std::uint64_t links, std::uint64_t size, std::uint64_t accessed,
                      std::uint64_t modified) {
        std::array<std::uint8_t, kFilestatSize> raw{};
        store_le(raw.data(), device);
        store_le(raw.data() + 8, inode);
        raw[16] = static_cast<std::uint8_t>(type);
        store_le(raw.data() + 24, links);
        store_le(raw.data() + 32, size);
        store_le(raw.data() + 40, accessed);
        store_le(raw.data() + 48, modified);
        store_le(raw.data() + 56, modified);  // changed when modified
        host_.write_memory(out, raw);
    }
    /// A descriptor of a file in a writable tree that has `right`.
    [[nodiscard]] Errno writable_file(std::uint64_t right, Descriptor& d) {
        if (const Errno e = Base::require(host_.arg(0), right, d); e != Errno::success) return e;
        if (d.kind != DescriptorKind::node) return Errno::inval;
        if (Base::is_directory(d)) return Errno::isdir;
        return trees_.writable(d.node) ? Errno::success : Errno::rofs;
    }
    [[nodiscard]] bool may_grow(RunningFs<A>& fs, Slot slot, std::uint64_t to) {
        const std::uint64_t from = fs.size(slot);
        return (to <= from || to <= fs.size_allowed(slot, from)) && fs.fits(from, to, false);
    }
    HostOutcome begin_reaping(Node node) {
        host_.set(Register::progress_c, node.word);
        return host_.again(1);
    }
    HostOutcome reap(Node node) {
        RunningFs<A> fs = trees_.running(node);
        return Base::reap_step(fs) ? host_.done(Errno::success) : host_.again(1);
    }
};

}  // namespace millrace::vm::wasi
