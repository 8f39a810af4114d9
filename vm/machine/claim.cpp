#include "vm/machine/claim.hpp"

#include <bit>

#include "common/sparse_page_tree.hpp"

namespace millrace::vm {

namespace {

Hash boundary_leaf(const BoundaryEntry& entry) {
    return Hasher("mill/boundary").update(entry.state).update_u64(entry.next_boundary).finish();
}
Hash boundary_node(const Hash& left, const Hash& right) {
    return Hasher("mill/bound-node").update(left).update(right).finish();
}
Hash list_root(std::uint64_t count, const Hash& tree) {
    return Hasher("mill/bound-list").update_u64(count).update(tree).finish();
}
/// The leaves, filled up with zero hashes to a power of two.
std::vector<Hash> leaf_row(std::span<const BoundaryEntry> entries) {
    MILLRACE_ASSERT(!entries.empty() && entries.size() <= kBoundariesMax);
    std::vector<Hash> row(std::bit_ceil(entries.size()));
    for (std::size_t i = 0; i < entries.size(); ++i) row[i] = boundary_leaf(entries[i]);
    return row;
}
void fold(std::vector<Hash>& row) {
    for (std::size_t i = 0; i < row.size() / 2; ++i)
        row[i] = boundary_node(row[2 * i], row[2 * i + 1]);
    row.resize(row.size() / 2);
}
std::uint64_t word_of(ByteView registers, Register r) {
    return load_le<std::uint64_t>(registers.data() + 8 * static_cast<std::size_t>(r));
}

}  // namespace

Hash boundary_list_root(std::span<const BoundaryEntry> entries) {
    std::vector<Hash> row = leaf_row(entries);
    while (row.size() > 1) fold(row);
    return list_root(entries.size(), row.front());
}

BoundaryPath open_boundary(std::span<const BoundaryEntry> entries, std::size_t index) {
    MILLRACE_ASSERT(index < entries.size());
    BoundaryPath path;
    std::vector<Hash> row = leaf_row(entries);
    for (; row.size() > 1; index /= 2) {
        path.push_back(row[index ^ 1]);
        fold(row);
    }
    return path;
}

bool verify_boundary(const Hash& root, std::uint64_t count, std::uint64_t index,
                     const BoundaryEntry& entry, const BoundaryPath& path) {
    if (count == 0 || count > kBoundariesMax || index >= count) return false;
    if (path.size() != static_cast<std::size_t>(std::countr_zero(std::bit_ceil(count))))
        return false;
    Hash hash = boundary_leaf(entry);
    for (const Hash& sibling : path) {
        hash = (index & 1) != 0 ? boundary_node(sibling, hash) : boundary_node(hash, sibling);
        index /= 2;
    }
    return list_root(count, hash) == root;
}

std::optional<FinalFacts> facts_of(ByteView registers, const TreeRoot& output) {
    MILLRACE_ASSERT(registers.size() == kPageSize);
    FinalFacts facts;
    switch (word_of(registers, Register::status)) {
        case static_cast<std::uint64_t>(RunStatus::exited):
            facts.end = ClaimEnd::exited;
            facts.code = static_cast<std::uint32_t>(word_of(registers, Register::exit_code));
            break;
        case static_cast<std::uint64_t>(RunStatus::trapped):
            facts.end = ClaimEnd::trapped;
            facts.code = static_cast<std::uint32_t>(word_of(registers, Register::trap_code));
            facts.trap_function =
                static_cast<std::uint32_t>(word_of(registers, Register::trap_function));
            break;
        case static_cast<std::uint64_t>(RunStatus::out_of_gas):
            facts.end = ClaimEnd::out_of_gas;
            break;
        default:
            return std::nullopt;
    }
    facts.gas = Gas{word_of(registers, Register::gas_used)};
    facts.output_root = output;
    return facts;
}

std::optional<FinalProof> prove_final(const SparsePageTree& tree, ByteView registers) {
    MILLRACE_ASSERT(registers.size() == kPageSize);
    const std::uint64_t page = kRegistersPage >> kPageBits;
    auto registers_proof = make_page_proof(tree, std::span(&page, 1));
    auto output_proof = make_page_proof(tree, std::span(&kOutputIndex, 1), kOutputLevels);
    const auto output = tree.subtree(kOutputLevels, kOutputIndex);
    if (!registers_proof || !output_proof || !output) return std::nullopt;
    FinalProof proof;
    proof.registers.assign(registers.begin(), registers.end());
    proof.registers_proof = std::move(*registers_proof);
    proof.output = hash_as<TreeRoot>(*output);
    proof.output_proof = std::move(*output_proof);
    return proof;
}

Result<FinalFacts, FinalProofError> verify_final(const MachineRoot& state,
                                                 const FinalProof& proof) {
    const Hash root = [&] {
        Hash out;
        out.bytes = state.bytes;
        return out;
    }();
    if (proof.registers.size() != kPageSize || proof.registers_proof.pages.size() != 1 ||
        proof.registers_proof.pages[0] != kRegistersPage >> kPageBits)
        return Err{FinalProofError::bad_registers};
    const Hash leaf = page_hash(proof.registers);
    const auto by_registers = proven_root(proof.registers_proof, std::span(&leaf, 1));
    if (!by_registers.has_value() || *by_registers != root)
        return Err{FinalProofError::bad_registers};
    if (proof.output_proof.pages.size() != 1 || proof.output_proof.pages[0] != kOutputIndex)
        return Err{FinalProofError::bad_output};
    const Hash output = [&] {
        Hash out;
        out.bytes = proof.output.bytes;
        return out;
    }();
    const auto by_output =
        proven_root(proof.output_proof, std::span(&output, 1), {kPageTreeLevels, kOutputLevels});
    if (!by_output.has_value() || *by_output != root) return Err{FinalProofError::bad_output};
    const auto facts = facts_of(proof.registers, proof.output);
    if (!facts) return Err{FinalProofError::not_ended};
    return *facts;
}

Hash tails_hash(const Tails& tails) {
    return Hasher("mill/tails")
        .update_u64(tails.out.size())
        .update(ByteView{tails.out})
        .update_u64(tails.err.size())
        .update(ByteView{tails.err})
        .finish();
}

}  // namespace millrace::vm
