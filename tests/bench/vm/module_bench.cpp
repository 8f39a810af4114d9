// Decoding, validating and lowering a large module. Usage: bench_module [MEGABYTES | FILE.wasm]
// Without a file a module is made of functions like a compiler's: locals, arithmetic, loads,
// branches, calls, from a fixed seed. Names: vm/module/<operation>/megabytes:<size>.
#include <fmt/core.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/rng.hpp"
#include "tests/bench/stopwatch.hpp"
#include "tests/support/wasm_builder.hpp"
#include "vm/image/image.hpp"
#include "vm/image/publish.hpp"
#include "vm/module/check.hpp"

namespace {

using namespace millrace;
using test::WasmCode;
using vm::Opcode;
using vm::ValType;

constexpr std::size_t kFunctionSize = 600;

/// One statement: two operands, an operation, a store into a local or into memory.
void add_statement(WasmCode& code, Rng& rng, std::uint32_t callee) {
    const auto local = [&] { return static_cast<std::uint32_t>(rng.below(12)); };
    switch (rng.below(6)) {
        case 0:
            code.op(Opcode::local_get, local()).op(Opcode::i32_load, 2, 16 * local());
            code.op(Opcode::local_get, local()).op(Opcode::i32_add).op(Opcode::local_set, local());
            break;
        case 1:
            code.op(Opcode::local_get, local()).op(Opcode::local_get, local());
            code.i32(static_cast<std::int32_t>(rng.next())).op(Opcode::i32_xor);
            code.op(Opcode::i32_store, 2, 8);
            break;
        case 2:
            code.open(Opcode::block).op(Opcode::local_get, local()).op(Opcode::br_if, 0);
            code.op(Opcode::local_get, local()).i32(1).op(Opcode::i32_sub);
            code.op(Opcode::local_set, local()).end();
            break;
        case 3:
            code.op(Opcode::local_get, local()).op(Opcode::local_get, local());
            code.op(Opcode::call, callee).op(Opcode::local_set, local());
            break;
        case 4:
            code.open(Opcode::loop).op(Opcode::local_get, local()).op(Opcode::local_get, local());
            code.op(Opcode::i32_lt_u).op(Opcode::br_if, 0).end();
            break;
        default:
            code.op(Opcode::local_get, local()).op(Opcode::f64_convert_i32_s);
            code.f64_bits(0x3ff8'0000'0000'0000).op(Opcode::f64_mul);
            code.op(Opcode::i32_trunc_sat_f64_s).op(Opcode::local_set, local());
            break;
    }
}

Bytes large_module(std::size_t size) {
    Rng rng(1);
    test::WasmBuilder b;
    const auto type = b.type({ValType::i32, ValType::i32}, {ValType::i32});
    b.memory(16);
    const auto functions = static_cast<std::uint32_t>(size / kFunctionSize);
    for (std::uint32_t f = 0; f < functions; ++f) {
        WasmCode code;
        while (code.size() < kFunctionSize - 10)
            add_statement(code, rng, static_cast<std::uint32_t>(rng.below(functions)));
        code.op(Opcode::local_get, 0);
        b.function(type, code, {{10, ValType::i32}});
    }
    b.export_function("_start", b.function(b.type({}, {}), WasmCode{}));
    b.export_memory("memory");
    return b.build();
}

Bytes input(const char* argument) {
    if (argument != nullptr && std::filesystem::is_regular_file(argument)) {
        std::ifstream in(argument, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    const std::size_t megabytes = argument != nullptr ? std::strtoul(argument, nullptr, 10) : 30;
    return large_module(megabytes * 1'000'000);
}

void report(const char* operation, std::size_t size, double milliseconds) {
    const double megabytes = static_cast<double>(size) / 1e6;
    fmt::print("vm/module/{}/megabytes:{:.1f}  {:.1f} ms  {:.1f} MB/s\n", operation, megabytes,
               milliseconds, megabytes / milliseconds * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
    Bytes binary = input(argc > 1 ? argv[1] : nullptr);
    const std::size_t size = binary.size();
    bench::Stopwatch decoding;
    auto decoded = vm::decode_module(std::move(binary));
    const double decoded_ms = decoding.milliseconds();
    report("decode", size, decoded_ms);
    if (!decoded.has_value()) {
        fmt::print("refused: {}\n", decoded.error().sentence());
        return 1;
    }
    bench::Stopwatch validating;
    const auto valid = vm::validate(*std::move(decoded));
    const double validated_ms = validating.milliseconds();
    report("validate", size, validated_ms);
    if (!valid.has_value()) {
        fmt::print("refused: {}\n", valid.error().sentence());
        return 1;
    }
    bench::Stopwatch walking;
    const vm::ModuleReport summary = vm::make_report(*valid);
    report("walk", size, walking.milliseconds());
    vm::ImageOptions options;
    options.for_harness = true;  // any module: no `_start` needed, no root made
    bench::Stopwatch lowering;
    const auto image = vm::make_image(*valid, options);
    report("lower", size, lowering.milliseconds());
    report("decode_validate_lower", size, decoded_ms + validated_ms + lowering.milliseconds());
    if (image.has_value())
        fmt::print("image: {} words of code; ", image->code.size());
    else
        fmt::print("image refused: {}; ", image.error().detail);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    fmt::print("peak of the process: {:.1f} times the module\n",
               static_cast<double>(usage.ru_maxrss) * 1024 / static_cast<double>(size));
    const Bytes again = input(argc > 1 ? argv[1] : nullptr);
    bench::Stopwatch publishing;
    if (vm::publish(again).has_value())
        report("publish, with the image root", size, publishing.milliseconds());
    fmt::print("{}", vm::to_text(summary));
    return 0;
}
