#pragma once

#include "common/hash.hpp"
#include "vm/wasi/detail/call_base.hpp"

namespace millrace::vm::wasi {

/// Arguments, environment, clocks, polling, randomness, process: calls without files.
template <StateAccess A>
class MiscCalls : public CallBase<A> {
    using Base = CallBase<A>;
    using Base::descriptors_;
    using Base::host_;
    using Base::trees_;

  public:
    using Base::Base;

    HostOutcome args_sizes() { return sizes(arguments_area()); }
    HostOutcome environ_sizes() { return sizes(environment_area()); }
    HostOutcome args() { return strings(arguments_area()); }
    HostOutcome environ_strings() { return strings(environment_area()); }

    HostOutcome clock_resolution() {
        if (host_.arg32(0) > kClockMax) return host_.done(Errno::inval);
        if (!host_.in_memory(host_.arg(1), 8)) return host_.done(Errno::fault);
        host_.store_memory(host_.arg(1), std::uint64_t{1});
        return host_.done(Errno::success);
    }
    HostOutcome clock_time() {
        const std::uint32_t clock = host_.arg32(0);
        if (clock > kClockMax) return host_.done(Errno::inval);
        if (!host_.in_memory(host_.arg(2), 8)) return host_.done(Errno::fault);
        host_.store_memory(host_.arg(2), clock_value(clock));
        return host_.done(Errno::success);
    }

    /// progress_a: subscription; b: events written; c: shortest wait; d: 1 once one is ready.
    HostOutcome poll() {
        const std::uint64_t count = host_.arg32(2);
        switch (host_.phase()) {
            case 0:
                if (count == 0 || count > kSubscriptionsMax) return host_.done(Errno::inval);
                if (!host_.in_memory(host_.arg(0), count * kSubscriptionSize) ||
                    !host_.in_memory(host_.arg(1), count * kEventSize) ||
                    !host_.in_memory(host_.arg(3), 4))
                    return host_.done(Errno::fault);
                if (!host_.charge(2 * count * kGasSubscription)) return host_.out_of_gas();
                host_.again(1);
                host_.set(Register::progress_c, kNoWait);
                return HostOutcome::again;
            case 1:
                return poll_scan(count);
            default:
                return poll_report(count);
        }
    }

    HostOutcome exit() {
        host_.state().set_reg(Register::exit_code, host_.arg32(0));
        return HostOutcome::exit;
    }
    /// As if the default action of the signal had been taken: nothing, or the end of the program
    /// with 128 and its number.
    HostOutcome raise() {
        const std::uint32_t signal = host_.arg32(0);
        constexpr std::uint32_t kSignalMax = 30;
        constexpr std::uint32_t kChild = 16;
        constexpr std::uint32_t kContinue = 17;
        constexpr std::uint32_t kUrgent = 22;
        constexpr std::uint32_t kWindow = 27;
        if (signal > kSignalMax) return host_.done(Errno::inval);
        if (signal == 0 || signal == kChild || signal == kContinue || signal == kUrgent ||
            signal == kWindow)
            return host_.done(Errno::success);
        host_.state().set_reg(Register::exit_code, 128 + signal);
        return HostOutcome::exit;
    }

    /// Blocks of 32 bytes, each the hash of the job's seed and a counter that never goes back; a
    /// call begins with a fresh block. progress_a: bytes written.
    HostOutcome random() {
        const std::uint64_t out = host_.arg(0);
        const std::uint64_t size = host_.arg32(1);
        if (host_.phase() == 0) {
            if (!host_.in_memory(out, size)) return host_.done(Errno::fault);
            if (!host_.charge(moved_gas(size, kGasRandom))) return host_.out_of_gas();
            host_.again(1);
        }
        std::array<std::uint8_t, Seed::kSize> seed{};
        host_.state().read(kArgumentsPage + arguments_offset::seed, seed);
        std::uint64_t written = host_.get(Register::progress_a);
        std::uint64_t counter = host_.state().reg(Register::random_counter);
        for (unsigned block = 0; block < kRandomBlocksPerStep && written < size; ++block) {
            const Hash hash = Hasher("mill/random").update(seed).update_u64(counter++).finish();
            const std::uint64_t part = std::min<std::uint64_t>(Hash::kSize, size - written);
            host_.write_memory(out + written, hash.view().first(part));
            written += part;
        }
        host_.state().set_reg(Register::random_counter, counter);
        if (written == size) return host_.done(Errno::success);
        host_.set(Register::progress_a, written);
        return host_.again(1);
    }

    /// There are no sockets: what is open is none.
    HostOutcome no_socket() {
        const Descriptor d = descriptors_.get(host_.arg(0));
        return host_.done(d.is_open() ? Errno::notsock : Errno::badf);
    }

  private:
    static constexpr std::uint32_t kClockMax = 3;
    /// Processor time does not pass while one waits for it.
    static constexpr std::uint32_t kSleepClockMax = 1;
    static constexpr std::uint64_t kNoWait = ~std::uint64_t{0};
    /// Sleeping may take the clock 292 years ahead, not round.
    static constexpr std::uint64_t kSleptMax = std::uint64_t{1} << 62;
    /// 512 bytes, so that a step hashes no more than a page would cost.
    static constexpr unsigned kRandomBlocksPerStep = 16;

    [[nodiscard]] StringArea arguments_area() {
        namespace at = arguments_offset;
        return {host_.argument32(at::argument_count), host_.argument32(at::argument_bytes),
                at::strings};
    }
    [[nodiscard]] StringArea environment_area() {
        namespace at = arguments_offset;
        return {host_.argument32(at::environment_count), host_.argument32(at::environment_bytes),
                at::strings + host_.argument32(at::argument_bytes)};
    }
    HostOutcome sizes(const StringArea& area) {
        if (!host_.in_memory(host_.arg(0), 4) || !host_.in_memory(host_.arg(1), 4))
            return host_.done(Errno::fault);
        host_.store_memory(host_.arg(0), area.count);
        host_.store_memory(host_.arg(1), area.bytes);
        return host_.done(Errno::success);
    }
    /// One string and its pointer a micro-step. progress_a: string, b: its offset in the area.
    HostOutcome strings(const StringArea& area) {
        const std::uint64_t pointers = host_.arg(0);
        const std::uint64_t out = host_.arg(1);
        if (host_.phase() == 0) {
            if (!host_.in_memory(pointers, 4 * std::uint64_t{area.count}) ||
                !host_.in_memory(out, area.bytes))
                return host_.done(Errno::fault);
            if (!host_.charge(std::uint64_t{area.count} * kGasString +
                              moved_gas(area.bytes, kGasCopy)))
                return host_.out_of_gas();
            host_.again(1);
        }
        const std::uint64_t index = host_.get(Register::progress_a);
        const std::uint64_t offset = host_.get(Register::progress_b);
        if (index == area.count) return host_.done(Errno::success);
        PageBytes text;
        const Address from = kArgumentsPage + area.offset + offset;
        const std::uint64_t left = std::min<std::uint64_t>(area.bytes, left_in_page(from));
        host_.state().read(from, MutableByteView(text.data(), left));
        const auto* const end = text.data() + left;
        const auto* const nul = std::find(static_cast<const std::uint8_t*>(text.data()), end, 0);
        const auto size = std::min(left, static_cast<std::uint64_t>(nul - text.data()) + 1);
        host_.store_memory(pointers + 4 * index, static_cast<std::uint32_t>(out + offset));
        host_.write_memory(out + offset, ByteView(text.data(), size));
        host_.set(Register::progress_a, index + 1);
        host_.set(Register::progress_b, offset + size);
        return host_.again(1);
    }

    [[nodiscard]] std::uint64_t clock_value(std::uint32_t clock) {
        switch (clock) {
            case 0:
                return host_.now();
            case 1:
                return host_.running_time();
            default:  // processor time: sleeping takes none
                return host_.state().reg(Register::gas_used) / Host<A>::kGasPerNanosecond;
        }
    }

    // --- polling
    struct Subscription {
        std::uint64_t userdata = 0;
        std::uint8_t type = 0;  ///< 0 clock, 1 readable, 2 writable
        std::uint32_t id = 0;   ///< clock or descriptor
        std::uint64_t timeout = 0;
        bool absolute = false;
    };
    [[nodiscard]] Subscription subscription(std::uint64_t index) {
        const std::uint64_t at = host_.arg(0) + index * kSubscriptionSize;
        std::array<std::uint8_t, kSubscriptionSize> raw{};
        host_.read_memory(at, raw);
        Subscription s;
        s.userdata = load_le<std::uint64_t>(raw.data());
        s.type = raw[8];
        s.id = load_le<std::uint32_t>(raw.data() + 16);
        s.timeout = load_le<std::uint64_t>(raw.data() + 24);
        s.absolute = (load_le<std::uint16_t>(raw.data() + 40) & 1) != 0;
        return s;
    }
    /// Nanoseconds until a subscription is due; 0 when it is, or will never be and says so.
    [[nodiscard]] std::uint64_t wait_of(const Subscription& s) {
        if (s.type != 0 || s.id > kSleepClockMax) return 0;
        if (!s.absolute) return s.timeout;
        const std::uint64_t now = clock_value(s.id);
        return s.timeout > now ? s.timeout - now : 0;
    }
    HostOutcome poll_scan(std::uint64_t count) {
        const std::uint64_t index = host_.get(Register::progress_a);
        const std::uint64_t wait =
            std::min(host_.get(Register::progress_c), wait_of(subscription(index)));
        if (index + 1 < count) {
            host_.set(Register::progress_c, wait);
            host_.set(Register::progress_a, index + 1);
            return host_.again(1);
        }
        // Everything has been looked at: sleep until the first is due. Relative times count from
        // here on, so progress_c keeps what was slept.
        const std::uint64_t slept = host_.state().reg(Register::slept_ns);
        host_.state().set_reg(Register::slept_ns, slept + std::min(wait, kSleptMax - slept));
        host_.set(Register::progress_c, wait);
        host_.set(Register::progress_a, 0);
        return host_.again(2);
    }
    HostOutcome poll_report(std::uint64_t count) {
        const std::uint64_t index = host_.get(Register::progress_a);
        const Subscription s = subscription(index);
        const std::uint64_t slept = host_.get(Register::progress_c);
        const bool due = s.type == 0 && s.id <= kSleepClockMax && !s.absolute ? s.timeout <= slept
                                                                              : wait_of(s) == 0;
        const std::uint64_t events = host_.get(Register::progress_b);
        if (due) {
            put_event(events, s);
            host_.set(Register::progress_b, events + 1);
        }
        if (index + 1 < count) {
            host_.set(Register::progress_a, index + 1);
            return host_.again(2);
        }
        host_.store_memory(host_.arg(3), static_cast<std::uint32_t>(events + (due ? 1 : 0)));
        return host_.done(Errno::success);
    }
    void put_event(std::uint64_t index, const Subscription& s) {
        Errno error = Errno::success;
        std::uint64_t bytes = 0;
        if (s.type > 2 || (s.type == 0 && s.id > kSleepClockMax)) {
            error = Errno::inval;
        } else if (s.type != 0) {
            const Descriptor d = descriptors_.get(s.id);
            if (!d.is_open())
                error = Errno::badf;
            else if ((d.rights & rights::poll_fd_readwrite) == 0)
                error = Errno::notcapable;
            else
                bytes = ready_bytes(d, s.type);
        }
        std::array<std::uint8_t, kEventSize> raw{};
        store_le(raw.data(), s.userdata);
        store_le(raw.data() + 8, static_cast<std::uint16_t>(error));
        raw[10] = s.type;
        store_le(raw.data() + 16, bytes);
        host_.write_memory(host_.arg(1) + index * kEventSize, raw);
    }
    [[nodiscard]] std::uint64_t ready_bytes(const Descriptor& d, std::uint8_t type) {
        if (type == 2) return kPageSize;  // there is always room to write
        std::uint64_t size = 0;
        if (d.kind == DescriptorKind::standard_in)
            size = host_.argument64(arguments_offset::stdin_length);
        else if (d.kind == DescriptorKind::node)
            size = trees_.size(d.node);
        return size > d.offset ? size - d.offset : 0;
    }
};

}  // namespace millrace::vm::wasi
