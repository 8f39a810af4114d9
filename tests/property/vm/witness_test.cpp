#include "vm/machine/witness.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "common/rng.hpp"
#include "tests/support/machine_programs.hpp"
#include "vm/machine/recording.hpp"
#include "vm/machine/wasi_hosts.hpp"

using namespace millrace;
using namespace millrace::vm;
using namespace millrace::test;

namespace {

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 30;

SparsePageTree tree_of(const DirectAccess& state) {
    SparsePageTree tree;
    const auto leaves = state.leaves();
    tree.update(leaves);
    return tree;
}

/// The direct policy at a position of a segment, from scratch.
std::unique_ptr<DirectAccess> at_position(const Image& image, const TaskInputs& inputs,
                                          std::size_t segment, std::uint64_t position) {
    auto state = load_task(image, inputs);
    for (std::size_t i = 0; i < segment; ++i) static_cast<void>(run_to_boundary(*state));
    if (position != 0) static_cast<void>(run_to_position(*state, 0, position));
    return state;
}

/// A state that nobody ever ran: any registers, any code, any frames.
class GarbledReader final : public PageReader {
  public:
    GarbledReader(const PageReader& base, std::uint64_t seed) : base_(&base), seed_(seed) {}
    void read_page(std::uint64_t page, std::array<std::uint8_t, kPageSize>& out) const override {
        base_->read_page(page, out);
        Rng noise(seed_ ^ page);
        for (int i = 0; i < 24; ++i) {
            const std::size_t word = noise.chance(2) ? noise.below(40) : noise.below(512);
            store_le<std::uint64_t>(out.data() + 8 * word, noise.next() >> noise.below(64));
        }
        if (page != 0) return;
        store_le<std::uint64_t>(out.data() + 8, noise.below(2));        // status
        store_le<std::uint64_t>(out.data() + 8 * 2, noise.below(120));  // pc
        // Half of them inside some unfinished end or boundary.
        store_le<std::uint64_t>(out.data() + 8 * 19, noise.chance(2) ? 0 : noise.below(5));
    }

  private:
    const PageReader* base_;
    std::uint64_t seed_;
};

}  // namespace

TEST_SUITE("vm/machine/witness") {
    TEST_CASE("counted and uncounted runs reach the same boundaries and the same end") {
        for (const Program& program : all_programs()) {
            CAPTURE(program.name);
            const Image image = image_of(program.module);
            const TaskInputs inputs = inputs_of(kPlenty, 2000);
            const auto fast = load_task(image, inputs);
            const auto counted = load_task(image, inputs);
            for (int segment = 0; segment < 1000; ++segment) {
                const RunStop stop = run_to_boundary(*fast);
                CHECK(run_to_position(*counted, 0, std::uint64_t{1} << 40) == stop);
                REQUIRE(fast->root() == counted->root());
                if (stop == RunStop::ended) break;
            }
            CHECK(is_end(fast->reg(Register::status)));
        }
    }

    TEST_CASE("a run stopped anywhere goes on as if it had not been") {
        const std::uint64_t seed = 20'260'101;
        CAPTURE(seed);
        Rng rng(seed);
        for (const Program& program : all_programs()) {
            CAPTURE(program.name);
            const Image image = image_of(program.module);
            const TaskInputs inputs = inputs_of(kPlenty, kPlenty);
            const auto whole = load_task(image, inputs);
            static_cast<void>(run_to_boundary(*whole));
            const auto pieces = load_task(image, inputs);
            std::uint64_t position = 0;
            for (int i = 0; i < 200; ++i) {
                const std::uint64_t next = position + rng.between(1, 60);
                if (run_to_position(*pieces, position, next) != RunStop::steps) break;
                position = next;
            }
            static_cast<void>(run_to_position(*pieces, position, std::uint64_t{1} << 40));
            CHECK(pieces->root() == whole->root());
        }
    }

    TEST_CASE("direct, recording and witness agree on every stretch of steps") {
        const std::uint64_t seed = 77;
        CAPTURE(seed);
        Rng rng(seed);
        unsigned most = 0;
        for (const Program& program : all_programs()) {
            CAPTURE(program.name);
            const Image image = image_of(program.module);
            const TaskInputs inputs = inputs_of(kPlenty, program.name == "loop" ? 900 : kPlenty);
            for (int round = 0; round < 24; ++round) {
                const std::size_t segment = program.name == "loop" ? rng.below(4) : 0;
                // Dense near the start, and far out where endings are made.
                const std::uint64_t position =
                    round < 8 ? static_cast<std::uint64_t>(round) : rng.below(4'000);
                const std::uint64_t steps = rng.between(1, 12);
                CAPTURE(segment);
                CAPTURE(position);
                CAPTURE(steps);
                const auto before = at_position(image, inputs, segment, position);
                const SparsePageTree tree = tree_of(*before);
                const DirectReader reader(*before);
                const auto made = make_witness(reader, tree, position, steps);
                REQUIRE(made.has_value());
                most = std::max(most, made->step_pages_max);
                const auto after = at_position(image, inputs, segment, position + steps);
                CHECK(made->after == after->root());
                const auto verified = verify_witness(tree.root(), position, steps, made->witness);
                REQUIRE(verified.has_value());
                CHECK(*verified == after->root());
            }
        }
        CHECK(most <= kStepPagesMax);
        CHECK(most > 4);
    }

    TEST_CASE("no byte of a witness can be changed") {
        const std::uint64_t seed = 5;
        CAPTURE(seed);
        Rng rng(seed);
        for (const Program& program : all_programs()) {
            CAPTURE(program.name);
            const Image image = image_of(program.module);
            const TaskInputs inputs = inputs_of(kPlenty, kPlenty);
            const std::uint64_t position = rng.between(3, 30);
            const auto before = at_position(image, inputs, 0, position);
            const SparsePageTree tree = tree_of(*before);
            const DirectReader reader(*before);
            const auto made = make_witness(reader, tree, position, 3);
            REQUIRE(made.has_value());
            for (int i = 0; i < 60; ++i) {
                Witness changed = made->witness;
                changed.contents[rng.below(changed.contents.size())] ^=
                    static_cast<std::uint8_t>(1U << rng.below(8));
                CHECK(!verify_witness(tree.root(), position, 3, changed).has_value());
            }
            for (std::size_t i = 0; i < made->witness.proof.siblings.size(); ++i) {
                Witness changed = made->witness;
                changed.proof.siblings[i].bytes[rng.below(32)] ^= 1;
                CHECK(!verify_witness(tree.root(), position, 3, changed).has_value());
            }
            for (std::size_t i = 0; i < made->witness.proof.flags.size() * 8; ++i) {
                Witness changed = made->witness;
                changed.proof.flags[i / 8] ^= static_cast<std::uint8_t>(1U << (i % 8));
                CHECK(!verify_witness(tree.root(), position, 3, changed).has_value());
            }
            for (std::size_t i = 0; i < made->witness.proof.pages.size(); ++i) {
                Witness changed = made->witness;
                changed.proof.pages[i] ^= std::uint64_t{1} << rng.below(52);
                CHECK(!verify_witness(tree.root(), position, 3, changed).has_value());
            }
        }
    }

    TEST_CASE("a witness with a page too few or too many is refused by name") {
        const Image image = image_of(loop_program(50));
        const TaskInputs inputs = inputs_of(kPlenty, kPlenty);
        const auto before = at_position(image, inputs, 0, 9);
        const SparsePageTree tree = tree_of(*before);
        const DirectReader reader(*before);
        const auto made = make_witness(reader, tree, 9, 2);
        REQUIRE(made.has_value());
        const auto with_pages = [&](std::vector<std::uint64_t> pages) {
            std::sort(pages.begin(), pages.end());
            Witness out;
            out.proof = *make_page_proof(tree, pages);
            for (const std::uint64_t page : pages) {
                RecordingAccess::Page bytes;
                before->read_page(page, bytes);
                out.contents.insert(out.contents.end(), bytes.begin(), bytes.end());
            }
            return verify_witness(tree.root(), 9, 2, out);
        };
        std::vector<std::uint64_t> pages = made->witness.proof.pages;
        REQUIRE(pages.size() >= 2);
        std::vector<std::uint64_t> fewer(pages.begin(), pages.end() - 1);
        CHECK(with_pages(fewer).error() == WitnessError::page_missing);
        pages.push_back(0x1234567);
        CHECK(with_pages(pages).error() == WitnessError::page_unused);
        Witness short_contents = made->witness;
        short_contents.contents.pop_back();
        CHECK(verify_witness(tree.root(), 9, 2, short_contents).error() ==
              WitnessError::bad_contents);
        CHECK(verify_witness(Hash{}, 9, 2, made->witness).error() == WitnessError::other_root);
        CHECK(verify_witness(tree.root(), 9, kWitnessStepsMax + 1, made->witness).error() ==
              WitnessError::too_many_steps);
    }

    TEST_CASE("ended and yielded states step to themselves") {
        for (const std::uint64_t segment : {std::uint64_t{400}, kPlenty}) {
            const Image image = image_of(loop_program(50));
            const auto state = load_task(image, inputs_of(kPlenty, segment));
            static_cast<void>(run_to_boundary(*state));
            const SparsePageTree tree = tree_of(*state);
            const DirectReader reader(*state);
            const auto made = make_witness(reader, tree, 1'000'000, 5);
            REQUIRE(made.has_value());
            CHECK(made->after == tree.root());
        }
    }

    TEST_CASE("made-up states are run without harm") {
        const std::uint64_t seed = 99;
        CAPTURE(seed);
        Rng rng(seed);
        const Image image = image_of(bulk_program());
        const auto state = load_task(image, inputs_of(kPlenty, kPlenty));
        const DirectReader reader(*state);
        int completed = 0;
        for (int round = 0; round < 2'000; ++round) {
            const GarbledReader garbled(reader, rng.next());
            WitnessAccess access;
            // Pages are given as they are asked for, as a liar would who wants the run to go on.
            for (int attempt = 0; attempt < 60; ++attempt) {
                WitnessAccess trial = access;
                WasiHosts hosts;
                StepBudget budget{1, 40};
                if (run_segment<true>(trial, hosts, budget) != RunStop::fault) {
                    ++completed;
                    break;
                }
                if (!trial.missing()) break;  // an access that no page can serve
                WitnessAccess::Page bytes;
                garbled.read_page(*trial.missing(), bytes);
                access.add(*trial.missing(), bytes);
            }
        }
        CHECK(completed > 500);
    }
}
