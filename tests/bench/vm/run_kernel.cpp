/// Runs one module as a task and prints what the comparison needs.
/// usage: bench_run_kernel MODULE.wasm [REPEATS]
#include <time.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "vm/image/publish.hpp"
#include "vm/machine/task_run.hpp"

namespace {

using namespace millrace;
/// Processor time of this process: the machine may have other work.
double seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
double seconds_since(double start) {
    return seconds() - start;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    std::ifstream file(argv[1], std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const Bytes module(text.begin(), text.end());
    const int repeats = argc > 2 ? std::stoi(argv[2]) : 1;
    for (int i = 0; i < repeats; ++i) {
        const auto start = seconds();
        const auto image = vm::publish(module);
        const double lowering = seconds_since(start);
        if (!image) {
            std::fprintf(stderr, "refused: %s\n", image.error().sentence().c_str());
            return 1;
        }
        vm::TaskArguments arguments;
        arguments.args = {"kernel"};
        arguments.gas_limit = std::uint64_t{1} << 40;
        arguments.segment_gas = vm::segment_gas_of(arguments.gas_limit);
        arguments.memory_limit = std::uint64_t{1} << 30;
        const auto page = vm::encode_arguments(arguments);
        if (!page) return 1;
        const auto state = vm::load_task(*image, {*page, {}});
        const auto run_start = seconds();
        while (vm::run_to_boundary(*state) == vm::RunStop::boundary) {
        }
        const double running = seconds_since(run_start);
        const auto root_start = seconds();
        const Hash root = state->root();
        const double rooting = seconds_since(root_start);
        // Where the kernels leave what they computed.
        std::uint8_t result[4] = {};
        state->read(vm::kMemoryBase + 16, result);
        std::printf(
            "run_s %.6f lower_s %.6f root_s %.6f gas %llu status %llu words %zu result %u root "
            "%s\n",
            running, lowering, rooting,
            static_cast<unsigned long long>(state->reg(vm::Register::gas_used)),
            static_cast<unsigned long long>(state->reg(vm::Register::status)), image->code.size(),
            load_le<std::uint32_t>(result), to_hex(root.view()).c_str());
    }
    return 0;
}
