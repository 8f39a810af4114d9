#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/rng.hpp"
#include "tests/support/machine_programs.hpp"
#include "vm/machine/task_run.hpp"

/// Random structured programs, run by the machine and by an oracle that walks their tree: operands
/// left on the stack while locals change, values carried by branches, tables, loops, calls.
using namespace millrace;
using namespace millrace::vm;
using namespace millrace::test;

namespace {

enum class Kind : std::uint8_t {
    constant,     // -> value
    get,          // local -> value
    tee,          // local, child -> value
    binary,       // op, two children -> value
    eqz,          // child -> value
    select,       // three children -> value
    after,        // statement child, then value child -> value
    if_value,     // condition, then, else -> value
    block_value,  // child -> value; label of arity 1
    br_if_value,  // value, condition; depth -> value kept when not taken
    load,         // address child -> value
    call,         // two children -> value
    set,          // local, child
    store,        // address, value
    discard,      // child
    sequence,     // statements
    if_,          // condition, then, else
    block,        // statement; label of arity 0
    loop,         // statement, condition: again while it holds and there is fuel
    br_if,        // condition; depth
    br,           // depth, arity 0
    table,        // index child; depths
    table_value,  // value, index children; depths
};

struct Node {
    Kind kind = Kind::constant;
    std::int32_t number = 0;
    std::vector<Node> kids;
    std::vector<std::uint32_t> depths;
};

constexpr std::uint32_t kLocals = 6;
constexpr std::uint32_t kFuel = 6;  // the local that bounds all loops
constexpr std::array kOps = {
    Opcode::i32_add,  Opcode::i32_sub,  Opcode::i32_mul,   Opcode::i32_and,   Opcode::i32_or,
    Opcode::i32_xor,  Opcode::i32_shl,  Opcode::i32_shr_s, Opcode::i32_shr_u, Opcode::i32_rotl,
    Opcode::i32_lt_s, Opcode::i32_lt_u, Opcode::i32_gt_s,  Opcode::i32_le_u,  Opcode::i32_ge_s,
    Opcode::i32_eq,   Opcode::i32_ne};

class Generator {
  public:
    explicit Generator(Rng& rng) : rng_(rng) {}

    Node statement(int depth) {
        const std::uint64_t pick = depth <= 0 ? rng_.below(3) : rng_.below(11);
        switch (pick) {
            case 0:
                return {Kind::set, local(), {value(depth - 1)}, {}};
            case 1:
                return {Kind::store, 0, two(depth - 1), {}};
            case 2:
                return {Kind::discard, 0, {value(depth - 1)}, {}};
            case 3:
            case 4:
                return {Kind::sequence, 0, some(depth - 1), {}};
            case 5: {
                Node condition = value(depth - 1);
                labels_.push_back(0);
                Node yes = statement(depth - 1);
                Node no = statement(depth - 1);
                labels_.pop_back();
                return {Kind::if_, 0, {std::move(condition), std::move(yes), std::move(no)}, {}};
            }
            case 6: {
                labels_.push_back(0);
                Node body{Kind::sequence, 0, some(depth - 1), {}};
                labels_.pop_back();
                return {Kind::block, 0, {std::move(body)}, {}};
            }
            case 7: {
                labels_.push_back(0);  // of the block round the loop
                labels_.push_back(0);
                Node body{Kind::sequence, 0, some(depth - 1), {}};
                Node again = value(depth - 2);
                labels_.pop_back();
                labels_.pop_back();
                return {Kind::loop, 0, {std::move(body), std::move(again)}, {}};
            }
            case 8:
                if (const auto to = label(0)) return {Kind::br_if, 0, {value(depth - 1)}, {*to}};
                return {Kind::discard, 0, {value(depth - 1)}, {}};
            case 9:
                if (const auto to = label(0); to && rng_.chance(3)) return {Kind::br, 0, {}, {*to}};
                return {Kind::set, local(), {value(depth - 1)}, {}};
            default: {
                Node index = value(depth - 1);
                const auto to = targets(0);
                if (to.empty()) return {Kind::discard, 0, {std::move(index)}, {}};
                return {Kind::table, 0, {std::move(index)}, to};
            }
        }
    }

    Node value(int depth) {
        const std::uint64_t pick = depth <= 0 ? rng_.below(2) : rng_.below(15);
        switch (pick) {
            case 0:
                return {Kind::constant, constant(), {}, {}};
            case 1:
            case 2:
                return {Kind::get, local(), {}, {}};
            case 3:
                return {Kind::tee, local(), {value(depth - 1)}, {}};
            case 4:
            case 5:
            case 6:
                return {Kind::binary,
                        static_cast<std::int32_t>(rng_.below(kOps.size())),
                        two(depth - 1),
                        {}};
            case 7:
                return {Kind::eqz, 0, {value(depth - 1)}, {}};
            case 8: {
                std::vector<Node> kids = two(depth - 1);
                kids.push_back(value(depth - 1));
                return {Kind::select, 0, std::move(kids), {}};
            }
            case 9: {
                Node first = statement(depth - 1);
                Node then = value(depth - 1);
                return {Kind::after, 0, {std::move(first), std::move(then)}, {}};
            }
            case 10: {
                Node condition = value(depth - 1);
                labels_.push_back(1);
                std::vector<Node> arms = two(depth - 1);
                labels_.pop_back();
                return {Kind::if_value,
                        0,
                        {std::move(condition), std::move(arms[0]), std::move(arms[1])},
                        {}};
            }
            case 11: {
                labels_.push_back(1);
                Node body = value(depth - 1);
                labels_.pop_back();
                return {Kind::block_value, 0, {std::move(body)}, {}};
            }
            case 12:
                if (const auto to = label(1)) return {Kind::br_if_value, 0, two(depth - 1), {*to}};
                return {Kind::load, 0, {value(depth - 1)}, {}};
            case 13: {
                const auto to = targets(1);
                if (!to.empty()) return {Kind::table_value, 0, two(depth - 1), to};
                return {Kind::load, 0, {value(depth - 1)}, {}};
            }
            default:
                return {Kind::call, 0, two(depth - 1), {}};
        }
    }

  private:
    std::vector<Node> some(int depth) {
        std::vector<Node> out;
        const std::uint64_t count = rng_.between(1, 4);
        for (std::uint64_t i = 0; i < count; ++i) out.push_back(statement(depth));
        return out;
    }
    std::vector<Node> two(int depth) {
        std::vector<Node> out;
        out.push_back(value(depth));
        out.push_back(value(depth));
        return out;
    }
    std::int32_t local() { return static_cast<std::int32_t>(rng_.below(kLocals)); }
    std::int32_t constant() {
        return rng_.chance(4) ? static_cast<std::int32_t>(static_cast<std::uint32_t>(rng_.next()))
                              : static_cast<std::int32_t>(rng_.below(9)) - 3;
    }
    std::optional<std::uint32_t> label(int arity) {
        std::vector<std::uint32_t> fitting = all_labels(arity);
        if (fitting.empty()) return std::nullopt;
        return fitting[rng_.below(fitting.size())];
    }
    std::vector<std::uint32_t> all_labels(int arity) const {
        std::vector<std::uint32_t> fitting;
        for (std::size_t i = 0; i < labels_.size(); ++i)
            if (labels_[labels_.size() - 1 - i] == arity)
                fitting.push_back(static_cast<std::uint32_t>(i));
        return fitting;
    }
    std::vector<std::uint32_t> targets(int arity) {
        std::vector<std::uint32_t> out;
        if (!label(arity)) return out;
        const std::uint64_t count = rng_.between(1, 5);
        for (std::uint64_t i = 0; i < count; ++i) out.push_back(*label(arity));
        return out;
    }

    Rng& rng_;
    std::vector<int> labels_;
};

/// WebAssembly of a tree.
void write(WasmCode& code, const Node& node) {
    const auto kid = [&](std::size_t i) { write(code, node.kids[i]); };
    const auto address = [&] { code.i32(0xfc).op(Opcode::i32_and); };
    switch (node.kind) {
        case Kind::constant:
            code.i32(node.number);
            return;
        case Kind::get:
            code.op(Opcode::local_get, node.number);
            return;
        case Kind::tee:
            kid(0);
            code.op(Opcode::local_tee, node.number);
            return;
        case Kind::binary:
            kid(0);
            kid(1);
            code.op(kOps.at(static_cast<std::size_t>(node.number)));
            return;
        case Kind::eqz:
            kid(0);
            code.op(Opcode::i32_eqz);
            return;
        case Kind::select:
            kid(0);
            kid(1);
            kid(2);
            code.op(Opcode::select);
            return;
        case Kind::after:
            kid(0);
            kid(1);
            return;
        case Kind::if_value:
            kid(0);
            code.open(Opcode::if_, ValType::i32);
            kid(1);
            code.op(Opcode::else_);
            kid(2);
            code.end();
            return;
        case Kind::block_value:
            code.open(Opcode::block, ValType::i32);
            kid(0);
            code.end();
            return;
        case Kind::br_if_value:
            kid(0);
            kid(1);
            code.op(Opcode::br_if, node.depths[0]);
            return;
        case Kind::load:
            kid(0);
            address();
            code.op(Opcode::i32_load, 2, 0);
            return;
        case Kind::call:
            kid(0);
            kid(1);
            code.op(Opcode::call, 0);
            return;
        case Kind::set:
            kid(0);
            code.op(Opcode::local_set, node.number);
            return;
        case Kind::store:
            kid(0);
            address();
            kid(1);
            code.op(Opcode::i32_store, 2, 0);
            return;
        case Kind::discard:
            kid(0);
            code.op(Opcode::drop);
            return;
        case Kind::sequence:
            for (std::size_t i = 0; i < node.kids.size(); ++i) kid(i);
            return;
        case Kind::if_:
            kid(0);
            code.open(Opcode::if_);
            kid(1);
            code.op(Opcode::else_);
            kid(2);
            code.end();
            return;
        case Kind::block:
            code.open(Opcode::block);
            kid(0);
            code.end();
            return;
        case Kind::loop:
            code.open(Opcode::block).open(Opcode::loop);
            code.op(Opcode::local_get, kFuel).i32(1).op(Opcode::i32_sub);
            code.op(Opcode::local_tee, kFuel).i32(0).op(Opcode::i32_le_s).op(Opcode::br_if, 1);
            kid(0);
            kid(1);
            code.op(Opcode::br_if, 0).end().end();
            return;
        case Kind::br_if:
            kid(0);
            code.op(Opcode::br_if, node.depths[0]);
            return;
        case Kind::br:
            code.op(Opcode::br, node.depths[0]);
            return;
        case Kind::table:
            kid(0);
            code.br_table({node.depths.begin(), node.depths.end() - 1}, node.depths.back());
            return;
        case Kind::table_value:
            kid(0);
            kid(1);
            code.br_table({node.depths.begin(), node.depths.end() - 1}, node.depths.back());
            return;
    }
}

/// Walks the tree; written from the specification, not from the machine.
class Oracle {
  public:
    std::array<std::uint32_t, kLocals + 1> locals{};
    std::array<std::uint32_t, 64> memory{};

    /// A branch under way: labels still to leave, and the value it carries.
    struct Flow {
        std::optional<std::uint32_t> depth;
        std::uint32_t value = 0;
    };

    Flow run(const Node& node) {
        Flow first;
        Flow second;
        const auto leave = [](Flow flow) {
            if (flow.depth) {
                if (*flow.depth == 0)
                    flow.depth.reset();
                else
                    --*flow.depth;
            }
            return flow;
        };
        const auto jump = [&](std::uint32_t index, std::uint32_t value) {
            const std::size_t i = std::min<std::size_t>(index, node.depths.size() - 1);
            return Flow{node.depths[i], value};
        };
        if (node.kind == Kind::sequence) {
            for (const Node& kid : node.kids)
                if (const Flow flow = run(kid); flow.depth) return flow;
            return {};
        }
        if (node.kind == Kind::loop) return leave(run_loop(node));
        if (node.kind == Kind::block || node.kind == Kind::block_value)
            return leave(run(node.kids[0]));
        if (!node.kids.empty()) {
            first = run(node.kids[0]);
            if (first.depth) return first;
        }
        if (node.kind == Kind::if_ || node.kind == Kind::if_value)
            return leave(run(node.kids[first.value != 0 ? 1 : 2]));
        if (node.kids.size() > 1) {
            second = run(node.kids[1]);
            if (second.depth) return second;
        }
        const std::uint32_t a = first.value;
        const std::uint32_t b = second.value;
        switch (node.kind) {
            case Kind::constant:
                return {std::nullopt, static_cast<std::uint32_t>(node.number)};
            case Kind::get:
                return {std::nullopt, locals.at(static_cast<std::size_t>(node.number))};
            case Kind::tee:
            case Kind::set:
                locals.at(static_cast<std::size_t>(node.number)) = a;
                return {std::nullopt, a};
            case Kind::binary:
                return {std::nullopt, apply(kOps.at(static_cast<std::size_t>(node.number)), a, b)};
            case Kind::eqz:
                return {std::nullopt, a == 0 ? 1U : 0U};
            case Kind::select: {
                const Flow third = run(node.kids[2]);
                if (third.depth) return third;
                return {std::nullopt, third.value != 0 ? a : b};
            }
            case Kind::after:
                return {std::nullopt, b};
            case Kind::br_if_value:
                if (b != 0) return {node.depths[0], a};
                return {std::nullopt, a};
            case Kind::load:
                return {std::nullopt, memory.at((a & 0xfc) / 4)};
            case Kind::store:
                memory.at((a & 0xfc) / 4) = b;
                return {};
            case Kind::call:  // the first function: (a ^ 5) - 3 b
                return {std::nullopt, (a ^ 5U) - 3U * b};
            case Kind::discard:
                return {};
            case Kind::br_if:
                if (a != 0) return {node.depths[0], 0};
                return {};
            case Kind::br:
                return {node.depths[0], 0};
            case Kind::table:
                return jump(a, 0);
            case Kind::table_value:
                return jump(b, a);
            default:
                FAIL("not a node");
                return {};
        }
    }

  private:
    /// Leaves one label (the loop's); the caller leaves the block's.
    Flow run_loop(const Node& node) {
        for (;;) {
            locals[kFuel] -= 1;
            if (static_cast<std::int32_t>(locals[kFuel]) <= 0) return {std::uint32_t{0}, 0};
            Flow flow = run(node.kids[0]);
            if (!flow.depth) flow = run(node.kids[1]);
            if (!flow.depth) {
                if (flow.value != 0) continue;
                return {std::uint32_t{0}, 0};
            }
            if (*flow.depth != 0) return {*flow.depth - 1, flow.value};
        }
    }
    static std::uint32_t apply(Opcode op, std::uint32_t a, std::uint32_t b) {
        const auto sa = static_cast<std::int32_t>(a);
        const auto sb = static_cast<std::int32_t>(b);
        const std::uint32_t n = b % 32;
        switch (op) {
            case Opcode::i32_add:
                return a + b;
            case Opcode::i32_sub:
                return a - b;
            case Opcode::i32_mul:
                return a * b;
            case Opcode::i32_and:
                return a & b;
            case Opcode::i32_or:
                return a | b;
            case Opcode::i32_xor:
                return a ^ b;
            case Opcode::i32_shl:
                return a << n;
            case Opcode::i32_shr_s:
                return static_cast<std::uint32_t>(sa >> n);
            case Opcode::i32_shr_u:
                return a >> n;
            case Opcode::i32_rotl:
                return n == 0 ? a : (a << n) | (a >> (32 - n));
            case Opcode::i32_lt_s:
                return sa < sb ? 1 : 0;
            case Opcode::i32_lt_u:
                return a < b ? 1 : 0;
            case Opcode::i32_gt_s:
                return sa > sb ? 1 : 0;
            case Opcode::i32_le_u:
                return a <= b ? 1 : 0;
            case Opcode::i32_ge_s:
                return sa >= sb ? 1 : 0;
            case Opcode::i32_eq:
                return a == b ? 1 : 0;
            default:
                return a != b ? 1 : 0;
        }
    }
};

Bytes module_of(const Node& program, std::uint32_t fuel) {
    WasmBuilder builder;
    const std::uint32_t none = builder.type({}, {});
    const std::uint32_t two = builder.type({ValType::i32, ValType::i32}, {ValType::i32});
    WasmCode callee;
    callee.op(Opcode::local_get, 0).i32(5).op(Opcode::i32_xor);
    callee.op(Opcode::local_get, 1).i32(3).op(Opcode::i32_mul).op(Opcode::i32_sub);
    builder.function(two, callee);
    WasmCode code;
    for (std::uint32_t i = 0; i < kLocals; ++i)
        code.i32(static_cast<std::int32_t>(i * 17 + 1)).op(Opcode::local_set, i);
    code.i32(static_cast<std::int32_t>(fuel)).op(Opcode::local_set, kFuel);
    write(code, program);
    for (std::uint32_t i = 0; i <= kFuel; ++i)
        code.i32(static_cast<std::int32_t>(1024 + 4 * i))
            .op(Opcode::local_get, i)
            .op(Opcode::i32_store, 2, 0);
    const std::uint32_t entry = builder.function(none, code, {{kLocals + 1, ValType::i32}});
    builder.memory(1);
    builder.export_memory("memory");
    builder.export_function("_start", entry);
    return builder.build();
}

std::uint32_t word_at(const DirectAccess& state, std::uint64_t offset) {
    std::array<std::uint8_t, 4> raw{};
    state.read(kMemoryBase + offset, raw);
    return load_le<std::uint32_t>(raw.data());
}

}  // namespace

TEST_SUITE("vm/image/lowering") {
    TEST_CASE("random structured programs do what their tree says, on every way to run them") {
        constexpr std::uint32_t kFuelGiven = 40;
        constexpr std::uint64_t kLimit = std::uint64_t{1} << 30;
        std::uint64_t looped = 0;
        for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
            CAPTURE(seed);
            Rng rng(seed * 0x9e3779b9);
            Node program{Kind::block, 0, {}, {}};
            Generator generator(rng);
            Node body{Kind::sequence, 0, {}, {}};
            for (int i = 0; i < 3; ++i) body.kids.push_back(generator.statement(6));
            program.kids.push_back(std::move(body));

            Oracle oracle;
            for (std::uint32_t i = 0; i < kLocals; ++i) oracle.locals.at(i) = i * 17 + 1;
            oracle.locals[kFuel] = kFuelGiven;
            static_cast<void>(oracle.run(program));
            if (oracle.locals[kFuel] != kFuelGiven) ++looped;

            const Image image = image_of(module_of(program, kFuelGiven));
            const auto fast = load_task(image, inputs_of(kLimit, kLimit));
            REQUIRE(run_to_boundary(*fast) == RunStop::ended);
            REQUIRE(fast->reg(Register::status) == static_cast<std::uint64_t>(RunStatus::exited));
            for (std::uint32_t i = 0; i <= kFuel; ++i)
                REQUIRE(word_at(*fast, 1024 + 4 * i) == oracle.locals.at(i));
            for (std::uint32_t i = 0; i < 64; ++i)
                REQUIRE(word_at(*fast, 4 * i) == oracle.memory.at(i));

            if (seed % 10 != 0) continue;
            // Cut by boundaries, whose normal form takes away whatever is not meaningful.
            const auto cut = load_task(image, inputs_of(kLimit, 97));
            while (run_to_boundary(*cut) == RunStop::boundary) {
            }
            CHECK(cut->reg(Register::gas_used) == fast->reg(Register::gas_used));
            for (std::uint32_t i = 0; i <= kFuel; ++i)
                REQUIRE(word_at(*cut, 1024 + 4 * i) == oracle.locals.at(i));
            const auto counted = load_task(image, inputs_of(kLimit, kLimit));
            static_cast<void>(run_to_position(*counted, 0, std::uint64_t{1} << 40));
            REQUIRE(counted->root() == fast->root());
        }
        CHECK(looped > 200);
    }
}
