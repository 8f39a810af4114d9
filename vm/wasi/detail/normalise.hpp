#pragma once

#include "vm/wasi/detail/running_fs.hpp"

namespace millrace::vm::wasi {

/// Writes the image of `/` to `kOutputImage`: records and names breadth first, then contents, then
/// the header. While records are made, word 2 of each holds its slot; the second pass replaces it
/// by the place of the content.
///
/// progress_a: record worked on; b: records made; c: end of what has been placed in region 0;
/// d: child of the directory worked on, later the end of the names; e: big files placed; f: bytes
/// of the current file copied; g: its content's place in the image; h: its slot.
template <StateAccess A>
class Normalise {
    enum Phase : std::uint64_t { start = 0, naming = 1, placing = 2, copying = 3, heading = 4 };

    /// Reading a record, finding a child, writing its record and name, placing its content.
    static constexpr std::uint64_t kGasEntry = 600;
    static constexpr std::uint64_t kGasExit = 1'000;

  public:
    explicit Normalise(Host<A>& host) : host_(host), fs_(host.state(), kRootFs) {}

    HostOutcome step() {
        switch (host_.phase()) {
            case start:
                return begin();
            case naming:
                return name_next();
            case placing:
                return place_next();
            case copying:
                return copy_next();
            default:
                return write_header();
        }
    }

  private:
    HostOutcome begin() {
        const std::uint64_t entries = fs_.entries();
        if (!host_.charge(kGasExit + (entries + 1) * kGasEntry +
                          moved_gas(fs_.content_bytes(), kGasCopy) +
                          growth_gas(0, fs_.content_bytes())))
            return host_.out_of_gas();
        if (entries == 0) return HostOutcome::done;  // the empty tree is all zero
        put(0, make_record(kRootSlot, 0, 0, 0), kRootSlot);
        host_.set(Register::progress_b, 1);
        host_.set(Register::progress_c, names_offset(entries + 1));
        return host_.again(naming);
    }
    HostOutcome name_next() {
        const std::uint64_t current = host_.get(Register::progress_a);
        const std::uint64_t made = host_.get(Register::progress_b);
        const std::uint64_t cursor = host_.get(Register::progress_c);
        if (current >= made) {
            host_.set(Register::progress_a, 0);
            host_.set(Register::progress_d, cursor);
            host_.set(Register::progress_c, page_ceil(cursor));
            return host_.again(placing);
        }
        const TreeRecord parent = get(current);
        const std::uint64_t index = host_.get(Register::progress_d);
        if (parent.kind != EntryKind::directory || index >= parent.child_count) {
            host_.set(Register::progress_a, current + 1);
            host_.set(Register::progress_d, 0);
            return host_.again(naming);
        }
        const auto directory = static_cast<Slot>(parent.content);
        if (index == 0) {
            TreeRecord first = parent;
            first.first_child = static_cast<std::uint32_t>(made);
            put(current, first, directory);
        }
        const Slot slot = fs_.child(directory, static_cast<std::uint32_t>(index));
        std::array<std::uint8_t, kNameMax + 1> buffer{};
        const ByteView name = fs_.name(slot, buffer);
        const std::uint64_t at = place_packed(cursor, name.size());
        host_.state().write(kOutputImage + at, name);
        put(made,
            make_record(slot, static_cast<std::uint8_t>(name.size()),
                        static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(current)),
            slot);
        host_.set(Register::progress_b, made + 1);
        host_.set(Register::progress_c, at + name.size());
        host_.set(Register::progress_d, index + 1);
        return host_.again(naming);
    }
    HostOutcome place_next() {
        const std::uint64_t current = host_.get(Register::progress_a);
        if (current >= host_.get(Register::progress_b)) return host_.again(heading);
        TreeRecord record = get(current);
        const std::uint64_t slot = record.content;
        record.content = 0;
        const bool copies = record.kind == EntryKind::file && record.length != 0;
        if (copies) {
            if (record.length >= kBigFileSize) {
                const std::uint64_t region = host_.get(Register::progress_e) + 1;
                host_.set(Register::progress_e, region);
                record.content = region << kRegionBits;
            } else {
                record.content = place_packed(host_.get(Register::progress_c), record.length);
                host_.set(Register::progress_c, record.content + record.length);
            }
            host_.set(Register::progress_f, 0);
            host_.set(Register::progress_g, record.content);
            host_.set(Register::progress_h, slot);
        } else {
            host_.set(Register::progress_a, current + 1);
        }
        put(current, record, record.content);
        return host_.again(copies ? copying : placing);
    }
    HostOutcome copy_next() {
        const auto slot = static_cast<Slot>(host_.get(Register::progress_h));
        const std::uint64_t copied = host_.get(Register::progress_f);
        const std::uint64_t size = fs_.size(slot);
        const Address from = fs_.content(slot) + copied;
        const Address to = kOutputImage + host_.get(Register::progress_g) + copied;
        const std::uint64_t chunk = std::min({size - copied, left_in_page(from), left_in_page(to)});
        host_.state().copy(to, from, static_cast<std::uint32_t>(chunk));
        host_.set(Register::progress_f, copied + chunk);
        if (copied + chunk < size) return host_.again(copying);
        host_.set(Register::progress_a, host_.get(Register::progress_a) + 1);
        return host_.again(placing);
    }
    HostOutcome write_header() {
        A& state = host_.state();
        const std::uint64_t big_files = host_.get(Register::progress_e);
        state.store(kOutputImage + tree_header::magic, kTreeMagic);
        state.store(kOutputImage + tree_header::version_and_big, kTreeVersion | (big_files << 32));
        state.store(kOutputImage + tree_header::entries, host_.get(Register::progress_b));
        state.store(kOutputImage + tree_header::names_end, host_.get(Register::progress_d));
        state.store(kOutputImage + tree_header::inline_end, host_.get(Register::progress_c));
        state.store(kOutputImage + tree_header::total_bytes, fs_.content_bytes());
        host_.clear_progress();
        return HostOutcome::done;
    }

    [[nodiscard]] TreeRecord make_record(Slot slot, std::uint8_t name_length, std::uint32_t name_at,
                                         std::uint32_t parent) {
        TreeRecord record;
        record.kind = fs_.kind(slot);
        record.name_length = name_length;
        record.name_offset = name_at;
        record.parent = parent;
        if (record.kind == EntryKind::directory)
            record.child_count = fs_.child_count(slot);
        else
            record.length = fs_.size(slot);
        return record;
    }
    static Address record_at(std::uint64_t index) {
        return kOutputImage + kTreeRecords + kTreeRecordSize * index;
    }
    [[nodiscard]] TreeRecord get(std::uint64_t index) {
        A& state = host_.state();
        const Address at = record_at(index);
        return TreeRecord::from_words(state.load(at), state.load(at + 8), state.load(at + 16),
                                      state.load(at + 24));
    }
    void put(std::uint64_t index, TreeRecord record, std::uint64_t content) {
        record.content = content;
        for (unsigned word = 0; word < 4; ++word)
            host_.state().store(record_at(index) + 8 * Address{word}, record.word(word));
    }

    Host<A>& host_;
    RunningFs<A> fs_;
};

}  // namespace millrace::vm::wasi
