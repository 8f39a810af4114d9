#include "vm/machine/run.hpp"

#include <doctest/doctest.h>

#include "tests/support/machine_programs.hpp"
#include "vm/image/gas.hpp"
#include "vm/machine/task_run.hpp"

using namespace millrace;
using namespace millrace::vm;
using namespace millrace::test;

namespace {

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 30;

std::uint64_t status(const DirectAccess& state) {
    return state.reg(Register::status);
}

/// Runs to the end, boundaries on the way.
void finish(DirectAccess& state) {
    while (run_to_boundary(state) == RunStop::boundary) {
    }
}

/// Eight bytes of linear memory at any place within a page.
std::uint64_t word_at(const DirectAccess& state, std::uint64_t offset) {
    std::array<std::uint8_t, 8> raw{};
    state.read(kMemoryBase + offset, raw);
    return load_le<std::uint64_t>(raw.data());
}

std::uint64_t stack_residue(const DirectAccess& state, Address from, Address end) {
    std::uint64_t found = 0;
    for (Address at = from; at < end; at += 8)
        if (state.load(at) != 0) ++found;
    return found;
}

}  // namespace

TEST_SUITE("vm/machine/run") {
    TEST_CASE("each program ends as it should, with an empty stack") {
        struct Row {
            const char* name;
            RunStatus end;
            TrapCode trap;
            std::uint64_t exit_code;
        };
        const std::vector<Row> rows = {
            {"loop", RunStatus::exited, TrapCode::none, 0},
            {"recursion", RunStatus::exited, TrapCode::none, 0},
            {"too_deep", RunStatus::trapped, TrapCode::stack_exhausted, 0},
            {"bulk", RunStatus::exited, TrapCode::none, 0},
            {"branches", RunStatus::trapped, TrapCode::divide_by_zero, 0},
            {"host", RunStatus::exited, TrapCode::none, 3},
        };
        const auto programs = all_programs();
        REQUIRE(programs.size() == rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            CAPTURE(rows[i].name);
            CHECK(programs[i].name == rows[i].name);
            const Image image = image_of(programs[i].module);
            const auto state = load_task(image, inputs_of(kPlenty, kPlenty));
            finish(*state);
            CHECK(status(*state) == static_cast<std::uint64_t>(rows[i].end));
            CHECK(state->reg(Register::trap_code) == static_cast<std::uint64_t>(rows[i].trap));
            CHECK(state->reg(Register::exit_code) == rows[i].exit_code);
            CHECK(state->reg(Register::frame_depth) == 0);
            CHECK(stack_residue(*state, kSlotsBase, kSlotsBase + 8 * kSlotsMax) == 0);
            CHECK(stack_residue(*state, kFramesBase, kFramesBase + kFrameRecordSize * 4096) == 0);
            for (unsigned r = static_cast<unsigned>(Register::host_phase);
                 r <= static_cast<unsigned>(Register::progress_h); ++r)
                CHECK(state->reg(static_cast<Register>(r)) == 0);
        }
    }

    TEST_CASE("what programs compute is right") {
        const Image loop = image_of(loop_program(3));
        const auto state = load_task(loop, inputs_of(kPlenty, kPlenty));
        finish(*state);
        for (std::uint64_t i = 1; i <= 3; ++i)
            CHECK(word_at(*state, ((i * 511) & 0xfff0) + 3) == i * 0x9e3779b97f4a7c15);

        const Image recursion = image_of(recursion_program(5));
        const auto deep = load_task(recursion, inputs_of(kPlenty, kPlenty));
        finish(*deep);
        CHECK(deep->load(kMemoryBase + 16) == 507);

        const Image branches = image_of(branches_program());
        const auto picked = load_task(branches, inputs_of(kPlenty, kPlenty));
        finish(*picked);
        // Labels 0 add one to 20, labels 1 do not; the operand below is left behind by both.
        const std::vector<std::uint32_t> expected = {20 * 3, 21 * 3, 20 * 3,
                                                     20 * 3, 20 * 3, 20 * 3};
        for (std::uint32_t i = 1; i <= 6; ++i) {
            std::array<std::uint8_t, 4> raw{};
            picked->read(kMemoryBase + 4 * i, raw);
            CAPTURE(i);
            CHECK(load_le<std::uint32_t>(raw.data()) == expected[i - 1]);
        }

        const Image host = image_of(host_program());
        const auto wrote = load_task(host, inputs_of(kPlenty, kPlenty));
        finish(*wrote);
        CHECK(as_text(read_tails(*wrote).out) == "hello\n");
    }

    TEST_CASE("the same gas whatever the segments, and the same end") {
        for (const Program& program : all_programs()) {
            CAPTURE(program.name);
            const Image image = image_of(program.module);
            const auto whole = load_task(image, inputs_of(kPlenty, kPlenty));
            finish(*whole);
            for (const std::uint64_t segment : {std::uint64_t{37}, std::uint64_t{1000}}) {
                const auto cut = load_task(image, inputs_of(kPlenty, segment));
                finish(*cut);
                CHECK(cut->reg(Register::gas_used) == whole->reg(Register::gas_used));
                CHECK(cut->reg(Register::status) == whole->reg(Register::status));
                CHECK(cut->load(kMemoryBase + 16) == whole->load(kMemoryBase + 16));
            }
        }
    }

    TEST_CASE("a boundary is the first safe point past a multiple, and lies above none") {
        const Image image = image_of(loop_program(500));
        const auto state = load_task(image, inputs_of(kPlenty, 1000));
        std::uint64_t boundaries = 0;
        std::uint64_t last = 0;
        while (run_to_boundary(*state) == RunStop::boundary) {
            ++boundaries;
            const std::uint64_t gas = state->reg(Register::gas_used);
            CHECK(status(*state) == static_cast<std::uint64_t>(RunStatus::yielded));
            CHECK(gas / 1000 > last / 1000);
            CHECK(gas % 1000 < 64);  // one round of the loop
            CHECK(state->reg(Register::next_boundary) == (gas / 1000 + 1) * 1000);
            CHECK(state->reg(Register::progress_a) == 0);
            last = gas;
        }
        CHECK(boundaries > 5);
    }

    TEST_CASE("out of gas wins over a boundary and costs the limit") {
        const Image image = image_of(loop_program(500));
        for (const std::uint64_t limit : {std::uint64_t{1}, std::uint64_t{700}, std::uint64_t{1000},
                                          std::uint64_t{1001}, std::uint64_t{5555}}) {
            CAPTURE(limit);
            const auto state = load_task(image, inputs_of(limit, 1000));
            finish(*state);
            CHECK(status(*state) == static_cast<std::uint64_t>(RunStatus::out_of_gas));
            CHECK(state->reg(Register::gas_used) == limit);
        }
    }

    TEST_CASE("bulk work that cannot be paid is never half done") {
        WasmCode code;
        code.i32(0).i32(1).i32(60000).op(Opcode::memory_fill, 0);
        const Image image = image_of(command_module(code));
        const auto state = load_task(image, inputs_of(60000 / 8, kPlenty));
        finish(*state);
        CHECK(status(*state) == static_cast<std::uint64_t>(RunStatus::out_of_gas));
        CHECK(state->load(kMemoryBase) == 0);
        const auto paid = load_task(image, inputs_of(60000 / 8 + 100'000, kPlenty));
        finish(*paid);
        CHECK(status(*paid) == static_cast<std::uint64_t>(RunStatus::exited));
        CHECK(paid->load(kMemoryBase + 59992) == 0x0101010101010101);
    }

    TEST_CASE("memory.grow that fails costs no pages") {
        WasmCode grows;
        grows.i32(1).op(Opcode::memory_grow, 0).op(Opcode::drop);
        WasmCode fails;
        fails.i32(100000).op(Opcode::memory_grow, 0).op(Opcode::drop);
        const auto gas_of = [](const WasmCode& code) {
            const Image image = image_of(command_module(code));
            const auto state = load_task(image, inputs_of(kPlenty, kPlenty));
            finish(*state);
            return state->reg(Register::gas_used);
        };
        CHECK(gas_of(grows) - gas_of(fails) == gas::kMemoryPage);
    }

    TEST_CASE("memory above the job's limit is refused to grow, and to begin") {
        WasmBuilder builder;
        const std::uint32_t none = builder.type({}, {});
        const std::uint32_t entry = builder.function(none, WasmCode{});
        builder.memory(2000);
        builder.export_function("_start", entry);
        const Image image = image_of(builder.build());
        const auto state = load_task(image, inputs_of(kPlenty, kPlenty));
        finish(*state);
        CHECK(state->reg(Register::trap_code) ==
              static_cast<std::uint64_t>(TrapCode::memory_limit));
    }

    TEST_CASE("tables count against the job's memory limit, to grow and to begin") {
        // Each try adds 2^20 entries, 2,048 pages, to one of two tables; the limit is 16,384 pages,
        // of which the memory has 16.
        WasmBuilder builder;
        const std::uint32_t none = builder.type({}, {});
        WasmCode code;
        for (std::int32_t i = 0; i < 10; ++i) {
            code.i32(8 * i).op(Opcode::ref_null).type(ValType::funcref);
            code.i32(1 << 20);
            code.op(Opcode::table_grow, static_cast<std::uint32_t>(i) % 2);
            code.op(Opcode::i32_store, 2, 0);
        }
        const std::uint32_t entry = builder.function(none, code);
        builder.table(0);
        builder.table(3);
        builder.memory(1);
        builder.export_function("_start", entry);
        const Image image = image_of(builder.build());
        const auto state = load_task(image, inputs_of(kPlenty, kPlenty));
        finish(*state);
        REQUIRE(status(*state) == static_cast<std::uint64_t>(RunStatus::exited));
        // Seven fit; from then on there is no room, at no gas.
        CHECK((word_at(*state, 8 * 6) & 0xffff'ffff) == 3U << 20U);
        for (std::uint64_t i = 7; i < 10; ++i)
            CHECK((word_at(*state, 8 * i) & 0xffff'ffff) == 0xffff'ffff);
        CHECK(state->reg(Register::pages_live) == 7 * 2048 + 1);
        CHECK(state->reg(Register::gas_used) < 8U << 20U);

        WasmBuilder large;
        const std::uint32_t start = large.function(large.type({}, {}), WasmCode{});
        large.table(10'000'000);  // 19,532 pages
        large.export_function("_start", start);
        const Image refused = image_of(large.build());
        const auto never = load_task(refused, inputs_of(kPlenty, kPlenty));
        finish(*never);
        CHECK(never->reg(Register::trap_code) ==
              static_cast<std::uint64_t>(TrapCode::memory_limit));
    }

    TEST_CASE("a gas limit above 2^50 is refused where a task begins, and never wraps") {
        const Image image = image_of(command_module(WasmCode{}));
        for (const std::uint64_t limit : {kGasLimitMax + 1, ~std::uint64_t{0}}) {
            TaskInputs inputs = inputs_of(kPlenty, kPlenty);
            store_le(inputs.arguments.data() + arguments_offset::gas_limit, limit);
            const auto state = load_task(image, inputs);
            CHECK(run_to_boundary(*state) == RunStop::ended);
            CHECK(state->reg(Register::trap_code) ==
                  static_cast<std::uint64_t>(TrapCode::memory_limit));
        }
        const auto state = load_task(image, inputs_of(kGasLimitMax, kPlenty));
        finish(*state);
        CHECK(status(*state) == static_cast<std::uint64_t>(RunStatus::exited));
    }

    /// Runs in segments of 10,000 gas, none of which may come to `bound`; gives the gas at the last
    /// boundary before the end.
    std::uint64_t run_in_segments(const Image& image, std::uint64_t bound) {
        const auto state = load_task(image, inputs_of(kPlenty, 10'000));
        std::uint64_t last = 0;
        for (;;) {
            const RunStop stop = run_to_boundary(*state);
            const std::uint64_t gas = state->reg(Register::gas_used);
            CHECK(gas - last < bound);
            if (stop != RunStop::boundary) return last;
            last = gas;
        }
    }

    TEST_CASE("straight code is tested every few hundred gas, and so is what follows a call") {
        // Each frame's tail charges nothing that is not tested: the overshoot stays small even
        // when thousands of frames return one after the other.
        WasmBuilder builder;
        const std::uint32_t none = builder.type({}, {});
        const std::uint32_t unary = builder.type({ValType::i32}, {});
        WasmCode descend;
        descend.op(Opcode::local_get, 0).open(Opcode::if_);
        descend.op(Opcode::local_get, 0).i32(1).op(Opcode::i32_sub).op(Opcode::call, 0).end();
        for (int i = 0; i < 2000; ++i)
            descend.op(Opcode::local_get, 0).i32(3).op(Opcode::i32_mul).op(Opcode::local_set, 0);
        const std::uint32_t function = builder.function(unary, descend);
        WasmCode start;
        start.i32(1000).op(Opcode::call, function);
        const std::uint32_t entry = builder.function(none, start);
        builder.export_function("_start", entry);
        const Image image = image_of(builder.build());
        CHECK(run_in_segments(image, 10'000 + 4 * gas::kUntestedMax) > 5'000'000);
    }

    TEST_CASE("frames that hand on a thousand results each do not go untested") {
        constexpr std::size_t kResults = 1'000;
        constexpr int kDepth = 1'000;
        WasmBuilder builder;
        const std::uint32_t none = builder.type({}, {});
        const std::vector<ValType> many(kResults, ValType::i32);
        const std::uint32_t unary = builder.type({ValType::i32}, many);
        WasmCode descend;
        descend.op(Opcode::local_get, 0).op(Opcode::i32_eqz).open(Opcode::if_);
        for (std::size_t i = 0; i < kResults; ++i) descend.i32(0);
        descend.op(Opcode::return_).end();
        descend.op(Opcode::local_get, 0).i32(1).op(Opcode::i32_sub).op(Opcode::call, 0);
        // A block that begins behind the call: what follows is not charged before it.
        descend.open(Opcode::block).op(Opcode::local_get, 0).op(Opcode::br_if, 0).end();
        const std::uint32_t function = builder.function(unary, descend);
        WasmCode start;
        start.i32(kDepth).op(Opcode::call, function);
        for (std::size_t i = 0; i < kResults; ++i) start.op(Opcode::drop);
        const std::uint32_t entry = builder.function(none, start);
        builder.export_function("_start", entry);
        const Image image = image_of(builder.build());
        CHECK(run_in_segments(image, 10'000 + kResults + 4 * gas::kUntestedMax) >
              kDepth * kResults);
    }
}
