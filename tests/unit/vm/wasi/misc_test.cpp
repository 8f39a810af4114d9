#include <doctest/doctest.h>

#include "tests/support/wasi_guest.hpp"

namespace millrace::vm::test {
namespace {

std::vector<std::string> strings_of(Guest& guest, HostCall sizes, HostCall get) {
    REQUIRE_EQ(guest.call(sizes, {Guest::kOut, Guest::kOut + 4}), Errno::success);
    const auto count = guest.word<std::uint32_t>(Guest::kOut);
    const auto bytes = guest.word<std::uint32_t>(Guest::kOut + 4);
    // An odd place, so that pointers and strings straddle pages.
    const std::uint64_t pointers = 0x4ffd;
    const std::uint64_t buffer = 0x8ff1;
    REQUIRE_EQ(guest.call(get, {pointers, buffer}), Errno::success);
    std::vector<std::string> out;
    std::uint64_t expected = buffer;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto at = guest.word<std::uint32_t>(pointers + 4 * i);
        CHECK_EQ(at, expected);
        std::string text = guest.text(at, buffer + bytes - at);
        text.resize(text.find('\0'));
        expected = at + text.size() + 1;
        out.push_back(text);
    }
    CHECK_EQ(expected, buffer + bytes);
    return out;
}

struct Poll {
    Guest& guest;
    std::uint32_t count = 0;

    void clock(std::uint64_t userdata, std::uint32_t id, std::uint64_t timeout, bool absolute) {
        put(userdata, 0, id);
        word(24, timeout);
        word(40, absolute ? 1 : 0);
        ++count;
    }
    void descriptor(std::uint64_t userdata, std::uint8_t type, std::uint32_t fd) {
        put(userdata, type, fd);
        ++count;
    }
    struct Event {
        std::uint64_t userdata;
        Errno error;
        std::uint8_t type;
        std::uint64_t bytes;
    };
    std::vector<Event> wait() {
        REQUIRE_EQ(guest.call(HostCall::poll_oneoff,
                              {Guest::kBuffer, Guest::kBuffer + 0x1000, count, Guest::kOut}),
                   Errno::success);
        std::vector<Event> events;
        for (std::uint32_t i = 0; i < guest.word<std::uint32_t>(Guest::kOut); ++i) {
            const std::uint64_t at = Guest::kBuffer + 0x1000 + i * kEventSize;
            events.push_back({guest.word<std::uint64_t>(at),
                              static_cast<Errno>(guest.word<std::uint16_t>(at + 8)),
                              guest.word<std::uint8_t>(at + 10),
                              guest.word<std::uint64_t>(at + 16)});
        }
        return events;
    }

  private:
    void word(std::uint64_t offset, std::uint64_t value) {
        std::array<std::uint8_t, 8> raw{};
        store_le(raw.data(), value);
        guest.put(Guest::kBuffer + count * kSubscriptionSize + offset, raw);
    }
    void put(std::uint64_t userdata, std::uint8_t type, std::uint32_t id) {
        word(0, userdata);
        word(8, type);
        word(16, id);
        word(24, 0);
        word(32, 0);
        word(40, 0);
    }
};

}  // namespace

TEST_SUITE("vm/wasi/misc") {
    TEST_CASE("arguments and environment arrive whole and in order") {
        TaskArguments arguments = Guest::default_arguments();
        arguments.args = {"first", "the \"second\" arg", "", "3"};
        arguments.env = {"a=text", "b=escap \" ing", "c=new\nline"};
        arguments.task_index = 4;
        arguments.task_count = 5;
        Guest guest(arguments);
        CHECK_EQ(strings_of(guest, HostCall::args_sizes_get, HostCall::args_get), arguments.args);
        CHECK_EQ(strings_of(guest, HostCall::environ_sizes_get, HostCall::environ_get),
                 std::vector<std::string>{"a=text", "b=escap \" ing", "c=new\nline",
                                          "MILLRACE_TASK=4", "MILLRACE_TASKS=5"});
        const std::uint64_t end = 16 * 65'536;
        CHECK_EQ(guest.call(HostCall::args_sizes_get, {end, 0}), Errno::fault);
        CHECK_EQ(guest.call(HostCall::args_get, {end - 15, 0}), Errno::fault);
        CHECK_EQ(guest.call(HostCall::args_get, {0, end - 5}), Errno::fault);
    }

    TEST_CASE("the longest arguments that fit arrive whole") {
        TaskArguments arguments = Guest::default_arguments();
        arguments.args.assign(1'900, "x");
        Guest guest(arguments);
        CHECK_EQ(strings_of(guest, HostCall::args_sizes_get, HostCall::args_get), arguments.args);
    }

    TEST_CASE("the clocks follow gas, begin at the job's time, and never stand still") {
        Guest guest;
        const auto now = [&](std::uint32_t clock) {
            REQUIRE_EQ(guest.call(HostCall::clock_time_get, {clock, 1, Guest::kOut}),
                       Errno::success);
            return guest.word<std::uint64_t>(Guest::kOut);
        };
        const std::uint64_t first = now(0);
        CHECK_EQ(first, 1'700'000'000'000'000'000 + guest.state.reg(Register::gas_used));
        CHECK_GT(now(0), first);
        const std::uint64_t monotonic = now(1);
        CHECK_EQ(monotonic, guest.state.reg(Register::gas_used));
        const std::uint64_t processor = now(3);
        CHECK_EQ(processor, guest.state.reg(Register::gas_used));
        CHECK_EQ(guest.call(HostCall::clock_time_get, {4, 1, Guest::kOut}), Errno::inval);
        CHECK_EQ(guest.call(HostCall::clock_res_get, {4, Guest::kOut}), Errno::inval);
        CHECK_EQ(guest.call(HostCall::clock_res_get, {1, Guest::kOut}), Errno::success);
        CHECK_EQ(guest.word<std::uint64_t>(Guest::kOut), 1U);
    }

    TEST_CASE("sleeping takes the clock ahead, not the gas") {
        Guest guest;
        Poll poll{guest};
        poll.clock(7, 1, 5'000'000'000, false);
        const auto events = poll.wait();
        REQUIRE_EQ(events.size(), 1U);
        CHECK_EQ(events[0].userdata, 7U);
        CHECK_EQ(events[0].error, Errno::success);
        CHECK_EQ(guest.state.reg(Register::slept_ns), 5'000'000'000U);
        CHECK_LT(guest.state.reg(Register::gas_used), 10'000U);
        REQUIRE_EQ(guest.call(HostCall::clock_time_get, {1, 1, Guest::kOut}), Errno::success);
        CHECK_EQ(guest.word<std::uint64_t>(Guest::kOut),
                 5'000'000'000 + guest.state.reg(Register::gas_used));
    }

    TEST_CASE("the shortest wait ends a poll, and a ready descriptor ends it at once") {
        Guest guest;
        {
            Poll poll{guest};
            poll.clock(1, 1, 300, false);
            poll.clock(2, 1, 100, false);
            poll.clock(3, 0, 1'800'000'000'000'000'000, true);
            poll.clock(4, 1, 100, false);
            const auto events = poll.wait();
            REQUIRE_EQ(events.size(), 2U);
            CHECK_EQ(events[0].userdata, 2U);
            CHECK_EQ(events[1].userdata, 4U);
            CHECK_EQ(guest.state.reg(Register::slept_ns), 100U);
        }
        {
            Poll poll{guest};
            poll.clock(3, 0, 1'800'000'000'000'000'000, true);
            const auto events = poll.wait();
            REQUIRE_EQ(events.size(), 1U);
            REQUIRE_EQ(guest.call(HostCall::clock_time_get, {0, 1, Guest::kOut}), Errno::success);
            CHECK_GE(guest.word<std::uint64_t>(Guest::kOut), 1'800'000'000'000'000'000U);
        }
        const std::uint64_t slept = guest.state.reg(Register::slept_ns);
        Poll poll{guest};
        poll.clock(1, 1, 300, false);
        poll.descriptor(2, 2, 1);
        poll.descriptor(3, 1, 99);
        poll.descriptor(4, 9, 1);
        poll.clock(5, 2, 300, false);
        const auto events = poll.wait();
        REQUIRE_EQ(events.size(), 4U);
        CHECK_EQ(events[0].userdata, 2U);
        CHECK_EQ(events[0].bytes, 4'096U);
        CHECK_EQ(events[1].error, Errno::badf);
        CHECK_EQ(events[2].error, Errno::inval);
        CHECK_EQ(events[3].error, Errno::inval);
        CHECK_EQ(guest.state.reg(Register::slept_ns), slept);
        CHECK_EQ(guest.call(HostCall::poll_oneoff, {0, 0, 0, Guest::kOut}), Errno::inval);
    }

    TEST_CASE("random bytes depend on the seed and the count of blocks alone") {
        const auto draw = [](std::uint8_t seed, const std::vector<std::uint32_t>& sizes) {
            TaskArguments arguments = Guest::default_arguments();
            arguments.seed.bytes.fill(seed);
            Guest guest(arguments);
            std::string out;
            for (const std::uint32_t size : sizes) {
                REQUIRE_EQ(guest.call(HostCall::random_get, {0x8ff3, size}), Errno::success);
                out += guest.text(0x8ff3, size);
                // Not a byte too many.
                CHECK_EQ(guest.word<std::uint8_t>(0x8ff3 + size), 0);
            }
            return out;
        };
        const std::string long_run = draw(1, {5'000});
        CHECK_EQ(draw(1, {64, 4'936}), long_run);
        CHECK_EQ(draw(1, {1, 64}).substr(1), long_run.substr(32, 64));
        CHECK_NE(draw(2, {5'000}), long_run);
        Guest guest;
        CHECK_EQ(guest.call(HostCall::random_get, {0, 16 * 65'536 + 1}), Errno::fault);
        CHECK_EQ(guest.call(HostCall::random_get, {0, 0}), Errno::success);
        CHECK_EQ(guest.state.reg(Register::random_counter), 0U);
    }

    TEST_CASE("standard input is the job's file, and empty without one") {
        Guest empty;
        std::string got = "x";
        REQUIRE_EQ(empty.read(0, 10, got), Errno::success);
        CHECK(got.empty());
        TaskArguments arguments = Guest::default_arguments();
        arguments.stdin_length = 5'000;
        Guest guest(arguments);
        guest.state.write(kStdin + 4'090, as_bytes("line"));
        REQUIRE_EQ(guest.call(HostCall::fd_seek, {0, 4'088, 0, Guest::kOut}), Errno::success);
        REQUIRE_EQ(guest.read(0, 6, got), Errno::success);
        CHECK_EQ(got, std::string("\0\0line", 6));
        REQUIRE_EQ(guest.read(0, 5'000, got), Errno::success);
        CHECK_EQ(got.size(), 5'000U - 4'094U);
        CHECK_EQ(guest.fstat(0).size, 5'000U);
        CHECK_EQ(guest.fstat(0).type, FileType::regular_file);
    }

    TEST_CASE("standard output keeps its beginning and its end, and counts all of it") {
        Guest guest;
        REQUIRE_EQ(guest.write(1, "hello"), Errno::success);
        REQUIRE_EQ(guest.write(2, "oops"), Errno::success);
        CHECK_EQ(guest.state.load(kStdout), 5U);
        CHECK_EQ(guest.state.load(kStderr), 4U);
        std::string got(5, ' ');
        Bytes raw(5);
        guest.state.read(kStdout + kStreamHeadOffset, raw);
        CHECK_EQ(as_text(raw), "hello");

        // Just below the cap, then over it and once round the tail.
        guest.state.store(kStdout, kStreamHeadMax - 3);
        REQUIRE_EQ(guest.write(1, "abcdef"), Errno::success);
        CHECK_EQ(guest.word<std::uint32_t>(Guest::kOut), 6U);
        raw.resize(3);
        guest.state.read(kStdout + kStreamHeadOffset + kStreamHeadMax - 3, raw);
        CHECK_EQ(as_text(raw), "abc");
        guest.state.read(kStdout + kStreamTailOffset, raw);
        CHECK_EQ(as_text(raw), "def");
        const std::string more(kStreamTailMax / 2 - 1, 'z');
        REQUIRE_EQ(guest.write(1, more), Errno::success);
        REQUIRE_EQ(guest.write(1, more), Errno::success);
        REQUIRE_EQ(guest.write(1, "XY"), Errno::success);
        CHECK_EQ(guest.state.load(kStdout), kStreamHeadMax + 3 + kStreamTailMax);
        guest.state.read(kStdout + kStreamTailOffset, raw);
        CHECK_EQ(as_text(raw), "zXY");
    }

    TEST_CASE("standard streams are no terminals") {
        Guest guest;
        for (std::uint32_t fd = 0; fd <= 2; ++fd) {
            REQUIRE_EQ(guest.call(HostCall::fd_fdstat_get, {fd, Guest::kOut}), Errno::success);
            CHECK_NE(guest.word<std::uint8_t>(Guest::kOut),
                     static_cast<std::uint8_t>(FileType::character_device));
        }
        CHECK_EQ(guest.call(HostCall::fd_sync, {1}), Errno::success);
        CHECK_EQ(guest.call(HostCall::fd_datasync, {1}), Errno::success);
        CHECK_EQ(guest.call(HostCall::fd_sync, {6}), Errno::badf);
        CHECK_EQ(guest.call(HostCall::fd_advise, {0, 0, 0, 6}), Errno::inval);
    }

    TEST_CASE("exit, raise, yield, sockets") {
        Guest guest;
        CHECK_EQ(guest.try_call(HostCall::proc_exit, {33}), HostOutcome::exit);
        CHECK_EQ(guest.state.reg(Register::exit_code), 33U);
        CHECK_EQ(guest.call(HostCall::proc_raise, {0}), Errno::success);
        CHECK_EQ(guest.call(HostCall::proc_raise, {31}), Errno::inval);
        CHECK_EQ(guest.try_call(HostCall::proc_raise, {6}), HostOutcome::exit);
        CHECK_EQ(guest.state.reg(Register::exit_code), 134U);
        CHECK_EQ(guest.call(HostCall::sched_yield, {}), Errno::success);
        CHECK_EQ(guest.call(HostCall::sock_shutdown, {3, 1}), Errno::notsock);
        CHECK_EQ(guest.call(HostCall::sock_accept, {99, 0, Guest::kOut}), Errno::badf);
    }

    TEST_CASE("every call of the table can run on wild arguments and wild progress") {
        // A state under dispute may be anything: calls must end each micro-step and stay in bounds.
        for (std::uint64_t seed = 1; seed <= 200; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            Guest guest;
            (void)guest.mkdir(3, "d");
            (void)guest.open(3, "d/f", open_flags::create);
            const auto wild = [&]() -> std::uint64_t {
                switch (rng.below(4)) {
                    case 0:
                        return rng.below(8);
                    case 1:
                        return rng.below(1 << 20);
                    case 2:
                        return rng.next() & 0xffff'ffff;
                    default:
                        return rng.next();
                }
            };
            for (int i = 0; i < 40; ++i) {
                for (unsigned slot = 0; slot < 9; ++slot)
                    guest.state.store(Guest::kArgs + 8 * slot, wild());
                for (auto r = static_cast<unsigned>(Register::progress_a);
                     r <= static_cast<unsigned>(Register::progress_h); ++r)
                    guest.state.set_reg(static_cast<Register>(r), wild());
                guest.state.set_reg(Register::host_phase, rng.below(15));
                const auto call = static_cast<HostCall>(rng.below(kHostCallCount));
                CAPTURE(host_function(call).name);
                for (int step = 0; step < 20; ++step)
                    if (host_micro_step(guest.state, call, Guest::kArgs) != HostOutcome::again)
                        break;
                guest.state.set_reg(Register::host_phase, rng.below(6));
                for (int step = 0; step < 5; ++step) (void)exit_micro_step(guest.state);
            }
            CHECK_FALSE(guest.state.failed());
        }
    }
}

}  // namespace millrace::vm::test
