#include "vm/machine/claim.hpp"

#include <doctest/doctest.h>

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
            const TaskClaim& claim = run->claim;
            CHECK(claim.task_index == 9);
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
            const auto facts = verify_final(claim.final_state, *proof);
            REQUIRE(facts.has_value());
            CHECK(facts->exit == claim.exit);
            CHECK(facts->exit_code == claim.exit_code);
            CHECK(facts->trap == claim.trap);
            CHECK(facts->trap_function == claim.trap_function);
            CHECK(facts->gas == claim.gas);
            CHECK(facts->output == claim.output);
            // Only an exit leaves an output.
            if (claim.exit != ExitKind::exited)
                CHECK(claim.output.bytes == zero_subtree(kOutputLevels).bytes);
            if (program.name == "host")
                CHECK(claim.output.bytes != zero_subtree(kOutputLevels).bytes);

            FinalProof changed = *proof;
            changed.registers[8 * 9] ^= 1;
            CHECK(verify_final(claim.final_state, changed).error() ==
                  FinalProofError::bad_registers);
            changed = *proof;
            changed.output.bytes[3] ^= 1;
            CHECK(verify_final(claim.final_state, changed).error() == FinalProofError::bad_output);
        }
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
        const auto decoded = decode<TaskClaim>(encode(run->claim));
        REQUIRE(decoded.has_value());
        CHECK(*decoded == run->claim);
        CHECK(tails_hash(run->tails) == run->claim.tails);
    }
}
