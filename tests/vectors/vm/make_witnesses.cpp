/// make_witnesses SEED COUNT FILE [MODULE...]: witnesses of random stretches of runs, for the
/// checker in Python (tests/vectors/machine_check). Each record: `u32 length ‖ name`, root before
/// 32, `u64` position, `u64` steps, `u32 length ‖ encoded witness`, root after 32.
#define DOCTEST_CONFIG_IMPLEMENT  // the programs' header speaks to doctest
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/codec.hpp"
#include "common/rng.hpp"
#include "tests/support/golden_programs.hpp"
#include "tests/vectors/vm/random_programs.hpp"
#include "vm/machine/recording.hpp"
#include "vm/machine/witness.hpp"

using namespace millrace;
using namespace millrace::vm;
using namespace millrace::test;

namespace {

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 40;
constexpr std::uint64_t kStepsMax = 64;
/// Runs that are drawn from; each is of one program with its own limits.
constexpr std::uint64_t kRuns = 180;
/// A run is drawn from up to this boundary; a program that goes on forever is cut there.
constexpr std::size_t kSegmentsMax = 40;

/// Standard input of three pages, the last not full.
class StandardInput final : public PageSource {
  public:
    StandardInput() : bytes_(9000) { Rng(1).fill(bytes_); }

    [[nodiscard]] ByteView page(std::uint64_t page_index) const override {
        const std::uint64_t from = (page_index - kFirst) * kPageSize;
        if (from >= bytes_.size()) return {};
        return ByteView(bytes_).subspan(from).first(
            std::min<std::uint64_t>(kPageSize, bytes_.size() - from));
    }
    [[nodiscard]] std::vector<Subtree> leaves() const override {
        std::vector<Subtree> out;
        for (std::uint64_t i = 0; i * kPageSize < bytes_.size(); ++i) {
            PageBytes whole{};
            std::ranges::copy(page(kFirst + i), whole.begin());
            out.push_back({0, kFirst + i, page_hash(whole)});
        }
        return out;
    }
    [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }
    [[nodiscard]] Mount mount() const {
        std::vector<Subtree> pages = leaves();
        for (Subtree& page : pages) page.index -= kFirst;
        return {{kRegionLevels, kStdin >> kRegionBits, join_subtrees(kRegionLevels, pages)}, this};
    }

  private:
    static constexpr std::uint64_t kFirst = kStdin >> kPageBits;
    Bytes bytes_;
};

struct Run {
    std::string name;
    Image image;
    TaskInputs inputs;
    /// For each segment: the position whose step begins a boundary or an end, and that of its last
    /// step.
    struct Segment {
        std::uint64_t ending = 0;
        std::uint64_t last = 0;
    };
    std::vector<Segment> segments;
};

bool settled(const DirectAccess& state) {
    return state.reg(Register::status) != static_cast<std::uint64_t>(RunStatus::running);
}

void find_segments(Run& run) {
    const auto state = load_task(run.image, run.inputs);
    while (run.segments.size() < kSegmentsMax && !is_end(state->reg(Register::status))) {
        Run::Segment segment;
        do {
            static_cast<void>(run_to_position(*state, segment.last, segment.last + 1));
            ++segment.last;
            const bool ends = state->reg(Register::pending_status) != 0 || settled(*state);
            if (ends && segment.ending == 0) segment.ending = segment.last;
        } while (!settled(*state));
        run.segments.push_back(segment);
    }
}

TaskInputs limits(Rng& rng, std::uint64_t gas_limit, std::uint64_t segment_gas,
                  const StandardInput& input) {
    TaskArguments arguments;
    arguments.args = {"program", "-x", "", "three words here"};
    arguments.env = {"HOME=/", "LANG=C"};
    arguments.gas_limit = gas_limit;
    arguments.segment_gas = segment_gas;
    // The third of these holds no program; the second lets memory grow a little.
    constexpr std::array<std::uint64_t, 4> kMemory{64 << 20, 3 << 16, 1 << 16, 64 << 20};
    arguments.memory_limit = kMemory.at(rng.chance(12) ? rng.below(4) : 0);
    arguments.stdin_length = input.size();
    arguments.job_time_ns = 1'700'000'000'000'000'000;
    arguments.task_index = 3;
    arguments.task_count = 7;
    rng.fill(arguments.seed.bytes);
    return {*encode_arguments(arguments), {}};
}

/// One run of a program, cut into a few segments, sometimes with too little gas.
Run make_run(Rng& rng, const Program& program, const StandardInput& input) {
    auto image = publish(program.module);
    if (!image.has_value()) {
        std::fprintf(stderr, "%s: %s\n", program.name.c_str(), image.error().sentence().c_str());
        std::exit(1);
    }
    Run run{program.name, std::move(image).value(), {}, {}};
    const Rng same = rng;
    const auto with = [&](std::uint64_t gas_limit, std::uint64_t segment_gas) {
        rng = same;
        TaskInputs inputs = limits(rng, gas_limit, segment_gas, input);
        inputs.mounts.push_back(input.mount());
        return inputs;
    };
    run.inputs = with(kPlenty, kPlenty);
    const auto whole = load_task(run.image, run.inputs);
    static_cast<void>(run_to_boundary(*whole));
    const std::uint64_t gas = whole->reg(Register::gas_used);
    Rng shape(rng.next());
    const std::uint64_t limit = shape.chance(4) ? shape.below(gas + 1) : kPlenty;
    const std::uint64_t segment = shape.chance(2) ? kPlenty : 1 + gas / shape.between(2, 12);
    run.inputs = with(limit, segment);
    static_cast<void>(rng.next());
    find_segments(run);
    return run;
}

struct Draw {
    std::size_t segment = 0;
    std::uint64_t position = 0;
    std::uint64_t steps = 0;
    auto operator<=>(const Draw&) const = default;
};

Draw draw(Rng& rng, const Run& run) {
    Draw out{rng.below(run.segments.size()), 0, rng.between(1, kStepsMax)};
    const Run::Segment& segment = run.segments[out.segment];
    switch (rng.below(16)) {
        case 0:
            out.position = rng.below(3);
            break;
        case 1:
        case 2:  // into its ending
            out.position = segment.ending - std::min(segment.ending, rng.below(out.steps + 1));
            break;
        case 3:
            out.position = rng.between(segment.ending, segment.last);
            out.steps = rng.between(1, 8);
            break;
        case 4:  // into the state that it comes to
            out.steps = rng.between(1, 8);
            out.position = segment.last - std::min(segment.last, rng.below(out.steps + 1));
            break;
        default:
            out.position = rng.below(segment.ending);
            // Seldom far into the zeroing of the stack, which is 2,560 steps alike.
            out.steps = std::min(out.steps, segment.ending - out.position + rng.below(4));
    }
    return out;
}

void put(std::ofstream& out, ByteView bytes, bool sized) {
    std::array<std::uint8_t, 4> length{};
    store_le(length.data(), static_cast<std::uint32_t>(bytes.size()));
    if (sized) out.write(reinterpret_cast<const char*>(length.data()), length.size());
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
}

void write_one(const Run& run, const Draw& drawn, const DirectAccess& before, std::ofstream& out) {
    SparsePageTree tree;
    tree.update(before.leaves());
    const DirectReader reader(before);
    std::uint64_t steps = drawn.steps;
    auto made = make_witness(reader, tree, drawn.position, steps);
    // One step always fits; many may touch too many pages.
    while (!made) made = make_witness(reader, tree, drawn.position, steps /= 2);
    put(out, as_bytes(run.name + " segment " + std::to_string(drawn.segment)), true);
    put(out, tree.root().view(), false);
    for (const std::uint64_t number : {drawn.position, steps}) {
        std::array<std::uint8_t, 8> word{};
        store_le(word.data(), number);
        put(out, word, false);
    }
    put(out, encode(made->witness), true);
    put(out, made->after.view(), false);
}

/// `count` stretches of one run, in their order.
void write_run(Rng& rng, const Run& run, std::uint64_t count, std::ofstream& out) {
    std::vector<Draw> draws;
    for (std::uint64_t i = 0; i < count; ++i) draws.push_back(draw(rng, run));
    std::sort(draws.begin(), draws.end());
    const auto state = load_task(run.image, run.inputs);
    Draw at;
    for (const Draw& next : draws) {
        for (; at.segment < next.segment; ++at.segment, at.position = 0)
            if (at.position < run.segments[at.segment].last)
                static_cast<void>(run_to_boundary(*state));
        if (next.position > at.position)
            static_cast<void>(run_to_position(*state, at.position, next.position));
        at.position = next.position;
        write_one(run, next, *state, out);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        std::fprintf(stderr, "usage: make_witnesses SEED COUNT FILE [MODULE...]\n");
        return 2;
    }
    Rng rng(std::strtoull(argv[1], nullptr, 10));
    const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
    const StandardInput input;
    std::vector<Program> programs;
    for (const GoldenProgram& program : golden_programs())
        programs.push_back({program.name, program.module});
    for (int i = 4; i < argc; ++i) {
        std::ifstream file(argv[i], std::ios::binary);
        programs.push_back({std::filesystem::path(argv[i]).stem(),
                            Bytes(std::istreambuf_iterator<char>(file), {})});
    }
    std::ofstream out(argv[3], std::ios::binary);
    for (std::uint64_t i = 0; i < kRuns; ++i) {
        const std::uint64_t seed = rng.next();
        const Run run =
            i < 2 * programs.size()
                ? make_run(rng, programs[i / 2], input)
                : make_run(rng, {"random " + std::to_string(seed), RandomModule(seed).build()},
                           input);
        write_run(rng, run, count * (i + 1) / kRuns - count * i / kRuns, out);
    }
    out.close();
    return out.good() ? 0 : 1;
}
