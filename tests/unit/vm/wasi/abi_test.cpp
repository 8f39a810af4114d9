#include "vm/wasi/abi.hpp"

#include <doctest/doctest.h>

#include <set>

#include "vm/wasi/arguments.hpp"

namespace millrace::vm {

TEST_SUITE("vm/wasi/abi") {
    TEST_CASE("an import is found by its name and exact signature") {
        const Bytes four(4, 0x7f);
        const Bytes one{0x7f};
        CHECK_EQ(find_import("fd_write", four, one), HostCall::fd_write);
        const Bytes seek{0x7f, 0x7e, 0x7f, 0x7f};
        CHECK_EQ(find_import("fd_seek", seek, one), HostCall::fd_seek);
        CHECK_EQ(find_import("proc_exit", one, {}), HostCall::proc_exit);
        CHECK_EQ(find_import("sched_yield", {}, one), HostCall::sched_yield);

        CHECK_FALSE(find_import("fd_seek", four, one));
        CHECK_FALSE(find_import("fd_write", four, {}));
        CHECK_FALSE(find_import("proc_exit", one, one));
        CHECK_FALSE(find_import("thread_spawn", one, one));
        CHECK_EQ(import_refusal("fd_seek"), ImportRefusal::wrong_signature);
        CHECK_EQ(import_refusal("thread_spawn"), ImportRefusal::unknown_name);
    }

    TEST_CASE("preview 1 has 46 functions, each once") {
        std::set<std::string_view> names;
        for (const HostFunction& row : kHostFunctions) names.insert(row.name);
        CHECK_EQ(names.size(), 46U);
    }
}

TEST_SUITE("vm/wasi/arguments") {
    TaskArguments sound() {
        TaskArguments arguments;
        arguments.args = {"app", "--fast", ""};
        arguments.env = {"A=1", "B=x=y"};
        arguments.task_index = 7;
        arguments.task_count = 64;
        arguments.job_time_ns = 12;
        arguments.gas_limit = 34;
        arguments.memory_limit = 56;
        arguments.segment_gas = 78;
        arguments.stdin_length = 90;
        arguments.output_bytes_max = 0x1234'5678'9abc;
        arguments.seed.bytes.fill(0xab);
        return arguments;
    }

    TEST_CASE("the page lies byte by byte as written down") {
        const auto page = encode_arguments(sound());
        REQUIRE(page.has_value());
        const auto u32 = [&](std::size_t at) { return load_le<std::uint32_t>(page->data() + at); };
        const auto u64 = [&](std::size_t at) { return load_le<std::uint64_t>(page->data() + at); };
        CHECK_EQ(u32(0), 1U);
        CHECK_EQ(u32(4), 0U);
        CHECK_EQ(u64(8), 0U);
        CHECK_EQ(u64(16), 90U);
        CHECK_EQ(u32(24), 7U);
        CHECK_EQ(u32(28), 64U);
        CHECK_EQ(u64(32), 12U);
        CHECK_EQ(u64(40), 34U);
        CHECK_EQ(u64(48), 56U);
        CHECK_EQ(u64(56), 78U);
        CHECK_EQ((*page)[64], 0xab);
        CHECK_EQ((*page)[95], 0xab);
        CHECK_EQ(u32(96), 3U);
        CHECK_EQ(u32(100), 12U);
        CHECK_EQ(u32(104), 4U);
        CHECK_EQ(u32(108), 44U);
        CHECK_EQ(u64(112), 0x1234'5678'9abcU);
        CHECK_EQ(u64(120), 0U);
        const std::string_view expected(
            "app\0--fast\0\0A=1\0B=x=y\0MILLRACE_TASK=7\0MILLRACE_TASKS=64\0", 56);
        CHECK_EQ(as_text(ByteView(page->data() + 128, 56)), expected);
        for (std::size_t i = 128 + 56; i < page->size(); ++i) CHECK_EQ((*page)[i], 0);
    }

    TEST_CASE("without a cap on the output, the largest number stands for it") {
        TaskArguments arguments;
        const auto page = encode_arguments(arguments);
        REQUIRE(page.has_value());
        CHECK_EQ(load_le<std::uint64_t>(page->data() + 112), ~std::uint64_t{0});
    }

    TEST_CASE("what does not fit or would mislead a program is refused") {
        struct Row {
            const char* name;
            void (*change)(TaskArguments&);
            ArgumentsRefusal refusal;
        };
        const Row rows[] = {
            {"index", [](TaskArguments& a) { a.task_index = 64; },
             ArgumentsRefusal::bad_task_index},
            {"no tree", [](TaskArguments& a) { a.input_count = 1; }, ArgumentsRefusal::bad_input},
            {"two as one",
             [](TaskArguments& a) {
                 a.input_form = InputForm::tree;
                 a.input_count = 2;
             },
             ArgumentsRefusal::bad_input},
            {"too many",
             [](TaskArguments& a) {
                 a.input_form = InputForm::numbered;
                 a.input_count = 65'537;
             },
             ArgumentsRefusal::bad_input},
            {"stdin", [](TaskArguments& a) { a.stdin_length = kRegionSize + 1; },
             ArgumentsRefusal::stdin_too_long},
            {"nul", [](TaskArguments& a) { a.args[0] = std::string("a\0b", 3); },
             ArgumentsRefusal::nul_in_string},
            {"no equals", [](TaskArguments& a) { a.env[0] = "A"; },
             ArgumentsRefusal::bad_environment},
            {"empty name", [](TaskArguments& a) { a.env[0] = "=1"; },
             ArgumentsRefusal::bad_environment},
            {"ours", [](TaskArguments& a) { a.env[0] = "MILLRACE_TASK=9"; },
             ArgumentsRefusal::reserved_environment},
            {"long", [](TaskArguments& a) { a.args[0] = std::string(3'968 - 52, 'x'); },
             ArgumentsRefusal::too_long},
            {"gas", [](TaskArguments& a) { a.gas_limit = (std::uint64_t{1} << 50) + 1; },
             ArgumentsRefusal::gas_limit_too_high},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            TaskArguments arguments = sound();
            row.change(arguments);
            const auto page = encode_arguments(arguments);
            REQUIRE_FALSE(page.has_value());
            CHECK_EQ(page.error(), row.refusal);
            CHECK_FALSE(to_sentence(page.error()).empty());
        }
        TaskArguments longest = sound();
        longest.args[0] = std::string(3'968 - 53, 'x');
        CHECK(encode_arguments(longest).has_value());
    }
}

}  // namespace millrace::vm
