#pragma once

#include "vm/wasi/detail/call_base.hpp"

namespace millrace::vm::wasi {

/// fd_read, fd_pread, fd_write, fd_pwrite and fd_readdir.
///
/// A transfer is charged and admitted as a whole first; then one chunk a micro-step, which crosses
/// no page on either side. progress_a: vector, b: offset in it, c: bytes done, d: bytes in all,
/// e: position in the file or stream.
template <StateAccess A>
class IoCalls : public CallBase<A> {
    using Base = CallBase<A>;
    using Base::descriptors_;
    using Base::host_;
    using Base::trees_;

  public:
    using Base::Base;

    HostOutcome read(bool positioned) {
        if (host_.phase() != 0) return transfer(false, positioned);
        Descriptor d;
        std::uint64_t wanted = 0;
        if (const auto ended = admit(rights::fd_read, positioned, d, wanted)) return *ended;
        const std::uint64_t start = positioned ? host_.arg(3) : d.offset;
        const std::uint64_t size = readable_size(d);
        const std::uint64_t total = start < size ? std::min(wanted, size - start) : 0;
        return begin(false, positioned, total, start);
    }

    HostOutcome write(bool positioned) {
        if (host_.phase() != 0) return transfer(true, positioned);
        Descriptor d;
        std::uint64_t total = 0;
        if (const auto ended = admit(rights::fd_write, positioned, d, total)) return *ended;
        if (d.kind != DescriptorKind::node)
            return begin(true, positioned, total, host_.state().load(stream_base(d)));
        if (!trees_.writable(d.node)) return host_.done(Errno::rofs);
        RunningFs<A> fs = trees_.running(d.node);
        const std::uint64_t size = fs.size(d.node.slot());
        const bool appends = (d.flags & fd_flags::append) != 0;
        std::uint64_t start = positioned ? host_.arg(3) : d.offset;
        if (appends && !positioned) start = size;
        if (total == 0) return begin(true, positioned, 0, start);
        if (start > kFileSizeMax || total > kFileSizeMax - start) return host_.done(Errno::fbig);
        // At the job's cap on its output a write is cut short, as on a disk that fills up.
        std::uint64_t end = std::max(size, start + total);
        if (end > size) end = std::min(end, fs.size_allowed(d.node.slot(), size));
        if (start >= end) return host_.done(Errno::nospc);
        total = std::min(total, end - start);
        if (!fs.fits(size, end, false)) return host_.done(Errno::nospc);
        if (!host_.charge_moved(total) || !host_.charge(growth_gas(size, end)))
            return host_.out_of_gas();
        if (end != size) fs.resize(d.node.slot(), end);
        fs.touch(d.node.slot(), host_.now());
        return begin_charged(true, positioned, total, start);
    }

    /// progress_a: the next entry, 0 `.`, 1 `..`, then 2 + index; b: bytes of the buffer used.
    HostOutcome readdir() {
        Descriptor d;
        if (const Errno e = Base::require(host_.arg(0), rights::fd_readdir, d); e != Errno::success)
            return host_.done(e);
        if (!Base::is_directory(d)) return host_.done(Errno::notdir);
        const std::uint64_t out = host_.arg(4);
        const std::uint64_t capacity = host_.arg32(2);
        if (!host_.in_memory(host_.arg(1), capacity) || !host_.in_memory(out, 4))
            return host_.done(Errno::fault);
        if (host_.phase() == 0) {
            std::uint64_t next = host_.arg(3);
            if (next >= Trees<A>::kFirstCookie) {
                if (!d.node.is_input() && !host_.charge(trees_.lookup_gas(d.node)))
                    return host_.out_of_gas();
                const auto index = trees_.index_after(d.node, next);
                if (!index) return host_.done(Errno::inval);
                next = 2 + std::uint64_t{*index};
            }
            host_.set(Register::progress_a, next);
            return host_.again(1);
        }
        const std::uint64_t used = host_.get(Register::progress_b);
        const std::uint64_t next = host_.get(Register::progress_a);
        if (next >= 2 + trees_.child_count(d.node) || used >= capacity) {
            host_.store_memory(out, static_cast<std::uint32_t>(used));
            return host_.done(Errno::success);
        }
        if (!host_.charge(kGasDirectoryEntry)) return host_.out_of_gas();
        host_.set(Register::progress_b, used + put_entry(d.node, next, used, capacity));
        host_.set(Register::progress_a, next + 1);
        return host_.again(1);
    }

  private:
    /// Checks a transfer, pays for its vectors and sums them; how the call ends when it must.
    [[nodiscard]] std::optional<HostOutcome> admit(std::uint64_t right, bool positioned,
                                                   Descriptor& d, std::uint64_t& total) {
        if (const Errno e = check(right, positioned, d); e != Errno::success) return host_.done(e);
        if (!host_.charge(std::uint64_t{host_.arg32(2)} * kGasVector)) return host_.out_of_gas();
        if (const Errno e = sum_vectors(total); e != Errno::success) return host_.done(e);
        return std::nullopt;
    }
    /// A transfer's descriptor, and that vectors and result pointer lie in the memory.
    [[nodiscard]] Errno check(std::uint64_t right, bool positioned, Descriptor& d) {
        if (const Errno e = Base::require(host_.arg(0), right, d); e != Errno::success) return e;
        if (Base::is_directory(d)) return Errno::isdir;
        if (positioned && d.kind != DescriptorKind::node && d.kind != DescriptorKind::standard_in)
            return Errno::spipe;
        if (positioned && host_.arg(3) >> 63 != 0) return Errno::inval;
        const std::uint64_t count = host_.arg32(2);
        if (count > kVectorsMax) return Errno::inval;
        const bool fits = host_.in_memory(host_.arg(1), count * kVectorSize) &&
                          host_.in_memory(host_.arg(positioned ? 4 : 3), 4);
        return fits ? Errno::success : Errno::fault;
    }
    [[nodiscard]] Errno sum_vectors(std::uint64_t& total) {
        const std::uint64_t vectors = host_.arg(1);
        const std::uint64_t count = host_.arg32(2);
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto vector =
                host_.template load_memory<std::uint64_t>(vectors + i * kVectorSize);
            const std::uint64_t size = vector >> 32;
            if (!host_.in_memory(vector & 0xffff'ffff, size)) return Errno::fault;
            total += size;
        }
        // The count is reported in 32 bits.
        return total > 0xffff'ffff ? Errno::inval : Errno::success;
    }
    HostOutcome begin(bool writes, bool positioned, std::uint64_t total, std::uint64_t start) {
        if (!host_.charge_moved(total)) return host_.out_of_gas();
        return begin_charged(writes, positioned, total, start);
    }
    HostOutcome begin_charged(bool writes, bool positioned, std::uint64_t total,
                              std::uint64_t start) {
        host_.again(1);
        host_.set(Register::progress_d, total);
        host_.set(Register::progress_e, start);
        return transfer(writes, positioned);
    }

    /// Copies one chunk, or ends the call. The vectors are read anew each time and bounded anew: a
    /// read may overwrite them.
    HostOutcome transfer(bool writes, bool positioned) {
        const Descriptor d = descriptors_.get(host_.arg(0));
        std::uint64_t vector = host_.get(Register::progress_a);
        std::uint64_t offset = host_.get(Register::progress_b);
        const std::uint64_t moved = host_.get(Register::progress_c);
        const std::uint64_t total = host_.get(Register::progress_d);
        const std::uint64_t count = std::min<std::uint64_t>(host_.arg32(2), kVectorsMax);
        std::uint64_t pointer = 0;
        std::uint64_t size = 0;
        for (; vector < count; ++vector, offset = 0) {
            const auto word =
                host_.template load_memory<std::uint64_t>(host_.arg(1) + vector * kVectorSize);
            pointer = word & 0xffff'ffff;
            size = word >> 32;
            if (offset < size) break;
        }
        if (moved == total || vector == count) return end(writes, positioned, d, moved);
        if (!host_.in_memory(pointer, size)) return host_.done(Errno::fault);

        const std::uint64_t position = host_.get(Register::progress_e) + moved;
        const Address guest = kMemoryBase + pointer + offset;
        const Address file = address_of(d, position);
        std::uint64_t chunk =
            std::min({size - offset, total - moved, left_in_page(guest), left_in_page(file)});
        if (is_output(d) && position < kStreamHeadMax)
            chunk = std::min(chunk, kStreamHeadMax - position);
        if (writes)
            host_.state().copy(file, guest, static_cast<std::uint32_t>(chunk));
        else
            host_.state().copy(guest, file, static_cast<std::uint32_t>(chunk));
        // A stream's count goes with its bytes, so that whoever watches a run misses none.
        if (is_output(d)) host_.state().store(stream_base(d), position + chunk);
        if (moved + chunk == total) return end(writes, positioned, d, total);
        host_.set(Register::progress_a, vector);
        host_.set(Register::progress_b, offset + chunk);
        host_.set(Register::progress_c, moved + chunk);
        return host_.again(1);
    }
    HostOutcome end(bool writes, bool positioned, Descriptor d, std::uint64_t moved) {
        host_.store_memory(host_.arg(positioned ? 4 : 3), static_cast<std::uint32_t>(moved));
        const std::uint64_t position = host_.get(Register::progress_e) + moved;
        if (!is_output(d) && !positioned && (moved != 0 || writes)) {
            d.offset = position;
            descriptors_.put(host_.arg(0), d);
        }
        return host_.done(Errno::success);
    }

    // --- files and streams as addresses
    [[nodiscard]] static bool is_output(const Descriptor& d) {
        return d.kind == DescriptorKind::standard_out || d.kind == DescriptorKind::standard_error;
    }
    [[nodiscard]] static Address stream_base(const Descriptor& d) {
        return d.kind == DescriptorKind::standard_error ? kStderr : kStdout;
    }
    [[nodiscard]] std::uint64_t readable_size(const Descriptor& d) {
        if (d.kind == DescriptorKind::node) return trees_.size(d.node);
        return std::min(host_.argument64(arguments_offset::stdin_length), kRegionSize);
    }
    [[nodiscard]] Address address_of(const Descriptor& d, std::uint64_t position) {
        if (d.kind == DescriptorKind::node) return trees_.content(d.node) + position;
        if (d.kind == DescriptorKind::standard_in) return kStdin + position;
        if (position < kStreamHeadMax) return stream_base(d) + kStreamHeadOffset + position;
        return stream_base(d) + kStreamTailOffset + (position - kStreamHeadMax) % kStreamTailMax;
    }

    /// Writes one entry of a listing at `used`, cut off at the buffer's end; bytes written.
    [[nodiscard]] std::uint64_t put_entry(Node directory, std::uint64_t next, std::uint64_t used,
                                          std::uint64_t capacity) {
        typename Trees<A>::NameBuffer name{};
        Listed listed;
        if (next < 2) {
            name[0] = name[1] = '.';
            listed.name_length = static_cast<std::uint32_t>(next) + 1;
            listed.node = next == 0 ? directory : trees_.parent(directory);
            listed.cookie = next + 1;
        } else {
            listed = trees_.child(directory, static_cast<std::uint32_t>(next - 2), name);
        }
        const bool is_directory = trees_.kind(listed.node) == EntryKind::directory;
        std::array<std::uint8_t, kDirentSize + kNameMax + 1> raw{};
        store_le(raw.data(), listed.cookie);
        store_le(raw.data() + 8, Trees<A>::inode(listed.node));
        store_le(raw.data() + 16, listed.name_length);
        raw[20] =
            static_cast<std::uint8_t>(is_directory ? FileType::directory : FileType::regular_file);
        std::copy_n(name.begin(), listed.name_length, raw.begin() + kDirentSize);
        const std::uint64_t size =
            std::min<std::uint64_t>(kDirentSize + listed.name_length, capacity - used);
        host_.write_memory(host_.arg(1) + used, ByteView(raw.data(), size));
        return size;
    }
};

}  // namespace millrace::vm::wasi
