#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "vm/wasi/arguments.hpp"
#include "vm/wasi/calls.hpp"
#include "vm/wasi/image.hpp"

namespace millrace::vm::wasi {

/// Gas of moving `bytes` at `per_64` gas a started 64 bytes. At most 2^32 × 2^10 / 2^6, no
/// overflow.
[[nodiscard]] constexpr std::uint64_t moved_gas(std::uint64_t bytes, std::uint64_t per_64) {
    return (bytes + 63) / 64 * per_64;
}
/// Gas of a file's growth from one size to another.
[[nodiscard]] constexpr std::uint64_t growth_gas(std::uint64_t from, std::uint64_t to) {
    return to > from ? (pages_of(to) - pages_of(from)) * kGasPage : 0;
}
/// Gas of one lookup among so many entries: the most probes that the binary search may take.
[[nodiscard]] constexpr std::uint64_t search_gas(std::uint64_t entries) {
    return static_cast<std::uint64_t>(std::bit_width(entries)) * kGasProbe;
}
/// Bytes from `at` to the end of its page.
[[nodiscard]] constexpr std::uint64_t left_in_page(Address at) {
    return kPageSize - (at & (kPageSize - 1));
}

/// One micro-step of one call: arguments, guest memory, gas and progress over an access policy.
template <StateAccess A>
class Host {
  public:
    Host(A& state, HostCall call, Address args)
        : state_(state), call_(call), args_(args), gas_at_start_(state.reg(Register::gas_used)) {}

    [[nodiscard]] A& state() { return state_; }
    [[nodiscard]] HostCall call() const { return call_; }
    [[nodiscard]] std::uint64_t arg(unsigned index) {
        return state_.load(args_ + 8 * Address{index});
    }
    [[nodiscard]] std::uint32_t arg32(unsigned index) {
        return static_cast<std::uint32_t>(arg(index));
    }

    /// Adds gas before the work it pays for; false, and no change, when the limit forbids it.
    [[nodiscard]] bool charge(std::uint64_t gas) {
        const std::uint64_t used = state_.reg(Register::gas_used);
        const std::uint64_t limit = state_.reg(Register::gas_limit);
        if (used > limit || gas > limit - used) return false;
        state_.set_reg(Register::gas_used, used + gas);
        return true;
    }
    [[nodiscard]] bool charge_moved(std::uint64_t bytes) {
        return charge(moved_gas(bytes, kGasCopy));
    }

    [[nodiscard]] std::uint64_t phase() { return state_.reg(Register::host_phase); }
    [[nodiscard]] std::uint64_t get(Register progress) { return state_.reg(progress); }
    void set(Register progress, std::uint64_t value) { state_.set_reg(progress, value); }

    HostOutcome again(std::uint64_t phase) {
        state_.set_reg(Register::host_phase, phase);
        return HostOutcome::again;
    }
    HostOutcome done(Errno error) {
        clear_progress();
        state_.store(args_, static_cast<std::uint64_t>(error));
        return HostOutcome::done;
    }
    /// The charge did not fit: as if this micro-step had not begun.
    HostOutcome out_of_gas() {
        clear_progress();
        state_.set_reg(Register::gas_used, gas_at_start_);
        return HostOutcome::out_of_gas;
    }
    void clear_progress() {
        if (phase() == 0) return;  // progress registers are only ever used in later phases
        for (auto r = static_cast<unsigned>(Register::progress_a);
             r <= static_cast<unsigned>(Register::progress_h); ++r)
            state_.set_reg(static_cast<Register>(r), 0);
        state_.set_reg(Register::host_phase, 0);
    }

    // Guest memory. Callers test the bounds first; reads and writes split at pages.
    [[nodiscard]] bool in_memory(std::uint64_t at, std::uint64_t size) {
        const std::uint64_t memory = state_.reg(Register::memory_pages) << 16;
        return at <= memory && size <= memory - at;
    }
    void read_memory(std::uint64_t at, MutableByteView out) {
        while (!out.empty()) {
            const Address from = kMemoryBase + at;
            const std::uint64_t size = std::min<std::uint64_t>(out.size(), left_in_page(from));
            state_.read(from, out.first(size));
            out = out.subspan(size);
            at += size;
        }
    }
    void write_memory(std::uint64_t at, ByteView in) {
        while (!in.empty()) {
            const Address to = kMemoryBase + at;
            const std::uint64_t size = std::min<std::uint64_t>(in.size(), left_in_page(to));
            state_.write(to, in.first(size));
            in = in.subspan(size);
            at += size;
        }
    }
    template <class Integer>
    [[nodiscard]] Integer load_memory(std::uint64_t at) {
        std::array<std::uint8_t, sizeof(Integer)> raw{};
        read_memory(at, raw);
        return load_le<Integer>(raw.data());
    }
    template <class Integer>
    void store_memory(std::uint64_t at, Integer value) {
        std::array<std::uint8_t, sizeof(Integer)> raw{};
        store_le(raw.data(), value);
        write_memory(at, raw);
    }

    // The arguments page.
    [[nodiscard]] std::uint64_t argument64(std::uint64_t offset) {
        return state_.load(kArgumentsPage + offset);
    }
    [[nodiscard]] std::uint32_t argument32(std::uint64_t offset) {
        const std::uint64_t word = state_.load(kArgumentsPage + (offset & ~std::uint64_t{7}));
        return static_cast<std::uint32_t>(word >> (8 * (offset & 7)));
    }

    /// The clock of the job, nanoseconds since 1970: its time, plus gas at one a nanosecond, plus
    /// what was slept. It can only go forward, and costs gas to read.
    [[nodiscard]] std::uint64_t now() {
        return argument64(arguments_offset::job_time_ns) + running_time();
    }
    /// Nanoseconds since the task began.
    [[nodiscard]] std::uint64_t running_time() {
        return state_.reg(Register::gas_used) / kGasPerNanosecond + state_.reg(Register::slept_ns);
    }
    static constexpr std::uint64_t kGasPerNanosecond = 1;

  private:
    A& state_;
    HostCall call_;
    Address args_;
    std::uint64_t gas_at_start_;
};

/// Sizes of a NUL-terminated strings' area on the arguments page.
struct StringArea {
    std::uint32_t count = 0;
    std::uint32_t bytes = 0;
    std::uint64_t offset = 0;  ///< on the page
};

}  // namespace millrace::vm::wasi
