#include "vm/machine/claim.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "common/codec.hpp"
#include "common/sparse_page_tree.hpp"
#include "tests/support/machine_programs.hpp"
#include "vm/machine/task_run.hpp"

using namespace millrace;
using namespace millrace::vm;
using namespace millrace::test;

namespace {

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 30;

std::vector<BoundaryEntry> entries_of(std::size_t count) {
    std::vector<BoundaryEntry> out(count);
    for (std::size_t i = 0; i < count; ++i) {
        out[i].state.bytes[0] = static_cast<std::uint8_t>(i);
        out[i].state.bytes[1] = static_cast<std::uint8_t>(i >> 8);
        out[i].next_boundary = 1000 * i;
    }
    return out;
}

/// Three pages somewhere in a subtree, and their hashes.
class ThreePages final : public PageSource {
  public:
    explicit ThreePages(Address base) : base_(base >> kPageBits) {
        for (std::size_t i = 0; i < 3; ++i) {
            pages_[i].fill(static_cast<std::uint8_t>(i + 1));
            leaves_.push_back({0, base_ + kPlaces[i], page_hash(pages_[i])});
        }
    }
    [[nodiscard]] ByteView page(std::uint64_t page_index) const override {
        for (std::size_t i = 0; i < 3; ++i)
            if (page_index == base_ + kPlaces[i]) return pages_[i];
        return {};
    }
    [[nodiscard]] std::vector<Subtree> leaves() const override { return leaves_; }
    /// Root of the subtree of `levels` that begins at the base.
    [[nodiscard]] Hash root(unsigned levels) const {
        std::vector<Subtree> within = leaves_;
        for (Subtree& leaf : within) leaf.index -= base_;
        return join_subtrees(levels, within);
    }

  private:
    static constexpr std::array<std::uint64_t, 3> kPlaces = {0, 1, 777};
    std::uint64_t base_;
    std::array<PageBytes, 3> pages_{};
    std::vector<Subtree> leaves_;
};

}  // namespace

TEST_SUITE("vm/machine/claim") {
    TEST_CASE("each entry of a boundary list opens at its place and at no other") {
        for (const std::size_t count :
             std::initializer_list<std::size_t>{1, 2, 3, 5, 8, 9, 100, 2048}) {
            CAPTURE(count);
            const auto entries = entries_of(count);
            const Hash root = boundary_list_root(entries);
            for (std::size_t i = 0; i < count; i += count > 100 ? 97 : 1) {
                const BoundaryPath path = open_boundary(entries, i);
                CHECK(verify_boundary(root, count, i, entries[i], path));
                CHECK(!verify_boundary(root, count, i + 1, entries[i], path));
                CHECK(!verify_boundary(root, count + 1, i, entries[i], path));
                BoundaryEntry changed = entries[i];
                ++changed.next_boundary;
                CHECK(!verify_boundary(root, count, i, changed, path));
                BoundaryPath longer = path;
                longer.push_back(Hash{});
                CHECK(!verify_boundary(root, count, i, entries[i], longer));
            }
        }
    }

    TEST_CASE("lists that share a beginning have different roots") {
        const auto entries = entries_of(7);
        const std::span<const BoundaryEntry> all(entries);
        for (std::size_t a = 1; a <= 7; ++a)
            for (std::size_t b = a + 1; b <= 7; ++b)
                CHECK(boundary_list_root(all.first(a)) != boundary_list_root(all.first(b)));
    }

    TEST_CASE("a task's claim is what its final state proves") {
        for (const Program& program : all_programs()) {
            CAPTURE(program.name);
            const Image image = image_of(program.module);
            const TaskInputs inputs = inputs_of(kPlenty, 3000);
            const auto state = load_task(image, inputs);
            const auto run = run_task(*state, 9);
            REQUIRE(run.has_value());
            const Claim& claim = run->claim;
            CHECK(claim.task == 9);
            CHECK(claim.boundary_count == run->boundaries.size());
            CHECK(run->boundaries.size() >= 2);
            InitialState initial;
            initial.image = image.root;
            initial.arguments = inputs.arguments;
            CHECK(run->boundaries.front().state == initial_state_root(initial));

            SparsePageTree tree;
            const auto leaves = state->leaves();
            tree.update(leaves);
            PageBytes registers{};
            state->read_page(0, registers);
            const auto proof = prove_final(tree, registers);
            REQUIRE(proof.has_value());
            const auto facts = verify_final(claim.final_root, *proof);
            REQUIRE(facts.has_value());
            CHECK(facts->end == claim.end);
            CHECK(facts->code == claim.code);
            CHECK(facts->trap_function == claim.trap_function);
            CHECK(facts->gas == claim.gas);
            CHECK(facts->output_root == claim.output_root);
            // Only an exit leaves an output.
            if (claim.end != ClaimEnd::exited)
                CHECK(claim.output_root.bytes == zero_subtree(kOutputLevels).bytes);
            if (program.name == "host")
                CHECK(claim.output_root.bytes != zero_subtree(kOutputLevels).bytes);

            FinalProof changed = *proof;
            changed.registers[8 * 9] ^= 1;
            CHECK(verify_final(claim.final_root, changed).error() ==
                  FinalProofError::bad_registers);
            changed = *proof;
            changed.output.bytes[3] ^= 1;
            CHECK(verify_final(claim.final_root, changed).error() == FinalProofError::bad_output);
        }
    }

    TEST_CASE("an input mounts by its root alone, and a witness opens it") {
        const Image image = image_of(loop_program(50));
        TaskInputs inputs = inputs_of(kPlenty, kPlenty);
        inputs.arguments[arguments_offset::input_form] = static_cast<std::uint8_t>(InputForm::tree);
        const ThreePages tree_pages(kInputImages);
        const ThreePages stdin_pages(kStdin);
        const unsigned levels = input_levels(InputForm::tree);
        inputs.mounts.push_back(
            {{levels, (kInputImages >> kPageBits) >> levels, tree_pages.root(levels)},
             &tree_pages});
        inputs.mounts.push_back({{kRegionLevels, (kStdin >> kPageBits) >> kRegionLevels,
                                  stdin_pages.root(kRegionLevels)},
                                 &stdin_pages});
        InitialState initial;
        initial.image = image.root;
        initial.arguments = inputs.arguments;
        initial.input = hash_as<TreeRoot>(tree_pages.root(levels));
        initial.stdin_region = stdin_pages.root(kRegionLevels);

        const auto state = load_task(image, inputs);
        CHECK(hash_as<MachineRoot>(state->root()) == initial_state_root(initial));
        CHECK(state->load(kInputImages + 777 * kPageSize) == 0x0303030303030303);
        CHECK(state->load(kStdin + kPageSize) == 0x0202020202020202);
        CHECK(state->load(kInputImages + 5 * kPageSize) == 0);

        const auto opened = state->leaves(true);
        CHECK(join_subtrees(kPageTreeLevels, opened) == state->root());
        SparsePageTree tree;
        tree.update(opened);
        const std::array<std::uint64_t, 2> pages = {kRegistersPage >> kPageBits,
                                                    (kInputImages >> kPageBits) + 777};
        CHECK(make_page_proof(tree, pages).has_value());
        SparsePageTree closed;
        closed.update(state->leaves());
        CHECK(!make_page_proof(closed, pages).has_value());
    }

    TEST_CASE("a run that comes to nothing says whose fault it was") {
        WasmCode code;
        code.open(Opcode::loop).op(Opcode::br, 0U).end();
        const Image image = image_of(command_module(code));
        // A segment of a thousand gas: the list is full long before the limit.
        const auto small = load_task(image, inputs_of(std::uint64_t{1} << 30, 1000));
        const auto full = run_task(*small, 0);
        REQUIRE_FALSE(full.has_value());
        CHECK(full.error() == TaskStop::too_many_boundaries);
        const auto told = load_task(image, inputs_of(std::uint64_t{1} << 30, 1000));
        const auto stopped = run_task(*told, 0, [](std::uint64_t) { return false; });
        REQUIRE_FALSE(stopped.has_value());
        CHECK(stopped.error() == TaskStop::stopped);
    }

    TEST_CASE("a state that has not ended proves no facts") {
        const Image image = image_of(loop_program(50));
        const auto state = load_task(image, inputs_of(kPlenty, kPlenty));
        SparsePageTree tree;
        const auto leaves = state->leaves();
        tree.update(leaves);
        PageBytes registers{};
        state->read_page(0, registers);
        const auto proof = prove_final(tree, registers);
        REQUIRE(proof.has_value());
        CHECK(verify_final(hash_as<MachineRoot>(tree.root()), *proof).error() ==
              FinalProofError::not_ended);
    }

    TEST_CASE("claims survive their encoding") {
        const Image image = image_of(host_program());
        const auto state = load_task(image, inputs_of(kPlenty, kPlenty));
        const auto run = run_task(*state, 0);
        REQUIRE(run.has_value());
        const auto decoded = decode<Claim>(encode(run->claim));
        REQUIRE(decoded.has_value());
        CHECK(*decoded == run->claim);
        CHECK(tails_hash(run->tails) == run->claim.tails);
    }
}
