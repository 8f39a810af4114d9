#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/bounded.hpp"
#include "common/page_proof.hpp"
#include "common/result.hpp"
#include "common/units.hpp"
#include "vm/machine/layout.hpp"

/// What a provider says of a task, and how parts of it are proven.
/// Source: docs/protocol/machine.md, "Claims".
namespace millrace::vm {

/// How a run ended; a trap is a result like any other and is paid.
enum class ClaimEnd : std::uint8_t { exited = 1, trapped = 2, out_of_gas = 3 };
BOOST_DESCRIBE_ENUM(ClaimEnd, exited, trapped, out_of_gas)

/// One entry of the boundary list. The next boundary is part of it because a segment's end depends
/// on it.
struct BoundaryEntry {
    static constexpr const char* kName = "boundary_entry";
    MachineRoot state;
    std::uint64_t next_boundary = 0;

    friend bool operator==(const BoundaryEntry&, const BoundaryEntry&) = default;
};
BOOST_DESCRIBE_STRUCT(BoundaryEntry, (), (state, next_boundary))

/// Entries of one list: the initial state, one a yield, the final state. A segment is at least
/// 1/1024 of the gas limit, so honest lists have at most 1,026.
inline constexpr std::size_t kBoundariesMax = 2'048;

/// One leaf of a lease's commit: everything that is claimed of one task, by its provider and on
/// chain. Source: docs/protocol/transactions.md, "Commit and reveal".
struct Claim {
    std::uint32_t task = 0;
    MachineRoot final_root;
    /// Length and root (`boundary_list_root`) of the list of (state root, next boundary): the
    /// initial state, one entry a yield, the last the final state.
    std::uint32_t boundary_count = 0;
    Hash boundary_root;
    ClaimEnd end = ClaimEnd::exited;
    /// Exit code, or the trap's number; zero when gas ran out.
    std::uint32_t code = 0;
    /// Index of the function that trapped; zero otherwise.
    std::uint32_t trap_function = 0;
    /// To be paid: never above the limit.
    Gas gas;
    /// Of the output's file-system image (32 levels).
    TreeRoot output_root;
    /// `tails_hash` of the bounded tails of stdout and stderr, which travel off chain.
    Hash tails;

    friend bool operator==(const Claim&, const Claim&) = default;
};
BOOST_DESCRIBE_STRUCT(Claim, (),
                      (task, final_root, boundary_count, boundary_root, end, code, trap_function,
                       gas, output_root, tails))

/// Root of a list of 1 to `kBoundariesMax` entries: count and Merkle root hashed together.
[[nodiscard]] Hash boundary_list_root(std::span<const BoundaryEntry> entries);

/// The siblings from entry `index` up.
using BoundaryPath = BoundedVector<Hash, 11>;
[[nodiscard]] BoundaryPath open_boundary(std::span<const BoundaryEntry> entries, std::size_t index);
/// True when `entry` is number `index` of the list of `count` entries under `root`.
[[nodiscard]] bool verify_boundary(const Hash& root, std::uint64_t count, std::uint64_t index,
                                   const BoundaryEntry& entry, const BoundaryPath& path);

/// What the final state shows by itself; the members mean what a claim's do.
struct FinalFacts {
    static constexpr const char* kName = "final_facts";
    ClaimEnd end = ClaimEnd::exited;
    std::uint32_t code = 0;
    std::uint32_t trap_function = 0;
    Gas gas;
    TreeRoot output_root;

    friend bool operator==(const FinalFacts&, const FinalFacts&) = default;
};
BOOST_DESCRIBE_STRUCT(FinalFacts, (), (end, code, trap_function, gas, output_root))

/// The registers page and the output's root, each with its proof under the final state.
struct FinalProof {
    static constexpr const char* kName = "final_proof";
    BoundedBytes<kPageSize> registers;
    PageProof registers_proof;
    TreeRoot output;
    PageProof output_proof;  ///< of one subtree of 32 levels

    friend bool operator==(const FinalProof&, const FinalProof&) = default;
};
BOOST_DESCRIBE_STRUCT(FinalProof, (), (registers, registers_proof, output, output_proof))

enum class FinalProofError : std::uint8_t {
    bad_registers = 1,  ///< not one page, or its proof is of another page or state
    bad_output = 2,     ///< the proof is of another place or state
    not_ended = 3,      ///< the state is running or has yielded
};
BOOST_DESCRIBE_ENUM(FinalProofError, bad_registers, bad_output, not_ended)

/// Level and index of the output's subtree.
inline constexpr unsigned kOutputLevels = kSuperregionBits - kPageBits;
inline constexpr std::uint64_t kOutputIndex = kOutputImage >> kSuperregionBits;

/// Facts of an ended state's registers page; none where it has not ended.
[[nodiscard]] std::optional<FinalFacts> facts_of(ByteView registers, const TreeRoot& output);
/// `registers` is the page's 4096 bytes. None when the tree knows these places by a root above
/// only.
[[nodiscard]] std::optional<FinalProof> prove_final(const SparsePageTree& tree, ByteView registers);
[[nodiscard]] Result<FinalFacts, FinalProofError> verify_final(const MachineRoot& state,
                                                               const FinalProof& proof);

/// Bytes kept of each stream's end.
inline constexpr std::size_t kTailMax = 4'096;
/// The ends of standard output and error, as they travel beside a claim.
struct Tails {
    static constexpr const char* kName = "tails";
    BoundedBytes<kTailMax> out;
    BoundedBytes<kTailMax> err;

    friend bool operator==(const Tails&, const Tails&) = default;
};
BOOST_DESCRIBE_STRUCT(Tails, (), (out, err))
[[nodiscard]] Hash tails_hash(const Tails& tails);

}  // namespace millrace::vm
